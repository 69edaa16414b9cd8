package bot_test

import (
	"fmt"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// TestApproversAreNotFlooded by somebody who asks and withdraws again and again. It is
// known from the store, so a restart changes nothing, and who had others decide may go on.
func TestApproversAreNotFlooded(t *testing.T) {
	o := newOffice(t)
	now := time.Now()
	o.Now = func() time.Time { return now }
	for i := range 2 * flows.MaxWithdrawn {
		deny := flows.Event{Kind: flows.EventDeny, By: flows.PersonRef{Email: "bob@example.com"}, CountsFor: []int{0}, Reason: "no"}
		if _, err := o.store.Apply(t.Context(), now, o.ask(fmt.Sprint("denied", i)).ID, deny); err != nil {
			t.Fatal(err)
		}
	}
	for i := range flows.MaxWithdrawn {
		r := o.ask(fmt.Sprint("withdrawn", i))
		o.click("alice", chat.ActionWithdraw, r.ID)
		if got := o.request(r.ID).State; got != flows.StateWithdrawn {
			t.Fatalf("%s is %s", r.ID, got)
		}
		now = now.Add(time.Second)
	}
	o.restarted()
	o.Now = func() time.Time { return now }
	values := chat.Values{"integration": {"pg"}, "type": {"database"}, "resources": {"db-1"}, "permissions": {"read"}, "justification": {"INC-12"}}
	form := chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: `{"i":"pg","t":"database"}`, Values: values, Key: "again"}
	before := len(o.requests())
	const want = "You have asked for and withdrawn 30 requests within 10 minutes, and each was in somebody's chat. You can ask again in 10 minutes."
	if got := o.Submit(t.Context(), form); got.Errors["justification"] != want || len(o.requests()) != before {
		t.Errorf("%+v, want %q; %d requests after %d", got, want, len(o.requests()), before)
	}
	now = now.Add(10*time.Minute - 30*time.Second)
	o.ask("later")
}
