package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunWithAWrongConfigurationDoesNotRun: whatever starts the bot can tell a
// configuration that must be corrected first from a bot that was stopped.
func TestRunWithAWrongConfigurationDoesNotRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte("slack: { app_token: env:NO_SUCH_TOKEN, bot_token: env:NO_SUCH_TOKEN, no_such_key: 1 }\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	if code := Main(t.Context(), []string{"run", "--config", path}, io.Discard, &stderr); code != exitUsage {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{path + ":1:", "no_such_key", "NO_SUCH_TOKEN is not set", "did not start"} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is not said in\n%s", want, stderr.String())
		}
	}
}
