package bot_test

import (
	"testing"

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
	const want = "I could not find out at once who you are when you pressed Approve on AR-1. It counts. AR-1 was already approved by Bob; the access is being granted."
	if a := o.Click(t.Context(), press); a.Later || said(a) != want {
		t.Errorf("%q, later %t; want %q", said(a), a.Later, want)
	}
}
