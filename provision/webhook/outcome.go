package webhook

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode"

	"apono/provision"
)

// maxMessage is how much of a system's own message people are shown, in runes.
const maxMessage = 300

// failure makes the error of an act.
func (c *connection) failure(op string, kind provision.Kind, message string, err error) error {
	return &provision.Error{Integration: c.name, Op: op, Kind: kind, Message: message, Err: err}
}

// unreachable says what it means that no answer came.
func (c *connection) unreachable(ctx context.Context, op string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %s: %w", c.name, op, ctx.Err())
	}
	cause := causeOf(err)
	kind, message := provision.KindUnknown, "The connection to the system broke off."
	var dial *net.OpError
	var timeout net.Error
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.Is(err, errTooLong):
		message = "The answer of the system is too long."
	case errors.As(err, &certificate):
		kind, message = provision.KindRetry, "The certificate of the system could not be verified."
	case errors.As(err, &dial) && (dial.Op == "dial" || dial.Op == "proxyconnect"):
		kind, message = provision.KindRetry, "The system could not be reached." // nothing was sent
	case errors.As(err, &timeout) && timeout.Timeout():
		message = "The system did not answer in time."
	}
	return c.failure(op, kind, message, cause)
}

// causeOf picks the part of a chain that is known to hold neither the URL nor
// anything that the system sent. Of the rest only the type is told.
func causeOf(err error) error {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &certificate):
		return certificate
	case errors.As(err, &record):
		return errors.New("this is not TLS: " + record.Msg)
	case errors.As(err, &alert):
		return alert
	case errors.As(err, &dns):
		return dns
	case errors.As(err, &op):
		return op
	}
	for _, known := range []error{
		errTooLong, http.ErrSchemeMismatch, io.ErrUnexpectedEOF, io.EOF, io.ErrClosedPipe, context.DeadlineExceeded,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return fmt.Errorf("an error of type %T", err)
}

// badStatus says what it means that the status was not 2xx. A message in the
// body is told; of its retry only a yes is heard.
func (c *connection) badStatus(op string, status int, after time.Duration, body []byte) error {
	e := &provision.Error{
		Integration: c.name, Op: op, Kind: provision.KindRefused, Err: fmt.Errorf("HTTP status %d", status),
		Message: fmt.Sprintf("The system answered with HTTP status %d.", status),
	}
	if status >= 300 && status < 400 {
		e.Message = "The system answered with a redirect that is not followed."
	}
	var a answer
	if json.Unmarshal(body, &a) == nil && a.Status == statusError {
		e.Message = c.message(a.Message, e.Message)
		if a.Retry {
			e.Kind = provision.KindRetry
		}
	}
	if transient(status) {
		e.Kind, e.RetryAfter = provision.KindRetry, after
	}
	return e
}

// refusal says what it means that the system answered and the status in the
// answer is not the one that was hoped for.
func (c *connection) refusal(op, event string, a answer) error {
	if a.Status != statusError {
		return c.failure(op, provision.KindUnknown, "The answer of the system is not part of the protocol.",
			fmt.Errorf("%s was answered with a status that it does not have", event))
	}
	kind := provision.KindRefused
	if a.Retry {
		kind = provision.KindRetry
	}
	return c.failure(op, kind, c.message(a.Message, "The system refused without a reason."), nil)
}

// undecodable keeps the text of the answer out of the error: it may hold
// credentials.
func (c *connection) undecodable(op, event string, err error) error {
	why := "is not JSON"
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		why = fmt.Sprintf("has a wrong type in %q", e.Field)
	} else if errors.Is(err, errCredentials) {
		why = "has credentials that are not text"
	}
	return c.failure(op, provision.KindUnknown, "The answer of the system cannot be read.", fmt.Errorf("the answer to %s %s", event, why))
}

// message makes a system's own words fit to be shown.
func (c *connection) message(text, otherwise string) string {
	text = clean(text)
	secret := c.secret.Reveal()
	for _, s := range []string{secret, strings.TrimPrefix(secret, secretPrefix)} {
		text = strings.ReplaceAll(text, s, "*****")
	}
	if text == "" {
		return otherwise
	}
	if runes := []rune(text); len(runes) > maxMessage {
		return string(runes[:maxMessage-1]) + "…"
	}
	return text
}

// clean makes one line of a text and takes out what steers a terminal or turns
// the direction of writing.
func clean(text string) string {
	text = strings.Join(strings.Fields(strings.ToValidUTF8(text, "\ufffd")), " ")
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, text)
}
