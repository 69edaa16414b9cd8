package postgresql_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgconn"

	"apono/flows"
	"apono/provision"
)

// state is the SQLSTATE of an error; empty for nil.
func state(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	t.Fatalf("not an error of the server: %v", err)
	return ""
}

const denied = "42501"

func TestBeforeDuringAfter(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(12, w.item("read_only", w.shop, "public", "orders"))
		c := mustGrant(t, d, g)
		role := field(c, "username")
		if !strings.HasPrefix(role, "apono_ar12_alice12_") || len(role) > 63 {
			t.Errorf("role %q", role)
		}
		session := open(t, w.personDSN(c, w.shop))
		var what string
		if err := session.QueryRow(t.Context(), "SELECT what FROM orders").Scan(&what); err != nil || what != "tea" {
			t.Errorf("read %q, %v", what, err)
		}
		for _, sql := range []string{
			"INSERT INTO orders (what) VALUES ('x')", "UPDATE orders SET what = 'x'", "DELETE FROM orders", "TRUNCATE orders",
			"SELECT * FROM secrets", "SELECT * FROM hr.people", "CREATE TABLE mine (id int)", "CREATE SCHEMA mine",
			"CREATE TEMPORARY TABLE mine (id int)", "CREATE ROLE friend", "ALTER ROLE " + role + " VALID UNTIL 'infinity'",
			"SET ROLE " + w.owner, "SELECT rolpassword FROM pg_authid", "COMMENT ON ROLE " + role + " IS 'mine'",
		} {
			if _, err := session.Exec(t.Context(), sql); state(t, err) != denied {
				t.Errorf("%s: %v", sql, err)
			}
		}
		if err := w.as(t, c, w.other, "SELECT 1"); state(t, err) != denied {
			t.Errorf("another database: %v", err)
		}
		mustRevoke(t, d, g)
		if _, err := session.Exec(t.Context(), "SELECT 1"); err == nil || !session.IsClosed() {
			t.Errorf("the live session goes on: %v", err)
		}
		if err := w.as(t, c, w.shop, "SELECT 1"); state(t, err) != "28P01" {
			t.Errorf("login after the end: %v", err)
		}
		if left := w.texts(t, "postgres", "SELECT rolname::text FROM pg_roles WHERE rolname = $1", role); len(left) > 0 {
			t.Error("the role is still there")
		}
	})
}

func TestLevels(t *testing.T) {
	type act struct {
		sql     string
		allowed string // the permissions with which it works
	}
	const all, write, adm = "read_only read_write admin", "read_write admin", "admin"
	table := []act{
		{"SELECT * FROM public.orders", all},
		{"INSERT INTO public.orders (what) VALUES ('cake')", write}, // draws on a sequence
		{"UPDATE public.orders SET what = 'x' WHERE id = 1", write},
		{"DELETE FROM public.orders WHERE id = 1", write},
		{"TRUNCATE public.orders", adm},
		{"CREATE TRIGGER t BEFORE INSERT ON public.orders FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()", ""},
		{"ALTER TABLE public.orders ADD COLUMN more int", ""},
		{"DROP TABLE public.orders", ""},
		{"ALTER TABLE public.orders OWNER TO CURRENT_USER", ""},
	}
	schema := append(slices.Clone(table),
		act{"SELECT * FROM public.secrets", all}, act{"SELECT * FROM public.big_orders", all}, act{"SELECT * FROM public.old_orders", all},
		act{"SELECT * FROM public.events_2026", all}, act{"INSERT INTO public.events VALUES ('2026-02-03')", write},
		act{"SELECT last_value FROM public.orders_id_seq", all}, act{"SELECT nextval('public.orders_id_seq')", write},
		act{"SELECT setval('public.orders_id_seq', 1000)", adm}, act{"CREATE TABLE public.mine (id int)", adm}, act{"DROP SCHEMA public CASCADE", ""})
	database := append(slices.Clone(schema),
		act{"SELECT * FROM hr.people", all}, act{"INSERT INTO hr.people (name) VALUES ('Bob')", write},
		act{"CREATE TEMPORARY TABLE mine (id int)", adm}, act{"CREATE SCHEMA mine", adm}, act{"CREATE TABLE hr.mine (id int)", adm})
	no := func(sql ...string) []act {
		var out []act
		for _, s := range sql {
			out = append(out, act{s, ""})
		}
		return out
	}
	levels := map[string]struct {
		path []string
		acts []act
	}{
		"table":    {[]string{"public", "orders"}, append(table, no("SELECT * FROM public.secrets", "SELECT * FROM hr.people", "CREATE TABLE public.mine (id int)", "CREATE SCHEMA mine")...)},
		"schema":   {[]string{"public"}, append(schema, no("SELECT * FROM hr.people", "CREATE SCHEMA mine")...)},
		"database": {nil, database},
	}
	everywhere(t, func(t *testing.T, w *world) {
		d, n := w.driver(t), 0
		for name, tt := range levels {
			for _, permission := range []string{"read_only", "read_write", "admin"} {
				n++
				g := w.grant(n, w.item(permission, append([]string{w.shop}, tt.path...)...))
				session := open(t, w.personDSN(mustGrant(t, d, g), w.shop))
				for _, a := range tt.acts {
					want := denied
					if slices.Contains(strings.Fields(a.allowed), permission) {
						want = ""
					}
					tx, err := session.Begin(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					if _, err := tx.Exec(t.Context(), a.sql); state(t, err) != want {
						t.Errorf("%s on a %s: %s: %v, want %q", permission, name, a.sql, err, want)
					}
					_ = tx.Rollback(t.Context())
				}
				mustRevoke(t, d, g)
			}
		}
	})
}

func TestMaintainFromVersion17(t *testing.T) {
	w := newWorld(t, "18", options)
	d := w.driver(t)
	g := w.grant(1, w.item("admin", w.shop, "public", "old_orders"))
	c := mustGrant(t, d, g)
	if err := w.as(t, c, w.shop, "REFRESH MATERIALIZED VIEW old_orders"); err != nil {
		t.Error(err)
	}
	mustRevoke(t, d, g)
}

func TestValidUntil(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		g.NotAfter = time.Now().Add(-time.Second)
		c := mustGrant(t, d, g)
		if err := w.as(t, c, w.shop, "SELECT 1"); state(t, err) != "28P01" {
			t.Errorf("login after NotAfter: %v", err)
		}
		g.NotAfter = time.Time{}
		c = mustGrant(t, d, g)
		if err := w.as(t, c, w.shop, "SELECT 1"); err != nil {
			t.Errorf("login without an end: %v", err)
		}
		until := func() []string {
			return w.texts(t, "postgres", "SELECT rolvaliduntil::text FROM pg_roles WHERE rolname = $1", field(c, "username"))
		}
		if diff := cmp.Diff([]string{"infinity"}, until()); diff != "" {
			t.Error(diff)
		}
		g.NotAfter = time.Date(2031, 2, 3, 4, 5, 6, 789123456, time.FixedZone("", 3600))
		mustGrant(t, d, g)
		if diff := cmp.Diff([]string{"2031-02-03 03:05:06.789123+00"}, until()); diff != "" {
			t.Error(diff)
		}
		for _, year := range []int{2033, 2030} { // later, and earlier than was thought at first
			g.NotAfter = time.Date(year, 2, 3, 4, 5, 6, 0, time.UTC)
			if err := d.Extend(t.Context(), g); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{fmt.Sprintf("%d-02-03 04:05:06+00", year)}, until()); diff != "" {
				t.Error(diff)
			}
		}
		if !d.ExpiresNatively() {
			t.Error("the second lock is not told of")
		}
		mustRevoke(t, d, g)
	}, options)
}

// TestNoPasswordInTheServersLog reads the log of a server that logs every statement.
func TestNoPasswordInTheServersLog(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		file, err := os.Open(w.log)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() })
		if _, err := file.Seek(0, io.SeekEnd); err != nil {
			t.Fatal(err)
		}
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		first := mustGrant(t, d, g)
		second, err := d.Rotate(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []provision.Credentials{first, second} {
			_ = w.as(t, c, w.shop, "SELECT 1")
		}
		mustRevoke(t, d, g)
		log, err := io.ReadAll(file) // what came since
		if err != nil {
			t.Fatal(err)
		}
		if set := `ALTER ROLE "` + field(first, "username") + `" LOGIN PASSWORD 'SCRAM-SHA-256$4096:`; strings.Count(string(log), set) != 2 {
			t.Errorf("%s is not in the log twice: is it the right log?", set)
		}
		for _, c := range []provision.Credentials{first, second} {
			if len(field(c, "password")) < 26 || strings.Contains(string(log), field(c, "password")) {
				t.Error("the clear password is in the server's log")
			}
		}
	}, superuser, options)
}

func TestManyPeopleAtTheSameTime(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		grants := make([]provision.Grant, 20)
		credentials := make([]provision.Credentials, len(grants))
		for n := range grants {
			grants[n] = w.grant(n, w.item("read_write", w.shop), w.item("read_only", w.other))
		}
		each := func(act func(n int) error) {
			var wg sync.WaitGroup
			for n := range grants {
				wg.Go(func() {
					if err := act(n); err != nil {
						t.Errorf("%s: %v", grants[n].ID, err)
					}
				})
			}
			wg.Wait()
		}
		each(func(n int) (err error) { credentials[n], err = d.Grant(t.Context(), grants[n]); return err })
		for n := range grants {
			if err := w.as(t, credentials[n], w.shop, fmt.Sprintf("INSERT INTO orders (what) VALUES ('%d')", n)); err != nil {
				t.Errorf("%d: %v", n, err)
			}
		}
		ids, err := d.List(t.Context())
		if err != nil || len(ids) != len(grants) {
			t.Errorf("%d ids, %v", len(ids), err)
		}
		each(func(n int) error { return d.Revoke(t.Context(), grants[n]) })
		if left := w.roles(t); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}, options)
}

// TestOtherItems gives a grant again with other items, as when a standing grant
// follows its flow.
func TestOtherItems(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("admin", w.shop), w.item("read_write", w.other))
		mustGrant(t, d, g)
		g.Items = []flows.Item{w.item("read_only", w.shop, "public", "orders")}
		c := mustGrant(t, d, g)
		want := []string{"CONNECT database " + w.shop, "SELECT table orders", "USAGE schema public"}
		if diff := cmp.Diff(want, w.rights(t, field(c, "username"))); diff != "" {
			t.Errorf("rights (-want +got):\n%s", diff)
		}
		if ok, err := d.Check(t.Context(), g); !ok || err != nil {
			t.Errorf("Check = %t, %v", ok, err)
		}
		mustRevoke(t, d, g)
	})
}

// rights of a role in both databases, as the catalog has them.
func (w *world) rights(t *testing.T, role string) []string {
	t.Helper()
	var out []string
	for _, database := range []string{w.shop, w.other} {
		out = append(out, w.texts(t, database, `
			SELECT a.privilege_type || ' database ' || datname FROM pg_database, aclexplode(datacl) a
				WHERE a.grantee = $1::regrole AND datname = current_database()
			UNION ALL SELECT a.privilege_type || ' schema ' || nspname FROM pg_namespace, aclexplode(nspacl) a WHERE a.grantee = $1::regrole
			UNION ALL SELECT a.privilege_type || ' table ' || relname FROM pg_class, aclexplode(relacl) a WHERE a.grantee = $1::regrole`, role)...)
	}
	slices.Sort(out)
	return out
}

func TestRotateKeepsSessions(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop))
		session := open(t, w.personDSN(mustGrant(t, d, g), w.shop))
		g.NotAfter = g.NotAfter.Add(time.Hour)
		if _, err := d.Rotate(t.Context(), g); err != nil {
			t.Fatal(err)
		}
		if _, err := session.Exec(t.Context(), "SELECT * FROM orders"); err != nil {
			t.Errorf("the live session ended: %v", err)
		}
		if ok, err := d.Check(t.Context(), g); !ok || err != nil {
			t.Errorf("Check with the later end = %t, %v", ok, err)
		}
		mustRevoke(t, d, g)
	}, options)
}

// TestBusySession cuts a session in the middle of a statement and a transaction.
func TestBusySession(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_write", w.shop))
		c := mustGrant(t, d, g)
		session := open(t, w.personDSN(c, w.shop))
		if _, err := session.Exec(t.Context(), "BEGIN; UPDATE orders SET what = 'stolen'"); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() {
			_, err := session.Exec(context.WithoutCancel(t.Context()), "SELECT pg_sleep(600)")
			ended <- err
		}()
		w.await(t, "SELECT 'sleeps' FROM pg_stat_activity WHERE usename = $1 AND wait_event = 'PgSleep'", field(c, "username"))
		mustRevoke(t, d, g)
		if err := <-ended; state(t, err) != "57P01" {
			t.Errorf("the statement ended with %v", err)
		}
		if diff := cmp.Diff([]string{"tea"}, w.texts(t, w.shop, "SELECT what FROM orders")); diff != "" {
			t.Error(diff)
		}
	}, options)
}

// await asks until there is an answer.
func (w *world) await(t *testing.T, sql string, args ...any) []string {
	t.Helper()
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if got := w.texts(t, "postgres", sql, args...); len(got) > 0 {
			return got
		}
	}
	t.Fatalf("nothing came of %s", sql)
	return nil
}
