package flows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// undated is a grant of which the target was told a later end than the real one may be.
func undated(integration string) flows.Event {
	ev := granted(integration)
	ev.Undated = true
	return ev
}

// TestTargetsLearnTheEndOnceItIsFixed: what was granted before the end was known is
// told of it in the very transition that fixes it, and nobody reads of that.
func TestTargetsLearnTheEndOnceItIsFixed(t *testing.T) {
	for name, last := range map[string]flows.Event{"granted": granted("hook"), "failed": grantFailed("hook")} {
		t.Run(name, func(t *testing.T) {
			r := play(t, draft("pg", "hook"), submit, approve)
			r, effects := next(t, r, undated("pg"), noon.Add(time.Minute))
			if !r.Groups[0].Undated || len(targets(effects)) != 0 {
				t.Fatalf("told before the end is known: %v, %+v", targets(effects), r.Groups[0])
			}
			r, effects = next(t, r, last, noon.Add(20*time.Minute))
			want := map[string][]string{"granted": {"pg"}, "failed": {"hook", "pg"}}[name]
			if diff := cmp.Diff(want, targets(effects)); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
			r, effects = next(t, r, flows.Event{Kind: flows.EventProlonged, Integration: "pg", Until: r.EndsAt}, noon.Add(21*time.Minute))
			if r.Groups[0].Undated || len(effects) != 0 {
				t.Errorf("%+v with effects %v", r.Groups[0], effects)
			}
			if _, _, err := flows.Next(r, flows.Event{Kind: flows.EventProlonged, Integration: "pg", Until: r.EndsAt}, noon.Add(22*time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
				t.Errorf("told twice: %v", err)
			}
		})
	}
}

// TestTargetThatTakesNoEndKeepsItsAccess: the person has what was granted, and reads
// of no trouble.
func TestTargetThatTakesNoEndKeepsItsAccess(t *testing.T) {
	r := play(t, draft("pg", "hook"), submit, approve, undated("pg"), granted("hook"))
	refused := flows.Event{Kind: flows.EventExtendFailed, Integration: "pg", Until: r.EndsAt, Problem: "It said no."}
	r, effects := next(t, r, refused, noon.Add(5*time.Minute))
	if g := r.Groups[0]; g.Undated || g.ExtendProblem != "" || g.Status != flows.GroupGranted || len(effects) != 0 || r.State != flows.StateActive {
		t.Errorf("%s, %+v with effects %v", r.State, g, effects)
	}
}

// TestAnEarlierEndIsNoNews: the target took an end that is not the end any more; it is
// asked for the one that is.
func TestAnEarlierEndIsNoNews(t *testing.T) {
	r := live(t)
	r, _ = next(t, r, extend(true), noon.Add(10*time.Minute))
	first := r.EndsAt
	r, _ = next(t, r, extend(true), noon.Add(11*time.Minute))
	for _, kind := range []flows.EventKind{flows.EventProlonged, flows.EventExtendFailed} {
		late := flows.Event{Kind: kind, Integration: "pg", Until: first, Problem: "It said no."}
		if _, _, err := flows.Next(r, late, noon.Add(12*time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("%s of the end before: %v", kind, err)
		}
	}
	r, _ = next(t, r, flows.Event{Kind: flows.EventProlonged, Integration: "pg", Until: r.EndsAt}, noon.Add(12*time.Minute))
	if r.Groups[0].Extending {
		t.Error("still asked for")
	}
}

// TestNoEndIsToldToWhatEnds: a request that is ended before it is active has none.
func TestNoEndIsToldToWhatEnds(t *testing.T) {
	r := play(t, draft("pg", "hook"), submit, approve, undated("pg"), revoke)
	for _, g := range r.Groups {
		if g.Undated {
			t.Errorf("%+v", g)
		}
	}
}
