package cards

import (
	"cmp"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// What nobody asked for: access of automatic flows.

// asker labels the person behind a request.
func asker(t flows.Trigger) string {
	if t == flows.TriggerAutomatic {
		return "Holder"
	}
	return "Requester"
}

// howLong is how long an access was asked for, or how long it is given.
func howLong(t flows.Trigger, d time.Duration, indefinite bool) string {
	if t == flows.TriggerAutomatic {
		return "As long as the access flow gives it"
	}
	return duration(d, indefinite)
}

// since is when a request was made.
func since(r flows.Request) chat.Field {
	label := "Asked"
	if r.Trigger == flows.TriggerAutomatic {
		label = "Since"
	}
	return chat.Field{Label: label, Value: chat.Text{chat.At(r.CreatedAt)}}
}

// comesBack tells whoever is about to end automatic access that this is not for good.
func comesBack(r flows.Request) string {
	if r.Trigger != flows.TriggerAutomatic {
		return ""
	}
	return " It comes back a day after that, or when what the access flow " + r.Flow + " covers changes, if " + r.Grantee.DisplayName() + " still matches."
}

// isBack says when automatic access that somebody ended comes back; the bot itself ends it
// only for those who do not match, or to give something in its place.
func isBack(r flows.Request) []chat.Text {
	if r.Trigger != flows.TriggerAutomatic || r.Ending.By == (flows.PersonRef{}) {
		return nil
	}
	return []chat.Text{{
		chat.Plain("It comes back by itself "), chat.At(cmp.Or(r.EndedAt, r.EndingAt, r.DecidedAt).Add(flows.AutomaticAgain)),
		chat.Plain(", or when what the access flow " + r.Flow + " covers changes, if " + r.Grantee.DisplayName() + " still matches."),
	}}
}

// notGiven says that nothing could be granted of automatic access.
func notGiven(r flows.Request) chat.Text {
	rest := ", and nothing is left in any system. It is tried again after " + flows.FormatDuration(flows.AutomaticRetry) + ", if you still match. Your administrator can mend the reason below."
	if undoing(r) {
		rest = ". What was begun is being taken back, and it is tried again later, if you still match."
	}
	return chat.Text{chat.Plain("The access flow " + r.Flow + " gives you "), chat.Bold(summary(r)), chat.Plain(", but nothing could be granted" + rest)}
}
