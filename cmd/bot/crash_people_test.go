package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"apono/bot/slack/slacksim"
)

// wait waits for what must come by itself.
func (r *crashRun) wait(what string, patience time.Duration, cond func() bool) {
	r.t.Helper()
	if !until(patience, cond) {
		r.t.Fatalf("this did not happen within %s: %s (crash %s). Bob reads:\n%s\nAlice reads:\n%s", patience, what, r.where,
			all(r.person("bob").DMs()), all(r.person("alice").DMs()))
	}
}

func (r *crashRun) person(handle string) *slacksim.Person { return r.world.ws.As(slackID(handle)) }

func (r *crashRun) message(handle string, patterns ...string) (slacksim.Message, bool) {
	for _, m := range slices.Backward(r.person(handle).DMs()) {
		if matchAll(m.String(), patterns) {
			return m, true
		}
	}
	return slacksim.Message{}, false
}

func (r *crashRun) dm(handle string, patterns ...string) bool {
	_, ok := r.message(handle, patterns...)
	return ok
}

// persist repeats what a person does until it is taken.
func (r *crashRun) persist(what string, act func() error) {
	r.t.Helper()
	var err error
	for range 30 {
		if err = act(); err == nil {
			return
		}
		if _, shown := errors.AsType[*slacksim.UserError](err); !shown && !errors.Is(err, slacksim.ErrGone) && !errors.Is(err, slacksim.ErrNotThere) {
			break
		}
		time.Sleep(time.Second)
	}
	r.t.Fatalf("%s: %v (crash %s)", what, err, r.where)
}

// ask asks for the bundle. A command is not kept over a crash: whoever sees no
// form types it again. A form is kept.
func (r *crashRun) ask() {
	r.t.Helper()
	alice := r.person("alice")
	r.persist("alice asks", func() error {
		if _, open := alice.View(); !open {
			if _, err := alice.Slash(r.ctx, "#general", "/apono", "request ticket-rush because INC-12"); err != nil {
				return err
			}
		}
		var v slacksim.View
		if !until(5*time.Second, func() bool { var open bool; v, open = alice.View(); return open && v.Submit != "" }) {
			return slacksim.ErrNotThere
		}
		done, err := alice.Submit(r.ctx, v)
		if err == nil && len(done.Errors) > 0 {
			r.t.Fatalf("the form is refused: %v", done.Errors)
		}
		return err
	})
	r.wait("alice is told that she asked", 30*time.Second, func() bool { return r.dm("alice", "AR-1 asked") })
}

// click presses a button. Once the press was taken it has to happen.
func (r *crashRun) click(handle, card, button string, happened func() bool) {
	r.t.Helper()
	r.wait(handle+" can press "+button, time.Minute, func() bool { return r.dm(handle, card, `\[`+button+`\]`) || happened() })
	r.persist(handle+" presses "+button, func() error {
		m, ok := r.message(handle, card, `\[`+button+`\]`)
		if !ok {
			return nil // an earlier press, of which Slack said that it failed, was taken after all
		}
		return r.person(handle).Click(r.ctx, m, button)
	})
	r.wait(handle+" pressed "+button+", and it happens", 30*time.Second, happened)
}

// dialog presses a button that opens a dialog, fills that in and submits it. A
// dialog that does not open is asked for again.
func (r *crashRun) dialog(handle, card, button string, fill func(*slacksim.Person, slacksim.View) error, happened func() bool) {
	r.t.Helper()
	p := r.person(handle)
	r.persist(handle+" presses "+button, func() error {
		if happened() {
			return nil
		}
		v, open := p.View()
		if !open {
			m, ok := r.message(handle, card, `\[`+button+`\]`)
			if !ok {
				return slacksim.ErrNotThere
			}
			if err := p.Click(r.ctx, m, button); err != nil {
				return err
			}
			if !until(5*time.Second, func() bool { v, open = p.View(); return open }) {
				return slacksim.ErrNotThere
			}
		}
		if v.Submit == "" {
			return p.CloseAll(r.ctx) // it says that the first try was taken
		}
		if err := fill(p, v); err != nil {
			return err
		}
		_, err := p.Submit(r.ctx, v)
		return err
	})
	r.wait(handle+" submitted, and it happens", 30*time.Second, happened)
}

// credentials shows them. If the bot dies after they were erased and before they
// were on the screen, they are to be had anew with Reset credentials.
func (r *crashRun) credentials() {
	r.t.Helper()
	alice := r.person("alice")
	r.wait("alice gets access details", time.Minute, func() bool { return r.dm("alice", "Access details") })
	r.persist("alice reads the credentials", func() error {
		m, ok := r.message("alice", "Access details", `\[Show credentials\]`)
		if !ok {
			if m, ok = r.message("alice", "Access details", `\[Reset credentials\]`); ok {
				if err := alice.Click(r.ctx, m, "Reset credentials"); err != nil {
					return err
				}
			}
			return slacksim.ErrNotThere
		}
		if err := alice.Click(r.ctx, m, "Show credentials"); err != nil {
			return err
		}
		var v slacksim.View
		if !until(5*time.Second, func() bool { v, _ = alice.View(); return strings.Contains(v.Text, "Copy them now") }) {
			return errors.Join(slacksim.ErrNotThere, alice.CloseAll(r.ctx))
		}
		return alice.CloseAll(r.ctx)
	})
}
