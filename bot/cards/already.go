package cards

import (
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// Already says in the request form that what is chosen, or a part of it, was asked for
// before, and what to do about that. own: it is for the person who asks.
func Already(r flows.Request, whole, own bool, now time.Time) chat.Text {
	what, has := "This", "you have it"
	if !whole {
		what, has = "A part of this", "you have that"
	}
	if !own {
		has = r.Grantee.DisplayName() + " has it"
	}
	switch r.State {
	case flows.StatePending:
		if !waiting(r, now) {
			return nil
		}
		return chat.Text{
			chat.Bold("Already asked: "), chat.Plain(what + " waits for a decision as " + r.ID + ", since "), chat.At(r.CreatedAt),
			chat.Plain(". Asked: " + whoIsAsked(r) + ". There is no need to ask again."),
		}
	case flows.StateApproved, flows.StateActive:
		t := chat.Text{chat.Bold("Already there: "), chat.Plain(what + " is granted as " + r.ID + "; " + has)}
		switch {
		case r.State == flows.StateApproved:
			return append(t, chat.Plain(" in a moment."))
		case r.EndsAt.IsZero():
			return append(t, chat.Plain(" without limit."))
		}
		t = append(t, chat.Plain(" until "), chat.At(r.EndsAt), chat.Plain("."))
		if r.Extendable(now) {
			t = append(t, chat.Plain(" For more time press Extend on the message of "+r.ID+", or on the Home tab where there is one."))
		}
		return t
	case flows.StateRevoking, flows.StateExpired, flows.StateRevoked, flows.StateDenied, flows.StateWithdrawn, flows.StateTimedOut, flows.StateFailed:
	}
	return nil
}
