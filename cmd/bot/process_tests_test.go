package main

import (
	"strings"
	"testing"
)

func init() { processStories["tests on what is there"] = processTests }

// processTests runs the tests of a policy on the people and resources of this moment,
// and on those that the bot knew last.
func processTests(t *testing.T, w *town) {
	w.change("flows:\n", `tests:
  - name: alice asks her lead
    user: alice@example.com
    at: 2026-03-02T10:00:00+01:00
    request: {integration: support-desk, resource_type: queue, resource: refunds, permission: read}
    expect: {approvers: [bob@example.com]}
flows:
`)
	check := func(status int, want string, args ...string) {
		t.Helper()
		if out := w.bot(status, append([]string{"check"}, args...)...); !strings.Contains(out, want) {
			t.Errorf("check %q does not say %q:\n%s", args, want, out)
		}
	}
	check(exitProblems, "Nothing is known of the integration support-desk")
	check(exitOK, "config.yaml: ok", "--tests", "live")
	check(exitUsage, "there is no database, so nothing is cached", "--tests", "cached")
	check(exitUsage, "--tests is sample, cached or live", "--tests", "now")
	w.change("approvers: [bob@example.com]}\nflows", "approvers: [eve@example.com]}\nflows")
	check(exitProblems, `config.yaml:`, "--tests", "live")
	check(exitProblems, `the test "alice asks her lead": eve@example.com should be asked, and bob@example.com would be`, "--tests", "live")

	w.change("approvers: [eve@example.com]}\nflows", "approvers: [bob@example.com]}\nflows")
	w.change("tests:\n", `test_inventory:
  - {integration: support-desk, resource_type: queue, permissions: [read], resources: [{name: refunds}]}
tests:
`)
	p := w.start().ready()
	w.soon("the desk is read", func() bool {
		return strings.Contains(p.metrics(), `apono_integration_up{integration="support-desk"} 1`)
	})
	check(exitOK, "config.yaml: ok", "--tests", "cached")
	p.terminate()
	w.change("resource: refunds", "resource: nowhere")
	check(exitProblems, "support-desk has no queue nowhere", "--tests", "cached")
	w.change(w.targetURL, "http://127.0.0.1:1") // nobody listens there
	check(exitProblems, "integrations support-desk: error: the tests were not run, since it cannot be read", "--tests", "live")
}
