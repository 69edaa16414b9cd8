package flows

import (
	"errors"
	"fmt"
)

// Code classifies an Error for the machine. The set is closed.
type Code string

// Codes of errors.
const (
	CodeInvalid   Code = "invalid"   // the input cannot be used as it is
	CodeNotFound  Code = "not_found" // there is no such thing
	CodeAmbiguous Code = "ambiguous" // there are two such things
	CodeForbidden Code = "forbidden" // the person lacks the right
	CodeLate      Code = "late"      // the request has moved on; nothing was changed
	CodeRefused   Code = "refused"   // policy says no
	CodeInternal  Code = "internal"  // the operator must look; the person cannot help
)

// Error has two audiences: Code and Message are for the machine and the person,
// the wrapped chain is for the operator. Message is a whole sentence and never
// holds a secret.
type Error struct {
	Code    Code
	Message string
	Err     error // may be nil
}

// Errorf makes an error whose sentence is shown to the person.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.Err)
	}
	return string(e.Code) + ": " + e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// ErrorCode is the code of the first Error in the chain; CodeInternal for any
// other error, empty for nil.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return CodeInternal
}

// ErrorMessage is the sentence a person may see. Errors of unknown origin say
// only that something went wrong.
func ErrorMessage(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok && e.Message != "" {
		return e.Message
	}
	return "Something went wrong on our side; nothing was changed. Please try again, or ask your administrator."
}
