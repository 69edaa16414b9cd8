package slack

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

func TestEndIsOrderly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		started, finish := make(chan bool, 1), make(chan bool)
		r := newRig(t, world(), &service{click: func(context.Context, chat.Click) chat.Answer {
			started <- true
			<-finish
			return chat.Say("Finished.")
		}})
		r.start()
		synctest.Wait()
		m := r.post(bob, approval())
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		<-started
		r.stop()
		time.Sleep(5 * time.Second)
		if r.Sockets() != 0 || r.adapter.Ready() {
			t.Errorf("%d sockets are open, ready %v", r.Sockets(), r.adapter.Ready())
		}
		select {
		case err := <-r.ended:
			t.Errorf("Run returned before the click was answered: %v", err)
		default:
		}
		finish <- true
		if err := <-r.ended; err != nil {
			t.Error(err)
		}
		r.wantTold(bob, soothing, "Finished.")
		if r.inbox.Left() != 0 {
			t.Error("the press is still undone")
		}
		r.Close()
	})
}

func TestPressesBeforeAStopAreAcknowledged(t *testing.T) {
	for i := range 20 {
		s := &service{click: says("Done.")}
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t, world(), s)
			r.start()
			synctest.Wait()
			m := r.post(bob, approval())
			r.inbox.Delay(time.Duration(i) * 50 * time.Millisecond)
			clicked := make(chan error, 1)
			go func() { clicked <- r.As(bob).Click(r.ctx, m, "Approve") }()
			synctest.Wait()
			r.end()
			if err := <-clicked; err != nil {
				t.Errorf("a press that was taken was not acknowledged: %v", err)
			}
			r.wantTold(bob, "Done.")
			r.Close()
		})
	}
}

func TestPressDuringAStopIsLeftToThePerson(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, world(), &service{click: says("Done.")})
		defer r.Close()
		r.start()
		synctest.Wait()
		m := r.post(bob, approval())
		r.inbox.Delay(2 * time.Second)
		first := make(chan error, 1)
		go func() { first <- r.As(bob).Click(r.ctx, m, "Approve") }()
		synctest.Wait()
		r.stop()
		synctest.Wait()
		if err := r.As(bob).Click(r.ctx, m, "Deny"); err == nil {
			t.Error("a press was taken that nobody waits for")
		}
		if err := <-first; err != nil {
			t.Errorf("the press before the stop was not acknowledged: %v", err)
		}
		r.end()
		if c := r.service.clicked(); len(c) != 1 || c[0].Action != chat.ActionApprove {
			t.Errorf("handled: %+v", c)
		}
	})
}

// TestStopCutsOffWhatHangs: Run returns before the process is made to end, and what
// hung is done after the next start.
func TestStopCutsOffWhatHangs(t *testing.T) {
	for name, hang := range map[string]func(r *rig) func(ctx context.Context, c chat.Click) chat.Answer{
		"the service": func(*rig) func(ctx context.Context, c chat.Click) chat.Answer {
			return func(ctx context.Context, _ chat.Click) chat.Answer { <-ctx.Done(); return chat.Answer{} }
		},
		"Slack": func(r *rig) func(ctx context.Context, c chat.Click) chat.Answer {
			return func(context.Context, chat.Click) chat.Answer {
				r.Faults().Outage(slacksim.ServerError, time.Minute)
				return chat.Say("Too late.")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &service{}
				r := newRig(t, world(), s)
				r.start()
				synctest.Wait()
				m := r.post(bob, approval())
				s.click = hang(r)
				r.must(r.As(bob).Click(r.ctx, m, "Approve"))
				synctest.Wait()
				begun := time.Now()
				r.end()
				if took := time.Since(begun); took > 18*time.Second {
					t.Errorf("Run returned after %s", took)
				}
				if r.inbox.Left() != 1 {
					t.Error("the press is forgotten")
				}
				s.click = says("Too late.")
				time.Sleep(time.Minute)
				r.start()
				time.Sleep(time.Second)
				want := []string{"Too late."}
				if name == "the service" {
					want = []string{soothing, "Too late."}
				}
				r.wantTold(bob, want...)
				r.end()
				r.Close()
			})
		})
	}
}
