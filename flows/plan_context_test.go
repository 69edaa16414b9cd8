package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// inShort is a plan in few words.
func inShort(changes []flows.Change) (out []string) {
	for _, c := range changes {
		var who, what []string
		for _, p := range c.People {
			who = append(who, strings.TrimSuffix(p.Email, "@example.com"))
		}
		if len(c.Resources) > 0 {
			what = append(what, c.Permission+" on "+strings.Join(c.Resources, ","))
		}
		if c.Bundle != "" {
			what = append(what, c.Bundle)
		}
		if c.For != "" {
			what = append(what, "for "+c.For)
		}
		s := fmt.Sprintf("%s %s: %s [%s]", c.Kind, strings.Join(who, " "), strings.Join(what, " in "), c.Because)
		if c.Kind == flows.ChangeOther {
			s += " " + c.Before + " -> " + c.After
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// TestPlanOfContext: a plan tells apart what the policy changes and what people and
// resources do, and says what only one of the two worlds knows.
func TestPlanOfContext(t *testing.T) {
	alice := func(w *world) *flows.Person { return &w.people[0] }
	group := func(groups ...string) func(*world) { return func(w *world) { alice(w).Groups = groups } }
	asks := func(cs ...flows.Condition) func(*world) {
		return func(w *world) { w.flow().Requestors.Conditions = cs }
	}
	approvers := func(cs ...flows.Condition) func(*world) {
		return func(w *world) { w.flow().Approval.Groups = []flows.ApproverGroup{{Approvers: cs}} }
	}
	off := func(w *world) { w.flow().Active = false }
	shift := func(names ...string) func(*world) {
		return func(w *world) { w.shifts[0].Members = names }
	}
	attribute := func(values ...string) func(*world) {
		return func(w *world) { alice(w).Attributes = map[string][]string{"department": values} }
	}
	prod := func(w *world) {
		w.flow().Targets[0].Include = &flows.Selector{Tags: []flows.Tag{{Key: "env", Value: "prod"}}}
	}
	bundle := func(names ...string) func(*world) {
		return func(w *world) {
			b := databases("read")
			b.Include = &flows.Selector{Names: names}
			w.policy.Bundles = []flows.Bundle{{Name: "all", Targets: []flows.Target{b}}}
			w.flow().Targets = []flows.Target{{Bundle: "all"}}
		}
	}
	owner := func(names ...string) func(*world) {
		return func(w *world) { w.resources[0].Owners = names }
	}
	automatic := func(w *world) {
		w.flow().Trigger, w.flow().Approval = flows.TriggerAutomatic, nil
		w.flow().Requestors.Conditions = conds(is("shift", "primary"))
	}
	const all = "read on audit,orders,users"
	for name, tt := range map[string]struct {
		same, before, after []func(*world)
		want                []string
	}{
		"nothing is other":                 {nil, nil, nil, nil},
		"left the group":                   {nil, nil, do(group()), []string{"loses alice: " + all + " [context]"}},
		"came into the group":              {nil, do(group()), nil, []string{"gains alice: " + all + " [context]"}},
		"the flow is off":                  {nil, nil, do(off), []string{"loses alice: " + all + " [policy]"}},
		"both":                             {nil, nil, do(off, group()), []string{"loses alice: " + all + " [policy and context]"}},
		"only together":                    {nil, do(group()), do(asks(is("group", "staff")), group("staff")), []string{"gains alice: " + all + " [policy and context]"}},
		"the policy follows":               {nil, nil, do(asks(is("group", "staff")), group("staff")), nil},
		"is deactivated":                   {nil, nil, do(func(w *world) { alice(w).Disabled = true }), []string{"loses alice: " + all + " [context]"}},
		"is gone":                          {nil, nil, do(func(w *world) { w.people = w.people[1:] }), []string{"loses alice: " + all + " [context]"}},
		"is new":                           {nil, do(func(w *world) { w.people = w.people[1:] }), nil, []string{"gains alice: " + all + " [context]"}},
		"has another address":              {nil, nil, do(func(w *world) { alice(w).Email, alice(w).Aliases = "a@example.com", []string{"alice@example.com"} }), nil},
		"off call":                         {do(automatic), nil, do(shift("dan@example.com")), []string{"gains dan: " + all + " [context]", "loses carol: " + all + " [context]"}},
		"another department":               {do(asks(is("department", "payments"))), do(attribute("payments")), do(attribute("sales")), []string{"loses alice: " + all + " [context]"}},
		"another manager":                  {nil, nil, do(func(w *world) { alice(w).Manager = "carol@example.com" }), []string{"other alice: " + all + " [context] at most 4 hours, approved by their manager: bob@example.com -> at most 4 hours, approved by their manager: carol@example.com"}},
		"another group with its approver":  {do(approvers(is("group", "dba"))), nil, do(func(w *world) { w.people[3].Groups = nil }), []string{"other alice: " + all + " [context] at most 4 hours, approved by group dba: dan@example.com, carol@example.com -> at most 4 hours, approved by group dba: carol@example.com"}},
		"nobody approves, so the fallback": {do(approvers(is("shift", "primary"))), nil, do(shift()), []string{"other alice: " + all + " [context] at most 4 hours, approved by shift primary: carol@example.com -> at most 4 hours, approved by shift primary: eve@example.com, frank@example.com"}},
		"other approvers":                  {nil, nil, do(approvers(is("group", "dba"))), []string{"other alice: " + all + " [policy] at most 4 hours, approved by their manager -> at most 4 hours, approved by group dba"}},
		"a resource is gone":               {nil, nil, do(func(w *world) { w.resources = w.resources[1:] }), []string{"loses alice: read on orders [context]"}},
		"a resource is new":                {nil, do(func(w *world) { w.resources = w.resources[1:] }), nil, []string{"gains alice: read on orders [context]"}},
		"tags":                             {do(prod), nil, do(func(w *world) { w.resources[0].Tags, w.resources[1].Tags = w.resources[1].Tags, w.resources[0].Tags }), []string{"gains alice: read on users [context]", "loses alice: read on orders [context]"}},
		"a tag and a policy":               {nil, nil, do(prod, func(w *world) { w.resources[1].Tags = map[string]string{"env": "prod"} }), []string{"loses alice: read on audit [policy]"}},
		"a bundle holds less":              {nil, do(bundle("orders", "users")), do(bundle("orders")), []string{"loses alice: read on users in all [policy]"}},
		"of a bundle something is gone":    {do(bundle("orders", "users")), nil, do(func(w *world) { w.resources = w.resources[1:] }), []string{"loses alice: read on orders in all [context]"}},
		"another owner": {do(approvers(is("owner"))), do(owner("carol@example.com")), do(owner("dan@example.com")), []string{
			"other alice: read on orders [context] at most 4 hours, approved by the owner: carol@example.com -> at most 4 hours, approved by the owner: dan@example.com",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := newWorld(), newWorld()
			for w, more := range map[*world][]func(*world){before: tt.before, after: tt.after} {
				for _, change := range append(tt.same, more...) {
					change(w)
				}
			}
			if diff := cmp.Diff(tt.want, inShort(flows.PlanFor(before.now(), after.now()).Changes)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanNamesFlows: a flow is changed where a bundle or an access scope is that it uses.
func TestPlanNamesFlows(t *testing.T) {
	world := func(query, bundled string) flows.World {
		w := newWorld()
		w.policy.Scopes = []flows.AccessScope{{Name: "prod", Query: query}}
		b := databases("read")
		b.Include = &flows.Selector{Names: []string{bundled}}
		w.policy.Bundles = []flows.Bundle{{Name: "all", Targets: []flows.Target{b, {AccessScope: "prod", Permissions: []string{"read"}}}}}
		w.flow().Targets = []flows.Target{{Bundle: "all"}}
		other := readFlow()
		other.Name = "other"
		w.policy.Flows = append(w.policy.Flows, other)
		return w.now()
	}
	before := world(`resource_tag["env"] = "prod"`, "orders")
	for name, after := range map[string]flows.World{"the scope": world(`resource_tag["env"] = "test"`, "orders"), "the bundle": world(`resource_tag["env"] = "prod"`, "users")} {
		if got := flows.PlanFor(before, after).Changed; !slices.Equal(got, []string{"read"}) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func do(changes ...func(*world)) []func(*world) { return changes }
