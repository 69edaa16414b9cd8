package config_test

import (
	"os"
	"path/filepath"
	"testing"

	"apono/cmd/bot/internal/config"
	"apono/flows"
)

// FuzzLoad: whatever the file holds, Load returns a configuration and no errors,
// or none and errors, each with a place; it closes what it does not hand out.
func FuzzLoad(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(whole))
	f.Add([]byte("\xef\xbb\xbfslack: {}\r\n"))
	f.Add([]byte("? [a]\n: b\n"))
	f.Add([]byte("a: &a [*a]\n<<: *a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "config.yaml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		c, report := config.Load(t.Context(), config.Options{Path: path, Registry: w.registry, LookupEnv: lookup(environment)})
		if (c != nil) != report.OK() {
			t.Fatalf("there is a configuration: %t, problems %v", c != nil, report.Problems)
		}
		if c != nil {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
		if w.made != w.closed {
			t.Errorf("%d connections made, %d closed", w.made, w.closed)
		}
		for _, p := range report.Problems {
			if p.Line < 1 || p.Column < 1 || p.Message == "" || p.Code == "" || (p.Severity != flows.SeverityError && p.Severity != flows.SeverityWarning) {
				t.Errorf("incomplete problem: %+v", p)
			}
		}
	})
}
