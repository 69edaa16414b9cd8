package dispatch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"

	"github.com/google/go-cmp/cmp"
)

// TestEveryCopyTellsTheSameTruth follows a request through its life.
func TestEveryCopyTellsTheSameTruth(t *testing.T) {
	converse(t, func(s *talk) {
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(0)
		for _, who := range []flows.PersonRef{bob, carol} {
			if got := s.of(who.Email); len(got) != 1 || len(got[0].Actions) != 2 {
				t.Errorf("%s sees %+v", who.Name, got)
			}
		}
		s.approve(r.ID)
		s.after(Together)
		for _, who := range []flows.PersonRef{bob, carol} {
			if got := s.of(who.Email); len(got) != 1 || len(got[0].Actions) != 0 {
				t.Errorf("after the approval %s sees %+v", who.Name, got)
			}
		}
		s.grant(r.ID)
		s.must(s, r.ID, flows.Event{Kind: flows.EventRevoke, By: alice})
		s.must(s, r.ID, flows.Event{Kind: flows.EventGone, Integration: "db"})
		s.after(10 * time.Second)
		s.settled()
		r = s.get(s, r.ID)
		for _, key := range r.Posts() {
			p := s.posts[key]
			card, ok := drawn{}.Card(r, key, time.Now())
			if !ok || p.Shows != hashOf(card) {
				t.Errorf("%s was last drawn at version %d of %d", key, p.Version, r.Version)
			}
			if diff := cmp.Diff(card, s.screens[p.Message]); diff != "" {
				t.Errorf("%s shows (-want +got):\n%s", key, diff)
			}
		}
	})
}

// TestMessagesOfOnePersonComeInOrder: an automatic request brings several at once.
func TestMessagesOfOnePersonComeInOrder(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.AuditChannel = nil
		s.took = 300 * time.Millisecond
		r := s.submit(s, ask(unit("db", "orders")))
		s.grant(r.ID)
		s.start()
		s.after(time.Minute)
		s.settled()
		var topics []flows.Topic
		for i := range s.n {
			for key, p := range s.posts {
				if p.Message == fmt.Sprintf("m%d", i+1) {
					topics = append(topics, key.Topic)
				}
			}
		}
		want := []flows.Topic{flows.TopicAsked, flows.TopicApproved, flows.TopicGranted, flows.TopicAccess}
		if diff := cmp.Diff(want, topics); diff != "" {
			t.Errorf("order of messages (-want +got):\n%s", diff)
		}
		if s.most != 1 {
			t.Errorf("%d at once to one person about one request", s.most)
		}
	})
}

func TestUnchangedMessageIsNotDrawnAgain(t *testing.T) {
	converse(t, func(s *talk) {
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(5 * time.Second)
		s.forget()
		for _, key := range r.Posts() {
			s.wants(time.Now(), flows.Effect{Kind: flows.EffectPost, Request: r.ID, Post: key})
		}
		s.after(5 * time.Second)
		s.settled()
		if got := s.messenger.log(); got != nil {
			t.Errorf("calls: %v", got)
		}
	})
}

func TestApproversGoFirst(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Total = 1
		s.options.AuditChannel = nil
		for range 3 {
			s.submit(s, askBob(unit("db", "orders")))
		}
		s.start()
		s.after(0)
		var prio []chat.Priority
		for _, c := range s.calls {
			prio = append(prio, c.prio)
		}
		want := []chat.Priority{2, 2, 2, 2, 2, 2, 3, 3, 3}
		if !slices.Equal(prio, want) {
			t.Errorf("order of priorities %v", prio)
		}
	})
}

// TestPostErrors tells what becomes of the first post of an approver's card.
func TestPostErrors(t *testing.T) {
	tests := []struct {
		name     string
		err      error
		took     bool // the call took effect all the same
		wait     time.Duration
		posts    int // calls for Bob's card
		shown    int // messages that Bob sees
		operator []string
	}{
		{"busy is tried again", chatErr(chat.ErrorRetry, 30*time.Second), false, 30 * time.Second, 2, 1, nil},
		{"lost answer may show twice", chatErr(chat.ErrorUnknown, 0), true, time.Second, 2, 2, nil},
		{"an error of no kind is unknown", errors.New("EOF"), false, time.Second, 2, 1, nil},
		{
			"gone is told once", chatErr(chat.ErrorGone, 0), false, time.Hour, 1, 0,
			[]string{`bob@example.com could not be reached in chat; the message "request" about AR-1 was not delivered.`},
		},
		{
			"refused is told once", chatErr(chat.ErrorRefused, 0), false, time.Hour, 1, 0,
			[]string{`The chat platform refused the message "request" about AR-1 to bob@example.com.`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			converse(t, func(s *talk) {
				failed := false
				s.fail = func(c sent) (error, bool) {
					if c.to == bob.Email && !failed {
						failed = true
						return tt.err, tt.took
					}
					return nil, true
				}
				s.start()
				s.submit(s, askBob(unit("db", "orders")))
				s.after(tt.wait + time.Second)
				s.settled()
				n := 0
				for _, c := range s.calls {
					if c.to == bob.Email {
						n++
					}
				}
				if shown := len(s.of(bob.Email)); n != tt.posts || shown != tt.shown {
					t.Errorf("%d posts, %d shown", n, shown)
				}
				if diff := cmp.Diff(tt.operator, s.operatorFacts()); diff != "" {
					t.Errorf("told the operator (-want +got):\n%s", diff)
				}
				if got := s.of(carol.Email); len(got) != 1 {
					t.Errorf("Carol sees %d cards", len(got))
				}
			})
		})
	}
}

// TestUnreachableIsToldOnceAndTriedOnChange: nothing loops, and somebody who comes
// back is reached by the next change.
func TestUnreachableIsToldOnceAndTriedOnChange(t *testing.T) {
	for name, unreachable := range map[string]func(s *talk, on bool){
		"platform": func(s *talk, on bool) {
			s.fail = func(c sent) (error, bool) {
				if on && c.to == bob.Email {
					return chatErr(chat.ErrorGone, 0), false
				}
				return nil, true
			}
		},
		"directory": func(s *talk, on bool) {
			delete(s.people, bob.Email)
			if on {
				s.people[bob.Email] = flows.Errorf(flows.CodeNotFound, "bob@example.com is not in the directory.")
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			converse(t, func(s *talk) {
				unreachable(s, true)
				s.start()
				draft := askBob(unit("db", "orders"))
				draft.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"a", "b", "c"}}
				r := s.submit(s, draft)
				s.after(time.Hour)
				s.must(s, r.ID, flows.Event{Kind: flows.EventApprove, By: carol, CountsFor: []int{0}})
				s.after(time.Hour)
				if got := s.operatorFacts(); len(got) != 1 {
					t.Errorf("told the operator %q", got)
				}
				unreachable(s, false)
				s.must(s, r.ID, flows.Event{Kind: flows.EventApprove, By: person(1), CountsFor: []int{1}})
				s.after(time.Minute)
				if got := s.of(bob.Email); len(got) != 1 {
					t.Errorf("Bob is back and sees %d cards", len(got))
				}
				s.settled()
			})
		})
	}
}

func TestDirectoryThatFailsIsAskedAgain(t *testing.T) {
	converse(t, func(s *talk) {
		s.people[bob.Email] = errors.New("no connection")
		s.start()
		s.submit(s, askBob(unit("db", "orders")))
		s.after(3 * time.Second)
		delete(s.people, bob.Email)
		s.after(time.Minute)
		if got := s.of(bob.Email); len(got) != 1 || s.operatorFacts() != nil {
			t.Errorf("Bob sees %d cards; told the operator %q", len(got), s.operatorFacts())
		}
	})
}

// TestRefusedRedraw is tried again with the next content, not with the same.
func TestRefusedRedraw(t *testing.T) {
	converse(t, func(s *talk) {
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.after(5 * time.Second)
		refuse := true
		s.fail = func(c sent) (error, bool) {
			if refuse && c.verb == "update" {
				return chatErr(chat.ErrorRefused, 0), false
			}
			return nil, true
		}
		s.forget()
		s.approve(r.ID)
		s.after(time.Minute)
		s.settled()
		if n := len(s.messenger.log("update")); n != 3 { // Bob's, Carol's, and Alice's "asked"
			t.Errorf("%d updates of the same content", n)
		}
		r = s.get(s, r.ID)
		for _, key := range r.Posts() {
			s.wants(time.Now(), flows.Effect{Kind: flows.EffectPost, Request: r.ID, Post: key})
		}
		s.after(time.Minute)
		if n := len(s.messenger.log("update")); n != 3 {
			t.Errorf("%d updates of the same content", n)
		}
		refuse = false
		s.grant(r.ID)
		s.after(time.Minute)
		for _, who := range []flows.PersonRef{bob, carol} {
			if got := s.of(who.Email); len(got) != 1 || len(got[0].Actions) != 0 {
				t.Errorf("%s sees %+v", who.Name, got)
			}
		}
		if !strings.Contains(s.logged.String(), "message_not_shown") {
			t.Error("a refused message is not logged")
		}
	})
}

// TestDeletedMessage comes anew only where a decision is wanted.
func TestDeletedMessage(t *testing.T) {
	converse(t, func(s *talk) {
		s.start()
		draft := askBob(unit("db", "orders"))
		draft.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"a", "b"}}
		r := s.submit(s, draft)
		s.after(5 * time.Second)
		s.fail = func(c sent) (error, bool) {
			if c.verb == "update" && !strings.HasPrefix(c.to, "m9") {
				return chatErr(chat.ErrorGone, 0), false
			}
			return nil, true
		}
		s.forget()
		s.must(s, r.ID, flows.Event{Kind: flows.EventApprove, By: carol, CountsFor: []int{0}})
		s.after(time.Minute)
		s.settled()
		got := s.messenger.log("post")
		slices.Sort(got)
		if len(got) != 2 || !strings.HasPrefix(got[0], "post bob@") || !strings.HasPrefix(got[1], "post carol@") {
			t.Errorf("posted anew: %v", got)
		}
		s.forget()
		s.must(s, r.ID, flows.Event{Kind: flows.EventDeny, By: bob, CountsFor: []int{1}})
		s.after(time.Minute)
		s.settled()
		if got := s.messenger.log("post"); len(got) != 1 || !strings.HasPrefix(got[0], "post alice@") {
			t.Errorf("posted after the decision: %v", got)
		}
		if s.operatorFacts() != nil {
			t.Errorf("told the operator %q", s.operatorFacts())
		}
	})
}

// TestChatDown: everything is shown in its last state once the platform is back.
func TestChatDown(t *testing.T) {
	converse(t, func(s *talk) {
		down := true
		s.fail = func(sent) (error, bool) {
			if down {
				return chatErr(chat.ErrorRetry, 0), false
			}
			return nil, true
		}
		s.start()
		r := s.submit(s, askBob(unit("db", "orders")))
		s.approve(r.ID)
		s.grant(r.ID)
		s.after(3 * time.Hour)
		if n := len(s.calls); n > 3*60*2*8 {
			t.Errorf("%d calls while the platform was down", n)
		}
		down = false
		s.after(5*time.Minute + time.Second)
		s.settled()
		if got := s.of(bob.Email); len(got) != 1 || len(got[0].Actions) != 0 {
			t.Errorf("Bob sees %+v", got)
		}
		if got := s.of(alice.Email); len(got) != 4 {
			t.Errorf("Alice sees %d messages", len(got))
		}
	})
}

// TestCrashAfterPost may show a card twice; the second is the one that is redrawn.
func TestCrashAfterPost(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.AuditChannel = nil
		s.fail = func(sent) (error, bool) { s.breakDown(errDown); return nil, true }
		r := s.submit(s, askBob(unit("db", "orders")))
		s.start()
		s.end()
		s.fail = nil
		s.breakDown(nil)
		s.start()
		s.after(0)
		s.settled()
		s.approve(r.ID)
		s.after(Together)
		got := s.of(bob.Email)
		if len(got) != 2 || len(got[1].Actions) != 0 {
			t.Errorf("Bob sees %+v", got)
		}
	})
}

func TestPostOfUnknownRequestIsStruckOff(t *testing.T) {
	converse(t, func(s *talk) {
		key := flows.PostKey{Request: "AR-9", Audience: flows.AudienceApprover, Person: bob.Email, Topic: flows.TopicRequest}
		s.wants(time.Now(), flows.Effect{Kind: flows.EffectPost, Request: "AR-9", Post: key})
		s.start()
		s.settled()
	})
}

type panicking struct{ drawn }

func (panicking) Card(flows.Request, flows.PostKey, time.Time) (chat.Card, bool) {
	panic("cannot draw")
}

func TestRendererThatPanicsDoesNotStopTheLane(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = panicking{}
		s.start()
		s.submit(s, askBob(unit("db", "orders")))
		s.after(time.Minute)
		if n := len(s.messenger.log("audit")); n != 1 {
			t.Errorf("%d audit messages", n)
		}
		if n := strings.Count(s.logged.String(), "task_panicked"); n < 3 || n > 30 {
			t.Errorf("%d panics logged in a minute", n)
		}
	})
}
