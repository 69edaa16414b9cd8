package flows_test

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"apono/flows"
)

// splitWorld has n databases db-0, db-1, … and one automatic flow per set of them.
func splitWorld(n int, sets ...[]int) *world {
	w := newWorld()
	w.resources = nil
	for i := range n {
		id := fmt.Sprintf("db-%d", i)
		w.resources = append(w.resources, flows.Resource{Type: "database", ID: id, Name: id})
	}
	w.policy.Flows = nil
	for i, set := range sets {
		f := readFlow()
		f.Name, f.Approval = fmt.Sprintf("f%d", i), nil
		f.Targets[0].Include = &flows.Selector{}
		for _, d := range set {
			f.Targets[0].Include.Names = append(f.Targets[0].Include.Names, fmt.Sprintf("db-%d", d))
		}
		w.policy.Flows = append(w.policy.Flows, f)
	}
	return w
}

func askAll(t *testing.T, w *world) (flows.World, flows.Question) {
	t.Helper()
	now := w.now()
	var units []flows.Unit
	for _, r := range w.resources {
		units = append(units, pgUnit(r.ID, "read"))
	}
	return now, ask(t, now, "alice", units...)
}

// parts writes a split as "f0: db-1 db-2".
func parts(v flows.Verdict) []string {
	var out []string
	for _, p := range v.Parts {
		s := p.Flow.Name + ":"
		for _, u := range p.Units {
			s += " " + u.Resource
		}
		out = append(out, s)
	}
	return out
}

func TestSplit(t *testing.T) {
	approved := func(i int) func(*world) {
		return func(w *world) {
			w.policy.Flows[i].Approval = &flows.Approval{Groups: []flows.ApproverGroup{approverGroup(is("manager"))}}
		}
	}
	longest := func(i int, d time.Duration) func(*world) {
		return func(w *world) { w.policy.Flows[i].Duration.Max = d }
	}
	for _, tt := range []struct {
		name   string
		n      int
		sets   [][]int
		change []func(*world)
		asked  time.Duration
		want   []string
	}{
		{"one covers all", 3, [][]int{{0}, {1, 2}, {0, 1, 2}}, nil, 0, []string{"f2: db-0 db-1 db-2"}},
		{"two cover all", 3, [][]int{{0}, {1}, {1, 2}}, nil, 0, []string{"f0: db-0", "f2: db-1 db-2"}},
		{"greed would take three", 6, [][]int{{0, 1, 2, 3}, {0, 1, 4}, {2, 3, 5}}, nil, 0, []string{"f1: db-0 db-1 db-4", "f2: db-2 db-3 db-5"}},
		{"the order in the file", 1, [][]int{{0}, {0}}, nil, 0, []string{"f0: db-0"}},
		{"automatic goes first", 1, [][]int{{0}, {0}}, []func(*world){approved(0)}, 0, []string{"f1: db-0"}},
		{"longer goes first", 1, [][]int{{0}, {0}}, []func(*world){longest(0, time.Hour)}, 2 * time.Hour, []string{"f1: db-0"}},
		{"but only where it matters", 1, [][]int{{0}, {0}}, []func(*world){longest(0, time.Hour)}, time.Hour, []string{"f0: db-0"}},
		{"what can hold it goes before what is automatic", 1, [][]int{{0}, {0}}, []func(*world){longest(0, time.Hour), approved(1)}, 2 * time.Hour, []string{"f1: db-0"}},
		{"shared units go to the better flow", 3, [][]int{{0, 1}, {1, 2}}, []func(*world){approved(0)}, 0, []string{"f1: db-1 db-2", "f0: db-0"}},
		{"the better of two equal halves", 2, [][]int{{0}, {0}, {1}}, []func(*world){approved(0)}, 0, []string{"f1: db-0", "f2: db-1"}},
		{"nothing for one of them", 2, [][]int{{0}}, nil, 0, nil},
	} {
		w := splitWorld(tt.n, tt.sets...)
		for _, change := range tt.change {
			change(w)
		}
		now, q := askAll(t, w)
		q.Duration = tt.asked
		if diff := cmp.Diff(tt.want, parts(now.Evaluate(q))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestSplitIsSmallest compares the split with every choice of flows there is.
func TestSplitIsSmallest(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 7).Draw(rt, "units")
		masks := rapid.SliceOfN(rapid.Uint64Range(0, 1<<n-1), 1, 9).Draw(rt, "flows")
		sets := make([][]int, len(masks))
		for i, m := range masks {
			for b := range n {
				if m&(1<<b) != 0 {
					sets[i] = append(sets[i], b)
				}
			}
		}
		w := splitWorld(n, sets...)
		now, q := askAll(t, w)
		v := now.Evaluate(q)
		want := 0 // fewest flows that cover everything; 0: none do
		for choice := uint64(1); choice < 1<<len(masks); choice++ {
			var covered uint64
			for i, m := range masks {
				if choice&(1<<i) != 0 {
					covered |= m
				}
			}
			if covered == 1<<n-1 && (want == 0 || bits.OnesCount64(choice) < want) {
				want = bits.OnesCount64(choice)
			}
		}
		if len(v.Parts) != want {
			rt.Fatalf("%d requests, %d are possible: %v", len(v.Parts), want, parts(v))
		}
		if want == 0 {
			return
		}
		var units []flows.Unit
		for _, p := range v.Parts {
			for _, u := range p.Units {
				if !slices.Contains(p.Flow.Targets[0].Include.Names, u.Resource) {
					rt.Fatalf("%s does not offer %s", p.Flow.Name, u.Resource)
				}
			}
			units = append(units, p.Units...)
		}
		slices.SortFunc(units, flows.Unit.Compare)
		if diff := cmp.Diff(q.Units, units); diff != "" {
			rt.Fatalf("the parts are not what was asked for (-want +got):\n%s", diff)
		}
	})
}

// TestSplitOwnCaps: each request has the cap and the approvers of its own flow.
func TestSplitOwnCaps(t *testing.T) {
	w := splitWorld(2, []int{0}, []int{1})
	w.policy.Flows[0].Duration.Max = time.Hour
	w.policy.Flows[1].Duration = flows.GrantDuration{Indefinite: true}
	w.policy.Flows[1].Approval = &flows.Approval{Groups: []flows.ApproverGroup{approverGroup(is("manager"))}}
	now, q := askAll(t, w)
	v := now.Evaluate(q)
	ds := now.Drafts(q, v)
	if len(ds) != 2 || ds[0].Duration != time.Hour || ds[0].Indefinite || !ds[0].Need.Automatic || !ds[0].PendingUntil.IsZero() ||
		ds[1].Duration != 0 || !ds[1].Indefinite || len(ds[1].Asked) != 1 || !ds[1].PendingUntil.Equal(noon.Add(24*time.Hour)) {
		t.Errorf("%+v", ds)
	}
	q.Duration = 2 * time.Hour
	ps := now.Evaluate(q).Problems()
	if len(ps) != 1 || ps[0].About != flows.AboutDuration || ps[0].Reason != "The longest under the access flow f0 is 1 hour." {
		t.Errorf("%+v", ps)
	}
}

func TestUnitsOfAQuestion(t *testing.T) {
	many := splitWorld(flows.MaxUnits+1, nil)
	many.policy.Flows[0].Targets[0].Include = nil
	many.policy.Bundles = []flows.Bundle{{Name: "all", Targets: []flows.Target{databases("read")}}, {Name: "hollow"}}
	many.policy.Flows[0].Targets = append(many.policy.Flows[0].Targets, flows.Target{Bundle: "all"}, flows.Target{Bundle: "hollow"})
	now, all := askAll(t, many)
	with := func(bundle string, units ...flows.Unit) flows.Question {
		q := all
		q.Bundle, q.Units = bundle, units
		return q
	}
	for _, tt := range []struct {
		name  string
		q     flows.Question
		units int
		want  string
	}{
		{"too many", all, 0, "That is 1001 objects; one request may hold at most 1000."},
		{"as many as fit", with("", all.Units[:flows.MaxUnits]...), flows.MaxUnits, ""},
		{"twice the same", with("", all.Units[0], all.Units[0]), 1, ""},
		{"nothing", with(""), 0, "Please choose what you need access to."},
		{"a bundle that is too large", with("all"), 0, "This bundle holds more than 1000 objects, so it cannot be asked for as a whole. Please pick what you need."},
		{"a part of it", with("all", all.Units[:3]...), 3, ""},
		{"an empty bundle", with("hollow"), 0, "The bundle hollow holds nothing at the moment."},
		{"not of the bundle", with("hollow", all.Units[0]), 0, "No access flow lets you ask for Read on db-0 in pg."},
		{"no such bundle", with("nothing"), 0, "There is no bundle nothing."},
		{"no such resource", with("", pgUnit("ghost", "read")), 0, "Read on ghost in pg does not exist any more."},
		{"no such permission", with("", pgUnit("db-0", "drop")), 0, "drop on db-0 in pg does not exist any more."},
		{"no such integration", with("", flows.Unit{Integration: "x"}), 0, "does not exist any more."},
		{"not offered", with("", pgUnit("db-0", "write"), pgUnit("db-1", "write")), 0, "No access flow lets you ask for Write on db-0 in pg and 1 more."},
	} {
		v := now.Evaluate(tt.q)
		got, n := "", 0
		for _, c := range v.Problems() {
			got += c.Reason
		}
		for _, p := range v.Parts {
			n += len(p.Units)
		}
		if !strings.HasSuffix(got, tt.want) || (tt.want == "" && got != "") || n != tt.units {
			t.Errorf("%s: %q, %d units; want %q, %d", tt.name, got, n, tt.want, tt.units)
		}
	}
}

// TestBundleIsOneRequest: flows that only cover it together do not.
func TestBundleIsOneRequest(t *testing.T) {
	w := splitWorld(2, []int{0}, []int{1})
	w.policy.Bundles = []flows.Bundle{{Name: "both", Targets: []flows.Target{databases("read")}}}
	now, q := askAll(t, w)
	q.Bundle = "both"
	if v := now.Evaluate(q); len(v.Parts) != 0 {
		t.Errorf("flows that do not target the bundle cover it: %v", parts(v))
	}
	w.policy.Flows[1].Targets = []flows.Target{{Bundle: "both"}}
	now, q = askAll(t, w)
	q.Bundle = "both"
	if diff := cmp.Diff([]string{"f1: db-0 db-1"}, parts(now.Evaluate(q))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTargets: names and ids, tags, parents, included and excluded, and resources
// that appear later.
func TestTargets(t *testing.T) {
	sel := func(names, parents []string, tags ...flows.Tag) *flows.Selector {
		return &flows.Selector{Names: names, Parents: parents, Tags: tags}
	}
	prod := flows.Tag{Key: "env", Value: "prod"}
	for _, tt := range []struct {
		name             string
		include, exclude *flows.Selector
		want, later      string
	}{
		{"any", nil, nil, "audit orders users", "audit later orders users"},
		{"by name", sel([]string{"orders"}, nil), nil, "orders", "orders"},
		{"by id", sel([]string{"db-2"}, nil), nil, "users", "users"},
		{"by tag", sel(nil, nil, prod), nil, "orders", "later orders"},
		{"by the inner parent", sel(nil, []string{"public"}), nil, "orders", "orders"},
		{"by the outer parent", sel(nil, []string{"cluster-2"}), nil, "users", "later users"},
		{"by one of them", sel([]string{"audit"}, []string{"cluster-2"}, prod), nil, "audit orders users", "audit later orders users"},
		{"by none", sel(nil, nil), nil, "", ""},
		{"all but a name", nil, sel([]string{"orders"}, nil), "audit users", "audit later users"},
		{"all but a tag", nil, sel(nil, nil, prod), "audit users", "audit users"},
		{"all but nothing", nil, sel(nil, nil), "audit orders users", "audit later orders users"},
		{"both", sel([]string{"orders", "users"}, nil), sel(nil, nil, prod), "users", "users"},
		{"a name in another case", sel([]string{"Orders"}, nil), nil, "", ""},
	} {
		w := newWorld()
		w.flow().Targets[0].Include, w.flow().Targets[0].Exclude = tt.include, tt.exclude
		offered := func() string {
			now := w.now()
			o := now.OfferTo(who(t, now, "alice"), nil, noon)
			var names []string
			for _, r := range o.Resources("pg", "database", "", 0) {
				names = append(names, r.Name)
			}
			if some := len(o.Types("pg")) == 1 && len(o.Integrations()) == 1; some != (len(names) > 0) || o.Empty() == some {
				t.Errorf("%s: the type is offered: %t, resources: %v", tt.name, some, names)
			}
			return strings.Join(names, " ")
		}
		if got := offered(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		w.resources = append(w.resources, flows.Resource{Type: "database", ID: "db-9", Name: "later", Path: []string{"cluster-2"}, Tags: map[string]string{"env": "prod"}})
		if got := offered(); got != tt.later {
			t.Errorf("%s, later: %q, want %q", tt.name, got, tt.later)
		}
	}
}

// TestOffer: only what an active flow for this person offers now; searched by
// name, id and path, best first.
func TestOffer(t *testing.T) {
	w := newWorld()
	w.policy.Bundles = []flows.Bundle{{Name: "b", Targets: []flows.Target{databases("read")}}, {Name: "other"}}
	w.flow().Targets = append(w.flow().Targets, flows.Target{Bundle: "b"},
		flows.Target{Integration: "pg", ResourceType: "database", Permissions: []string{"write"}, Include: &flows.Selector{Names: []string{"users"}}})
	off, auto := readFlow(), readFlow()
	off.Name, off.Active, off.Targets = "off", false, []flows.Target{{Bundle: "other"}}
	auto.Name, auto.Trigger, auto.Targets = "auto", flows.TriggerAutomatic, []flows.Target{{Bundle: "other"}}
	w.policy.Flows = append(w.policy.Flows, off, auto)
	w.resources = append(w.resources, flows.Resource{Type: "database", ID: "db-4", Name: "reorders"})
	now := w.now()
	o := now.OfferTo(who(t, now, "alice"), nil, noon)
	if diff := cmp.Diff([]string{"b"}, o.Bundles()); diff != "" {
		t.Errorf("bundles (-want +got):\n%s", diff)
	}
	if !now.OfferTo(who(t, now, "bob"), nil, noon).Empty() {
		t.Error("bob is offered something")
	}
	for query, want := range map[string]string{
		"": "audit orders reorders users", "ORD": "orders reorders", "cluster-1/pub": "orders", "db-2": "users", "zzz": "", " users ": "users",
	} {
		var got []string
		for _, r := range o.Resources("pg", "database", query, 0) {
			got = append(got, r.Name)
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%q: %q, want %q", query, s, want)
		}
	}
	if got := o.Resources("pg", "database", "ord", 1); len(got) != 1 || got[0].Name != "orders" {
		t.Errorf("the best of all: %v", got)
	}
	for resources, want := range map[string]int{"": 2, "db-1": 1, "db-2": 2, "ghost": 0} {
		var ids []string
		if resources != "" {
			ids = []string{resources}
		}
		if got := o.Permissions("pg", "database", ids); len(got) != want {
			t.Errorf("permissions on %q: %v, want %d", resources, got, want)
		}
	}
}
