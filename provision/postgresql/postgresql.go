package postgresql

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"apono/flows"
	"apono/provision"
)

const (
	defaultConnectTimeout = 10 * time.Second
	callTimeout           = 2 * time.Minute  // one call, whatever the caller's context allows
	discoverTimeout       = 10 * time.Minute // all databases, one after the other
	maxCalls              = 8                // at once; each holds at most two connections
)

// config is what an integration says under `config:`.
type config struct {
	// DSN of the bot's own role, as a URL or in libpq's keyword=value form:
	// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING
	// Roles are made and dropped from its database.
	DSN flows.Secret `yaml:"dsn"`
	// Databases that are offered. Empty: all that take connections and are no templates.
	Databases []string `yaml:"databases"`
	// ExcludeSchemas, by name in every database, are neither offered nor part of
	// what a whole database gives.
	ExcludeSchemas []string `yaml:"exclude_schemas"`
	// ConnectTimeout of one host; 0: the DSN's, or 10 s.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
}

// Type is the type "postgresql". Its connections are Driver, Discoverer,
// Checker, Lister, Rotator, Pinger, Identifier and NativeExpiry.
func Type() provision.Type { return provision.Type{Name: "postgresql", New: newConnection} }

// connection is one server, or one primary behind several hosts.
type connection struct {
	name      string // of the integration
	base      *pgx.ConnConfig
	host      string   // as people are told
	home      string   // the DSN's database
	databases []string // nil: all
	excluded  []string // schemas; never nil
	slots     chan struct{}
}

func newConnection(_ context.Context, spec provision.Spec) (provision.Connection, []flows.Issue) {
	var c config
	if err := spec.Decode(&c); err != nil {
		return nil, []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: err.Error()}}
	}
	p := &problems{}
	base := p.dsn(c.DSN)
	p.names("databases", c.Databases)
	p.names("exclude_schemas", c.ExcludeSchemas)
	if c.ConnectTimeout < 0 {
		p.add("connect_timeout", "invalid_value", "a time-out is not negative", "")
	}
	if len(p.issues) > 0 {
		return nil, p.issues
	}
	switch {
	case c.ConnectTimeout > 0:
		base.ConnectTimeout = c.ConnectTimeout
	case base.ConnectTimeout == 0:
		base.ConnectTimeout = defaultConnectTimeout
	}
	if base.Database == "" {
		base.Database = base.User // as the server would
	}
	return &connection{
		name: spec.Name, base: base, host: strings.Join(hosts(base), ", "), home: base.Database,
		databases: c.Databases, excluded: append([]string{}, c.ExcludeSchemas...), slots: make(chan struct{}, maxCalls),
	}, nil
}

// Close frees nothing: connections live no longer than a call.
func (*connection) Close() error { return nil }

// ExpiresNatively is true: roles are VALID UNTIL the end of the grant. That
// keeps new sessions out; what cuts live ones is Revoke.
func (*connection) ExpiresNatively() bool { return true }

// Identity is the system identifier of the server, which its replicas and its
// upgraded files share, and which a copy of its files has too:
// https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-CONTROL-SYSTEM
// Where the bot may not read it, it is the id and name of the home database.
func (c *connection) Identity(ctx context.Context) (id string, err error) {
	err = c.call(ctx, "identity", callTimeout, func(ctx context.Context) error {
		return c.in(ctx, c.home, func(ctx context.Context, s *session) error {
			err := s.one(ctx, `SELECT 'system ' || system_identifier FROM pg_control_system()`, &id)
			if e, ok := errors.AsType[*pgconn.PgError](err); ok && e.Code == "42501" {
				err = s.one(ctx, `SELECT 'database ' || oid || ' ' || datname FROM pg_database WHERE datname = current_database()`, &id)
			}
			return err
		})
	})
	return id, err
}

// Ping logs in and asks for nothing.
func (c *connection) Ping(ctx context.Context) error {
	return c.call(ctx, "ping", callTimeout, func(ctx context.Context) error {
		s, err := c.open(ctx, c.home)
		if err != nil {
			return err
		}
		defer s.close(ctx)
		return s.conn.Ping(ctx)
	})
}

// problems collects what is wrong with a configuration.
type problems struct{ issues []flows.Issue }

func (p *problems) add(path, code, message, hint string) {
	p.issues = append(p.issues, flows.Issue{Path: path, Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
}

func (p *problems) names(key string, names []string) {
	for i, name := range names {
		path := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case name == "" || strings.ContainsRune(name, 0):
			p.add(path, "invalid_value", "this is no name", "")
		case slices.Contains(names[:i], name):
			p.add(path, "duplicate", fmt.Sprintf("%q is listed twice", name), "")
		}
	}
}

const dsnHint = "such as postgres://bot:password@db.example.com:5432/postgres?sslmode=verify-full, " +
	"with %40, %2F, %3A and %25 for @, /, : and % within a part"

var (
	hostName  = regexp.MustCompile(`^[A-Za-z0-9._:%-]+$`)
	parameter = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*$`)
)

// dsn parses the connection string. What is wrong with it is not told in its own
// words: those may hold the password, or what a mistake made a host or a database
// of, which would then appear in every error.
func (p *problems) dsn(secret flows.Secret) *pgx.ConnConfig {
	text := secret.Reveal()
	if text == "" {
		p.add("dsn", "missing_key", "PostgreSQL needs the connection string of the bot's role", dsnHint)
		return nil
	}
	base, err := pgx.ParseConfig(text)
	if err != nil || !unmistakable(text, base) {
		p.add("dsn", "invalid_dsn", "this is no connection string that can be read in one way only", dsnHint)
		return nil
	}
	base.DefaultQueryExecMode = pgx.QueryExecModeExec // statements are sent once; works behind a pooler too
	base.RuntimeParams["client_encoding"] = "UTF8"    // whatever the database has
	if base.RuntimeParams["application_name"] == "" {
		base.RuntimeParams["application_name"] = "apono"
	}
	return base
}

// unmistakable is false where a character that was not escaped may have put a
// part of the password into another place.
func unmistakable(text string, base *pgx.ConnConfig) bool {
	if _, rest, isURL := strings.Cut(text, "://"); isURL && strings.HasPrefix(text, "postgres") {
		at := strings.LastIndexByte(rest, '@')
		if strings.Count(rest, "@") > 1 || at >= 0 && strings.ContainsAny(rest[:at], "/?#") {
			return false
		}
	}
	for _, host := range hosts(base) {
		if !strings.HasPrefix(host, "/") && !hostName.MatchString(host) {
			return false
		}
	}
	for name := range base.RuntimeParams {
		if !parameter.MatchString(name) {
			return false
		}
	}
	return true
}

// hosts of the connection string, each once: there are fallbacks for further
// hosts, and for the same one without TLS.
func hosts(base *pgx.ConnConfig) []string {
	out := []string{base.Host}
	for _, f := range base.Fallbacks {
		if !slices.Contains(out, f.Host) {
			out = append(out, f.Host)
		}
	}
	return out
}
