package config_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/config"
	"apono/flows"
	"apono/provision"
)

// TestLoad_TestsNeedPeople: where a directory beside the file knows people, the
// tests of the policy are kept for whoever has asked it, and a warning says so.
func TestLoad_TestsNeedPeople(t *testing.T) {
	w := newWorld(t)
	types := []provision.Type{}
	for _, name := range []string{"static", "postgresql"} {
		typ, _ := w.registry.Type(name)
		types = append(types, typ)
	}
	types = append(types, provision.Type{Name: "elsewhere", New: func(context.Context, provision.Spec) (provision.Connection, []flows.Issue) {
		w.made++
		return directory{&connection{closed: &w.closed, people: []flows.Person{{Email: "zoe@example.com", Groups: []string{"developers"}}}}}, nil
	}})
	registry, err := provision.NewRegistry(types...)
	if err != nil {
		t.Fatal(err)
	}
	sound, err := os.ReadFile("testdata/sound.yaml")
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, strings.Replace(string(sound), "  - name: db\n", "  - {name: other, type: elsewhere}\n  - name: db\n", 1)+`
test_inventory:
  - {integration: db, resource_type: database, permissions: [read], resources: [{id: d1, name: orders, path: [main], tags: {env: prod}, owners: [ann@example.com]}]}
tests:
  - name: zoe reads
    user: zoe@example.com
    at: 2026-03-02T10:00:00+01:00
    request: {for: ann@example.com, integration: db, resource_type: database, resource: orders, permissions: [read], duration: 2h}
    expect: {flows: [read], approval: any_of, approvers: [ann@example.com], duration: 2h}
`)
	c := mustLoad(t, config.Options{Path: path, Registry: registry, LookupEnv: lookup(environment)})
	want := []flows.PolicyTest{{
		Name: "zoe reads", User: "zoe@example.com", For: "ann@example.com", At: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC),
		Integration: "db", ResourceType: "database", Resources: []string{"orders"}, Permissions: []string{"read"}, Duration: 2 * time.Hour, Path: "tests[0]",
		Expect: flows.Expectation{Flows: []string{"read"}, Approval: "any_of", Approvers: []string{"ann@example.com"}, Duration: 2 * time.Hour},
	}}
	if diff := cmp.Diff(want, c.Tests); diff != "" {
		t.Errorf("tests (-want +got):\n%s", diff)
	}
	sample := []flows.Holdings{{
		Integration: "db", Types: []flows.ResourceType{{ID: "database", Name: "database", Permissions: []flows.Permission{{ID: "read", Name: "read"}}}},
		Resources: []flows.Resource{{Type: "database", ID: "d1", Name: "orders", Path: []string{"main"}, Tags: map[string]string{"env": "prod"}, Owners: []string{"ann@example.com"}}},
	}}
	if diff := cmp.Diff(sample, c.Sample); diff != "" {
		t.Errorf("sample (-want +got):\n%s", diff)
	}
	_, report := config.Load(t.Context(), config.Options{Path: path, Registry: registry, LookupEnv: lookup(environment)})
	if got := report.Problems[len(report.Problems)-1]; got.Code != "tests_not_run" || got.Severity != flows.SeverityWarning {
		t.Errorf("%+v", report.Problems)
	}
}
