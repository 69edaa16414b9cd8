package sweep_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// outpost is a store with one system beside it, and the job that compares them.
type outpost struct {
	*testing.T
	*bolt.Store
	job   sweep.Job
	now   time.Time
	every time.Duration
	held  map[string]bool // by the system
	taken []string
	// onList is called in the middle of each look: after the records were read for the
	// first time, before they are read again.
	onList func(n int) error
	onTake func(id string) error
	lists  int
	asked  int
}

func newOutpost(t *testing.T) *outpost {
	o := &outpost{T: t, Store: storetest.Open(t), now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), every: 24 * time.Hour, held: map[string]bool{}}
	o.restart()
	return o
}

// restart forgets what the job remembers.
func (o *outpost) restart() {
	o.job = sweep.Drift(sweep.DriftOptions{
		Records: o.Store, Targets: o, Every: func() time.Duration { return o.every }, Now: func() time.Time { return o.now },
	})
	if err := o.job.Run(o.Context()); err != nil { // the moment of the start
		o.Fatal(err)
	}
}

func (o *outpost) Listers() []string { return []string{"pg"} }

func (o *outpost) List(context.Context, string) ([]string, error) {
	o.lists++
	held := slices.Sorted(maps.Keys(o.held))
	if o.onList != nil {
		if err := o.onList(o.lists); err != nil {
			return nil, err
		}
	}
	return held, nil
}

func (o *outpost) TakeBack(_ context.Context, r flows.Request, integration string) error {
	id := r.GrantID(integration)
	o.taken = append(o.taken, id)
	if o.onTake != nil {
		return o.onTake(id)
	}
	delete(o.held, id)
	return nil
}

// after lets time pass, second by second where something can happen.
func (o *outpost) after(d time.Duration) {
	o.Helper()
	for end := o.now.Add(d); o.now.Before(end); {
		o.now = o.now.Add(min(30*time.Second, end.Sub(o.now)))
		if err := o.job.Run(o.Context()); err != nil && o.onTake == nil && o.onList == nil {
			o.Fatal(err)
		}
	}
}

// ask makes a request of Alice that needs no approval.
func (o *outpost) ask() flows.Request {
	o.Helper()
	alice := flows.PersonRef{Email: "alice@example.com", Name: "Alice"}
	u := flows.Unit{Integration: "pg", ResourceType: "database", Resource: "orders", Permission: "read"}
	o.asked++
	made, err := o.Submit(o.Context(), o.now, fmt.Sprintf("form-%d", o.asked), []flows.Request{{
		Trigger: flows.TriggerSelfServe, Requestor: alice, Grantee: alice, Flow: "Read", Duration: 72 * time.Hour, Need: flows.Need{Automatic: true},
		Groups: []flows.AccessGroup{{Integration: "pg", Items: []flows.Item{{Unit: u}}}},
	}})
	if err != nil {
		o.Fatal(err)
	}
	return made[0]
}

func (o *outpost) apply(r flows.Request, kind flows.EventKind) {
	o.Helper()
	var err error
	if kind == flows.EventGone {
		_, err = o.ApplyGone(o.Context(), o.now, r.ID, "pg", nil, nil)
	} else {
		_, err = o.Apply(o.Context(), o.now, r.ID, flows.Event{Kind: kind, Integration: "pg", By: flows.TheOperator})
	}
	if err != nil {
		o.Fatal(err)
	}
}

// grant begins and ends a grant of a new request.
func (o *outpost) grant() (r flows.Request, id string) {
	o.Helper()
	r = o.ask()
	o.apply(r, flows.EventBegun)
	o.held[r.GrantID("pg")] = true
	o.apply(r, flows.EventGranted)
	return r, r.GrantID("pg")
}

func (o *outpost) revoke(r flows.Request) {
	o.Helper()
	o.apply(r, flows.EventRevoke)
	delete(o.held, r.GrantID("pg"))
	o.apply(r, flows.EventGone)
}

// told is what the admins were told, and why.
func (o *outpost) told() (out []string) {
	o.Helper()
	events, err := o.Audit(1, 1000)
	if err != nil {
		o.Fatal(err)
	}
	for _, e := range events {
		if e.Fact.Kind == flows.FactOperator {
			out = append(out, e.Fact.Text+" "+e.Fact.Reason)
		}
	}
	return out
}

// want compares what was told with beginnings and parts, "begin|part|part".
func (o *outpost) want(lines ...string) {
	o.Helper()
	told := o.told()
	if len(told) != len(lines) {
		o.Fatalf("told %d times:\n%s", len(told), strings.Join(told, "\n"))
	}
	for i, line := range lines {
		for part := range strings.SplitSeq(line, "|") {
			if !strings.Contains(told[i], part) {
				o.Errorf("%q does not say %q", told[i], part)
			}
		}
	}
}

// times are the moments that what was told names.
func (o *outpost) times() (out []time.Time) {
	o.Helper()
	events, err := o.Audit(1, 1000)
	if err != nil {
		o.Fatal(err)
	}
	for _, e := range events {
		out = append(out, e.Fact.Times...)
	}
	return out
}

func (o *outpost) drift() flows.Drift {
	o.Helper()
	all, err := o.Drifts()
	if err != nil || len(all) > 1 {
		o.Fatalf("%+v, %v", all, err)
	}
	if all == nil {
		return flows.Drift{}
	}
	return all[0]
}
