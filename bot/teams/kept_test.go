package teams

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
)

// ill is a service that cannot judge who pressed until it is well.
type ill struct {
	well  atomic.Bool
	tries atomic.Int32
}

func (i *ill) click(then chat.Answer) func(context.Context, chat.Click) chat.Answer {
	return func(_ context.Context, c chat.Click) chat.Answer {
		i.tries.Add(1)
		if !i.well.Load() {
			a := chat.Say("I could not find out who you are.")
			a.Later = true
			return a
		}
		if c.Delayed && then.Private != nil {
			return chat.Say("Delayed. " + then.Private.Fallback)
		}
		return then
	}
}

func (o *office) undone() int {
	o.Helper()
	all, err := o.inbox.Undone(o.Context())
	if err != nil {
		o.Error(err)
	}
	return len(all)
}

const keptSentence = "I cannot do that at the moment. It is kept and tried again, so you need not do it again."

// TestPressIsKeptUntilItCanBeJudged: what the service cannot do yet stays in the inbox
// and is tried again, also over a restart. The person is told at once that it is kept,
// and then what became of it.
func TestPressIsKeptUntilItCanBeJudged(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		var i ill
		o.service.click = i.click(chat.Say("It counts."))
		_, err := bob.Press(m, "Approve")
		o.must(err)
		if bob.Toast != keptSentence {
			t.Errorf("toast %q", bob.Toast)
		}
		time.Sleep(10 * time.Minute)
		if n := i.tries.Load(); o.undone() != 1 || n < 10 || n > 20 {
			t.Errorf("%d undone after %d tries", o.undone(), n)
		}
		o.stop()
		o.start()
		i.well.Store(true)
		time.Sleep(time.Minute)
		if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, "Delayed. It counts.") || o.undone() != 0 {
			t.Errorf("Bob reads %q, %d undone", got, o.undone())
		}
		if n := len(bob.Messages()); n != 2 {
			t.Errorf("%d messages, want the card and what became of the press", n)
		}
	})
}

func TestPressIsGivenUpAfterADay(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		var i ill
		o.service.click = i.click(chat.Answer{})
		_, err := bob.Press(m, "Approve")
		o.must(err)
		time.Sleep(23 * time.Hour)
		if o.undone() != 1 {
			t.Error("given up within a day")
		}
		time.Sleep(2 * time.Hour)
		if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, "I could not find out who you are.") || o.undone() != 0 {
			t.Errorf("Bob reads %q, %d undone", got, o.undone())
		}
	})
}

// TestDialogThatIsKept: a dialog cannot be opened for somebody who waits no longer; a
// button that opens it is written to them, also where it shows a secret.
func TestDialogThatIsKept(t *testing.T) {
	for name, then := range map[string]chat.Answer{
		"reason": {Open: reasonForm()},
		"secret": {Open: &chat.Form{ID: chat.FormCredentials, Title: "Credentials"}, Then: func(context.Context) *chat.Form { return reasonForm() }},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				bob := o.enter("bob")
				m, _ := o.asked(bob)
				var i ill
				o.service.click = i.click(then)
				_, err := bob.Press(m, "Deny")
				o.must(err)
				if bob.Dialog != nil || bob.Toast != keptSentence {
					t.Errorf("dialog %+v, toast %q", bob.Dialog, bob.Toast)
				}
				i.well.Store(true)
				time.Sleep(time.Minute)
				offered := o.last(bob)
				if got := teamstest.Text(offered.Card); !strings.Contains(got, "I can open now what you pressed for AR-7.") || o.undone() != 0 {
					t.Fatalf("Bob reads %q, %d undone", got, o.undone())
				}
				_, err = bob.Press(offered, then.Open.Title)
				o.must(err)
				if bob.Dialog == nil || bob.Dialog.Title != "Reason" {
					t.Errorf("dialog %+v", bob.Dialog)
				}
			})
		})
	}
}

// TestAnswerThatIsLate: who was told that it takes longer is written to when it is done.
func TestAnswerThatIsLate(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		answers := map[chat.ActionID]chat.Answer{chat.ActionApprove: chat.Say("You are not an approver of AR-7."), chat.ActionDeny: {Open: reasonForm()}}
		o.service.click = func(_ context.Context, c chat.Click) chat.Answer {
			time.Sleep(7 * time.Second)
			return answers[c.Action]
		}
		for button, want := range map[string]string{"Approve": "You are not an approver of AR-7.", "Deny": "I can open now what you pressed for AR-7."} {
			_, err := bob.Press(m, button)
			o.must(err)
			if !strings.Contains(bob.Toast, "longer than usual") || !strings.Contains(bob.Toast, "I write to you") {
				t.Errorf("%s: toast %q", button, bob.Toast)
			}
			time.Sleep(time.Minute)
			if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, want) {
				t.Errorf("%s: Bob reads %q", button, got)
			}
		}
	})
}

// TestAnswerIsDeliveredWhenTeamsIsBack: an answer to a press that was kept is not lost
// because Teams does not take it at that moment.
func TestAnswerIsDeliveredWhenTeamsIsBack(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		m, _ := o.asked(bob)
		var i ill
		o.service.click = i.click(chat.Say("It counts."))
		_, err := bob.Press(m, "Approve")
		o.must(err)
		i.well.Store(true)
		o.tenant.Fail(teamstest.FaultPost, 6, 429, "TooManyRequests", 1)
		time.Sleep(2 * time.Minute)
		if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, "Delayed. It counts.") || o.undone() != 0 || i.tries.Load() != 2 {
			t.Errorf("Bob reads %q, %d undone, %d tries", got, o.undone(), i.tries.Load())
		}
	})
}

// TestCommandThatActs is committed before it is accepted, and kept like a press.
func TestCommandThatActs(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		var well atomic.Bool
		o.service.manner = chat.MannerActs
		o.service.command = func(c chat.Command) chat.Answer {
			if o.undone() != 1 {
				t.Errorf("%d commands are committed when one is handled", o.undone())
			}
			a := chat.Say("Ended by " + c.User.ID + ": " + c.Text)
			a.Later = !well.Load()
			return a
		}
		o.must(bob.Say("revoke AR-1"))
		time.Sleep(10 * time.Second)
		if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, keptSentence) || o.undone() != 1 {
			t.Errorf("Bob reads %q, %d undone", got, o.undone())
		}
		o.stop()
		well.Store(true)
		o.start()
		time.Sleep(time.Minute)
		if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, "Ended by aad-bob: revoke AR-1") || o.undone() != 0 {
			t.Errorf("Bob reads %q, %d undone", got, o.undone())
		}
	})
}
