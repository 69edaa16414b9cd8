package main

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/slack/slacksim"
)

// crowd is how many approvers are asked at once.
const crowd = 30

func crowdID(i int) string { return fmt.Sprintf("U0CROWD%02d", i) }

// inCrowd is inWorld with a crowd of approvers, in a Slack that counts every limit.
func inCrowd(t *testing.T, policy string, tell func(r *crashRun)) {
	t.Helper()
	var people strings.Builder
	for i := range crowd {
		fmt.Fprintf(&people, "        - {email: crowd%02d@example.com, name: Crowd %02d, groups: [crowd]}\n", i, i)
	}
	const last = "        - {email: gus@example.com, name: Gus, groups: [developers]}\n"
	text := strings.Replace(readFile(t, filepath.Join("testdata", "world.yaml")), last, last+people.String(), 1)
	dir := memory(t)
	synctest.Test(t, func(t *testing.T) {
		r := &crashRun{t: t, ctx: context.Background(), world: newWorld(t, dir, text+policy)}
		defer r.world.end()
		o := workspace()
		for i := range crowd {
			o.Users = append(o.Users, slacksim.User{ID: crowdID(i), Name: fmt.Sprintf("crowd%02d", i), RealName: fmt.Sprintf("Crowd %02d", i), Email: fmt.Sprintf("crowd%02d@example.com", i)})
		}
		r.world.ws.Close()
		r.world.ws = slacksim.New(o)
		if err := r.world.start(); err != nil || !r.world.ready() {
			t.Fatalf("the bot does not start: %v", err)
		}
		tell(r)
	})
}

// messagesLike counts the messages to somebody that match all patterns.
func messagesLike(p *slacksim.Person, patterns ...string) (n int) {
next:
	for _, m := range p.DMs() {
		for _, pattern := range patterns {
			if !regexp.MustCompile(pattern).MatchString(flat(m.String())) {
				continue next
			}
		}
		n++
	}
	return n
}

// took is how long until a condition holds.
func took(t *testing.T, what string, cond func() bool) time.Duration {
	t.Helper()
	begun := time.Now()
	if !until(10*time.Minute, cond) {
		t.Fatalf("not within ten minutes: %s", what)
	}
	return time.Since(begun)
}

const crowdFlows = `
bundles:
  - name: ticket-rush
    targets: [{integration: support-desk, resource_type: queue, permissions: [read], resources: {include: {names: [refunds]}}}]
flows:
  - name: Developers help support
    trigger: self_serve
    active: true
    requestors: {match: all, conditions: [{attribute: group, values: [developers]}]}
    targets: [{bundle: ticket-rush}]
    grant_duration: 1h
    approval: {mode: any_of, groups: [{match: any, approvers: [{attribute: group, values: [crowd]}]}]}
`

// TestThirtyApproversSeeTheTruthAtOnce: one of a group decides, and all the others
// would look at buttons that do nothing any more: for 20 s, while redraws waited for two
// seconds each. Slack takes 50 in a minute, all at once too.
func TestThirtyApproversSeeTheTruthAtOnce(t *testing.T) {
	inCrowd(t, crowdFlows, func(r *crashRun) {
		r.ask()
		person := func(i int) *slacksim.Person { return r.world.ws.As(crowdID(i)) }
		undecided := func() (n int) {
			for i := range crowd {
				n += messagesLike(person(i), "Access request AR-1", `\[Approve\]`)
			}
			return n
		}
		took(t, "all are asked", func() bool { return undecided() == crowd })
		time.Sleep(2 * time.Minute)
		begun := time.Now()
		last := person(crowd - 1)
		for _, m := range last.DMs() {
			if err := last.Click(r.ctx, m, "Approve"); err != nil {
				t.Fatal(err)
			}
		}
		took(t, "no card offers a decision that was made", func() bool { return undecided() == 0 })
		all := time.Since(begun)
		for i := range crowd {
			if messagesLike(person(i), "Access request AR-1", "Approved by Crowd 29") != 1 {
				t.Errorf("approver %d does not read who approved", i)
			}
		}
		t.Logf("the cards of %d approvers were true after %s", crowd, all)
		if all > 3*time.Second {
			t.Errorf("the cards of %d approvers were true after %s", crowd, all)
		}
		if limited := r.world.ws.RateLimited(); len(limited) > 0 {
			t.Errorf("429 answers: %v", limited)
		}
	})
}

// TestTwelveAccessesThatEndTogether: what can be pressed in vain goes before what only
// reads old.
func TestTwelveAccessesThatEndTogether(t *testing.T) {
	const n = 12
	policy := strings.Replace(crashFlows, "approval: {mode: any_of, groups: [{match: all, approvers: [{attribute: manager}]}]}", "", 1)
	policy = strings.Replace(policy, "grant_duration: 1m", "grant_duration: 30m", 1)
	inCrowd(t, policy, func(r *crashRun) {
		for i := 1; i <= n; i++ {
			r.ask()
			r.wait("it is granted", time.Minute, func() bool { return r.dm("alice", fmt.Sprintf("AR-%d granted", i)) })
		}
		alice := r.person("alice")
		time.Sleep(2 * time.Minute)
		if err := r.world.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		begun := time.Now()
		if err := r.world.start(); err != nil {
			t.Fatal(err)
		}
		took(t, "no button promises what cannot be", func() bool { return messagesLike(alice, `\[(End access|Show credentials)\]`) == 0 })
		dead := time.Since(begun)
		t.Logf("%d accesses of one person ended; no dead button was left after %s", n, dead)
		if dead > 5*time.Second {
			t.Errorf("dead buttons for %s", dead)
		}
		took(t, "each end is told", func() bool { return messagesLike(alice, "AR-[0-9]+ expired") == n })
		// The 50 of the minute do not suffice for the messages that only read old.
		took(t, "nothing reads as if it were live", func() bool { return messagesLike(alice, "Active until") == 0 })
		if all := time.Since(begun); all > 90*time.Second {
			t.Errorf("all %d were true after %s", n, all)
		}
		if limited := r.world.ws.RateLimited(); len(limited) > 0 {
			t.Errorf("429 answers: %v", limited)
		}
	})
}
