package dispatch

import (
	"context"
	"strings"
	"testing"
	"time"

	"apono/flows"
	"apono/provision"
)

// expiring is a target that ends access by itself, and is told of later ends.
type expiring struct {
	*target
	ends     []time.Time
	onExtend func(n int) error
}

func (*expiring) ExpiresNatively() bool { return true }

func (d *expiring) Extend(_ context.Context, g provision.Grant) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ends = append(d.ends, g.NotAfter)
	if d.onExtend != nil {
		return d.onExtend(len(d.ends))
	}
	return nil
}

// regranting ends access by itself, and learns of a later end by another grant.
type regranting struct{ *target }

func (regranting) ExpiresNatively() bool { return true }

func extendBy(d time.Duration) flows.Event {
	return flows.Event{Kind: flows.EventExtend, By: alice, Most: 1, Extend: &flows.Extension{For: d, Need: flows.Need{Automatic: true}}}
}

func TestExtend(t *testing.T) {
	granted := func(s *story, d provision.Driver) flows.Request {
		s.targets["db"] = d
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.must(s, r.ID, extendBy(time.Hour))
		s.after(0)
		return s.get(s, r.ID)
	}
	secret := []provision.Field{{Name: "Password", Value: "pass", Secret: true}}
	t.Run("a target that ends access by itself is told", func(t *testing.T) {
		tell(t, func(s *story) {
			db := &expiring{target: s.target("db"), onExtend: func(n int) error { return map[int]error{1: unknownErr(), 2: retryErr(0)}[n] }}
			db.fields = secret
			r := granted(s, db)
			s.after(time.Minute)
			r = s.get(s, r.ID)
			g := r.Groups[0]
			if len(db.ends) != 3 || !db.ends[2].Equal(r.EndsAt.Add(expirySlack)) || g.Extending || g.ExtendProblem != "" {
				t.Errorf("told %v of %s: %+v", db.ends, r.EndsAt, g)
			}
			if g.Issue != 1 || g.Secret != flows.SecretAvailable || db.granted != 1 {
				t.Errorf("granted %d times, credentials %+v", db.granted, g)
			}
			s.after(time.Until(r.EndsAt) - time.Minute)
			if len(db.holds()) != 1 {
				t.Error("the access ended before its end")
			}
		})
	})
	t.Run("one that the bot ends is not asked", func(t *testing.T) {
		tell(t, func(s *story) {
			db := s.target("db")
			r := granted(s, db)
			if g := r.Groups[0]; g.Extending || len(db.log()) != 1 {
				t.Errorf("%+v after %v", g, db.log())
			}
		})
	})
	t.Run("one that knows grants only is granted again", func(t *testing.T) {
		tell(t, func(s *story) {
			db := regranting{s.target("db")}
			db.fields = secret
			r := granted(s, db)
			if g := r.Groups[0]; db.granted != 2 || !db.last().NotAfter.Equal(r.EndsAt.Add(expirySlack)) || g.Extending || g.Issue != 2 {
				t.Errorf("granted %d times, the last until %s, and ends %s: %+v", db.granted, db.last().NotAfter, r.EndsAt, g)
			}
		})
	})
	t.Run("refused", func(t *testing.T) {
		tell(t, func(s *story) {
			db := &expiring{target: s.target("db"), onExtend: func(int) error { return refusedErr() }}
			r := granted(s, db)
			if g := r.Groups[0]; g.Extending || g.ExtendProblem != "There is no such role." || g.Status != flows.GroupGranted {
				t.Errorf("%+v", g)
			}
			if left := s.waiting(flows.LaneTarget); left != nil {
				t.Errorf("tasks left: %v", left)
			}
		})
	})
	t.Run("it ends while the target cannot be reached", func(t *testing.T) {
		tell(t, func(s *story) {
			db := &expiring{target: s.target("db"), onExtend: func(int) error { return retryErr(0) }}
			r := granted(s, db)
			s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
			s.after(time.Minute)
			if got := s.status(r.ID, "db"); got != flows.GroupRevoked || len(db.holds()) != 0 {
				t.Errorf("%s, holds %v", got, db.holds())
			}
			if log := strings.Join(db.log(), "\n"); strings.Count(log, "revoke") != 1 {
				t.Errorf("calls:\n%s", log)
			}
		})
	})
	t.Run("another holder is not touched", func(t *testing.T) {
		tell(t, func(s *story) {
			db := s.target("db")
			db.shared, db.byUser = true, true
			s.targets["db"] = db
			one, two := s.submit(s, ask(unit("db", "orders"))), s.submit(s, ask(unit("db", "orders")))
			s.start()
			s.must(s, one.ID, extendBy(time.Hour))
			s.after(0)
			s.must(s, two.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
			s.after(time.Second)
			if len(db.holds()) != 1 {
				t.Error("with the other access went the one that was extended")
			}
			s.must(s, one.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
			s.after(time.Second)
			if len(db.holds()) != 0 {
				t.Errorf("left: %v", db.holds())
			}
		})
	})
}
