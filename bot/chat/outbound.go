package chat

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Recipient is a person as a platform can find one.
type Recipient struct {
	Email string
	ID    string // bound account of this platform; empty: by verified e-mail
}

// MessageRef is where a message is.
type MessageRef struct {
	Platform string `json:"platform"`
	Channel  string `json:"channel"`
	Message  string `json:"message"`
}

// Priority of a message, or of a question about somebody; lower goes first where the
// platform limits the rate.
type Priority uint8

// Priorities.
const (
	PriorityNow       Priority = 0 // somebody acts and waits
	PriorityForm      Priority = 1 // somebody waits for a form, which has to open within seconds or never
	PriorityApprover  Priority = 2
	PriorityRequester Priority = 3
	PriorityAudit     Priority = 4
	PriorityStale     Priority = 5 // redraws of what offers buttons that do nothing any more
	PriorityRedraw    Priority = 6 // of what somebody has read already
)

// Messenger sends cards. Errors are *Error or context errors.
type Messenger interface {
	// Post sends a card to a person's direct chat with the bot.
	Post(ctx context.Context, to Recipient, card Card, p Priority) (MessageRef, error)
	// PostAudit sends a card to the audit channel.
	PostAudit(ctx context.Context, card Card) (MessageRef, error)
	// Update redraws a message in place.
	Update(ctx context.Context, ref MessageRef, card Card, p Priority) error
}

// ErrorKind says what an error of a platform means.
type ErrorKind string

// Error kinds.
const (
	ErrorRetry   ErrorKind = "retry"   // later, after RetryAfter where given
	ErrorGone    ErrorKind = "gone"    // the person, channel or message is not there any more
	ErrorRefused ErrorKind = "refused" // the platform will not take this; the operator must look
	ErrorUnknown ErrorKind = "unknown" // may have been delivered
)

// Error is what a platform returns. Code is the platform's own word.
type Error struct {
	Kind       ErrorKind
	Op         string
	Code       string
	RetryAfter time.Duration
	Err        error
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s: %s", e.Op, e.Kind, e.Code)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf classifies any error of a platform; one of unknown origin is ErrorUnknown.
func KindOf(err error) ErrorKind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return ErrorUnknown
}

// CodeOf is the platform's word for what went wrong; empty for an error of unknown
// origin.
func CodeOf(err error) string {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// RetryAfterOf is how long the platform asked to wait; 0 if it did not.
func RetryAfterOf(err error) time.Duration {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.RetryAfter
	}
	return 0
}
