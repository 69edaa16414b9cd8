package main

import (
	"errors"
	"slices"
	"time"

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
