package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"apono/flows"
)

// JobRaise is the name of the job that Raise makes.
const JobRaise = "raise"

const raiseSpec = "@every 5s"

// EndingRequests is the durable state of what is being taken back.
type EndingRequests interface {
	// Ending returns the requests with an access group that is being taken back.
	Ending() ([]flows.Request, error)
	// Apply moves one request. Errors of flows.Next come back unchanged.
	Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error)
}

// Raise is the job that tells every admin, once, of a revoke that is overdue. Admins
// are those of the moment; they are looked for only while something is overdue.
func Raise(requests EndingRequests, admins func() []flows.PersonRef, now func() time.Time) Job {
	if now == nil {
		now = time.Now
	}
	return Job{Name: JobRaise, Spec: raiseSpec, Run: func(ctx context.Context) error {
		ending, err := requests.Ending()
		if err != nil {
			return fmt.Errorf("look for overdue revokes: %w", err)
		}
		var who []flows.PersonRef
		var failed []error
		for i := range ending {
			r := &ending[i]
			if !r.Unconfirmed() {
				continue
			}
			if who == nil {
				who = admins()
			}
			_, err := requests.Apply(ctx, now(), r.ID, flows.Event{Kind: flows.EventRaised, Admins: who})
			if err != nil && flows.ErrorCode(err) != flows.CodeLate { // late: all were told, or it is over
				failed = append(failed, fmt.Errorf("%s: %w", r.ID, err))
			}
		}
		return errors.Join(failed...)
	}}
}
