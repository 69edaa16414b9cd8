package bot_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"apono/bot"
	"apono/bot/chat"
	"apono/flows"
)

// TestDelayedPress: a press of which the platform does not say at once who made it is
// not refused but left for later, and then judged and explained.
func TestDelayedPress(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	press := chat.Click{User: user("bob"), Action: chat.ActionApprove, Target: chat.Target{Request: "AR-1", Stamp: o.request("AR-1").Stamp}}
	for kind, later := range map[chat.ErrorKind]bool{chat.ErrorRetry: true, chat.ErrorRefused: false, chat.ErrorGone: false} {
		o.broken = &chat.Error{Kind: kind, Op: "users.info", Code: "test"}
		if a := o.Click(t.Context(), press); a.Later != later || a.Private == nil || o.request("AR-1").State != flows.StatePending {
			t.Errorf("%s: %+v, and the request is %s", kind, a, o.request("AR-1").State)
		}
	}
	o.broken = nil
	press.Replayed, press.Delayed = true, true
	const want = "I had trouble when you pressed Approve on AR-1. It counts. AR-1 was approved by you; the access is being granted."
	if a := o.Click(t.Context(), press); a.Later || said(a) != want {
		t.Errorf("%q, later %t; want %q", said(a), a.Later, want)
	}
}

// TestPressWhileTheStoreFails: what the store could not take is left for later, and
// nothing counts before.
func TestPressWhileTheStoreFails(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	full := &fullDisk{Store: o.Service.Store}
	o.Service.Store = full
	press := chat.Click{User: user("bob"), Action: chat.ActionApprove, Target: chat.Target{Request: "AR-1", Stamp: o.request("AR-1").Stamp}}
	if a := o.Click(t.Context(), press); !a.Later || o.request("AR-1").State != flows.StatePending {
		t.Errorf("%+v, and the request is %s", a, o.request("AR-1").State)
	}
	full.room = true
	if a := o.Click(t.Context(), press); a.Later || o.request("AR-1").State != flows.StateApproved {
		t.Errorf("%+v, and the request is %s", a, o.request("AR-1").State)
	}
	full.room = false
	if a := o.command("bob", "revoke AR-1"); !a.Later {
		t.Errorf("a command that acts: %+v", a)
	}
}

// fullDisk is a store that cannot write.
type fullDisk struct {
	bot.Store
	room bool
}

func (f *fullDisk) Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	if !f.room {
		return flows.Request{}, errors.New("no space left on device")
	}
	return f.Store.Apply(ctx, now, id, ev)
}

// TestWhoIsAskedFor: whoever is known to share an address is refused before they fill
// anything in. Where that cannot be asked at once the request form opens without it, but
// nothing is done without it, and nobody who is bound is asked about.
func TestWhoIsAskedFor(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	o.shared["bob"] = true
	stamp := o.request("AR-1").Stamp
	press := func() chat.Answer {
		return o.Click(t.Context(), chat.Click{User: user("bob"), Action: chat.ActionApprove, Target: chat.Target{Request: "AR-1", Stamp: stamp}})
	}
	const two = "Two accounts here have the address bob@example.com, so I cannot tell which of them is yours. " +
		"Please use the other one, or ask your administrator to bind this one to you in the directory."
	opens := map[string]func() chat.Answer{
		"command": func() chat.Answer { return o.command("bob", "request") },
		"button":  func() chat.Answer { return o.clickOn("bob", chat.ActionRequest, chat.Target{}) },
	}
	for name, open := range opens {
		if a := open(); a.Open != nil || said(a) != two {
			t.Errorf("%s: it opens a form: %t, %q", name, a.Open != nil, said(a))
		}
	}
	o.crowded = &chat.Error{Kind: chat.ErrorRetry, Op: "users.lookupByEmail", Code: "not_sent"}
	for name, open := range opens {
		if a := open(); a.Open == nil {
			t.Errorf("%s: the form does not open: %q", name, said(a))
		}
	}
	if got := o.Change(t.Context(), chat.FormEvent{User: user("bob"), Form: chat.FormRequest}); got == nil || got.ID != chat.FormRequest {
		t.Errorf("the form is redrawn as %+v", got)
	}
	for name, got := range map[string]string{"approve": said(press()), "revoke": said(o.command("bob", "revoke AR-1")), "requests": said(o.command("bob", "requests"))} {
		if got != two {
			t.Errorf("%s: %q", name, got)
		}
	}
	sub := o.Submit(t.Context(), chat.FormEvent{User: user("bob"), Form: chat.FormRequest, Key: "two"})
	if sub.Show == nil || plain(sub.Show.Parts[0].Text) != two || len(o.requests()) != 1 {
		t.Errorf("submitted: %+v", sub)
	}
	o.person("bob").SlackID = "bob"
	o.change()
	if got := said(press()); got != "" || o.request("AR-1").State != flows.StateApproved {
		t.Errorf("bound: %q, and the request is %s", got, o.request("AR-1").State)
	}
}

// TestFormWhileThePlatformIsOut: nothing that was typed is lost.
func TestFormWhileThePlatformIsOut(t *testing.T) {
	o := newOffice(t)
	o.broken = &chat.Error{Kind: chat.ErrorRetry, Op: "users.info", Code: "test"}
	e := chat.FormEvent{User: user("alice"), Form: chat.FormRequest, Key: "k"}
	if got := o.Change(t.Context(), e); got != nil {
		t.Errorf("the form is replaced by %+v", got)
	}
	if got := o.Submit(t.Context(), e); got.Show != nil || len(got.Errors) != 1 {
		t.Errorf("submitted: %+v", got)
	}
}
