package cards

import (
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// reminder asks an approver again, in a message of its own: a redrawn card notifies
// nobody.
func reminder(r flows.Request, email string, now time.Time) (chat.Card, bool) {
	c := chat.Card{Title: "Reminder: " + r.ID, Fallback: r.ID + " still waits for your decision"}
	c.Status, c.Tone = status(r, now)
	what := chat.Text{person(r.Requestor)[0], chat.Plain(" asked for "), chat.Bold(summary(r)), chat.Plain(" "), chat.At(r.CreatedAt)}
	c.Menu = []chat.Action{button(r, chat.ActionDetails, "Details", "")}
	if !waiting(r, now) {
		c.Body = append(what, chat.Plain("."))
		return c, true
	}
	c.Body = append(what, chat.Plain(", and nobody has decided yet."))
	if missing := stillNeeded(r); missing != "" {
		c.Body[len(c.Body)-1] = chat.Plain(", and it still waits.")
		c.Notes = append(c.Notes, chat.Text{chat.Bold("Still needed: "), chat.Plain(missing)})
	}
	if r.Justification != "" {
		c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Justification", Value: chat.T(r.Justification)}}}}
	}
	c.Notes = append(append(c.Notes, whyAsked(r, email)...), chat.Text{chat.Plain("Times out "), chat.At(r.PendingUntil)})
	c.Actions = decisionButtons(r, email, 0, &c.Notes)
	return c, true
}

// outOfReach tells the requester who cannot be written to, and what that means.
func outOfReach(r flows.Request) []chat.Text {
	var lost []string
	for _, a := range r.Asked {
		if a.Unreached {
			lost = append(lost, a.DisplayName())
		}
	}
	if len(lost) == 0 {
		return nil
	}
	verb := " is"
	if len(lost) > 1 {
		verb = "s are"
	}
	t := chat.Text{chat.Bold("Not reached: "), chat.Plain("the message" + verb + " undeliverable to " + list(lost) + ".")}
	switch {
	case r.WithinReach():
		t = append(t, chat.Plain(" The others can still decide."))
	default:
		t = append(t, chat.Plain(" Whoever is next is asked at once; where nobody is, speak to them or to your administrator."))
	}
	return []chat.Text{t}
}
