package bolt_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/storetest"
)

// TestDrift: what is kept of an integration replaces what was, outlives a crash, and
// comes with what the admins are told, or not at all.
func TestDrift(t *testing.T) {
	s := storetest.Open(t)
	at := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	if err := s.SaveDrift(t.Context(), at, flows.Drift{}); err == nil {
		t.Error("kept for no integration")
	}
	first := flows.Drift{Integration: "pg", At: at, Orphans: []string{"AR-1.x/pg"}}
	second := flows.Drift{Integration: "pg", At: at.Add(time.Hour), Missing: []string{"AR-2.x/pg"}}
	other := flows.Drift{Integration: "db", At: at}
	for _, d := range []flows.Drift{first, other, second} {
		var told []flows.Fact
		if d.Integration == "pg" {
			told = append(told, flows.Fact{Kind: flows.FactOperator, Text: "pg drifts."})
		}
		if err := s.SaveDrift(t.Context(), at, d, told...); err != nil {
			t.Fatal(err)
		}
	}
	s = storetest.Crash(t, s)
	got, err := s.Drifts()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]flows.Drift{other, second}, got); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	events, err := s.Audit(1, 10)
	if err != nil || len(events) != 2 {
		t.Errorf("%d events, %v", len(events), err)
	}
	tasks, err := s.Tasks(flows.LaneChat, at, 10, func(string) bool { return false })
	if err != nil || !slices.ContainsFunc(tasks, func(t flows.Task) bool { return t.Effect.Kind == flows.EffectAuditChannel }) {
		t.Errorf("the channel is not told: %v, %v", tasks, err)
	}
}
