package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/config"
)

const examplePath = "../../../../config.example.yaml"

// TestExample: the example is sound, without a warning, once the variables that
// it names are set.
func TestExample(t *testing.T) {
	data, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^[^#\n]*\benv:([A-Z_]+)`).FindAllSubmatch(data, -1) {
		env[string(m[1])] = "value"
	}
	want := map[string]string{"SLACK_APP_TOKEN": "value", "SLACK_BOT_TOKEN": "value", "PROD_PG_DSN": "value", "DEPLOY_HOOK_SECRET": "value"}
	if diff := cmp.Diff(want, env); diff != "" {
		t.Errorf("variables of the example (-want +got):\n%s", diff)
	}
	c, report := config.Load(t.Context(), config.Options{Path: examplePath, Registry: newWorld(t).registry, LookupEnv: lookup(env)})
	if len(report.Problems) > 0 {
		t.Fatal(report.Problems)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestExampleIsComplete: every key that the file may hold is in the example, in use,
// commented out, or named as not supported.
func TestExampleIsComplete(t *testing.T) {
	example, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	shape, err := os.ReadFile("shape.go")
	if err != nil {
		t.Fatal(err)
	}
	keys := regexp.MustCompile(`yaml:"(\w+)"`).FindAllSubmatch(shape, -1)
	if len(keys) < 50 {
		t.Fatalf("only %d keys are found", len(keys))
	}
	for _, k := range keys {
		if !regexp.MustCompile(`\b` + string(k[1]) + `\b`).Match(example) {
			t.Errorf("config.example.yaml does not show %s", k[1])
		}
	}
}

// TestExampleNamesWhatIsNotSupported: what its last lines say is refused, is; once it
// no longer is, the example has to show it.
func TestExampleNamesWhatIsNotSupported(t *testing.T) {
	raw, err := os.ReadFile(examplePath)
	if err != nil {
		t.Fatal(err)
	}
	example := string(raw)
	_, unsupported, _ := strings.Cut(example, "# Not supported by this version yet")
	for name, c := range map[string][2]string{ // what stands there, and what makes use of the feature
		"store driver postgres": {"driver: bolt", "driver: postgres"},
		"owner":                 {"sync_interval: 30m", "owner: {attribute: group, values: [dba]}"},
		"owners_mapping":        {"sync_interval: 30m", "owners_mapping: {tag: owner, attribute: user}"},
		"trigger automatic":     {"trigger: self_serve", "trigger: automatic"},
		"escalation":            {"mode: any_of", "escalation: {interval: 30m, groups: [{approvers: [{attribute: group, values: [leads]}]}]}"},
		"break_glass":           {"justification_required: true", "break_glass: true"},
		"tests":                 {"store:", "tests: [{name: x}]\nstore:"},
		"reports":               {"store:", "reports: [{name: x}]\nstore:"},
	} {
		if !strings.Contains(example, c[0]) {
			t.Fatalf("the example does not hold %q", c[0])
		}
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, []byte(strings.Replace(example, c[0], c[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, report := config.Load(t.Context(), config.Options{Path: path, Registry: newWorld(t).registry, LookupEnv: func(name string) (string, bool) { return "value", !strings.HasPrefix(name, "BOT_") }})
		if cfg != nil {
			if err := cfg.Close(); err != nil {
				t.Error(err)
			}
		}
		refused := slices.ContainsFunc(report.Problems, func(p config.Problem) bool { return p.Code == "unsupported" })
		if said := strings.Contains(unsupported, name); refused != said {
			t.Errorf("%s: refused as not supported: %v; said to be: %v", name, refused, said)
		}
	}
}
