package postgresql_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
	"apono/provision/postgresql"
)

// issues of a configuration, as "path code".
func issues(t *testing.T, config string) []string {
	t.Helper()
	c, list := postgresql.Type().New(t.Context(), spec("prod", config))
	if (c == nil) != (len(list) > 0) {
		t.Errorf("connection %v with issues %v", c, list)
	}
	var out []string
	for _, i := range list {
		if i.Severity != flows.SeverityError || i.Message == "" {
			t.Errorf("%#v is no whole issue", i)
		}
		out = append(out, i.Path+" "+i.Code)
	}
	return out
}

func TestConfig(t *testing.T) {
	for config, want := range map[string][]string{
		"{dsn: postgres://bot:pw@127.0.0.1:1/postgres}":                                             nil, // nobody answers there
		"{dsn: host=a.example.com user=bot password=pw dbname=postgres}":                            nil,
		"{dsn: 'postgres://bot:p%40%2F%3Aw@a.example.com:1,[::1]:2/postgres?sslmode=require'}":      nil,
		"{dsn: 'postgres://bot@/postgres?host=/var/run/postgresql'}":                                nil,
		"{dsn: postgres://b@h/d, databases: [a, b], exclude_schemas: [audit], connect_timeout: 3s}": nil,
		"{}":                              {"dsn missing_key"},
		"{dsn: postgres://b@h/d, dns: x}": {" invalid_config"},
		"{dsn: postgres://b@h/d, databases: [a, '', a], exclude_schemas: [\"a\\0\"], connect_timeout: -1s}": {"databases[1] invalid_value", "databases[2] duplicate", "exclude_schemas[0] invalid_value", "connect_timeout invalid_value"},
	} {
		if diff := cmp.Diff(want, issues(t, config)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", config, diff)
		}
	}
	if name := postgresql.Type().Name; name != "postgresql" {
		t.Errorf("the type is named %s", name)
	}
}

// TestMistakenDSN: what a forgotten escape makes a host, database or setting of
// may be the password. It must be refused, and not be told.
func TestMistakenDSN(t *testing.T) {
	const secret = "hunter2"
	for _, dsn := range []string{
		"postgres://bot:hunter2@x@db.example.com/shop", "postgres://bot:5432/hunter2@db.example.com/shop", "postgres://bot:hunter2/x@db.example.com/shop",
		"postgres://bot:5432?hunter2@db.example.com/shop", "postgres://bot:1#hunter2@db.example.com/shop", "postgres://bot:%zzhunter2@db.example.com/shop",
		"postgres://bot:pw@hunter2:port/shop", "postgres://bot:pw@db.example.com/shop?sslmode=hunter2", "postgres://bot:pw@db.example.com/shop?connect_timeout=hunter2",
		"postgresql://bot:pw@hunter2 x/shop", "user=bot password=a hunter2 host=db.example.com", "user=bot password='hunter2", "hunter2", "hunter2=1 2=3",
		"mysql://bot:hunter2@db.example.com/shop", "postgres:/bot:hunter2@db.example.com/shop", "postgres://bot:pw@db.example.com/shop?hunter2 x=1",
	} {
		c, list := postgresql.Type().New(t.Context(), spec("prod", fmt.Sprintf("dsn: %q", dsn)))
		if c != nil || len(list) != 1 || list[0].Path != "dsn" || list[0].Code != "invalid_dsn" {
			t.Errorf("%s: %v", dsn, list)
		}
		if strings.Contains(fmt.Sprintf("%v %+v %#v", list, list, list), secret) {
			t.Errorf("%s: the issue tells the secret", dsn)
		}
	}
}

// secretless fails if the password or the DSN is in any text of the error.
func secretless(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := fmt.Sprintf("%v %+v %#v %s", e, e, e, provision.MessageOf(e))
		for _, s := range secrets {
			if strings.Contains(text, s) {
				t.Errorf("a secret is in an error: %T", e)
			}
		}
	}
}

func TestUnreachable(t *testing.T) {
	const closed = "127.0.0.1:1"
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for name, tt := range map[string]struct{ config, says string }{
		"nobody listens": {"dsn: postgres://bot:hunter2@" + closed + "/shop", "prod at 127.0.0.1 could not be reached"},
		"nobody answers": {"{dsn: 'postgres://bot:hunter2@" + silent.Addr().String() + "/shop?sslmode=disable', connect_timeout: 50ms}", "prod at 127.0.0.1 did not answer in time"},
		"no such host":   {"dsn: postgres://bot:hunter2@nosuch.invalid/shop", "prod at nosuch.invalid could not be reached"},
		"no such socket": {"dsn: postgres://bot:hunter2@/shop?host=/nosuch/dir", "prod at /nosuch/dir could not be reached"},
		"neither of two": {"dsn: postgres://bot:hunter2@" + closed + ",nosuch.invalid/shop?sslmode=disable", "prod at 127.0.0.1, nosuch.invalid could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, list := postgresql.Type().New(t.Context(), spec("prod", tt.config))
			if len(list) > 0 {
				t.Fatal(list)
			}
			err := c.(driver).Ping(t.Context())
			if provision.KindOf(err) != provision.KindRetry || !strings.Contains(provision.MessageOf(err), tt.says) {
				t.Errorf("Ping: %v", err)
			}
			secretless(t, err, "hunter2")
		})
	}
}

func TestServerSaysNo(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		g := w.grant(1, w.item("read_only", w.shop))
		for name, tt := range map[string]struct {
			dsn   string
			setup string
			kind  provision.Kind
			says  string
		}{
			"wrong password":     {strings.Replace(w.botDSN(), "b0t", "hunter2", 1), "SELECT 1", provision.KindRefused, "does not accept the bot's login"},
			"no such role":       {strings.Replace(w.botDSN(), w.bot, "nobody", 1), "SELECT 1", provision.KindRefused, "does not accept the bot's login"},
			"no database":        {strings.Replace(w.botDSN(), "/"+w.shop, "/nosuch_"+w.tag, 1), "SELECT 1", provision.KindRefused, "does not exist"},
			"full":               {w.botDSN(), "ALTER ROLE " + q(w.bot) + " CONNECTION LIMIT 0", provision.KindRetry, "has no room left"},
			"no login":           {w.botDSN(), "ALTER ROLE " + q(w.bot) + " NOLOGIN", provision.KindRefused, "does not accept the bot's login"},
			"may not make roles": {w.botDSN(), "ALTER ROLE " + q(w.bot) + " NOCREATEROLE", provision.KindRefused, "permission denied to create role"},
			"a standby":          {w.botDSN() + "&target_session_attrs=standby", "SELECT 1", provision.KindRetry, "could not be reached"},
		} {
			w.exec(t, "postgres", tt.setup)
			_, err := w.connect(t, tt.dsn, "").Grant(t.Context(), g)
			if provision.KindOf(err) != tt.kind || !strings.Contains(provision.MessageOf(err), tt.says) || !strings.Contains(provision.MessageOf(err), w.admin.Hostname()) {
				t.Errorf("%s: %v", name, err)
			}
			secretless(t, err, botPassword, "hunter2", tt.dsn)
			w.exec(t, "postgres", "ALTER ROLE "+q(w.bot)+" CONNECTION LIMIT -1 LOGIN CREATEROLE")
		}
		if left := w.roles(t); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}, options)
}

// TestRefusals name the resource.
func TestRefusals(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.exec(t, w.shop, "CREATE TABLE public.alien (id int)", "CREATE SCHEMA foreign_one", "CREATE TABLE foreign_one.thing (id int)")
		d := w.connect(t, w.botDSN(), "exclude_schemas: [hr]\ndatabases: ["+w.shop+", nosuch_"+w.tag+"]")
		other := w.item("read_only", w.shop)
		other.Integration = "another"
		for n, tt := range []struct {
			items []flows.Item
			says  string
		}{
			{nil, "no resource"},
			{[]flows.Item{other}, "does not offer"},
			{[]flows.Item{w.item("owner", w.shop)}, `does not offer "owner"`},
			{[]flows.Item{{Unit: flows.Unit{Integration: w.integration, ResourceType: "function", Resource: w.shop + "/f", Permission: "admin"}}}, "does not offer"},
			{[]flows.Item{w.item("read_only", w.other)}, "leaves out database"},
			{[]flows.Item{w.item("read_only", w.shop, "hr")}, `leaves out schema "hr"`},
			{[]flows.Item{w.item("read_only", w.shop, "hr", "people")}, `leaves out schema "hr"`},
			{[]flows.Item{w.item("read_only", "nosuch_"+w.tag)}, "does not exist"},
			{[]flows.Item{w.item("read_only", w.shop, "nosuch")}, `no schema "nosuch"`},
			{[]flows.Item{w.item("read_only", w.shop, "nosuch", "t")}, `no schema "nosuch"`},
			{[]flows.Item{w.item("read_only", w.shop, "public", "nosuch")}, `no table "nosuch" in schema "public"`},
			{[]flows.Item{w.item("read_only", w.shop, "public", "orders_id_seq")}, `no table "orders_id_seq"`},
			{[]flows.Item{w.item("read_only", w.shop, "pg_catalog", "pg_authid")}, `no schema "pg_catalog"`},
			{[]flows.Item{w.item("read_only", w.shop, "public", "alien")}, `may not give SELECT on table "alien" in schema "public"`},
			{[]flows.Item{w.item("read_only", w.shop, "foreign_one")}, `may not give USAGE on schema "foreign_one"`},
			{[]flows.Item{w.item("read_only", w.shop, "public")}, `may not give SELECT on table "alien"`},
		} {
			g := w.grant(n, tt.items...)
			_, err := d.Grant(t.Context(), g)
			wantRefused(t, err, tt.says)
			if ok, err := d.Check(t.Context(), g); ok || err != nil {
				t.Errorf("Check = %t, %v", ok, err)
			}
			mustRevoke(t, d, g)
		}
		if left := w.roles(t); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}, options, member)
}

func TestCredentials(t *testing.T) {
	c, list := postgresql.Type().New(t.Context(), spec("prod", "dsn: postgres://bot:pw@a.example.com:1,[::1]:2/home?sslmode=require"))
	if len(list) > 0 {
		t.Fatal(list)
	}
	got := postgresql.CredentialsOf(c, "apono_x", "pass", []string{"shop", `o'th"er/ $(id)%ü`})
	want := provision.Credentials{
		Fields: []provision.Field{
			{Name: "host", Value: "a.example.com, ::1"},
			{Name: "port", Value: "1, 2"},
			{Name: "databases", Value: `shop, o'th"er/ $(id)%ü`},
			{Name: "username", Value: "apono_x"},
			{Name: "password", Value: "pass", Secret: true},
		},
		Instructions: "Connect with psql, which asks for the password:\n" +
			"psql 'postgresql://apono_x@a.example.com:1,[::1]:2/shop?sslmode=require'\n" +
			"psql 'postgresql://apono_x@a.example.com:1,[::1]:2/o%27th%22er%2F%20%24%28id%29%25%C3%BC?sslmode=require'\n",
	}
	reveal := cmp.Transformer("reveal", func(s flows.Secret) string { return s.Reveal() })
	if diff := cmp.Diff(want, got, reveal); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
	c, _ = postgresql.Type().New(t.Context(), spec("prod", "dsn: postgres://bot:pw@/home?host=/tmp/a%20b&sslmode=prefer"))
	if got := postgresql.CredentialsOf(c, "r", "p", []string{"shop"}).Instructions; !strings.Contains(got, "'postgresql://r@%2Ftmp%2Fa%20b:5432/shop'") {
		t.Error(got)
	}
}

// TestPackageComment holds it to what the tests do.
func TestPackageComment(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("doc.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range append([]string{"GRANT shop_owner TO apono_bot"}, optionStatements...) {
		if !strings.Contains(string(text), "//\t"+s+"\n") {
			t.Errorf("the package comment lacks %s", s)
		}
	}
}

// TestCallerGivesUp ends calls that wait for the server, and those that wait for them.
func TestCallerGivesUp(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	c, list := postgresql.Type().New(t.Context(), spec("prod", "{connect_timeout: 5m, dsn: 'postgres://bot:hunter2@"+silent.Addr().String()+"/shop?sslmode=disable'}"))
	if len(list) > 0 {
		t.Fatal(list)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var held []chan error
	for range postgresql.MaxCalls + 4 { // the last ones wait for a slot
		done := make(chan error, 1)
		held = append(held, done)
		go func() { done <- c.(driver).Ping(ctx) }()
	}
	for range postgresql.MaxCalls {
		conn, err := silent.Accept()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
	}
	cancel()
	for _, done := range held {
		if err := <-done; provision.KindOf(err) != provision.KindRetry || !errors.Is(err, context.Canceled) {
			t.Errorf("Ping: %v", err)
		}
	}
}
