package main

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apono/flows"
)

func init() { processStories["revoked by the operator"] = processRevoke }

// processRevoke ends access from the command line: of a bot that runs, and of one
// that does not.
func processRevoke(t *testing.T, w *town) {
	w.change(lasting, "grant_duration: 1h")
	w.env = append(w.env, "SUDO_USER=olga")
	p := w.start().ready()
	token := w.granted("AR-1")
	out := w.bot(exitOK, "revoke", "ar-1", "--reason", "The laptop was stolen.")
	if out != "The access of AR-1 is being ended. The audit channel says when it is gone.\n" {
		t.Errorf("it says %q", out)
	}
	w.shut(token)
	_, err := w.message(w.ws.As(slackAlice), "AR-1 revoked", "by the operator (olga as ", "The laptop was stolen.")
	w.must(err)
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{exitProblems, "The access of AR-1 was ended by the operator (olga as ", []string{"AR-1"}},
		{exitProblems, "There is no request AR-9.", []string{"AR-9"}},
		{exitProblems, "There is no request ALL.", []string{"all"}},
		{exitUsage, "say one request, such as AR-12", nil},
	} {
		if out := w.bot(c.status, append([]string{"revoke"}, c.args...)...); !strings.Contains(out, c.says) {
			t.Errorf("revoke %q says %q", c.args, out)
		}
	}

	token = w.granted("AR-2")
	p.kill()
	if out := w.bot(exitOK, "revoke", "AR-2"); !strings.Contains(out, "No bot is running: the systems are asked at its next start.") {
		t.Errorf("without a bot it says %q", out)
	}
	if status := w.knocks(token); status != http.StatusOK {
		t.Errorf("nobody runs to shut the door; it answers %d", status)
	}
	if out := w.bot(exitProblems, "revoke", "AR-2"); !strings.Contains(out, "The access of AR-2 is already being ended.") {
		t.Errorf("twice without a bot it says %q", out)
	}
	p = w.start().ready()
	w.shut(token)
	w.soon("the audit channel knows", func() bool { return w.said("AR-2 revoked by the operator (olga as ") == 1 })
	ev, ok := w.fact("AR-2", flows.FactRevoked)
	if !ok || ev.Fact.Actor.Email != "" || !strings.HasPrefix(ev.Fact.Actor.Name, "the operator (olga as ") || ev.At.After(time.Now()) {
		t.Errorf("the audit trail says %+v", ev.Fact)
	}
	w.peace()

	// The system is gone for good: only the operator can say so, of what is being ended.
	w.granted("AR-3")
	const destroyed = "The desk was destroyed."
	for _, c := range []struct {
		status            int
		integration, says string
	}{
		{exitProblems, "support-desk", "The access of AR-3 in support-desk is not being ended. End it first."},
		{exitProblems, "nowhere", "AR-3 has nothing in nowhere."},
		{exitUsage, "", "--confirm-gone wants the name of an integration"},
	} {
		if out := w.bot(c.status, "revoke", "AR-3", "--confirm-gone", c.integration); !strings.Contains(out, c.says) {
			t.Errorf("--confirm-gone %q says %q", c.integration, out)
		}
	}
	p.kill()
	w.bot(exitOK, "revoke", "AR-3")
	if out := w.bot(exitOK, "revoke", "AR-3", "--confirm-gone", "support-desk", "--reason", destroyed); out != "The access of AR-3 in support-desk is on record as gone, on your word. The system is not asked any more.\n" {
		t.Errorf("--confirm-gone says %q", out)
	}
	p = w.start().ready()
	w.soon("the audit channel knows", func() bool {
		return w.said("AR-3 DECLARED GONE by the operator (olga as ") == 1 && w.said("AR-3 revoked by the operator") == 1
	})
	if ev, ok := w.fact("AR-3", flows.FactDeclaredGone); !ok || ev.Fact.Reason != destroyed || !strings.Contains(ev.Fact.Text, "NOT confirmed") {
		t.Errorf("the audit trail says %+v", ev.Fact)
	}
	p.terminate()
	if len(w.target.All()) == 0 {
		t.Error("the system was asked after all")
	}

	w.env = append(w.env, "BOT_STORE_PATH="+filepath.Join(w.dir, "no-such.db"))
	if out := w.bot(exitUsage, "revoke", "AR-1"); !strings.Contains(out, "no-such.db") {
		t.Errorf("without a store it says %q", out)
	}
}
