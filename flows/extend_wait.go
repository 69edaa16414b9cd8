package flows

import (
	"strconv"
	"time"
)

// Waiting is how somebody's asking for more time waits for a decision, as a request
// does: those who are silent are reminded, then further people are asked, and in the
// end it times out, at the latest with the access.
type Waiting struct {
	Until      time.Time  `json:"until,omitzero"` // zero: until the end of the access
	Escalated  int        `json:"escalated,omitempty"`
	RemindAt   time.Time  `json:"remind_at,omitzero"`
	Reminders  []Reminder `json:"reminders,omitempty"`
	SilentAt   time.Time  `json:"silent_at,omitzero"`
	SilentTier int        `json:"silent_tier,omitempty"`
}

// show puts the waiting of an extension into the view of it.
func (w Waiting) show(v *Request, asked time.Time) {
	v.CreatedAt, v.PendingUntil = asked, v.EndsAt
	if !w.Until.IsZero() && (v.EndsAt.IsZero() || w.Until.Before(v.EndsAt)) {
		v.PendingUntil = w.Until
	}
	v.Escalated, v.RemindAt, v.Reminders, v.SilentAt, v.SilentTier = w.Escalated, w.RemindAt, w.Reminders, w.SilentAt, w.SilentTier
}

func (w *Waiting) keep(v *Request) {
	w.Escalated, w.RemindAt, w.Reminders, w.SilentAt, w.SilentTier = v.Escalated, v.RemindAt, v.Reminders, v.SilentAt, v.SilentTier
}

// onExtension lets the open extension go a step as a request goes it that waits; step
// reports whether it did.
func (t *transition) onExtension(step func(v *transition) bool) bool {
	n := t.r.OpenExtension()
	v, ok := t.r.ExtensionView(n)
	if !ok || t.r.State != StateActive {
		return false
	}
	sub := &transition{r: v, ev: t.ev, now: t.now}
	if !step(sub) {
		return false
	}
	e := &t.r.Extensions[n-1]
	e.Waiting.keep(&sub.r)
	e.Asked = sub.r.Asked
	t.effects, t.told = append(t.effects, sub.effects...), t.told || sub.told
	return true
}

// dueExtension acts on what is due of an extension that waits.
func (t *transition) dueExtension() bool {
	n := t.r.OpenExtension()
	v, ok := t.r.ExtensionView(n)
	if ok && t.r.State == StateActive && !t.now.Before(v.PendingUntil) {
		e := &t.r.Extensions[n-1]
		e.State, e.DecidedAt = ExtensionTimedOut, t.now
		t.fact(FactExtensionDenied, "Nobody decided on it in time. The access goes on until its end.")
		return true
	}
	return t.onExtension(func(v *transition) bool {
		escalated := v.escalate()
		return v.remind() || escalated
	})
}

// dueOfExtension is when time itself changes an extension that waits.
func (r *Request) dueOfExtension() (at time.Time, ok bool) {
	v, open := r.ExtensionView(r.OpenExtension())
	if !open || r.State != StateActive {
		return time.Time{}, false
	}
	return v.DueAt()
}

func (t *transition) unreachedOfExtension() (err error) {
	if n := t.ev.Extension; n == 0 || n != t.r.OpenExtension() {
		return Errorf(CodeLate, "Nobody waits for that person to answer.")
	}
	t.onExtension(func(v *transition) bool { err = v.unreached(); return err == nil })
	return err
}

// reminderPostsOf are the reminders of the n-th extension: N is "2.1" for the first of
// the second.
func (r *Request) reminderPostsOf(emit func(PostKey), n int) {
	for i, m := range r.Extensions[n-1].Waiting.Reminders {
		for _, email := range m.To {
			emit(PostKey{
				Request: r.ID, Audience: AudienceApprover, Person: email, Topic: TopicExtensionReminder, N: strconv.Itoa(n) + "." + strconv.Itoa(i+1),
			})
		}
	}
}
