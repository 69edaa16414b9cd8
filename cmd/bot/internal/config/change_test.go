package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/config"
)

const running = minimal + `
http: {listen: 127.0.0.1:1}
integrations:
  - name: people
    type: static
    config: {people: [{email: a@x}]}
  - {name: db, type: postgresql, config: {dsn: env:DSN}}
  - {name: old, type: webhook, config: {url: "https://x/", secret: env:HOOK}}
flows:
  - {name: One, requestors: {conditions: [{attribute: user, values: [a@x]}]}, targets: [{integration: db, resource_type: t, permissions: [p]}]}
  - {name: Two, requestors: {conditions: [{attribute: user, values: [a@x]}]}, targets: [{integration: db, resource_type: t, permissions: [p]}]}
`

// What a saved file changes, in words for people, and the keys that need a restart.
func TestChanges(t *testing.T) {
	tests := map[string]struct {
		edit  []string
		env   map[string]string
		want  []string
		keeps []string
	}{
		"nothing":              {},
		"only a comment":       {edit: []string{"integrations:", "integrations: # all of them", "config: {people", "config: # Ann\n      {people"}},
		"a flow":               {edit: []string{"name: Two, ", "name: Two, grant_duration: 2h, "}, want: []string{`flow "Two" changed`}},
		"flows, another name":  {edit: []string{"name: Two", "name: Three"}, want: []string{`flow "Three" added`, `flow "Two" removed`}},
		"flows, another order": {edit: []string{"name: One", "name: X", "name: Two", "name: One", "name: X", "name: Two"}, want: []string{"flows in another order"}},
		"bundles, admins and times": {
			edit: []string{"flows:", "admins: {conditions: [{attribute: user, values: [a@x]}]}\napprovals: {request_timeout: 2h}\nsync: {interval: 2h}\naudit: {retention: 0}\nlog: {level: debug}\nbundles:\n  - {name: B, targets: [{integration: db, resource_type: t, permissions: [p]}]}\nflows:"},
			want: []string{`bundle "B" added`, "admins changed", "request timeout changed", `integration "people" changed`, `integration "db" changed`, `integration "old" changed`, "sync changed", "audit changed", "log level changed"},
		},
		"people":                         {edit: []string{"a@x}]}", "a@x}, {email: b@x}]}"}, want: []string{`integration "people" changed`}},
		"a new secret":                   {env: map[string]string{"DSN": "postgres://another"}, want: []string{`integration "db" changed`}},
		"a secret under another name":    {edit: []string{"env:HOOK", "env:HOOK_AGAIN"}, env: map[string]string{"HOOK_AGAIN": "whsec_1"}, want: []string{`integration "old" changed`}},
		"an integration goes, one comes": {edit: []string{"name: old", "name: new"}, want: []string{`integration "new" added`, `integration "old" removed`}},
		"what needs a restart": {
			edit:  []string{"127.0.0.1:1", "127.0.0.1:2", "slack:", "store: {path: elsewhere.db}\ncredentials: {ttl: 2h}\nlog: {format: text}\nslack:"},
			env:   map[string]string{"BOT_SLACK_BOT_TOKEN": "xoxb-another"},
			keeps: []string{"slack.bot_token", "http.listen", "store.path", "credentials.ttl", "log.format"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			old, _ := loadRunning(t, running, nil)
			text := running
			for i := 0; i < len(tt.edit); i += 2 {
				if !strings.Contains(text, tt.edit[i]) {
					t.Fatalf("the configuration does not hold %q", tt.edit[i])
				}
				text = strings.Replace(text, tt.edit[i], tt.edit[i+1], 1)
			}
			next, w := loadRunning(t, text, tt.env)
			if diff := cmp.Diff(tt.keeps, next.Keep(old)); diff != "" {
				t.Errorf("keys that need a restart (-want +got):\n%s", diff)
			}
			if again := next.Keep(old); again != nil {
				t.Errorf("they were not put back: %q", again)
			}
			if err := next.Adopt(old); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(tt.want, next.Changes(old)); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			kept := 0
			for i, in := range next.Integrations {
				if i < len(old.Integrations) && in.Connection == old.Integrations[i].Connection {
					kept++
				}
			}
			if w.closed != kept {
				t.Errorf("%d integrations keep their connection, and %d new ones were closed", kept, w.closed)
			}
		})
	}
}

func loadRunning(t *testing.T, text string, env map[string]string) (*config.Config, *world) {
	t.Helper()
	w := newWorld(t)
	c := mustLoad(t, config.Options{Path: file(t, text), Registry: w.registry, LookupEnv: func(name string) (string, bool) {
		if v, ok := env[name]; ok {
			return v, true
		}
		v, ok := environment[name]
		return v, ok
	}})
	return c, w
}

// A connection is closed once, whoever closes it.
func TestCloseOnce(t *testing.T) {
	old, w := loadRunning(t, running, nil)
	next, _ := loadRunning(t, strings.Replace(running, "name: Two", "name: Three", 1), nil)
	if err := next.Adopt(old); err != nil {
		t.Error(err)
	}
	for _, c := range []*config.Config{next, old, next} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if w.closed != w.made || w.made != 3 {
		t.Errorf("of %d connections %d were closed", w.made, w.closed)
	}
}

// The settings of an integration say nothing but whether they are equal.
func TestSettingsHoldNoSecret(t *testing.T) {
	c, _ := loadRunning(t, running, nil)
	for _, in := range c.Integrations {
		if in.Settings == "" || strings.Contains(in.Settings, environment["HOOK"]) || strings.Contains(in.Settings, environment["DSN"]) {
			t.Errorf("the settings of %s are %q", in.Name, in.Settings)
		}
	}
}
