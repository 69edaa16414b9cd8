package main

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apono/flows"
)

// threeApprovers is the policy of a story with many cards: of three people who are
// asked, two must agree.
var threeApprovers = strings.NewReplacer("grant_duration: 1m", "grant_duration: 1h",
	"approval: {mode: any_of, groups: [{match: all, approvers: [{attribute: manager}]}]}",
	"approval: {mode: all_of, groups: [{approvers: [{attribute: manager}]}, {approvers: [{attribute: group, values: [dba]}]}]}").Replace(crashFlows)

// TestRequesterLearnsPromptly: three people are asked, two agree, and the access is
// ended at once, again and again. However many cards have to be redrawn, the person
// who waits reads within two seconds what became of it; and once it is quiet, every
// card is true. The simulated Slack refuses more than 50 redraws a minute.
func TestRequesterLearnsPromptly(t *testing.T) {
	inWorld(t, threeApprovers, func(r *crashRun) {
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
