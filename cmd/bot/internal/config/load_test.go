package config_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"apono/cmd/bot/internal/config"
	"apono/flows"
)

// minimal is a configuration with nothing in it but what must be there.
const minimal = "slack: {app_token: env:APP, bot_token: env:BOT}\n"

func load(t *testing.T, text string, env map[string]string, flags *pflag.FlagSet) (*config.Config, *config.Report) {
	t.Helper()
	c, report := config.Load(t.Context(), config.Options{
		Path: file(t, text), Registry: newWorld(t).registry, LookupEnv: lookup(env), Flags: flags,
	})
	return c, report
}

func TestLoad_Defaults(t *testing.T) {
	c, report := load(t, minimal, environment, nil)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Slack:       config.Slack{AppToken: "xapp-1", BotToken: "xoxb-1", APIURL: "https://slack.com/api/", Command: "/apono"},
		Store:       config.Store{Driver: "bolt", Path: "data/bot.db"},
		Credentials: config.Credentials{TTL: time.Hour},
		Approvals:   config.Approvals{RequestTimeout: 24 * time.Hour},
		Sync:        config.Sync{Interval: time.Hour, HoldWhenShrinkingBy: 30, DriftInterval: 24 * time.Hour},
		Audit:       config.Audit{Retention: 157 * 7 * 24 * time.Hour},
		Log:         config.Log{Level: slog.LevelInfo, Format: config.LogJSON},
		Policy:      flows.Policy{RequestTimeout: 24 * time.Hour},
		Digest:      c.Digest,
		SecretFiles: c.SecretFiles,
	}
	if diff := cmp.Diff(want, c, cmp.Transformer("reveal", flows.Secret.Reveal), cmpopts.IgnoreUnexported(config.Config{})); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

const whole = `
slack:
  app_token: env:APP
  bot_token: file:SECRETFILE
  api_url: http://127.0.0.1:9999/api
  command: /access
  audit_channel: C0AUDIT
http: {listen: "127.0.0.1:0"}
store: {driver: bolt, path: /var/lib/bot/bot.db, dsn: env:NOT_SET_AND_NOT_NEEDED}
credentials: {ttl: 2h, key: env:KEY}
approvals:
  request_timeout: 1w
  fallback: {match: any, approvers: [{attribute: group, values: [Admins]}]}
admins: {match: any, conditions: [{attribute: user, operator: is, values: [Ann@Example.com]}]}
sync: {interval: 30m, hold_when_shrinking_by: 10%, drift_interval: 0}
audit: {retention: 30d}
log: {level: debug, format: text}
access_scopes: []
integrations:
  - name: people
    type: static
    sync_interval: 1d
    access_details: Ask Ann.
    config:
      people:
        - {email: ann@example.com, groups: [Admins, developers], attributes: {"cost.center": ["4.2"]}}
      shifts: [{name: primary, members: [ann@example.com]}]
  - name: db
    type: postgresql
    config: {dsn: env:DSN}
bundles:
  - name: Incident
    targets:
      - {integration: db, resource_type: database, permissions: [write], resources: {include: {names: [orders], tags: [{key: env, value: true}], parents: [c1]}}}
flows:
  - name: Read
    trigger: self_serve
    active: false
    description: Read.
    labels: [production]
    requestors:
      match: any
      conditions:
        - {attribute: group, operator: is, values: [developers]}
        - {attribute: cost.center, operator: does_not_contain, values: [9]}
    request_for: {scopes: [self]}
    targets:
      - {integration: db, resource_type: database, permissions: [read], resources: {exclude: {names: [secrets]}}}
      - {bundle: Incident}
    grant_duration: indefinite
    approval:
      mode: all_of
      distinct_approvers: false
      groups:
        - {match: all, approvers: [{attribute: manager}]}
        - {match: any, approvers: [{attribute: shift, values: [primary]}]}
    settings:
      justification_required: false
      require_approver_reason: true
      requestor_cannot_approve_self: false
      max_extensions: 0
      extension_duration: 30m
      break_glass: false
      on_lost_right: revoke
  - name: Least
    requestors: {conditions: [{attribute: group, values: [developers]}]}
    targets: [{bundle: Incident}]
`

func TestLoad_Everything(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(secret, []byte("xoxb-from-a-file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, report := load(t, strings.ReplaceAll(whole, "SECRETFILE", secret), environment, nil)
	if len(report.Problems) > 0 {
		t.Fatalf("problems: %v", report.Problems)
	}
	group := func(attribute string, values ...string) []flows.Condition {
		return []flows.Condition{{Attribute: attribute, Values: values}}
	}
	admins := flows.Conditions{Match: flows.MatchAny, Conditions: []flows.Condition{{Attribute: "user", Operator: flows.OpIs, Values: []string{"Ann@Example.com"}}}}
	fallback := flows.ApproverGroup{Match: flows.MatchAny, Approvers: group("group", "Admins")}
	want := &config.Config{
		Slack: config.Slack{
			AppToken: "xapp-1", BotToken: "xoxb-from-a-file", APIURL: "http://127.0.0.1:9999/api/", Command: "/access", AuditChannel: "C0AUDIT",
		},
		HTTP:        config.HTTP{Listen: "127.0.0.1:0"},
		Store:       config.Store{Driver: "bolt", Path: "/var/lib/bot/bot.db"},
		Credentials: config.Credentials{TTL: 2 * time.Hour, Key: flows.Secret(environment["KEY"])},
		Approvals:   config.Approvals{RequestTimeout: 7 * 24 * time.Hour, Fallback: fallback},
		Admins:      admins,
		Sync:        config.Sync{Interval: 30 * time.Minute, HoldWhenShrinkingBy: 10},
		Audit:       config.Audit{Retention: 30 * 24 * time.Hour},
		Log:         config.Log{Level: slog.LevelDebug, Format: config.LogText},
		Integrations: []config.Integration{
			{Name: "people", Type: "static", SyncInterval: 24 * time.Hour, AccessDetails: "Ask Ann."},
			{Name: "db", Type: "postgresql", SyncInterval: 30 * time.Minute},
		},
		Policy: flows.Policy{
			RequestTimeout: 7 * 24 * time.Hour, Admins: admins, Fallback: fallback,
			Bundles: []flows.Bundle{{Name: "Incident", Targets: []flows.Target{{
				Integration: "db", ResourceType: "database", Permissions: []string{"write"},
				Include: &flows.Selector{Names: []string{"orders"}, Tags: []flows.Tag{{Key: "env", Value: "true"}}, Parents: []string{"c1"}},
			}}}},
			Flows: []flows.Flow{
				{
					Name: "Read", Trigger: flows.TriggerSelfServe, Description: "Read.", Labels: []string{"production"},
					Requestors: flows.Conditions{Match: flows.MatchAny, Conditions: []flows.Condition{
						{Attribute: "group", Operator: flows.OpIs, Values: []string{"developers"}},
						{Attribute: "cost.center", Operator: flows.OpDoesNotContain, Values: []string{"9"}},
					}},
					Targets: []flows.Target{
						{Integration: "db", ResourceType: "database", Permissions: []string{"read"}, Exclude: &flows.Selector{Names: []string{"secrets"}}},
						{Bundle: "Incident"},
					},
					Duration: flows.GrantDuration{Indefinite: true},
					Approval: &flows.Approval{Mode: flows.ModeAllOf, SamePersonMayCount: true, Groups: []flows.ApproverGroup{
						{Match: flows.MatchAll, Approvers: group("manager")},
						{Match: flows.MatchAny, Approvers: group("shift", "primary")},
					}},
					Settings: flows.Settings{RequireApproverReason: true, RequestorMayApproveSelf: true, ExtensionDuration: 30 * time.Minute},
				},
				{
					Name: "Least", Trigger: flows.TriggerSelfServe, Active: true,
					Requestors: flows.Conditions{Conditions: group("group", "developers")}, Targets: []flows.Target{{Bundle: "Incident"}},
					Duration: flows.GrantDuration{Max: time.Hour}, Settings: flows.Settings{JustificationRequired: true},
				},
			},
		},
	}
	if diff := cmp.Diff(want, c, cmp.Transformer("reveal", flows.Secret.Reveal), cmpopts.EquateEmpty(),
		cmpopts.IgnoreFields(config.Config{}, "Digest", "SecretFiles", "found"), cmpopts.IgnoreFields(config.Integration{}, "Connection", "Settings", "closing")); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
}

func TestLoad_DriversGetTheirConfig(t *testing.T) {
	c, report := load(t, minimal+`
integrations:
  - name: hook
    type: webhook
    config: {url: https://Example.com/A.b, secret: env:HOOK, custom_parameters: {Team.Name: [1, two, true]}}
`, environment, nil)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	want := &webhookConfig{URL: "https://Example.com/A.b", Secret: "whsec_1", Custom: map[string]any{"Team.Name": []any{1, "two", true}}}
	got := c.Integrations[0].Connection.(*connection).config
	if diff := cmp.Diff(any(want), got, cmp.Transformer("reveal", flows.Secret.Reveal)); diff != "" {
		t.Errorf("config of the driver (-want +got):\n%s", diff)
	}
}

func TestLoad_Layers(t *testing.T) {
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse([]string{"--log-level=error", "--http-listen=:1"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{
		"BOT_LOG_LEVEL": "warn", "BOT_STORE_PATH": "Env.db", "BOT_SLACK_APP_TOKEN": "xapp-env", "BOT_SLACK_BOT_TOKEN": "env:OTHER",
		"OTHER": "xoxb-other", "BOT_SYNC_HOLD_WHEN_SHRINKING_BY": "5%", "BOT_LOG_FORMAT": "", "BOT_APPROVALS_REQUEST_TIMEOUT": "2d",
	}
	c, report := load(t, "store: {path: file.db}\nlog: {level: debug, format: text}\nsync: {interval: 2h}\n", env, flags)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	got := []any{
		c.Log.Level, c.HTTP.Listen, c.Store.Path, c.Slack.AppToken.Reveal(), c.Slack.BotToken.Reveal(),
		c.Sync.HoldWhenShrinkingBy, c.Sync.Interval, c.Log.Format, c.Approvals.RequestTimeout, c.Policy.RequestTimeout,
	}
	want := []any{slog.LevelError, ":1", "Env.db", "xapp-env", "xoxb-other", 5, 2 * time.Hour, "text", 48 * time.Hour, 48 * time.Hour}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("layers (-want +got):\n%s", diff)
	}
	for _, p := range report.Problems {
		if p.Code == "literal_secret" {
			t.Errorf("a secret in the environment is where it belongs: %v", p)
		}
	}
}

func TestLoad_ProblemsOutsideTheFileNameTheirSource(t *testing.T) {
	flags := pflag.NewFlagSet("run", pflag.ContinueOnError)
	config.AddFlags(flags)
	if err := flags.Parse([]string{"--log-format=xml"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"APP": "xapp-1", "BOT": "xoxb-1", "BOT_LOG_LEVEL": "loud", "BOT_CREDENTIALS_KEY": "env:NOT_SET", "BOT_TEAMS_TOKEN_URL": "ftp://x"}
	_, report := load(t, minimal+"log: {level: alsowrong}\n", env, flags)
	var got []string
	for _, p := range report.Problems {
		if p.Severity == flows.SeverityError {
			got = append(got, strings.TrimPrefix(p.String(), report.File))
		}
	}
	want := []string{
		`:1:1: error: teams needs a key app_id (the Application (client) ID of the app registration)`,
		`:1:1: error: teams needs a key app_password (a client secret of the app registration)`,
		`:1:1: error: teams needs a key tenant_id (the Directory (tenant) ID of the app registration)`,
		`:1:1: error: Teams delivers to /api/messages, and there is no HTTP listener (set http.listen, 127.0.0.1:8080 for example)`,
		`--log-format: error: unknown format of the log "xml" (known: json, text)`,
		`BOT_CREDENTIALS_KEY: error: the environment variable NOT_SET is not set`,
		`BOT_LOG_LEVEL: error: unknown level of the log "loud" (known: debug, info, warn, error)`,
		`BOT_TEAMS_TOKEN_URL: error: secrets are sent there, so it must begin with https:// (http is taken on loopback addresses alone)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLoad_UnreadableFile(t *testing.T) {
	large := file(t, strings.Repeat("# a comment\n", 400_000))
	for name, tt := range map[string]struct{ path, want string }{
		"not there":   {"testdata/none.yaml", "testdata/none.yaml: error: the file cannot be read: no such file or directory"},
		"a directory": {"testdata", "testdata: error: the file cannot be read: is a directory"},
		"too large":   {large, large + ": error: the file cannot be read: the file is too large: at most 4096 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			c, report := config.Load(t.Context(), config.Options{Path: tt.path, Registry: newWorld(t).registry, LookupEnv: lookup(nil)})
			if c != nil || len(report.Problems) != 1 || report.Problems[0].Code != "file_unreadable" {
				t.Fatalf("config %v, problems %v", c, report.Problems)
			}
			if got := report.Problems[0].String(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestLoad_DriverThatMakesNothing(t *testing.T) {
	_, report := load(t, minimal+"integrations: [{name: x, type: broken}]\n", environment, nil)
	if diff := cmp.Diff([]string{"internal"}, codesOfErrors(report)); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

func codesOfErrors(r *config.Report) []string {
	var out []string
	for _, p := range r.Problems {
		if p.Severity == flows.SeverityError {
			out = append(out, p.Code)
		}
	}
	return out
}

func TestLoad_AliasesAndMergeKeys(t *testing.T) {
	c, report := load(t, minimal+`
admins: &leads {match: any, conditions: &people [{attribute: group, values: [leads]}]}
integrations:
  - {name: db, type: postgresql, config: {dsn: env:DSN}}
flows:
  - &first
    name: one
    requestors: *leads
    targets: [{integration: db, resource_type: database, permissions: [read]}]
    grant_duration: 2h
  - <<: *first
    name: two
    requestors: {conditions: *people}
  - <<: [{grant_duration: 3h}, *first]
    name: three
`, environment, nil)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	leads := []flows.Condition{{Attribute: "group", Values: []string{"leads"}}}
	var got []string
	for _, f := range c.Policy.Flows {
		if diff := cmp.Diff(leads, f.Requestors.Conditions); diff != "" {
			t.Errorf("requestors of %s (-want +got):\n%s", f.Name, diff)
		}
		got = append(got, fmt.Sprintf("%s %s %s", f.Name, f.Requestors.Match, f.Duration.Max))
	}
	if diff := cmp.Diff([]string{"one any 2h0m0s", "two  2h0m0s", "three any 3h0m0s"}, got); diff != "" {
		t.Errorf("flows (-want +got):\n%s", diff)
	}
}

// TestLoad_SecretsOptional: a policy can be explained where the secrets of the
// service are not at hand; what else is wrong is still wrong.
func TestLoad_SecretsOptional(t *testing.T) {
	o := config.Options{Path: file(t, minimal+`
credentials: {key: file:testdata/none}
integrations:
  - {name: db, type: postgresql, config: {dsn: env:DSN}}
  - {name: hook, type: webhook, config: {url: https://example.com, secret: literal}}
`), Registry: newWorld(t).registry, LookupEnv: lookup(nil), SecretsOptional: true}
	c, report := config.Load(t.Context(), o)
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	missing := 0
	for _, p := range report.Problems {
		if p.Code == "secret_missing" && p.Severity == flows.SeverityWarning {
			missing++
		}
	}
	if missing != 4 {
		t.Errorf("%d warnings of missing secrets, want 4: %v", missing, report.Problems)
	}
}

func TestLoad_NoProblemHoldsASecret(t *testing.T) {
	const secret = "hunter2-hunter2"
	env := map[string]string{"LEAK": secret, "BOT_CREDENTIALS_KEY": secret, "BOT_SLACK_BOT_TOKEN": "xapp-" + secret}
	for name, text := range map[string]string{
		"literals":        "slack: {app_token: xoxb-" + secret + ", bot_token: " + secret + "}\ncredentials: {key: " + secret + "}\nintegrations: [{name: db, type: postgresql, config: {dsn: " + secret + "}}]\n",
		"from variables":  "slack: {app_token: env:LEAK, bot_token: env:LEAK}\nintegrations: [{name: db, type: postgresql, config: {dsn: env:LEAK}}]\n",
		"of another kind": "slack: {app_token: [" + secret + "], bot_token: {a: " + secret + "}}\nintegrations: [{name: db, type: postgresql, config: {dsn: {a: " + secret + "}}}]\n",
		"near references": "slack: {app_token: \"env:" + secret + "\", bot_token: \"env: " + secret + "\"}\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, report := load(t, text, env, nil)
			var b strings.Builder
			if err := errors.Join(report.WriteText(&b), report.WriteJSON(&b)); err != nil {
				t.Fatal(err)
			}
			if report.OK() {
				t.Error("nothing was wrong, so nothing was tried")
			}
			if strings.Contains(b.String(), secret) {
				t.Errorf("the report holds the secret:\n%s", b.String())
			}
		})
	}
}

func TestDigest(t *testing.T) {
	path := file(t, minimal)
	c := mustLoad(t, config.Options{Path: path, Registry: newWorld(t).registry, LookupEnv: lookup(environment)})
	same, err := config.Digest(path, c.SecretFiles)
	if err != nil || same != c.Digest {
		t.Errorf("digest %q, %v; want that of the configuration, %q", same, err, c.Digest)
	}
	if err := os.WriteFile(path, []byte(minimal+"# changed\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := config.Digest(path, c.SecretFiles); err != nil || changed == same {
		t.Errorf("digest of the changed file %q, %v; want another than %q", changed, err, same)
	}
}

// TestDigestOfSecrets: a file with a secret belongs to the configuration, one that is
// refused too.
func TestDigestOfSecrets(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "token")
	path := file(t, strings.Replace(minimal, "env:BOT", "file:"+secret, 1))
	load := func() (*config.Config, *config.Report) {
		return config.Load(t.Context(), config.Options{Path: path, Registry: newWorld(t).registry, LookupEnv: lookup(environment)})
	}
	c, report := load()
	if c != nil || !slices.Equal(report.SecretFiles, []string{secret}) {
		t.Fatalf("a secret that is not there is taken, or its file not known: %q", report.SecretFiles)
	}
	seen := map[string]bool{report.Digest: true}
	for _, token := range []string{"xoxb-1", "xoxb-2"} {
		if err := os.WriteFile(secret, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		digest, err := config.Digest(path, report.SecretFiles)
		if err != nil || seen[digest] {
			t.Errorf("with the token %s: %q, %v; that is no other digest", token, digest, err)
		}
		seen[digest] = true
		if c, report = load(); c == nil || c.Digest != digest || report.Digest != digest {
			t.Errorf("with the token %s the configuration has another digest than its files, %q: %v", token, digest, report.Problems)
		}
	}
}

func TestDefaultPath(t *testing.T) {
	for path, env := range map[string]map[string]string{
		"config.yaml": nil, "/etc/bot.yaml": {"BOT_CONFIG": "/etc/bot.yaml"},
	} {
		if got := config.DefaultPath(lookup(env)); got != path {
			t.Errorf("DefaultPath with %v = %q, want %q", env, got, path)
		}
	}
}

// Check compares the policy with what integrations tell later, and says nothing
// again that Load said.
func TestCheck(t *testing.T) {
	c := mustLoad(t, config.Options{Path: "testdata/unknown_group.yaml", Registry: newWorld(t).registry, LookupEnv: lookup(environment)})
	world := flows.World{
		People: flows.NewDirectory([]flows.Person{{Email: "ann@example.com", Groups: []string{"admin", "on-call"}}}, nil),
		Inventory: flows.NewInventory([]flows.Holdings{{
			Integration: "db", Types: []flows.ResourceType{{ID: "database", Permissions: []flows.Permission{{ID: "reads"}}}},
		}}),
	}
	var got []string
	for _, p := range c.Check(world) {
		got = append(got, p.String())
	}
	const file = "testdata/unknown_group.yaml"
	want := []string{
		file + `:3:54: warning: nobody in the directory is in a group "admins" (did you mean "admin"?)`,
		file + `:4:51: warning: nobody in the directory is in a group "admins" (did you mean "admin"?)`,
		file + `:17:66: warning: a database of db has no permission "read" (did you mean "reads"?)`,
		file + `:22:66: warning: a database of db has no permission "read" (did you mean "reads"?)`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	if again := c.Check(flows.World{}); len(again) > 0 {
		t.Errorf("with nothing to compare it finds %v", again)
	}
}
