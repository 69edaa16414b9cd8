package config_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/config"
)

// TestExample: the example is sound, without a warning, once the variables that
// it names are set.
func TestExample(t *testing.T) {
	const path = "../../../../config.example.yaml"
	data, err := os.ReadFile(path)
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
	c, report := config.Load(t.Context(), config.Options{Path: path, Registry: newWorld(t).registry, LookupEnv: lookup(env)})
	if len(report.Problems) > 0 {
		t.Fatal(report.Problems)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
