package main

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/slack"
	"apono/bot/slack/slacksim"
	"apono/bot/teams/teamstest"
)

// TestPreflight: the look at start and the weekly one tell each change of the result
// once, to the audit channel and the admins, over a restart too; none is told where
// Slack cannot be asked.
func TestPreflight(t *testing.T) {
	inWorld(t, crashFlows, func(r *crashRun) {
		bob := slacksim.User{ID: slackID("bob"), Name: "bob", RealName: "Bob", Email: "bob@example.com"}
		at := regexp.MustCompile(` (today|yesterday) at \d+:\d+ [AP]M`)
		told := func() (out []string) {
			for _, m := range r.world.ws.Messages("#access-audit") {
				if strings.Contains(m.Text, "preflight") {
					out = append(out, at.ReplaceAllString(flat(m.Text), ""))
				}
			}
			return out
		}
		const (
			gone     = "The preflight found 1 problem. Details: bob@example.com may be asked to approve and cannot be reached in Slack: nobody in the workspace has this address."
			unscoped = "The preflight found 1 problem. Details: the bot token lacks the scope im:history: add it under Bot Token Scopes and install the app again: https://api.slack.com/apps/A0APONO001/oauth (OAuth & Permissions)"
			fine     = "The preflight finds nothing to mend any more."
		)
		look := func(step string, problems float64, want ...string) {
			t.Helper()
			time.Sleep(time.Hour) // what is known of accounts is forgotten
			if err := r.world.current().app.preflight.job().Run(r.ctx); err != nil {
				t.Fatalf("%s: %v", step, err)
			}
			time.Sleep(quiet)
			if diff := cmp.Diff(want, told()); diff != "" {
				t.Errorf("%s: the audit channel (-want +got):\n%s", step, diff)
			}
			if got := gauge(t, r.world.current().app, "apono_preflight_problems"); got != problems {
				t.Errorf("%s: the metric says %v", step, got)
			}
		}
		look("in peace", 0)
		bob.Deleted = true
		r.world.ws.SetUser(bob)
		look("Bob is gone", 1, gone)
		if !r.dm("eve", "The preflight found 1 problem") {
			t.Errorf("the admin reads:\n%s", all(r.person("eve").DMs()))
		}
		look("a week later", 1, gone)
		if err := r.world.stop(); err != nil {
			t.Fatal(err)
		}
		if err := r.world.start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		look("after a restart", 1, gone)
		r.world.ws.Faults().Outage(slacksim.ServerError, 10*time.Minute)
		if err := r.world.current().app.preflight.run(r.ctx); err == nil {
			t.Error("there is a result while Slack is out")
		}
		time.Sleep(11 * time.Minute)
		bob.Deleted = false
		r.world.ws.SetUser(bob)
		look("Bob is back", 0, gone, fine)
		r.world.ws.SetScopes("chat:write", "commands", "channels:history", "channels:read", "groups:history", "groups:read", "im:write", "users:read", "users:read.email")
		look("a scope is missing", 1, gone, fine, unscoped)
		r.world.ws.SetScopes(slack.Scopes...)
		look("and granted", 0, gone, fine, unscoped, fine)
	})
}

// TestPreflightInTeams: where people have Teams alone, the look at start and the weekly
// one look there.
func TestPreflightInTeams(t *testing.T) {
	base := inTeamsAlone(readFile(t, filepath.Join("testdata", "world.yaml")))
	inWorldOf(t, base, crashFlows, func(r *crashRun) {
		tenant, at := r.world.tenant, regexp.MustCompile(` \{\{.*\}\}`)
		told := func() (out []string) {
			for _, m := range tenant.In(teamsAudit) {
				if text := at.ReplaceAllString(flat(teamstest.Text(m.Card)), ""); strings.Contains(text, "preflight") {
					_, text, _ = strings.Cut(text, "The preflight")
					out = append(out, text)
				}
			}
			return out
		}
		const (
			gone = " found 1 problem. Details: bob@example.com may be asked to approve and cannot be reached in Teams: the app is not installed for this person."
			fine = " finds nothing to mend any more."
		)
		want := func(step string, problems float64, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, told()); diff != "" {
				t.Errorf("%s: the audit channel (-want +got):\n%s", step, diff)
			}
			if got := gauge(t, r.world.current().app, "apono_preflight_problems"); got != problems {
				t.Errorf("%s: the metric says %v", step, got)
			}
		}
		look := func() {
			t.Helper()
			time.Sleep(time.Hour)
			if err := r.world.current().app.preflight.job().Run(r.ctx); err != nil {
				t.Fatal(err)
			}
			time.Sleep(quiet)
		}
		restart := func() {
			t.Helper()
			if err := errors.Join(r.world.stop(), r.world.start()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(quiet)
		}
		time.Sleep(quiet)
		want("in peace", 0)
		if c, ok, err := r.world.current().app.store.ContactByEmail("teams", "bob@example.com"); err != nil || !ok || c.Account != "aad-bob" {
			t.Errorf("Bob, who never wrote, is known as %+v, %t, %v", c, ok, err)
		}
		tenant.RemoveFrom("a:aad-bob")
		restart()
		want("Bob has the app no more, at start", 1, gone)
		look()
		want("a week later", 1, gone)
		if c, ok, err := r.world.current().app.store.ContactByEmail("teams", "bob@example.com"); err != nil || !ok {
			t.Errorf("Bob's address is forgotten: %+v, %t, %v", c, ok, err)
		}
		tenant.Fail(teamstest.FaultRoster, 4, 0, "", 0)
		if err := r.world.current().app.preflight.run(r.ctx); err == nil {
			t.Error("there is a result while Teams is out")
		}
		tenant.InstallFor("aad-bob")
		restart() // Teams answers a while later
		time.Sleep(5 * time.Minute)
		want("Bob is back", 0, gone, fine)
		tenant.ExpireSecret()
		look()
		want("the secret has run out", 1, gone, fine)
	})
}

// gauge reads a metric without labels.
func gauge(t *testing.T, a *App, name string) float64 {
	t.Helper()
	families, err := a.metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("there is no metric %s", name)
	return 0
}
