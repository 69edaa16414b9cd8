package cards

import (
	"slices"

	"apono/bot/chat"
	"apono/flows"
)

// Delegations lists what a person has handed over, and for whom they stand in. hint is
// what the person types to hand over.
func Delegations(given, received []flows.Delegation, hint string) chat.Card {
	c := chat.Card{Title: "Delegations", Fallback: "Delegations"}
	for _, d := range given {
		c.Sections = append(c.Sections, delegationSection(d, chat.Text{person(d.To)[0], chat.Plain(" decides in your place")}))
	}
	for _, d := range received {
		c.Sections = append(c.Sections, delegationSection(d, chat.Text{chat.Plain("You decide in the place of "), person(d.From)[0]}))
	}
	if len(c.Sections) == 0 {
		c.Body = chat.T("You have not handed your approvals to anybody, and stand in for nobody.")
	}
	c.Notes = []chat.Text{{chat.Plain("To let somebody decide in your place, type for example "), chat.Code(hint), chat.Plain(".")}}
	return c
}

// DelegationLine is a delegation on the home of one of the two, with the way to end it.
// given: the person handed it over; else they stand in.
func DelegationLine(d flows.Delegation, given bool) HomeLine {
	name, other := "You decide in the place of "+d.From.DisplayName(), d.From
	if given {
		name, other = d.To.DisplayName()+" decides in your place", d.To
	}
	return HomeLine{Name: name, State: chat.Text{person(other)[0], chat.Plain(", until "), chat.At(d.Until)}, Actions: []chat.Action{stopButton(d)}}
}

// DelegationHint says how to hand over; typed is what a person types.
func DelegationHint(typed string) string {
	return "To let somebody decide in your place, type " + typed + "."
}

func delegationSection(d flows.Delegation, what chat.Text) chat.Section {
	return chat.Section{Fields: []chat.Field{{Label: "Delegation", Value: what}, {Label: "Until", Value: chat.Text{chat.At(d.Until)}}}, Actions: []chat.Action{stopButton(d)}}
}

func stopButton(d flows.Delegation) chat.Action {
	return chat.Action{ID: chat.ActionStopDelegation, Label: "Stop", Target: chat.Target{Item: d.ID, List: true}}
}

// Delegated tells somebody that their approvals are handed over. before is whom they
// had handed them to; zero: nobody. received is for whom they stand in themselves.
func Delegated(d flows.Delegation, before flows.PersonRef, received []flows.Delegation) chat.Card {
	c := chat.Card{Title: "Delegation", Fallback: d.To.DisplayName() + " decides in your place", Actions: []chat.Action{stopButton(d)}}
	c.Body = chat.Text{
		person(d.To)[0], chat.Plain(" is asked in your place until "), chat.At(d.Until),
		chat.Plain(", also about what waits already, and was told so. You can still decide yourself, and it ends by itself."),
	}
	if before.Email != "" && !before.Is(d.To.Email) {
		c.Notes = append(c.Notes, chat.T("It takes the place of your delegation to "+before.DisplayName()+"."))
	}
	if len(received) > 0 {
		var names []string
		for _, r := range received {
			names = append(names, r.From.DisplayName())
		}
		c.Notes = append(c.Notes, chat.T("You stand in for "+list(names)+"; that stays with you and is not passed on."))
	}
	c.Notes = append(c.Notes, chat.T("Whoever asks for access is not told. What they want themselves, or get, they are not asked about: then you are."))
	return c
}

// StandsIn tells somebody for whom they stand in.
func StandsIn(d flows.Delegation) chat.Card {
	return chat.Card{
		Title: "You stand in for " + d.From.DisplayName(), Fallback: "You stand in for " + d.From.DisplayName(), Actions: []chat.Action{stopButton(d)},
		Body: chat.Text{
			person(d.From)[0], chat.Plain(" handed their approvals to you until "), chat.At(d.Until),
			chat.Plain(". What they would be asked is asked of you, and your decision counts for theirs. It ends by itself; Stop ends it now."),
		},
	}
}

// DelegationOver tells one of the two that it is over; by is who ended it, zero: its
// time is up.
func DelegationOver(d flows.Delegation, to, by flows.PersonRef) chat.Card {
	why := ": the time is up."
	if by.Email != "" {
		why = ": " + by.DisplayName() + " ended it."
	}
	text := d.To.DisplayName() + " does not decide in your place any more" + why + " You are asked again."
	if to.Is(d.To.Email) {
		text = "You do not stand in for " + d.From.DisplayName() + " any more" + why
	}
	return chat.Card{Body: chat.T(text), Fallback: text}
}

// concerned reports whether a request is somebody's own: they are not told who stands
// in for whom.
func concerned(r flows.Request, email string) bool {
	return r.Requestor.Is(email) || r.Grantee.Is(email)
}

// standNotes say to approvers who stands in for whom while a request waits.
func standNotes(r flows.Request, email string) (out []chat.Text) {
	if concerned(r, email) {
		return nil
	}
	for _, a := range r.Asked {
		for _, s := range a.For {
			if a.Is(email) {
				out = append(out, chat.Text{chat.Plain("You decide for "), person(s.For)[0], chat.Plain(", until "), chat.At(s.Until)})
			} else {
				out = append(out, chat.Text{person(a.PersonRef)[0], chat.Plain(" stands in for "), person(s.For)[0], chat.Plain(" until "), chat.At(s.Until)})
			}
		}
	}
	return out
}

// stood reports whether somebody was asked in the place of others only, and is not any
// more.
func stood(r flows.Request, email string) (those []flows.PersonRef, over bool) {
	i := slices.IndexFunc(r.Asked, func(a flows.Asked) bool { return a.Is(email) })
	if i < 0 || len(r.Asked[i].Groups) > 0 {
		return nil, false
	}
	return r.Asked[i].Stood, len(r.Asked[i].Stood) > 0
}

// forWhom says whose right a decision was made under: ", for Alice".
func forWhom(d flows.Decision) string {
	if len(d.For) == 0 {
		return ""
	}
	var names []string
	for _, s := range d.For {
		names = append(names, s.For.DisplayName())
	}
	if d.Own() {
		return ", also for " + list(names)
	}
	return ", for " + list(names)
}
