package dispatch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"apono/bot/chat"
)

// storm is a channel that misbehaves, and what the bot did meanwhile.
type storm struct {
	*talk
	mu      sync.Mutex // the bot's calls come while the test turns the weather
	rnd     *rand.Rand
	weather string
	until   time.Time // before this no call may come: the platform said so
	early   int
	unsure  int // messages that are there though the bot cannot know
	facts   int
}

// call answers one message as the weather is.
func (s *storm) call(sent) (error, bool) { //nolint:revive // as messenger.fail has it
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Now().Before(s.until) {
		s.early++
	}
	switch s.weather {
	case "429":
		if s.rnd.IntN(4) > 0 {
			after := time.Duration(1+s.rnd.IntN(30)) * time.Second
			s.until = time.Now().Add(after)
			return chatErr(chat.ErrorRetry, after), false
		}
	case "down":
		return chatErr([]chat.ErrorKind{chat.ErrorRetry, chat.ErrorUnknown, chat.ErrorGone}[s.rnd.IntN(3)], 0), false
	case "flapping":
		switch s.rnd.IntN(4) {
		case 0:
			return chatErr(chat.ErrorUnknown, 0), false
		case 1:
			s.unsure++
			return chatErr(chat.ErrorUnknown, 0), true
		}
	}
	return nil, true
}

// below is a number in [0, n).
func (s *storm) below(n int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rnd.IntN(n)
}

func (s *storm) turn(weather string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.weather = weather
}

func (s *storm) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = time.Time{}
}

func (s *storm) step() {
	switch s.below(8) {
	case 0:
		s.turn([]string{"", "429", "down", "flapping"}[s.below(4)])
	case 1:
		s.end()    // and starts anew, as after an update
		s.forget() // a new process does not know
		s.start()
	case 2:
		s.after(time.Duration(s.below(20)) * time.Minute)
	default:
		for range s.below(30) {
			s.facts++
			s.record(fmt.Sprint(s.facts))
			s.after(time.Duration(s.below(300)) * time.Millisecond)
		}
	}
}

// TestAuditChannelInAnyWeather: whatever the channel does, every status change is
// told, in order, and once; only a message whose fate is unknown comes again, the
// same and at once. Messages keep the pace and wait as long as the platform says, and
// under pressure several changes share one.
func TestAuditChannelInAnyWeather(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			converse(t, func(talk *talk) {
				s := &storm{talk: talk, rnd: rand.New(rand.NewPCG(seed, 1))}
				s.options.Renderer, s.messenger.fail = listed{}, s.call
				s.start()
				for range 25 {
					s.step()
				}
				s.turn("")
				s.after(time.Hour)
				s.settled()

				shown := s.channel()
				s.mu.Lock()
				defer s.mu.Unlock()
				once := slices.Compact(slices.Clone(shown))
				if got, want := strings.Join(once, ","), strings.Join(numbered(1, s.facts), ","); got != want {
					t.Errorf("told %s\nwant %s", got, want)
				}
				if twice := len(shown) - len(once); twice > s.unsure {
					t.Errorf("%d messages came again, the fate of %d was unknown", twice, s.unsure)
				}
				if s.early > 0 {
					t.Errorf("%d calls came earlier than the platform said", s.early)
				}
				for _, m := range shown {
					if n := 1 + strings.Count(m, ","); n > auditMergeMax {
						t.Errorf("a message tells %d changes", n)
					}
				}
			})
		})
	}
}

// TestAuditRateUnderLoad: while changes wait, a message leaves every second, and a
// backlog of an hour's outage is told within seconds, not one by one.
func TestAuditRateUnderLoad(t *testing.T) {
	converse(t, func(s *talk) {
		s.options.Renderer = listed{}
		s.record(numbered(1, 900)...)
		s.start()
		began := time.Now()
		s.after(61 * time.Second)
		if got := strings.Join(s.channel(), ","); got != strings.Join(numbered(1, 900), ",") {
			t.Errorf("after a minute the channel knows %s", got)
		}
		for i, c := range s.calls {
			if at := c.at.Sub(began); at != time.Duration(i)*DefaultAuditPace {
				t.Errorf("message %d left after %s", i+1, at)
			}
		}
		s.settled()
	})
}
