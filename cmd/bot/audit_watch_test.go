package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/slack/slacksim"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
)

// TestAnAuditChannelThatTakesNothing is said beside readiness, on the home of admins and
// to each admin once, over a restart too; nothing of what waits is lost.
func TestAnAuditChannelThatTakesNothing(t *testing.T) {
	inWorld(t, crashFlows, func(r *crashRun) {
		channels := r.world.ws.Channels()
		channel := channels[slices.IndexFunc(channels, func(c slacksim.Channel) bool { return c.Name == "access-audit" })]
		archive := func(yes bool) {
			channel.Archived = yes
			r.world.ws.SetChannel(channel)
		}
		const why = "slack.audit_channel cannot be used: #access-audit "
		ready := func() (status int, body string) {
			app := r.world.current().app
			rec := httptest.NewRecorder()
			ops.Handler(app.metrics, app.Ready, app.Degraded, app.Warnings).ServeHTTP(rec, httptest.NewRequestWithContext(r.ctx, http.MethodGet, "/readyz", nil))
			var told bytes.Buffer
			if err := app.controls()[controlReady](&told, httptest.NewRequestWithContext(r.ctx, http.MethodGet, "/", nil)); err != nil || told.String() != rec.Body.String() {
				t.Errorf("the socket says %v, %q", err, told.String())
			}
			return rec.Code, rec.Body.String()
		}
		admins := func() (n int) {
			for _, m := range r.person("eve").DMs() {
				if strings.Contains(m.Text, "The preflight found") && strings.Contains(flat(m.Text), why) {
					n++
				}
			}
			return n
		}
		home := func() string {
			if err := r.person("eve").OpenHome(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(quiet)
			v, _ := r.person("eve").Home()
			return flat(v.String())
		}
		record := func(text string) {
			t.Helper()
			if err := r.world.current().app.store.Record(r.ctx, time.Now(), flows.Fact{Kind: flows.FactOperator, Text: text}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		at := func(step string, trouble bool, dms int) {
			t.Helper()
			status, body := ready()
			if status != http.StatusOK || !strings.Contains(body, `"status":"ok"`) || strings.Contains(body, `"warnings":{"audit_channel":"`+why) != trouble {
				t.Errorf("%s: /readyz says %d %s", step, status, body)
			}
			if strings.Contains(home(), "Audit channel Not reachable: "+why) != trouble {
				t.Errorf("%s: the admin's home says %s", step, home())
			}
			if n := admins(); n != dms {
				t.Errorf("%s: the admin was told %d times, want %d:\n%s", step, n, dms, all(r.person("eve").DMs()))
			}
			if got := gauge(t, r.world.current().app, "apono_preflight_problems"); (got == 1) != trouble {
				t.Errorf("%s: the metric says %v", step, got)
			}
		}
		time.Sleep(time.Minute)
		at("in peace", false, 0)
		archive(true)
		at("before anything is told", false, 0)
		record("this waits")
		at("archived", true, 1)
		record("this too")
		time.Sleep(time.Hour)
		at("an hour later", true, 1)
		if err := r.world.stop(); err != nil {
			t.Fatal(err)
		}
		if err := r.world.start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		at("after a restart", true, 1)
		archive(false)
		time.Sleep(10 * time.Minute)
		at("mended", false, 1)
		said := ""
		for _, m := range r.world.ws.Messages("#access-audit") {
			said += flat(m.Text) + "\n"
		}
		for _, want := range []string{"this waits", "this too", "The preflight found 1 problem", "The preflight finds nothing to mend any more"} {
			if strings.Count(said, want) != 1 {
				t.Errorf("the channel does not say once %q:\n%s", want, said)
			}
		}
	})
}
