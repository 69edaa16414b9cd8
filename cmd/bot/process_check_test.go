package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/slack"
)

func init() { processStories["check online"] = processCheckOnline }

// processCheckOnline: before the first start, `bot check --online` says what is
// missing in Slack and in the systems, and that nothing is.
func processCheckOnline(t *testing.T, w *town) {
	if out := w.bot(exitOK, "check", "--online"); !strings.Contains(out, "config.yaml: ok") {
		t.Errorf("in peace: %q", out)
	}
	w.ws.SetScopes(slack.Scopes[1:]...) // channels:history is the first
	w.ws.Faults().Skew(time.Hour)
	out := w.bot(exitProblems, "check", "--online")
	for _, want := range []string{
		"slack.bot_token: error: the bot token lacks the scope channels:history (add it under Bot Token Scopes and install the app again: https://api.slack.com/apps/",
		"slack: warning: the clock of this machine is 1h0m0s behind Slack's",
		"1 error, 1 warning",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	if out := w.bot(exitOK, "check"); !strings.Contains(out, "config.yaml: ok") {
		t.Errorf("offline nobody is asked: %q", out)
	}
	w.ws.SetScopes(slack.Scopes...)
	w.ws.Faults().Skew(0)
	w.change("email: alice@example.com", "email: alicia@example.com")
	if out := w.bot(exitOK, "check", "--online"); !strings.Contains(out, "slack: warning: alicia@example.com cannot be reached in Slack: nobody in the workspace has this address (use the address of the Slack profile, or bind the account with slack_id)") {
		t.Errorf("of somebody who is not in Slack: %q", out)
	}
	w.change(w.targetURL, "http://127.0.0.1:1") // nobody listens there
	if out := w.bot(exitProblems, "check", "--online"); !strings.Contains(out, "integrations support-desk: error: cannot be read: ") {
		t.Errorf("without the system: %q", out)
	}
	if out := w.bot(exitProblems, "check", "--online", "--format", "json"); !strings.Contains(out, `"code": "integration_unreachable"`) {
		t.Errorf("as JSON: %q", out)
	}
	w.change("http://127.0.0.1:1", w.targetURL, "permissions: [read]", "permissions: [raed]")
	if out := w.bot(exitOK, "check", "--online"); !strings.Contains(out, `config.yaml:39:`) || !strings.Contains(out, `warning: a queue of support-desk has no permission "raed" (did you mean "read"?)`) {
		t.Errorf("with a permission that the system does not have: %q", out)
	}
	api := regexp.MustCompile(`api_url: (\S+)`).FindStringSubmatch(readFile(t, w.configPath()))[1]
	w.change("integrations:\n", "integrations:\n  - {name: workspace, type: slack, config: {bot_token: env:DEMO_BOT_TOKEN, api_url: "+api+"}}\n")
	w.ws.SetScopes(slices.DeleteFunc(slices.Clone(slack.Scopes), func(s string) bool { return s == "usergroups:read" })...)
	if out := w.bot(exitProblems, "check", "--online"); !strings.Contains(out, "integrations workspace: error: cannot be read: The Slack app lacks a scope; it needs usergroups:read") || strings.Contains(out, "slack.bot_token: error") {
		t.Errorf("as a source of people without its scope: %q", out)
	}
	w.ws.SetScopes(slack.Scopes...)
	if out := w.bot(exitOK, "check", "--online"); strings.Contains(out, "workspace: error") {
		t.Errorf("as a source of people: %q", out)
	}
	p := w.start()
	w.soon("the log says it too", func() bool {
		return strings.Contains(p.log.String(), `no permission \"raed\" (did you mean \"read\"?)`)
	})
	p.terminate()
	if calls := w.ws.Calls("chat.postMessage"); len(calls) > 0 {
		t.Errorf("a check sent %d messages", len(calls))
	}
}
