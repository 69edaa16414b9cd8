package teams

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
)

// secretOnce shows a secret to one look at a time, as the service does, until a look was
// confirmed. Each takes what takes says.
type secretOnce struct {
	takes           func(look int) time.Duration
	mu              sync.Mutex
	looks, doubted  int
	busy, confirmed bool
}

const (
	secretWord   = "hunter2"
	elsewhere    = "These credentials are on their way to another dialog of yours."
	shownAlready = "These credentials were shown once and are erased."
)

func (s *secretOnce) click(context.Context, chat.Click) chat.Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.confirmed {
		return chat.Say(shownAlready)
	}
	mine := false
	return chat.Answer{
		Open: &chat.Form{ID: chat.FormCredentials, Title: "Credentials"},
		Then: func(context.Context) *chat.Form {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.confirmed {
				return notice("Credentials", shownAlready)
			}
			if s.busy {
				return notice("Credentials", elsewhere)
			}
			s.busy, mine = true, true
			s.looks++
			pause := s.takes(s.looks)
			s.mu.Unlock()
			time.Sleep(pause)
			s.mu.Lock()
			return &chat.Form{ID: chat.FormCredentials, Title: "Credentials", Parts: []chat.Part{{Kind: chat.PartVerbatim, Value: secretWord}}}
		},
		Shown: func(_ context.Context, ok bool) {
			s.mu.Lock()
			defer s.mu.Unlock()
			switch {
			case !mine:
			case ok:
				s.confirmed, s.busy = true, false
			default:
				s.doubted++
				s.busy = false
			}
		},
	}
}

// looksOf presses the button that shows a secret, at given times under given ids, and
// returns the answers. One whose ctx is over has hung up.
func (o *office) looksOf(bob *teamstest.Actor, looks []glance) []string {
	o.Helper()
	m, _ := o.asked(bob)
	press := bob.Activity("invoke")
	for _, a := range m.Card["actions"].([]any) {
		if a.(obj)["title"] == "Details" {
			press["name"], press["value"], press["replyToId"] = "task/fetch", obj{"data": a.(obj)["data"]}, m.ID
		}
	}
	out := make([]string, len(looks))
	var all sync.WaitGroup
	for i, l := range looks {
		act := obj{}
		maps.Copy(act, press)
		act["id"] = "f:" + l.id
		all.Go(func() {
			time.Sleep(l.at)
			ctx := context.Background()
			if l.hangsUp > 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, l.hangsUp)
				defer cancel()
			}
			begun := time.Now()
			w := o.tenant.DeliverUntil(ctx, act)
			if took := time.Since(begun); w.Code != http.StatusOK || took > 5*time.Second {
				o.Errorf("look %d: status %d after %v", i, w.Code, took)
			}
			out[i] = w.Body.String()
			if ctx.Err() != nil {
				out[i] = "hung up"
			}
		})
	}
	all.Wait()
	synctest.Wait()
	return out
}

type glance struct {
	id          string
	at, hangsUp time.Duration
}

// TestSecretsForSeveralClients: whatever is pressed in how many clients at the same
// moment, one of them shows the secret, and where nobody can have seen it, it is not
// spent.
func TestSecretsForSeveralClients(t *testing.T) {
	const in = time.Second
	takes := func(all ...time.Duration) func(int) time.Duration {
		return func(look int) time.Duration { return all[min(look, len(all))-1] }
	}
	const late, unseen, gone = "longer than usual", "not used up", "hung up"
	for name, tt := range map[string]struct {
		takes   func(int) time.Duration
		looks   []glance
		want    []string // what the answers say
		doubted int
	}{
		"two at the same moment": {
			takes: takes(in), looks: []glance{{id: "a"}, {id: "b", at: in / 2}}, want: []string{secretWord, shownAlready},
		},
		"eight at the same moment": {
			takes: takes(in), looks: []glance{{id: "a"}, {id: "b", at: 1}, {id: "c", at: 1}, {id: "d", at: 1}, {id: "e", at: 1}, {id: "f", at: 1}, {id: "g", at: 1}, {id: "h", at: 1}},
			want: []string{secretWord, shownAlready, shownAlready, shownAlready, shownAlready, shownAlready, shownAlready, shownAlready},
		},
		"the connector repeats both": {
			takes: takes(in),
			looks: []glance{{id: "a"}, {id: "b", at: in / 2}, {id: "a", at: in / 2}, {id: "b", at: 3 * in / 4}, {id: "a", at: 3 * in}, {id: "b", at: 3 * in}, {id: "a", at: time.Minute}, {id: "b", at: time.Minute}},
			want:  []string{secretWord, shownAlready, secretWord, shownAlready, secretWord, shownAlready, secretWord, shownAlready},
		},
		"the first is told that it takes longer": {
			takes: takes(5*in, 0), looks: []glance{{id: "a"}, {id: "b", at: 2 * in}, {id: "a", at: 10 * in}, {id: "b", at: 10 * in}, {id: "c", at: 10 * in}},
			want: []string{late, secretWord, unseen, secretWord, shownAlready}, doubted: 1,
		},
		"all are told that it takes longer": {
			takes: takes(6*in, 0), looks: []glance{{id: "a"}, {id: "b", at: in}, {id: "c", at: 20 * in}},
			want: []string{late, late, secretWord}, doubted: 1,
		},
		"the second has little time left": {
			takes: takes(5*in, 2*in, 0), looks: []glance{{id: "a"}, {id: "b", at: 2 * in}, {id: "b", at: 20 * in}, {id: "c", at: 20 * in}},
			want: []string{late, late, unseen, secretWord}, doubted: 2,
		},
		"the first hangs up": {
			takes: takes(in), looks: []glance{{id: "a", hangsUp: in / 2}, {id: "b", at: in / 4}, {id: "a", at: 3 * in}},
			want: []string{gone, secretWord, unseen}, doubted: 1,
		},
		"who hung up repeats it in time": {
			takes: takes(in), looks: []glance{{id: "a", hangsUp: in / 2}, {id: "a", at: 3 * in / 4}, {id: "b", at: 3 * in / 4}},
			want: []string{gone, secretWord, shownAlready},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inOffice(t, func(o *office) {
				once := &secretOnce{takes: tt.takes}
				o.service.click = once.click
				bob := o.enter("bob")
				got := o.looksOf(bob, tt.looks)
				for i, want := range tt.want {
					if !strings.Contains(got[i], want) || want != secretWord && strings.Contains(got[i], secretWord) {
						t.Errorf("look %d, %+v, is answered %s; want %q", i, tt.looks[i], got[i], want)
					}
				}
				time.Sleep(time.Minute)
				once.mu.Lock()
				defer once.mu.Unlock()
				if !once.confirmed || once.doubted != tt.doubted || once.busy {
					t.Errorf("confirmed %v, doubted %d times, busy %v", once.confirmed, once.doubted, once.busy)
				}
				written := 0
				for _, m := range bob.Messages() {
					text := teamstest.Text(m.Card)
					if strings.Contains(text, secretWord) {
						t.Error("the secret is in the chat")
					}
					if strings.Contains(text, unseen) {
						written++
					}
				}
				if written != tt.doubted {
					t.Errorf("Bob is told %d times that nothing was shown; want %d", written, tt.doubted)
				}
			})
		})
	}
}
