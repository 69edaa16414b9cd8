package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestPlanForOthers: what people may ask for others is compared like what they may ask
// for themselves, by whom they may ask for.
func TestPlanForOthers(t *testing.T) {
	people := []flows.Person{
		{Email: "boss@x", Groups: []string{"leads"}}, {Email: "lone@x", Groups: []string{"leads"}}, {Email: "dev@x", Groups: []string{"developers"}, Manager: "boss@x"},
	}
	holdings := []flows.Holdings{{
		Integration: "db", Types: []flows.ResourceType{{ID: "table", Permissions: []flows.Permission{{ID: "read"}}}},
		Resources: []flows.Resource{{Type: "table", ID: "a", Name: "a"}},
	}}
	group := func(name string) flows.Conditions {
		return flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{name}}}}
	}
	world := func(r *flows.RequestFor, change func(*flows.Flow)) flows.World {
		f := flows.Flow{
			Name: "leads", Trigger: flows.TriggerSelfServe, Active: true, Requestors: group("leads"), RequestFor: r, Duration: flows.GrantDuration{Indefinite: true},
			Targets: []flows.Target{{Integration: "db", ResourceType: "table", Permissions: []string{"read"}}, {Bundle: "all"}},
		}
		if change != nil {
			change(&f)
		}
		bundles := []flows.Bundle{{Name: "all", Targets: f.Targets[:1]}}
		return flows.NewWorld(flows.NewDirectory(people, nil), flows.NewInventory(holdings), flows.NewCatalog(flows.Policy{Flows: []flows.Flow{f}, Bundles: bundles}))
	}
	self, reports := &flows.RequestFor{Self: true}, &flows.RequestFor{Self: true, DirectReports: true}
	others := &flows.RequestFor{Self: true, Others: true, Grantees: group("developers")}
	approved := func(f *flows.Flow) {
		f.Approval = &flows.Approval{Groups: []flows.ApproverGroup{{Approvers: group("leads").Conditions}}}
	}
	for name, tt := range map[string]struct {
		before, after flows.World
		want          []string
	}{
		"as it was":      {world(others, nil), world(others, nil), nil},
		"nobody said so": {world(nil, nil), world(self, nil), nil},
		"for direct reports too, which only the boss has": {world(self, nil), world(reports, nil), []string{
			"gains boss@x: all, for their direct reports", "gains boss@x: read on a, for their direct reports",
		}},
		"for others no more": {world(others, nil), world(self, nil), []string{
			"loses boss@x lone@x: all, for others who are group developers", "loses boss@x lone@x: read on a, for others who are group developers",
		}},
		"for other others": {world(others, nil), world(&flows.RequestFor{Self: true, Others: true, Grantees: group("leads")}, nil), []string{
			"loses boss@x lone@x: all, for others who are group developers", "loses boss@x lone@x: read on a, for others who are group developers",
			"gains boss@x lone@x: all, for others who are group leads", "gains boss@x lone@x: read on a, for others who are group leads",
		}},
		"on other terms": {world(&flows.RequestFor{DirectReports: true}, nil), world(&flows.RequestFor{DirectReports: true}, approved), []string{
			"other boss@x: all, for their direct reports", "other boss@x: read on a, for their direct reports",
		}},
		"for themselves no more": {world(reports, nil), world(&flows.RequestFor{DirectReports: true}, nil), []string{
			"loses boss@x lone@x: all", "loses boss@x lone@x: read on a",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, c := range flows.PlanFor(tt.before, tt.after).Changes {
				var who []string
				for _, p := range c.People {
					who = append(who, p.Email)
				}
				what := c.Bundle
				if what == "" {
					what = c.Permission + " on " + strings.Join(c.Resources, ",")
				}
				if c.For != "" {
					what += ", for " + c.For
				}
				got = append(got, fmt.Sprintf("%s %s: %s", c.Kind, strings.Join(who, " "), what))
			}
			slices.Sort(got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanForShifts: who is on call is so under both policies, also where the two worlds
// were made apart, and what they lose is what the policy takes.
func TestPlanForShifts(t *testing.T) {
	w := newWorld()
	w.flow().Requestors.Conditions = []flows.Condition{{Attribute: flows.AttrShift, Operator: flows.OpIs, Values: []string{"primary"}}}
	if diff := cmp.Diff(flows.Plan{}, flows.PlanFor(w.now(), w.now())); diff != "" {
		t.Errorf("the same policy (-want +got):\n%s", diff)
	}
	before := w.now()
	w.flow().Requestors.Conditions = []flows.Condition{{Attribute: flows.AttrShift, Operator: flows.OpIs, Values: []string{"quiet"}}}
	changes := flows.PlanFor(before, w.now()).Changes
	if len(changes) == 0 {
		t.Error("nobody loses anything")
	}
	for _, c := range changes {
		if c.Kind != flows.ChangeLoses || len(c.People) != 1 || c.People[0].Email != "carol@example.com" {
			t.Errorf("%+v", c)
		}
	}
}
