package flows_test

import (
	"testing"
	"time"

	"apono/flows"
)

// world is a small company. Bob manages Alice; Carol and Dan are database
// administrators, Carol is on call; Eve and Frank are admins.
type world struct {
	people    []flows.Person
	shifts    []flows.Shift
	groups    []string
	resources []flows.Resource
	policy    flows.Policy
}

func person(name string, groups ...string) flows.Person {
	return flows.Person{Email: name + "@example.com", Name: name, Groups: groups}
}

func newWorld() *world {
	alice := person("alice", "developers")
	alice.Manager = "bob@example.com"
	return &world{
		people: []flows.Person{
			alice, person("bob", "leads"), person("carol", "dba"), person("dan", "dba"), person("eve", "admins"), person("frank", "admins"),
		},
		shifts: []flows.Shift{{Name: "primary", Members: []string{"carol@example.com"}}, {Name: "quiet"}},
		resources: []flows.Resource{
			{Type: "database", ID: "db-1", Name: "orders", Path: []string{"cluster-1", "public"}, Tags: map[string]string{"env": "prod"}},
			{Type: "database", ID: "db-2", Name: "users", Path: []string{"cluster-2"}, Tags: map[string]string{"env": "test"}},
			{Type: "database", ID: "db-3", Name: "audit"},
		},
		policy: flows.Policy{
			Flows:    []flows.Flow{readFlow()},
			Admins:   flows.Conditions{Conditions: conds(is("group", "admins"))},
			Fallback: flows.ApproverGroup{Approvers: conds(is("group", "admins"))},
		},
	}
}

// readFlow lets developers read databases for four hours when their manager agrees.
func readFlow() flows.Flow {
	return flows.Flow{
		Name: "read", Trigger: flows.TriggerSelfServe, Active: true,
		Requestors: flows.Conditions{Conditions: conds(is("group", "developers"))},
		Targets:    []flows.Target{databases("read")},
		Duration:   flows.GrantDuration{Max: 4 * time.Hour},
		Approval:   &flows.Approval{Groups: []flows.ApproverGroup{{Approvers: conds(is("manager"))}}},
	}
}

func databases(permissions ...string) flows.Target {
	return flows.Target{Integration: "pg", ResourceType: "database", Permissions: permissions}
}

func conds(cs ...flows.Condition) []flows.Condition { return cs }

func is(attribute string, values ...string) flows.Condition {
	return flows.Condition{Attribute: attribute, Values: values}
}

func approverGroup(cs ...flows.Condition) flows.ApproverGroup {
	return flows.ApproverGroup{Approvers: cs}
}

func (w *world) flow() *flows.Flow { return &w.policy.Flows[0] }

func (w *world) person(name string) *flows.Person {
	for i := range w.people {
		if w.people[i].Email == name+"@example.com" {
			return &w.people[i]
		}
	}
	panic("nobody is called " + name)
}

func (w *world) drop(name string) {
	var left []flows.Person
	for _, p := range w.people {
		if p.Email != name+"@example.com" {
			left = append(left, p)
		}
	}
	w.people = left
}

// now is the snapshot of this moment.
func (w *world) now() flows.World {
	types := []flows.ResourceType{{ID: "database", Name: "Database", Permissions: []flows.Permission{{ID: "read", Name: "Read"}, {ID: "write", Name: "Write"}}}}
	policy := w.policy
	policy.Flows = append([]flows.Flow(nil), w.policy.Flows...)
	return flows.NewWorld(
		flows.NewDirectory(w.people, w.shifts, w.groups...),
		flows.NewInventory([]flows.Holdings{{Integration: "pg", Types: types, Resources: w.resources}}),
		flows.NewCatalog(policy))
}

func who(t *testing.T, w flows.World, name string) *flows.Person {
	t.Helper()
	p, err := w.People.ByEmail(name + "@example.com")
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func pgUnit(resource, permission string) flows.Unit {
	return flows.Unit{Integration: "pg", ResourceType: "database", Resource: resource, Permission: permission}
}

func ask(t *testing.T, w flows.World, name string, units ...flows.Unit) flows.Question {
	t.Helper()
	p := who(t, w, name)
	return flows.Question{Requestor: p, Grantee: p, Units: units, Now: noon}
}

// submitted makes the one request that the question becomes.
func submitted(t *testing.T, w flows.World, q flows.Question) flows.Request {
	t.Helper()
	v := w.Evaluate(q)
	if !v.Allowed() || len(v.Parts) != 1 {
		t.Fatalf("the question is not one request: %d parts, problems %+v", len(v.Parts), v.Problems())
	}
	d := w.Drafts(q, v)[0]
	d.ID, d.Seq = "AR-1", 1
	return play(t, d, flows.Event{Kind: flows.EventSubmit, By: q.Requestor.Ref()})
}

// pendingRead is Alice's request to read db-1, under the flow of w.
func pendingRead(t *testing.T, w *world) flows.Request {
	t.Helper()
	now := w.now()
	return submitted(t, now, ask(t, now, "alice", pgUnit("db-1", "read")))
}

func wantCode(t *testing.T, err error, code flows.Code, sentence string) {
	t.Helper()
	if flows.ErrorCode(err) != code || (sentence != "" && flows.ErrorMessage(err) != sentence) {
		t.Errorf("error %v, want %s: %s", err, code, sentence)
	}
}
