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

// TestSources: what sources said is there after a restart; a sync that brought
// nothing new keeps what was said and moves its time.
func TestSources(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	s := storetest.OpenAt(t, path, bolt.Options{NoSync: true})
	save := func(snap flows.SourceSnapshot) {
		t.Helper()
		if err := s.SaveSource(t.Context(), snap); err != nil {
			t.Fatal(err)
		}
	}
	want := func(want ...flows.SourceSnapshot) {
		t.Helper()
		got, err := s.Sources()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("sources (-want +got):\n%s", diff)
		}
	}
	want()
	people := flows.SourceSnapshot{Name: "people", Settings: "1", Synced: start, Digest: "d1", Data: []byte{0, 1, 255}}
	save(people)
	save(flows.SourceSnapshot{Name: "a/b", Settings: "2", Synced: start, Digest: "d2", Data: []byte("x")})
	people.Synced, people.Data = start.Add(time.Hour), nil
	save(people)
	if err := s.SaveSource(t.Context(), flows.SourceSnapshot{}); err == nil {
		t.Error("a source without a name is saved")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = storetest.OpenAt(t, path, bolt.Options{NoSync: true})
	people.Data = []byte{0, 1, 255}
	want(flows.SourceSnapshot{Name: "a/b", Settings: "2", Synced: start, Digest: "d2", Data: []byte("x")}, people)
	for range 2 {
		if err := s.ForgetSource(t.Context(), "a/b"); err != nil {
			t.Fatal(err)
		}
	}
	want(people)
}

// TestSourceToldOf: what a source said and the fact about it are one transaction.
func TestSourceToldOf(t *testing.T) {
	s := storetest.OpenAt(t, filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true})
	fact := flows.Fact{Kind: flows.FactOperator, Text: "new tags"}
	if err := s.SaveSourceTold(t.Context(), start, flows.SourceSnapshot{}, fact); err == nil {
		t.Error("a source without a name is saved")
	}
	look := func(sources, events int) {
		t.Helper()
		kept, err := s.Sources()
		if err != nil {
			t.Fatal(err)
		}
		trail, err := s.Audit(1, 9)
		if err != nil || len(kept) != sources || len(trail) != events {
			t.Errorf("%d sources, want %d; %d events, want %d: %v", len(kept), sources, len(trail), events, err)
		}
	}
	look(0, 0)
	if err := s.SaveSourceTold(t.Context(), start, flows.SourceSnapshot{Name: "tags", Data: []byte("x")}, fact); err != nil {
		t.Fatal(err)
	}
	look(1, 1)
}
