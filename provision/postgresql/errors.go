package postgresql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"unicode"

	"github.com/jackc/pgx/v5/pgconn"

	"apono/provision"
)

// problem is an error of the server or on the way to it.
type problem struct {
	database   string
	err        error
	connecting bool
	committing bool // the answer to COMMIT is what is missing
}

// Error is one line. A connection is tried with and without TLS and to each address
// of the host; what happened every time is said once.
func (p *problem) Error() string {
	var said []string
	for line := range strings.Lines(p.err.Error()) {
		if line = strings.TrimSpace(line); line != "" && !slices.Contains(said, line) {
			said = append(said, line)
		}
	}
	return fmt.Sprintf("database %q: %s", p.database, strings.Join(said, "; "))
}

func (p *problem) Unwrap() error { return p.err }

// refused makes an error that the same call would end in again.
func refused(format string, args ...any) error {
	return &provision.Error{Kind: provision.KindRefused, Message: fmt.Sprintf(format, args...)}
}

// later makes an error that the same call may not end in again.
func later(format string, args ...any) error {
	return &provision.Error{Kind: provision.KindRetry, Message: fmt.Sprintf(format, args...)}
}

func isOurs(err error) bool { _, ours := errors.AsType[*provision.Error](err); return ours }

// withoutConfig takes off the error that carries the connection's settings, the
// password among them, and tells parts of the connection string.
func withoutConfig(err error) error {
	if e, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return e.Unwrap()
	}
	return err
}

// stateKinds says what an SQLSTATE means for a repeat of the call, by the whole
// code or by its class; all others are unknown.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
var stateKinds = map[string]provision.Kind{
	"08": provision.KindRetry, "08007": provision.KindUnknown, // connection; outcome of a transaction not known
	"0A": provision.KindRefused, "0L": provision.KindRefused, "0P": provision.KindRefused, // not supported; grantor; role
	"22": provision.KindRefused,                              // data, such as a name the encoding cannot hold
	"23": provision.KindRetry,                                // two sessions made the same role
	"25": provision.KindRetry,                                // transaction state, such as a primary that became a standby
	"28": provision.KindRefused,                              // the bot's login
	"2B": provision.KindRefused,                              // something still hangs on a role
	"3D": provision.KindRefused, "3F": provision.KindRefused, // no such database, schema
	"40": provision.KindRetry, "40003": provision.KindUnknown, // serialization, deadlock; completion not known
	"42": provision.KindRefused, "42710": provision.KindRetry, // rights, names; another session made the role
	"53": provision.KindRetry, // connections, memory, disk
	"54": provision.KindRefused,
	"55": provision.KindRetry, "55000": provision.KindRefused, // locks; a database that takes no connections
	"57": provision.KindRetry, "57P04": provision.KindRefused, // shutdown, start, time-out; database dropped
	"58": provision.KindRetry, "58P01": provision.KindRefused, // the server's disk; a library that is not there
}

func kindOfState(code string) provision.Kind {
	class := code[:min(2, len(code))]
	return cmp.Or(stateKinds[code], stateKinds[class], provision.KindUnknown)
}

// spoiled reports whether another session got in the way, so that the same
// transaction may succeed at once: it failed on a serialization or deadlock, on
// an object that came or went in between, or on a row of the catalog that was
// updated at the same time (which has no code but that of internal errors).
func spoiled(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	switch e.Code {
	case "40001", "40P01", "42710", "23505", "42P01", "3F000", "42704", "XX000":
		return true
	}
	return false
}

// explain makes of any error what the contract asks for.
func (c *connection) explain(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*provision.Error](err); ok {
		e.Integration, e.Op = c.name, op
		return e
	}
	kind, message := c.classify(err)
	return &provision.Error{Integration: c.name, Op: op, Kind: kind, Message: message, Err: withoutConfig(err)}
}

// broken reports whether the way to the server is what failed.
func broken(err error) bool {
	_, network := errors.AsType[net.Error](err)
	return network || pgconn.SafeToRetry(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, pgconn.ErrConnClosed) || errors.Is(err, net.ErrClosed)
}

func (c *connection) classify(err error) (provision.Kind, string) {
	p, _ := errors.AsType[*problem](err)
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return kindOfState(e.Code), c.sentence(e, p)
	}
	switch {
	case p != nil && p.committing:
		return provision.KindUnknown, fmt.Sprintf("%s at %s did not confirm what it was told.", c.name, c.host)
	case errors.Is(err, context.DeadlineExceeded) || pgconn.Timeout(err):
		return provision.KindRetry, fmt.Sprintf("%s at %s did not answer in time.", c.name, c.host)
	case errors.Is(err, context.Canceled):
		return provision.KindRetry, fmt.Sprintf("The call to %s at %s was cancelled.", c.name, c.host)
	case p != nil && (p.connecting || broken(err)):
		return provision.KindRetry, fmt.Sprintf("%s at %s could not be reached.", c.name, c.host)
	}
	return provision.KindUnknown, fmt.Sprintf("Something unforeseen happened with %s at %s.", c.name, c.host)
}

// sentence tells a person what the server said, and where.
func (c *connection) sentence(e *pgconn.PgError, p *problem) string {
	where := c.name + " at " + c.host
	if p != nil {
		where = fmt.Sprintf("%s, database %q,", where, p.database)
	}
	what := "reported a problem"
	switch e.Code[:min(2, len(e.Code))] {
	case "28":
		what = "does not accept the bot's login"
	case "53":
		what = "has no room left"
	case "57":
		what = "is not available at the moment"
	case "42":
		if e.Code == "42501" {
			what = "does not give the bot the right that this takes"
		}
	}
	return fmt.Sprintf("%s %s: %s.", where, what, printable(e.Message))
}

// maxServerText is how much of the server's words is shown, in runes.
const maxServerText = 300

// printable makes one line of text that others wrote.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	if runes := []rune(text); len(runes) > maxServerText {
		return string(runes[:maxServerText]) + "…"
	}
	return text
}
