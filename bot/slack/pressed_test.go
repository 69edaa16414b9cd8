package slack

import (
	"context"
	"testing"
	"time"

	"apono/bot/chat"
)

// TestWhoPressedSeesItFirst: the minute of chat.update is used up, and the message that
// somebody has just pressed a button of is redrawn all the same; twice, then it waits
// like the others.
func TestWhoPressedSeesItFirst(t *testing.T) {
	s := &service{click: func(context.Context, chat.Click) chat.Answer { return chat.Answer{} }}
	story(t, world(), s, func(r *rig) {
		ref, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
		r.must(err)
		other, err := r.client.Post(r.ctx, chat.Recipient{ID: carol}, approval(), chat.PriorityApprover)
		r.must(err)
		r.must(r.As(bob).Click(r.ctx, r.As(bob).DMs()[0], "Approve"))
		for range updateMessage.perMinute {
			r.must(r.client.Update(r.ctx, other, approval(), chat.PriorityStale))
		}
		decided := chat.Card{Title: "Access request AR-12", Body: chat.T("Approved by Bob."), Fallback: "Approved by Bob."}
		for n := 1; n <= pressedUses+1; n++ {
			begun := time.Now()
			r.must(r.client.Redraw(r.ctx, ref, func() (chat.Card, bool) { return decided, true }, chat.PriorityRedraw))
			if waited := time.Since(begun) > 0; waited != (n > pressedUses) {
				t.Errorf("redraw %d waited: %v", n, waited)
			}
		}
		if m := r.As(bob).DMs(); len(m) != 1 || len(m[0].Labels()) != 0 {
			t.Errorf("Bob sees %v", m)
		}
		if limited := r.RateLimited(); len(limited) > 0 {
			t.Errorf("429 answers: %v", limited)
		}
	})
}

// TestPressThatIsTooOld: a URL that does not work any more costs nothing.
func TestPressThatIsTooOld(t *testing.T) {
	s := &service{click: func(context.Context, chat.Click) chat.Answer { return chat.Answer{} }}
	story(t, world(), s, func(r *rig) {
		ref, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
		r.must(err)
		r.must(r.As(bob).Click(r.ctx, r.As(bob).DMs()[0], "Approve"))
		r.client.presses.put(ref.Channel, ref.Message, r.client.presses.take(ref.Channel, ref.Message)+"gone")
		decided := chat.Card{Title: "Access request AR-12", Body: chat.T("Approved by Bob."), Fallback: "Approved by Bob."}
		draw := func() (chat.Card, bool) { return decided, true }
		r.must(r.client.Redraw(r.ctx, ref, draw, chat.PriorityRedraw))
		if m := r.As(bob).DMs(); len(m) != 1 || len(m[0].Labels()) != 0 {
			t.Errorf("Bob sees %v", m)
		}
		if url := r.client.presses.take(ref.Channel, ref.Message); url != "" {
			t.Error("what does not work is tried again")
		}
	})
}
