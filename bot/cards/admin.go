package cards

import (
	"slices"

	"apono/bot/chat"
	"apono/flows"
)

// overdue tells an admin that an access is there which should be gone, what is
// known, and what to do; and later that it is over.
func overdue(r flows.Request, topic flows.Topic) (chat.Card, bool) {
	if topic == flows.TopicOverdueOver {
		sure := "every system has confirmed it."
		if declared(r) {
			sure = "the operator declared it gone, and no system has confirmed that."
		}
		return chat.Card{
			Title: r.ID + " no longer overdue", Tone: chat.ToneGood, Fallback: r.ID + ": the overdue access is gone",
			Body: chat.Text{chat.Plain("The overdue access of "), person(r.Grantee)[0], chat.Plain(" is gone; " + sure + " There is nothing left to do.")},
		}, !r.Unconfirmed()
	}
	c := chat.Card{
		Title: r.ID + " overdue", Tone: chat.ToneBad, Fallback: r.ID + ": access should be gone and is not",
		Menu: []chat.Action{button(r, chat.ActionDetails, "Details", "")},
	}
	if !r.Unconfirmed() {
		c.Status, c.Tone = chat.Text{chat.Bold("Over"), chat.Plain(": the access is gone")}, chat.ToneOver
	} else {
		c.Status = chat.Text{chat.Bold("Overdue"), chat.Plain(": the target has not confirmed that the access is gone")}
	}
	c.Body = chat.Text{chat.Plain("The access of "), person(r.Grantee)[0], chat.Plain(" should have been taken back and may still be there.")}
	for i := range r.Groups {
		if g := &r.Groups[i]; !g.OverdueAt.IsZero() {
			c.Sections = append(c.Sections, overdueGroup(g))
		}
	}
	if r.Unconfirmed() {
		c.Notes = []chat.Text{
			{chat.Bold("What to do: "), chat.Plain("see whether the system is up and the bot may still act in it. If it must end now, take the access away there by hand: the bot finds nothing left at its next try, and says so here.")},
			{chat.Plain("If the system does not exist any more, and only then, an operator can say so on the bot's machine: "), chat.Code("bot revoke " + r.ID + " --confirm-gone " + unconfirmed(r))},
			chat.T("The bot tries again every minute."),
		}
	}
	return c, true
}

// declared reports whether the operator's word stands for that of a system.
func declared(r flows.Request) bool {
	return slices.ContainsFunc(r.Groups, func(g flows.AccessGroup) bool { return g.DeclaredGone })
}

// unconfirmed names an integration that is waited for, as a shell takes it.
func unconfirmed(r flows.Request) string {
	for _, g := range r.Groups {
		if g.Status.MayHold() && !g.OverdueAt.IsZero() {
			return g.Integration
		}
	}
	return "INTEGRATION"
}

func overdueGroup(g *flows.AccessGroup) chat.Section {
	s := chat.Section{Title: g.Integration}
	for _, b := range blocks(g.Items) {
		s.Fields = append(s.Fields, chat.Field{Label: b.typ, Value: chat.T(names(b.resources, shownNames) + ": " + list(b.permissions))})
	}
	s.Fields = append(s.Fields, chat.Field{Label: "Should be gone since", Value: chat.Text{chat.At(g.RevokeSince)}})
	if !g.Status.MayHold() {
		return chat.Section{Title: s.Title, Fields: append(s.Fields, goneSince(g))}
	}
	if g.RevokeProblem != "" {
		s.Fields = append(s.Fields, chat.Field{Label: "Last answer", Value: chat.T(g.RevokeProblem)})
	}
	return s
}

func goneSince(g *flows.AccessGroup) chat.Field {
	f := chat.Field{Label: "Gone since", Value: chat.Text{chat.At(g.RevokedAt)}}
	if g.DeclaredGone {
		f.Value = append(f.Value, chat.Plain(", declared by the operator; the system has not confirmed it"))
	}
	return f
}
