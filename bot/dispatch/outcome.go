package dispatch

import (
	"fmt"
	"runtime/debug"
	"strings"
	"time"
	"unicode/utf8"
)

// Result says in one word what became of a try. The set is closed.
type Result string

// Results.
const (
	ResultDone    Result = "done"    // the outside agrees with the record
	ResultNothing Result = "nothing" // there was nothing to do
	ResultLate    Result = "late"    // done, but the request had moved on meanwhile
	ResultRetry   Result = "retry"   // tried again later
	ResultUnknown Result = "unknown" // may have taken effect; tried again later
	ResultRefused Result = "refused" // the outside said no
	ResultGone    Result = "gone"    // the person or message is not there any more
	ResultPanic   Result = "panic"   // a driver or renderer panicked; tried again later
	ResultStore   Result = "store"   // the store failed; tried again later
	ResultStopped Result = "stopped" // cut off because the bot stops; left as it was
)

type verdict uint8

const (
	verdictDone  verdict = iota // strike the task off
	verdictAgain                // try again at due
	verdictLeave                // touch nothing
)

// outcome is what becomes of a task after a try.
type outcome struct {
	verdict verdict
	result  Result
	due     time.Time // again
	err     error     // for the operator; nil where all is well
}

func done(r Result) outcome { return outcome{verdict: verdictDone, result: r} }

func doneBut(r Result, err error) outcome { return outcome{verdict: verdictDone, result: r, err: err} }

func again(r Result, due time.Time, err error) outcome {
	return outcome{verdict: verdictAgain, result: r, due: due, err: err}
}

func stopped(err error) outcome {
	return outcome{verdict: verdictLeave, result: ResultStopped, err: err}
}

// maxProblem bounds in bytes what a task keeps of its last error.
const maxProblem = 500

// problemOf is the error as the task keeps it.
func problemOf(err error) string {
	if err == nil {
		return ""
	}
	return cut(err.Error(), maxProblem)
}

// cut shortens s to at most n bytes of whole runes.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= n {
		return s
	}
	const marker = "…"
	n -= len(marker)
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + marker
}

// panicked is a panic of somebody else's code. It is no *provision.Error and no
// *chat.Error, so it counts as an unknown outcome.
type panicked struct{ value any }

func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func stack() string { return string(debug.Stack()) }
