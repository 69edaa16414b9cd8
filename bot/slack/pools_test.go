package slack

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// TestAnswersOfOneKindLeaveRoomForOthers: however many people wait for a search, a
// form that is submitted is answered in time, and the other way round.
func TestAnswersOfOneKindLeaveRoomForOthers(t *testing.T) {
	for name, tc := range map[string]struct {
		flood func(r *rig, v slacksim.View) // once
		probe func(r *rig, v slacksim.View) error
	}{
		"searches": {
			func(r *rig, v slacksim.View) { _, _ = r.As(alice).Suggest(r.ctx, v, "Resources", "x") }, // nothing is found
			func(r *rig, v slacksim.View) error { _, err := r.As(alice).Submit(r.ctx, v); return err },
		},
		"submissions": {
			func(r *rig, v slacksim.View) { _, _ = r.As(alice).Submit(r.ctx, v) }, // is not acknowledged
			func(r *rig, v slacksim.View) error {
				_, err := r.As(alice).Suggest(r.ctx, v, "Resources", "x")
				return err
			},
		},
		"commands": {
			func(r *rig, _ slacksim.View) { _, _ = r.As(alice).Slash(r.ctx, "#general", "/apono", "stuck") },
			func(r *rig, v slacksim.View) error { _, err := r.As(alice).Submit(r.ctx, v); return err },
		},
	} {
		t.Run(name, func(t *testing.T) {
			var release chan bool // of the bubble
			stuck := func(kind string) {
				if kind == name {
					<-release
				}
			}
			form := requestForm()
			s := &service{
				command: func(_ context.Context, c chat.Command) chat.Answer {
					if c.Text == "stuck" {
						stuck("commands")
						return chat.Say("At last.")
					}
					return chat.Answer{Open: &form}
				},
				submit: func(context.Context, chat.FormEvent) chat.Submitted {
					stuck("submissions")
					return chat.Submitted{Errors: map[string]string{"duration": "No."}}
				},
				search: func(context.Context, chat.Search) []chat.Option { stuck("searches"); return numbered(1) },
			}
			story(t, world(), s, func(r *rig) {
				_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "")
				r.must(err)
				synctest.Wait()
				v, ok := r.As(alice).View()
				if !ok {
					t.Fatal("no form opened")
				}
				release = make(chan bool)
				var flood sync.WaitGroup
				for range 300 {
					flood.Go(func() { tc.flood(r, v) })
				}
				synctest.Wait()
				begun := time.Now()
				if err := tc.probe(r, v); err != nil {
					t.Errorf("what others wait for keeps this from being answered: %v", err)
				}
				if took := time.Since(begun); took > time.Second {
					t.Errorf("answered after %s", took)
				}
				close(release)
				flood.Wait()
				time.Sleep(time.Minute)
				r.ForgetViolations() // of the flood: what is stuck is not acknowledged
			})
		})
	}
}
