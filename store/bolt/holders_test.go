package bolt_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

func wantHolders(t testing.TB, s *bolt.Store, when, who string, u flows.Unit, live, released []string) {
	t.Helper()
	gotLive, gotReleased, err := s.Holders(who, u)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([2][]string{live, released}, [2][]string{gotLive, gotReleased}); diff != "" {
		t.Errorf("%s: live and released holders of %s (-want +got):\n%s", when, u.Resource, diff)
	}
}

func revoke(t testing.TB, s *bolt.Store, id string) {
	t.Helper()
	apply(t, s, after(time.Minute), id, flows.Event{Kind: flows.EventRevoke, By: person("alice")})
}

// Two requests hold one membership. The first to end leaves it; the second takes
// it away for both.
func TestTheLastHolderRevokesForAll(t *testing.T) {
	s := open(t)
	orders, users := unit("pg", "orders"), unit("pg", "users")
	submit(t, s, start, "k", draft("alice", "pg", "orders", "pg", "users"), draft("alice", "pg", "orders"), draft("dave", "pg", "orders"))
	wantHolders(t, s, "pending", "alice@example.com", orders, nil, nil)
	for _, id := range []string{"AR-1", "AR-2", "AR-3"} {
		apply(t, s, start, id, approve("bob"))
	}
	wantHolders(t, s, "granting", "Alice@Example.com", orders, []string{"AR-1/pg", "AR-2/pg"}, nil)
	for _, id := range []string{"AR-1", "AR-2", "AR-3"} {
		apply(t, s, start, id, flows.Event{Kind: flows.EventGranted, Integration: "pg"})
	}
	revoke(t, s, "AR-1")
	wantHolders(t, s, "the first is ending", "alice@example.com", orders, []string{"AR-2/pg"}, nil)
	wantHolders(t, s, "the first is ending", "alice@example.com", users, nil, nil)
	r, err := s.ApplyGone(t.Context(), start, "AR-1", "pg", []flows.Unit{orders}, nil)
	if err != nil || r.State != flows.StateRevoked {
		t.Fatalf("the first is %s, %v", r.State, err)
	}
	wantHolders(t, s, "the first is over", "alice@example.com", orders, []string{"AR-2/pg"}, []string{"AR-1/pg"})
	wantHolders(t, s, "the first is over", "alice@example.com", users, nil, nil)

	revoke(t, s, "AR-2")
	_, err = s.Apply(t.Context(), start, "AR-2", flows.Event{Kind: flows.EventGone, Integration: "pg"})
	wantIs(t, err, store.ErrStale)
	_, err = s.ApplyGone(t.Context(), start, "AR-2", "pg", []flows.Unit{orders}, nil)
	wantIs(t, err, store.ErrStale)
	wantHolders(t, s, "refused", "alice@example.com", orders, nil, []string{"AR-1/pg"})
	if _, err = s.ApplyGone(t.Context(), start, "AR-2", "pg", nil, []string{"AR-1/pg"}); err != nil {
		t.Fatal(err)
	}
	wantHolders(t, s, "nobody is left", "alice@example.com", orders, nil, nil)
	wantHolders(t, s, "somebody else", "dave@example.com", orders, []string{"AR-3/pg"}, nil)
}

func TestGoneOfWhatIsNotThere(t *testing.T) {
	s := open(t)
	submit(t, s, start, "k", draft("alice", "pg", "orders"))
	activate(t, s, start, "AR-1")
	_, err := s.ApplyGone(t.Context(), start, "AR-9", "pg", nil, nil)
	wantCode(t, err, flows.CodeNotFound)
	_, err = s.ApplyGone(t.Context(), start, "AR-1", "pg", nil, nil)
	wantCode(t, err, flows.CodeLate) // nobody has asked to revoke it
	revoke(t, s, "AR-1")
	_, err = s.ApplyGone(t.Context(), start, "AR-1", "k8s", nil, nil)
	wantCode(t, err, flows.CodeNotFound)
	if _, err = s.ApplyGone(t.Context(), start, "AR-1", "pg", []flows.Unit{unit("pg", "users")}, nil); err == nil {
		t.Error("a unit was left that the group does not hold")
	}
	if got := must[flows.Request](t)(s.Request("AR-1")); got.State != flows.StateRevoking {
		t.Errorf("refused, and yet it is %s", got.State)
	}
	// Releases of others are not this grant's to drop, unknown names harm nothing.
	if _, err = s.ApplyGone(t.Context(), start, "AR-1", "pg", nil, []string{"AR-7/pg"}); err != nil {
		t.Error(err)
	}
}

// Three holders end in the order 1, 3, 2: released ones add up, and a grant that
// comes anew is a live holder again.
func TestReleasedGrantsAddUp(t *testing.T) {
	s := open(t)
	u := unit("pg", "orders")
	submit(t, s, start, "k", draft("alice", "pg", "orders"), draft("alice", "pg", "orders"), draft("alice", "pg", "orders"))
	for _, id := range []string{"AR-1", "AR-2", "AR-3"} {
		activate(t, s, start, id)
	}
	for _, id := range []string{"AR-1", "AR-3"} {
		revoke(t, s, id)
		if _, err := s.ApplyGone(t.Context(), start, id, "pg", []flows.Unit{u}, nil); err != nil {
			t.Fatal(err)
		}
	}
	wantHolders(t, s, "two are over", "alice@example.com", u, []string{"AR-2/pg"}, []string{"AR-1/pg", "AR-3/pg"})
	submit(t, s, start, "k2", draft("alice", "pg", "orders"))
	activate(t, s, start, "AR-4")
	revoke(t, s, "AR-2")
	// A real revoke of the unit while another one holds it is the caller's choice
	// (an integration that does not share); what is released stays for AR-4.
	if _, err := s.ApplyGone(t.Context(), start, "AR-2", "pg", nil, []string{"AR-1/pg"}); err != nil {
		t.Fatal(err)
	}
	wantHolders(t, s, "one is left", "alice@example.com", u, []string{"AR-4/pg"}, []string{"AR-3/pg"})
	revoke(t, s, "AR-4")
	if _, err := s.ApplyGone(t.Context(), start, "AR-4", "pg", nil, []string{"AR-3/pg"}); err != nil {
		t.Fatal(err)
	}
	wantHolders(t, s, "nobody is left", "alice@example.com", u, nil, nil)
}

// Names that would run together if they were merely joined are different units.
func TestUnitsAreNotConfused(t *testing.T) {
	s := open(t)
	a, b := draft("alice", "pg", "AR-1/pg"), draft("alice", "pg", "x")
	a.Groups[0].Items[0].ResourceType, a.Groups[0].Items[0].Permission = "ab", "c"
	b.Groups[0].Items[0].ResourceType, b.Groups[0].Items[0].Permission = "a", "bc"
	b.Groups[0].Items[0].Resource = "AR-1/pg"
	submit(t, s, start, "k", a, b)
	apply(t, s, start, "AR-1", approve("bob"))
	apply(t, s, start, "AR-2", approve("bob"))
	wantHolders(t, s, "one", "alice@example.com", a.Groups[0].Items[0].Unit, []string{"AR-1/pg"}, nil)
	wantHolders(t, s, "other", "alice@example.com", b.Groups[0].Items[0].Unit, []string{"AR-2/pg"}, nil)
	want := []flows.Unit{b.Groups[0].Items[0].Unit, a.Groups[0].Items[0].Unit}
	if diff := cmp.Diff(want, must[[]flows.Unit](t)(s.Held("alice@example.com", "pg"))); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	if got := must[[]flows.Unit](t)(s.Held("alice@example.com", "p")); got != nil {
		t.Errorf("held in an integration that is the beginning of another: %v", got)
	}
}

// TestDeclaredGone: the operator's word counts holders as a target's does. What another
// grant holds stays on record as left to it, and with the last one all goes.
func TestDeclaredGone(t *testing.T) {
	s := open(t)
	u := unit("pg", "orders")
	submit(t, s, start, "k", draft("alice", "pg", "orders"), draft("alice", "pg", "orders"))
	activate(t, s, start, "AR-1")
	activate(t, s, start, "AR-2")
	declare := func(id string) (flows.Request, error) {
		return s.Apply(t.Context(), start, id, flows.Event{Kind: flows.EventConfirmGone, Integration: "pg", By: flows.TheOperator})
	}
	_, err := declare("AR-1")
	wantCode(t, err, flows.CodeLate) // nobody has asked to revoke it
	revoke(t, s, "AR-1")
	if r, err := declare("AR-1"); err != nil || r.State != flows.StateRevoked || !r.Groups[0].DeclaredGone {
		t.Fatalf("the first is %s, %v", r.State, err)
	}
	wantHolders(t, s, "the first is over", "alice@example.com", u, []string{"AR-2/pg"}, []string{"AR-1/pg"})
	revoke(t, s, "AR-2")
	if r, err := declare("AR-2"); err != nil || r.State != flows.StateRevoked {
		t.Fatalf("the second is %s, %v", r.State, err)
	}
	wantHolders(t, s, "nobody is left", "alice@example.com", u, nil, nil)
}
