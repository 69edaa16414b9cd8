package cards

import (
	"fmt"
	"slices"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// Card draws one message of a request as it is at this moment; false if the
// request has no such message.
func Card(r flows.Request, key flows.PostKey, now time.Time) (chat.Card, bool) {
	if key.Topic == flows.TopicExtension {
		return extension(r, key.Number(), key.Person, now)
	}
	if key.Topic == flows.TopicExtensionReminder {
		return reminderOfExtension(r, key.Number(), key.Person, now)
	}
	if key.Topic == flows.TopicReminder {
		return reminder(r, key.Person, now)
	}
	if key.Audience == flows.AudienceApprover {
		return approver(r, key.Person, now)
	}
	if round, ok := key.Topic.Explain(); ok {
		return explain(r, round), true
	}
	switch key.Topic {
	case flows.TopicOverdue, flows.TopicOverdueOver:
		return overdue(r, key.Topic)
	case flows.TopicAsked:
		return asked(r, now), true
	case flows.TopicApproved:
		return approved(r), true
	case flows.TopicDenied:
		return denied(r), r.State == flows.StateDenied
	case flows.TopicGranted:
		return granted(r, key.Person, now), true
	case flows.TopicAccess:
		return access(r, key.Integration)
	case flows.TopicExpired, flows.TopicRevoked, flows.TopicWithdrawn, flows.TopicTimedOut, flows.TopicFailed:
		return over(r, key.Topic, key.Person, now), true
	case flows.TopicExtended:
		return extended(r, key.Number(), key.Person, now)
	case flows.TopicNotExtended:
		return notExtended(r, key.Number(), key.Person)
	case flows.TopicEndingSoon:
		return endingSoon(r, key.Number(), key.Person, now)
	case flows.TopicRequest, flows.TopicExtension, flows.TopicExplain, flows.TopicReminder, flows.TopicExtensionReminder:
	}
	return chat.Card{}, false
}

// approver draws the card that an approver decides on; the same for everybody,
// but for why this person is asked.
func approver(r flows.Request, email string, now time.Time) (chat.Card, bool) {
	c := chat.Card{Title: "Access request " + r.ID, Fallback: r.ID + ": " + r.Requestor.DisplayName() + " asks for access"}
	c.Status, c.Tone = status(r, now)
	c.Sections = append([]chat.Section{{Fields: askFields(r)}}, groupSections(r, true)...)
	c.Notes = append(whyAsked(r, email), decisionNotes(r, !concerned(r, email))...)
	c.Notes = append(append(c.Notes, lessNote(r)...), lostRight(r)...)
	c.Menu = []chat.Action{button(r, chat.ActionDetails, "Details", "")}
	if !waiting(r, now) {
		return c, true
	}
	if missing := stillNeeded(r); missing != "" {
		c.Notes = append(c.Notes, chat.Text{chat.Bold("Still needed: "), chat.Plain(missing)})
	}
	c.Notes = append(append(c.Notes, standNotes(r, email)...), chat.Text{chat.Plain("Times out "), chat.At(r.PendingUntil)})
	c.Actions = decisionButtons(r, email, 0, &c.Notes)
	if slices.ContainsFunc(c.Actions, func(a chat.Action) bool { return a.ID == chat.ActionApprove }) {
		c.Menu = append(c.Menu, button(r, chat.ActionLess, "Approve less…", ""))
	}
	return c, true
}

// counts reports whether an approval by somebody who was asked would bring the
// request on, as far as is known from the asking.
func counts(r flows.Request, email string) bool {
	for _, a := range r.Asked {
		if a.Is(email) {
			with := r.Clone()
			with.Decisions = append(with.Decisions, flows.Decision{By: a.PersonRef, Verb: flows.VerbApprove, Groups: a.Groups, For: a.For})
			return len(with.Counted()) > len(r.Counted())
		}
	}
	return true
}

// waiting reports whether a request can still be decided or withdrawn. Its time
// may be up before a sweep has seen it.
func waiting(r flows.Request, now time.Time) bool {
	return r.State == flows.StatePending && now.Before(r.PendingUntil)
}

func alreadyApproved(r flows.Request, email string) bool {
	for _, d := range r.Decisions {
		if d.By.Is(email) && d.Verb == flows.VerbApprove {
			return true
		}
	}
	return false
}

func button(r flows.Request, id chat.ActionID, label string, s chat.Style) chat.Action {
	return chat.Action{ID: id, Label: label, Style: s, Target: chat.Target{Request: r.ID, Version: r.Version, Stamp: r.Stamp}}
}

// askFields say who asks for what and why.
func askFields(r flows.Request) []chat.Field {
	fields := []chat.Field{{Label: asker(r.Trigger), Value: person(r.Requestor)}}
	if r.Grantee.Email != r.Requestor.Email {
		fields = append(fields, chat.Field{Label: "Grantee", Value: person(r.Grantee)})
	}
	if r.Bundle != "" {
		fields = append(fields, chat.Field{Label: "Bundle", Value: chat.T(r.Bundle)})
	}
	fields = append(fields, chat.Field{Label: "Duration", Value: chat.T(howLong(r.Trigger, r.Duration, r.Indefinite))})
	if r.Justification != "" {
		fields = append(fields, chat.Field{Label: "Justification", Value: said(r.Justification)})
	}
	return fields
}

func person(p flows.PersonRef) chat.Text { return chat.Text{chat.Person(p.DisplayName(), p.Email)} }

// actor is a person, or flows.TheOperator, who has no address.
func actor(p flows.PersonRef) chat.Span {
	if p.Email == "" {
		return chat.Plain(p.Name)
	}
	return person(p)[0]
}

func duration(d time.Duration, indefinite bool) string {
	if indefinite {
		return "Without limit"
	}
	return flows.FormatDuration(d)
}

// status is the first line of a card: where the request stands now.
func status(r flows.Request, now time.Time) (chat.Text, chat.Tone) {
	by := func(verb string) chat.Text {
		return append(append(chat.Text{chat.Bold(verb)}, deciders(r)...), chat.Plain(" "), chat.At(r.DecidedAt))
	}
	switch r.State {
	case flows.StatePending:
		if !waiting(r, now) {
			return chat.Text{chat.Bold("Timed out"), chat.Plain(": nobody decided in time")}, chat.ToneOver
		}
		return chat.Text{chat.Bold("Waiting for a decision")}, chat.ToneWaiting
	case flows.StateApproved:
		if r.NothingGranted() {
			return append(chat.Text{chat.Bold("Failed"), chat.Plain(": approved, but nothing could be granted; what was begun is being taken back")}, overdueTail(r, now)...), chat.ToneBad
		}
		return append(by("Approved"), chat.Plain("; the access is being granted")), chat.ToneGood
	case flows.StateActive:
		return append(by("Approved"), activeTail(r)...), chat.ToneGood
	case flows.StateDenied:
		return by("Denied"), chat.ToneBad
	case flows.StateWithdrawn:
		return chat.Text{chat.Bold("Withdrawn"), chat.Plain(" by "), person(r.Requestor)[0], chat.Plain(" "), chat.At(r.EndedAt)}, chat.ToneOver
	case flows.StateTimedOut:
		return chat.Text{chat.Bold("Timed out"), chat.Plain(" "), chat.At(r.EndedAt), chat.Plain(": nobody decided in time")}, chat.ToneOver
	case flows.StateRevoking:
		return append(chat.Text{chat.Bold("Ending"), chat.Plain(": the access is being taken back")}, overdueTail(r, now)...), chat.ToneWaiting
	case flows.StateExpired:
		return chat.Text{chat.Bold("Expired"), chat.Plain(" "), chat.At(r.EndedAt)}, chat.ToneOver
	case flows.StateRevoked:
		return revoked(r), chat.ToneOver
	case flows.StateFailed:
		return chat.Text{chat.Bold("Failed"), chat.Plain(": approved, but nothing could be granted")}, chat.ToneBad
	}
	return chat.T(r.Standing()), chat.ToneOver
}

func activeTail(r flows.Request) chat.Text {
	t := chat.T("; active without limit")
	if !r.EndsAt.IsZero() {
		t = chat.Text{chat.Plain("; active until "), chat.At(r.EndsAt)}
	}
	if r.Warning() {
		t = append(t, chat.Plain(". Not everything could be granted"))
	}
	return t
}

func overdueTail(r flows.Request, now time.Time) chat.Text {
	for i := range r.Groups {
		if r.Groups[i].Overdue(now) {
			return chat.Text{chat.Plain(". "), chat.Bold("Overdue"), chat.Plain(": the target has not confirmed; the admins were told")}
		}
	}
	return nil
}

// deciders says who decided: " by Bob and Carol", " automatically".
func deciders(r flows.Request) chat.Text {
	verb := flows.VerbApprove
	if r.State == flows.StateDenied {
		verb = flows.VerbDeny
	}
	who := slices.DeleteFunc(slices.Clone(r.Decisions), func(d flows.Decision) bool { return d.Verb != verb })
	if len(who) == 0 {
		return chat.T(" automatically")
	}
	t := chat.T(" by ")
	for i, d := range who {
		switch i {
		case 0:
		case len(who) - 1:
			t = append(t, chat.Plain(" and "))
		default:
			t = append(t, chat.Plain(", "))
		}
		t = append(t, person(d.By)[0])
	}
	return t
}

func revoked(r flows.Request) chat.Text {
	t := chat.Text{chat.Bold("Revoked")}
	if r.Ending.By != (flows.PersonRef{}) {
		t = append(t, chat.Plain(" by "), actor(r.Ending.By))
	}
	t = append(t, chat.Plain(" "), chat.At(r.EndedAt))
	if r.Ending.Reason != "" {
		t = append(t, chat.Plain(": "), inLine(r.Ending.Reason))
	}
	return t
}

// decisionNotes say who decided; openly, also for whom, which is not for whoever asked.
func decisionNotes(r flows.Request, openly bool) []chat.Text {
	var out []chat.Text
	for _, d := range r.Decisions {
		verb := "Approved by "
		if d.Verb == flows.VerbDeny {
			verb = "Denied by "
		}
		t := chat.Text{chat.Plain(verb), chat.Person(d.By.DisplayName(), d.By.Email)}
		if openly {
			if who := forWhom(d); who != "" {
				t = append(t, chat.Plain(who))
			}
		}
		t = append(t, chat.Plain(" "), chat.At(d.At))
		if less := d.Less.Words(&r); less != "" {
			t = append(t, chat.Plain(", "), chat.Bold(less))
		}
		if d.Reason != "" {
			t = append(t, chat.Plain(": "), inLine(d.Reason))
		}
		out = append(out, t)
	}
	return out
}

// lostRight says why the right behind a live access is gone, and that it goes on.
func lostRight(r flows.Request) []chat.Text {
	if r.LostRight == "" || r.State != flows.StateActive {
		return nil
	}
	return []chat.Text{{chat.Bold("No longer covered: "), chat.Plain(r.LostRight + " The access goes on; whoever may end it can.")}}
}

// stillNeeded says what a pending request waits for: "1 of 2: waiting for dba".
func stillNeeded(r flows.Request) string {
	if !r.Need.All() || len(r.Need.Groups) < 2 {
		return ""
	}
	counted := r.Counted()
	var missing []string
	for i, label := range r.Need.Groups {
		if _, done := counted[i]; !done {
			missing = append(missing, label)
		}
	}
	return fmt.Sprintf("%d of %d: waiting for %s", len(counted), len(r.Need.Groups), list(missing))
}
