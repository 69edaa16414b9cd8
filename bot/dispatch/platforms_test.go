package dispatch

import (
	"context"
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// abroad is a second platform.
type abroad struct{ *messenger }

func (a abroad) Post(ctx context.Context, to chat.Recipient, c chat.Card, p chat.Priority) (chat.MessageRef, error) {
	ref, err := a.messenger.Post(ctx, to, c, p)
	ref.Platform = "teams"
	return ref, err
}

func (a abroad) Update(ctx context.Context, ref chat.MessageRef, c chat.Card, p chat.Priority) error {
	if ref.Platform != "teams" {
		return chatErr(chat.ErrorGone, 0)
	}
	return a.messenger.Update(ctx, ref, c, p)
}

// twoPlatforms adds a second one, which reaches whom reach says.
func (s *talk) twoPlatforms(reach ...string) abroad {
	a := abroad{newMessenger()}
	a.fail = func(c sent) (error, bool) {
		for _, email := range reach {
			if c.to == email || c.verb != "post" {
				return nil, false
			}
		}
		return chatErr(chat.ErrorGone, 0), false
	}
	s.options.Others = []Platform{{Name: "teams", Messenger: a, AuditChannel: func() bool { return true }}}
	return a
}

func status(cards []chat.Card) string {
	var out []string
	for _, c := range cards {
		out = append(out, c.Status.Words(200))
	}
	return strings.Join(out, "; ")
}

func TestEveryCopyIsRedrawnOnEveryPlatform(t *testing.T) {
	converse(t, func(s *talk) {
		teams := s.twoPlatforms("bob@example.com", "alice@example.com")
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(10 * time.Second)
		s.approve(r.ID)
		s.grant(r.ID)
		s.after(time.Minute)
		for name, m := range map[string]*messenger{"slack": s.messenger, "teams": teams.messenger} {
			if got := status(m.of("bob@example.com")); !strings.HasPrefix(got, "Approved by Bob") {
				t.Errorf("%s: Bob's card shows %q", name, got)
			}
			if n := len(m.of("alice@example.com")); n != 4 {
				t.Errorf("%s: Alice has %d messages: %q", name, n, m.log("post"))
			}
			if n := len(m.log("audit")); n != 3 {
				t.Errorf("%s: audit: %q", name, m.log("audit"))
			}
		}
		if got := status(s.messenger.of("carol@example.com")); !strings.HasPrefix(got, "Approved by Bob") || len(teams.of("carol@example.com")) != 0 {
			t.Errorf("Carol, who is on one platform, has %q", got)
		}
		s.settled()
		if facts := s.operatorFacts(); len(facts) != 0 {
			t.Errorf("the operator is told of people who were reached: %q", facts)
		}
	})
}

func TestOnePlatformDownHoldsUpNoOther(t *testing.T) {
	converse(t, func(s *talk) {
		teams := s.twoPlatforms("bob@example.com", "alice@example.com", "carol@example.com")
		down := true
		was := teams.fail
		teams.fail = func(c sent) (error, bool) {
			if down {
				return chatErr(chat.ErrorRetry, 0), false
			}
			return was(c)
		}
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(2 * time.Second)
		if n := len(s.messenger.of("bob@example.com")); n != 1 {
			t.Errorf("Bob has %d messages where nothing is down", n)
		}
		s.approve(r.ID)
		s.after(5 * time.Second)
		if got := status(s.messenger.of("bob@example.com")); !strings.HasPrefix(got, "Approved by Bob") {
			t.Errorf("Bob's card shows %q", got)
		}
		down = false
		s.after(10 * time.Minute)
		if got := status(teams.of("bob@example.com")); !strings.HasPrefix(got, "Approved by Bob") {
			t.Errorf("Bob's card shows %q where it was down", got)
		}
		for name, m := range map[string]*messenger{"slack": s.messenger, "teams": teams.messenger} {
			if got := len(m.of("alice@example.com")); got != 2 {
				t.Errorf("%s: Alice has %d messages", name, got)
			}
			if m == s.messenger && len(m.log("audit")) > 2 {
				t.Errorf("the audit channel that works was told again: %q", m.log("audit"))
			}
		}
		s.settled()
	})
}

func TestWhoIsReachedNowhereIsReportedOnce(t *testing.T) {
	converse(t, func(s *talk) {
		s.twoPlatforms()
		s.fail = func(c sent) (error, bool) {
			if c.to == "carol@example.com" {
				return chatErr(chat.ErrorGone, 0), false
			}
			return nil, false
		}
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(10 * time.Second)
		s.approve(r.ID)
		s.after(time.Minute)
		facts := s.operatorFacts()
		if len(facts) != 1 || !strings.HasPrefix(facts[0], "carol@example.com could not be reached") {
			t.Errorf("the operator is told %q", facts)
		}
	})
}

func TestAPlatformThatIsAddedLater(t *testing.T) {
	converse(t, func(s *talk) {
		teams := abroad{newMessenger()}
		home := s.options.Messenger
		s.options.Messenger, s.options.Platform = teams, "teams"
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(10 * time.Second)
		s.end()

		// With Slack in front, the copies in Teams are still found and redrawn.
		s.options.Messenger, s.options.Platform = home, "slack"
		s.options.Others = []Platform{{Name: "teams", Messenger: teams}}
		s.start()
		s.approve(r.ID)
		s.after(time.Minute)
		if got := status(teams.of("bob@example.com")); !strings.HasPrefix(got, "Approved by Bob") {
			t.Errorf("Bob's card in Teams shows %q", got)
		}
		if n := len(teams.of("bob@example.com")); n != 1 {
			t.Errorf("Bob has %d cards in Teams", n)
		}
		if got := status(s.messenger.of("bob@example.com")); !strings.HasPrefix(got, "Approved by Bob") {
			t.Errorf("Bob's card in Slack shows %q", got)
		}
		s.settled()
	})
}

func TestATaskOfOnePlatform(t *testing.T) {
	d := newChats(ChatOptions{Others: []Platform{{Name: "teams"}}})
	for platform, want := range map[string]int{"": 2, "slack": 1, "teams": 1, "gone": 2} {
		if got := d.on(flows.PostKey{Platform: platform}); len(got) != want || want == 1 && got[0].Name != platform {
			t.Errorf("%q: %v", platform, got)
		}
	}
}
