package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/living"
	"apono/flows"
	"apono/store/bolt"
)

// speaker is an integration that knows people and resources.
type speaker struct {
	people   []flows.Person
	holdings flows.Holdings
}

func (*speaker) Close() error { return nil }

func (s *speaker) People(context.Context) ([]flows.Person, []flows.Shift, error) {
	return s.people, nil, nil
}

func (s *speaker) Discover(context.Context) (flows.Holdings, error) { return s.holdings, nil }

// synced puts what integrations said last into a database, and that a tool put a tag on
// what is kept.
func synced(t *testing.T, db string, all map[string]*speaker) {
	t.Helper()
	s, err := bolt.Open(db, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	setup := living.Setup{Catalog: flows.NewCatalog(flows.Policy{}), HoldAbove: 100}
	for name, says := range all {
		setup.Sources = append(setup.Sources, living.Source{Name: name, Interval: time.Hour, Connection: says, Settings: name})
	}
	world := living.New(setup, slog.New(slog.DiscardHandler))
	if err := world.Remember(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	world.Sync(t.Context())
	_, err = world.PutTags(t.Context(), []flows.TaggedResource{{Integration: "pg", ResourceType: "database", Resource: "kept", Tags: map[string]string{"env": "test"}}}, func(living.TagsResult) (time.Time, flows.Fact) {
		return time.Now(), flows.Fact{Kind: flows.FactOperator, Text: "Tags were put."}
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

const planBase = `
slack: {app_token: env:SLACK_APP_TOKEN, bot_token: env:SLACK_BOT_TOKEN}
integrations:
  - name: people
    type: static
    config:
      people:
        - {email: alice@example.com, name: Alice, groups: [developers], manager: bob@example.com}
        - {email: bob@example.com, name: Bob}
        - {email: carol@example.com, name: Carol}
      shifts: [{name: primary, members: [carol@example.com]}]
  - {name: pg, type: postgresql, config: {dsn: env:PROD_PG_DSN}}
flows:
  - name: On call
    requestors: {conditions: [{attribute: shift, values: [primary]}]}
    targets: [{integration: pg, resource_type: database, permissions: [read_only]}]
  - name: Developers
    requestors: {conditions: [{attribute: group, values: [developers]}]}
    targets: [{integration: pg, resource_type: database, permissions: [read_only], resources: {include: {tags: [{key: env, value: test}]}}}]
    approval: {groups: [{approvers: [{attribute: manager}]}]}
test_inventory:
  - {integration: pg, resource_type: database, permissions: [read_only], resources: [{name: orders, tags: {env: prod}}, {name: trial, tags: {env: test}}]}
`

// TestPlanOfWhatFilesSay: each file is judged on its own people and test_inventory.
func TestPlanOfWhatFilesSay(t *testing.T) {
	secretsOfExamples(t)
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("store: {path: "+filepath.Join(dir, "bot.db")+"}\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	was := write("old.yaml", planBase)
	const end = "there is no database, so no requests were looked at\ncompared:\n  people: as each file says\n  pg: test_inventory of each file is assumed\n"
	for name, tt := range map[string]struct {
		change []string
		want   string
	}{
		"off the shift": {[]string{"members: [carol@example.com]", "members: [bob@example.com]"}, `lose   carol@example.com: read_only on orders, trial in pg (was: at most 1 hour, automatic) [context]
gain   bob@example.com: read_only on orders, trial in pg (at most 1 hour, automatic) [context]
`},
		"off the shift, which the policy does not ask for any more": {[]string{"members: [carol@example.com]", "members: []", "attribute: shift, values: [primary]", "attribute: user, values: [bob@example.com]"}, `flow changed: On call
lose   carol@example.com: read_only on orders, trial in pg (was: at most 1 hour, automatic) [policy and context]
gain   bob@example.com: read_only on orders, trial in pg (at most 1 hour, automatic) [policy]
`},
		"out of the group": {[]string{"groups: [developers], ", ""}, `lose   alice@example.com: read_only on trial in pg (was: at most 1 hour, approved by their manager) [context]
`},
		"another manager": {[]string{"manager: bob@example.com", "manager: carol@example.com"}, `other  alice@example.com: read_only on trial in pg (at most 1 hour, approved by their manager: carol@example.com; was: at most 1 hour, approved by their manager: bob@example.com) [context]
`},
		"removed": {[]string{"        - {email: carol@example.com, name: Carol}\n", ""}, `lose   carol@example.com: read_only on orders, trial in pg (was: at most 1 hour, automatic) [context]
`},
		"other tags": {[]string{"{name: orders, tags: {env: prod}}", "{name: orders, tags: {env: test}}"}, `gain   alice@example.com: read_only on orders in pg (at most 1 hour, approved by their manager) [context]
`},
		"a resource less": {[]string{", {name: trial, tags: {env: test}}", ""}, `lose   alice@example.com: read_only on trial in pg (was: at most 1 hour, approved by their manager) [context]
lose   carol@example.com: read_only on trial in pg (was: at most 1 hour, automatic) [context]
`},
	} {
		t.Run(name, func(t *testing.T) {
			is := write("new.yaml", strings.NewReplacer(tt.change...).Replace(planBase))
			out, _ := said(t, exitOK, "plan", "--offline", "--old", was, "--new", is)
			if diff := cmp.Diff(tt.want+end, out); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestPlanWithoutSecrets: without the secret of a source of people nobody is said to lose
// anything by not being there; without that of another one, everything is judged.
func TestPlanWithoutSecrets(t *testing.T) {
	secretsOfExamples(t)
	file := filepath.Join(t.TempDir(), "config.yaml")
	text := strings.Replace(planBase, "flows:\n", "  - {name: hook, type: webhook, config: {url: https://hook.example.com/, secret: env:NOT_SET}}\n"+
		"  - {name: workspace, type: slack, config: {bot_token: env:NOT_SET}}\nflows:\n", 1)
	if err := os.WriteFile(file, []byte("store: {path: "+file+".db}\n"+text), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := said(t, exitOK, "plan", "--offline", "--old", file, "--new", file)
	for _, want := range []string{
		"what would end because of people was not judged: nothing is known of workspace\n", "  hook: not compared, since nothing is known of it (a secret of it is missing)\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}
}

// TestPlanOfWhatIsKept: what integrations of both files know is what the database keeps of
// them, for both; of an integration that is connected otherwise, too, where it does not
// answer. Requests that would end say whether the policy or the context does it.
func TestPlanOfWhatIsKept(t *testing.T) {
	secretsOfExamples(t)
	dir := t.TempDir()
	db := filepath.Join(dir, "bot.db")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("store: {path: "+db+"}\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pg := &speaker{
		people: []flows.Person{{Email: "carol@example.com", Groups: []string{"developers"}}, {Email: "dan@example.com", Groups: []string{"developers"}, Manager: "bob@example.com"}},
		holdings: flows.Holdings{
			Types:     []flows.ResourceType{{ID: "database", Permissions: []flows.Permission{{ID: "read_only"}}}},
			Resources: []flows.Resource{{Type: "database", ID: "kept", Name: "kept"}},
		},
	}
	synced(t, db, map[string]*speaker{"pg": pg})
	s, err := bolt.Open(db, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for key, who := range map[string]string{"a": "carol@example.com", "b": "dan@example.com"} {
		flow := map[string]string{"a": "On call", "b": "Developers"}[key]
		item := flows.Item{Unit: flows.Unit{Integration: "pg", ResourceType: "database", Resource: "kept", Permission: "read_only"}, ResourceName: "kept", PermissionName: "read_only"}
		draft := flows.Request{
			Requestor: flows.PersonRef{Email: who}, Grantee: flows.PersonRef{Email: who}, Flow: flow, Duration: time.Hour, Trigger: flows.TriggerSelfServe,
			Need: flows.Need{Automatic: true}, Groups: []flows.AccessGroup{{Integration: "pg", Items: []flows.Item{item}}},
		}
		if _, err := s.Submit(t.Context(), time.Now(), key, []flows.Request{draft}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	was := write("old.yaml", planBase)
	run := func(text string) planned {
		t.Helper()
		out, _ := said(t, exitOK, "plan", "--offline", "--format", "json", "--old", was, "--new", write("new.yaml", text))
		var p planned
		if err := json.Unmarshal([]byte(out), &p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ends := func(p planned) (out []string) {
		for _, e := range p.Ending {
			out = append(out, e.Grantee+" "+string(e.Why))
		}
		slices.Sort(out)
		return out
	}

	p := run(strings.Replace(planBase, "members: [carol@example.com]", "members: []", 1))
	if len(p.Changes) != 1 || p.Changes[0].Kind != flows.ChangeOther || p.Changes[0].Resources[0] != "kept" || p.Changes[0].Why != flows.BecauseContext {
		t.Errorf("carol, whom the database knows as a developer, is asked for approval now: %+v", p.Changes)
	}
	if diff := cmp.Diff([]string{"carol@example.com context"}, ends(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Sources) != 3 || p.Sources[2].Name != living.TagsSource || p.Sources[1].Old != fromStore || p.Sources[1].New != fromStore || p.Sources[1].Synced == nil || p.Sources[1].Problem != "" {
		t.Errorf("%+v", p.Sources)
	}
	if diff := cmp.Diff([]string{"carol@example.com policy", "dan@example.com policy"}, ends(run(strings.ReplaceAll(planBase, "permissions: [read_only]", "permissions: [read_write]")))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	t.Setenv("OTHER_DSN", "postgres://bot@127.0.0.1:2/postgres?connect_timeout=1")
	// Connected otherwise, and it cannot be asked: as a reload has it.
	p = run(strings.Replace(planBase, "env:PROD_PG_DSN", "env:OTHER_DSN", 1))
	if len(p.Changes) != 0 || len(p.Ending) != 0 || p.Sources[1].Problem != notAsked || p.Sources[1].New != fromStore {
		t.Errorf("%+v", p)
	}
	// Not in the new file: its resources and people are gone.
	gone, _, _ := strings.Cut(planBase, "  - {name: pg,")
	p = run(gone + "flows: []\n")
	if diff := cmp.Diff([]string{"carol@example.com policy", "dan@example.com policy and context"}, ends(p)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(p.Sources) != 3 || p.Sources[1].New != "" || p.Sources[1].String() == "" {
		t.Errorf("%+v", p.Sources)
	}
}
