package postgresql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/provision"
	"apono/provision/postgresql"
)

// TestWhatPeopleMakeIsKept lets an admin make one of everything.
func TestWhatPeopleMakeIsKept(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("admin", w.shop), w.item("admin", w.other))
		c := mustGrant(t, d, g)
		role := field(c, "username")
		w.run(t, w.personDSN(c, w.shop),
			"CREATE TABLE public.mine (id serial, what text)", "INSERT INTO public.mine (what) VALUES ('kept')",
			"CREATE VIEW public.peep AS SELECT word FROM public.secrets", "GRANT SELECT ON public.peep TO PUBLIC",
			"CREATE TYPE public.mood AS ENUM ('good')", "CREATE DOMAIN public.small AS int CHECK (VALUE < 10)",
			"CREATE FUNCTION public.steal() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT word FROM public.secrets'",
			"CREATE FUNCTION public.add(int, int) RETURNS int LANGUAGE sql AS 'SELECT $1 + $2'",
			"CREATE AGGREGATE public.total(int) (SFUNC = public.add, STYPE = int)",
			"CREATE STATISTICS public.stat ON id, what FROM public.mine", "CREATE TEXT SEARCH DICTIONARY public.dict (TEMPLATE = simple)",
			"CREATE MATERIALIZED VIEW public.copy AS SELECT * FROM public.mine", "CREATE SCHEMA "+q(`m"y schema`),
			"CREATE FUNCTION "+q(`m"y schema`)+".inside() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE TABLE "+q(`m"y schema`)+".inside (id int)",
			"CREATE EXTENSION pg_trgm", "CREATE PUBLICATION news FOR TABLE public.mine", "SELECT lo_create(0)",
			"ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC", "ALTER ROLE CURRENT_USER SET search_path = public",
			"GRANT SELECT ON public.mine TO "+q(w.owner))
		w.run(t, w.personDSN(c, w.other), "CREATE TABLE public.mine (id int)")
		if err := w.as(t, c, w.shop, "SELECT steal()"); err != nil {
			t.Errorf("what the person made does not work: %v", err)
		}

		// What one person makes does not stand in the way of another's grant.
		bob := w.grant(2, w.item("read_only", w.shop))
		cb := mustGrant(t, d, bob)
		if err := w.as(t, cb, w.shop, "SELECT * FROM mine"); err != nil {
			t.Error(err)
		}
		mustRevoke(t, d, g)

		if diff := cmp.Diff([]string{"kept"}, w.texts(t, w.shop, "SELECT what FROM public.mine")); diff != "" {
			t.Errorf("rows (-want +got):\n%s", diff)
		}
		kept := postgresql.KeptName(w.bot)
		for database, want := range map[string]string{w.shop: "17", w.other: "1"} {
			got := w.texts(t, database, `SELECT count(*)::text FROM pg_shdepend, pg_database d WHERE refobjid = $1::regrole AND deptype = 'o'
				AND d.oid = dbid AND datname = current_database()`, kept)
			if diff := cmp.Diff([]string{want}, got); diff != "" {
				t.Errorf("objects kept in %s (-want +got):\n%s", database, diff)
			}
		}
		for _, sql := range []string{"SELECT public.steal()", "SELECT * FROM public.peep"} {
			if err := w.as(t, cb, w.shop, sql); state(t, err) != denied {
				t.Errorf("%s lends the rights of its new owner: %v", sql, err)
			}
		}
		if left := w.texts(t, "postgres", "SELECT rolname::text FROM pg_roles WHERE rolname = $1", role); len(left) > 0 {
			t.Error("the role is still there")
		}
		got := w.rights(t, kept)
		for _, right := range got { // lent for a moment
			if strings.HasPrefix(right, "CREATE") && right != `CREATE schema m"y schema` {
				t.Errorf("the keeper has %s", right)
			}
		}
		mustRevoke(t, d, bob)
		if ok, err := d.Check(t.Context(), g); ok || err != nil {
			t.Errorf("Check = %t, %v", ok, err)
		}
	})
}

// TestKeeperWithRights refuses to hand anything to a role that could do something.
func TestKeeperWithRights(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		kept := postgresql.KeptName(w.bot)
		w.exec(t, "postgres", "CREATE ROLE "+q(kept)+" LOGIN")
		g := w.grant(1, w.item("admin", w.shop))
		c := mustGrant(t, d, g)
		w.run(t, w.personDSN(c, w.shop), "CREATE TABLE public.mine (id int)")
		wantRefused(t, d.Revoke(t.Context(), g), kept)
		if err := w.as(t, c, w.shop, "SELECT 1"); state(t, err) != "28000" && state(t, err) != "28P01" {
			t.Errorf("the access goes on: %v", err)
		}
		w.exec(t, "postgres", "DROP ROLE "+q(kept))
		mustRevoke(t, d, g)
	}, superuser, options)
}

func wantRefused(t *testing.T, err error, about string) {
	t.Helper()
	if provision.KindOf(err) != provision.KindRefused || !strings.Contains(provision.MessageOf(err), about) {
		t.Errorf("%v is no refusal about %s", err, about)
	}
}

// TestForeignRole never touches a role that has our name and not our comment.
func TestForeignRole(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		role := field(mustGrant(t, d, g), "username")
		for _, comment := range []string{"NULL", "'hands off'", `'apono grant "AR-2/x" of integration "x"'`} {
			w.exec(t, "postgres", "COMMENT ON ROLE "+q(role)+" IS "+comment)
			before := w.texts(t, "postgres", "SELECT r::text FROM pg_authid r WHERE rolname = $1", role)
			_, err := d.Grant(t.Context(), g)
			wantRefused(t, err, role)
			_, err = d.Rotate(t.Context(), g)
			wantRefused(t, err, role)
			wantRefused(t, d.Revoke(t.Context(), g), role)
			if ok, err := d.Check(t.Context(), g); ok || err != nil {
				t.Errorf("Check = %t, %v", ok, err)
			}
			if ids, err := d.List(t.Context()); err != nil || len(ids) > 0 {
				t.Errorf("List = %q, %v", ids, err)
			}
			if diff := cmp.Diff(before, w.texts(t, "postgres", "SELECT r::text FROM pg_authid r WHERE rolname = $1", role)); diff != "" {
				t.Errorf("the role was touched:\n%s", diff)
			}
		}
		w.exec(t, "postgres", "COMMENT ON ROLE "+q(role)+` IS 'apono grant "`+g.ID+`" of integration "`+w.integration+`"'`)
		mustRevoke(t, d, g)
	}, superuser, options)
}

// TestOthersGiveMore: what a DBA adds to a person's role is seen, taken back by a
// repeat, and goes with the role.
func TestOthersGiveMore(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		middle := "middle_" + w.tag
		t.Cleanup(func() { w.exec(t, "postgres", "DROP ROLE "+q(middle)) })
		t.Cleanup(func() { w.exec(t, w.shop, "DROP OWNED BY "+q(middle)+" CASCADE") })
		w.exec(t, w.shop, "CREATE ROLE "+q(middle), "GRANT "+q(middle)+" TO "+q(w.bot)+" WITH ADMIN OPTION", "GRANT USAGE ON SCHEMA public TO "+q(middle))
		n := 0
		for name, more := range map[string][]string{
			"table":          {"SET ROLE OWNER", "GRANT SELECT ON public.secrets TO PERSON"},
			"by a middleman": {"GRANT SELECT ON public.secrets TO MIDDLE WITH GRANT OPTION", "SET ROLE MIDDLE", "GRANT SELECT ON public.secrets TO PERSON"},
			"by two":         {"GRANT SELECT ON public.secrets TO MIDDLE WITH GRANT OPTION", "SET ROLE MIDDLE", "GRANT SELECT ON public.secrets TO PERSON", "SET ROLE OWNER", "GRANT SELECT ON public.secrets TO PERSON"},
			"grant option":   {"SET ROLE OWNER", "GRANT SELECT ON public.secrets TO PERSON WITH GRANT OPTION"},
			"schema":         {"SET ROLE OWNER", "GRANT CREATE ON SCHEMA hr TO PERSON"},
			"database":       {"SET ROLE OWNER", "GRANT CREATE ON DATABASE SHOP TO PERSON"},
			"membership":     {"GRANT MIDDLE TO PERSON"},
		} {
			n++
			t.Run(name, func(t *testing.T) { w.othersGive(t, n, name == "membership", middle, more) })
		}
	}, superuser, member)
}

func (w *world) othersGive(t *testing.T, n int, membership bool, middle string, more []string) {
	d := w.driver(t)
	g := w.grant(n, w.item("read_only", w.shop, "public", "orders"))
	role := field(mustGrant(t, d, g), "username")
	names := strings.NewReplacer("MIDDLE", q(middle), "PERSON", q(role), "OWNER", q(w.owner), "SHOP", q(w.shop))
	give := func() {
		for i := range more {
			more[i] = names.Replace(more[i])
		}
		w.exec(t, w.shop, more...)
	}
	give()
	if ok, err := d.Check(t.Context(), g); ok || err != nil {
		t.Errorf("Check = %t, %v", ok, err)
	}
	if membership && w.version != "15" && w.setup != superuser {
		_, err := d.Grant(t.Context(), g) // nobody but its giver and superusers can undo it
		wantRefused(t, err, "revoke privileges granted by")
	} else {
		mustGrant(t, d, g)
		if ok, err := d.Check(t.Context(), g); !ok || err != nil {
			t.Errorf("Check after a repeat = %t, %v", ok, err)
		}
	}
	give()
	mustRevoke(t, d, g)
	if left := w.roles(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestOwnerGivesMore to a person than a bot without the owner's rights can take
// back: it says what, and still lets nobody in.
func TestOwnerGivesMore(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop, "public", "orders"))
		c := mustGrant(t, d, g)
		role := field(c, "username")
		w.own(t, w.shop, "GRANT SELECT ON public.secrets TO "+q(role))
		_, err := d.Grant(t.Context(), g)
		wantRefused(t, err, fmt.Sprintf(`Role %q has SELECT on table "secrets" in schema "public"`, role))
		err = d.Revoke(t.Context(), g)
		wantRefused(t, err, fmt.Sprintf("Nobody can log in as role %q", role))
		wantRefused(t, err, "privileges for table public.secrets")
		if err := w.as(t, c, w.shop, "SELECT 1"); state(t, err) != "28P01" {
			t.Errorf("login: %v", err)
		}
		w.own(t, w.shop, "REVOKE SELECT ON public.secrets FROM "+q(role))
		mustRevoke(t, d, g)
	}, options)
}

// TestRightsInSeveralHands: one GRANT is by one giver, and the server says no more
// than a warning if that one lacks a part.
func TestRightsInSeveralHands(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		hand := "hand_" + w.tag
		t.Cleanup(func() { w.exec(t, "postgres", "DROP ROLE "+hand) })
		t.Cleanup(func() { w.exec(t, w.shop, "DROP OWNED BY "+hand+" CASCADE") })
		w.exec(t, w.shop, "CREATE ROLE "+hand, "GRANT "+hand+" TO "+q(w.bot), "GRANT ALL ON public.orders TO "+hand+" WITH GRANT OPTION",
			"SET ROLE "+q(w.owner), "REVOKE GRANT OPTION FOR DELETE ON public.orders FROM "+q(w.bot))
		w.own(t, w.shop, "REVOKE GRANT OPTION FOR INSERT ON public.orders FROM "+hand)
		d := w.driver(t)
		g := w.grant(1, w.item("read_write", w.shop, "public", "orders"))
		_, err := d.Grant(t.Context(), g)
		wantRefused(t, err, `on table "orders" in schema "public"`)
		mustRevoke(t, d, g)
	}, options)
}

// TestRaisedRole: the bot does not go on with a role that somebody made powerful.
func TestRaisedRole(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		role := field(mustGrant(t, d, g), "username")
		w.exec(t, "postgres", "ALTER ROLE "+q(role)+" BYPASSRLS")
		if ok, err := d.Check(t.Context(), g); ok || err != nil {
			t.Errorf("Check = %t, %v", ok, err)
		}
		_, err := d.Grant(t.Context(), g)
		wantRefused(t, err, role)
		mustRevoke(t, d, g)
	}, superuser, options)
}

// TestAnotherBot takes over while a grant is live.
func TestAnotherBot(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		g := w.grant(1, w.item("admin", w.shop), w.item("read_only", w.other))
		c := mustGrant(t, w.driver(t), g)
		w.run(t, w.personDSN(c, w.shop), "CREATE TABLE public.mine (id int)", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'")
		former := w.bot
		w.bot = "next_" + w.tag
		t.Cleanup(func() { w.exec(t, "postgres", "DROP ROLE IF EXISTS "+q(former)) })
		t.Cleanup(func() { w.drop(t); w.bot = former })
		w.exec(t, "postgres", "CREATE ROLE "+q(w.bot)+" LOGIN CREATEROLE PASSWORD '"+strings.ReplaceAll(botPassword, "'", "''")+"'")
		if w.setup == superuser {
			w.exec(t, "postgres", "ALTER ROLE "+q(w.bot)+" SUPERUSER")
		} else {
			w.exec(t, "postgres", "GRANT "+q(former)+" TO "+q(w.bot))
		}
		d := w.driver(t)
		if ok, err := d.Check(t.Context(), g); !ok || err != nil {
			t.Errorf("Check = %t, %v", ok, err)
		}
		mustGrant(t, d, g)
		mustRevoke(t, d, g)
		if left := w.roles(t); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	})
}

// TestSuperuserAfterOptions: grants that a bot gave by grant option are not the
// owner's, so a superuser's REVOKE alone would not find them.
func TestSuperuserAfterOptions(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		g := w.grant(1, w.item("read_write", w.shop), w.item("read_only", w.other))
		mustGrant(t, w.driver(t), g)
		w.exec(t, "postgres", "ALTER ROLE "+q(w.bot)+" SUPERUSER")
		mustRevoke(t, w.driver(t), g)
		if left := w.roles(t); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}, options)
}

// TestSomethingElseHangsOnTheRole: an end that cannot be cleaned up says so, and
// lets nobody in.
func TestSomethingElseHangsOnTheRole(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("admin", w.shop), w.item("admin", w.other))
		c := mustGrant(t, d, g)
		w.run(t, w.personDSN(c, w.other), "CREATE TABLE public.mine (id int)")
		w.exec(t, "postgres", "ALTER DATABASE "+q(w.other)+" ALLOW_CONNECTIONS false")
		err := d.Revoke(t.Context(), g)
		wantRefused(t, err, "Nobody can log in as role "+fmt.Sprintf("%q", field(c, "username")))
		if err := w.as(t, c, w.shop, "SELECT 1"); err == nil {
			t.Error("the person can still log in")
		}
		w.exec(t, "postgres", "ALTER DATABASE "+q(w.other)+" ALLOW_CONNECTIONS true")
		mustRevoke(t, d, g)

		// A database that is gone takes with it all that was in it.
		g = w.grant(2, w.item("admin", w.shop), w.item("admin", w.other))
		mustGrant(t, d, g)
		w.mu.Lock()
		if conn := w.conns[w.other]; conn != nil {
			_ = conn.Close(context.WithoutCancel(t.Context()))
		}
		w.mu.Unlock()
		w.exec(t, "postgres", "DROP DATABASE "+q(w.other)+" WITH (FORCE)")
		if ok, err := d.Check(t.Context(), g); ok || err != nil {
			t.Errorf("Check = %t, %v", ok, err)
		}
		mustRevoke(t, d, g)
	})
}
