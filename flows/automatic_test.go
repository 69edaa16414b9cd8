package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// duty is a world with one automatic flow: whoever is on call reads all tables.
type duty struct {
	onCall  []string
	tables  []string
	people  []flows.Person
	flow    flows.Flow
	bundles []flows.Bundle
	scopes  []flows.AccessScope
	nothing bool // the integration has not answered yet
}

func newDuty() *duty {
	d := &duty{onCall: []string{"carol@x"}, tables: []string{"a", "b"}}
	for _, n := range []string{"carol", "dan", "eve"} {
		d.people = append(d.people, flows.Person{Email: n + "@x", Name: strings.ToUpper(n[:1]) + n[1:]})
	}
	d.flow = flows.Flow{
		Name: "on call", Trigger: flows.TriggerAutomatic, Active: true,
		Requestors: flows.Conditions{Conditions: []flows.Condition{{Attribute: "shift", Values: []string{"primary"}}}},
		Targets:    []flows.Target{{Integration: "db", ResourceType: "table", Permissions: []string{"read"}}},
	}
	return d
}

func (d *duty) world() flows.World {
	h := flows.Holdings{Integration: "db", Types: []flows.ResourceType{{ID: "table", Permissions: []flows.Permission{{ID: "read"}}}}}
	for _, t := range d.tables {
		h.Resources = append(h.Resources, flows.Resource{Type: "table", ID: t, Name: t})
	}
	holdings := []flows.Holdings{h}
	if d.nothing {
		holdings = nil
	}
	return flows.NewWorld(flows.NewDirectory(d.people, []flows.Shift{{Name: "primary", Members: d.onCall}}), flows.NewInventory(holdings),
		flows.NewCatalog(flows.Policy{Flows: []flows.Flow{d.flow}, Bundles: d.bundles, Scopes: d.scopes}))
}

// holds is a request under the flow as it is now.
func (d *duty) holds(seq uint64, who string, tables ...string) flows.Holding {
	r := flows.Request{ID: fmt.Sprintf("AR-%d", seq), Seq: seq, Flow: d.flow.Name, FlowHash: d.world().Catalog.HashOf(d.flow.Name), Grantee: flows.PersonRef{Email: who, Name: who}}
	g := flows.AccessGroup{Integration: "db"}
	for _, t := range tables {
		g.Items = append(g.Items, flows.Item{Unit: flows.Unit{Integration: "db", ResourceType: "table", Resource: t, Permission: "read"}})
	}
	r.Groups = []flows.AccessGroup{g}
	return flows.HoldingOf(&r)
}

// written is a plan in lines: "carol@x +a,b -AR-1! Because."; ! is because of the policy.
func written(p flows.AutomaticPlan) (out []string) {
	for _, s := range p.Steps {
		line := s.Person
		if s.Draft != nil {
			var names []string
			for _, it := range s.Draft.Items() {
				names = append(names, it.Resource)
			}
			line += " +" + strings.Join(names, ",")
		}
		for _, e := range s.Ends {
			line += " -" + e.ID + map[bool]string{true: "!"}[e.Policy] + " " + e.Cause
		}
		out = append(out, line)
	}
	for _, h := range p.Keep {
		out = append(out, "keep "+h.ID)
	}
	for _, f := range p.TooMuch {
		out = append(out, "too much: "+f)
	}
	return out
}

// TestPlanAutomatic tells who gets and loses what, and why.
func TestPlanAutomatic(t *testing.T) {
	const changed, gone = "What the automatic access flow on call covers has changed.", "does not match the automatic access flow on call any more."
	for name, tt := range map[string]struct {
		change func(d *duty) []flows.Holding
		want   []string
	}{
		"the first time": {func(*duty) []flows.Holding { return nil }, []string{"carol@x +a,b"}},
		"as it should be": {
			func(d *duty) []flows.Holding { return []flows.Holding{d.holds(1, "carol@x", "b", "a")} },
			[]string{"keep AR-1"},
		},
		"the shift moves": {func(d *duty) []flows.Holding {
			d.onCall = []string{"dan@x"}
			return []flows.Holding{d.holds(1, "carol@x", "a", "b")}
		}, []string{"dan@x +a,b", "carol@x -AR-1 carol@x " + gone}},
		"a new table": {func(d *duty) []flows.Holding { return []flows.Holding{d.holds(1, "carol@x", "a")} }, []string{"carol@x +a,b -AR-1 " + changed}},
		"a table goes": {func(d *duty) []flows.Holding {
			return []flows.Holding{d.holds(1, "carol@x", "a", "b", "c")}
		}, []string{"carol@x +a,b -AR-1 " + changed}},
		"nothing is left": {func(d *duty) []flows.Holding {
			d.tables = nil
			return []flows.Holding{d.holds(1, "carol@x", "a")}
		}, []string{"carol@x -AR-1 " + changed}},
		"what cannot be seen is not judged": {func(d *duty) []flows.Holding {
			d.nothing = true
			return []flows.Holding{d.holds(1, "carol@x", "a")}
		}, []string{"keep AR-1"}},
		"who leaves loses it all the same": {func(d *duty) []flows.Holding {
			d.nothing, d.onCall = true, nil
			return []flows.Holding{d.holds(1, "carol@x", "a")}
		}, []string{"carol@x -AR-1 carol@x " + gone}},
		"disabled": {func(d *duty) []flows.Holding {
			d.people[0].Disabled = true
			return []flows.Holding{d.holds(1, "carol@x", "a", "b")}
		}, []string{"carol@x -AR-1 carol@x " + gone}},
		"an address of two people": {func(d *duty) []flows.Holding {
			d.people = append(d.people, flows.Person{Email: "carol@x"})
			return nil
		}, nil},
		"twice": {func(d *duty) []flows.Holding {
			return []flows.Holding{d.holds(1, "carol@x", "a", "b"), d.holds(7, "carol@x", "a", "b")}
		}, []string{"carol@x -AR-1 AR-7 gives the same.", "keep AR-7"}},
		"a successor whose forerunner did not end": {func(d *duty) []flows.Holding {
			return []flows.Holding{d.holds(1, "carol@x", "a"), d.holds(2, "carol@x", "a", "b")}
		}, []string{"carol@x -AR-1 AR-2 gives the same.", "keep AR-2"}},
		"switched off": {func(d *duty) []flows.Holding {
			held := d.holds(1, "carol@x", "a", "b")
			d.flow.Active = false
			return []flows.Holding{held}
		}, []string{"carol@x -AR-1! The automatic access flow on call is not in force any more."}},
		"asked for from now on": {func(d *duty) []flows.Holding {
			held := d.holds(1, "carol@x", "a", "b")
			d.flow.Trigger = flows.TriggerSelfServe
			return []flows.Holding{held}
		}, []string{"carol@x -AR-1! The automatic access flow on call is not in force any more."}},
		"for others by a changed policy": {func(d *duty) []flows.Holding {
			held := d.holds(1, "carol@x", "a", "b")
			d.flow.Requestors.Conditions[0] = flows.Condition{Attribute: "user", Values: []string{"eve@x"}}
			return []flows.Holding{held}
		}, []string{"eve@x +a,b", "carol@x -AR-1! carol@x " + gone}},
		"less by a changed policy": {func(d *duty) []flows.Holding {
			held := d.holds(1, "carol@x", "a", "b")
			d.flow.Targets[0].Include = &flows.Selector{Names: []string{"b"}}
			return []flows.Holding{held}
		}, []string{"carol@x +b -AR-1! " + changed}},
		"less by a changed bundle": {func(d *duty) []flows.Holding {
			d.flow.Targets, d.bundles = []flows.Target{{Bundle: "all"}}, []flows.Bundle{{Name: "all", Targets: d.flow.Targets}}
			held := d.holds(1, "carol@x", "a", "b")
			d.bundles = []flows.Bundle{{Name: "all", Targets: slices.Clone(d.bundles[0].Targets)}}
			d.bundles[0].Targets[0].Include = &flows.Selector{Names: []string{"b"}}
			return []flows.Holding{held}
		}, []string{"carol@x +b -AR-1! " + changed}},
		"less by a changed access scope": {func(d *duty) []flows.Holding {
			d.scopes = []flows.AccessScope{{Name: "all", Query: `resource_type = "table"`}}
			d.flow.Targets = []flows.Target{{AccessScope: "all"}}
			held := d.holds(1, "carol@x", "a", "b")
			d.scopes = []flows.AccessScope{{Name: "all", Query: `resource_name = "b"`}}
			return []flows.Holding{held}
		}, []string{"carol@x +b -AR-1! " + changed}},
		"less by a changed access scope of a bundle": {func(d *duty) []flows.Holding {
			d.scopes = []flows.AccessScope{{Name: "all", Query: `resource_type = "table"`}}
			d.flow.Targets, d.bundles = []flows.Target{{Bundle: "all"}}, []flows.Bundle{{Name: "all", Targets: []flows.Target{{AccessScope: "all"}}}}
			held := d.holds(1, "carol@x", "a", "b")
			d.scopes = []flows.AccessScope{{Name: "all", Query: `resource_name = "b"`}}
			return []flows.Holding{held}
		}, []string{"carol@x +b -AR-1! " + changed}},
		"less of an access scope that is as it was": {func(d *duty) []flows.Holding {
			d.scopes = []flows.AccessScope{{Name: "all", Query: `resource_type = "table"`}, {Name: "of others", Query: `resource_name = "b"`}}
			d.flow.Targets = []flows.Target{{AccessScope: "all"}}
			held := d.holds(1, "carol@x", "a", "b")
			d.tables, d.scopes[1].Query = []string{"b"}, `resource_name = "a"`
			return []flows.Holding{held}
		}, []string{"carol@x +b -AR-1 " + changed}},
		"more by a changed policy": {func(d *duty) []flows.Holding {
			d.flow.Targets[0].Include = &flows.Selector{Names: []string{"b"}}
			held := d.holds(1, "carol@x", "b")
			d.flow.Targets[0].Include = nil
			return []flows.Holding{held}
		}, []string{"carol@x +a,b -AR-1 " + changed}},
		"other words in the policy": {func(d *duty) []flows.Holding {
			held := d.holds(1, "carol@x", "a", "b")
			d.flow.Description = "Whoever is on call."
			return []flows.Holding{held}
		}, []string{"keep AR-1"}},
		"a bundle, and a table of it by name": {func(d *duty) []flows.Holding {
			d.bundles = []flows.Bundle{{Name: "all", Targets: slices.Clone(d.flow.Targets)}}
			d.flow.Targets = []flows.Target{{Bundle: "all"}, {Integration: "db", ResourceType: "table", Permissions: []string{"read"}, Include: &flows.Selector{Names: []string{"b"}}}}
			return nil
		}, []string{"carol@x +a,b"}},
		"too much": {func(d *duty) []flows.Holding {
			for i := range flows.MaxUnits {
				d.tables = append(d.tables, fmt.Sprint(i))
			}
			d.onCall = append(d.onCall, "dan@x")
			return []flows.Holding{d.holds(1, "carol@x", "a")}
		}, []string{"keep AR-1", "too much: on call"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDuty()
			held := tt.change(d)
			plan := d.world().PlanAutomatic(held)
			if diff := cmp.Diff(tt.want, written(plan)); diff != "" {
				t.Errorf("plan (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAutomaticRequest: nobody asked, nobody is told of an approval, and there is no end.
func TestAutomaticRequest(t *testing.T) {
	plan := newDuty().world().PlanAutomatic(nil)
	draft := *plan.Steps[0].Draft
	draft.ID, draft.Seq = "AR-1", 1
	r, effects := next(t, draft, submit, noon)
	if r.State != flows.StateApproved || !r.Indefinite || r.Trigger != flows.TriggerAutomatic || !r.Grantee.Is("carol@x") {
		t.Errorf("request %+v", r)
	}
	for _, e := range effects {
		if e.Kind == flows.EffectPost || e.Fact != nil && e.Fact.Kind == flows.FactAsked {
			t.Errorf("effect %+v", e)
		}
	}
	r, _ = next(t, r, flows.Event{Kind: flows.EventGranted, Integration: "db"}, noon)
	if _, due := r.DueAt(); r.State != flows.StateActive || due {
		t.Errorf("active %+v", r)
	}
	for _, k := range r.Posts() {
		if k.Topic == flows.TopicAsked || k.Topic == flows.TopicApproved {
			t.Errorf("post %s", k)
		}
	}
}
