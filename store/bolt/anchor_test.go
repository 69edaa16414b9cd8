package bolt_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

// TestAnchorOnceADay: the head is told once on each day on which there is something
// new, also by a bot that was started again.
func TestAnchorOnceADay(t *testing.T) {
	path := t.TempDir() + "/bot.db"
	s := must[*bolt.Store](t)(bolt.Open(path, bolt.Options{}))
	day := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	anchor := func(at time.Duration, want bool) {
		t.Helper()
		if made := must[bool](t)(s.Anchor(t.Context(), day.Add(at))); made != want {
			t.Errorf("after %s: %v", at, made)
		}
	}
	restart := func() {
		t.Helper()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = must[*bolt.Store](t)(bolt.Open(path, bolt.Options{}))
	}
	t.Cleanup(func() { _ = s.Close() })
	record(t, s, day, "started")
	anchor(time.Hour, false) // the first day
	head, _, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	restart()
	anchor(23*time.Hour, false)
	anchor(24*time.Hour, true)
	ev, ok, err := s.Anchored()
	if err != nil || !ok {
		t.Fatalf("there is no anchor: %v", err)
	}
	if diff := cmp.Diff(&flows.Checkpoint{Seq: head.Seq, Hash: head.Hash}, ev.Fact.Checkpoint); diff != "" {
		t.Errorf("the anchor names (-want +got):\n%s", diff)
	}
	if !ev.Fact.Kind.Told() {
		t.Error("the audit channel is not told")
	}
	restart()
	anchor(25*time.Hour, false)
	anchor(48*time.Hour, false) // nothing has happened since
	record(t, s, day.Add(49*time.Hour), "later")
	anchor(50*time.Hour, false) // that day is over for anchors
	anchor(96*time.Hour, true)  // two days late
	if tasks := must[[]flows.Task](t)(s.Tasks(flows.LaneChat, day.Add(97*time.Hour), 9, nil)); len(tasks) != 1 {
		t.Errorf("the audit channel is told by %d tasks", len(tasks))
	}

	// What was noted is what an auditor verifies with.
	last, _, err := s.Anchored()
	if err != nil {
		t.Fatal(err)
	}
	noted := store.Head{Seq: last.Fact.Checkpoint.Seq, Hash: last.Fact.Checkpoint.Hash}
	if _, err := s.VerifyAudit(head, noted); err != nil {
		t.Error(err)
	}
	noted.Hash = head.Hash
	if _, err := s.VerifyAudit(noted); err == nil {
		t.Error("a head that the trail never had verifies")
	}
}
