package provision

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind tells the caller what an error of a target means.
type Kind string

// Kinds.
const (
	// KindRetry: the same call may succeed later; nothing is known to be wrong with it.
	KindRetry Kind = "retry"
	// KindRefused: the target said no, and will say no again.
	KindRefused Kind = "refused"
	// KindUnknown: the call may or may not have taken effect.
	KindUnknown Kind = "unknown"
)

// Error is what a driver returns. Message is a sentence a person may read; Err
// is for the operator. Neither holds a secret.
type Error struct {
	Integration string
	Op          string // grant, revoke, discover, check, …
	Kind        Kind
	Message     string
	RetryAfter  time.Duration // 0: the caller's own back-off
	Err         error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s: %s: ", e.Integration, e.Op, e.Kind)
	if e.Err == nil {
		return s + e.Message
	}
	return s + strings.TrimSuffix(e.Message, ".") + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf classifies any error of a driver. What is not an *Error, a time-out
// for example, has an unknown outcome.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return KindUnknown
}

// MessageOf is the sentence a person may read about a driver's error.
func MessageOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok && e.Message != "" {
		return e.Message
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "The system did not answer in time."
	}
	return "The system could not be reached."
}

// RetryAfterOf is how long the target asked to be left alone; 0 if it did not.
func RetryAfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
