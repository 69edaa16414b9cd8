package dispatch

import (
	"context"
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// crowded is a messenger whose limits let nobody through before a moment.
type crowded struct {
	*messenger
	until time.Time
}

func (c crowded) Post(ctx context.Context, to chat.Recipient, card chat.Card, p chat.Priority) (chat.MessageRef, error) {
	select {
	case <-time.After(time.Until(c.until)):
		return c.messenger.Post(ctx, to, card, p)
	case <-ctx.Done():
		return chat.MessageRef{}, &chat.Error{Kind: chat.ErrorRetry, Op: "chat.postMessage", Code: "not_sent", Err: ctx.Err()}
	}
}

// TestWhatIsOverIsNotAnnounced: nobody is told that an access ends soon which has ended,
// nor reminded of a decision that was made, because the platform was away or had no room.
// What tells of the end is told.
func TestWhatIsOverIsNotAnnounced(t *testing.T) {
	out := func(s *talk, until time.Time) {
		s.fail = func(sent) (error, bool) {
			if time.Now().Before(until) {
				return chatErr(chat.ErrorRetry, 0), false
			}
			return nil, false
		}
	}
	limited := func(s *talk, until time.Time) { s.options.Messenger = crowded{s.messenger, until} }
	for name, busy := range map[string]func(s *talk, until time.Time){"away": out, "no room": limited} {
		t.Run(name, func(t *testing.T) {
			for told, until := range map[bool]time.Duration{true: 55 * time.Minute, false: 62 * time.Minute} {
				converse(t, func(s *talk) {
					r := s.submit(s, askBob(unit("db", "orders")))
					s.approve(r.ID)
					r = s.grant(r.ID)
					s.start()
					s.after(10 * time.Second)
					s.end()
					s.after(time.Until(r.SoonAt))
					busy(s, r.EndsAt.Add(until-time.Hour))
					s.start()
					s.must(s, r.ID, flows.Event{Kind: flows.EventDue})
					s.after(time.Until(r.EndsAt))
					s.must(s, r.ID, flows.Event{Kind: flows.EventDue})
					s.must(s, r.ID, flows.Event{Kind: flows.EventGone, Integration: "db"})
					s.after(20 * time.Minute)
					s.settled()
					var all []string
					for _, c := range s.of(alice.Email) {
						all = append(all, c.Title)
					}
					titles := strings.Join(all, ", ")
					if strings.Contains(titles, "ending soon") != told || !strings.Contains(titles, "AR-1 expired") {
						t.Errorf("Slack is back %s after the access began; Alice reads %s", until, titles)
					}
				})
			}
		})
	}
}

// TestDecidedIsNotReminded: the reminder that could not be posted is not, once somebody
// has decided.
func TestDecidedIsNotReminded(t *testing.T) {
	converse(t, func(s *talk) {
		r := s.submit(s, askBob(unit("db", "orders")))
		s.start()
		s.after(10 * time.Second)
		s.end()
		s.after(time.Until(r.RemindAt))
		s.fail = func(c sent) (error, bool) { return chatErr(chat.ErrorRetry, 0), false }
		s.start()
		r = s.must(s, r.ID, flows.Event{Kind: flows.EventDue})
		s.after(time.Minute)
		s.fail = nil
		s.approve(r.ID)
		s.after(20 * time.Minute)
		s.settled()
		if len(r.Reminders) != 1 {
			t.Fatalf("%d reminders", len(r.Reminders))
		}
		for _, c := range s.of(bob.Email) {
			if strings.HasPrefix(c.Title, "Reminder") {
				t.Errorf("Bob is reminded of what he decided: %+v", c)
			}
		}
	})
}
