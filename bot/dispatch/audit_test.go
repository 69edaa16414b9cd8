package dispatch

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"

	"github.com/google/go-cmp/cmp"
)

// record appends facts that the channel is told.
func (s *talk) record(texts ...string) {
	s.Helper()
	for _, text := range texts {
		s.note(flows.FactOverdue, text)
	}
}

func (s *talk) note(kind flows.FactKind, text string) {
	s.Helper()
	if err := s.Record(s.Context(), time.Now(), flows.Fact{Kind: kind, Text: text}); err != nil {
		s.Fatal(err)
	}
}

// TestNotesForOperatorsGoTogether: three approvers who cannot be reached are one message
// after that of the request, though that is few; what tells of a request stays by itself.
func TestNotesForOperatorsGoTogether(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = listed{}
		s.note(flows.FactAsked, "asked")
		s.note(flows.FactOperator, "no Bob")
		s.note(flows.FactOperator, "no Carol")
		s.start()
		s.after(500 * time.Millisecond)
		s.note(flows.FactOperator, "no Dan")
		s.after(time.Minute)
		s.note(flows.FactOperator, "no Eve")
		s.note(flows.FactApproved, "approved")
		s.after(time.Minute)
		if diff := cmp.Diff([]string{"asked", "no Bob,no Carol,no Dan", "no Eve", "approved"}, s.channel()); diff != "" {
			t.Errorf("messages (-want +got):\n%s", diff)
		}
		s.settled()
	})
}

// listed is a renderer whose audit cards list their events.
type listed struct{ drawn }

func (listed) Audit(events []flows.AuditEvent) chat.Card {
	var all []string
	for _, e := range events {
		all = append(all, e.Fact.Text)
	}
	return chat.Card{Fallback: strings.Join(all, ",")}
}

// channel lists what the audit channel shows, one message an entry.
func (s *talk) channel() (out []string) {
	for _, c := range s.of("channel") {
		out = append(out, c.Fallback)
	}
	return out
}

func numbered(from, to int) (out []string) {
	for i := from; i <= to; i++ {
		out = append(out, fmt.Sprint(i))
	}
	return out
}

// TestOneMessageForEachStatusChange follows a request through its life.
func TestOneMessageForEachStatusChange(t *testing.T) {
	converse(t, func(s *talk) {
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(5 * time.Second)
		s.approve(r.ID)
		s.after(5 * time.Second)
		s.grant(r.ID)
		s.after(5 * time.Second)
		s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
		s.must(s, r.ID, flows.Event{Kind: flows.EventGone, Integration: "db"})
		s.after(5 * time.Second)
		want := []string{"AR-1 asked", "AR-1 approved by Bob", "AR-1 granted", "AR-1 revoked by Alice"}
		if diff := cmp.Diff(want, s.channel()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.settled()
	})
}

func TestAuditPace(t *testing.T) {
	tests := []struct {
		name  string
		facts []string
		want  []string
	}{
		{"few come one by one", numbered(1, 3), []string{"1", "2", "3"}},
		{"many are merged", numbered(1, 5), []string{"1,2,3,4,5"}},
		{"very many are merged in messages of bounded size", numbered(1, 40), []string{
			strings.Join(numbered(1, 15), ","), strings.Join(numbered(16, 30), ","), strings.Join(numbered(31, 40), ","),
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			converse(t, func(s *talk) {
				s.options.Renderer = listed{}
				s.record(tt.facts...)
				s.start()
				s.after(time.Minute)
				if diff := cmp.Diff(tt.want, s.channel()); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
				for i := 1; i < len(s.calls); i++ {
					if gap := s.calls[i].at.Sub(s.calls[i-1].at); gap != DefaultAuditPace {
						t.Errorf("message %d came after %s", i+1, gap)
					}
				}
				s.settled()
			})
		})
	}
}

// TestAuditUnderPressure: facts that come while a message waits its turn go with it.
func TestAuditUnderPressure(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = listed{}
		s.start()
		for i := range 100 {
			s.record(fmt.Sprint(i + 1))
			s.after(100 * time.Millisecond)
		}
		s.after(time.Minute)
		if diff := cmp.Diff(strings.Join(numbered(1, 100), ","), strings.Join(s.channel(), ",")); diff != "" {
			t.Errorf("facts in order (-want +got):\n%s", diff)
		}
		if n := len(s.channel()); n > 12 {
			t.Errorf("%d messages for 10 s of facts", n)
		}
		s.settled()
	})
}

func TestWhatIsNotToldIsPassedOver(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = listed{}
		for i := range 2*auditRead + 50 {
			s.memory.audit = append(s.memory.audit, flows.AuditEvent{Seq: uint64(i + 1), Fact: flows.Fact{Kind: flows.FactCredentials, Text: "quiet"}})
		}
		s.record("loud")
		s.start()
		if diff := cmp.Diff([]string{"loud"}, s.channel()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if s.cursor != uint64(len(s.memory.audit)) {
			t.Errorf("cursor %d of %d", s.cursor, len(s.memory.audit))
		}
		s.settled()
	})
}

func TestWithoutAnAuditChannel(t *testing.T) {
	for name, channel := range map[string]func() bool{"nil": nil, "false": func() bool { return false }} {
		converse(t, func(s *talk) {
			s.options.AuditChannel = channel
			s.record(numbered(1, 500)...)
			s.start()
			if s.cursor != 500 || len(s.calls) != 0 {
				t.Errorf("%s: cursor %d, %d calls", name, s.cursor, len(s.calls))
			}
			s.settled()
		})
	}
}

// TestAuditSurvivesErrors loses nothing and keeps the order, whatever the channel says.
func TestAuditSurvivesErrors(t *testing.T) {
	for _, kind := range []chat.ErrorKind{chat.ErrorRetry, chat.ErrorGone, chat.ErrorRefused, chat.ErrorUnknown} {
		t.Run(string(kind), func(t *testing.T) {
			converse(t, func(s *talk) {
				s.options.Renderer = listed{}
				down := true
				s.fail = func(sent) (error, bool) {
					if down {
						return chatErr(kind, 0), false
					}
					return nil, true
				}
				s.start()
				s.record(numbered(1, 20)...)
				s.after(2 * time.Hour)
				if n := len(s.calls); n > 300 {
					t.Errorf("%d calls to a channel that is down", n)
				}
				if s.cursor != 0 {
					t.Errorf("moved on to %d", s.cursor)
				}
				down = false
				s.record("21")
				s.after(6 * time.Minute)
				if diff := cmp.Diff(strings.Join(numbered(1, 21), ","), strings.Join(s.channel(), ",")); diff != "" {
					t.Errorf("facts in order (-want +got):\n%s", diff)
				}
				s.settled()
			})
		})
	}
}

// TestAuditEventThatCannotBeShown does not silence the rest.
func TestAuditEventThatCannotBeShown(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = listed{}
		s.fail = func(c sent) (error, bool) {
			if slices.Contains(strings.Split(c.card.Fallback, ","), "3") {
				return chatErr(chat.ErrorRefused, 0), false
			}
			return nil, true
		}
		s.record(numbered(1, 20)...)
		s.start()
		s.after(time.Minute)
		got := strings.Join(s.channel(), ",")
		want := "1,2,Audit event 3: overdue," + strings.Join(numbered(4, 20), ",")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("facts in order (-want +got):\n%s", diff)
		}
		s.settled()
	})
}

// TestAuditCrash repeats the message that may have left, the same, and loses none.
func TestAuditCrash(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = listed{}
		s.record(numbered(1, 5)...)
		s.fail = func(sent) (error, bool) { s.breakDown(errDown); return nil, true }
		s.start()
		s.end()
		s.breakDown(nil)
		s.fail = nil
		s.record(numbered(6, 12)...)
		s.start()
		s.after(time.Minute)
		if diff := cmp.Diff([]string{"1,2,3,4,5", "1,2,3,4,5", "6,7,8,9,10,11,12"}, s.channel()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.settled()
	})
}

func TestStopDuringAuditPause(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer, s.options.AuditPace = listed{}, time.Hour
		s.record("1", "2")
		s.start()
		began := time.Now()
		s.end()
		if took := time.Since(began); took != 0 {
			t.Errorf("stopped after %s", took)
		}
		s.options.AuditPace = 0
		s.start()
		s.after(time.Minute)
		if diff := cmp.Diff([]string{"1", "2"}, s.channel()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		s.settled()
	})
}

// TestAuditBackoffStartsAnew: after a long outage a hiccup is a hiccup again.
func TestAuditBackoffStartsAnew(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = listed{}
		down := true
		s.fail = func(c sent) (error, bool) {
			if down || c.card.Fallback == "3" {
				return chatErr(chat.ErrorRetry, 0), false
			}
			return nil, true
		}
		s.start()
		s.record("1", "2", "3")
		s.after(2 * time.Hour)
		down = false
		for s.calls[len(s.calls)-1].card.Fallback != "3" {
			s.after(time.Second)
		}
		s.fail = nil
		s.after(3 * time.Second)
		if diff := cmp.Diff([]string{"1", "2", "3"}, s.channel()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
