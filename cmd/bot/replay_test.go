package main

import (
	"strings"
	"testing"
	"time"

	"apono/flows"
)

// TestPressCommittedBeforeTheAckIsNotLost: the bot dies right after a press was
// committed, before Slack was told of it. Slack warns the person; the press counts
// all the same after the restart, and the person is told so.
func TestPressCommittedBeforeTheAckIsNotLost(t *testing.T) {
	for name, tt := range map[string]struct {
		before func(r *crashRun)
		press  func(r *crashRun) error
		by     string
		told   string
		state  flows.State
	}{
		"approve": {
			press: func(r *crashRun) error { return r.tryPress("bob", "Access request AR-1", "Approve") }, by: "bob",
			told: "restarted after you pressed Approve on AR-1. It counts.", state: flows.StateActive,
		},
		"deny": {
			press: func(r *crashRun) error { return r.tryPress("bob", "Access request AR-1", "Deny") }, by: "bob",
			told: "restarted before it could open that. Please press the button again.", state: flows.StatePending,
		},
		"withdraw": {
			press: func(r *crashRun) error { return r.tryPress("alice", "AR-1 asked", "Withdraw") }, by: "alice",
			told: "restarted after you pressed Withdraw on AR-1. It counts. AR-1 was withdrawn by you.", state: flows.StateWithdrawn,
		},
		"end": {
			before: func(r *crashRun) { r.approve() },
			press:  func(r *crashRun) error { return r.tryPress("alice", "AR-1 granted", "End access") }, by: "alice",
			told: "restarted after you pressed End access on AR-1. It counts.", state: flows.StateRevoked,
		},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, crashFlows, func(r *crashRun) {
				r.ask()
				r.wait("bob is asked", 10*time.Second, func() bool { return r.dm("bob", "Access request AR-1") })
				if tt.before != nil {
					tt.before(r)
				}
				time.Sleep(5 * time.Second) // nothing else is committed meanwhile
				r.world.watch(hooks{commit: func(p *life) { p.kill() }})
				if err := tt.press(r); err == nil {
					t.Error("a press was acknowledged by a bot that had died")
				}
				r.world.watch(hooks{})
				r.world.ws.ForgetViolations() // the press that was not acknowledged
				if err := r.world.start(); err != nil {
					t.Fatal(err)
				}
				r.wait("the press counts", time.Minute, func() bool {
					req, err := r.world.current().app.store.Request("AR-1")
					return err == nil && req.State == tt.state
				})
				r.wait(tt.by+" is told", time.Minute, func() bool {
					for _, m := range append(r.person(tt.by).Ephemerals(), r.person(tt.by).DMs()...) {
						if strings.Contains(flat(m.String()), tt.told) {
							return true
						}
					}
					return false
				})
			})
		})
	}
}

func (r *crashRun) tryPress(handle, card, button string) error {
	r.t.Helper()
	m, ok := r.message(handle, card, `\[`+button+`\]`)
	if !ok {
		r.t.Fatalf("%s cannot press %s", handle, button)
	}
	return r.person(handle).Click(r.ctx, m, button)
}
