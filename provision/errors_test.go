package provision_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

func TestWhatErrorsMean(t *testing.T) {
	type meaning struct {
		Kind    provision.Kind
		Message string
		After   time.Duration
	}
	refused := &provision.Error{Integration: "db", Op: "grant", Kind: provision.KindRefused, Message: "No such role.", Err: io.EOF}
	busy := &provision.Error{Kind: provision.KindRetry, Message: "Busy.", RetryAfter: time.Minute}
	tests := map[string]struct {
		err  error
		want meaning
	}{
		"refused":              {refused, meaning{provision.KindRefused, "No such role.", 0}},
		"busy":                 {busy, meaning{provision.KindRetry, "Busy.", time.Minute}},
		"wrapped":              {fmt.Errorf("task 7: %w", busy), meaning{provision.KindRetry, "Busy.", time.Minute}},
		"joined, first counts": {errors.Join(io.EOF, refused, busy), meaning{provision.KindRefused, "No such role.", 0}},
		"without a message":    {&provision.Error{Kind: provision.KindRetry}, meaning{provision.KindRetry, "The system could not be reached.", 0}},
		"a time-out":           {fmt.Errorf("db: %w", context.DeadlineExceeded), meaning{provision.KindUnknown, "The system did not answer in time.", 0}},
		"a time-out within":    {&provision.Error{Kind: provision.KindUnknown, Err: context.DeadlineExceeded}, meaning{provision.KindUnknown, "The system did not answer in time.", 0}},
		"cancelled":            {context.Canceled, meaning{provision.KindUnknown, "The system could not be reached.", 0}},
		"nobody knows what":    {errors.New("dial tcp: secret stuff"), meaning{provision.KindUnknown, "The system could not be reached.", 0}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := meaning{provision.KindOf(tt.err), provision.MessageOf(tt.err), provision.RetryAfterOf(tt.err)}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("meaning (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorText(t *testing.T) {
	e := &provision.Error{Integration: "db", Op: "grant", Kind: provision.KindUnknown, Message: "The connection broke off."}
	if got, want := e.Error(), "db: grant: unknown: The connection broke off."; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	e.Err = io.ErrUnexpectedEOF
	if got, want := e.Error(), "db: grant: unknown: The connection broke off: unexpected EOF"; got != want {
		t.Errorf("text %q, want %q", got, want)
	}
	if !errors.Is(fmt.Errorf("task: %w", e), io.ErrUnexpectedEOF) {
		t.Error("the cause is lost")
	}
}

// TestCredentialsDoNotPrint is what keeps them out of logs that print a struct.
func TestCredentialsDoNotPrint(t *testing.T) {
	c := provision.Credentials{Fields: []provision.Field{{Name: "password", Value: flows.Secret("hunter2"), Secret: true}}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb, c); cmp.Equal(got, "") || containsAny(got, "hunter2", "68756e74657232") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}
