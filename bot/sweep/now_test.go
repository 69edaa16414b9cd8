package sweep_test

import (
	"context"
	"testing"
	"time"

	"apono/bot/sweep"
	"apono/flows"
)

// asked notes by which time a sweep looks and moves.
type asked struct{ due, applied time.Time }

func (a *asked) Due(now time.Time, _ int) ([]string, error) {
	if a.due.IsZero() {
		a.due = now
		return []string{"AR-1"}, nil
	}
	return nil, nil
}

func (a *asked) Apply(_ context.Context, now time.Time, _ string, _ flows.Event) (flows.Request, error) {
	a.applied = now
	return flows.Request{}, nil
}

// TestNow: what is due is judged by the time that the sweeper was given.
func TestNow(t *testing.T) {
	ahead := time.Now().Add(48 * time.Hour)
	var got asked
	s, err := sweep.New(sweep.Options{Requests: &got, Now: func() time.Time { return ahead }})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RunNow(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !got.due.Equal(ahead) || !got.applied.Equal(ahead) {
		t.Errorf("looked at %s, moved at %s, want %s", got.due, got.applied, ahead)
	}
}
