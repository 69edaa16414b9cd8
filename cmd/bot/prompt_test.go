package main

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"apono/flows"
)

// threeApprovers is the policy of a story with many cards: of three people who are
// asked, two must agree.
const threeApprovers = `
bundles:
  - name: ticket-rush
    targets: [{integration: support-desk, resource_type: queue, permissions: [read, answer], resources: {include: {names: [refunds]}}}]
flows:
  - name: Developers help support
    trigger: self_serve
    active: true
    requestors: {match: all, conditions: [{attribute: group, values: [developers]}]}
    targets: [{bundle: ticket-rush}]
    grant_duration: 1h
    approval:
      mode: all_of
      groups:
        - {match: all, approvers: [{attribute: manager}]}
        - {match: all, approvers: [{attribute: group, values: [dba]}]}
`

// TestRequesterLearnsPromptly: three people are asked, two agree, and the access is
// ended at once, again and again. However many cards have to be redrawn, the person
// who waits reads within two seconds what became of it; and once it is quiet, every
// card is true. The simulated Slack refuses more than 50 redraws a minute.
func TestRequesterLearnsPromptly(t *testing.T) {
	dir, base := memory(t), readFile(t, filepath.Join("testdata", "world.yaml"))
	synctest.Test(t, func(t *testing.T) {
		r := &crashRun{t: t, ctx: context.Background(), world: newWorld(t, dir, base+threeApprovers)}
		defer r.world.end()
		if err := r.world.start(); err != nil {
			t.Fatal(err)
		}
		if !r.world.ready() {
			t.Fatal("Slack cannot reach the bot")
		}
		for n := range 4 {
			id := fmt.Sprintf("AR-%d", n+1)
			r.ask()
			r.within("alice is told that she asked", func() bool { return r.dm("alice", id+" asked") })
			r.within("bob is asked", func() bool { return r.dm("bob", "Access request "+id+" ", `\[Approve\]`) })
			time.Sleep(2 * time.Second) // Bob reads; Slack takes one message a second for a person
			r.press("bob", "Access request "+id+" ", "Approve")
			r.press("carol", "Access request "+id+" ", "Approve")
			r.within("alice has it", func() bool { return r.dm("alice", id+" granted") })
			r.within("alice can connect", func() bool { return r.dm("alice", "Access details", id) })
			r.press("alice", id+" granted", "End access")
			r.within("alice reads that it ended", func() bool { return r.dm("alice", id+" revoked") })
		}
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		var requests []flows.Request
		for n := range 4 {
			req, err := r.world.current().app.store.Request(fmt.Sprintf("AR-%d", n+1))
			if err != nil {
				t.Fatal(err)
			}
			requests = append(requests, req)
		}
		r.checkCards(requests...)
	})
}

// within fails unless something comes within two seconds.
func (r *crashRun) within(what string, cond func() bool) {
	r.t.Helper()
	begun := time.Now()
	r.wait(what, time.Minute, cond)
	if took := time.Since(begun); took > 2*time.Second {
		r.t.Errorf("%s after %s; want at most 2s", what, took)
	}
}

// press presses a button of a message that is there.
func (r *crashRun) press(handle, card, button string) {
	r.t.Helper()
	if err := r.tryPress(handle, card, button); err != nil {
		r.t.Fatal(err)
	}
}
