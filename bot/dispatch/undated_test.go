package dispatch

import (
	"context"
	"testing"
	"time"

	"apono/flows"
	"apono/provision"
)

// twoSystems is a request over a system that ends access by itself and one that takes
// until a moment to be granted.
func twoSystems(s *story, slow time.Duration) (*expiring, flows.Request) {
	db, hook := &expiring{target: s.target("db")}, s.target("hook")
	db.fields = []provision.Field{{Name: "Password", Value: "pass", Secret: true}}
	ready := time.Now().Add(slow)
	hook.onGrant = func(context.Context, int) error {
		if time.Now().Before(ready) {
			return retryErr(0)
		}
		return nil
	}
	s.targets["db"], s.targets["hook"] = db, hook
	return db, s.submit(s, ask(unit("db", "orders"), unit("hook", "deploy")))
}

// told is the end that the target knows.
func (d *expiring) told() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := len(d.ends); n > 0 {
		return d.ends[n-1]
	}
	return d.grants[0].NotAfter
}

func (d *expiring) tellings() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.ends)
}

// TestSecondLockClosesWithTheFirst: a request over several systems has its end once
// all have answered. Then the target that closes by itself is told, and its lock is
// the usual bit late and not half an hour.
func TestSecondLockClosesWithTheFirst(t *testing.T) {
	for name, slow := range map[string]time.Duration{"all answer at once": 0, "one takes twenty minutes": 20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(s *story) {
				db, r := twoSystems(s, slow)
				s.start()
				s.after(slow + 10*time.Minute)
				r = s.get(s, r.ID)
				if r.State != flows.StateActive {
					t.Fatalf("%s", r.State)
				}
				if late := db.told().Sub(r.EndsAt); late != expirySlack {
					t.Errorf("the target closes %s after the end, want %s", late, expirySlack)
				}
				if g := r.Groups[0]; g.Undated || g.Issue != 1 || db.granted != 1 || g.ExtendProblem != "" {
					t.Errorf("granted %d times: %+v", db.granted, g)
				}
				if left := s.waiting(flows.LaneTarget); left != nil {
					t.Errorf("tasks left: %v", left)
				}
			})
		})
	}
}

// TestGrantOfOneSystemIsDatedAtOnce: nobody is asked twice for what is known.
func TestGrantOfOneSystemIsDatedAtOnce(t *testing.T) {
	tell(t, func(s *story) {
		db := &expiring{target: s.target("db")}
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		if r = s.get(s, r.ID); db.tellings() != 0 || !db.told().Equal(r.EndsAt.Add(expirySlack)) {
			t.Errorf("told %d times, and %s of %s", db.tellings(), db.told(), r.EndsAt)
		}
	})
}

// TestEndIsToldUntilTheTargetListens: neither an outage nor a crash nor a refusal costs
// the access, and no end is forgotten.
func TestEndIsToldUntilTheTargetListens(t *testing.T) {
	t.Run("an outage, and the bot restarts in it", func(t *testing.T) {
		tell(t, func(s *story) {
			db, r := twoSystems(s, 0)
			back := time.Now().Add(20 * time.Minute)
			db.onExtend = func(int) error {
				if time.Now().Before(back) {
					return unknownErr()
				}
				return nil
			}
			s.start()
			s.after(time.Minute)
			if got := s.get(s, r.ID); got.State != flows.StateActive || !got.Groups[0].Undated {
				t.Fatalf("%s %+v", got.State, got.Groups[0])
			}
			s.end()
			s.start()
			s.after(30 * time.Minute)
			if r = s.get(s, r.ID); r.Groups[0].Undated || !db.told().Equal(r.EndsAt.Add(expirySlack)) {
				t.Errorf("told %s of %s: %+v", db.told(), r.EndsAt, r.Groups[0])
			}
		})
	})
	t.Run("refused", func(t *testing.T) {
		tell(t, func(s *story) {
			db, r := twoSystems(s, 0)
			db.onExtend = func(int) error { return refusedErr() }
			s.start()
			s.after(time.Minute)
			r = s.get(s, r.ID)
			if g := r.Groups[0]; g.Undated || g.Status != flows.GroupGranted || g.ExtendProblem != "" || db.tellings() != 1 || len(db.holds()) != 1 {
				t.Errorf("told %d times: %+v", db.tellings(), g)
			}
		})
	})
	t.Run("more time is asked for while it is told", func(t *testing.T) {
		tell(t, func(s *story) {
			db, r := twoSystems(s, 0)
			extended := false
			db.onExtend = func(int) error {
				if !extended {
					extended = true
					s.must(s, r.ID, extendBy(time.Hour))
				}
				return nil
			}
			s.start()
			s.after(time.Minute)
			r = s.get(s, r.ID)
			if g := r.Groups[0]; g.Extending || g.Undated || !db.told().Equal(r.EndsAt.Add(expirySlack)) {
				t.Errorf("told %s of %s: %+v", db.told(), r.EndsAt, g)
			}
		})
	})
	t.Run("it ends before it was told", func(t *testing.T) {
		tell(t, func(s *story) {
			db, r := twoSystems(s, 0)
			db.onExtend = func(int) error { return retryErr(0) }
			s.start()
			s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
			s.after(10 * time.Minute)
			if got := s.get(s, r.ID); got.State != flows.StateRevoked || len(db.holds()) != 0 {
				t.Errorf("%s, holds %v", got.State, db.holds())
			}
		})
	})
}

// TestTargetThatCannotBeToldIsNotAsked: without a way to tell, another grant would
// bring other credentials; the bot's own revoke is the first lock.
func TestTargetThatCannotBeToldIsNotAsked(t *testing.T) {
	tell(t, func(s *story) {
		db, hook := regranting{s.target("db")}, s.target("hook")
		s.targets["db"], s.targets["hook"] = db, hook
		r := s.submit(s, ask(unit("db", "orders"), unit("hook", "deploy")))
		s.start()
		s.after(time.Minute)
		if g := s.get(s, r.ID).Groups[0]; g.Undated || db.granted != 1 {
			t.Errorf("granted %d times: %+v", db.granted, g)
		}
	})
}
