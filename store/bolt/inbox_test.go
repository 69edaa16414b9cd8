package bolt_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

func receive(t testing.TB, s *bolt.Store, key string, at time.Time) bool {
	t.Helper()
	fresh, err := s.Receive(t.Context(), at, flows.Delivery{Key: key, Source: "slack", Payload: []byte("p-" + key)})
	if err != nil {
		t.Fatal(err)
	}
	return fresh
}

func undone(t testing.TB, s *bolt.Store) []string {
	t.Helper()
	var out []string
	for _, d := range must[[]flows.Delivery](t)(s.Undone(100)) {
		out = append(out, d.Key)
	}
	return out
}

func TestInbox(t *testing.T) {
	s := open(t)
	for i, key := range []string{"b", "a", "c"} {
		if !receive(t, s, key, after(time.Duration(i)*time.Second)) {
			t.Errorf("%s is new and was not fresh", key)
		}
	}
	if receive(t, s, "a", after(time.Hour)) {
		t.Error("a repeat was fresh")
	}
	if diff := cmp.Diff([]string{"b", "a", "c"}, undone(t, s)); diff != "" {
		t.Errorf("undone (-want +got):\n%s", diff)
	}
	first := must[[]flows.Delivery](t)(s.Undone(1))
	want := []flows.Delivery{{Key: "b", At: start, Source: "slack", Payload: []byte("p-b")}}
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("the oldest (-want +got):\n%s", diff)
	}
	for range 2 {
		if err := s.Finish(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
	}
	if receive(t, s, "a", after(time.Hour)) {
		t.Error("a repeat of a finished one was fresh")
	}
	crashed := storetest.Crash(t, s)
	if diff := cmp.Diff([]string{"b", "c"}, undone(t, crashed)); diff != "" {
		t.Errorf("undone after a crash (-want +got):\n%s", diff)
	}
	if _, err := s.Receive(t.Context(), start, flows.Delivery{}); err == nil {
		t.Error("a delivery without a key was received")
	}
}

func TestPruneDeliveries(t *testing.T) {
	s := open(t)
	for i, key := range []string{"old undone", "old done", "young done"} {
		receive(t, s, key, after(time.Duration(i)*time.Minute))
	}
	submit(t, s, start, "old undone", draft("alice", "pg", "orders"))
	submit(t, s, after(-1), "older", draft("alice", "pg", "orders"))
	for _, key := range []string{"old done", "young done"} {
		if err := s.Finish(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	now := after(time.Hour + 2*time.Minute) // "young done" is exactly an hour old
	if n := must[int](t)(s.PruneDeliveries(t.Context(), now, time.Nanosecond)); n != 1 {
		t.Errorf("%d deliveries went, want 1", n)
	}
	for key, want := range map[string]bool{"old undone": false, "old done": true, "young done": false} {
		if got := receive(t, s, key, now); got != want {
			t.Errorf("%s: fresh is %v, want %v", key, got, want)
		}
	}
	// The unfinished delivery may submit again, however old it is by now.
	if got := ids(submit(t, s, now, "old undone", draft("alice", "pg", "orders"))); !cmp.Equal(got, []string{"AR-1"}) {
		t.Errorf("the repeat of a submission made %v", got)
	}
	if got := ids(submit(t, s, now, "older", draft("alice", "pg", "orders"))); !cmp.Equal(got, []string{"AR-3"}) {
		t.Errorf("a submission that was forgotten gave %v", got)
	}
	if err := s.Finish(t.Context(), "old undone"); err != nil {
		t.Fatal(err)
	}
	if n := must[int](t)(s.PruneDeliveries(t.Context(), now.Add(24*time.Hour), time.Hour)); n != 2 {
		t.Errorf("%d deliveries went, want 2", n)
	}
	if got := ids(submit(t, s, now, "old undone", draft("alice", "pg", "orders"))); !cmp.Equal(got, []string{"AR-4"}) {
		t.Errorf("a submission that was forgotten gave %v", got)
	}
}
