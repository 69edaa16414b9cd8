package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"apono/cmd/bot/internal/ops"
)

// metricNames are the metrics that a bot shows, of Go and the process too.
func metricNames(t *testing.T) (names []string) {
	t.Helper()
	source, err := os.ReadFile("internal/ops/metrics.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"(apono_\w+)"`).FindAllStringSubmatch(string(source), -1) {
		names = append(names, m[1])
	}
	families, err := ops.NewMetrics("v", func() ops.Snapshot { return ops.Snapshot{} }).Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		names = append(names, f.GetName())
	}
	return names
}

// metric is a name in a query; the names of functions and labels do not begin so.
var metric = regexp.MustCompile(`\b(?:apono|go|process)_\w+`)

func wantMetrics(t *testing.T, where, query string, known []string) {
	t.Helper()
	used := metric.FindAllString(query, -1)
	if len(used) == 0 {
		t.Errorf("%s asks about no metric: %s", where, query)
	}
	for _, name := range used {
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			name = strings.TrimSuffix(name, end)
		}
		if !slices.Contains(known, name) {
			t.Errorf("%s: there is no metric %s", where, name)
		}
	}
}

// TestAlerts: each is about metrics that exist, and is explained. That they come when
// they should, promtool proves in scripts/check-docs.
func TestAlerts(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(docs, "operations/alerts.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr         string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(filepath.Join(docs, "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	tests, err := os.ReadFile(filepath.Join(docs, "operations/alerts_test.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	known := metricNames(t)
	for _, r := range file.Groups[0].Rules {
		wantMetrics(t, r.Alert, r.Expr, known)
		if s := r.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if want := "docs/operations.md#" + strings.ToLower(r.Alert); r.Annotations["runbook"] != want || r.Annotations["summary"] == "" {
			t.Errorf("%s: annotations %v, want the runbook %s", r.Alert, r.Annotations, want)
		}
		if !bytes.Contains(guide, []byte("\n### "+r.Alert+"\n")) {
			t.Errorf("docs/operations.md does not explain %s", r.Alert)
		}
		if !bytes.Contains(tests, []byte("\n  - name: "+r.Alert+"\n")) || !bytes.Contains(tests, []byte("alertname: "+r.Alert+" }")) {
			t.Errorf("alerts_test.yaml lacks a storm or a calm for %s", r.Alert)
		}
	}
	if n := bytes.Count(guide, []byte("\n### Apono")); n != len(file.Groups[0].Rules) || n < 10 {
		t.Errorf("%d alerts are explained, %d exist", n, len(file.Groups[0].Rules))
	}
}

// TestDashboard: every metric is on it, and nothing that does not exist.
func TestDashboard(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(docs, "operations/dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			ID                 int
			Title, Description string
			GridPos            struct{ X, Y, W, H int }
			Targets            []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	known := metricNames(t)
	taken := map[[2]int]string{}
	ids := map[int]bool{}
	for _, p := range board.Panels {
		if ids[p.ID] || p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
			t.Errorf("panel %d %q: not unique, or without a title, description or query", p.ID, p.Title)
		}
		ids[p.ID] = true
		for _, q := range p.Targets {
			wantMetrics(t, p.Title, q.Expr, known)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s lies over %q, or beyond the edge", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	for _, name := range known {
		if strings.HasPrefix(name, "apono_") && !bytes.Contains(raw, []byte(name)) {
			t.Errorf("%s is on no panel", name)
		}
	}
}
