package sweep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/flows"

	"github.com/google/go-cmp/cmp"
)

// memory is a store of requests and an inbox.
type memory struct {
	mu       sync.Mutex
	requests map[string]flows.Request
	order    []string
	poison   map[string]error // Apply of these fails
	took     time.Duration    // of one Apply
	looks    int
	writes   int
	live     int
	most     int // writes ever waiting at once
	pruned   []time.Duration
}

func newMemory() *memory {
	return &memory{requests: map[string]flows.Request{}, poison: map[string]error{}}
}

var bob = flows.PersonRef{Email: "bob@example.com", Name: "Bob"}

// pending makes a request that times out at until.
func (m *memory) pending(t *testing.T, until time.Time) string {
	t.Helper()
	return m.add(t, flows.Request{
		Asked: []flows.Asked{{PersonRef: bob, Groups: []int{0}}}, Need: flows.Need{Groups: []string{"Bob"}}, PendingUntil: until, Duration: time.Hour,
	})
}

// active makes a request whose access ends after d.
func (m *memory) active(t *testing.T, d time.Duration) string {
	t.Helper()
	id := m.add(t, flows.Request{Need: flows.Need{Automatic: true}, Duration: d})
	m.event(t, id, flows.Event{Kind: flows.EventGranted, Integration: "db"})
	return id
}

func (m *memory) add(t *testing.T, r flows.Request) string {
	t.Helper()
	m.mu.Lock()
	n := uint64(len(m.order) + 1)
	r.Seq, r.ID = n, fmt.Sprintf("AR-%d", n)
	r.Groups = []flows.AccessGroup{{Integration: "db", Items: []flows.Item{{Unit: flows.Unit{Integration: "db", Resource: "x"}}}}}
	m.requests[r.ID], m.order = r, append(m.order, r.ID)
	m.mu.Unlock()
	m.event(t, r.ID, flows.Event{Kind: flows.EventSubmit})
	return r.ID
}

func (m *memory) event(t *testing.T, id string, ev flows.Event) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	r, _, err := flows.Next(m.requests[id], ev, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	m.requests[id] = r
}

func (m *memory) state(id string) flows.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.requests[id].State
}

func (m *memory) Due(now time.Time, limit int) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	var out []string
	for _, id := range m.order {
		r := m.requests[id]
		if at, ok := r.DueAt(); ok && !at.After(now) {
			out = append(out, id)
		}
	}
	slices.SortStableFunc(out, func(a, b string) int {
		ra, rb := m.requests[a], m.requests[b]
		at, _ := ra.DueAt()
		bt, _ := rb.DueAt()
		return at.Compare(bt)
	})
	return out[:min(len(out), limit)], nil
}

func (m *memory) Apply(_ context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	m.mu.Lock()
	m.live++
	m.writes++
	m.most = max(m.most, m.live)
	m.mu.Unlock()
	time.Sleep(m.took)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.live--
	if err := m.poison[id]; err != nil {
		if errors.Is(err, errPanicked) {
			panic("poison")
		}
		return flows.Request{}, err
	}
	r, _, err := flows.Next(m.requests[id], ev, now)
	if err == nil {
		m.requests[id] = r
	}
	return r, err
}

func (m *memory) PruneDeliveries(_ context.Context, _ time.Time, olderThan time.Duration) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pruned = append(m.pruned, olderThan)
	return 3, nil
}

// story is a sweeper over a memory that runs until the end of fn.
func story(t *testing.T, jobs []Job, fn func(t *testing.T, m *memory, s *Sweeper, logged *bytes.Buffer)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		m, logged := newMemory(), &bytes.Buffer{}
		s, err := New(Options{Requests: m, Inbox: m, Jobs: jobs, Log: slog.New(slog.NewTextHandler(logged, nil))})
		if err != nil {
			t.Fatal(err)
		}
		fn(t, m, s, logged)
	})
}

// running runs the sweeper until the returned function is called.
func running(t *testing.T, s *Sweeper) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

func after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestAccessEndsWithinTwoSeconds(t *testing.T) {
	for _, length := range []time.Duration{time.Minute, 90*time.Minute + 123*time.Millisecond, 26 * time.Hour} {
		story(t, nil, func(t *testing.T, m *memory, s *Sweeper, _ *bytes.Buffer) {
			stop := running(t, s)
			defer stop()
			time.Sleep(400 * time.Millisecond)
			id := m.active(t, length)
			after(length - time.Nanosecond)
			if got := m.state(id); got != flows.StateActive {
				t.Fatalf("%s before its end", got)
			}
			after(2 * time.Second)
			if got := m.state(id); got != flows.StateRevoking {
				t.Errorf("%s two seconds after its end", got)
			}
		})
	}
}

func TestEverythingThatTimeChanges(t *testing.T) {
	story(t, nil, func(t *testing.T, m *memory, s *Sweeper, _ *bytes.Buffer) {
		pending := m.pending(t, time.Now().Add(time.Hour))
		id := m.active(t, 2*time.Hour)
		r := m.requests[id]
		r.Groups[0].Secret, r.Groups[0].SecretUntil = flows.SecretAvailable, time.Now().Add(time.Hour)
		m.requests[id] = r
		defer running(t, s)()
		after(time.Hour + time.Second)
		if got := m.state(pending); got != flows.StateTimedOut {
			t.Errorf("nobody answered, and it is %s", got)
		}
		if got := m.requests[id].Groups[0].Secret; got != flows.SecretExpired {
			t.Errorf("credentials nobody looked at are %q", got)
		}
		after(time.Hour + flows.OverdueAfter + time.Second)
		if m.requests[id].Groups[0].OverdueAt.IsZero() {
			t.Error("the overdue revoke was not raised")
		}
	})
}

// TestRunNowDrains ends what fell due while the bot was down, all of it, before
// it returns.
func TestRunNowDrains(t *testing.T) {
	story(t, nil, func(t *testing.T, m *memory, s *Sweeper, logged *bytes.Buffer) {
		for range 2000 {
			m.active(t, time.Hour)
		}
		later := m.active(t, 48*time.Hour)
		m.took = 10 * time.Millisecond
		time.Sleep(24 * time.Hour)
		began := time.Now()
		if err := s.RunNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range m.order {
			if got := m.state(id); id != later && got != flows.StateRevoking || id == later && got != flows.StateActive {
				t.Fatalf("%s is %s", id, got)
			}
		}
		if took := time.Since(began); took > 400*time.Millisecond {
			t.Errorf("took %s", took)
		}
		if m.most != together || m.writes != 2000 {
			t.Errorf("%d writes, at most %d at once", m.writes, m.most)
		}
		if !strings.Contains(logged.String(), "requests=2000") {
			t.Errorf("logged %s", logged)
		}
	})
}

func TestNothingDueIsNotWritten(t *testing.T) {
	story(t, nil, func(t *testing.T, m *memory, s *Sweeper, logged *bytes.Buffer) {
		m.active(t, 48*time.Hour)
		stop := running(t, s)
		after(time.Hour + time.Second/2)
		stop()
		if m.looks != 3600 || m.writes != 0 || strings.Contains(logged.String(), "moved") {
			t.Errorf("%d looks, %d writes, logged %s", m.looks, m.writes, logged)
		}
	})
}

// TestPoisonDoesNotHoldUpOthers has more requests that fail than one look returns.
func TestPoisonDoesNotHoldUpOthers(t *testing.T) {
	tests := map[string]error{"store": errors.New("bad record"), "panic": errPanicked}
	for name, poison := range tests {
		t.Run(name, func(t *testing.T) {
			story(t, nil, func(t *testing.T, m *memory, s *Sweeper, logged *bytes.Buffer) {
				for range batch + 3 {
					m.poison[m.active(t, time.Hour)] = poison
				}
				time.Sleep(time.Second)
				id := m.active(t, time.Hour)
				time.Sleep(2 * time.Hour)
				err := s.RunNow(t.Context())
				if got := m.state(id); got != flows.StateRevoking {
					t.Errorf("the sound one is %s", got)
				}
				if want := fmt.Sprintf("%d requests are due and could not be moved", batch+3); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("error %v", err)
				}
				if m.writes != batch+4 {
					t.Errorf("%d writes", m.writes)
				}
				stop := running(t, s)
				after(10 * time.Minute)
				stop()
				if n := strings.Count(logged.String(), "job_failed"); n < 9 || n > 11 {
					t.Errorf("logged %d times in ten minutes", n)
				}
			})
		})
	}
}

// stubborn is a store in which a request stays due.
type stubborn struct {
	*memory
	err     error
	applied int
}

func (s *stubborn) Due(time.Time, int) ([]string, error) { return []string{"AR-1"}, nil }

func (s *stubborn) Apply(context.Context, time.Time, string, flows.Event) (flows.Request, error) {
	s.applied++
	return flows.Request{}, s.err
}

func TestPassEnds(t *testing.T) {
	tests := []struct {
		name    string
		err     error
		applied int
		failed  bool
	}{
		{"moved again and again", nil, rounds, true},
		{"somebody else was faster", flows.Errorf(flows.CodeLate, "Nothing is due."), 1, false},
		{"the store is gone", errors.New("closed"), 1, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := &stubborn{memory: newMemory(), err: tt.err}
			s, err := New(Options{Requests: m, Inbox: m})
			if err != nil {
				t.Fatal(err)
			}
			err = s.RunNow(t.Context())
			if m.applied != tt.applied || (err != nil) != tt.failed {
				t.Errorf("applied %d times, error %v", m.applied, err)
			}
		})
	}
}

type blind struct{ *memory }

func (blind) Due(time.Time, int) ([]string, error) { return nil, errors.New("unreadable") }

func TestLookThatFails(t *testing.T) {
	m := newMemory()
	s, err := New(Options{Requests: blind{m}, Inbox: m})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RunNow(t.Context()); err == nil || !strings.Contains(err.Error(), "unreadable") {
		t.Errorf("error %v", err)
	}
}

// TestPanicDoesNotEndAJob: neither the process nor the later runs of the job.
func TestPanicDoesNotEndAJob(t *testing.T) {
	runs := 0
	job := Job{Name: "bad", Spec: "@every 1m", Run: func(context.Context) error { runs++; panic("job panic") }}
	story(t, []Job{job}, func(t *testing.T, m *memory, s *Sweeper, logged *bytes.Buffer) {
		var swept []error
		s.options.Swept = func(job string, _ time.Duration, err error) {
			if job == "bad" {
				swept = append(swept, err)
			}
		}
		id := m.active(t, time.Hour)
		stop := running(t, s)
		after(time.Hour + 2*time.Second)
		stop()
		if runs != 60 || len(swept) != 60 || !errors.Is(swept[0], errPanicked) {
			t.Errorf("%d runs in an hour, told of %d: %v", runs, len(swept), swept[0])
		}
		if got := m.state(id); got != flows.StateRevoking {
			t.Errorf("another job stands still: %s", got)
		}
		if !strings.Contains(logged.String(), "job panic") {
			t.Error("the panic is not logged")
		}
	})
}

func TestJobNeverRunsBesideItself(t *testing.T) {
	live, most, runs := 0, 0, 0
	job := Job{Name: "slow", Spec: "@every 10s", Run: func(context.Context) error {
		live++
		runs++
		most = max(most, live)
		time.Sleep(35 * time.Second)
		live--
		return nil
	}}
	story(t, []Job{job}, func(t *testing.T, _ *memory, s *Sweeper, _ *bytes.Buffer) {
		stop := running(t, s)
		after(2*time.Minute + time.Second)
		stop()
		if most != 1 || runs != 3 {
			t.Errorf("%d at once, %d runs", most, runs)
		}
	})
}

func TestStopWaitsForJobs(t *testing.T) {
	ended := false
	job := Job{Name: "slow", Spec: "@every 10s", Run: func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(3 * time.Second)
		ended = true
		return ctx.Err()
	}}
	story(t, []Job{job}, func(t *testing.T, _ *memory, s *Sweeper, logged *bytes.Buffer) {
		stop := running(t, s)
		after(11 * time.Second)
		stop()
		if !ended {
			t.Error("Run returned before the job")
		}
		if strings.Contains(logged.String(), "job_failed") {
			t.Errorf("the end of the bot is logged as a failure: %s", logged)
		}
	})
}

func TestInboxIsPruned(t *testing.T) {
	story(t, nil, func(t *testing.T, m *memory, s *Sweeper, _ *bytes.Buffer) {
		stop := running(t, s)
		after(3*time.Hour + time.Second)
		stop()
		if diff := cmp.Diff([]time.Duration{DefaultInboxAge, DefaultInboxAge, DefaultInboxAge}, m.pruned); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestNewRefusesBadJobs(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	tests := map[string][]Job{
		"spec":  {{Name: "x", Spec: "now and then", Run: nothing}},
		"twice": {{Name: JobDue, Spec: "@every 1h", Run: nothing}},
	}
	for name, jobs := range tests {
		if _, err := New(Options{Jobs: jobs}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
