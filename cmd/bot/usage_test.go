package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"apono/cmd/bot/internal/config"
	"apono/flows"
)

// cli runs a command line in this process.
func cli(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = Main(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"version"}, exitOK, "apono dev"},
		{[]string{"help"}, exitOK, "Just-in-time access"},
		{[]string{}, exitOK, "Available Commands"},
		{[]string{"rnu"}, exitUsage, `unknown command "rnu"`},
		{[]string{"run", "now"}, exitUsage, `unknown command "now"`},
		{[]string{"run", "--cofnig", "x"}, exitUsage, "unknown flag: --cofnig"},
		{[]string{"check", "--format", "xml"}, exitUsage, `--format is text or json, not "xml"`},
		{[]string{"db", "backup"}, exitUsage, "bot: say one FILE, or - for standard output: bot db backup FILE|-"},
		{[]string{"db", "restore", "a", "b"}, exitUsage, "bot: say one FILE, or - for standard input: bot db restore FILE|-"},
		{[]string{"revoke"}, exitUsage, "bot: say one request, such as AR-12: bot revoke AR-n"},
		{[]string{"db", "drop"}, exitUsage, `unknown command "drop"`},
		{[]string{"audit", "export", "--format", "pdf"}, exitUsage, `--format is csv or jsonl, not "pdf"`},
		{[]string{"audit", "export", "--status", "lost"}, exitUsage, `--status does not know "lost"; it knows asked approved`},
		{[]string{"audit", "verify", "--head", "12"}, exitUsage, `"12" is not the number and hash of an audit event`},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			status, out, errs := cli(t, c.args...)
			if status != c.status || !strings.Contains(out+errs, c.says) {
				t.Errorf("status %d, want %d with %q:\n%s%s", status, c.status, c.says, out, errs)
			}
		})
	}
}

// TestNoConfiguration: what could not be read was not checked. Whoever mistyped a path
// is told where it was looked for and how to name another.
func TestNoConfiguration(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing.yaml")
	for _, command := range [][]string{
		{"run"},
		{"check"},
		{"check", "--format", "json"},
		{"health"},
		{"sync"},
		{"revoke", "AR-1"},
		{"explain", "--user", "alice@example.com"},
		{"db", "check"},
		{"db", "backup", filepath.Join(dir, "b.db")},
		{"db", "restore", filepath.Join(dir, "b.db")},
		{"db", "compact"},
		{"audit", "verify"},
		{"audit", "export"},
		{"teams", "manifest"},
		{"demo"},
	} {
		t.Run(strings.Join(command[:min(2, len(command))], " "), func(t *testing.T) {
			status, out, errs := cli(t, append(command, "--config", missing)...)
			if status != exitUsage {
				t.Errorf("exit status %d, want %d", status, exitUsage)
			}
			for _, want := range []string{"no such file or directory", "bot: no configuration could be read at " + missing + "; name another one with --config FILE"} {
				if !strings.Contains(out+errs, want) {
					t.Errorf("it does not say %q:\n%s%s", want, out, errs)
				}
			}
		})
	}
	t.Run("plan", func(t *testing.T) {
		status, out, errs := cli(t, "plan", "--old", missing, "--new", missing)
		if status != exitUsage || !strings.Contains(errs, "bot: no configuration could be read at "+missing+"\n") {
			t.Errorf("status %d, want %d:\n%s%s", status, exitUsage, out, errs)
		}
	})
	t.Run("by default", func(t *testing.T) {
		t.Chdir(dir)
		t.Setenv("BOT_CONFIG", "")
		want := "bot: no configuration could be read at " + filepath.Join(dir, "config.yaml") + "; name another one with --config FILE or the variable BOT_CONFIG\n"
		if status, out, errs := cli(t, "check"); status != exitUsage || !strings.HasSuffix(errs, want) {
			t.Errorf("status %d, want %d and %q:\n%s%s", status, exitUsage, want, out, errs)
		}
	})
}

// wrong has a problem in five lines.
const wrong = `slack:
  app_token: env:NO_SUCH_TOKEN
  bot_token: env:NO_SUCH_TOKEN
  comand: /apono
integrations:
  - name: people
    type: statik
  - {name: desk, type: webhook, config: {url: "http://desk.example.com/", secret: env:NO_SUCH_SECRET}}
flows:
  - name: F
    requestors: {conditions: [{attribute: group, operator: iz, values: [a]}]}
    targets: [{integration: nowhere, resource_type: x, permissions: [y]}]
    grant_duration: soon
`

func TestEveryProblemAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(path, []byte(wrong), 0o600); err != nil {
		t.Fatal(err)
	}
	for command, want := range map[string]int{"check": exitProblems, "run": exitUsage} {
		status, out, errs := cli(t, command, "--config", path)
		out += errs
		if status != want {
			t.Errorf("bot %s: exit status %d", command, status)
		}
		for _, want := range []string{
			path + ":2:3: ", path + ":3:3: ", "NO_SUCH_TOKEN", path + ":4:3: ", `did you mean "command"?`, path + ":7:5: ", `did you mean "static"?`,
			path + ":8:75: ", "NO_SUCH_SECRET",
			path + ":11:50: ", `did you mean "is"?`, path + ":12:16: ", `"nowhere" (known: people, desk)`, path + ":13:5: ", "write 90m",
		} {
			if !strings.Contains(out, want) {
				t.Errorf("bot %s does not say %q:\n%s", command, want, out)
			}
		}
	}
	if err := os.WriteFile(path, []byte("slack:\n  app_token: x\n bot_token: y\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, _ := cli(t, "check", "--config", path); status != exitProblems || !strings.Contains(out, path+":3:2: ") {
		t.Errorf("of no YAML: status %d\n%s", status, out)
	}
}

// load loads a configuration with the types of integrations that the program has and
// a value for every variable.
func load(t *testing.T, path string) (*config.Config, *config.Report) {
	t.Helper()
	values := map[string]string{
		"SLACK_APP_TOKEN": "xapp-1-A", "SLACK_BOT_TOKEN": "xoxb-1-B", "TEAMS_APP_PASSWORD": "secret", "LDAP_PASSWORD": "secret", "ON_CALL_CALENDAR": "https://calendar.example.com/x.ics", "PROD_PG_DSN": "postgres://bot@db.example.com/postgres",
		"BOT_CREDENTIALS_KEY": "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX",
		"BOT_API_TOKEN":       apiToken,
		"DEPLOY_HOOK_SECRET":  "whsec_d2ViaG9va3Rlc3Qgc2lnbmluZyBzZWNyZXQgb25seSE=",
	}
	reg, err := registry()
	if err != nil {
		t.Fatal(err)
	}
	cfg, report := config.Load(t.Context(), config.Options{Path: path, Registry: reg, LookupEnv: func(name string) (string, bool) { v, ok := values[name]; return v, ok }})
	if cfg != nil {
		t.Cleanup(func() { _ = cfg.Close() })
	}
	return cfg, report
}

// issues of a report that refuse a configuration.
func issues(r *config.Report) (out []flows.Issue) {
	for _, p := range r.Problems {
		if p.Severity == flows.SeverityError {
			out = append(out, p.Issue)
		}
	}
	return out
}

// knows wants a line of usage to exist: its command, those below it, which stand
// between bars, and their flags.
func knows(t *testing.T, line string, words []string) {
	t.Helper()
	cmd, _, err := rootCommand().Find(words[:1])
	if err != nil {
		t.Errorf("%s: %v", line, err)
		return
	}
	below := []*cobra.Command{cmd}
	for i, w := range words[1:] {
		flag, isFlag := strings.CutPrefix(w, "--")
		switch {
		case isFlag:
			if !slices.ContainsFunc(below, func(c *cobra.Command) bool { return c.Flags().Lookup(flag) != nil }) {
				t.Errorf("%s: there is no --%s", line, flag)
			}
		case cmd.HasSubCommands() && (i == 0 || words[i] == "|"):
			c, _, err := cmd.Find([]string{w})
			if err != nil || c == cmd {
				t.Errorf("%s: there is no bot %s %s", line, words[0], w)
			}
			below = append(below, c)
		}
	}
}

func TestAuditRows(t *testing.T) {
	item := func(name string, parents ...string) flows.Item {
		return flows.Item{ResourceName: name, Path: parents, TypeName: "Queue", PermissionName: "Read"}
	}
	rows := csvRows(flows.AuditEvent{Seq: 7, At: time.Date(2026, 3, 2, 13, 0, 0, 123456789, time.FixedZone("", 3600)), Fact: flows.Fact{
		Kind: flows.FactGranted, Request: "AR-1", Bundle: "+rush", Justification: "@home",
		Groups: []flows.FactGroup{{Integration: "desk", Items: []flows.Item{item("a"), item("b"), item("a", "east"), item("a", "west", "2")}}, {Integration: "-pg", Items: []flows.Item{item("=c")}}},
	}})
	want := [][2]string{{"desk", "a, b, a (east), a (west / 2)"}, {"'-pg", "'=c"}}
	if len(rows) != len(want) {
		t.Fatalf("%d rows, want one for each integration", len(rows))
	}
	column := func(row []string, name string) string {
		for i, head := range csvHead {
			if head == name {
				return row[i]
			}
		}
		t.Fatalf("there is no column %s", name)
		return ""
	}
	for i, row := range rows {
		if got := [2]string{column(row, "integration"), column(row, "resources")}; got != want[i] {
			t.Errorf("row %d is about %q, want %q", i, got, want[i])
		}
		if column(row, "bundle_name") != "'+rush" || column(row, "justification") != "'@home" || column(row, "seq") != "7" || column(row, "time") != "2026-03-02T12:00:00Z" {
			t.Errorf("row %d is %q", i, row)
		}
	}
	if rows := csvRows(flows.AuditEvent{Fact: flows.Fact{Kind: flows.FactOperator}}); len(rows) != 1 || len(rows[0]) != len(csvHead) {
		t.Errorf("an event without an integration has the rows %q", rows)
	}
}
