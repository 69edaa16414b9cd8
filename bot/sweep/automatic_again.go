package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"apono/flows"
)

// againLimit bounds how long a part that could not be granted waits for its next try.
const againLimit = 24 * time.Hour

// again tries anew what could be granted only in part, for those who match still: after
// flows.AutomaticRetry, then after twice as long each time, at most againLimit. The successor holds
// what its forerunner held, so that nothing ends in between.
func (j *Follower) again(ctx context.Context, steps []flows.AutomaticStep) error {
	var all []error
	for _, s := range steps {
		due, err := j.due(s)
		if err == nil && due {
			err = j.step(ctx, s)
		}
		if err != nil {
			all = append(all, fmt.Errorf("%s of %s, in part: %w", s.Flow, s.Person, err))
		}
	}
	return errors.Join(all...)
}

// due reports whether it is time to try a step again. How often it was tried is what the
// store tells: the newest requests for the same, of which a part failed.
func (j *Follower) due(s flows.AutomaticStep) (bool, error) {
	const most = 50 // requests of the person; by then it is againLimit
	some, err := j.Requests.ByPerson(s.Person, 0, most)
	if err != nil {
		return false, err
	}
	wait, want := flows.AutomaticRetry, flows.HoldingOf(s.Draft).Digest
	var last *flows.Request
	for i := range some {
		r := &some[i]
		if r.Trigger != flows.TriggerAutomatic || r.Flow != s.Flow || !r.Grantee.Is(s.Person) {
			continue
		}
		if last == nil {
			last = r
			continue
		}
		if flows.HoldingOf(r).Digest != want || !failedInPart(r) {
			break
		}
		wait = min(2*wait, againLimit)
	}
	return last != nil && last.ID == s.Ends[0].ID && !j.Now().Before(cmp.Or(last.ActiveAt, last.DecidedAt).Add(wait)), nil
}

// failedInPart reports whether a part of a request was never granted.
func failedInPart(r *flows.Request) bool {
	for i := range r.Groups {
		if r.Groups[i].GrantedAt.IsZero() {
			return true
		}
	}
	return false
}
