package sweep

import (
	"context"
	"errors"
	"testing"
	"time"
)

type trail struct {
	calls []time.Time
	err   error
}

func (t *trail) Anchor(_ context.Context, now time.Time) (bool, error) {
	t.calls = append(t.calls, now)
	return t.err == nil, t.err
}

// The head is told where anybody reads it; whether it is time, the trail knows.
func TestAnchor(t *testing.T) {
	tr, at, wanted := &trail{}, time.Date(2026, 3, 2, 0, 30, 0, 0, time.UTC), false
	job := Anchor(tr, func() bool { return wanted }, func() time.Time { return at })
	if err := job.Run(t.Context()); err != nil || len(tr.calls) != 0 {
		t.Errorf("nobody reads it: %v, %v", tr.calls, err)
	}
	wanted = true
	if err := job.Run(t.Context()); err != nil || len(tr.calls) != 1 || !tr.calls[0].Equal(at) {
		t.Errorf("%v, %v", tr.calls, err)
	}
	tr.err = errors.New("disk")
	if err := job.Run(t.Context()); !errors.Is(err, tr.err) {
		t.Errorf("the error is %v", err)
	}
}
