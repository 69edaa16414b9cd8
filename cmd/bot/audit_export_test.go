package main

import (
	"bytes"
	"encoding/csv"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// exporting is a store with two requests: AR-1 of Alice in two integrations, denied
// by Bob; AR-2 of Carol in one.
func exporting(t *testing.T) *bolt.Store {
	t.Helper()
	s := storetest.Open(t)
	at := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	person := func(name string) flows.PersonRef {
		return flows.PersonRef{Email: strings.ToLower(name) + "@example.com", Name: name}
	}
	group := func(integration string) flows.AccessGroup {
		u := flows.Unit{Integration: integration, ResourceType: "database", Resource: "orders", Permission: "read"}
		return flows.AccessGroup{Integration: integration, Items: []flows.Item{{Unit: u, ResourceName: "orders", TypeName: "Database", PermissionName: "Read"}}}
	}
	draft := func(name, bundle string, groups ...flows.AccessGroup) flows.Request {
		return flows.Request{
			Requestor: person(name), Grantee: person(name), Flow: "f", Bundle: bundle, Justification: "=1+1", Duration: time.Hour, Groups: groups,
			Need:  flows.Need{Mode: flows.ModeAnyOf, Groups: []string{"leads"}},
			Asked: []flows.Asked{{PersonRef: person("Bob"), Groups: []int{0}, Why: "You lead."}},
		}
	}
	made := []flows.Request{draft("Alice", "rush", group("pg"), group("k8s")), draft("Carol", "", group("pg"))}
	if _, err := s.Submit(t.Context(), at, "k", made); err != nil {
		t.Fatal(err)
	}
	deny := flows.Event{Kind: flows.EventDeny, By: person("Bob"), CountsFor: []int{0}, Reason: "no"}
	if _, err := s.Apply(t.Context(), at.Add(12*time.Hour), "AR-1", deny); err != nil {
		t.Fatal(err)
	}
	if err := s.Record(t.Context(), at, flows.Fact{Kind: flows.FactOperator, Text: "started"}); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAuditExportFilters(t *testing.T) {
	s := exporting(t)
	for _, c := range []struct {
		query string
		want  []string // request event bundle integration
	}{
		{"", []string{"AR-1 asked rush pg", "AR-1 asked rush k8s", "AR-2 asked  pg", "AR-1 denied rush pg", "AR-1 denied rush k8s", " operator  "}},
		{"user=ALICE@example.com", []string{"AR-1 asked rush pg", "AR-1 asked rush k8s", "AR-1 denied rush pg", "AR-1 denied rush k8s"}},
		{"user=bob@example.com", []string{"AR-1 denied rush pg", "AR-1 denied rush k8s"}},
		{"user=carol@example.com&user=bob@example.com&integration=pg", []string{"AR-2 asked  pg", "AR-1 denied rush pg"}},
		{"integration=k8s", []string{"AR-1 asked rush k8s", "AR-1 denied rush k8s"}},
		{"status=denied&status=operator", []string{"AR-1 denied rush pg", "AR-1 denied rush k8s", " operator  "}},
		{"status=Timed-Out", nil},
		{"from=2026-03-02&integration=pg", []string{"AR-1 denied rush pg"}},
		{"to=2026-03-02&integration=pg", []string{"AR-1 asked rush pg", "AR-2 asked  pg"}},
		{"user=nobody@example.com", nil},
	} {
		q, err := url.ParseQuery(c.query + "&format=csv")
		if err != nil {
			t.Fatal(err)
		}
		e, err := parseExport(q)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := writeExport(&out, s, e); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&out).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, line := range lines[1:] {
			got = append(got, strings.Join([]string{line[3], line[2], line[10], line[11]}, " "))
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.query, diff)
		}
		e.format = "jsonl"
		out.Reset()
		if err := writeExport(&out, s, e); err != nil {
			t.Fatal(err)
		}
		events := map[string]bool{}
		for _, line := range lines[1:] {
			events[line[0]] = true
		}
		if n := strings.Count(out.String(), "\n"); n != len(events) {
			t.Errorf("%s: %d lines of JSON for %d events", c.query, n, len(events))
		}
	}
}

// No cell begins a formula, whatever a spreadsheet takes for the end of a cell.
func TestFormulasAreDefused(t *testing.T) {
	for cell, want := range map[string]string{
		"":                 "",
		"plain - text = 1": "plain - text = 1",
		"=1+1":             "'=1+1",
		"-1":               "'-1",
		"@SUM(A1)":         "'@SUM(A1)",
		"\t=1":             "'\t'=1",
		"＝1":               "'＝1",
		"a;=1":             "a;'=1",
		"a\n=1":            "a\n'=1",
		"\r\n\n+1":         "'\r'\n'\n'+1",
		"'=1":              "'=1",
		"ünï;-x":           "ünï;'-x",
	} {
		if got := defuse(cell); got != want {
			t.Errorf("%q becomes %q, want %q", cell, got, want)
		}
	}
}

func TestVerifyAgainstNotedHeads(t *testing.T) {
	s := exporting(t)
	var out bytes.Buffer
	if err := writeVerify(&out, s, nil); err != nil {
		t.Fatal(err)
	}
	_, noted, ok := strings.Cut(strings.TrimSpace(out.String()), "head: ")
	if !ok || !strings.HasPrefix(out.String(), "ok: 4 events\n") {
		t.Fatalf("verify says %q", out.String())
	}
	if err := s.Record(t.Context(), time.Now(), flows.Fact{Kind: flows.FactOperator, Text: "later"}); err != nil {
		t.Fatal(err)
	}
	for head, want := range map[string]string{
		noted:        "",
		"4:" + aHash: "audit event 4 or one before it was changed",
		"9:" + aHash: "audit event 6 is missing: the trail ends with event 5",
	} {
		heads, err := parseHeads([]string{head})
		if err != nil {
			t.Fatal(err)
		}
		err = writeVerify(&out, s, heads)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("of %s verify says %v, want %q", head, err, want)
		}
	}
}
