package postgresql

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"apono/provision"
)

func TestKindOfState(t *testing.T) {
	kinds := map[provision.Kind][]string{
		provision.KindRetry: {
			"08000", "08001", "08003", "08004", "08006", // connection
			"23505", "42710", // the same role made twice
			"25006", "25P02", "25P03", // a standby; an aborted and an idle transaction
			"40001", "40P01", // serialization, deadlock
			"53000", "53100", "53200", "53300", "53400", // disk, memory, connections, limits
			"55006", "55P03", // in use, locked
			"57014", "57P01", "57P02", "57P03", "57P05", // cancelled, shutdown, crash, starting up, idle
			"58000", "58030", // the disk of the server
		},
		provision.KindRefused: {
			"0A000", "0LP01", "0P000", "22021", "22023", "28000", "28P01", "2BP01", "3D000", "3F000",
			"42501", "42601", "42602", "42622", "42704", "42809", "42939", "42P01", "42P17", "54000", "54001", "55000", "57P04", "58P01",
		},
		provision.KindUnknown: {"08007", "40003", "XX000", "XX001", "XX002", "F0000", "P0001", "HV000", "99999", "X", ""},
	}
	c := &connection{name: "prod", host: "db.example.com"}
	for want, codes := range kinds {
		for _, code := range codes {
			err := c.explain("grant", &problem{database: "shop", err: fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Message: "no\nway"})})
			if got := provision.KindOf(err); got != want {
				t.Errorf("%s is %s, want %s", code, got, want)
			}
			m := provision.MessageOf(err)
			for _, part := range []string{"prod", "db.example.com", `"shop"`, "no way"} {
				if !strings.Contains(m, part) {
					t.Errorf("%s: %q does not say %s", code, m, part)
				}
			}
		}
	}
}

func TestKindOfOtherErrors(t *testing.T) {
	c := &connection{name: "prod", host: "db.example.com"}
	for name, tt := range map[string]struct {
		err  error
		want provision.Kind
		says string
	}{
		"time-out":         {&problem{err: context.DeadlineExceeded}, provision.KindRetry, "did not answer in time"},
		"no slot in time":  {context.DeadlineExceeded, provision.KindRetry, "did not answer in time"},
		"cancelled":        {context.Canceled, provision.KindRetry, "was cancelled"},
		"broken":           {&problem{err: io.ErrUnexpectedEOF}, provision.KindRetry, "could not be reached"},
		"reset":            {&problem{err: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}, provision.KindRetry, "could not be reached"},
		"closed":           {&problem{err: fmt.Errorf("write: %w", pgconn.ErrConnClosed)}, provision.KindRetry, "could not be reached"},
		"not connected":    {&problem{err: errors.New("tls: no"), connecting: true}, provision.KindRetry, "could not be reached"},
		"not understood":   {&problem{err: errors.New("can't scan")}, provision.KindUnknown, "unforeseen"},
		"broken at commit": {&problem{err: io.ErrUnexpectedEOF, committing: true}, provision.KindUnknown, "did not confirm"},
		"time-out there":   {&problem{err: context.DeadlineExceeded, committing: true}, provision.KindUnknown, "did not confirm"},
		"commit refused":   {&problem{err: &pgconn.PgError{Code: "40001"}, committing: true}, provision.KindRetry, "reported a problem"},
		"a bug":            {errors.New("what"), provision.KindUnknown, "unforeseen"},
		"our own":          {later("Not now."), provision.KindRetry, "Not now."},
	} {
		err := c.explain("revoke", tt.err)
		e, ok := errors.AsType[*provision.Error](err)
		if !ok || e.Kind != tt.want || e.Integration != "prod" || e.Op != "revoke" || !strings.Contains(e.Message, tt.says) {
			t.Errorf("%s: %#v", name, err)
		}
	}
	if err := c.explain("grant", nil); err != nil {
		t.Error(err)
	}
}

// TestEveryTryIsSaidOnce: pgx tries to connect with TLS and without, and tells of both.
func TestEveryTryIsSaidOnce(t *testing.T) {
	refused, reset := errors.New("127.0.0.1:1: connection refused"), errors.New("127.0.0.1:2: reset")
	p := &problem{database: "shop", err: errors.Join(refused, refused, reset, refused)}
	if got, want := p.Error(), `database "shop": 127.0.0.1:1: connection refused; 127.0.0.1:2: reset`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                  "plain",
		"two\nlines\x00\x1b[31m": "two lines  [31m",
		"bad \xff byte":          "bad ? byte",
		"right\u202eleft":        "right left",
	} {
		if got := printable(in); got != want {
			t.Errorf("printable(%q) = %q", in, got)
		}
	}
	if got := []rune(printable(strings.Repeat("ö", 1000))); len(got) != maxServerText+1 || got[maxServerText] != '…' {
		t.Errorf("long text has %d runes", len(got))
	}
}
