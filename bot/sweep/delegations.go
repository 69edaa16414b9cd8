package sweep

import (
	"context"
	"errors"
	"fmt"
	"time"

	"apono/flows"
)

// JobDelegations is the name of the job that Delegations makes.
const JobDelegations = "delegations"

const (
	delegationsSpec = "@every 1s"
	// delegationsEvery is how often waiting requests are looked at though nothing has
	// changed: one that was asked while something did may have missed it.
	delegationsEvery = time.Minute
)

// WaitingRequests is the durable state of delegations and of what waits for a decision.
type WaitingRequests interface {
	// ByState reads at most limit requests in a state, those before a number, or the
	// newest for 0; the newest first.
	ByState(state flows.State, before uint64, limit int) ([]flows.Request, error)
	// Apply moves one request. Errors of flows.Next come back unchanged.
	Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error)
}

// DelegationOptions are what the job that follows delegations is made of.
type DelegationOptions struct {
	Requests WaitingRequests
	// OnRecord are all delegations, also those whose time is up.
	OnRecord func() *flows.Delegations
	// End ends one whose time is up. Error: flows.CodeLate where somebody did.
	End func(ctx context.Context, now time.Time, id string) error
	// World is the snapshot of this moment, with the delegations that hold; see
	// RightsOptions.World for settled.
	World func() (w flows.World, settled bool)
	Now   func() time.Time
}

// Delegations is the job that ends delegations at their time, and asks those who stand
// in for others about what waits already: as soon as a delegation begins or ends, and
// after every change of people or policy.
func Delegations(o DelegationOptions) Job {
	j := &delegations{DelegationOptions: o}
	return Job{Name: JobDelegations, Spec: delegationsSpec, Run: j.run}
}

type delegations struct {
	DelegationOptions
	world flows.World // of the last look
	at    time.Time   // of the last look; zero: none
}

func (j *delegations) run(ctx context.Context) error {
	now := j.Now()
	var failed []error
	for _, d := range j.OnRecord().All() {
		if now.Before(d.Until) {
			continue
		}
		if err := j.End(ctx, now, d.ID); err != nil && flows.ErrorCode(err) != flows.CodeLate {
			failed = append(failed, fmt.Errorf("end the delegation of %s: %w", d.From.Email, err))
		}
	}
	w, settled := j.World()
	if !settled || w.People.Size() == 0 || !j.at.IsZero() && w == j.world && now.Sub(j.at) < delegationsEvery && !now.Before(j.at) {
		return errors.Join(failed...)
	}
	for _, state := range []flows.State{flows.StatePending, flows.StateActive} {
		if err := j.follow(ctx, w, state, now); err != nil {
			failed = append(failed, err)
		}
	}
	if len(failed) == 0 {
		j.world, j.at = w, now
	}
	return errors.Join(failed...)
}

// follow brings those who are asked up to date, in all requests of a state.
func (j *delegations) follow(ctx context.Context, w flows.World, state flows.State, now time.Time) error {
	var failed []error
	for before := uint64(0); ctx.Err() == nil; {
		page, err := j.Requests.ByState(state, before, rightsPage)
		if err != nil {
			return fmt.Errorf("look for requests that wait: %w", err)
		}
		for i := range page {
			ev, changed := w.StandIns(&page[i])
			if !changed {
				continue
			}
			_, err := j.Requests.Apply(ctx, now, page[i].ID, ev)
			if err != nil && flows.ErrorCode(err) != flows.CodeLate { // late: it has moved on between the look and the write
				failed = append(failed, fmt.Errorf("%s: %w", page[i].ID, err))
			}
		}
		if len(page) < rightsPage {
			break
		}
		before = page[len(page)-1].Seq
	}
	return errors.Join(failed...)
}
