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

// denies opens the dialog for a reason and types one into it.
func (o *office) denies(bob *teamstest.Actor, reason string) *teamstest.Dialog {
	o.Helper()
	m, _ := o.asked(bob)
	o.service.click = func(context.Context, chat.Click) chat.Answer { return chat.Answer{Open: reasonForm()} }
	_, err := bob.Press(m, "Deny")
	o.must(err)
	o.must(bob.Dialog.Type("Reason", reason))
	return bob.Dialog
}

// tooShort refuses the first reason, after what Teams waits for.
func tooShort(took *atomic.Int32) func(chat.FormEvent) chat.Submitted {
	return func(e chat.FormEvent) chat.Submitted {
		time.Sleep(7 * time.Second)
		if took.Add(1); e.Values.First("reason") == "no" {
			return chat.Submitted{Errors: map[string]string{"reason": "Please say more."}}
		}
		return chat.Submitted{}
	}
}

// TestSubmissionThatIsLate: whoever submits a form and is told that it takes longer
// reads afterwards what became of it, and gets the form with all that was typed where it
// was not taken.
func TestSubmissionThatIsLate(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		var took atomic.Int32
		o.service.submit = tooShort(&took)
		d := o.denies(bob, "no")
		o.must(d.Submit("Deny")) // the tenant objects to over five seconds
		if !strings.Contains(bob.Toast, "is kept") || o.undone() != 1 {
			t.Errorf("toast %q, %d undone", bob.Toast, o.undone())
		}
		time.Sleep(time.Minute)
		m := o.last(bob)
		if got := teamstest.Text(m.Card); !strings.Contains(got, "took longer") || !strings.Contains(got, "[Reason]\nPlease say more.") || o.undone() != 0 {
			t.Fatalf("Bob reads %q, %d undone", got, o.undone())
		}
		if v, err := bob.Form(m).Value("Reason"); err != nil || v != "no" {
			t.Errorf("what was typed is %q, %v", v, err)
		}
		form := bob.Form(m)
		o.must(form.Type("Reason", "It is Friday."))
		o.must(form.Submit("Deny"))
		time.Sleep(time.Minute)
		if got := o.service.submits[len(o.service.submits)-1]; got.Values.First("reason") != "It is Friday." || got.State != `{"r":"AR-7"}` || took.Load() != 2 {
			t.Errorf("submitted %+v, %d times", got, took.Load())
		}
		d = o.denies(bob, "It is Friday.")
		o.must(d.Submit("Deny"))
		time.Sleep(time.Minute)
		if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, "It is done") || o.undone() != 0 {
			t.Errorf("Bob reads %q, %d undone", got, o.undone())
		}
	})
}

// TestLateSubmissionSurvives a restart while it is worked on, and Teams being away when
// its outcome is told.
func TestLateSubmissionSurvives(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		release := make(chan struct{})
		o.service.submit = func(chat.FormEvent) chat.Submitted {
			<-release
			return chat.Submitted{Errors: map[string]string{"reason": "Please say more."}}
		}
		d := o.denies(bob, "no")
		o.must(d.Submit("Deny"))
		key := o.service.submits[0].Key
		o.stop() // gives up waiting for it
		var took atomic.Int32
		o.service.submit = tooShort(&took)
		o.tenant.Fail(teamstest.FaultPost, 6, 429, "TooManyRequests", 1)
		o.start()
		time.Sleep(5 * time.Minute)
		m := o.last(bob)
		if v, err := bob.Form(m).Value("Reason"); err != nil || v != "no" || took.Load() != 1 || o.undone() != 0 {
			t.Errorf("typed %q, %v; handled %d times, %d undone in\n%s", v, err, took.Load(), o.undone(), teamstest.Text(m.Card))
		}
		if again := o.service.submits[1]; again.Key != key || again.Values.First("reason") != "no" {
			t.Errorf("submitted again as %+v, not under %q", again, key)
		}
		close(release)
		time.Sleep(time.Minute)
	})
}

// TestSubmissionThatCannotBeKept is not said to be kept, and its outcome is told all the
// same.
func TestSubmissionThatCannotBeKept(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		var took atomic.Int32
		o.service.submit = tooShort(&took)
		d := o.denies(bob, "no")
		o.inbox.Fail(context.DeadlineExceeded)
		o.must(d.Submit("Deny"))
		if strings.Contains(bob.Toast, "is kept") || !strings.Contains(bob.Toast, "longer than usual") {
			t.Errorf("toast %q", bob.Toast)
		}
		o.inbox.Fail(nil)
		time.Sleep(time.Minute)
		if v, err := bob.Form(o.last(bob)).Value("Reason"); err != nil || v != "no" {
			t.Errorf("what was typed is %q, %v", v, err)
		}
	})
}

// TestSecretsThatAreLate are shown to nobody: they are not spent, and a repeat does not
// bring them.
func TestSecretsThatAreLate(t *testing.T) {
	inOffice(t, func(o *office) {
		bob := o.enter("bob")
		var slow, confirmed, doubted atomic.Int32
		slow.Store(1)
		o.service.click = func(context.Context, chat.Click) chat.Answer {
			return chat.Answer{
				Open: &chat.Form{ID: chat.FormCredentials, Title: "Credentials"},
				Then: func(context.Context) *chat.Form {
					time.Sleep(time.Duration(slow.Load()) * 7 * time.Second)
					return &chat.Form{ID: chat.FormCredentials, Title: "Credentials", Parts: []chat.Part{{Kind: chat.PartVerbatim, Value: "hunter2"}}}
				},
				Shown: func(_ context.Context, ok bool) {
					if ok {
						confirmed.Add(1)
					} else {
						doubted.Add(1)
					}
				},
			}
		}
		m, _ := o.asked(bob)
		press := bob.Activity("invoke")
		for _, a := range m.Card["actions"].([]any) {
			if a.(obj)["title"] == "Details" {
				press["name"], press["value"] = "task/fetch", obj{"data": a.(obj)["data"]}
			}
		}
		ask := func() string { body, err := bob.Invoke(press); o.must(err); return string(body) }
		if got := ask(); !strings.Contains(got, "longer than usual") {
			t.Errorf("answered %s", got)
		}
		time.Sleep(5 * time.Second)
		if got := ask(); strings.Contains(got, "hunter2") {
			t.Errorf("a repeat shows %s", got)
		}
		if got := teamstest.Text(o.last(bob).Card); !strings.Contains(got, "not used up") {
			t.Errorf("Bob reads %q", got)
		}
		slow.Store(0)
		_, err := bob.Press(m, "Details")
		o.must(err)
		if bob.Dialog == nil || doubted.Load() != 1 || confirmed.Load() != 1 {
			t.Errorf("dialog %+v, confirmed %d times and doubted %d", bob.Dialog, confirmed.Load(), doubted.Load())
		}
		for _, m := range bob.Messages() {
			if strings.Contains(teamstest.Text(m.Card), "hunter2") {
				t.Error("the secret is in the chat")
			}
		}
	})
}
