package dispatch

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/flows"
)

// named is a target that knows which system it is, and lists what it holds.
type named struct {
	*target
	is     string
	broken error
}

func (d *named) Identity(context.Context) (string, error) { return d.is, d.broken }

func (d *named) List(context.Context) (ids []string, err error) {
	for _, key := range d.holds() {
		id, _, _ := strings.Cut(key, " ")
		ids = append(ids, id)
	}
	return slices.Compact(ids), nil
}

// TestRevokeElsewhereIsNoRevoke: the name of the integration leads to another system
// when the access ends. That holds nothing, and is not asked.
func TestRevokeElsewhereIsNoRevoke(t *testing.T) {
	tell(t, func(s *story) {
		old, other := &named{target: s.target("db"), is: "system 1"}, &named{target: s.target("db"), is: "system 2"}
		s.targets["db"] = old
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		if got := s.get(s, r.ID).Groups[0].Target; got != "system 1" {
			t.Errorf("granted in %q", got)
		}
		s.end()
		s.targets["db"] = other
		s.start()
		s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
		s.after(time.Hour)
		if got := s.status(r.ID, "db"); got != flows.GroupRevoking || len(other.log()) != 0 {
			t.Errorf("%s; the other system was asked %v", got, other.log())
		}
		task, _ := s.task("target/AR-1/db")
		if !strings.Contains(task.Problem, "not the system that the access was granted in") {
			t.Errorf("the operator sees %q", task.Problem)
		}
		s.end()
		s.targets["db"] = old
		s.start()
		s.after(time.Minute)
		if r = s.get(s, r.ID); r.State != flows.StateRevoked || len(old.holds()) != 0 {
			t.Errorf("%s, held %v", r.State, old.holds())
		}
	})
}

// TestIdentity: what else may be found behind the name.
func TestIdentity(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(d *named)
		state  flows.State
	}{
		{"an upgraded server has the grant", func(d *named) { d.is = "system 2" }, flows.StateRevoked},
		{"it cannot tell", func(d *named) { d.is, d.broken = "", unknownErr() }, flows.StateRevoking},
		{"it is the same", func(*named) {}, flows.StateRevoked},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				db := &named{target: s.target("db"), is: "system 1"}
				s.targets["db"] = db
				r := s.submit(s, ask(unit("db", "orders")))
				s.start()
				tt.change(db)
				s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
				s.after(10 * time.Minute)
				if got := s.get(s, r.ID).State; got != tt.state {
					t.Errorf("%s, want %s", got, tt.state)
				}
			})
		})
	}
}

// TestGrantElsewhere: a grant whose first try has no known outcome is not made a
// second time somewhere else; what the first system may hold is taken back there.
func TestGrantElsewhere(t *testing.T) {
	tell(t, func(s *story) {
		old, other := &named{target: s.target("db"), is: "system 1"}, &named{target: s.target("db"), is: "system 2"}
		old.onGrant = func(context.Context, int) error { return unknownErr() }
		s.targets["db"] = old
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.end()
		s.targets["db"] = other
		s.start()
		s.after(2 * time.Second)
		if g := s.get(s, r.ID).Groups[0]; g.Status != flows.GroupUndoing || len(other.log()) != 0 {
			t.Errorf("%s (%s); the other system was asked %v", g.Status, g.Problem, other.log())
		}
		s.end()
		s.targets["db"] = old
		s.start()
		s.after(time.Minute)
		if r = s.get(s, r.ID); r.State != flows.StateFailed {
			t.Errorf("%s once the first system is back", r.State)
		}
	})
}
