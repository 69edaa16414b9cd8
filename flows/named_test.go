package flows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestApproversOfThePolicy: whoever any active flow may ask is named, once; nobody of
// a flow that is off, and nobody who is deactivated.
func TestApproversOfThePolicy(t *testing.T) {
	group := func(attribute string, values ...string) flows.ApproverGroup {
		return flows.ApproverGroup{Match: flows.MatchAny, Approvers: []flows.Condition{{Attribute: attribute, Values: values}}}
	}
	people := flows.NewDirectory([]flows.Person{
		{Email: "alice@example.com", Groups: []string{"developers"}, Manager: "bob@example.com"},
		{Email: "bob@example.com"},
		{Email: "carol@example.com", Groups: []string{"dba"}},
		{Email: "dan@example.com", Groups: []string{"dba"}, Disabled: true},
		{Email: "eve@example.com", Groups: []string{"admins"}},
		{Email: "fay@example.com", Groups: []string{"leads"}},
		{Email: "gus@example.com", Groups: []string{"off"}},
		{Email: "ida@example.com", Groups: []string{"owners"}},
	}, nil)
	asking := func(name string, active bool, escalation *flows.Escalation, groups ...flows.ApproverGroup) flows.Flow {
		return flows.Flow{Name: name, Active: active, Approval: &flows.Approval{Groups: groups, Escalation: escalation}}
	}
	owner := flows.Condition{Attribute: flows.AttrGroup, Values: []string{"owners"}}
	for name, tt := range map[string]struct {
		policy flows.Policy
		want   []string
	}{
		"nobody": {flows.Policy{Flows: []flows.Flow{{Name: "automatic", Active: true}}}, nil},
		"groups, tiers and the fallback": {flows.Policy{
			Fallback: group(flows.AttrGroup, "admins"),
			Flows: []flows.Flow{
				asking("a", true, &flows.Escalation{Groups: []flows.ApproverGroup{group(flows.AttrGroup, "leads")}}, group(flows.AttrGroup, "dba")),
				asking("b", true, nil, group(flows.AttrGroup, "dba")),
				asking("c", false, nil, group(flows.AttrGroup, "off")),
			},
		}, []string{"carol@example.com", "eve@example.com", "fay@example.com"}},
		"managers": {flows.Policy{Flows: []flows.Flow{asking("a", true, nil, group(flows.AttrManager))}}, []string{"bob@example.com"}},
		"owners": {flows.Policy{
			Owners: []flows.Ownership{{Integration: "db", Owner: &owner}},
			Flows:  []flows.Flow{asking("a", true, nil, group(flows.AttrOwner))},
		}, []string{"ida@example.com"}},
	} {
		w := flows.World{People: people, Inventory: flows.NewInventory(nil), Catalog: flows.NewCatalog(tt.policy)}
		var got []string
		for _, p := range w.Approvers() {
			got = append(got, p.Email)
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
