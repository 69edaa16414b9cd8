package cards

import (
	"slices"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// liveButtons are what can be done about a live access.
func liveButtons(r flows.Request, now time.Time) []chat.Action {
	out := []chat.Action{endButton(r)}
	if r.Extendable(now) {
		extend := button(r, chat.ActionExtend, "Extend", "")
		// The press means this extension: a second one must not bring another.
		extend.Target.Extension = len(r.Extensions) + 1
		out = append(out, extend)
	}
	return out
}

// moreTime says on the messages of a live access what became of asking for more.
func moreTime(r flows.Request) (out []chat.Text) {
	if n := r.OpenExtension(); n > 0 {
		v, _ := r.ExtensionView(n)
		t := chat.Text{chat.Bold("More time: "), chat.Plain(timeAskedFor(r, n, v))}
		if missing := stillNeeded(inOwnWords(v)); missing != "" {
			t = append(t, chat.Plain(" Still needed: "+missing+"."))
		}
		out = append(append(out, t), outOfReach(v)...)
	}
	for _, g := range r.Groups {
		if g.ExtendProblem != "" && g.Status == flows.GroupGranted {
			out = append(out, chat.Text{chat.Bold(g.Integration + ": "), chat.Plain("not extended there, so it may end earlier: " + g.ExtendProblem)})
		}
	}
	return out
}

// timeAskedFor says of the n-th extension, which waits for a decision, whose; v is its
// view.
func timeAskedFor(r flows.Request, n int, v flows.Request) string {
	return flows.FormatDuration(r.Extensions[n-1].For) + " asked for. Asked: " + whoIsAsked(v) + "."
}

// openFields say in a list what is open about an access: more time that waits for a
// decision, and a broken glass that nobody has explained.
func openFields(r flows.Request, now time.Time) (out []chat.Field) {
	if n := r.OpenExtension(); n > 0 && r.State == flows.StateActive {
		v, _ := r.ExtensionView(n)
		out = append(out, chat.Field{Label: "More time", Value: chat.T(timeAskedFor(r, n, v))})
	}
	if r.Explains() {
		until := "the glass was broken; please say why until "
		if !now.Before(r.ExplainBy) {
			until = "the glass was broken, and why was to be said until "
		}
		out = append(out, chat.Field{Label: "Not explained", Value: chat.Text{chat.Plain(until), chat.At(r.ExplainBy)}})
	}
	return out
}

// explainButtons let whoever has to explain a broken glass do it in a list.
func explainButtons(r flows.Request, email string) []chat.Action {
	if !r.Explains() || !r.Requestor.Is(email) && !r.Grantee.Is(email) {
		return nil
	}
	return []chat.Action{button(r, chat.ActionExplain, "Explain", chat.StylePrimary)}
}

// extension is the card on which an approver decides about more time.
func extension(r flows.Request, n int, email string, now time.Time) (chat.Card, bool) {
	v, ok := r.ExtensionView(n)
	if !ok {
		return chat.Card{}, false
	}
	e := r.Extensions[n-1]
	c := chat.Card{Title: "More time for " + r.ID, Fallback: r.ID + ": " + e.By.DisplayName() + " asks for more time"}
	c.Status, c.Tone = extensionStatus(v, e, now)
	c.Sections = append([]chat.Section{{Fields: extensionFields(r, n)}}, groupSections(r, true)...)
	c.Notes = append(whyAsked(v, email), decisionNotes(v, !concerned(v, email))...)
	c.Menu = []chat.Action{button(r, chat.ActionDetails, "Details", "")}
	if !waiting(v, now) {
		return c, true
	}
	if missing := stillNeeded(v); missing != "" {
		c.Notes = append(c.Notes, chat.Text{chat.Bold("Still needed: "), chat.Plain(missing)})
	}
	c.Notes = append(append(c.Notes, standNotes(v, email)...), ifNobody(r, v))
	c.Actions = decisionButtons(v, email, n, &c.Notes)
	return c, true
}

// extensionFields say who asks for how much more of what, and why.
func extensionFields(r flows.Request, n int) []chat.Field {
	e := r.Extensions[n-1]
	ask := []chat.Field{{Label: "Requester", Value: person(r.Requestor)}}
	if r.Grantee.Email != r.Requestor.Email {
		ask = append(ask, chat.Field{Label: "Grantee", Value: person(r.Grantee)})
	}
	if r.Bundle != "" {
		ask = append(ask, chat.Field{Label: "Bundle", Value: chat.T(r.Bundle)})
	}
	from, until := e.From, e.Until
	if from.IsZero() {
		from, until = r.EndsAt, r.EndsAt.Add(e.For)
	}
	ask = append(ask, chat.Field{Label: "More time", Value: chat.Text{
		chat.Plain(flows.FormatDuration(e.For) + ": until "), chat.At(until), chat.Plain(" instead of "), chat.At(from),
	}})
	if e.Reason != "" {
		ask = append(ask, chat.Field{Label: "Reason", Value: said(e.Reason)})
	}
	if r.Justification != "" {
		ask = append(ask, chat.Field{Label: "Justification", Value: said(r.Justification)})
	}
	return ask
}

// decisionButtons are what somebody who was asked can press; n is the extension it is
// about, 0: the request itself.
func decisionButtons(v flows.Request, email string, n int, notes *[]chat.Text) (out []chat.Action) {
	note := ""
	if _, over := stood(v, email); over {
		return nil // whyAsked says so
	}
	switch {
	case alreadyApproved(v, email):
		note = "You have approved. Until the others have, you can still deny, which ends the request."
		if n > 0 {
			note = "You have approved. Until the others have, you can still deny; the access then goes on until its end."
		}
	case counts(v, email):
		out = append(out, button(v, chat.ActionApprove, "Approve", chat.StylePrimary))
	default:
		note = "Somebody else's approval counts where yours would; you can still deny."
	}
	if note != "" && notes != nil {
		*notes = append(*notes, chat.T(note))
	}
	out = append(out, button(v, chat.ActionDeny, "Deny", chat.StyleDanger))
	for i := range out {
		out[i].Target.Extension = n
	}
	return out
}

func whyAsked(r flows.Request, email string) (out []chat.Text) {
	if those, over := stood(r, email); over {
		var names []string
		for _, p := range those {
			names = append(names, p.DisplayName())
		}
		return []chat.Text{{chat.Bold("Not yours any more: "), chat.Plain("you were asked in the place of " + list(names) + ", and do not stand in any more.")}}
	}
	for _, a := range r.Asked {
		if a.Is(email) {
			out = append(out, chat.Text{chat.Bold("Why you are asked: "), chat.Plain(a.Why)})
		}
	}
	return out
}

func extensionStatus(v flows.Request, e flows.Extension, now time.Time) (chat.Text, chat.Tone) {
	by := func(verb string) chat.Text {
		return append(append(chat.Text{chat.Bold(verb)}, deciders(v)...), chat.Plain(" "), chat.At(e.DecidedAt))
	}
	switch {
	case e.State == flows.ExtensionGranted:
		return append(by("Approved"), chat.Plain("; the access was extended until "), chat.At(e.Until)), chat.ToneGood
	case e.State == flows.ExtensionDenied:
		return by("Denied"), chat.ToneBad
	case waiting(v, now):
		return chat.Text{chat.Bold("Waiting for a decision")}, chat.ToneWaiting
	case e.State == flows.ExtensionTimedOut:
		return chat.Text{chat.Bold("Timed out"), chat.Plain(": nobody decided in time "), chat.At(e.DecidedAt)}, chat.ToneOver
	}
	return chat.Text{chat.Bold("Too late"), chat.Plain(": the access ended before anybody decided")}, chat.ToneOver
}

// extended tells the requester of a later end.
func extended(r flows.Request, n int, email string, now time.Time) (chat.Card, bool) {
	if n < 1 || n > len(r.Extensions) || r.Extensions[n-1].State != flows.ExtensionGranted {
		return chat.Card{}, false
	}
	e := r.Extensions[n-1]
	v, _ := r.ExtensionView(n)
	c := chat.Card{Title: r.ID + " extended", Tone: chat.ToneGood, Fallback: r.ID + ": " + lowerFirst(accessOf(r, email)) + " was extended"}
	c.Body = append(append(chat.Text{chat.Plain(accessOf(r, email) + " to "), chat.Bold(held(r)), chat.Plain(" was extended by " + flows.FormatDuration(e.For))}, grantedBy(v)...), chat.Plain("."))
	if r.State == flows.StateActive {
		c.Body = append(c.Body, chat.Plain(" It goes on as it is; there is nothing you need to do."))
	}
	for _, d := range e.Decisions {
		if d.Reason != "" {
			c.Notes = append(c.Notes, chat.Text{person(d.By)[0], chat.Plain(": "), inLine(d.Reason)})
		}
	}
	return liveUntil(c, r, e.Until, now), true
}

// grantedBy says who granted more time, which may have been the access flow.
func grantedBy(v flows.Request) chat.Text {
	if v.Need.Automatic {
		return nil
	}
	t := deciders(v)
	t[0] = chat.Plain(", approved by ")
	return t
}

// notExtended tells the requester that the end stays.
func notExtended(r flows.Request, n int, email string) (chat.Card, bool) {
	if n < 1 || n > len(r.Extensions) {
		return chat.Card{}, false
	}
	e := r.Extensions[n-1]
	if e.State == flows.ExtensionTimedOut {
		c := chat.Card{Title: r.ID + " not extended", Tone: chat.ToneBad, Fallback: r.ID + ": " + lowerFirst(accessOf(r, email)) + " was not extended"}
		v, _ := r.ExtensionView(n)
		c.Body = chat.Text{chat.Plain("Nobody decided in time on more time for "), chat.Bold(held(r)), chat.Plain(". Asked: " + whoIsAsked(v) + ". The access ends as it was going to.")}
		return c, true
	}
	if e.State != flows.ExtensionDenied {
		return chat.Card{}, false
	}
	who := e.Decisions[len(e.Decisions)-1]
	c := chat.Card{Title: r.ID + " not extended", Tone: chat.ToneBad, Fallback: r.ID + ": " + lowerFirst(accessOf(r, email)) + " was not extended"}
	c.Body = chat.Text{chat.Plain("More time for "), chat.Bold(held(r)), chat.Plain(" was denied by "), person(who.By)[0], chat.Plain(". The access ends as it was going to.")}
	if who.Reason != "" {
		c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Reason", Value: said(who.Reason)}}}}
	}
	return c, true
}

// endingSoon tells the requester, and the one who has the access, that the n-th end is near.
func endingSoon(r flows.Request, n int, email string, now time.Time) (chat.Card, bool) {
	if n < 1 || n > len(r.Warned) {
		return chat.Card{}, false
	}
	c := chat.Card{Title: r.ID + " ending soon", Tone: chat.ToneWaiting, Fallback: r.ID + ": " + lowerFirst(accessOf(r, email)) + " ends soon"}
	todo := ""
	if has(r, email) {
		todo = " Save your work."
	}
	c.Body = chat.Text{chat.Plain(accessOf(r, email) + " to "), chat.Bold(held(r)), chat.Plain(" ends soon." + todo)}
	if r.State != flows.StateActive || !r.Warned[n-1].Equal(r.EndsAt) {
		c.Body = chat.Text{chat.Plain("This was about "), chat.Bold(held(r)), chat.Plain(".")}
	}
	return liveUntil(c, r, r.Warned[n-1], now), true
}

// liveUntil completes a message about one end of the access: with what can be done
// while it is the end, else with what became of it.
func liveUntil(c chat.Card, r flows.Request, end time.Time, now time.Time) chat.Card {
	switch {
	case r.State != flows.StateActive:
		c.Status, c.Tone = status(r, now)
	case !end.Equal(r.EndsAt):
		c.Status, c.Tone = chat.Text{chat.Plain("Extended since; active until "), chat.At(r.EndsAt)}, chat.ToneGood
	default:
		c.Status = chat.Text{chat.Plain("Active until "), chat.At(r.EndsAt)}
		c.Notes = append(c.Notes, moreTime(r)...)
		c.Actions = slices.Clip(liveButtons(r, now))
	}
	return c
}

// Extend is the dialog in which more time is asked for.
func Extend(r flows.Request, e flows.Extension, required bool, state string) chat.Form {
	v := flows.Request{Need: e.Need, Asked: e.Asked}
	return chat.Form{
		ID: chat.FormExtend, Title: "Extend", Submit: "Extend", Close: "Cancel", State: state,
		Parts: []chat.Part{
			{Kind: chat.PartText, Text: chat.Text{
				chat.Plain("You ask to keep "), chat.Bold(held(r)), chat.Plain(" for " + flows.FormatDuration(e.For) + " more, until "),
				chat.At(r.EndsAt.Add(e.For)), chat.Plain(". Asked: " + whoIsAsked(v) + "."),
			}},
			{
				Kind: chat.PartInput, Field: FieldReason, Label: "Reason", Multi: true, Max: flows.MaxReason, Optional: !required,
				Placeholder: "Why do you need more time?",
			},
		},
	}
}

// ReasonOfExtension is Reason for a decision about the n-th extension.
func ReasonOfExtension(r flows.Request, n int, verb flows.Verb, required bool, state string) chat.Form {
	f := Reason(r, verb, required, state)
	e := r.Extensions[n-1]
	f.Parts[0].Text = chat.Text{
		person(e.By)[0], chat.Plain(" asks for " + flows.FormatDuration(e.For) + " more of "), chat.Bold(held(r)), chat.Plain("."),
	}
	return f
}
