package bot_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/flows"
)

// TestTooManyRequestsWait: the form stays open and says what to do.
func TestTooManyRequestsWait(t *testing.T) {
	o := newOffice(t)
	for i := range flows.MaxPending {
		o.ask(fmt.Sprint("k", i))
	}
	v := chat.Values{"integration": {"pg"}, "type": {"database"}, "resources": {"db-2"}, "permissions": {"read"}, "justification": {"INC-12"}}
	e := chat.FormEvent{User: user("alice"), Form: chat.FormRequest, State: `{"i":"pg","t":"database"}`, Values: v, Key: "more"}
	want := map[string]string{"justification": "You have 50 requests waiting; withdraw some first."}
	if diff := cmp.Diff(want, o.Submit(t.Context(), e).Errors); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	o.click("alice", chat.ActionWithdraw, "AR-3")
	if got := o.Submit(t.Context(), e); got.Errors != nil {
		t.Errorf("after a withdrawal: %v", got.Errors)
	}
}
