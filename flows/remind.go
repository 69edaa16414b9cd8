package flows

import (
	"slices"
	"strconv"
	"time"
)

// Reminder is one time at which silent approvers were asked again.
type Reminder struct {
	At time.Time `json:"at"`
	To []string  `json:"to,omitempty"` // normalized e-mail addresses
}

// remindFrom sets when those who are silent are reminded: halfway to the next
// escalation, or to the end of the waiting, once for each.
func (r *Request) remindFrom(now time.Time) {
	next := r.PendingUntil
	if at, ok := r.escalatesAt(); ok && at.After(now) {
		next = at
	}
	if next.After(now) {
		r.RemindAt = now.Add(next.Sub(now) / 2)
	}
}

func (r *Request) remindsAt() (at time.Time, ok bool) {
	n := len(r.Reminders)
	return r.RemindAt, r.State == StatePending && !r.RemindAt.IsZero() && (n == 0 || r.Reminders[n-1].At.Before(r.RemindAt))
}

// Silent reports whether the next tier is asked at once, because not enough of those
// who were asked can be reached.
func (r *Request) Silent() bool { return r.SilentTier > r.Escalated }

// remind asks those again whose approval would bring the request on.
func (t *transition) remind() bool {
	at, ok := t.r.remindsAt()
	if !ok || t.now.Before(at) {
		return false
	}
	m := Reminder{At: t.now}
	for _, a := range t.r.Asked {
		if !a.Unreached && !t.r.approvedBy(a.PersonRef) && t.r.BringsOn(a) {
			m.To = append(m.To, NormalizeEmail(a.Email))
		}
	}
	t.r.Reminders = append(slices.Clip(t.r.Reminders), m)
	return true
}

// BringsOn reports whether an approval by somebody who was asked would fill a seat
// that nobody fills, as far as is known from the asking.
func (r *Request) BringsOn(a Asked) bool {
	with := r.Clone()
	with.Decisions = append(with.Decisions, Decision{By: a.PersonRef, Verb: VerbApprove, Groups: a.Groups, For: a.For})
	return len(with.Counted()) > len(r.Counted())
}

// unreached: somebody who was asked cannot be written to. That is silence at once:
// where those who can be reached are not enough, the next are asked without waiting.
func (t *transition) unreached() error {
	if t.r.OpenExtension() == 0 && t.ev.Extension != 0 {
		return Errorf(CodeLate, "Nobody waits for that person to answer.")
	}
	i := slices.IndexFunc(t.r.Asked, func(a Asked) bool { return a.Is(t.ev.By.Email) })
	if i < 0 || t.r.Asked[i].Unreached || t.r.approvedBy(t.ev.By) {
		return Errorf(CodeLate, "Nobody waits for that person to answer.")
	}
	t.r.Asked[i].Unreached = true
	t.askThose(t.r.Asked[i])
	if !t.r.WithinReach() {
		t.r.SilentAt, t.r.SilentTier = t.now, t.r.Escalated+1
	}
	return nil
}

// WithinReach reports whether those who were asked and can be written to are enough to
// approve the request.
func (r *Request) WithinReach() bool {
	with := r.Clone()
	for _, a := range r.Asked {
		if !a.Unreached && !r.approvedBy(a.PersonRef) {
			with.Decisions = append(with.Decisions, Decision{By: a.PersonRef, Verb: VerbApprove, Groups: a.Groups, For: a.For})
		}
	}
	return with.Satisfied()
}

func (r *Request) reminderPosts(emit func(PostKey)) {
	for i, m := range r.Reminders {
		for _, email := range m.To {
			emit(PostKey{Request: r.ID, Audience: AudienceApprover, Person: email, Topic: TopicReminder, N: strconv.Itoa(i + 1)})
		}
	}
}
