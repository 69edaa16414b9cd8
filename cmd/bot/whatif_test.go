package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
)

// secretsOfExamples are what docs/examples refer to.
func secretsOfExamples(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"SLACK_APP_TOKEN": "xapp-1", "SLACK_BOT_TOKEN": "xoxb-1", "PROD_PG_DSN": "postgres://bot@127.0.0.1:1/postgres?connect_timeout=1",
		"AWS_HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "K8S_HOOK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
	} {
		t.Setenv(name, value)
	}
}

func said(t *testing.T, wantStatus int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if status := Main(t.Context(), args, &out, &errs); status != wantStatus {
		t.Errorf("bot %s: exit status %d, want %d\n%s%s", strings.Join(args, " "), status, wantStatus, out.String(), errs.String())
	}
	return out.String(), errs.String()
}

// TestExamplePolicies checks every policy of docs/examples: nothing is wrong with
// it, its own tests hold, and they do not hold of an empty policy.
func TestExamplePolicies(t *testing.T) {
	secretsOfExamples(t)
	paths, err := filepath.Glob("../../docs/examples/*.yaml")
	if err != nil || len(paths) < 7 {
		t.Fatalf("%d examples: %v", len(paths), err)
	}
	for _, path := range paths {
		if out, _ := said(t, exitOK, "check", "--config", path); out != path+": ok\n" {
			t.Errorf("%s", out)
		}
		if out, _ := said(t, exitOK, "plan", "--offline", "--old", path, "--new", path); !strings.HasPrefix(out, "nobody gains or loses anything\n") {
			t.Errorf("%s against itself:\n%s", path, out)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		// Each flow matters to its tests: without any one of them some test fails.
		names := flowNamesOf(string(text))
		for _, name := range names {
			off := strings.Replace(string(text), "  - name: "+name+"\n", "  - name: "+name+"\n    active: false\n", 1)
			file := filepath.Join(t.TempDir(), "config.yaml")
			if err := os.WriteFile(file, []byte(off), 0o600); err != nil {
				t.Fatal(err)
			}
			if out, _ := said(t, exitProblems, "check", "--config", file); !strings.Contains(out, "the test ") {
				t.Errorf("%s: no test needs %s:\n%s", path, name, out)
			}
		}
		if len(names) == 0 {
			t.Errorf("%s: no flows found", path)
		}
	}
}

func flowNamesOf(text string) []string {
	_, text, _ = strings.Cut(text, "\nflows:\n")
	text, _, _ = strings.Cut(text, "\ntest_inventory:")
	var out []string
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "  - name: "); ok {
			out = append(out, strings.TrimSuffix(name, "\n"))
		}
	}
	return out
}

func TestExplain(t *testing.T) {
	secretsOfExamples(t)
	const example = "../../docs/examples/on-call.yaml"
	base := []string{"explain", "--config", example, "--offline", "--at", "2026-03-02T10:00:00+01:00"}
	for _, tt := range []struct {
		name   string
		args   []string
		status int
		want   string
	}{
		{"allowed", []string{"--user", "carol@example.com", "--bundle", "Production"}, exitOK, `yes, as one request:
  On call, at once: 5 objects, for 1 hour (longest 1 hour), asked: Automatic
flows:
  * On call, at once: longest 1 hour, asked: Automatic
  - Developers, with their manager: another goes first: it can hold the duration, is automatic, covers more, or is named earlier in the file
`},
		{"a part, longer", []string{"--user", "alice@example.com", "--bundle", "Production", "--resource", "shop", "--duration", "2h"}, exitOK, `yes, as one request:
  Developers, with their manager: 1 object, for 2 hours (longest 5 hours), asked: Bob (your manager)
flows:
  - On call, at once: Alice is not on call for primary; the longest is 1 hour
  * Developers, with their manager: longest 5 hours, asked: Bob (your manager)
`},
		{"refused", []string{"--user", "alice@example.com", "--integration", "aws-prod", "--resource", "scratch", "--permission", "read"}, exitProblems, `no:
  No access flow lets you ask for read on scratch in aws-prod.
flows:
  - On call, at once: Alice is not on call for primary; it offers nothing of what is asked for
  - Developers, with their manager: it offers nothing of what is asked for
`},
		{"for somebody else", []string{"--user", "alice@example.com", "--for", "bob@example.com", "--bundle", "Production"}, exitProblems, `no:
  No access flow lets you ask for Bob at the moment: people may ask for themselves only.
flows:
  - On call, at once: Alice is not on call for primary; it is not for Bob: people may ask for themselves only
  - Developers, with their manager: it is not for Bob: people may ask for themselves only
`},
		{"anything", []string{"--user", "alice@example.com"}, exitOK, `flows:
  - On call, at once: Alice is not on call for primary
  + Developers, with their manager: longest 5 hours, asked: Bob (your manager)
`},
		{"nobody", []string{"--user", "zoe@example.com", "--bundle", "Production"}, exitProblems, ""},
		{"nothing of that name", []string{"--user", "alice@example.com", "--integration", "aws-prod", "--resource", "x", "--permission", "read"}, exitProblems, ""},
		{"no question", nil, exitUsage, ""},
		{"no time", []string{"--user", "alice@example.com", "--at", "noon"}, exitProblems, ""},
	} {
		out, _ := said(t, tt.status, append(base, tt.args...)...)
		if diff := cmp.Diff(tt.want, out); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	out, _ := said(t, exitOK, append(base, "--user", "carol@example.com", "--bundle", "Production", "--format", "json")...)
	var e explained
	if err := json.Unmarshal([]byte(out), &e); err != nil || !e.Allowed || len(e.Requests) != 1 || len(e.Requests[0].Items) != 5 || len(e.Flows) != 2 {
		t.Errorf("%v %s", err, out)
	}
}

// TestExplainAutomatic: of a flow under which nobody asks it is said whether the person has
// what it gives, and nothing of durations.
func TestExplainAutomatic(t *testing.T) {
	secretsOfExamples(t)
	base := []string{"explain", "--config", "../../docs/examples/by-team-and-shift.yaml", "--offline", "--user", "carol@example.com", "--duration", "5h"}
	out, _ := said(t, exitOK, base...)
	if diff := cmp.Diff(`flows:
  - The database team reads everything: it gives access by itself; nobody asks under it; Carol is not in the group dba
  - On call reads production: it gives access by itself, to Carol too; nobody asks under it
  - Developers ask: the longest is 2 hours
`, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out, _ = said(t, exitOK, append(base, "--format", "json")...)
	var e explained
	if err := json.Unmarshal([]byte(out), &e); err != nil || len(e.Flows) != 3 || e.Flows[1].Longest != "without limit" {
		t.Errorf("%v %s", err, out)
	}
}

// TestExplainAMistypedIntegration: it is not one of which nothing is known yet.
func TestExplainAMistypedIntegration(t *testing.T) {
	secretsOfExamples(t)
	args := []string{"explain", "--config", "../../docs/examples/tagged-pii.yaml", "--offline", "--user", "alice@example.com", "--integration", "prod-postgre", "--resource", "orders", "--permission", "read_only"}
	if _, errs := said(t, exitProblems, args...); !strings.Contains(errs, `there is no integration "prod-postgre"; did you mean "prod-postgres"?`) {
		t.Errorf("%s", errs)
	}
}

func TestExplainScope(t *testing.T) {
	secretsOfExamples(t)
	base := []string{"explain", "--config", "../../docs/examples/tagged-pii.yaml", "--offline"}
	out, notes := said(t, exitOK, append(base, "--scope", "Personal data that may be read")...)
	if diff := cmp.Diff("aws-prod  bucket  customers  read\nprod-postgres  database  orders  read_only\n2 objects\n", out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(notes, "aws-prod: the resources of test_inventory are assumed\n") {
		t.Errorf("notes: %s", notes)
	}
	if _, errs := said(t, exitProblems, append(base, "--scope", "Personal date")...); !strings.Contains(errs, `there is no access scope "Personal date"; did you mean "Personal data"?`) {
		t.Errorf("%s", errs)
	}
	// A system that cannot be asked is said to be.
	_, notes = said(t, exitOK, "explain", "--config", "../../docs/examples/tagged-pii.yaml", "--scope", "Personal data")
	if !strings.Contains(notes, "prod-postgres could not be asked: ") {
		t.Errorf("notes: %s", notes)
	}
}

// TestPlan compares two policies: who loses, gains, needs others, and which
// request under way would end.
func TestPlan(t *testing.T) {
	secretsOfExamples(t)
	dir := t.TempDir()
	text, err := os.ReadFile("../../docs/examples/any-except.yaml")
	if err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(dir, "bot.db")
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("store: { path: "+db+" }\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	text, _, _ = bytes.Cut(text, []byte("\ntests:"))
	before := string(text)
	after := strings.NewReplacer(
		"exclude: { names: [payroll], ", "exclude: { names: [payroll, orders], ",
		"permissions: [read_only, read_write] }]", "permissions: [read_only] }]",
		"  - name: Any database\n", "  - name: Everything\n").Replace(before)
	was, is := write("old.yaml", before), write("new.yaml", after)
	const compared = "compared:\n  people: as each file says\n  prod-postgres: test_inventory of each file is assumed\n"
	if out, _ := said(t, exitOK, "plan", "--offline", "--old", was, "--new", was); out != "nobody gains or loses anything\nthere is no database, so no requests were looked at\n"+compared {
		t.Errorf("%s", out)
	}
	s, err := bolt.Open(db, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	alice := flows.PersonRef{Email: "alice@example.com", Name: "Alice"}
	item := flows.Item{Unit: flows.Unit{Integration: "prod-postgres", ResourceType: "database", Resource: "orders", Permission: "read_only"}, ResourceName: "orders", PermissionName: "read_only"}
	draft := flows.Request{
		Requestor: alice, Grantee: alice, Flow: "Any database but the sensitive ones", Duration: time.Hour, Trigger: flows.TriggerSelfServe,
		Need: flows.Need{Automatic: true}, Groups: []flows.AccessGroup{{Integration: "prod-postgres", Items: []flows.Item{item}}},
	}
	if _, err := s.Submit(t.Context(), time.Now(), "a", []flows.Request{draft}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	out, _ := said(t, exitOK, "plan", "--offline", "--old", was, "--new", is)
	want := `flow new: Everything
flow removed: Any database
flow changed: Any database but the sensitive ones
lose   alice@example.com, bob@example.com, carol@example.com: read_write on customers, orders, payroll, reviews in prod-postgres (was: at most 1 hour, approved by group dba) [policy]
other  alice@example.com, bob@example.com, carol@example.com: read_only on orders in prod-postgres (at most 1 hour, approved by group dba; was: at most 8 hours, automatic) [policy]
end    AR-1 of alice@example.com (approved): The access flow Any database but the sensitive ones no longer covers read_only on orders in prod-postgres. [policy]
` + compared
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	out, _ = said(t, exitOK, "plan", "--offline", "--old", is, "--new", was, "--format", "json")
	var p planned
	if err := json.Unmarshal([]byte(out), &p); err != nil || len(p.Changes) != 2 || p.Changes[0].Kind != flows.ChangeGains || !p.Looked || len(p.Ending) != 0 {
		t.Errorf("%v %s", err, out)
	}
	said(t, exitUsage, "plan", "--old", was)

	// An automatic flow that gives less, and one that is for others too.
	automatic := func(more string) string {
		return strings.Replace(before, "flows:\n", "flows:\n  - name: Held\n    trigger: automatic\n    requestors: { conditions: [{ attribute: user, values: [alice@example.com] }] }\n"+
			"    targets: [{ integration: prod-postgres, resource_type: database, permissions: [read_only]"+more+" }]\n", 1)
	}
	holds := draft
	holds.Trigger, holds.Flow, holds.Indefinite, holds.Duration = flows.TriggerAutomatic, "Held", true, 0
	if s, err = bolt.Open(db, bolt.Options{}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(t.Context(), time.Now(), "b", []flows.Request{holds}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	forOthers := strings.Replace(automatic(", resources: { exclude: { names: [orders] } }"), "  - name: Any database\n",
		"  - name: Any database\n    request_for: { scopes: [self, others], grantees: { conditions: [{ attribute: group, values: [dba] }] } }\n", 1)
	out, _ = said(t, exitOK, "plan", "--offline", "--old", write("held.yaml", automatic("")), "--new", write("less.yaml", forOthers))
	for _, want := range []string{
		"end    AR-2 of alice@example.com (approved): What the automatic access flow Held covers has changed. [policy]\n",
		"in prod-postgres, for others who are group dba (at most 1 hour, approved by group dba) [policy]\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the plan does not say %q:\n%s", want, out)
		}
	}
	said(t, exitProblems, "plan", "--old", was, "--new", write("bad.yaml", "flows: [{}]\n"))
}
