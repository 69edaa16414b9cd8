package main

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func init() { processStories["a session at PostgreSQL 18 lives through an extension"] = processExtend }

// processExtend: Alice is logged in, asks for more time, and Bob gives it. Her session
// goes on, her password stays, and the server itself knows the new end.
func processExtend(t *testing.T, w *town) {
	admin := w.server(18)
	w.change("    targets: [{integration: postgres, resource_type: database, permissions: [read_only]}]",
		"    targets: [{integration: postgres, resource_type: database, permissions: [read_only]}]\n"+
			"    settings: {justification_required: false, max_extensions: 1, extension_duration: 1h}",
		lasting, "grant_duration: 1h")
	p := w.start().ready()
	login, ends := w.account()
	session, err := pgx.ConnectConfig(w.ctx, login)
	w.must(err)
	defer session.Close(context.WithoutCancel(w.ctx))
	until := func() (at time.Time) {
		w.must(admin.QueryRow(w.ctx, "SELECT rolvaliduntil FROM pg_roles WHERE rolname = $1", login.User).Scan(&at))
		return at
	}
	before := until()

	alice, bob := w.ws.As(slackAlice), w.ws.As(slackBob)
	card, err := w.message(alice, "AR-1 granted", "Extend")
	w.must(err)
	w.must(alice.Click(w.ctx, card, "Extend"))
	v, err := w.view(alice, "Reason")
	w.must(err)
	done, err := alice.Submit(w.ctx, v)
	w.must(err)
	if len(done.Errors) > 0 {
		t.Fatalf("the dialog says %v", done.Errors)
	}
	card, err = w.message(bob, "More time for AR-1", "Approve")
	w.must(err)
	w.must(bob.Click(w.ctx, card, "Approve"))
	_, err = w.message(alice, "AR-1 extended", "End access")
	w.must(err)

	w.soon("the server knows the new end", func() bool { return until().Equal(before.Add(time.Hour)) })
	if err := session.Ping(w.ctx); err != nil {
		t.Errorf("the session is cut: %v", err)
	}
	if err := w.login(login); err != nil {
		t.Errorf("the password does not work any more: %v", err)
	}
	ev, ok := w.fact("AR-1", "extended")
	if !ok || !ev.Fact.EndsAt.Equal(ends.Add(time.Hour)) || len(ev.Fact.Decisions) != 1 {
		t.Errorf("the audit trail says %+v", ev.Fact)
	}

	card, err = w.message(alice, "AR-1 extended", "End access")
	w.must(err)
	w.must(alice.Click(w.ctx, card, "End access"))
	w.gone(admin, login.User)
	if err := session.Ping(w.ctx); err == nil {
		t.Error("a session outlives its role")
	}
	_, err = w.message(alice, "AR-1 revoked")
	w.must(err)
	w.soon("the audit channel knows the end", func() bool { return w.said("AR-1 extended by Bob") == 1 && w.said("AR-1 revoked by Alice") == 1 })
	p.terminate()
	if out := w.bot(0, "db", "check"); out != "ok\n" {
		t.Errorf("db check says %q", out)
	}
	w.peace()
}
