package postgresql_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"go.yaml.in/yaml/v3"

	"apono/flows"
	"apono/provision"
	"apono/provision/postgresql"
)

var versions = []string{"15", "18"}

// How the bot's role came by its rights.
type setup string

const (
	superuser setup = "superuser"
	options   setup = "grant options" // the first way of the package comment
	member    setup = "member"        // the second one
)

var setups = []setup{superuser, options, member}

const botPassword = `b0t'p"ss wörd%/@:#`

// world is a pair of databases on a real server, and a bot. Nothing in it has a
// name that another test has.
type world struct {
	version     string
	setup       setup
	log         string // the server's log file
	admin       *url.URL
	tag         string
	integration string
	bot, owner  string // roles
	shop, other string // databases; shop is where the bot logs in

	made string // what looks said when it was made

	mu    sync.Mutex
	conns map[string]*pgx.Conn // of the superuser, by database
}

// serverDSN of a superuser. Without servers tests fail and say how to get them.
func serverDSN(t testing.TB, version string) (dsn *url.URL, log string) {
	t.Helper()
	text, log := os.Getenv("APONO_TEST_PG"+version+"_DSN"), os.Getenv("APONO_TEST_PG"+version+"_LOG")
	if text == "" || log == "" {
		t.Fatalf("APONO_TEST_PG%[1]s_DSN and APONO_TEST_PG%[1]s_LOG are not set: run `make test`, or `scripts/services run go test ./provision/postgresql/`, which start PostgreSQL", version)
	}
	dsn, err := url.Parse(text)
	if err != nil {
		t.Fatal("the DSN is no URL")
	}
	return dsn, log
}

// everywhere runs a story on both versions with the set-ups given; none: all. What a
// superuser may do is the same in every version, so that is tried on one.
func everywhere(t *testing.T, story func(t *testing.T, w *world), in ...setup) {
	t.Helper()
	t.Parallel()
	if len(in) == 0 {
		in = setups
	}
	for _, version := range versions {
		for _, s := range in {
			if s == superuser && version != versions[len(versions)-1] {
				continue
			}
			t.Run("PostgreSQL "+version+" "+string(s), func(t *testing.T) {
				t.Parallel()
				story(t, newWorld(t, version, s))
			})
		}
	}
}

// newWorld makes a world, or hands out one that an earlier test left as it was made.
func newWorld(t *testing.T, version string, s setup) *world {
	t.Helper()
	w := idle.take(version, s)
	if w == nil {
		w = makeWorld(t, version, s)
	}
	t.Cleanup(func() {
		if t.Failed() || w.made == "" || w.looks(t) != w.made {
			w.drop(t)
			return
		}
		w.hangUp(t)
		idle.give(w)
	})
	return w
}

// hangUp ends the superuser's connections. They end with the test that made them, which must not be in the midst of
// another test that has the world by then.
func (w *world) hangUp(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, conn := range w.conns {
		_ = conn.Close(ctx)
	}
	clear(w.conns)
}

func makeWorld(t *testing.T, version string, s setup) *world {
	t.Helper()
	w := &world{version: version, setup: s, tag: fmt.Sprintf("%08x", rand.Uint32()), conns: map[string]*pgx.Conn{}}
	w.admin, w.log = serverDSN(t, version)
	w.integration = "pg-" + w.tag
	w.bot, w.owner = "bot_"+w.tag, "owner_"+w.tag
	w.shop, w.other = "shop_"+w.tag, `a"b/ ünï🙂 %41 `+w.tag
	attributes := "CREATEROLE"
	if s == superuser {
		attributes = "SUPERUSER"
	}
	w.exec(t, "postgres",
		"CREATE ROLE "+q(w.owner),
		"CREATE ROLE "+q(w.bot)+" LOGIN "+attributes+" PASSWORD '"+strings.ReplaceAll(botPassword, "'", "''")+"'",
		"CREATE DATABASE "+q(w.shop)+" OWNER "+q(w.owner), "REVOKE ALL ON DATABASE "+q(w.shop)+" FROM PUBLIC",
		"CREATE DATABASE "+q(w.other)+" OWNER "+q(w.owner), "REVOKE ALL ON DATABASE "+q(w.other)+" FROM PUBLIC")
	w.own(t, w.shop,
		"CREATE TABLE public.orders (id serial PRIMARY KEY, what text)", "INSERT INTO public.orders (what) VALUES ('tea')",
		"CREATE TABLE public.secrets (word text)", "INSERT INTO public.secrets VALUES ('xyzzy')",
		"CREATE VIEW public.big_orders AS SELECT * FROM public.orders",
		"CREATE MATERIALIZED VIEW public.old_orders AS SELECT * FROM public.orders",
		"CREATE TABLE public.events (at date) PARTITION BY RANGE (at)",
		"CREATE TABLE public.events_2026 PARTITION OF public.events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01')",
		"CREATE SCHEMA hr", "CREATE TABLE hr.people (id int GENERATED ALWAYS AS IDENTITY, name text)")
	w.own(t, w.other, "CREATE SCHEMA "+q(hostileSchema), "CREATE TABLE "+q(hostileSchema, hostileTable)+" (id int)",
		"CREATE TABLE "+q(hostileSchema, longTable)+" (id int)", "CREATE TABLE public.plain (id int)")
	w.equip(t)
	w.made = w.looks(t)
	return w
}

const (
	hostileSchema = `sch"ema / 架构 %2F ; --`
	hostileTable  = `ta'b/l"e; DROP TABLE x; -- 🙂 \n $1 %s`
)

var longTable = strings.Repeat("ö", 31) + "x" // 63 bytes

// equip gives the bot what the package comment says it needs.
func (w *world) equip(t *testing.T) {
	t.Helper()
	switch w.setup {
	case superuser:
	case member:
		w.exec(t, "postgres", "GRANT "+q(w.owner)+" TO "+q(w.bot))
	case options:
		for _, database := range []string{w.shop, w.other} {
			for _, schema := range w.schemas(t, database) {
				for _, s := range optionStatements {
					w.exec(t, database, strings.NewReplacer("shop_owner", q(w.owner), "apono_bot", q(w.bot), "shop", q(database), "public", q(schema)).Replace(s))
				}
			}
		}
	}
}

// optionStatements are in the package comment, word for word.
var optionStatements = []string{
	"GRANT ALL ON DATABASE shop TO apono_bot WITH GRANT OPTION",
	"GRANT ALL ON SCHEMA public TO apono_bot WITH GRANT OPTION",
	"GRANT ALL ON ALL TABLES IN SCHEMA public TO apono_bot WITH GRANT OPTION",
	"GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO apono_bot WITH GRANT OPTION",
	"ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT ALL ON TABLES TO apono_bot WITH GRANT OPTION",
	"ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT ALL ON SEQUENCES TO apono_bot WITH GRANT OPTION",
}

func (w *world) schemas(t *testing.T, database string) []string {
	t.Helper()
	return w.texts(t, database, "SELECT nspname::text FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'")
}

func (w *world) drop(t *testing.T) {
	t.Helper()
	w.exec(t, "postgres", "DROP DATABASE IF EXISTS "+q(w.shop)+" WITH (FORCE)", "DROP DATABASE IF EXISTS "+q(w.other)+" WITH (FORCE)")
	names := w.roles(t)
	for _, name := range append(names, postgresql.KeptName(w.bot), w.bot, w.owner) {
		w.exec(t, "postgres", "DROP ROLE IF EXISTS "+q(name))
	}
}

// roles are those that the bot made for grants, known by their comment.
func (w *world) roles(t *testing.T) []string {
	t.Helper()
	return w.texts(t, "postgres", `SELECT rolname::text FROM pg_roles WHERE starts_with(shobj_description(oid, 'pg_authid'), 'apono grant ')
		AND shobj_description(oid, 'pg_authid') LIKE '%' || $1`, ` of integration "`+w.integration+`"`)
}

func q(names ...string) string { return pgx.Identifier(names).Sanitize() }

// dsn of somebody in a database of the server.
func (w *world) dsn(user *url.Userinfo, database string) string {
	u := *w.admin
	u.User, u.Path = user, "/"+database
	return u.String()
}

func (w *world) botDSN() string { return w.dsn(url.UserPassword(w.bot, botPassword), w.shop) }

func open(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := dial(t, dsn)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func dial(t *testing.T, dsn string) (*pgx.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	if err == nil {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
			defer cancel()
			_ = conn.Close(ctx)
		})
	}
	return conn, err
}

// run runs statements as anybody, on a connection of its own.
func (w *world) run(t *testing.T, dsn string, statements ...string) {
	t.Helper()
	conn := open(t, dsn)
	ctx := context.WithoutCancel(t.Context())
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// exec runs statements as the superuser.
func (w *world) exec(t *testing.T, database string, statements ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	conn, err := w.superuser(t, database)
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range append(statements, "RESET ROLE") {
		if _, err := conn.Exec(context.WithoutCancel(t.Context()), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// superuser is a connection that is kept for the test.
func (w *world) superuser(t *testing.T, database string) (*pgx.Conn, error) {
	t.Helper()
	if w.conns[database] == nil || w.conns[database].IsClosed() {
		conn, err := dial(t, w.dsn(w.admin.User, database))
		if err != nil {
			return nil, err
		}
		w.conns[database] = conn
	}
	return w.conns[database], nil
}

// own runs statements as the owner of the databases.
func (w *world) own(t *testing.T, database string, statements ...string) {
	t.Helper()
	w.exec(t, database, append([]string{"SET ROLE " + q(w.owner)}, statements...)...)
}

// texts asks as the superuser.
func (w *world) texts(t *testing.T, database, sql string, args ...any) []string {
	t.Helper()
	out, err := w.query(t, database, sql, args...)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return out
}

func (w *world) query(t *testing.T, database, sql string, args ...any) ([]string, error) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	conn, err := w.superuser(t, database)
	if err != nil {
		return nil, err
	}
	rows, err := conn.Query(context.WithoutCancel(t.Context()), sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// driver is all that a connection of the type can do.
type driver interface {
	provision.Driver
	provision.Discoverer
	provision.Checker
	provision.Lister
	provision.Rotator
	provision.Extender
	provision.Pinger
	provision.NativeExpiry
}

// spec reads a configuration as the service does, with the secret in it.
func spec(name, config string) provision.Spec {
	return provision.Spec{Name: name, Decode: func(into any) error {
		d := yaml.NewDecoder(strings.NewReader(config))
		d.KnownFields(true)
		return d.Decode(into)
	}}
}

// connect makes the driver on a DSN; extra is further configuration.
func (w *world) connect(t *testing.T, dsn, extra string) driver {
	t.Helper()
	c, issues := postgresql.Type().New(t.Context(), spec(w.integration, fmt.Sprintf("dsn: %q\n%s", dsn, extra)))
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return c.(driver)
}

func (w *world) driver(t *testing.T) driver { t.Helper(); return w.connect(t, w.botDSN(), "") }

func (w *world) item(permission string, path ...string) flows.Item {
	typ := []string{"", "database", "schema", "table"}[len(path)]
	id := make([]string, len(path))
	for i, part := range path {
		id[i] = strings.NewReplacer("%", "%25", "/", "%2F").Replace(part)
	}
	return flows.Item{Unit: flows.Unit{Integration: w.integration, ResourceType: typ, Resource: strings.Join(id, "/"), Permission: permission}}
}

// grant of a request with a number.
func (w *world) grant(n int, items ...flows.Item) provision.Grant {
	request := fmt.Sprintf("AR-%d", n)
	return provision.Grant{
		ID: request + "/" + w.integration, Request: request, Items: items,
		Person:   flows.PersonRef{Email: fmt.Sprintf("alice%d@example.com", n), Name: "Alice"},
		NotAfter: time.Now().Add(time.Hour).Truncate(time.Second),
	}
}

func field(c provision.Credentials, name string) string {
	for _, f := range c.Fields {
		if f.Name == name {
			return f.Value.Reveal()
		}
	}
	return ""
}

func (w *world) personDSN(c provision.Credentials, database string) string {
	return w.dsn(url.UserPassword(field(c, "username"), field(c, "password")), database)
}

// as runs one statement as the person, on a connection of its own.
func (w *world) as(t *testing.T, c provision.Credentials, database, sql string) error {
	t.Helper()
	conn, err := dial(t, w.personDSN(c, database))
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(t.Context())
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, sql)
	return err
}

func mustGrant(t *testing.T, d provision.Driver, g provision.Grant) provision.Credentials {
	t.Helper()
	c, err := d.Grant(t.Context(), g)
	if err != nil {
		t.Fatalf("grant %s: %v", g.ID, err)
	}
	return c
}

func mustRevoke(t *testing.T, d provision.Driver, g provision.Grant) {
	t.Helper()
	if err := d.Revoke(t.Context(), g); err != nil {
		t.Fatalf("revoke %s: %v", g.ID, err)
	}
}

// split is the reverse of item, without the driver's help.
func (w *world) split(item flows.Item) (database, schema, table string) {
	parts := strings.Split(item.Resource, "/")
	for i, part := range parts {
		parts[i], _ = url.PathUnescape(part)
	}
	parts = append(parts, "", "")
	return parts[0], parts[1], parts[2]
}
