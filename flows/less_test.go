package flows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// wide is Alice's request for two permissions in pg and one in hook, for an hour.
func wide() flows.Request {
	r := draft("pg", "hook")
	r.Groups[0].Items = append(r.Groups[0].Items, flows.Item{
		Unit: flows.Unit{Integration: "pg", ResourceType: "database", Resource: "orders", Permission: "write"}, ResourceName: "orders", TypeName: "Database", PermissionName: "Write",
	})
	return r
}

func less(d time.Duration, without ...flows.Unit) *flows.Less {
	return &flows.Less{Without: without, Duration: d}
}

func unitsOf(r flows.Request) (out []string) {
	for _, u := range r.Units() {
		out = append(out, u.Integration+" "+u.Resource+" "+u.Permission)
	}
	return out
}

// TestApproveLess: exactly the rest is granted, for the shorter time; what was asked
// for is kept and said.
func TestApproveLess(t *testing.T) {
	asked := wide()
	yes := approve
	yes.Less = less(20*time.Minute, asked.Groups[0].Items[1].Unit, asked.Groups[1].Items[0].Unit)
	r, effects := next(t, play(t, asked, submit), yes, noon.Add(time.Minute))
	if diff := cmp.Diff([]string{"pg orders read"}, unitsOf(r)); diff != "" || r.Duration != 20*time.Minute {
		t.Errorf("for %s (-want +got):\n%s", r.Duration, diff)
	}
	if diff := cmp.Diff([]string{"pg"}, targets(effects)); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
	if w := r.Wanted; w == nil || len(w.Items) != 3 || w.Duration != time.Hour {
		t.Errorf("asked for was %+v", w)
	}
	want := "without Write on orders in pg, Read on orders in hook, for 20 minutes instead of 1 hour"
	if got := r.LeftOut(); got != want {
		t.Errorf("left out: %q, want %q", got, want)
	}
	for _, e := range effects {
		if f := e.Fact; f != nil && (f.Kind != flows.FactApproved || f.Text != "Less was approved than was asked for: "+want+"." || f.Duration != 20*time.Minute) {
			t.Errorf("the audit trail says %+v", f)
		}
	}
	r, _ = next(t, r, granted("pg"), noon.Add(2*time.Minute))
	if r.State != flows.StateActive || !r.EndsAt.Equal(noon.Add(22*time.Minute)) {
		t.Errorf("%s until %s", r.State, r.EndsAt)
	}
}

// TestApproveLessByAll: of several approvals the intersection counts, and the shortest
// time. Until all are there the request asks for what it asked for: who has to approve
// may depend on that.
func TestApproveLessByAll(t *testing.T) {
	asked := wide()
	asked.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	asked.Asked = append(asked.Asked, flows.Asked{PersonRef: carol, Groups: []int{1}})
	read, write, hook := asked.Groups[0].Items[0].Unit, asked.Groups[0].Items[1].Unit, asked.Groups[1].Items[0].Unit
	one, two := approve, flows.Event{Kind: flows.EventApprove, By: carol, CountsFor: []int{1}}
	one.Less = less(0, write)
	r, _ := next(t, play(t, asked, submit), one, noon.Add(time.Minute))
	if len(r.Units()) != 3 || r.Wanted != nil {
		t.Errorf("narrowed too early: %v", unitsOf(r))
	}
	two.Less = less(0, read, hook)
	if _, _, err := flows.Next(r, two, noon.Add(2*time.Minute)); flows.ErrorCode(err) != flows.CodeInvalid {
		t.Errorf("nothing is left, and: %v", err)
	}
	two.Less = less(10*time.Minute, hook)
	r, _ = next(t, r, two, noon.Add(2*time.Minute))
	if diff := cmp.Diff([]string{"pg orders read"}, unitsOf(r)); diff != "" || r.Duration != 10*time.Minute {
		t.Errorf("for %s (-want +got):\n%s", r.Duration, diff)
	}
}

// TestApproveLessIsLess: never more than was asked for, and a limit where there was none.
func TestApproveLessIsLess(t *testing.T) {
	pending := play(t, wide(), submit)
	for name, l := range map[string]*flows.Less{
		"longer":         less(2 * time.Hour),
		"no time":        less(-1),
		"something else": less(0, flows.Unit{Integration: "pg", Resource: "users"}),
		"nothing":        less(0, pending.Units()...),
	} {
		yes := approve
		yes.Less = l
		if _, _, err := flows.Next(pending, yes, noon.Add(time.Minute)); flows.ErrorCode(err) != flows.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	forever := wide()
	forever.Duration, forever.Indefinite = 0, true
	yes := approve
	yes.Less = less(time.Hour)
	r, _ := next(t, play(t, forever, submit), yes, noon.Add(time.Minute))
	if r.Indefinite || r.Duration != time.Hour || r.LeftOut() != "for 1 hour instead of no limit" {
		t.Errorf("%v, %s, %q", r.Indefinite, r.Duration, r.LeftOut())
	}
}
