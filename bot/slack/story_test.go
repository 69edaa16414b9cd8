package slack

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
)

func TestClickIsCommittedHandledAndAnswered(t *testing.T) {
	s := &service{click: func(_ context.Context, c chat.Click) chat.Answer {
		return chat.Say("You approved " + c.Target.Request + ".")
	}}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		contains(t, m.Text, "Access request AR-12", "Waiting for one of 2", "Requested by: Alice (alice@example.com)",
			"INC-12 <!channel> *burns* & `more`", "prod-postgres", "Resources: orders, users", "You are Alice's manager.")
		if diff := cmp.Diff([]string{"Approve", "Deny", "Details"}, m.Labels()); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
		if len(m.Broadcasts) > 0 {
			t.Errorf("the card calls %v", m.Broadcasts)
		}
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		synctest.Wait()
		want := chat.Click{
			User: chat.User{Platform: "slack", ID: bob, Team: "T0WORKSPACE"}, Action: chat.ActionApprove,
			Target: chat.Target{Request: "AR-12", Version: 3}, At: time.Now().UTC(),
		}
		if diff := cmp.Diff([]chat.Click{want}, s.clicked()); diff != "" {
			t.Errorf("clicks (-want +got):\n%s", diff)
		}
		if e := r.As(bob).Ephemerals(); len(e) != 1 || e[0].Text != "You approved AR-12." {
			t.Errorf("answers %+v", e)
		}
		if r.inbox.received() != 1 || r.inbox.undone() != 0 {
			t.Errorf("inbox: %d received, %d undone", r.inbox.received(), r.inbox.undone())
		}
		r.must(r.As(bob).Click(r.ctx, m, "Details"))
		synctest.Wait()
		if got := s.clicked()[1]; got.Action != chat.ActionDetails || got.Target != want.Target {
			t.Errorf("menu entry arrived as %+v", got)
		}
	})
}
