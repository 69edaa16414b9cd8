package config

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"apono/flows"
)

// setting is a scalar that the environment and, where flag says so, a flag can
// override. Secrets have no flags: anybody on the machine can read a command line.
type setting struct {
	section, key string
	def          string
	parse        func(text string) (any, *flows.Issue)
	secret       bool
	hashed       bool   // of the secret only TokenHash is kept, and that may stand in the file
	flag         string // usage; empty: no flag
}

// settings are all scalars. The names are contract.
var settings = []setting{
	{section: "slack", key: "app_token", secret: true},
	{section: "slack", key: "bot_token", secret: true},
	{section: "slack", key: "api_url", def: "https://slack.com/api/", parse: parseAPIURL},
	{section: "slack", key: "command", def: "/apono", parse: parseCommand},
	{section: "slack", key: "audit_channel"},
	{section: "teams", key: "app_id", parse: parseIDOf("the Application (client) ID of an app registration")},
	{section: "teams", key: "app_password", secret: true},
	{section: "teams", key: "tenant_id", parse: parseIDOf("the Directory (tenant) ID of a tenant")},
	{section: "teams", key: "audit_conversation"},
	{section: "teams", key: "openid_metadata_url", parse: parseServiceURL},
	{section: "teams", key: "token_url", parse: parseServiceURL},
	{section: "http", key: "listen", parse: parseListen, flag: "address of the HTTP listener, host:port"},
	{section: "http", key: "api_token", secret: true, hashed: true},
	{section: "store", key: "driver", def: DriverBolt, parse: parseStoreDriver},
	{section: "store", key: "path", def: "data/bot.db", parse: parseNotEmpty, flag: "file of the embedded store"},
	{section: "store", key: "dsn", secret: true},
	{section: "credentials", key: "ttl", def: "1h", parse: parsePositive},
	{section: "credentials", key: "key", secret: true},
	{section: "approvals", key: "request_timeout", def: "24h", parse: parsePositive},
	{section: "sync", key: "interval", def: "1h", parse: parsePositive},
	{section: "sync", key: "hold_when_shrinking_by", def: "30%", parse: parsePercent},
	{section: "sync", key: "drift_interval", def: "24h", parse: parseDrift},
	{section: "audit", key: "retention", def: "157w", parse: parseRetention}, // 36 months and a few days
	{section: "log", key: "level", def: "info", parse: parseLevel, flag: "debug, info, warn or error"},
	{section: "log", key: "format", def: LogJSON, parse: parseFormat, flag: "json or text"},
}

func (s setting) path() string     { return s.section + "." + s.key }
func (s setting) viper() string    { return s.section + "::" + s.key }
func (s setting) variable() string { return "BOT_" + strings.ToUpper(s.section+"_"+s.key) }
func (s setting) flagName() string { return s.section + "-" + strings.ReplaceAll(s.key, "_", "-") }

// AddFlags defines the flags that override scalars of the file: --store-path,
// --http-listen, --log-level and --log-format. Load reads them.
func AddFlags(fs *pflag.FlagSet) {
	for _, s := range settings {
		if s.flag != "" {
			fs.String(s.flagName(), "", s.flag+" (overrides "+s.path()+")")
		}
	}
}

// layers is the scalars in their layers.
type layers struct {
	v       *viper.Viper
	sources map[string]string // by path: the variable or flag that won; absent: the file or the default
	given   map[string]bool   // by path: some layer above the defaults has it
}

func newLayers(root *yaml.Node, lookup func(string) (string, bool), flags *pflag.FlagSet) (layers, error) {
	l := layers{v: viper.NewWithOptions(viper.KeyDelimiter("::")), sources: map[string]string{}, given: map[string]bool{}}
	file, env := map[string]any{}, map[string]any{}
	for _, s := range settings {
		l.v.SetDefault(s.viper(), s.def)
		if n, _, ok := find(root, s.path()); ok && n.Kind == yaml.ScalarNode && !isNull(n) {
			put(file, s, n.Value)
			l.given[s.path()] = true
		}
		// viper reads the environment of the process only, and a caller may have
		// another one: so the environment is a layer of its own.
		if value, ok := lookup(s.variable()); ok && value != "" {
			put(env, s, value)
			l.given[s.path()] = true
			l.sources[s.path()] = s.variable()
		}
		if f := flagOf(flags, s); f != nil {
			if err := l.v.BindPFlag(s.viper(), f); err != nil {
				return l, err
			}
			l.given[s.path()] = true
			l.sources[s.path()] = "--" + f.Name
		}
	}
	if err := l.v.MergeConfigMap(file); err != nil {
		return l, err
	}
	return l, l.v.MergeConfigMap(env)
}

func put(m map[string]any, s setting, value string) {
	section, ok := m[s.section].(map[string]any)
	if !ok {
		section = map[string]any{}
		m[s.section] = section
	}
	section[s.key] = value
}

func flagOf(flags *pflag.FlagSet, s setting) *pflag.Flag {
	if flags == nil || s.flag == "" {
		return nil
	}
	f := flags.Lookup(s.flagName())
	if f == nil || !f.Changed {
		return nil
	}
	return f
}

// scalars reads all settings into c. A value that cannot be used is reported and
// leaves its default.
func (l *loader) scalars(c *Config) {
	ls, err := newLayers(l.p.root, l.o.LookupEnv, l.o.Flags)
	if err != nil {
		l.p.fail("", "internal", err.Error(), "")
		return
	}
	for _, s := range settings {
		text := ls.v.GetString(s.viper())
		source := ls.sources[s.path()]
		value, issue := l.scalar(s, text, source, ls)
		if issue != nil {
			l.place(s, source, *issue)
		}
		ls.v.Set(s.viper(), value)
	}
	l.given = ls.given
	if err := ls.v.UnmarshalExact(c); err != nil && !l.p.failed() {
		l.p.fail("", "internal", "the scalars do not fit (this is a bug)", "")
	}
}

func (l *loader) scalar(s setting, text, source string, ls layers) (any, *flows.Issue) {
	switch {
	case s.secret && !l.needed(s, ls):
		return "", nil
	case s.secret:
		secret, issue := l.secrets.resolve(text)
		if issue != nil && issue.Code == "literal_secret" && source != "" {
			issue = nil // the environment is where a secret may be
		}
		if s.hashed && (issue == nil || issue.Code == "literal_secret") {
			return hashed(secret, issue)
		}
		return secret, issue
	case s.parse == nil:
		return text, nil
	}
	value, issue := s.parse(text)
	if issue != nil && issue.Severity == flows.SeverityError {
		value, _ = s.parse(s.def)
	}
	return value, issue
}

// needed reports whether a secret is used at all: the DSN of a store that is not
// used need not be set.
func (l *loader) needed(s setting, ls layers) bool {
	return s.path() != "store.dsn" || ls.v.GetString("store::driver") != DriverBolt
}

// place reports an issue of a setting where its value came from.
func (l *loader) place(s setting, source string, issue flows.Issue) {
	issue.Path = s.path()
	if source == "" {
		l.p.checked([]flows.Issue{issue})
		if issue.Severity == flows.SeverityError {
			l.p.wrong = append(l.p.wrong, issue.Path)
		}
		return
	}
	l.p.list = append(l.p.list, Problem{Source: source, Issue: issue})
}

func invalid(code, message, hint string) *flows.Issue {
	return &flows.Issue{Severity: flows.SeverityError, Code: code, Message: message, Hint: hint}
}

func parseNotEmpty(text string) (any, *flows.Issue) {
	if strings.TrimSpace(text) == "" {
		return "", invalid("empty_value", "this must not be empty", "leave the key out for the default")
	}
	return text, nil
}

func parsePositive(text string) (any, *flows.Issue) {
	d, err := flows.ParseDuration(text)
	switch {
	case err != nil:
		return time.Duration(0), invalid("invalid_duration", err.Error(), "write 90m, 8h, 5d or 2w")
	case d == 0:
		return d, invalid("invalid_duration", "the duration must be longer than nothing", "write 90m, 8h, 5d or 2w")
	}
	return d, nil
}

// parseRetention: what is younger than a day may be needed for repeats of a click.
func parseRetention(text string) (any, *flows.Issue) {
	d, err := flows.ParseDuration(text)
	switch {
	case err != nil:
		return d, invalid("invalid_duration", err.Error(), "write 157w for three years, or 0 to keep everything")
	case d != 0 && d < 24*time.Hour:
		return d, invalid("retention_too_short", "at least a day is kept", "write 157w for three years, or 0 to keep everything")
	}
	return d, nil
}

// parseDrift: 0 is never.
func parseDrift(text string) (any, *flows.Issue) {
	d, err := flows.ParseDuration(text)
	switch {
	case err != nil:
		return d, invalid("invalid_duration", err.Error(), "write 24h for once a day, or 0 for never")
	case d < 0 || d != 0 && d < time.Second:
		return d, invalid("duration_too_short", "at least a second lies between two looks", "write 24h for once a day, or 0 for never")
	}
	return d, nil
}

func parsePercent(text string) (any, *flows.Issue) {
	digits, ok := strings.CutSuffix(strings.TrimSpace(text), "%")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || n > 100 {
		return 0, invalid("invalid_percent", fmt.Sprintf("%q is not a percentage", text), "write 0% to 100%")
	}
	return n, nil
}

func choice(text, what string, values ...string) *flows.Issue {
	if slices.Contains(values, text) {
		return nil
	}
	return invalid("unknown_value", fmt.Sprintf("unknown %s %q", what, text), flows.Suggest(text, values))
}

func parseLevel(text string) (any, *flows.Issue) {
	var level slog.Level
	if issue := choice(text, "level of the log", "debug", "info", "warn", "error"); issue != nil {
		return level, issue
	}
	return level, asIssue(level.UnmarshalText([]byte(text)))
}

func asIssue(err error) *flows.Issue {
	if err == nil {
		return nil
	}
	return invalid("invalid_value", err.Error(), "")
}

func parseFormat(text string) (any, *flows.Issue) {
	return text, choice(text, "format of the log", LogJSON, LogText)
}

func parseStoreDriver(text string) (any, *flows.Issue) {
	if text == "postgres" {
		return text, unsupported("the store postgres")
	}
	return text, choice(text, "store", DriverBolt, "postgres")
}

// Slack's rules of a command: https://docs.slack.dev/interactivity/implementing-slash-commands
var commandRule = regexp.MustCompile(`^/[^\s/A-Z]{1,31}$`)

func parseCommand(text string) (any, *flows.Issue) {
	if !commandRule.MatchString(text) {
		return text, invalid("invalid_command", fmt.Sprintf("%q is not a slash command", text),
			"write a slash and at most 31 characters without spaces and capitals")
	}
	return text, nil
}

func parseListen(text string) (any, *flows.Issue) {
	if text == "" {
		return text, nil
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return text, invalid("invalid_address", fmt.Sprintf("%q is not an address to listen on", text), "write host:port, as in 127.0.0.1:8080")
	}
	return text, nil
}

func parseAPIURL(text string) (any, *flows.Issue) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.User != nil || u.RawQuery != "" {
		return text, invalid("invalid_url", "this is not the address of an API", "write https://host/path/")
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return u.String(), &flows.Issue{
			Severity: flows.SeverityWarning, Code: "insecure_url", Message: "the tokens go over the network unencrypted", Hint: "write https://",
		}
	}
	return u.String(), nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || (err == nil && ip.IsLoopback())
}
