package config_test

import (
	"context"
	"strings"
	"testing"

	"apono/cmd/bot/internal/config"
	"apono/flows"
	"apono/provision"
)

// TestEveryProblemOfAnIntegrationAtOnce: what cannot be read in the configuration of an
// integration does not hide what its type finds wrong with the rest, and nothing is said
// twice or of what could not be read.
func TestEveryProblemOfAnIntegrationAtOnce(t *testing.T) {
	made, closed := 0, 0
	r, err := provision.NewRegistry(provision.Type{Name: "queue", New: func(_ context.Context, s provision.Spec) (provision.Connection, []flows.Issue) {
		var c struct {
			Port  int    `yaml:"port"`
			Zone  string `yaml:"zone"`
			Token string `yaml:"token"`
		}
		if err := s.Decode(&c); err != nil {
			return nil, []flows.Issue{{Message: err.Error()}}
		}
		var issues []flows.Issue
		if c.Port == 0 {
			issues = append(issues, flows.Issue{Path: "port", Message: "there is no port"})
		}
		if c.Zone != "UTC" {
			issues = append(issues, flows.Issue{Path: "zone", Message: "there is no such zone"})
		}
		made++
		return &connection{closed: &closed}, issues
	}})
	if err != nil {
		t.Fatal(err)
	}
	path := file(t, "integrations:\n  - name: q\n    type: queue\n    config: {port: many, zone: Mars, tokn: x}\n")
	_, report := config.Load(t.Context(), config.Options{Path: path, Registry: r, LookupEnv: lookup(environment)})
	var got []string
	for _, p := range report.Problems {
		if strings.HasPrefix(p.Path, "integrations[0].config") {
			got = append(got, p.Message)
		}
	}
	said := strings.Join(got, "; ")
	for _, words := range []string{"this must be a whole number", "there is no such zone", `unknown key "tokn"`} {
		if strings.Count(said, words) != 1 {
			t.Errorf("%q is not said once in: %s", words, said)
		}
	}
	if strings.Contains(said, "there is no port") || len(got) != 3 {
		t.Errorf("an echo: %s", said)
	}
	if made != closed {
		t.Errorf("%d connections made, %d closed", made, closed)
	}
}
