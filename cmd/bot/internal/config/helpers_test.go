package config_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"filippo.io/age"

	"apono/cmd/bot/internal/config"
	"apono/flows"
	"apono/provision"
)

// environment is what the fixtures refer to.
var environment = map[string]string{
	"APP": "xapp-1", "BOT": "xoxb-1", "DSN": "postgres://db", "HOOK": "whsec_1", "EMPTY": "", "KEY": newKey(),
}

func newKey() string {
	id, err := age.GenerateX25519Identity()
	if err != nil {
		panic(err)
	}
	return id.String()
}

func lookup(env map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) { v, ok := env[name]; return v, ok }
}

type connection struct {
	people []flows.Person
	shifts []flows.Shift
	config any
	closed *int
}

func (c *connection) Close() error { *c.closed++; return nil }

type directory struct{ *connection }

func (c directory) People(context.Context) ([]flows.Person, []flows.Shift, error) {
	return c.people, c.shifts, nil
}

func (c directory) Groups(context.Context) ([]string, error) {
	return c.config.(*staticConfig).Groups, nil
}

type staticConfig struct {
	People []struct {
		Email      string              `yaml:"email"`
		Name       string              `yaml:"name"`
		Groups     []string            `yaml:"groups"`
		Manager    string              `yaml:"manager"`
		TimeZone   string              `yaml:"time_zone"`
		Attributes map[string][]string `yaml:"attributes"`
		SlackID    string              `yaml:"slack_id"`
		TeamsID    string              `yaml:"teams_id"`
		Aliases    []string            `yaml:"aliases"`
	} `yaml:"people"`
	Groups []string `yaml:"groups"`
	Shifts []struct {
		Name    string   `yaml:"name"`
		Members []string `yaml:"members"`
	} `yaml:"shifts"`
}

type postgresConfig struct {
	DSN flows.Secret `yaml:"dsn"`
}

type webhookConfig struct {
	URL    string         `yaml:"url"`
	Secret flows.Secret   `yaml:"secret"`
	Custom map[string]any `yaml:"custom_parameters"`
}

// world is a registry whose connections count how often they are closed.
type world struct {
	registry     *provision.Registry
	made, closed int
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{}
	r, err := provision.NewRegistry(
		provision.Type{Name: "static", New: w.static},
		provision.Type{Name: "postgresql", New: func(_ context.Context, s provision.Spec) (provision.Connection, []flows.Issue) {
			return w.connect(s, &postgresConfig{})
		}},
		provision.Type{Name: "webhook", New: func(_ context.Context, s provision.Spec) (provision.Connection, []flows.Issue) {
			c := &webhookConfig{}
			conn, issues := w.connect(s, c)
			if c.URL == "" {
				issues = append(issues, flows.Issue{Path: "url", Message: "a webhook needs a URL"})
			}
			return conn, issues
		}},
		provision.Type{Name: "broken", New: func(context.Context, provision.Spec) (provision.Connection, []flows.Issue) { return nil, nil }},
	)
	if err != nil {
		t.Fatal(err)
	}
	w.registry = r
	return w
}

func (w *world) connect(s provision.Spec, into any) (provision.Connection, []flows.Issue) {
	if err := s.Decode(into); err != nil {
		return nil, []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: err.Error()}}
	}
	w.made++
	return &connection{closed: &w.closed, config: into}, nil
}

func (w *world) static(_ context.Context, s provision.Spec) (provision.Connection, []flows.Issue) {
	var c staticConfig
	conn, issues := w.connect(s, &c)
	if conn == nil {
		return nil, issues
	}
	d := directory{conn.(*connection)}
	for _, p := range c.People {
		d.people = append(d.people, flows.Person{
			Email: p.Email, Name: p.Name, Groups: p.Groups, Manager: p.Manager, Attributes: p.Attributes,
			SlackID: p.SlackID, TeamsID: p.TeamsID, Aliases: p.Aliases,
		})
	}
	for _, s := range c.Shifts {
		d.shifts = append(d.shifts, flows.Shift{Name: s.Name, Members: s.Members})
	}
	return d, issues
}

// file writes a configuration and returns its path.
func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// mustLoad loads a sound configuration and closes it with the test.
func mustLoad(t testing.TB, o config.Options) *config.Config {
	t.Helper()
	c, report := config.Load(t.Context(), o)
	if err := report.Err(); err != nil {
		t.Fatalf("load:\n%v", err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
