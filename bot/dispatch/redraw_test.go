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

// held is a messenger whose messages to some people wait until the hold is over.
type held struct {
	*messenger
	whom string
	over chan struct{}
}

func (h *held) Post(ctx context.Context, to chat.Recipient, c chat.Card, p chat.Priority) (chat.MessageRef, error) {
	if to.Email == h.whom {
		select {
		case <-h.over:
		case <-ctx.Done():
			return chat.MessageRef{}, ctx.Err()
		}
	}
	return h.messenger.Post(ctx, to, c, p)
}

// TestMessagesToOneHoldUpNobody: a hundred messages to one person wait for the platform, to
// those who asked or to an approver, and everybody else is told at once, in the audit
// channel too. None is lost.
func TestMessagesToOneHoldUpNobody(t *testing.T) {
	for _, whom := range []string{alice.Email, bob.Email} {
		t.Run(whom, func(t *testing.T) {
			converse(t, func(s *talk) {
				hold := &held{s.messenger, whom, make(chan struct{})}
				s.options.Messenger = hold
				s.start()
				const n = 100
				for range n {
					s.submit(s, askBob(unit("db", "orders")))
				}
				s.after(20 * time.Second)
				for _, to := range []string{alice.Email, bob.Email, "carol@example.com"} {
					if got := len(s.of(to)); to != whom && got != n {
						t.Errorf("%s has %d messages while %s waits", to, got, whom)
					}
				}
				cursor, err := s.AuditCursor()
				if left, _ := s.Audit(cursor+1, n); err != nil || cursor < n || len(left) > 0 {
					t.Errorf("the audit channel knows %d events, not the %d after them: %v", cursor, len(left), err)
				}
				close(hold.over)
				s.after(time.Minute)
				if got := len(s.of(whom)); got != n {
					t.Errorf("%s has %d messages in the end", whom, got)
				}
				s.settled()
			})
		})
	}
}

// TestApproversOvertakeRequesters: first messages to a hundred who asked wait for the platform,
// and still nobody waits to be asked.
func TestApproversOvertakeRequesters(t *testing.T) {
	converse(t, func(s *talk) {
		s.took = 10 * time.Second // of any message
		s.start()
		for i := range 100 {
			draft := askBob(unit("db", "orders"))
			draft.Asked = nil
			draft.Need = flows.Need{Automatic: true}
			draft.Requestor = flows.PersonRef{Email: fmt.Sprintf("asks%d@example.com", i), Name: "Asks"}
			draft.Grantee = draft.Requestor
			s.submit(s, draft)
		}
		s.after(5 * time.Second)
		s.submit(s, askBob(unit("db", "orders")))
		s.after(100 * time.Millisecond)
		got := fmt.Sprint(s.messenger.log("post"))
		for _, want := range []string{"post bob@example.com AR-101", "post carol@example.com AR-101"} {
			if !strings.Contains(got, want) {
				t.Errorf("%q did not begin; there came %s", want, got)
			}
		}
	})
}
