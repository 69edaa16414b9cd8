package dispatch

import (
	"context"
	"testing"
	"time"

	"apono/flows"

	"github.com/google/go-cmp/cmp"
)

func revoke(s *story, id string) {
	s.Helper()
	s.must(s, id, flows.Event{Kind: flows.EventRevoke, By: alice})
	s.after(0)
}

// TestOverlappingGrants: the earlier end takes nothing away, the later one takes
// all, on targets that keep grants apart by id and on those that know users only.
func TestOverlappingGrants(t *testing.T) {
	for name, byUser := range map[string]bool{"by grant id": false, "by user": true} {
		t.Run(name, func(t *testing.T) {
			tell(t, func(s *story) {
				group := s.target("group")
				group.shared, group.byUser = true, byUser
				s.targets["group"] = group
				first := s.submit(s, ask(unit("group", "a"), unit("group", "b")))
				second := s.submit(s, ask(unit("group", "b"), unit("group", "c")))
				s.start()

				revoke(s, first.ID)
				// b stays: the second request holds it.
				if got := s.get(s, first.ID).State; got != flows.StateRevoked {
					t.Errorf("the first is %s", got)
				}
				want := map[bool][]string{
					true:  {"alice@example.com b", "alice@example.com c"},
					false: {"AR-1/group b", "AR-2/group b", "AR-2/group c"},
				}[byUser]
				if diff := cmp.Diff(want, group.holds()); diff != "" {
					t.Errorf("after the earlier end (-want +got):\n%s", diff)
				}
				if g := group.last(); len(g.Held) != 2 || g.Held[0].Resource != "b" || g.Held[1].Resource != "c" {
					t.Errorf("the target was told that %+v live on", g.Held)
				}

				revoke(s, second.ID)
				if held := group.holds(); len(held) != 0 {
					t.Errorf("after the later end the target holds %v", held)
				}
				wantCalls := []string{
					"grant AR-1/group a+b", "grant AR-2/group b+c",
					"revoke AR-1/group a", "revoke AR-2/group b+c", "revoke AR-1/group b",
				}
				if diff := cmp.Diff(wantCalls, group.log()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if len(s.released) != 0 {
					t.Errorf("still on record as left behind: %v", s.released)
				}
			})
		})
	}
}

func TestWhatIsKeptAsAWholeIsNotTouched(t *testing.T) {
	tell(t, func(s *story) {
		group := s.target("group")
		group.shared, group.byUser = true, true
		s.targets["group"] = group
		first := s.submit(s, ask(unit("group", "a")))
		s.submit(s, ask(unit("group", "a")))
		s.start()
		revoke(s, first.ID)
		if diff := cmp.Diff([]string{"grant AR-1/group a", "grant AR-2/group a"}, group.log()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if got := s.get(s, first.ID).State; got != flows.StateRevoked {
			t.Errorf("the first is %s", got)
		}
	})
}

// TestEveryOrderOfThreeHolders ends three overlapping grants in each order.
func TestEveryOrderOfThreeHolders(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for _, byUser := range []bool{true, false} {
			tell(t, func(s *story) {
				group := s.target("group")
				group.shared, group.byUser = true, byUser
				s.targets["group"] = group
				items := [][]flows.Item{
					{unit("group", "a"), unit("group", "b")}, {unit("group", "b"), unit("group", "c")}, {unit("group", "a"), unit("group", "c")},
				}
				var requests []flows.Request
				for _, it := range items {
					requests = append(requests, s.submit(s, ask(it...)))
				}
				s.start()
				for n, i := range order {
					revoke(s, requests[i].ID)
					for _, j := range order[n+1:] {
						for _, it := range items[j] {
							key := "alice@example.com " + it.Resource
							if !byUser {
								key = requests[j].GrantID("group") + " " + it.Resource
							}
							if !group.held[key] {
								t.Errorf("order %v: the end of %s took %s away from %s", order, requests[i].ID, it.Resource, requests[j].ID)
							}
						}
					}
				}
				if held := group.holds(); len(held) != 0 || len(s.released) != 0 {
					t.Errorf("order %v, by user %v: left %v, on record %v", order, byUser, held, s.released)
				}
			})
		}
	}
}

// TestHolderThatIsBeingGrantedCounts: its grant may have taken effect already.
func TestHolderThatIsBeingGrantedCounts(t *testing.T) {
	tell(t, func(s *story) {
		group := s.target("group")
		group.shared, group.byUser = true, true
		s.targets["group"] = group
		first := s.submit(s, ask(unit("group", "a")))
		s.start()
		lost := true
		group.onGrant = func(context.Context, int) error {
			if lost {
				group.held["alice@example.com a"] = true
				return unknownErr()
			}
			return nil
		}
		second := s.submit(s, ask(unit("group", "a")))
		s.after(0)
		revoke(s, first.ID)
		if len(group.holds()) != 1 {
			t.Error("the end of the first took away what the second was about to confirm")
		}
		// The second fails for good; then nobody holds it any more.
		s.after(GrantDeadline + time.Minute)
		if got := s.get(s, second.ID).State; got != flows.StateFailed || len(group.holds()) != 0 {
			t.Errorf("the second is %s, the target holds %v", got, group.holds())
		}
		if len(s.released) != 0 {
			t.Errorf("still on record as left behind: %v", s.released)
		}
	})
}

// TestRevokeThatFailsHalfWay repeats all of it, the left behind included.
func TestRevokeThatFailsHalfWay(t *testing.T) {
	tell(t, func(s *story) {
		group := s.target("group")
		group.shared = true
		s.targets["group"] = group
		first := s.submit(s, ask(unit("group", "a")))
		second := s.submit(s, ask(unit("group", "a")))
		s.start()
		revoke(s, first.ID)
		group.onRevoke = func(_ context.Context, n int) error { return map[int]error{2: unknownErr()}[n] }
		revoke(s, second.ID)
		if got := s.status(second.ID, "group"); got != flows.GroupRevoking {
			t.Errorf("%s though what was left behind was not confirmed", got)
		}
		s.after(time.Second)
		if got := s.status(second.ID, "group"); got != flows.GroupRevoked || len(group.holds()) != 0 {
			t.Errorf("%s, the target holds %v", got, group.holds())
		}
	})
}

// TestLastOfSeveralPeople: holders are counted per person.
func TestLastOfSeveralPeople(t *testing.T) {
	tell(t, func(s *story) {
		group := s.target("group")
		group.shared, group.byUser = true, true
		s.targets["group"] = group
		first := s.submit(s, ask(unit("group", "a")))
		other := ask(unit("group", "a"))
		other.Requestor, other.Grantee = person(1), person(1)
		s.submit(s, other)
		s.start()
		revoke(s, first.ID)
		if diff := cmp.Diff([]string{"p1@example.com a"}, group.holds()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestCallNamesTheAct: a repeat of the same act has the same name, another act
// of the same grant has another.
func TestCallNamesTheAct(t *testing.T) {
	tell(t, func(s *story) {
		group := s.target("group")
		group.shared = true
		s.targets["group"] = group
		first := s.submit(s, ask(unit("group", "a"), unit("group", "b")))
		second := s.submit(s, ask(unit("group", "b")))
		s.start()
		group.onRevoke = func(_ context.Context, n int) error { return map[int]error{1: unknownErr()}[n] }
		revoke(s, first.ID) // a, of unknown outcome
		revoke(s, second.ID)
		s.after(time.Second) // a and b
		calls := map[string]string{}
		for i, g := range group.grants {
			what := group.calls[i]
			if seen, ok := calls[g.Call]; ok && seen != what {
				t.Errorf("%q names both %q and %q", g.Call, seen, what)
			}
			calls[g.Call] = what
		}
		if len(group.holds()) != 0 {
			t.Errorf("the target holds %v after %v", group.holds(), group.log())
		}
	})
}
