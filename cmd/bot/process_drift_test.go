package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func init() { processStories["orphans at PostgreSQL 18"] = processOrphans }

// processOrphans: a role that somebody made by hand in the bot's name, a bot that was
// restored from a backup, a server that was restored from its own, and a role that
// somebody took out of the bot's hands. Other stories use the server meanwhile, under the
// same name of an integration: what is theirs is an orphan here, and stays.
func processOrphans(t *testing.T, w *town) {
	admin := w.server(18)
	w.change(lasting, "grant_duration: 10m")
	w.env = append(w.env, "BOT_SYNC_DRIFT_INTERVAL=1s")
	p := w.start().ready()
	do := func(sql string) {
		t.Helper()
		_, err := admin.Exec(w.ctx, sql)
		w.must(err)
	}
	comment := func(role string) (text string) {
		t.Helper()
		w.must(admin.QueryRow(w.ctx, "SELECT coalesce(shobj_description(oid, 'pg_authid'), '') FROM pg_roles WHERE rolname = $1", role).Scan(&text))
		return text
	}
	exists := func(role string) (found bool) {
		t.Helper()
		w.must(admin.QueryRow(w.ctx, "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role).Scan(&found))
		return found
	}
	tells := func(what string) {
		t.Helper()
		w.soon("the audit channel is told: "+what, func() bool { return w.said(what) > 0 })
	}

	// By hand: one that claims to be a grant, and one that only looks like it.
	stamp := fmt.Sprintf("hand%d", os.Getpid())
	byHand, innocent := "apono_ar99_bob_"+stamp, "apono_ar98_bob_"+stamp
	do("CREATE ROLE " + innocent)
	do("CREATE ROLE " + byHand)
	do("COMMENT ON ROLE " + byHand + " IS 'apono grant \"AR-99." + stamp + "/postgres\" of integration \"postgres\"'")
	t.Cleanup(func() {
		for _, role := range []string{byHand, innocent} {
			if _, err := admin.Exec(context.WithoutCancel(w.ctx), "DROP ROLE "+role); err != nil {
				t.Error(err)
			}
		}
	})
	tells("AR-99." + stamp + "/postgres: the bot has no record of it")
	w.soon("it is counted", func() bool {
		m := p.metrics()
		return strings.Contains(m, `apono_orphans{integration="postgres"}`) && !strings.Contains(m, `apono_orphans{integration="postgres"} 0`)
	})

	// The bot is restored from a backup: of what it granted since, it says so.
	backup := filepath.Join(w.dir, "backup.db")
	w.bot(exitOK, "db", "backup", backup)
	login, _ := w.account()
	lost := grantOfComment(t, comment(login.User))
	p.terminate()
	w.bot(exitOK, "db", "restore", backup)
	p = w.start().ready()
	tells(lost + ": the bot has no record of it")
	if err := w.login(login); err != nil {
		t.Errorf("the bot cut what it does not know: %v", err)
	}

	// A grant whose role was taken out of the bot's hands is missing; then it is there.
	w.must(w.askDatabase(w.ws.As(slackAlice), login.Database))
	card, err := w.message(w.ws.As(slackBob), "Access request AR-2", "Approve")
	w.must(err)
	w.must(w.ws.As(slackBob).Click(w.ctx, card, "Approve"))
	card, err = w.message(w.ws.As(slackAlice), "AR-2 granted", "End access")
	w.must(err)
	var role string
	w.must(admin.QueryRow(w.ctx, `SELECT r.rolname::text FROM pg_shdepend s JOIN pg_roles r ON r.oid = s.refobjid
		JOIN pg_database d ON d.oid = s.objid AND s.classid = 'pg_database'::regclass
		WHERE d.datname = $1 AND r.rolname LIKE 'apono\_ar2\_%'`, login.Database).Scan(&role))
	said := comment(role)
	id := grantOfComment(t, said)
	do("COMMENT ON ROLE " + role + " IS NULL")
	tells("does not hold access that is live: " + id)
	do("COMMENT ON ROLE " + role + " IS '" + said + "'")
	tells("agree again about " + id)

	// The server is restored from its own backup: what ended is there again, and is
	// taken back, since the bot's record proves it.
	w.must(w.ws.As(slackAlice).Click(w.ctx, card, "End access"))
	w.gone(admin, role)
	do("CREATE ROLE " + role + " LOGIN")
	do("COMMENT ON ROLE " + role + " IS '" + said + "'")
	tells(id + ": the access of Alice is over; the bot takes it back now")
	w.gone(admin, role)

	if !exists(innocent) || !exists(byHand) || !exists(login.User) {
		t.Error("the bot dropped what it cannot prove to be its own and over")
	}
	if n := w.said("AR-99." + stamp + "/postgres: the bot has no record of it"); n != 1 {
		t.Errorf("told %d times", n)
	}
	do("ALTER ROLE " + login.User + " NOLOGIN")
	dropWith(t, w, login)
	do("DROP ROLE " + login.User)
	p.terminate()
	w.peace()
}

// grantOfComment is the id in the comment on a role.
func grantOfComment(t *testing.T, comment string) string {
	t.Helper()
	_, rest, ok := strings.Cut(comment, `apono grant "`)
	id, _, closed := strings.Cut(rest, `"`)
	if !ok || !closed {
		t.Fatalf("the role has the comment %q", comment)
	}
	return id
}

// dropWith takes what the role has in the database of its login.
func dropWith(t *testing.T, w *town, login *pgx.ConnConfig) {
	t.Helper()
	c, err := pgx.ParseConfig(w.pgDSN)
	w.must(err)
	c.Database = login.Database
	ctx, cancel := context.WithTimeout(w.ctx, time.Minute)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c)
	w.must(err)
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "DROP OWNED BY "+login.User)
	w.must(err)
}
