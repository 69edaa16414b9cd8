package dispatch

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// jammed is a messenger that draws late: redraws wait until the jam is over.
type jammed struct {
	*messenger
	over chan struct{}
}

func (j *jammed) Redraw(ctx context.Context, ref chat.MessageRef, draw func() (chat.Card, bool), p chat.Priority) error {
	select {
	case <-j.over:
	case <-ctx.Done():
		return ctx.Err()
	}
	card, wanted := draw()
	if !wanted {
		return nil
	}
	return j.Update(ctx, ref, card, p)
}

// TestRedrawsOfOneMessageAreJoined: what changes several times in a second is
// redrawn once, and then shows how it ended.
func TestRedrawsOfOneMessageAreJoined(t *testing.T) {
	converse(t, func(s *talk) {
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(5 * time.Second)
		s.forget()
		s.approve(r.ID)
		s.after(300 * time.Millisecond)
		s.grant(r.ID)
		s.after(100 * time.Millisecond)
		if got := s.of(bob.Email); len(got[0].Actions) != 0 {
			t.Error("the card does not show at once how it ended")
		}
		s.after(5 * time.Second)
		if got := s.messenger.log("update"); len(got) != 4 { // Bob's, Carol's, Alice's "asked", and "approved", which was new meanwhile
			t.Errorf("%d redraws: %v", len(got), got)
		}
		s.settled()
	})
}

// TestPassingStateIsShownAfterASecond: nobody looks at an old card for longer
// because a system is slow.
func TestPassingStateIsShownAfterASecond(t *testing.T) {
	converse(t, func(s *talk) {
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(5 * time.Second)
		s.approve(r.ID)
		s.after(Together - time.Millisecond)
		if got := s.of(bob.Email); len(got[0].Actions) != 2 {
			t.Error("the card was redrawn before it settled")
		}
		s.after(time.Millisecond + ripeStep)
		if got := s.of(bob.Email); len(got[0].Actions) != 0 {
			t.Errorf("a second after the approval Bob sees %+v", got[0].Actions)
		}
	})
}

// TestRedrawThatWaitsShowsTheLatest: a card that waits for the platform's limits is
// drawn when its turn comes, and once only.
func TestRedrawThatWaitsShowsTheLatest(t *testing.T) {
	converse(t, func(s *talk) {
		jam := &jammed{s.messenger, make(chan struct{})}
		s.options.Messenger = jam
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(5 * time.Second)
		s.forget()
		s.approve(r.ID)
		s.after(5 * time.Second)
		s.grant(r.ID)
		s.after(5 * time.Second)
		s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
		s.must(s, r.ID, flows.Event{Kind: flows.EventGone, Integration: "db"})
		s.after(5 * time.Second)
		close(jam.over)
		s.after(5 * time.Second)
		s.settled()
		seen := map[string]int{}
		for _, c := range s.calls {
			if c.verb == "update" {
				seen[c.to]++
			}
		}
		for message, n := range seen {
			if n != 1 {
				t.Errorf("%s was redrawn %d times", message, n)
			}
		}
		r = s.get(s, r.ID)
		for _, key := range r.Posts() {
			if card, _ := (drawn{}).Card(r, key, time.Now()); s.posts[key].Shows != hashOf(card) {
				t.Errorf("%s does not show how it ended", key)
			}
		}
	})
}

// TestFirstMessagesOvertakeRedraws: a hundred redraws wait for the platform, and
// still nobody waits to be asked, or to learn how a request ended.
func TestFirstMessagesOvertakeRedraws(t *testing.T) {
	converse(t, func(s *talk) {
		jam := &jammed{s.messenger, make(chan struct{})}
		s.options.Messenger = jam
		s.start()
		var ids []string
		for range 30 {
			ids = append(ids, s.submit(s, askBob(unit("db", "orders"))).ID)
		}
		s.after(5 * time.Second)
		for _, id := range ids {
			s.approve(id)
			s.grant(id)
		}
		s.after(10 * time.Second)
		s.forget()
		s.submit(s, askBob(unit("db", "orders")))
		s.must(s, ids[0], flows.Event{Kind: flows.EventRevoke, By: alice})
		s.must(s, ids[0], flows.Event{Kind: flows.EventGone, Integration: "db"})
		s.after(100 * time.Millisecond)
		got := fmt.Sprint(s.messenger.log("post"))
		for _, want := range []string{"post bob@example.com AR-31", "post carol@example.com AR-31", "AR-31: your request was made", "AR-1 revoked"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q did not come; there came %s", want, got)
			}
		}
		close(jam.over)
		s.after(10 * time.Second)
		s.settled()
	})
}
