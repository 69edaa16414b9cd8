package dispatch

import (
	"strings"
	"testing"
	"time"

	"apono/flows"
	"apono/provision"
)

func TestRotate(t *testing.T) {
	granted := func(s *story, d provision.Driver) flows.Request {
		s.targets["db"] = d
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.must(s, r.ID, flows.Event{Kind: flows.EventReset, By: alice, Integration: "db"})
		s.after(0)
		return r
	}
	t.Run("new credentials", func(t *testing.T) {
		tell(t, func(s *story) {
			db := &rotating{target: s.target("db"), onRotate: func(n int) error { return map[int]error{1: unknownErr()}[n] }}
			db.fields = []provision.Field{{Name: "Password", Value: "new", Secret: true}}
			r := granted(s, db)
			s.after(time.Second)
			r = s.get(s, r.ID)
			if g := r.Groups[0]; g.Resetting || g.Secret != flows.SecretAvailable || db.rotated != 2 {
				t.Errorf("%+v after %d rotations", g, db.rotated)
			}
			if g := db.last(); g.Call != "" || g.NotAfter.Before(r.EndsAt) {
				t.Errorf("rotated as %+v", g)
			}
		})
	})
	for _, tt := range []struct {
		name string
		err  error
		wait time.Duration
		want string
		most int // calls
	}{
		{"refused", refusedErr(), 0, "There is no such role.", 1},
		{"busy for too long", retryErr(0), RotateDeadline, "db could not be reached for 30 minutes. If the credentials you have do not work any more, reset them once more.", 20},
		{"unknown for too long", unknownErr(), RotateDeadline, "db could not be reached for 30 minutes. If the credentials you have do not work any more, reset them once more.", 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				db := &rotating{target: s.target("db"), onRotate: func(int) error { return tt.err }}
				db.fields = []provision.Field{{Name: "Password", Value: "old", Secret: true}}
				r := granted(s, db)
				s.after(max(0, tt.wait-time.Second))
				if g := s.get(s, r.ID).Groups[0]; tt.wait > 0 && !g.Resetting {
					t.Errorf("given up too early: %+v", g)
				}
				s.after(min(tt.wait, 2*time.Second))
				g := s.get(s, r.ID).Groups[0]
				if g.Resetting || g.ResetProblem != tt.want || g.Secret != flows.SecretAvailable || db.rotated > tt.most {
					t.Errorf("%+v after %d rotations", g, db.rotated)
				}
				if got := string(s.sealed["AR-1/db"]); !strings.Contains(got, "old") {
					t.Errorf("the credentials that nobody looked at are %q", got)
				}
				if left := s.waiting(flows.LaneTarget); left != nil {
					t.Errorf("tasks left: %v", left)
				}
			})
		})
	}
	t.Run("the driver cannot any more", func(t *testing.T) {
		tell(t, func(s *story) {
			db := &rotating{target: s.target("db"), onRotate: func(int) error { return retryErr(0) }}
			db.fields = []provision.Field{{Name: "Password", Value: "old", Secret: true}}
			r := granted(s, db)
			s.end()
			s.targets["db"] = db.target
			s.start()
			s.after(2 * time.Second)
			if g := s.get(s, r.ID).Groups[0]; g.Resetting || g.ResetProblem != "db issues no new credentials any more." {
				t.Errorf("%+v", g)
			}
		})
	})
	t.Run("nothing to reset", func(t *testing.T) {
		tell(t, func(s *story) {
			s.targets["db"] = &rotating{target: s.target("db")}
			r := s.submit(s, ask(unit("db", "orders")))
			s.start()
			if g := s.get(s, r.ID).Groups[0]; g.CanReset {
				t.Error("there are no credentials, and they can be reset")
			}
		})
	})
}
