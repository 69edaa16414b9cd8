package platform

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// Problem is one thing that an operator has to mend on the platform or in the
// configuration.
type Problem struct {
	Setting string // of the configuration: "slack.bot_token"; empty: of none
	Code    string // stable: the platform's own where there is one
	Message string // what is wrong
	Todo    string // what to do, and on which page
	Warning bool   // the bot runs all the same
}

func (p Problem) String() string { return p.Message + ": " + p.Todo }

// MaxSkew is how far the clock of this machine may be from the platform's before a
// check minds it. Ends of access are times of this machine's clock.
const MaxSkew = 30 * time.Second

// CodeSkew is Problem.Code of a clock that is wrong.
const CodeSkew = "clock_skew"

// Skew is how far the platform's clock is ahead of this machine's, to a second or two.
// The zero value is ready, and safe for concurrent use.
type Skew struct{ last atomic.Pointer[time.Duration] }

// Note compares the time of an answer, where it has one, with this machine's.
func (s *Skew) Note(h http.Header, now time.Time) {
	if at, err := http.ParseTime(h.Get("Date")); err == nil {
		skew := at.Sub(now.Truncate(time.Second))
		s.last.Store(&skew)
	}
}

// Last is what was noted last; 0 where nothing was.
func (s *Skew) Last() time.Duration {
	if d := s.last.Load(); d != nil {
		return *d
	}
	return 0
}

// SkewProblem warns of a skew against a clock, "Slack's"; false: it is small.
func SkewProblem(skew time.Duration, whose string) (Problem, bool) {
	if skew.Abs() <= MaxSkew {
		return Problem{}, false
	}
	ahead := "behind"
	if skew < 0 {
		ahead = "ahead of"
	}
	return Problem{
		Code: CodeSkew, Warning: true,
		Message: fmt.Sprintf("the clock of this machine is %s %s %s", skew.Abs().Round(time.Second), ahead, whose),
		Todo:    "access ends by this clock: let NTP keep it (timedatectl status)",
	}, true
}
