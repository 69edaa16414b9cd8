package flows

import (
	"slices"
	"strconv"
	"time"
)

// EndingSoonBefore is how long before its end somebody is told that an access ends.
// Of one that lasts less than an hour it is the last fifth.
const EndingSoonBefore = 15 * time.Minute

// EndsSoonAt is when the requester is told that the access ends; false where it has
// no end, or that was told of this end.
func (r *Request) EndsSoonAt() (at time.Time, ok bool) {
	if r.State != StateActive || r.EndsAt.IsZero() || r.SoonAt.IsZero() || slices.ContainsFunc(r.Warned, r.EndsAt.Equal) {
		return time.Time{}, false
	}
	return r.SoonAt, true
}

// soonFrom sets when to tell of the end that the access has now. It counts from since,
// when that end was set, so that nobody is told of it right after moving it.
func (r *Request) soonFrom(since time.Time) {
	before := EndingSoonBefore
	if lasts := r.EndsAt.Sub(since); lasts < time.Hour {
		before = lasts / 5
	}
	r.SoonAt = r.EndsAt.Add(-before)
}

// warn tells that the access ends soon. It is no change of status: the audit trail
// has the end itself.
func (t *transition) warn() bool {
	at, ok := t.r.EndsSoonAt()
	if !ok || t.now.Before(at) {
		return false
	}
	t.r.Warned = append(slices.Clip(t.r.Warned), t.r.EndsAt)
	return true
}

// laterPosts are those about the end of the access: each end that was near, and each
// extension, in the order in which they come.
func (r *Request) laterPosts(emit func(PostKey)) {
	tell := func(topic Topic, n int) { r.bothPosts(emit, topic, strconv.Itoa(n)) }
	warned := 0
	warn := func(before func(end time.Time) bool) {
		for ; warned < len(r.Warned) && before(r.Warned[warned]); warned++ {
			tell(TopicEndingSoon, warned+1)
		}
	}
	for i := range r.Extensions {
		e := &r.Extensions[i]
		warn(func(end time.Time) bool { return e.State == ExtensionGranted && !end.After(e.From) })
		for _, a := range e.Asked {
			emit(PostKey{Request: r.ID, Audience: AudienceApprover, Person: a.Email, Topic: TopicExtension, N: strconv.Itoa(i + 1)})
		}
		r.reminderPostsOf(emit, i+1)
		switch e.State {
		case ExtensionGranted:
			tell(TopicExtended, i+1)
		case ExtensionDenied, ExtensionTimedOut:
			tell(TopicNotExtended, i+1)
		case ExtensionAsked, ExtensionLapsed:
		}
	}
	warn(func(time.Time) bool { return true })
}

// Overtaken reports whether a message that nobody has seen yet says what is over by now:
// that an end is near which has come or was moved, or that a decision is waited for which
// was made.
func (r *Request) Overtaken(key PostKey, now time.Time) bool {
	//nolint:exhaustive // the others tell what was and is
	switch key.Topic {
	case TopicEndingSoon:
		n := key.Number()
		return n < 1 || n > len(r.Warned) || r.State != StateActive || !r.Warned[n-1].Equal(r.EndsAt) || !now.Before(r.EndsAt)
	case TopicReminder:
		return r.State != StatePending || !r.PendingUntil.IsZero() && !now.Before(r.PendingUntil)
	case TopicExtensionReminder:
		v, ok := r.ExtensionView(key.Number())
		return !ok || v.State != StatePending || !v.PendingUntil.IsZero() && !now.Before(v.PendingUntil)
	}
	return false
}
