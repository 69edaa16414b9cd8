package dispatch

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

// TestRevokedWhileItIsGranted ends a request while the target is still at it.
func TestRevokedWhileItIsGranted(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.took = 10 * time.Second
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.after(5 * time.Second)
		s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
		s.after(5 * time.Second)
		if diff := cmp.Diff([]string{"AR-1/db orders"}, db.holds()); diff != "" {
			t.Fatal(diff)
		}
		s.after(10 * time.Second)
		if r = s.get(s, r.ID); r.State != flows.StateRevoked || len(db.holds()) != 0 {
			t.Errorf("%s, target holds %v", r.State, db.holds())
		}
		if diff := cmp.Diff([]Result{ResultLate, ResultDone}, s.results()); diff != "" {
			t.Error(diff)
		}
		if db.together() != 1 {
			t.Error("the revoke did not wait for the grant")
		}
	})
}

func TestRevokeIsTriedUntilTheTargetConfirms(t *testing.T) {
	for name, failure := range map[string]error{"busy": retryErr(0), "refused": refusedErr(), "unknown": unknownErr()} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(s *story) {
				db := s.target("db")
				var at []time.Time
				back := false
				db.onRevoke = func(context.Context, int) error {
					at = append(at, time.Now())
					if back {
						return nil
					}
					return failure
				}
				s.targets["db"] = db
				r := s.submit(s, ask(unit("db", "orders")))
				s.start()
				s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
				s.after(24 * time.Hour)
				if got := s.status(r.ID, "db"); got != flows.GroupRevoking {
					t.Fatalf("%s while the target does not confirm", got)
				}
				for i := 1; i < len(at); i++ {
					if gap := at[i].Sub(at[i-1]); gap > time.Minute || gap < time.Second*3/4 {
						t.Fatalf("try %d came after %s", i+1, gap)
					}
				}
				if task, _ := s.task("target/AR-1/db"); task.Problem == "" || task.Tries < 1440 {
					t.Errorf("the operator sees %+v", task)
				}
				back = true
				s.after(time.Minute)
				if r = s.get(s, r.ID); r.State != flows.StateRevoked || len(db.holds()) != 0 {
					t.Errorf("%s, target holds %v a minute after it is back", r.State, db.holds())
				}
			})
		})
	}
}

// TestRevokeFollowsGrantTriesAtOnce: a grant that is backed off does not put off
// the revoke that takes its place.
func TestRevokeFollowsGrantTriesAtOnce(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.onGrant = func(context.Context, int) error { return retryErr(0) }
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.after(20 * time.Minute)
		s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
		s.after(0)
		if r = s.get(s, r.ID); r.State != flows.StateRevoked {
			t.Errorf("%s right after the revoke", r.State)
		}
	})
}

// TestCrashBetweenActAndRecord loses the store in the middle of each act, and
// starts again.
func TestCrashBetweenActAndRecord(t *testing.T) {
	for _, verb := range []string{"grant", "revoke"} {
		t.Run(verb, func(t *testing.T) {
			tell(t, func(s *story) {
				db := s.target("db")
				crash := func(context.Context, int) error { s.breakDown(errDown); return nil }
				s.targets["db"] = db
				r := s.submit(s, ask(unit("db", "orders")))
				if verb == "grant" {
					db.onGrant = crash
					s.start()
				} else {
					db.onRevoke = crash
					s.start()
					s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
					s.after(0)
				}
				s.end()
				db.onGrant, db.onRevoke = nil, nil
				s.breakDown(nil)
				s.start()
				want := flows.GroupGranted
				if verb == "revoke" {
					want = flows.GroupRevoked
				}
				if got := s.status(r.ID, "db"); got != want {
					t.Errorf("%s after the start", got)
				}
				calls := db.log()
				if last := len(calls) - 1; calls[last] != calls[last-1] || db.grants[last].Call != db.grants[last-1].Call {
					t.Errorf("the repeat is another act: %v", calls)
				}
			})
		})
	}
}

// TestCrashBetweenRecordAndDone repeats a task whose outcome is recorded.
func TestCrashBetweenRecordAndDone(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		task, _ := s.task("target/AR-1/db")
		s.start()
		s.end()
		s.tasks[task.Key] = task // Done was never committed
		s.start()
		if got := s.status(r.ID, "db"); got != flows.GroupGranted || len(db.log()) != 1 {
			t.Errorf("%s after %v", got, db.log())
		}
		if left := s.waiting(flows.LaneTarget); left != nil {
			t.Errorf("tasks left: %v", left)
		}
	})
}

// TestBrokenStoreIsNotHammered: an act whose record fails is not repeated at once.
func TestBrokenStoreIsNotHammered(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.onGrant = func(context.Context, int) error { s.breakDown(errDown); return nil }
		s.targets["db"] = db
		s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.after(10 * time.Second)
		if n := len(db.log()); n < 2 || n > 11 {
			t.Errorf("%d grants in 10 s", n)
		}
		s.breakDown(nil)
		db.onGrant = nil
		s.after(2 * time.Second)
		if got := s.status("AR-1", "db"); got != flows.GroupGranted {
			t.Errorf("%s once the store is back", got)
		}
	})
}

func TestTaskOfUnknownRequestIsStruckOff(t *testing.T) {
	tell(t, func(s *story) {
		s.wants(time.Now(), flows.Effect{Kind: flows.EffectTarget, Request: "AR-99", Integration: "db"})
		r := s.submit(s, ask(unit("other", "x")))
		s.wants(time.Now(), flows.Effect{Kind: flows.EffectTarget, Request: r.ID, Integration: "db"})
		s.targets["other"] = s.target("other")
		s.start()
		if left := s.waiting(flows.LaneTarget); left != nil {
			t.Errorf("tasks left: %v", left)
		}
	})
}

// TestWhyARevokeFailsIsKept for the admins, and written only when it changes.
func TestWhyARevokeFailsIsKept(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.onRevoke = func(context.Context, int) error { return refusedErr() }
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
		s.after(time.Hour)
		first := s.get(s, r.ID)
		if got := first.Groups[0].RevokeProblem; got != "There is no such role." {
			t.Errorf("kept %q", got)
		}
		s.end()
		delete(s.targets, "db")
		s.start()
		s.after(time.Hour)
		r = s.get(s, r.ID)
		if got := r.Groups[0].RevokeProblem; got != "The configuration does not connect it any more." || r.Version != first.Version+1 {
			t.Errorf("kept %q in version %d after %d", got, r.Version, first.Version)
		}
	})
}

// witness writes down which grants a target is asked for.
type witness struct {
	*target
	asked []provision.Grant
}

func (d *witness) Grant(ctx context.Context, g provision.Grant) (provision.Credentials, error) {
	d.asked = append(d.asked, g)
	return d.target.Grant(ctx, g)
}

func (d *witness) Revoke(ctx context.Context, g provision.Grant) error {
	d.asked = append(d.asked, g)
	return d.target.Revoke(ctx, g)
}

// TestARevokeNamesWhatWasGranted: what identifies a grant at the target is the same
// at both ends, whatever the id of the grant holds beside that of the request. A
// driver that finds nothing under another name would call the access gone.
func TestARevokeNamesWhatWasGranted(t *testing.T) {
	for _, stamp := range []string{"", "7kq2m4xa"} {
		tell(t, func(s *story) {
			db := &witness{target: s.target("db")}
			s.targets["db"] = db
			draft := ask(unit("db", "orders"))
			draft.Stamp = stamp
			r := s.submit(s, draft)
			if r.Stamp != stamp {
				t.Fatalf("the request has the stamp %q", r.Stamp)
			}
			s.start()
			s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
			s.after(time.Second)
			if len(db.asked) != 2 {
				t.Fatalf("asked %d times", len(db.asked))
			}
			if len(db.holds()) > 0 {
				t.Errorf("stamp %q: the target still holds %v", stamp, db.holds())
			}
			for _, g := range db.asked {
				g.NotAfter, g.Call = time.Time{}, ""
				want := provision.Grant{ID: r.GrantID("db"), Request: "AR-1", Person: r.Grantee, Items: r.Groups[0].Items}
				if diff := cmp.Diff(want, g); diff != "" {
					t.Errorf("stamp %q (-want +got):\n%s", stamp, diff)
				}
			}
		})
	}
}
