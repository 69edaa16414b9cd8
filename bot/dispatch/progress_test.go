package dispatch

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

// steps is a grant of n units that takes each as long, and tells of each.
func steps(n int, each time.Duration, end error) func(context.Context, int) error {
	return func(ctx context.Context, _ int) error {
		for i := range n {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(each):
			}
			provision.Progress(ctx, i+1, n)
		}
		return end
	}
}

func (s *story) progress(id string) string {
	r := s.get(s, id)
	return fmt.Sprintf("%s %d of %d", r.Groups[0].Status, r.Groups[0].Done, r.Groups[0].Total)
}

// TestProgressOfALongGrant: a grant that tells of its steps may take longer than one
// call, and is on record at a sane pace.
func TestProgressOfALongGrant(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.onGrant = steps(300, 1010*time.Millisecond, nil)
		s.targets["db"] = db
		s.options.Usual = func(string) time.Duration { return 5 * time.Minute }
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		var seen []string
		versions := map[uint64]bool{}
		for range 299 {
			s.after(time.Second)
			versions[s.get(s, r.ID).Version] = true
		}
		seen = append(seen, s.progress(r.ID))
		if n := len(versions); n < 55 || n > 62 {
			t.Errorf("%d records in 300 seconds, one in five is meant", n)
		}
		if usual := s.get(s, r.ID).Groups[0].Usual; usual != 5*time.Minute {
			t.Errorf("usually %s", usual)
		}
		s.after(5 * time.Second)
		seen = append(seen, s.progress(r.ID))
		if diff := cmp.Diff([]string{"granting 293 of 300", "granted 0 of 0"}, seen); diff != "" {
			t.Error(diff)
		}
	})
}

// TestProgressTakesTurns: many long grants together are redrawn no more often than a
// few.
func TestProgressTakesTurns(t *testing.T) {
	tell(t, func(s *story) {
		var ids []string
		for i := range 4 {
			name := fmt.Sprintf("db%d", i)
			db := s.target(name)
			db.onGrant = steps(300, time.Second, nil)
			s.targets[name] = db
			ids = append(ids, s.submit(s, ask(unit(name, "orders"))).ID)
		}
		s.start()
		s.after(200 * time.Second)
		total := 0
		for _, id := range ids {
			total += int(s.get(s, id).Version)
		}
		if total < 40 || total > 60 {
			t.Errorf("%d records of 4 grants in 200 seconds, one in five seconds is meant", total)
		}
	})
}

// TestProgressBeforeATry is what the requester reads while the next try waits.
func TestProgressBeforeATry(t *testing.T) {
	tests := []struct {
		name string
		end  error
		want string
	}{
		{"nobody knows what was taken", unknownErr(), "granting 12 of 12"},
		{"nothing was taken", retryErr(time.Minute), "granting 0 of 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				db := s.target("db")
				db.onGrant = steps(12, time.Second, tt.end)
				s.targets["db"] = db
				r := s.submit(s, ask(unit("db", "orders")))
				s.start()
				s.after(12*time.Second + 100*time.Millisecond)
				if got := s.progress(r.ID); got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
			})
		})
	}
}

// TestSilentGrantsAreCutOff: a driver that says nothing any more gets one time-out.
func TestSilentGrantsAreCutOff(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		began := time.Now()
		var cut time.Duration
		var err, cause error
		db.onGrant = func(ctx context.Context, n int) error {
			if n > 1 {
				return nil
			}
			_ = steps(100, time.Second, nil)(ctx, n)
			child, cancel := context.WithTimeout(ctx, time.Hour)
			defer cancel()
			<-child.Done()
			cut, err, cause = time.Since(began), ctx.Err(), context.Cause(child)
			return ctx.Err()
		}
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		s.after(5 * time.Minute)
		if want := 100*time.Second + DefaultCallTimeout; cut != want || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(cause, context.DeadlineExceeded) {
			t.Errorf("cut off after %s with %v, %v; want after %s", cut, err, cause, want)
		}
		if got := s.get(s, r.ID).State; got != flows.StateActive {
			t.Errorf("the next try leaves it %s", got)
		}
	})
}

// TestProgressDoesNotGoOnForEver: however much a driver tells, the call ends.
func TestProgressDoesNotGoOnForEver(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.onGrant = steps(1_000_000, time.Second, nil)
		s.targets["db"] = db
		draft := ask(unit("db", "orders"))
		draft.Duration = 8 * time.Hour
		r := s.submit(s, draft)
		s.start()
		s.after(GrantDeadline + 3*DefaultCallTimeout)
		if got := s.status(r.ID, "db"); got == flows.GroupGranting {
			t.Errorf("it is still %s", got)
		}
	})
}
