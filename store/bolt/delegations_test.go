package bolt_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// TestDelegations: a person gives one at a time, each is told of once when it begins
// and once when it ends, and they are there after a restart.
func TestDelegations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	s := storetest.OpenAt(t, path, bolt.Options{NoSync: true})
	give := func(id, from, to string) flows.Delegation {
		t.Helper()
		d := flows.Delegation{
			ID: id, From: flows.PersonRef{Email: from + "@example.com", Name: from}, To: flows.PersonRef{Email: to + "@example.com", Name: to},
			Since: start, Until: start.Add(time.Hour),
		}
		if err := s.Delegate(t.Context(), start, d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := func(want ...flows.Delegation) {
		t.Helper()
		got, err := s.Delegations()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("delegations (-want +got):\n%s", diff)
		}
	}
	want()
	give("1", "alice", "bob")
	second := give("2", "alice", "carol") // in place of the first
	give("2", "alice", "carol")           // a repeat
	other := give("3", "bob", "carol")
	want(second, other)
	if _, err := s.EndDelegation(t.Context(), start, "1", second.From); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("the first, which is over, is ended: %v", err)
	}
	if err := s.Delegate(t.Context(), start, flows.Delegation{ID: "4"}); err == nil {
		t.Error("a delegation of nobody is kept")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = storetest.OpenAt(t, path, bolt.Options{NoSync: true})
	ended, err := s.EndDelegation(t.Context(), start.Add(time.Minute), "2", flows.PersonRef{})
	if diff := cmp.Diff(second, ended); diff != "" || err != nil {
		t.Errorf("ended %s %v", diff, err)
	}
	want(other)
	events, err := s.Audit(1, 100)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []flows.FactKind
	for _, e := range events {
		kinds = append(kinds, e.Fact.Kind)
		if e.Fact.Delegation == nil || e.Fact.Delegation.Until.IsZero() {
			t.Errorf("the trail does not say who handed what to whom until when: %+v", e.Fact)
		}
	}
	if diff := cmp.Diff([]flows.FactKind{flows.FactDelegated, flows.FactDelegated, flows.FactDelegated, flows.FactDelegationOver}, kinds); diff != "" {
		t.Errorf("the trail (-want +got):\n%s", diff)
	}
}
