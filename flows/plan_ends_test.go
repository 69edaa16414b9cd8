package flows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestEndingsFor: what is under way and would not go on is told with what makes it so; where
// not everybody is known, nothing of people is judged.
func TestEndingsFor(t *testing.T) {
	build := func(changes ...func(*world)) *world {
		w := newWorld()
		given := readFlow()
		given.Name, given.Trigger, given.Approval = "given", flows.TriggerAutomatic, nil
		given.Requestors.Conditions = conds(is("shift", "primary"))
		w.policy.Flows = append(w.policy.Flows, given)
		for _, change := range changes {
			change(w)
		}
		return w
	}
	off := func(name string) func(*world) {
		return func(w *world) {
			for i := range w.policy.Flows {
				if w.policy.Flows[i].Name == name {
					w.policy.Flows[i].Active = false
				}
			}
		}
	}
	left := func(w *world) { w.people[0].Groups = nil }
	offCall := func(w *world) { w.shifts[0].Members = nil }
	less := func(w *world) { w.policy.Flows[1].Targets[0].Include = &flows.Selector{Names: []string{"users"}} }
	more := func(w *world) {
		w.resources = append(w.resources, flows.Resource{Type: "database", ID: "db-4", Name: "new"})
	}
	fewer := func(w *world) { w.resources = w.resources[1:] }

	asked := func(id string, state flows.State) flows.Request {
		it := flows.Item{Unit: flows.Unit{Integration: "pg", ResourceType: "database", Resource: "db-2", Permission: "read"}, ResourceName: "users", PermissionName: "read"}
		who := flows.PersonRef{Email: "alice@example.com", Name: "Alice"}
		return flows.Request{
			ID: id, State: state, Trigger: flows.TriggerSelfServe, Requestor: who, Grantee: who, Flow: "read", Duration: 1,
			Groups: []flows.AccessGroup{{Integration: "pg", Items: []flows.Item{it}}},
		}
	}
	held := *build().now().PlanAutomatic(nil).Steps[0].Draft
	held.ID, held.State = "AR-3", flows.StateActive
	live := []flows.Request{asked("AR-1", flows.StatePending), asked("AR-2", flows.StateActive), held}

	for name, tt := range map[string]struct {
		before, after []func(*world)
		unsettled     bool
		want          map[string]flows.Because
	}{
		"nothing is other":       {nil, nil, false, map[string]flows.Because{}},
		"off":                    {nil, do(off("read")), false, map[string]flows.Because{"AR-1": flows.BecausePolicy, "AR-2": flows.BecausePolicy}},
		"left":                   {nil, do(left), false, map[string]flows.Because{"AR-1": flows.BecauseContext, "AR-2": flows.BecauseContext}},
		"left, unsettled":        {nil, do(left, offCall), true, map[string]flows.Because{}},
		"off, unsettled":         {nil, do(off("read")), true, map[string]flows.Because{"AR-1": flows.BecausePolicy, "AR-2": flows.BecausePolicy}},
		"both":                   {nil, do(left, off("read")), false, map[string]flows.Because{"AR-1": flows.BecauseBoth, "AR-2": flows.BecauseBoth}},
		"already":                {do(left), do(left), false, map[string]flows.Because{"AR-1": flows.BecauseAlready, "AR-2": flows.BecauseAlready}},
		"held, off":              {nil, do(off("given")), false, map[string]flows.Because{"AR-3": flows.BecausePolicy}},
		"held, less":             {nil, do(less), false, map[string]flows.Because{"AR-3": flows.BecausePolicy}},
		"held, off call":         {nil, do(offCall), false, map[string]flows.Because{"AR-3": flows.BecauseContext}},
		"held, a resource less":  {nil, do(fewer), false, map[string]flows.Because{"AR-3": flows.BecauseContext}},
		"held, a resource more":  {nil, do(more), false, map[string]flows.Because{}},
		"held, off and off call": {nil, do(off("given"), offCall), false, map[string]flows.Because{"AR-3": flows.BecauseBoth}},
	} {
		t.Run(name, func(t *testing.T) {
			got := map[string]flows.Because{}
			for _, e := range flows.EndingsFor(build(tt.before...).now(), build(tt.after...).now(), live, !tt.unsettled) {
				if e.Cause == "" {
					t.Errorf("%s has no cause", e.Request.ID)
				}
				got[e.Request.ID] = e.Because
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
