package postgresql_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"apono/provision"
	"apono/provision/postgresql"
)

// stops are places in a call at which it can be held from outside: each starts a
// transaction that the call has to wait for.
var stops = map[string]struct{ database, hold string }{
	"before the first write":    {"shop", "SELECT pg_advisory_xact_lock($1)"},
	"before the other database": {"other", "SELECT pg_advisory_xact_lock($1)"},
	"in the other database":     {"other", "GRANT SELECT ON plain TO pg_monitor"},
	"in the bot's own database": {"shop", "GRANT SELECT ON orders TO pg_monitor"},
}

// hold starts one. The call's statement then waits for what holder, a process of the server, locks.
func (w *world) hold(t *testing.T, stop string) (holder uint32, release func()) {
	t.Helper()
	s := stops[stop]
	conn := open(t, w.dsn(w.admin.User, strings.NewReplacer("shop", w.shop, "other", w.other).Replace(s.database)))
	ctx := context.WithoutCancel(t.Context())
	tx, err := conn.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var args []any
	if strings.Contains(s.hold, "$1") {
		args = []any{postgresql.LockKey}
	}
	if _, err := tx.Exec(ctx, s.hold, args...); err != nil {
		t.Fatal(err)
	}
	return conn.PgConn().PID(), func() { _ = tx.Rollback(ctx) }
}

// waiting is the process id of the bot's session that waits for the holder of a lock. It may wait a moment for others
// before, since tests share the server's catalog.
func (w *world) waiting(t *testing.T, holder uint32) string {
	t.Helper()
	return w.await(t, "SELECT pid::text FROM pg_stat_activity WHERE usename = $1 AND $2::int = ANY (pg_blocking_pids(pid))", w.bot, holder)[0]
}

// broken breaks a call at a stop, in one of two ways, and returns its error.
func (w *world) broken(t *testing.T, stop, way string, act func(context.Context) error) error {
	t.Helper()
	holder, release := w.hold(t, stop)
	defer release()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- act(ctx) }()
	pid := w.waiting(t, holder)
	if way == "cancelled" {
		cancel()
	} else {
		w.texts(t, "postgres", "SELECT pg_terminate_backend("+pid+", 5000)::text")
	}
	return <-done
}

func TestBrokenGrant(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d, n := w.driver(t), 0
		for stop := range stops {
			for _, way := range []string{"cancelled", "killed"} {
				for _, next := range []string{"repeat", "revoke"} {
					n++
					t.Run(way+" "+stop+", then "+next, func(t *testing.T) { w.brokenGrant(t, d, n, stop, way, next) })
				}
			}
		}
	}, options)
}

func (w *world) brokenGrant(t *testing.T, d driver, n int, stop, way, next string) {
	g := w.grant(n, w.item("read_write", w.shop), w.item("read_only", w.other))
	err := w.broken(t, stop, way, func(ctx context.Context) error { _, err := d.Grant(ctx, g); return err })
	if err == nil || provision.KindOf(err) == provision.KindRefused {
		t.Errorf("the broken call ended with %v", err)
	}
	for _, role := range w.roles(t) {
		if logins := w.texts(t, "postgres", "SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND rolname = $1", role); len(logins) > 0 {
			t.Error("somebody can log in to half a grant")
		}
	}
	if ok, err := d.Check(t.Context(), g); ok || err != nil {
		t.Errorf("Check = %t, %v", ok, err)
	}
	if next == "repeat" {
		c := mustGrant(t, d, g)
		if !w.holds(t, g) || w.as(t, c, w.shop, "SELECT * FROM orders") != nil || w.as(t, c, w.other, "SELECT * FROM plain") != nil {
			t.Error("the repeat did not bring the access")
		}
	}
	mustRevoke(t, d, g)
	if left := w.roles(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestBrokenRevoke(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d, n := w.driver(t), 0
		for stop := range stops {
			for _, way := range []string{"cancelled", "killed"} {
				n++
				t.Run(way+" "+stop, func(t *testing.T) { w.brokenRevoke(t, d, n, stop, way) })
			}
		}
	}, options)
}

func (w *world) brokenRevoke(t *testing.T, d driver, n int, stop, way string) {
	g := w.grant(n, w.item("admin", w.shop), w.item("admin", w.other))
	c := mustGrant(t, d, g)
	table := fmt.Sprintf("public.mine%d", n)
	w.run(t, w.personDSN(c, w.other), "CREATE TABLE "+table+" (what text)", "INSERT INTO "+table+" VALUES ('kept')")
	if err := w.broken(t, stop, way, func(ctx context.Context) error { return d.Revoke(ctx, g) }); err == nil {
		t.Error("the broken call ended well")
	}
	if stop != "before the first write" && w.as(t, c, w.shop, "SELECT 1") == nil {
		t.Error("the person can still log in")
	}
	mustRevoke(t, d, g)
	if got := w.texts(t, w.other, "SELECT what FROM "+table); len(got) != 1 {
		t.Errorf("what the person made is %q", got)
	}
	if left := w.roles(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestSomebodyElseGrants at the same time on the same table: the server then
// fails one of the two with an error that has no code of its own.
func TestSomebodyElseGrants(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop, "public", "orders"))
		conn := open(t, w.dsn(w.admin.User, w.shop))
		tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), "GRANT SELECT ON orders TO pg_monitor"); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { _, err := d.Grant(context.WithoutCancel(t.Context()), g); done <- err }()
		w.waiting(t, conn.PgConn().PID())
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		mustRevoke(t, d, g)
	}, options)
}

// TestRevokedMeanwhile: a grant does not finish what was ended while it ran.
func TestRevokedMeanwhile(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		g := w.grant(1, w.item("read_only", w.shop), w.item("read_only", w.other))
		holder, release := w.hold(t, "before the other database")
		done := make(chan error, 1)
		go func() { _, err := d.Grant(context.WithoutCancel(t.Context()), g); done <- err }()
		w.waiting(t, holder)
		mustRevoke(t, w.driver(t), g)
		release()
		if err := <-done; provision.KindOf(err) != provision.KindRetry {
			t.Errorf("the grant ended with %v", err)
		}
		if left := w.roles(t); len(left) > 0 {
			t.Errorf("left: %q", left)
		}
	}, options)
}
