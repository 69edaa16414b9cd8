package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/slack/slacksim"
	demopage "apono/cmd/bot/internal/demo"
)

// openPage starts a demo with its page; the story's helpers act in it.
func openPage(t *testing.T, config string) (*story, *demopage.Server) {
	t.Helper()
	log := &sharedLog{}
	d, page, err := newDemoPage(t.Context(), config, log, log)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the log:\n%s", log)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	if err := d.app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { _ = page.Run(ctx); close(done) }()
	t.Cleanup(func() { stop(); <-done })
	s := &story{demo: d, ctx: t.Context(), out: io.Discard, start: time.Now(), patience: patience}
	if err := s.connect(); err != nil {
		t.Fatal(err)
	}
	return s, page
}

func shownBy(t *testing.T, page http.Handler, query string) string {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?"+query, http.NoBody)
	r.Host = "localhost"
	rec := httptest.NewRecorder()
	page.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Fatalf("the page answers %d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

// TestDemoPageTellsTheTruth: what the page shows follows the store and the target, and time that is moved ends a grant
// through the bot's own sweep.
func TestDemoPageTellsTheTruth(t *testing.T) {
	s, page := openPage(t, "")
	alice, bob := s.ws.As(slackAlice), s.ws.As(slackBob)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	shows := func(query string, words ...string) {
		t.Helper()
		for _, w := range words {
			must(s.until("the page shows "+w, func() bool { return strings.Contains(shownBy(t, page, query), w) }))
		}
	}
	must(s.askBundle(alice, "<i>INC-12</i>"))
	card, err := s.message(bob, "Access request AR-1", "Approve")
	must(err)
	shows("who="+slackBob+"&at=app", "Access request AR-1", "&lt;i&gt;INC-12&lt;/i&gt;", "You are Alice&#39;s manager.", "3 of 9", ">pending<", "No token was handed out yet.")
	must(bob.Click(s.ctx, card, "Approve"))
	_, err = s.message(alice, "AR-1 granted", "Active until")
	must(err)
	secret, err := s.credentials(alice, "support-desk")
	must(err)
	shows("who="+slackAlice, "200 OK", "on <b>billing, refunds, vip</b> <small>until ", ">active<", "6 of 9")
	if strings.Contains(shownBy(t, page, "who="+slackAlice+"&at=app&log=all"), secret["token"]) {
		t.Error("the page shows a token that was shown once before")
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/time", strings.NewReader(`{"to_end":true}`))
	r.Host = "localhost"
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	page.ServeHTTP(rec, r)
	if got := strings.TrimSpace(rec.Body.String()); got != "{}" {
		t.Fatalf("to the end: %s", got)
	}
	shows("who="+slackAlice+"&at=app", "403 Forbidden", "Nobody holds anything.", ">expired<", "7 of 9", "AR-1 expired")
	r1, err := s.app.store.Request("AR-1")
	must(err)
	if late := r1.EndingAt.Sub(r1.EndsAt); late < 0 || late > 30*time.Second || r1.EndsAt.Sub(r1.ActiveAt).Round(time.Minute) != time.Hour {
		t.Errorf("active from %s to %s, ended at %s", r1.ActiveAt, r1.EndsAt, r1.EndingAt)
	}
	if time.Until(r1.EndedAt) < 50*time.Minute {
		t.Errorf("the hour passed by itself: it ended at %s", r1.EndedAt)
	}
	must(s.denyAndRefuse())
	shows("who="+slackDana, "9 of 9", "Guests cannot use this", "Only visible to you")
	if v := s.ws.Violations(); len(v) > 0 {
		t.Errorf("Slack would have objected: %+v", v)
	}
}

func TestDemoListensOnLoopbackOnly(t *testing.T) {
	for _, listen := range []string{"0.0.0.0:0", ":0", "192.0.2.1:80", "example.com:80"} {
		var stderr strings.Builder
		if code := Main(t.Context(), []string{"demo", "--listen", listen}, io.Discard, &stderr); code != exitUsage || !strings.Contains(stderr.String(), "loopback") {
			t.Errorf("%s: exit %d, %s", listen, code, stderr.String())
		}
	}
}

// TestDemoOfOnesOwnPolicy: the example policy, without its secrets and its systems. Carol, being on call, gets AR-1 by
// herself: nobody has done anything yet.
func TestDemoOfOnesOwnPolicy(t *testing.T) {
	s, page := openPage(t, "../../config.example.yaml")
	alice, err := s.personCalled("alice")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"AR-1", ">active<", "<b>Alice</b>", "<b>Bob</b>", "<b>Carol</b>", "<b>Eve</b>", "config.example.yaml", "prod-postgres", "deploy-tool", "0 of 5"} {
		if err := s.until("the page shows "+want, func() bool { return strings.Contains(shownBy(t, page, ""), want) }); err != nil {
			t.Error(err)
		}
	}
	for name, want := range map[string]bool{"eve": true, "alice": false} { // an admin reads the audit channel as a member of it
		p, err := s.personCalled(name)
		if err != nil {
			t.Fatal(err)
		}
		channels := s.ws.Channels()
		in := slices.ContainsFunc(channels, func(c slacksim.Channel) bool { return c.Name == "access-audit" && slices.Contains(c.Members, p.ID()) })
		if in != want {
			t.Errorf("%s is a member of the audit channel: %t; channels %+v", name, in, channels)
		}
	}
	if _, err := alice.Slash(s.ctx, "#general", "/apono", "request prod-incident for 1h because INC-12"); err != nil {
		t.Fatal(err)
	}
	v, err := s.view(alice, "Bob (your manager)")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := alice.Submit(s.ctx, v); err != nil || len(got.Errors) > 0 {
		t.Fatal(err, got.Errors)
	}
	bob, err := s.personCalled("bob")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.message(bob, "Access request", "orders", "Approve"); err != nil {
		t.Fatalf("%v; Bob reads:\n%s", err, all(bob.DMs()))
	}
	if v := s.ws.Violations(); len(v) > 0 {
		t.Errorf("Slack would have objected: %+v", v)
	}
	if _, err := os.Stat("data"); err == nil {
		t.Error("the demo wrote into the store of the file")
	}
}

// personCalled finds somebody by the name in Slack.
func (s *story) personCalled(name string) (*slacksim.Person, error) {
	for _, u := range s.ws.Users() {
		if u.Name == name {
			return s.ws.As(u.ID), nil
		}
	}
	return nil, fmt.Errorf("nobody is called %s", name)
}

func TestDemoOfAPolicyThatCannotBeTried(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	for name, c := range map[string]struct{ text, want string }{
		"broken":    {"flows: [{name: 1, no_such_key: 2}]\n", "no_such_key"},
		"no people": {"slack: {app_token: env:A, bot_token: env:B}\nhttp: {listen: \"\"}\n", "names no people"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr strings.Builder
		if code := Main(t.Context(), []string{"demo", "--listen", "127.0.0.1:0", "--config", path}, io.Discard, &stderr); code == exitOK || !strings.Contains(stderr.String(), c.want) {
			t.Errorf("%s: exit %d, %s", name, code, stderr.String())
		}
	}
}

// TestDemoNamesTheDatabaseThatIsAway: whoever mistypes DEMO_PG_DSN reads which system the
// story waited for, and where, and never the password.
func TestDemoNamesTheDatabaseThatIsAway(t *testing.T) {
	dsn := func(string) (string, bool) { return "postgres://demo:hunter2@127.0.0.1:1/postgres", true }
	d, err := newDemo(t.Context(), demoOptions{duration: time.Hour, lookupEnv: dsn, logTo: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.close)
	if err := d.app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := &story{demo: d, ctx: t.Context(), out: io.Discard, start: time.Now(), patience: patience}
	if err := s.until("the database cannot be read", func() bool { return strings.Contains(d.app.Degraded()["postgres"], "127.0.0.1") }); err != nil {
		t.Fatal(err)
	}
	s.patience = time.Millisecond
	err = s.connect()
	if err == nil || !strings.Contains(err.Error(), "; postgres: postgres at 127.0.0.1 could not be reached.") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the story says: %v", err)
	}
}

// TestDemoTriesTheDatabaseFirst: whoever set DEMO_PG_DSN to what is away reads so at once,
// before any of the story, with the host and why, and never the password.
func TestDemoTriesTheDatabaseFirst(t *testing.T) {
	t.Setenv("DEMO_PG_DSN", "postgres://demo:hunter2@127.0.0.1:1/postgres")
	var stdout, stderr strings.Builder
	code := Main(t.Context(), []string{"demo", "--play"}, &stdout, &stderr)
	const want = "DEMO_PG_DSN: PostgreSQL at 127.0.0.1:1 cannot be used: connect: connection refused\n"
	if code != exitProblems || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
		t.Errorf("exit %d, said %q and told %q; want exit %d and %q", code, stderr.String(), stdout.String(), exitProblems, want)
	}
	if strings.Contains(stderr.String(), "hunter2") {
		t.Errorf("the password is told: %s", stderr.String())
	}
}

// TestDemoWaitsForNoSilentDatabase: what takes the connection and says nothing is given
// up after a bound.
func TestDemoWaitsForNoSilentDatabase(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	err = tryDatabase(t.Context(), "postgres://demo:hunter2@"+l.Addr().String()+"/postgres", 50*time.Millisecond)
	want := "DEMO_PG_DSN: PostgreSQL at " + l.Addr().String() + " cannot be used: it did not answer within 50ms"
	if err == nil || err.Error() != want {
		t.Errorf("says %v, want %q", err, want)
	}
}

// TestDemoRefusesWhatIsNoDatabase: a DEMO_PG_DSN that is none is a mistake of whoever set
// it, and is told as one.
func TestDemoRefusesWhatIsNoDatabase(t *testing.T) {
	dsn := func(string) (string, bool) { return "foo", true }
	_, err := newDemo(t.Context(), demoOptions{duration: time.Hour, lookupEnv: dsn, logTo: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "DEMO_PG_DSN") || strings.Contains(err.Error(), "bug") {
		t.Errorf("the demo says: %v", err)
	}
}
