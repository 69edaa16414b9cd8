package bolt_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// What is counted without reading is what reading counts.
func TestCountAndEnding(t *testing.T) {
	s := open(t)
	both := draft("alice", "pg", "orders", "pg", "users", "k8s", "prod")
	for i, d := range []flows.Request{both, both, both, draft("dave", "pg", "orders"), draft("erin", "pg", "orders")} {
		submit(t, s, start, string(rune('a'+i)), d)
	}
	check := func(when string, ending ...string) {
		t.Helper()
		want, got := map[flows.State]int{}, map[flows.State]int{}
		for _, r := range must[[]flows.Request](t)(s.Requests(0, 100)) {
			want[r.State]++
		}
		for _, state := range flows.States() {
			if n := must[int](t)(s.Count(state)); n > 0 {
				got[state] = n
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s, states (-want +got):\n%s", when, diff)
		}
		of := ids(must[[]flows.Request](t)(s.Ending()))
		slices.Sort(of)
		if diff := cmp.Diff(append([]string{}, ending...), of); diff != "" {
			t.Errorf("%s, ending (-want +got):\n%s", when, diff)
		}
	}
	check("asked")
	for _, id := range []string{"AR-1", "AR-2", "AR-4"} {
		activate(t, s, start, id)
	}
	check("granted")
	revoke(t, s, "AR-1")
	apply(t, s, after(2*time.Hour), "AR-4", flows.Event{Kind: flows.EventDue})
	check("ending", "AR-1", "AR-4")
	apply(t, s, after(2*time.Hour), "AR-4", flows.Event{Kind: flows.EventGone, Integration: "pg"})
	apply(t, s, start, "AR-3", approve("bob"))
	apply(t, s, start, "AR-3", flows.Event{Kind: flows.EventGranted, Integration: "k8s"})
	check("one is over, one is half granted", "AR-1")
}
