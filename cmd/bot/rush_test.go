package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

// rush is how many people ask at once, of rushLeads managers.
const rush, rushLeads = 100, 10

func rushID(kind string, i int) string { return fmt.Sprintf("U0%s%03d", kind, i) }

// inRush is inWorld with a crowd of people who ask, in a Slack that counts every limit.
func inRush(t *testing.T, tell func(r *crashRun)) {
	t.Helper()
	o := workspace()
	var people strings.Builder
	add := func(kind string, i int, more string) {
		id := rushID(kind, i)
		mail := strings.ToLower(id) + "@example.com"
		o.Users = append(o.Users, slacksim.User{ID: id, Name: strings.ToLower(id), RealName: id, Email: mail})
		o.Channels[0].Members = append(o.Channels[0].Members, id)
		fmt.Fprintf(&people, "        - {email: %s, name: %s, slack_id: %s%s}\n", mail, id, id, more)
	}
	for i := range rush + 1 {
		add("ASKS", i, fmt.Sprintf(", groups: [developers], manager: %s@example.com", strings.ToLower(rushID("LEAD", i%rushLeads))))
	}
	for i := range rushLeads {
		add("LEAD", i, "")
	}
	const last = "        - {email: gus@example.com, name: Gus, groups: [developers]}\n"
	text := strings.Replace(readFile(t, filepath.Join("testdata", "world.yaml")), last, last+people.String(), 1)
	policy := strings.Replace(crashFlows, "grant_duration: 1m", "grant_duration: 2h", 1)
	dir := memory(t)
	synctest.Test(t, func(t *testing.T) {
		r := &crashRun{t: t, ctx: context.Background(), world: newWorld(t, dir, text+policy)}
		defer r.world.end()
		r.world.ws.Close()
		r.world.ws = slacksim.New(o)
		if err := r.world.start(); err != nil || !r.world.ready() {
			t.Fatalf("the bot does not start: %v", err)
		}
		tell(r)
	})
}

// rusher types the command, and submits the form where there is one within moments.
func (r *crashRun) rusher(i int) (asked bool) {
	p := r.world.ws.As(rushID("ASKS", i))
	if _, err := p.Slash(r.ctx, "#general", "/apono", "request ticket-rush for 1h because of the rush"); err != nil {
		r.t.Errorf("the command of %d: %v", i, err)
	}
	for range 50 {
		if v, ok := p.View(); ok && v.Submit != "" {
			if s, err := p.Submit(r.ctx, v); err != nil || len(s.Errors) > 0 {
				r.t.Errorf("the form of %d: %v %v", i, err, s.Errors)
			}
			return true
		}
		if told := p.Ephemerals(); len(told) > 0 {
			if want := "That took too long to open. Please type the command again."; told[0].Text != want {
				r.t.Errorf("%d reads %q", i, told[0].Text)
			}
			return false
		}
		time.Sleep(100 * time.Millisecond)
	}
	r.t.Errorf("%d has no form after 5 s and was told nothing", i)
	return false
}

// TestAHundredAskAtOnce: everybody has a form or is told so, an approval counts at once,
// who comes a little later is served, and all that follows is told at Slack's pace.
func TestAHundredAskAtOnce(t *testing.T) {
	inRush(t, func(r *crashRun) {
		store := func(id string) flows.Request {
			req, err := r.world.current().app.store.Request(id)
			if err != nil {
				t.Fatal(err)
			}
			return req
		}
		if !r.rusher(0) {
			t.Fatal("the first cannot ask")
		}
		lead := r.world.ws.As(rushID("LEAD", 0))
		took(t, "the first card", func() bool { return messagesLike(lead, "Access request AR-1", `\[Approve\]`) == 1 })
		time.Sleep(2 * time.Minute)

		begun := time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		asked := 1
		for i := 1; i < rush; i++ {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				if r.rusher(i) {
					mu.Lock()
					asked++
					mu.Unlock()
				}
			})
		}
		time.Sleep(1500 * time.Millisecond)
		pressed := time.Now()
		for _, m := range lead.DMs() {
			if strings.Contains(m.String(), "AR-1") {
				if err := lead.Click(r.ctx, m, "Approve"); err != nil {
					t.Error(err)
				}
				break
			}
		}
		if !until(5*time.Second, func() bool { req := store("AR-1"); return req.State != flows.StatePending }) {
			t.Error("an approval within the rush does not count within 5 s")
		}
		t.Logf("the approval counted after %s", time.Since(pressed))
		all.Wait()
		time.Sleep(10 * time.Second)
		if !r.rusher(rush) {
			t.Errorf("who asks %s after the rush has no form", time.Since(begun))
		}
		asked++
		if asked < 60 {
			t.Errorf("%d could ask", asked)
		}
		took(t, "all is told", func() bool {
			cards, told := 0, 0
			for i := range rushLeads {
				cards += messagesLike(r.world.ws.As(rushID("LEAD", i)), "Access request AR-")
			}
			for i := range rush + 1 {
				told += messagesLike(r.world.ws.As(rushID("ASKS", i)), "AR-[0-9]+ asked")
			}
			trail := 0
			for _, m := range r.world.ws.Messages("#access-audit") {
				trail += strings.Count(m.Text, " asked")
			}
			return cards >= asked && told >= asked && trail >= asked
		})
		// Two messages for each who asked and the trail: 60 at once, and 4 a second.
		bound := time.Duration(2*asked-60)*time.Second/4 + 15*time.Second
		t.Logf("%d asked; all was told after %s", asked, time.Since(begun))
		if all := time.Since(begun); all > bound {
			t.Errorf("all was told after %s, want %s", all, bound)
		}
		if limited := r.world.ws.RateLimited(); len(limited) > 0 {
			t.Errorf("429 answers: %v", limited)
		}
	})
}
