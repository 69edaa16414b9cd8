package sweep

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type old struct {
	cuts []time.Time
	err  error
}

func (o *old) Prune(_ context.Context, now time.Time, olderThan time.Duration) (int, int, error) {
	o.cuts = append(o.cuts, now.Add(-olderThan))
	return 1, 0, o.err
}

// A day goes at once, whenever the job runs; what is kept is asked anew.
func TestPruneInWholeDays(t *testing.T) {
	o := &old{}
	at := time.Date(2026, 3, 2, 0, 30, 0, 0, time.UTC)
	keep := 48 * time.Hour
	job := Prune(o, func() time.Duration { return keep }, func() time.Time { return at }, nil)
	run := func() {
		t.Helper()
		if err := job.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	run()
	at = at.Add(23 * time.Hour)
	run()
	at = at.Add(time.Hour)
	run()
	keep = 0
	run()
	day := func(d int) time.Time { return time.Date(2026, 2, d, 0, 0, 0, 0, time.UTC) }
	if diff := cmp.Diff([]time.Time{day(28), day(28), day(29)}, o.cuts); diff != "" {
		t.Errorf("removed before (-want +got):\n%s", diff)
	}
	keep, o.err = time.Hour, errors.New("disk")
	if err := job.Run(t.Context()); !errors.Is(err, o.err) {
		t.Errorf("the error is %v", err)
	}
}
