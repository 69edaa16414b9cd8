package cards

import (
	"strings"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// ListSize is how many requests one list shows; the next are a button away. With
// their buttons they fit into one message on every platform.
const ListSize = 5

// Waiting reports whether a request can still be decided or withdrawn.
func Waiting(r flows.Request, now time.Time) bool { return waiting(r, now) }

// Standing answers a press in a list: where the request stands now.
func Standing(r flows.Request, now time.Time) chat.Card {
	text, tone := status(r, now)
	c := chat.Card{Status: append(chat.Text{chat.Plain(r.ID + ": ")}, text...), Tone: tone, Fallback: r.Standing()}
	if missing := stillNeeded(r); missing != "" && waiting(r, now) {
		c.Notes = []chat.Text{{chat.Bold("Still needed: "), chat.Plain(missing)}}
	}
	return c
}

// Requests lists requests of one person, newest first, with what the person can do
// about each. turned: it is not the first page; more: there are older ones.
func Requests(page []flows.Request, email string, turned, more bool, now time.Time) chat.Card {
	c := listCard("Your requests", "You have not asked for anything yet.", "There are no older requests.", len(page), turned)
	for _, r := range page {
		text, _ := status(r, now)
		s := chat.Section{Title: r.ID + ": " + summary(r), Fields: []chat.Field{{Label: "Status", Value: text}}}
		if !r.Requestor.Is(email) {
			s.Fields = append(s.Fields, chat.Field{Label: "Requester", Value: person(r.Requestor)})
		}
		if !r.Grantee.Is(email) {
			s.Fields = append(s.Fields, chat.Field{Label: "Grantee", Value: person(r.Grantee)})
		}
		s.Fields = append(s.Fields, chat.Field{Label: "Duration", Value: chat.T(howLong(r.Trigger, r.Duration, r.Indefinite))},
			since(r))
		s.Fields = append(s.Fields, openFields(r, now)...)
		s.Actions = append(s.Actions, explainButtons(r, email)...)
		switch {
		case waiting(r, now):
			if r.Requestor.Is(email) {
				s.Actions = append(s.Actions, button(r, chat.ActionWithdraw, "Withdraw", ""))
			}
		case r.State == flows.StateApproved, r.State == flows.StateActive:
			s.Actions = append(s.Actions, liveButtons(r, now)...)
		case r.State.Terminal() && r.Requestor.Is(email):
			s.Actions = append(s.Actions, button(r, chat.ActionAgain, "Request again", ""))
		}
		c.Sections = append(c.Sections, inList(s, r))
	}
	if more {
		c.Actions = []chat.Action{button(page[len(page)-1], chat.ActionMoreRequests, "Older requests", "")}
	}
	return c
}

// Tasks lists requests that wait for a person's decision, newest first.
func Tasks(page []flows.Request, email string, turned, more bool, now time.Time) chat.Card {
	c := listCard("Waiting for your decision", "Nothing waits for your decision.", "Nothing older waits for your decision.", len(page), turned)
	for _, r := range page {
		s := taskSection(r, email)
		for i := range s.Actions {
			s.Actions[i].Target.List = true
		}
		c.Sections = append(c.Sections, s)
	}
	if more {
		c.Actions = []chat.Action{button(page[len(page)-1], chat.ActionMoreTasks, "More tasks", "")}
	}
	return c
}

// Activity lists requests of everybody for an admin, newest first: those that only takes.
// filter says the same as it is typed, for the page that follows.
func Activity(page []flows.Request, only flows.Activity, filter string, turned, more bool, now time.Time) chat.Card {
	c := listCard("Activity", "Nothing to show.", "There is nothing older.", len(page), turned)
	c.Status = onlyText(only)
	for _, r := range page {
		text, _ := status(r, now)
		s := chat.Section{Title: r.ID + ": " + summary(r), Fields: []chat.Field{
			{Label: "Status", Value: text}, {Label: asker(r.Trigger), Value: person(r.Requestor)},
		}}
		if !r.Grantee.Is(r.Requestor.Email) {
			s.Fields = append(s.Fields, chat.Field{Label: "Grantee", Value: person(r.Grantee)})
		}
		s.Fields = append(s.Fields, chat.Field{Label: "Duration", Value: chat.T(howLong(r.Trigger, r.Duration, r.Indefinite))},
			since(r))
		if r.State == flows.StateApproved || r.State == flows.StateActive {
			s.Actions = append(s.Actions, endButton(r))
		}
		c.Sections = append(c.Sections, inList(s, r))
	}
	if more {
		older := button(page[len(page)-1], chat.ActionMoreActivity, "Older activity", "")
		older.Target.Filter = filter
		c.Actions = []chat.Action{older}
	}
	return c
}

// onlyText says the conditions of a list, with moments in the reader's time zone.
func onlyText(a flows.Activity) chat.Text {
	var words []string
	if len(a.People) > 0 {
		words = append(words, "person "+a.People[0])
	}
	if a.Integration != "" {
		words = append(words, "in "+a.Integration)
	}
	if a.State != "" {
		words = append(words, "status "+string(a.State))
	}
	var t chat.Text
	add := func(word string, span chat.Span) {
		before := " "
		if len(t) == 0 {
			before = "Only: "
		}
		t = append(t, chat.Plain(before+word), span)
	}
	if len(words) > 0 {
		add("", chat.Code(strings.Join(words, " ")))
	}
	if !a.From.IsZero() {
		add("from ", chat.At(a.From))
	}
	if !a.To.IsZero() {
		add("to ", chat.At(a.To))
	}
	return t
}

// taskSection is a request that waits for a person's decision, in a list.
func taskSection(r flows.Request, email string) chat.Section {
	s := chat.Section{Title: r.ID + ": " + summary(r), Fields: askFields(r)}
	n := r.OpenExtension()
	if n > 0 {
		s.Title, s.Fields = "More time for "+s.Title, extensionFields(r, n)
		r, _ = r.ExtensionView(n)
	}
	for _, a := range r.Asked {
		if a.Is(email) {
			s.Fields = append(s.Fields, chat.Field{Label: "Why you are asked", Value: chat.T(a.Why)})
		}
	}
	if missing := stillNeeded(r); missing != "" {
		s.Fields = append(s.Fields, chat.Field{Label: "Still needed", Value: chat.T(missing)})
	}
	s.Fields = append(s.Fields, chat.Field{Label: "Times out", Value: chat.Text{chat.At(r.PendingUntil)}})
	s.Actions = append(decisionButtons(r, email, n, nil), button(r, chat.ActionDetails, "Details", ""))
	return s
}

func listCard(title, empty, noMore string, n int, turned bool) chat.Card {
	c := chat.Card{Title: title, Fallback: title}
	switch {
	case n > 0:
	case turned:
		c.Body, c.Fallback = chat.T(noMore), noMore
	default:
		c.Body, c.Fallback = chat.T(empty), empty
	}
	return c
}

// inList completes an entry and marks its buttons: a list is not redrawn, so a press
// is answered in words.
func inList(s chat.Section, r flows.Request) chat.Section {
	s.Actions = append(s.Actions, button(r, chat.ActionDetails, "Details", ""))
	for i := range s.Actions {
		s.Actions[i].Target.List = true
	}
	return s
}
