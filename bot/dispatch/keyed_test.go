package dispatch

import (
	"context"
	"testing"
	"time"

	"apono/bot/chat"
)

// keyed is a messenger that finds its own messages again. The messenger's mutex guards refs and looked.
type keyed struct {
	*messenger
	refs    map[string]chat.MessageRef
	looked  int
	looking error // of FindPost
}

func (k *keyed) PostKeyed(_ context.Context, to chat.Recipient, c chat.Card, p chat.Priority, key string) (chat.MessageRef, error) {
	ref, err := k.send(sent{verb: "post", to: to.Email, card: c, prio: p})
	k.mu.Lock()
	defer k.mu.Unlock()
	if ref.Message != "" {
		k.refs[key] = ref
	}
	return ref, err
}

func (k *keyed) FindPost(_ context.Context, _ chat.Recipient, key string, since time.Time, _ chat.Priority) (chat.MessageRef, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looked++
	if k.looking != nil || time.Since(since) > time.Hour {
		return chat.MessageRef{}, false, k.looking
	}
	ref, ok := k.refs[key]
	return ref, ok, nil
}

// TestFirstPostOfUnknownOutcome: a message that went through without the bot's
// learning of it is found and redrawn, not posted a second time. Its copy would
// keep its buttons, and say for ever that the request waits.
func TestFirstPostOfUnknownOutcome(t *testing.T) {
	for name, c := range map[string]struct {
		took    bool
		looking error
		copies  int
	}{
		"it is there":          {took: true, copies: 1},
		"it is not there":      {copies: 1},
		"the bot may not look": {took: true, looking: chatErr(chat.ErrorRefused, 0), copies: 2},
	} {
		t.Run(name, func(t *testing.T) {
			converse(t, func(s *talk) {
				k := &keyed{messenger: s.messenger, refs: map[string]chat.MessageRef{}, looking: c.looking}
				s.options.Messenger, s.options.AuditChannel = k, nil
				failed := false
				s.fail = func(m sent) (error, bool) {
					if failed || m.verb != "post" || m.to != bob.Email {
						return nil, false
					}
					failed = true
					return chatErr(chat.ErrorUnknown, 0), c.took
				}
				s.start()
				r := s.submit(s, askBob(unit("db", "orders")))
				s.after(time.Minute)
				k.mu.Lock()
				looked := k.looked
				k.mu.Unlock()
				if looked != 1 {
					t.Errorf("looked for a message %d times; want only for the one of unknown outcome", looked)
				}
				s.approve(r.ID)
				s.after(time.Minute)
				shows := s.of(bob.Email)
				if len(shows) != c.copies {
					t.Fatalf("bob has %d copies; want %d", len(shows), c.copies)
				}
				if last := shows[len(shows)-1]; len(last.Actions) != 0 {
					t.Errorf("bob's card still has buttons: %+v", last.Actions)
				}
			})
		})
	}
}
