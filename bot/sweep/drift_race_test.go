package sweep_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"apono/bot/sweep"
	"apono/flows"
)

// TestNothingIsToldOfWhatIsUnderWay: whatever is granted or revoked between the moment at
// which the system lists and the records are compared, and in each of two looks in turn.
func TestNothingIsToldOfWhatIsUnderWay(t *testing.T) {
	acts := map[string]func(o *outpost) (before, middle func()){
		"granted": func(o *outpost) (_, middle func()) { return nil, func() { o.grant() } },
		"revoked": func(o *outpost) (before, middle func()) {
			var r flows.Request
			return func() { r, _ = o.grant() }, func() { o.revoke(r) }
		},
		"held, and not yet confirmed": func(o *outpost) (before, middle func()) {
			var r flows.Request
			return func() { r = o.ask(); o.apply(r, flows.EventBegun); o.held[r.GrantID("pg")] = true }, func() { o.apply(r, flows.EventGranted) }
		},
		"gone, and not yet confirmed": func(o *outpost) (before, middle func()) {
			var r flows.Request
			return func() { r, _ = o.grant(); o.apply(r, flows.EventRevoke); delete(o.held, r.GrantID("pg")) }, func() { o.apply(r, flows.EventGone) }
		},
		"granted and revoked": func(o *outpost) (_, middle func()) {
			return nil, func() { r, _ := o.grant(); o.revoke(r) }
		},
		"refused and undone": func(o *outpost) (before, middle func()) {
			var r flows.Request
			return func() { r = o.ask(); o.apply(r, flows.EventBegun); o.held[r.GrantID("pg")] = true }, func() {
				o.apply(r, flows.EventGrantFailed)
				delete(o.held, r.GrantID("pg"))
				o.apply(r, flows.EventGone)
			}
		},
	}
	for name, act := range acts {
		for _, at := range []int{1, 2} {
			for _, list := range []string{"before", "after"} { // the act, the system answers
				t.Run(name+" in look "+string(rune('0'+at))+", listed "+list, func(t *testing.T) {
					o := newOutpost(t)
					if at == 2 {
						o.held["AR-99.other/pg"] = true // so that there is a second look
					}
					before, middle := act(o)
					if before != nil {
						before()
					}
					o.onList = func(n int) error {
						if n == at {
							middle()
						}
						return nil
					}
					if list == "after" {
						o.job = sweep.Drift(sweep.DriftOptions{
							Records: o.Store, Targets: late{o}, Every: func() time.Duration { return o.every }, Now: func() time.Time { return o.now },
						})
					}
					o.after(10 * time.Minute)
					if at == 2 {
						o.want("explains: AR-99.other/pg.")
						return
					}
					o.want()
					if o.lists != 1 {
						t.Error("the records before and after did not explain it")
					}
				})
			}
		}
	}
}

// late answers after what happens meanwhile.
type late struct{ *outpost }

func (l late) List(ctx context.Context, name string) ([]string, error) {
	_, err := l.outpost.List(ctx, name)
	return slices.Sorted(maps.Keys(l.held)), err
}

// TestGrantThatComesAndGoesWithinOneLook was in the list, and in neither reading of the
// records: the second look knows better.
func TestGrantThatComesAndGoesWithinOneLook(t *testing.T) {
	o := newOutpost(t)
	o.job = sweep.Drift(sweep.DriftOptions{
		Records: o.Store, Targets: passing{o}, Every: func() time.Duration { return o.every }, Now: func() time.Time { return o.now },
	})
	o.after(30 * time.Minute)
	o.want()
	if o.lists < 2 || len(o.taken) != 0 {
		t.Errorf("%d looks, taken back: %v", o.lists, o.taken)
	}
}

// passing lists what was granted a moment ago and is revoked before it answers.
type passing struct{ *outpost }

func (p passing) List(ctx context.Context, name string) ([]string, error) {
	r, _ := p.grant()
	ids, err := p.outpost.List(ctx, name)
	p.revoke(r)
	return ids, err
}

// TestOneLookIsNoProof: a list that was wrong once, of a standby for example, is told of
// nobody, and does not end what was told.
func TestOneLookIsNoProof(t *testing.T) {
	o := newOutpost(t)
	_, id := o.grant()
	o.held["AR-99.other/pg"] = true
	o.after(2 * time.Minute)
	o.want("explains: AR-99.other/pg.")
	sound := maps.Clone(o.held)
	o.after(24*time.Hour - time.Minute)
	clear(o.held)
	o.after(time.Minute)
	o.held = sound
	o.after(24 * time.Hour)
	o.want("explains: AR-99.other/pg.")
	if !o.held[id] {
		t.Error("a live grant was taken")
	}
}

// TestDriftOfWhatCannotBeAsked: it is asked again soon, and nothing is said meanwhile.
func TestDriftOfWhatCannotBeAsked(t *testing.T) {
	o := newOutpost(t)
	o.grant()
	clear(o.held)
	o.onList = func(n int) error {
		if n != 2 && n < 6 {
			return errors.New("connection refused")
		}
		return nil
	}
	o.after(time.Hour)
	o.want()
	o.after(time.Hour)
	o.want("does not hold access that is live")
}

// TestDriftIsNotLookedFor with an interval of 0.
func TestDriftIsNotLookedFor(t *testing.T) {
	o := newOutpost(t)
	o.every = 0
	o.held["AR-99.other/pg"] = true
	o.after(48 * time.Hour)
	if o.lists != 0 {
		t.Errorf("%d looks", o.lists)
	}
	o.every = time.Minute
	o.after(5 * time.Minute)
	o.want("explains: AR-99.other/pg.")
}

// TestWhatIsLeftToAnotherHolder is explained: the last one out takes it.
func TestWhatIsLeftToAnotherHolder(t *testing.T) {
	o := newOutpost(t)
	first, id := o.grant()
	o.grant()
	o.apply(first, flows.EventRevoke)
	g, _ := first.Group("pg")
	if _, err := o.ApplyGone(t.Context(), o.now, first.ID, "pg", []flows.Unit{g.Items[0].Unit}, nil); err != nil {
		t.Fatal(err)
	}
	if !o.held[id] {
		t.Fatal("the target keeps it")
	}
	o.after(48 * time.Hour)
	o.want()
}
