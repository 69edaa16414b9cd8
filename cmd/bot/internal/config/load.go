package config

import (
	"cmp"
	"context"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"apono/flows"
	"apono/provision"
)

// Options of Load.
type Options struct {
	// Path of the file.
	Path string
	// Registry of the types of integrations there are; required.
	Registry *provision.Registry
	// LookupEnv reads the environment; nil: os.LookupEnv.
	LookupEnv func(string) (string, bool)
	// Flags as AddFlags made them; those that were set override the file. May be nil.
	Flags *pflag.FlagSet
	// SecretsOptional makes a secret that is not there a warning: for commands
	// that explain a policy where the service's secrets are not at hand.
	SecretsOptional bool
	// TestsLater leaves the tests of the policy to the caller; see Config.RunTests.
	TestsLater bool
}

// DefaultPath is where the file is when nobody says: BOT_CONFIG, or config.yaml
// in the working directory. lookup may be nil: os.LookupEnv.
func DefaultPath(lookup func(string) (string, bool)) string {
	if lookup == nil {
		lookup = os.LookupEnv
	}
	path, _ := lookup("BOT_CONFIG")
	return cmp.Or(path, "config.yaml")
}

// Load reads, checks and connects. It returns a Config, which the caller must
// Close, and a report without errors; or nil and a report that says what is wrong.
func Load(ctx context.Context, o Options) (*Config, *Report) {
	if o.LookupEnv == nil {
		o.LookupEnv = os.LookupEnv
	}
	l := &loader{o: o, p: &problems{file: o.Path}, secrets: secrets{lookup: o.LookupEnv, optional: o.SecretsOptional, files: map[string]string{}}}
	c := &Config{found: l.p}
	l.p.root, c.Digest = read(o.Path, l.p)
	if l.p.root == nil {
		return nil, l.p.report()
	}
	l.load(ctx, c)
	c.Digest, c.SecretFiles = withSecrets(c.Digest, l.secrets.files), slices.Sorted(maps.Keys(l.secrets.files))
	report := l.p.report()
	report.Digest, report.SecretFiles = c.Digest, c.SecretFiles
	if l.p.failed() {
		_ = c.Close() // nothing was used
		return nil, report
	}
	return c, report
}

type loader struct {
	o        Options
	p        *problems
	secrets  secrets
	given    map[string]bool // scalars that are not left to their default
	fallback *yaml.Node
	names    []string // of all declared integrations
	flows    []flows.Flow
}

func (l *loader) load(ctx context.Context, c *Config) {
	var s fileShape
	decoder{p: l.p, secrets: l.secrets}.into(l.p.root, &s, "")
	l.sections(s, c)
	l.scalars(c)
	if c.HTTP.APIToken != "" && c.HTTP.Listen == "" {
		l.p.warn("http.api_token", "no_listener", "nothing listens, so nobody can call the API", "name an address: listen: 127.0.0.1:8080")
	}
	l.chat(s, c)
	l.reports(s, c)
	l.integrations(ctx, s.Integrations, c)
	l.peopleTwice(ctx, c)
	l.policy(s, c)
	l.flows = c.Policy.Flows
	l.sample(s.Sample, c)
	l.tests(s.Tests, c)
	known := l.known(ctx, c)
	if len(c.Sample) > 0 {
		known.Inventory = flows.NewInventory(c.Sample)
	}
	l.p.checked(c.Policy.Check(known))
	l.runTests(known, c)
	if c.Credentials.Key != "" {
		if _, err := parseKey(c.Credentials.Key); err != nil {
			l.p.fail("credentials.key", "invalid_key", err.Error(), keyHint)
		}
	}
}

// sections checks the keys and kinds of what the layers read.
func (l *loader) sections(s fileShape, c *Config) {
	var approvals approvalsShape
	var teams teamsShape
	d := decoder{p: l.p, secrets: l.secrets}
	for _, x := range []struct {
		node *yaml.Node
		path string
		into any
	}{
		{s.Slack, "slack", &slackShape{}},
		{s.Teams, "teams", &teams},
		{s.HTTP, "http", &httpShape{}},
		{s.Store, "store", &storeShape{}},
		{s.Credentials, "credentials", &credentialsShape{}},
		{s.Approvals, "approvals", &approvals},
		{s.Sync, "sync", &syncShape{}},
		{s.Audit, "audit", &auditShape{}},
		{s.Log, "log", &logShape{}},
	} {
		if written(x.node) {
			d.into(x.node, x.into, x.path)
		}
	}
	l.fallback, c.Teams.ServiceURLs = approvals.Fallback, teams.ServiceURLs
}

// chat checks that there is a platform to talk on.
func (l *loader) chat(s fileShape, c *Config) {
	slack, teams := written(s.Slack), written(s.Teams)
	for _, x := range settings {
		slack = slack || (x.section == "slack" && l.given[x.path()])
		teams = teams || (x.section == "teams" && l.given[x.path()])
	}
	if !slack && !teams {
		l.p.checked([]flows.Issue{{
			Path: "slack", Severity: flows.SeverityError, Code: "no_chat", Message: "there is no chat to talk on", Hint: "add a section slack or teams",
		}})
		return
	}
	if teams {
		l.teams(c)
	}
	if !slack {
		return
	}
	for _, x := range []struct{ key, prefix, other string }{{"app_token", "xapp-", "xoxb-"}, {"bot_token", "xoxb-", "xapp-"}} {
		l.token(x.key, x.prefix, x.other, c)
	}
	if c.Slack.AuditChannel == "" {
		l.p.warn("slack.audit_channel", "no_audit_channel", "no channel is told who gets and loses access; only the audit trail in the store keeps it",
			`name one: audit_channel: "#access-audit"`)
	}
}

// token checks that a token is there and not that of the other kind.
func (l *loader) token(key, prefix, other string, c *Config) {
	value := c.Slack.AppToken
	if key == "bot_token" {
		value = c.Slack.BotToken
	}
	path := "slack." + key
	switch {
	case !l.given[path]:
		l.p.checked([]flows.Issue{{
			Path: path, Severity: flows.SeverityError, Code: "missing_key", Message: "slack needs a key " + key, Hint: "a token that starts with " + prefix,
		}})
	case strings.HasPrefix(value.Reveal(), other):
		l.p.fail(path, "wrong_token", "this is a token of the other kind", "a token that starts with "+prefix)
	}
}
