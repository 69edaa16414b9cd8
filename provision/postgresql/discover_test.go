package postgresql_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

// described is a resource in one line.
func described(r flows.Resource) string {
	return fmt.Sprintf("%s %s name=%s path=%s tags=%v", r.Type, r.ID, r.Name, strings.Join(r.Path, "|"), r.Tags)
}

func (w *world) discover(t *testing.T, d driver) []string {
	t.Helper()
	h, err := d.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, r := range h.Resources {
		out = append(out, strings.ReplaceAll(described(r), w.tag, "TAG"))
	}
	return out
}

func TestDiscover(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.connect(t, w.botDSN(), fmt.Sprintf("databases: [%q, %q]\nexclude_schemas: [audit]", w.shop, w.other))
		w.own(t, w.shop, "CREATE SCHEMA audit", "CREATE TABLE audit.log (id int)", "CREATE SCHEMA empty")
		w.exec(t, w.shop, "CREATE FOREIGN DATA WRAPPER fdw", "CREATE SERVER elsewhere FOREIGN DATA WRAPPER fdw", "CREATE FOREIGN TABLE hr.far (id int) SERVER elsewhere")
		want := []string{
			`database a"b%2F ünï🙂 %2541 TAG name=a"b/ ünï🙂 %41 TAG path= tags=map[]`,
			`database shop_TAG name=shop_TAG path= tags=map[]`,
			`schema a"b%2F ünï🙂 %2541 TAG/public name=public path=a"b/ ünï🙂 %41 TAG tags=map[]`,
			`schema a"b%2F ünï🙂 %2541 TAG/sch"ema %2F 架构 %252F ; -- name=sch"ema / 架构 %2F ; -- path=a"b/ ünï🙂 %41 TAG tags=map[]`,
			`schema shop_TAG/empty name=empty path=shop_TAG tags=map[]`,
			`schema shop_TAG/hr name=hr path=shop_TAG tags=map[]`,
			`schema shop_TAG/public name=public path=shop_TAG tags=map[]`,
			`table a"b%2F ünï🙂 %2541 TAG/public/plain name=plain path=a"b/ ünï🙂 %41 TAG|public tags=map[kind:table]`,
			`table a"b%2F ünï🙂 %2541 TAG/sch"ema %2F 架构 %252F ; --/` + strings.NewReplacer("%", "%25", "/", "%2F").Replace(hostileTable) +
				` name=` + hostileTable + ` path=a"b/ ünï🙂 %41 TAG|` + hostileSchema + ` tags=map[kind:table]`,
			`table a"b%2F ünï🙂 %2541 TAG/sch"ema %2F 架构 %252F ; --/` + longTable + ` name=` + longTable + ` path=a"b/ ünï🙂 %41 TAG|` + hostileSchema + ` tags=map[kind:table]`,
			`table shop_TAG/hr/far name=far path=shop_TAG|hr tags=map[kind:foreign table]`,
			`table shop_TAG/hr/people name=people path=shop_TAG|hr tags=map[kind:table]`,
			`table shop_TAG/public/big_orders name=big_orders path=shop_TAG|public tags=map[kind:view]`,
			`table shop_TAG/public/events name=events path=shop_TAG|public tags=map[kind:partitioned table]`,
			`table shop_TAG/public/old_orders name=old_orders path=shop_TAG|public tags=map[kind:materialized view]`,
			`table shop_TAG/public/orders name=orders path=shop_TAG|public tags=map[kind:table]`,
			`table shop_TAG/public/secrets name=secrets path=shop_TAG|public tags=map[kind:table]`,
		}
		if diff := cmp.Diff(want, w.discover(t, d)); diff != "" {
			t.Errorf("resources (-want +got):\n%s", diff)
		}
		h, err := d.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, typ := range []string{"database", "schema", "table"} {
			for _, permission := range []string{"read_only", "read_write", "admin"} {
				u := flows.Unit{Integration: w.integration, ResourceType: typ, Permission: permission}
				i := slices.IndexFunc(h.Resources, func(r flows.Resource) bool { return r.Type == typ })
				u.Resource = h.Resources[i].ID
				item := flows.NewInventory([]flows.Holdings{h}).Describe(u)
				if !offered(h, u) || item.PermissionName == permission || item.TypeName == typ {
					t.Errorf("%v is offered as %v", u, item)
				}
			}
		}
	}, options)
}

func offered(h flows.Holdings, u flows.Unit) bool {
	return flows.NewInventory([]flows.Holdings{h}).Has(u)
}

// TestDiscoverClosedDatabases: a database that says no is named, and the others
// are listed.
func TestDiscoverClosedDatabases(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.exec(t, "postgres", "REVOKE ALL ON DATABASE "+q(w.other)+" FROM PUBLIC, "+q(w.bot)+" CASCADE")
		d := w.connect(t, w.botDSN(), fmt.Sprintf("databases: [%q, %q, %q]", w.shop, w.other, "nosuch_"+w.tag))
		closed := func() []string {
			return slices.DeleteFunc(w.discover(t, d), func(line string) bool { return !strings.HasPrefix(line, "database ") })
		}
		want := []string{
			`database a"b%2F ünï🙂 %2541 TAG name=a"b/ ünï🙂 %41 TAG path= tags=map[unreachable:the bot may not connect]`,
			`database nosuch_TAG name=nosuch_TAG path= tags=map[unreachable:there is no such database]`,
			`database shop_TAG name=shop_TAG path= tags=map[]`,
		}
		if diff := cmp.Diff(want, closed()); diff != "" {
			t.Errorf("databases (-want +got):\n%s", diff)
		}
		if all := w.discover(t, d); !slices.ContainsFunc(all, func(line string) bool { return strings.HasPrefix(line, "table shop_TAG/public/orders ") }) {
			t.Errorf("the open database has only %q", all)
		}
		w.exec(t, "postgres", "ALTER DATABASE "+q(w.other)+" ALLOW_CONNECTIONS false")
		want[0] = strings.Replace(want[0], "the bot may not connect", "it takes no connections", 1)
		if diff := cmp.Diff(want, closed()); diff != "" {
			t.Errorf("databases (-want +got):\n%s", diff)
		}
		w.exec(t, "postgres", "ALTER DATABASE "+q(w.other)+" ALLOW_CONNECTIONS true", "GRANT CONNECT ON DATABASE "+q(w.other)+" TO "+q(w.bot),
			"ALTER DATABASE "+q(w.other)+" CONNECTION LIMIT 0")
		if _, err := d.Discover(t.Context()); provision.KindOf(err) != provision.KindRetry { // or its tables would be gone for a while
			t.Errorf("with a full database: %v", err)
		}
		w.exec(t, "postgres", "ALTER DATABASE "+q(w.other)+" CONNECTION LIMIT -1", "ALTER DATABASE "+q(w.other)+" SET session_preload_libraries = 'nosuch'")
		want[0] = strings.Replace(want[0], "it takes no connections", `could not access file "nosuch": No such file or directory`, 1)
		if diff := cmp.Diff(want, closed()); diff != "" {
			t.Errorf("databases (-want +got):\n%s", diff)
		}
		w.exec(t, "postgres", "ALTER DATABASE "+q(w.other)+" ALLOW_CONNECTIONS false")
		var h flows.Holdings
		err := error(&provision.Error{Kind: provision.KindRetry})
		for range 20 { // another test may drop its database, and our session there, as we look
			if provision.KindOf(err) == provision.KindRetry {
				h, err = w.driver(t).Discover(t.Context())
			}
		}
		if err != nil || !offered(h, w.item("read_only", w.shop).Unit) {
			t.Fatalf("the bot's own database is not offered: %v", err)
		}
		for _, r := range h.Resources { // without a list: what takes connections and is no template
			if r.Name == "template1" || r.Name == "template0" || r.Name == w.other {
				t.Errorf("%s is offered", described(r))
			}
		}
	}, options)
}

// TestExtensions keep what is theirs: a bot that may not give it away can still
// give the rest of the database.
func TestExtensions(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		w.exec(t, w.shop, "CREATE EXTENSION pg_buffercache SCHEMA hr", "CREATE SCHEMA theirs", "ALTER EXTENSION pg_buffercache ADD SCHEMA theirs")
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		c := mustGrant(t, d, g)
		if err := w.as(t, c, w.shop, "SELECT * FROM hr.people"); err != nil {
			t.Error(err)
		}
		if err := w.as(t, c, w.shop, "SELECT * FROM hr.pg_buffercache"); state(t, err) != denied {
			t.Errorf("what belongs to an extension: %v", err)
		}
		for _, line := range w.discover(t, d) {
			if strings.Contains(line, "buffercache") || strings.Contains(line, "theirs") {
				t.Errorf("%s is offered", line)
			}
		}
		mustRevoke(t, d, g)
	}, options)
}

// TestLaterTables are part of a repeat, not of what was granted.
func TestLaterTables(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		c := mustGrant(t, d, g)
		w.own(t, w.shop, "CREATE TABLE hr.later (id int)", "CREATE SCHEMA later", "CREATE TABLE later.later (id int)")
		if w.setup == options {
			w.own(t, w.shop, "GRANT ALL ON SCHEMA later TO "+q(w.bot)+" WITH GRANT OPTION", "GRANT ALL ON TABLE hr.later, later.later TO "+q(w.bot)+" WITH GRANT OPTION")
		}
		if err := w.as(t, c, w.shop, "SELECT * FROM hr.later"); state(t, err) != denied {
			t.Errorf("a later table: %v", err)
		}
		if ok, err := d.Check(t.Context(), g); !ok || err != nil {
			t.Errorf("a later table makes Check %t, %v", ok, err)
		}
		c = mustGrant(t, d, g)
		if err := w.as(t, c, w.shop, "SELECT * FROM hr.later, later.later"); err != nil {
			t.Error(err)
		}
		w.own(t, w.shop, "REVOKE CONNECT ON DATABASE "+q(w.shop)+" FROM "+q(field(c, "username"))+" GRANTED BY CURRENT_USER")
		if w.setup == superuser { // the bot's grants are the owner's, so they are gone
			if ok, err := d.Check(t.Context(), g); ok || err != nil {
				t.Errorf("Check without CONNECT = %t, %v", ok, err)
			}
		}
		mustRevoke(t, d, g)
	})
}

// TestCheckGoesByWhatWasChosen and by the second lock.
func TestCheckGoesByWhatWasChosen(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop, "public", "orders"))
		role := q(field(mustGrant(t, d, g), "username"))
		want := func(want bool, what string, g provision.Grant) {
			t.Helper()
			if ok, err := d.Check(t.Context(), g); ok != want || err != nil {
				t.Errorf("%s: Check = %t, %v", what, ok, err)
			}
		}
		want(true, "as granted", g)
		more := g
		more.Items = append(slices.Clone(g.Items), w.item("read_only", w.shop, "public", "secrets"))
		want(false, "with another table", more)
		less := g
		less.Items = []flows.Item{w.item("read_only", w.shop, "public", "secrets")}
		want(false, "with a table for another", less)
		gone := g
		gone.Items = []flows.Item{w.item("read_only", "nosuch_"+w.tag)}
		want(false, "with a database that is gone", gone)
		early, late, never := g, g, g
		early.NotAfter, late.NotAfter, never.NotAfter = g.NotAfter.Add(-time.Minute), g.NotAfter.Add(time.Minute), time.Time{}
		want(true, "with an earlier end", early)
		want(false, "with a later end", late)
		want(false, "without an end", never)
		for _, change := range []struct{ do, undo string }{
			{"ALTER ROLE " + role + " NOLOGIN", "ALTER ROLE " + role + " LOGIN"},
			{"ALTER ROLE " + role + " VALID UNTIL 'infinity'", "ALTER ROLE " + role + " VALID UNTIL '" + g.NotAfter.Format(time.RFC3339) + "'"},
			{"REVOKE SELECT ON orders FROM " + role, "GRANT SELECT ON orders TO " + role},
			{"REVOKE USAGE ON SCHEMA public FROM " + role, "GRANT USAGE ON SCHEMA public TO " + role},
		} {
			w.exec(t, w.shop, change.do)
			want(false, change.do, g)
			w.exec(t, w.shop, change.undo)
			want(true, change.undo, g)
		}
		mustRevoke(t, d, g)
		want(false, "revoked", g)
	}, superuser)
}

// TestIntegrationsOfOneServer do not see each other's grants.
func TestIntegrationsOfOneServer(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		mustGrant(t, d, g)
		name := w.integration
		w.integration = name + "-2"
		second := w.driver(t)
		if ids, err := second.List(t.Context()); err != nil || len(ids) > 0 {
			t.Errorf("List = %q, %v", ids, err)
		}
		w.integration = name
		if ids, err := d.List(t.Context()); err != nil || !slices.Equal(ids, []string{g.ID}) {
			t.Errorf("List = %q, %v", ids, err)
		}
		mustRevoke(t, d, g)
	}, options)
}

// TestOddDatabase has settings and objects that would change the meaning of
// careless statements, and an encoding of its own.
func TestOddDatabase(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		odd := "odd_" + w.tag
		w.exec(t, "postgres", "CREATE DATABASE "+odd+" OWNER "+q(w.owner)+" ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
		t.Cleanup(func() { w.exec(t, "postgres", "DROP DATABASE "+odd+" WITH (FORCE)") })
		w.exec(t, odd, "SET client_encoding = 'UTF8'", "SET ROLE "+q(w.owner),
			`CREATE TABLE public."café's \" (id int)`, "CREATE FUNCTION public.trap(bigint) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE 'trapped'; END$$",
			"CREATE FUNCTION public.pg_advisory_xact_lock(integer) RETURNS text LANGUAGE sql AS 'SELECT public.trap(1)'",
			"CREATE FUNCTION public.trap2(oid, bigint) RETURNS bool LANGUAGE sql AS $$SELECT public.trap(1) = ''$$",
			"CREATE OPERATOR public.= (LEFTARG = oid, RIGHTARG = bigint, FUNCTION = public.trap2)",
			"CREATE FUNCTION public.quote_ident(name) RETURNS text LANGUAGE sql AS 'SELECT public.trap(1)'",
			"CREATE VIEW public.pg_roles AS SELECT public.trap(1) AS rolname", "CREATE VIEW public.pg_shdepend AS SELECT public.trap(1) AS classid")
		for _, set := range []string{
			"search_path = public, pg_catalog", "standard_conforming_strings = off", "default_transaction_read_only = on",
			"default_transaction_isolation = serializable", "DateStyle = 'German, DMY'", "TimeZone = 'Asia/Kolkata'", "statement_timeout = '30s'",
		} {
			w.exec(t, "postgres", "ALTER DATABASE "+odd+" SET "+set)
		}
		table := w.item("read_only", odd, "public", `café's \`)
		d := w.connect(t, strings.Replace(w.botDSN(), "/"+w.shop, "/"+odd, 1), "databases: ["+odd+"]")
		if w.setup == options {
			w.exec(t, odd, "SET transaction_read_only = off", "GRANT CONNECT ON DATABASE "+odd+" TO "+q(w.bot)+" WITH GRANT OPTION",
				"GRANT USAGE ON SCHEMA public TO "+q(w.bot)+" WITH GRANT OPTION",
				"SET client_encoding = 'UTF8'", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO "+q(w.bot)+" WITH GRANT OPTION")
		}
		if h, err := d.Discover(t.Context()); err != nil || !offered(h, table.Unit) {
			t.Errorf("%s is not offered: %v", table.Resource, err)
		}
		g := w.grant(1, table)
		g.ID = `AR-1/'\; 架构 ` + w.tag
		g.NotAfter = time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
		c := mustGrant(t, d, g)
		if got := w.texts(t, "postgres", "SELECT rolvaliduntil::text FROM pg_roles WHERE rolname = $1", field(c, "username")); !slices.Equal(got, []string{"2031-02-03 04:05:06+00"}) {
			t.Errorf("valid until %q", got)
		}
		if ok, err := d.Check(t.Context(), g); !ok || err != nil {
			t.Errorf("Check = %t, %v", ok, err)
		}
		if ids, err := d.List(t.Context()); err != nil || !slices.Equal(ids, []string{g.ID}) {
			t.Errorf("List = %q, %v", ids, err)
		}
		if err := w.as(t, c, odd, `SELECT * FROM public."caf`+"\xe9"+`'s \"`); err != nil {
			t.Error(err)
		}
		mustRevoke(t, d, g)
		if left := w.roles(t); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}, superuser, options)
}

// TestDatabaseIsDroppedDuringALook: the others are listed all the same.
func TestDatabaseIsDroppedDuringALook(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		short := "short_" + w.tag
		w.exec(t, "postgres", "CREATE DATABASE "+short)
		ctx := context.WithoutCancel(t.Context())
		conn := open(t, w.dsn(w.admin.User, short))
		tx, err := conn.Begin(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(ctx, "LOCK TABLE pg_catalog.pg_namespace IN ACCESS EXCLUSIVE MODE"); err != nil {
			t.Fatal(err)
		}
		d := w.connect(t, w.botDSN(), "databases: ["+w.shop+", "+short+"]")
		done := make(chan error, 1)
		var found flows.Holdings
		go func() {
			var err error
			found, err = d.Discover(ctx)
			done <- err
		}()
		w.waiting(t, conn.PgConn().PID())
		w.exec(t, "postgres", "DROP DATABASE "+short+" WITH (FORCE)")
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		names := map[string]bool{}
		for _, r := range found.Resources {
			if r.Type == "database" {
				names[r.Name] = true
			}
		}
		if !names[w.shop] || names[short] {
			t.Errorf("databases: %v", names)
		}
	}, superuser)
}
