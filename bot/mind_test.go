package bot_test

import (
	"encoding/json"
	"testing"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestApproverMayChangeTheirMind while others are awaited: their deny is one like any
// other, and ends the request.
func TestApproverMayChangeTheirMind(t *testing.T) {
	o := newOffice(t)
	dba := flows.ApproverGroup{Approvers: []flows.Condition{{Attribute: "group", Values: []string{"dba"}}}}
	o.policy.Flows[0].Approval = &flows.Approval{Mode: flows.ModeAllOf, Groups: append(o.policy.Flows[0].Approval.Groups, dba)}
	o.change()
	r := o.ask("k")
	o.click("bob", chat.ActionApprove, r.ID)
	card, ok := o.Redraw(t.Context(), chat.Click{User: user("bob"), Target: chat.Target{Request: r.ID, Stamp: r.Stamp}})
	if !ok || len(card.Actions) != 1 || card.Actions[0].ID != chat.ActionDeny {
		t.Errorf("after Bob approved, his card has the buttons %+v", card.Actions)
	}
	dialog := o.click("bob", chat.ActionDeny, r.ID)
	if dialog.Open == nil {
		t.Fatalf("Bob cannot deny any more: %s", said(dialog))
	}
	sub := o.Submit(t.Context(), chat.FormEvent{
		User: user("bob"), Form: chat.FormReason, State: dialog.Open.State, Values: chat.Values{cards.FieldReason: {"On second thought, no."}}, Key: "second thought",
	})
	if got, _ := json.Marshal(sub); sub.Show != nil || sub.Errors != nil {
		t.Fatalf("the deny is not taken: %s", got)
	}
	if r = o.request(r.ID); r.State != flows.StateDenied || len(r.Decisions) != 2 {
		t.Errorf("%s is %s after %d decisions", r.ID, r.State, len(r.Decisions))
	}
	if got := said(o.click("carol", chat.ActionApprove, r.ID)); got != r.Standing() {
		t.Errorf("Carol is told %q", got)
	}
}
