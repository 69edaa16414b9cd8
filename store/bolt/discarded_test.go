package bolt_test

import (
	"testing"
	"time"

	"apono/flows"
	"apono/store/storetest"
)

// TestDiscarded: the plan that somebody discarded outlives a crash, comes with what the
// trail says of it, and can be forgotten.
func TestDiscarded(t *testing.T) {
	s := storetest.Open(t)
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	is := func(when, want string) {
		t.Helper()
		if got, err := s.Discarded(); got != want || err != nil {
			t.Errorf("%s: %q, %v", when, got, err)
		}
	}
	is("at first", "")
	for _, plan := range []string{"one", "two"} {
		if err := s.RecordDiscarded(t.Context(), at, plan, flows.Fact{Kind: flows.FactOperator, Text: "Eve kept it."}); err != nil {
			t.Fatal(err)
		}
	}
	s = storetest.Crash(t, s)
	is("after a crash", "two")
	if events, err := s.Audit(1, 10); err != nil || len(events) != 2 || events[1].Fact.Text != "Eve kept it." {
		t.Errorf("%+v, %v", events, err)
	}
	for range 2 {
		if err := s.ForgetDiscarded(t.Context()); err != nil {
			t.Fatal(err)
		}
		is("forgotten", "")
	}
}
