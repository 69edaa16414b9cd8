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
		c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Justification", Value: said(r.Justification)}}}}
	}
	c.Notes = append(append(append(c.Notes, whyAsked(r, email)...), standNotes(r, email)...), chat.Text{chat.Plain("Times out "), chat.At(r.PendingUntil)})
	c.Actions = decisionButtons(r, email, 0, &c.Notes)
	return c, true
}

// reminderOfExtension asks an approver again about more time.
func reminderOfExtension(r flows.Request, n int, email string, now time.Time) (chat.Card, bool) {
	v, ok := r.ExtensionView(n)
	if !ok {
		return chat.Card{}, false
	}
	e := r.Extensions[n-1]
	c := chat.Card{Title: "Reminder: more time for " + r.ID, Fallback: r.ID + ": more time still waits for your decision"}
	c.Status, c.Tone = extensionStatus(v, e, now)
	c.Body = chat.Text{
		person(e.By)[0], chat.Plain(" asked for " + flows.FormatDuration(e.For) + " more of "), chat.Bold(held(r)), chat.Plain(" "), chat.At(e.At), chat.Plain("."),
	}
	c.Menu = []chat.Action{button(r, chat.ActionDetails, "Details", "")}
	if !waiting(v, now) {
		return c, true
	}
	if missing := stillNeeded(v); missing != "" {
		c.Notes = append(c.Notes, chat.Text{chat.Bold("Still needed: "), chat.Plain(missing)})
	}
	if e.Reason != "" {
		c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Reason", Value: said(e.Reason)}}}}
	}
	c.Notes = append(append(append(c.Notes, whyAsked(v, email)...), standNotes(v, email)...), ifNobody(r, v))
	c.Actions = decisionButtons(v, email, n, &c.Notes)
	return c, true
}

// ifNobody says until when an extension can be decided on.
func ifNobody(r, v flows.Request) chat.Text {
	if v.PendingUntil.Before(r.EndsAt) {
		return chat.Text{chat.Plain("Times out "), chat.At(v.PendingUntil), chat.Plain("; the access ends "), chat.At(r.EndsAt)}
	}
	return chat.Text{chat.Plain("The access ends "), chat.At(r.EndsAt), chat.Plain(" if nobody decides")}
}

// outOfReach tells the requester who cannot be written to, and what that means.
func outOfReach(r flows.Request) []chat.Text {
	var lost []string
	for _, a := range flows.Openly(r.Asked) {
		if a.Unreached {
			lost = append(lost, a.DisplayName())
		}
	}
	if len(lost) == 0 {
		return nil
	}
	t := chat.Text{chat.Bold("Not reached: "), chat.Plain("no message can be delivered to " + list(lost) + ".")}
	switch {
	case r.WithinReach():
		t = append(t, chat.Plain(" The others can still decide."))
	default:
		t = append(t, chat.Plain(" Whoever is next is asked at once; where nobody is, speak to them or to your administrator."))
	}
	return []chat.Text{t}
}
