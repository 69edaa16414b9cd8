package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

func init() {
	processStories["a login at PostgreSQL 15"] = processLogin
	processStories["killed while a login exists at PostgreSQL 18"] = processKilledWithLogin
	processStories["PostgreSQL cannot be reached"] = processUnreachable
}

var databases atomic.Int64 // that were made

// server gives the story a database of its own at a real server.
func (w *town) server(version int) *pgx.Conn {
	w.t.Helper()
	name := fmt.Sprintf("APONO_TEST_PG%d_DSN", version)
	dsn := os.Getenv(name)
	if dsn == "" {
		w.t.Fatalf("%s is not set: run the tests with `make test` or `scripts/services run go test …`", name)
	}
	ctx := context.WithoutCancel(w.ctx)
	conn, err := pgx.Connect(ctx, dsn)
	w.must(err)
	database := fmt.Sprintf("apono_process_%d_%d", os.Getpid(), databases.Add(1))
	_, err = conn.Exec(ctx, "CREATE DATABASE "+database)
	w.must(err)
	w.t.Cleanup(func() {
		if _, err := conn.Exec(ctx, "DROP DATABASE "+database+" WITH (FORCE)"); err != nil {
			w.t.Error(err)
		}
		_ = conn.Close(ctx)
	})
	u, err := url.Parse(dsn)
	w.must(err)
	u.Path = "/" + database
	w.withPostgres(u.String())
	return conn
}

// withPostgres adds the database to the configuration.
func (w *town) withPostgres(dsn string) {
	w.t.Helper()
	w.pgDSN = dsn
	// All stories share the servers, and each would tell of the others' roles.
	w.env = append(w.env, "DEMO_PG_DSN="+dsn, "BOT_SYNC_DRIFT_INTERVAL=0")
	w.change("\nbundles:", demoPostgresIntegration+"\nbundles:")
	text, err := os.ReadFile(w.configPath())
	w.must(err)
	w.configure(string(text)+demoPostgresFlow, "grant_duration: ${DEMO_DURATION}", lasting)
}

// account has Alice ask for the database, Bob approve, and gives what she logs in with.
func (w *town) account() (login *pgx.ConnConfig, ends time.Time) {
	w.t.Helper()
	login, err := pgx.ParseConfig(w.pgDSN)
	w.must(err)
	w.must(w.askDatabase(w.ws.As(slackAlice), login.Database))
	card, err := w.message(w.ws.As(slackBob), "Access request AR-1", "postgres", "Approve")
	w.must(err)
	w.must(w.ws.As(slackBob).Click(w.ctx, card, "Approve"))
	got, err := w.credentials(w.ws.As(slackAlice), "postgres")
	w.must(err)
	login.User, login.Password = firstOf(got, "username", "user"), firstOf(got, "password")
	if err := w.login(login); err != nil {
		w.t.Fatalf("the login does not work during the grant: %v", err)
	}
	ev, ok := w.fact("AR-1", flows.FactGranted)
	if !ok {
		w.t.Fatal("there is no audit event of the grant")
	}
	return login, ev.Fact.EndsAt
}

// refused waits until the login is refused.
func (w *town) refused(login *pgx.ConnConfig, ends time.Time) {
	w.t.Helper()
	w.soon("the login is refused", func() bool { return w.login(login) != nil })
	if got := time.Now(); got.Sub(ends) > late || got.Before(ends) {
		w.t.Errorf("the access ended at %s and was refused at %s", ends, got)
	}
}

func (w *town) gone(admin *pgx.Conn, role string) {
	w.t.Helper()
	w.soon("the role is gone", func() bool {
		var n int
		w.must(admin.QueryRow(w.ctx, "SELECT count(*) FROM pg_roles WHERE rolname = $1", role).Scan(&n))
		return n == 0
	})
}

func processLogin(t *testing.T, w *town) {
	admin := w.server(15)
	p := w.start().ready()
	login, ends := w.account()
	session, err := pgx.ConnectConfig(w.ctx, login)
	w.must(err)
	defer session.Close(context.WithoutCancel(w.ctx))
	w.refused(login, ends)
	w.gone(admin, login.User)
	if err := session.Ping(w.ctx); err == nil {
		t.Error("a session outlives its role")
	}
	if strings.Contains(p.log.String(), login.Password) {
		t.Error("the log holds the password")
	}
	w.finish(p, "AR-1")
}

func processKilledWithLogin(t *testing.T, w *town) {
	admin := w.server(18)
	p := w.start().ready()
	login, ends := w.account()
	p.kill()
	var until time.Time
	w.must(admin.QueryRow(w.ctx, "SELECT rolvaliduntil FROM pg_roles WHERE rolname = $1", login.User).Scan(&until))
	if late := until.Sub(ends); late < 0 || late > 5*time.Minute {
		t.Errorf("the server itself ends the login %s after its time", late)
	}
	time.Sleep(time.Until(ends))
	w.ws.Faults().Outage(slacksim.Refuse, time.Hour) // nobody can click yet
	p = w.start()
	w.gone(admin, login.User)
	w.ws.Faults().Outage(slacksim.Refuse, 0)
	w.finish(p.ready(), "AR-1")
}

func processUnreachable(t *testing.T, w *town) {
	const password = "correct-horse-battery"
	w.withPostgres("postgres://bot:" + password + "@127.0.0.1:1/postgres?connect_timeout=1")
	p := w.start().ready()
	w.soon("the log names the integration and the host", func() bool {
		for line := range strings.Lines(p.log.String()) {
			if strings.Contains(line, `"integration":"postgres"`) && strings.Contains(line, "127.0.0.1") {
				return true
			}
		}
		return false
	})
	if m := p.metrics(); !strings.Contains(m, `apono_integration_up{integration="postgres"} 0`) || !strings.Contains(m, `apono_integration_up{integration="support-desk"} 1`) {
		t.Errorf("the metrics do not tell the two integrations apart:\n%s", m)
	}
	if _, body := p.get("/readyz"); !strings.Contains(body, `"postgres"`) || strings.Contains(body, "support-desk") {
		t.Errorf("readyz does not name what cannot be read: %s", body)
	}
	w.shut(w.granted("AR-1")) // the rest goes on
	w.finish(p, "AR-1")
	if out := p.log.String() + w.bot(exitOK, "audit", "export", "--format", "jsonl"); strings.Contains(out, password) {
		t.Error("a log or the audit trail holds the password")
	}
}
