package main

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/teams"
	"apono/bot/teams/teamstest"
	"apono/flows"
)

const crashTeams = `
teams:
  app_id: ` + teamsApp + `
  app_password: env:TEAMS_PASSWORD
  tenant_id: ` + teamsTenant + `
  openid_metadata_url: ${TEAMS_METADATA}
  token_url: ${TEAMS_TOKEN}
  service_urls: ["${TEAMS_SERVICE}"]
`

func init() {
	crashStories = append(crashStories, crashStory{
		name: "in-teams", state: flows.StateExpired, grants: 2, late: true, settings: crashTeams,
		audit: []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 expired"},
		tell: func(r *crashRun) {
			for _, handle := range []string{"alice", "bob"} {
				r.inTeams("installs", func() error { return r.world.tenant.As(handle).Install() })
			}
			r.wait("the bot knows where Bob is", time.Minute, func() bool {
				c, ok, err := r.world.current().app.store.ContactByEmail("teams", "bob@example.com")
				return err == nil && ok && c.Account == "aad-bob"
			})
			r.arm()
			r.ask()
			r.pressInTeams("bob", "Access request AR-1", "Approve", func() bool { return r.dm("bob", "Access request AR-1", "Approved by Bob") })
			for handle, words := range map[string][]string{"bob": {"Access request AR-1", "Approved by Bob|Expired"}, "alice": {"AR-1 granted"}} {
				r.wait(handle+" reads it in Teams", time.Minute, func() bool { _, ok := r.messageInTeams(handle, words...); return ok })
			}
			r.wait("it expires", 10*time.Minute, func() bool { return r.dm("alice", "AR-1 expired") })
			for handle, words := range map[string]string{"bob": "Expired", "alice": "AR-1 expired"} {
				r.wait(handle+" reads in Teams that it is over", time.Minute, func() bool { _, ok := r.messageInTeams(handle, words); return ok })
			}
		},
	})
}

func init() {
	crashStories = append(crashStories, crashStory{
		name: "teams-alone", state: flows.StateRevoked, grants: 2, late: true, alone: true,
		audit: []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 revoked by Alice"},
		tell: func(r *crashRun) {
			reads := func(handle string, words ...string) func() bool {
				return func() bool { _, ok := r.messageInTeams(handle, words...); return ok }
			}
			for _, handle := range []string{"alice", "bob"} {
				r.inTeams("installs", func() error { return r.world.tenant.As(handle).Install() })
			}
			r.wait("the bot knows where Bob is", time.Minute, func() bool {
				c, ok, err := r.world.current().app.store.ContactByEmail("teams", "bob@example.com")
				return err == nil && ok && c.Account == "aad-bob"
			})
			r.arm()
			r.askInTeams()
			r.pressInTeams("bob", "Access request AR-1", "Approve", reads("bob", "Access request AR-1", "Approved by Bob"))
			r.pressInTeams("alice", "AR-1 granted", "End access", reads("alice", "AR-1 revoked"))
		},
	})
}

// askInTeams asks for the bundle. A message is not kept over a crash: whoever gets no
// answer writes it again. A form is kept, and submitted until it is taken.
func (r *crashRun) askInTeams() {
	r.t.Helper()
	alice := r.world.tenant.As("alice")
	r.inTeams("asks", func() error {
		if alice.Dialog == nil {
			if err := alice.Say("request ticket-rush because INC-12"); err != nil {
				return err
			}
			var offer teamstest.Message
			if !until(5*time.Second, func() (ok bool) { offer, ok = r.messageInTeams("alice", "Press the button to go on"); return ok }) {
				return errors.New("no answer")
			}
			if _, err := alice.Press(offer, teamstest.Buttons(offer.Card)[0]); err != nil {
				return err
			}
			if alice.Dialog == nil {
				return errors.New(alice.Toast)
			}
		}
		title, _ := alice.Dialog.Main()
		if err := alice.Dialog.Submit(title); err != nil {
			return err
		}
		if alice.Dialog != nil {
			return errors.New(alice.Dialog.Text()) // more to look at, or not taken
		}
		return nil
	})
	r.wait("alice is told that she asked", 30*time.Second, func() bool { _, ok := r.messageInTeams("alice", "AR-1 asked"); return ok })
}

// checkCardsInTeams wants each message of the request to be in its person's chat as it
// is drawn now. A message that was being sent when the bot died may be there twice: then
// the later one is true.
func (r *crashRun) checkCardsInTeams(req flows.Request) {
	twice := 0
	for _, handle := range []string{"alice", "bob"} {
		have := map[string]int{} // texts, and titles
		for _, m := range r.world.tenant.As(handle).Messages() {
			if m.FromBot {
				text := teamstest.Text(m.Card)
				title, _, _ := strings.Cut(text, "\n")
				have[text]++
				have["title "+title]++
			}
		}
		for _, p := range postsOf([]flows.Request{req}, handle+"@example.com") {
			card, ok := cards.Card(p.request, p.key, time.Now())
			if !ok {
				r.t.Errorf("%s has no card", p.key)
				continue
			}
			drawn := asJSON(r.t, teams.RenderCard(card).Card)
			text := teamstest.Text(drawn)
			title, _, _ := strings.Cut(text, "\n")
			if have[text] == 0 {
				r.t.Errorf("%s does not read what is true (crash %s):\n%s\nbut:\n%v", handle, r.where, text, slices.Sorted(maps.Keys(have)))
			}
			twice += have["title "+title] - 1
		}
	}
	if twice > 1 {
		r.t.Errorf("%d messages are there twice (crash %s)", twice, r.where)
	}
}

// asJSON is a card as it arrives.
func asJSON(t *testing.T, card map[string]any) (out map[string]any) {
	t.Helper()
	b, err := json.Marshal(card)
	if err == nil {
		err = json.Unmarshal(b, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// messageInTeams is the newest message with all patterns.
func (r *crashRun) messageInTeams(handle string, patterns ...string) (teamstest.Message, bool) {
	for _, m := range slices.Backward(r.world.tenant.As(handle).Messages()) {
		if matchAll(teamstest.Text(m.Card), patterns) {
			return m, true
		}
	}
	return teamstest.Message{}, false
}

// inTeams repeats what a person does until the bot takes it.
func (r *crashRun) inTeams(what string, act func() error) {
	r.t.Helper()
	var err error
	for range 30 {
		if err = act(); err == nil {
			return
		}
		time.Sleep(time.Second)
	}
	r.t.Fatalf("%s: %v (crash %s)", what, err, r.where)
}

// pressInTeams presses a button. Once the press was taken it has to happen.
func (r *crashRun) pressInTeams(handle, card, button string, happened func() bool) {
	r.t.Helper()
	r.wait(handle+" can press "+button, time.Minute, func() bool {
		_, ok := r.messageInTeams(handle, card, `\(`+button+`\)`)
		return ok || happened()
	})
	r.inTeams(handle+" presses "+button, func() error {
		m, ok := r.messageInTeams(handle, card, `\(`+button+`\)`)
		if !ok {
			return nil // an earlier press, which seemed to fail, was taken after all
		}
		a := r.world.tenant.As(handle)
		if _, err := a.Press(m, button); err != nil {
			return err
		}
		if !happened() && a.Toast != "" && !until(10*time.Second, happened) {
			return errors.New(a.Toast)
		}
		return nil
	})
	r.wait(handle+" pressed "+button+", and it happens", 30*time.Second, happened)
}
