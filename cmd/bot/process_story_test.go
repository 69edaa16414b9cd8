package main

import (
	"bytes"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

// whole is the life of a request that was granted and ran out.
const whole = "asked approved granted expired"

// late is how long after its end an access may still work. Two seconds are the
// promise, which TestCrash watches in time that no load can stretch; the rest is the
// test machine's.
const late = 30 * time.Second

func processDay(t *testing.T, w *town) {
	w.ws.Faults().RefuseSockets(time.Hour)
	p := w.start()
	w.soon("the bot says that it is not ready, and why", func() bool {
		status, body := p.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"slack":"not connected"`)
	})
	if status, _ := p.get("/healthz"); status != http.StatusOK {
		t.Errorf("healthz answers %d while Slack is away", status)
	}
	w.ws.Faults().RefuseSockets(0)
	p.ready()
	w.soon("two sockets are open", func() bool { return strings.Count(p.log.String(), "slack socket is open") == 2 })

	token := w.granted("AR-1")
	ev, ok := w.fact("AR-1", flows.FactGranted)
	if !ok {
		t.Fatal("there is no audit event of the grant")
	}
	if got := w.shut(token); got.Sub(ev.Fact.EndsAt) > late || got.Before(ev.Fact.EndsAt) {
		t.Errorf("the access ended at %s and was refused at %s", ev.Fact.EndsAt, got)
	}
	_, err := w.message(w.ws.As(slackAlice), "AR-1 expired", "Request again")
	w.must(err)
	w.ask(p)
	p.terminate()
	w.peace()
}

// ask runs the commands on the store of a bot that runs: its answers are those of
// the bot.
func (w *town) ask(p *osProcess) {
	w.t.Helper()
	if out := w.bot(0, "db", "check"); out != "ok\n" {
		w.t.Errorf("db check says %q", out)
	}
	if out := w.bot(0, "audit", "verify"); !strings.HasPrefix(out, "ok: ") {
		w.t.Errorf("audit verify says %q", out)
	}
	out := w.bot(exitUsage, "run")
	if !strings.Contains(out, "in use by another process (is the bot already running?)") || !strings.Contains(out, w.storePath()) {
		w.t.Errorf("a second bot on the same store says:\n%s", out)
	}
	if status, _ := p.get("/readyz"); status != http.StatusOK {
		w.t.Errorf("after the second one, the first answers %d", status)
	}
}

func processKilledAfterClick(t *testing.T, w *town) {
	p := w.start().ready()
	card := w.asked("AR-1", "INC-12 is burning")
	up := w.target.Down() // what the click starts is not done before the kill
	defer up()
	w.must(w.ws.As(slackBob).Click(w.ctx, card, "Approve")) // returns when the bot has acknowledged
	p.kill()
	up()
	p = w.start().ready()
	token := w.holds("AR-1")
	if n := w.target.Done("grant-access"); n == 0 {
		t.Error("the system was not asked to grant")
	}
	w.shut(token)
	w.finish(p, "AR-1")
}

// finish waits for the end of a request's story, stops the bot and looks at what is
// left.
func (w *town) finish(p *osProcess, id string) {
	w.t.Helper()
	_, err := w.message(w.ws.As(slackAlice), id+" expired", "Request again")
	w.must(err)
	w.soon("the audit channel knows the end", func() bool { return w.said(id+" expired") > 0 })
	p.terminate()
	again := 0
	for _, words := range []string{id + " asked", id + " approved by Bob", id + " granted", id + " expired"} {
		n := w.said(words)
		if n == 0 {
			w.t.Errorf("the audit channel does not say %q", words)
		}
		again += n - 1
	}
	if again > w.deaths {
		w.t.Errorf("the audit channel repeats %d messages after %d deaths", again, w.deaths)
	}
	if got := w.changes(id); got != whole {
		w.t.Errorf("the audit trail says %q, want %q", got, whole)
	}
	if out := w.bot(0, "db", "check"); out != "ok\n" {
		w.t.Errorf("db check says %q", out)
	}
	w.peace()
}

func processKilledWhileGranted(t *testing.T, w *town) {
	p := w.start().ready()
	token := w.granted("AR-1")
	ev, _ := w.fact("AR-1", flows.FactGranted)
	p.kill()
	time.Sleep(time.Until(ev.Fact.EndsAt) + 100*time.Millisecond)
	if status := w.knocks(token); status != http.StatusOK {
		t.Fatalf("the door answers %d, and nobody was there to shut it", status)
	}
	// Nobody can click yet: what is overdue ends before Slack is there.
	w.ws.Faults().Outage(slacksim.Refuse, time.Hour)
	p = w.start()
	w.shut(token)
	if status, _ := p.get("/readyz"); status == http.StatusOK {
		t.Error("the bot says that it is ready without Slack")
	}
	w.ws.Faults().Outage(slacksim.Refuse, 0)
	p.ready()
	w.finish(p, "AR-1")
}

func processKilledWhileRevoking(t *testing.T, w *town) {
	p := w.start().ready()
	token := w.granted("AR-1")
	up := w.target.Down()
	defer up()
	w.soon("the bot has begun to revoke", func() bool { return strings.Contains(p.metrics(), `apono_requests{state="revoking"} 1`) })
	p.kill()
	p = w.start().ready()
	w.soon("the bot goes on to revoke", func() bool {
		return strings.Contains(p.metrics(), `apono_task_tries_total{integration="support-desk",kind="target",lane="target",result="unknown"}`)
	})
	up()
	w.shut(token)
	w.finish(p, "AR-1")
}

func (p *osProcess) metrics() string {
	p.w.t.Helper()
	_, body := p.get("/metrics")
	return body
}

func processTerminatedWhileGranting(t *testing.T, w *town) {
	p := w.start().ready()
	card := w.asked("AR-1", "INC-12 is burning")
	reached, release := w.target.Hang()
	w.must(w.ws.As(slackBob).Click(w.ctx, card, "Approve"))
	select {
	case <-reached:
	case <-time.After(patience):
		t.Fatal("the grant does not begin")
	}
	time.AfterFunc(time.Second, release) // what is under way gets the time to end
	p.terminate()
	before, err := os.ReadFile(w.storePath())
	w.must(err)
	if out := w.bot(0, "db", "check"); out != "ok\n" {
		t.Errorf("db check says %q", out)
	}
	after, err := os.ReadFile(w.storePath())
	w.must(err)
	if !bytes.Equal(before, after) {
		t.Error("a check of a stopped store has changed it")
	}
	p = w.start().ready()
	w.shut(w.holds("AR-1"))
	w.finish(p, "AR-1")
}
