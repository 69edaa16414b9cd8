package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/robfig/cron/v3"
)

// Inbox holds deliveries that were handled.
type Inbox interface {
	// PruneDeliveries forgets those that were finished olderThan ago or longer, and
	// says how many.
	PruneDeliveries(ctx context.Context, now time.Time, olderThan time.Duration) (removed int, err error)
}

// Names of the jobs that are always there.
const (
	JobDue   = "due"
	JobInbox = "inbox"
)

const (
	dueSpec   = "@every 1s" // an access ends within two seconds of its time
	inboxSpec = "@every 1h"
	// DefaultInboxAge is how long a handled delivery is remembered: longer than any
	// platform repeats one.
	DefaultInboxAge = 24 * time.Hour
)

// Job is something that happens again and again. Run gets a context that ends
// when the bot stops.
type Job struct {
	Name string
	Spec string // "@every 15m"; see the package comment
	Run  func(ctx context.Context) error
}

// Options are what a Sweeper is made of. Zero numbers mean the defaults.
type Options struct {
	Requests Requests
	Inbox    Inbox
	InboxAge time.Duration
	Jobs     []Job // further ones
	Log      *slog.Logger
	// Now is the time that decides what is due; nil: time.Now.
	Now func() time.Time
	// Swept, if set, is told of every run: its job, how long it took, and its error.
	Swept func(job string, took time.Duration, err error)
}

// Sweeper runs jobs on time. Make one with New.
type Sweeper struct {
	options Options
	jobs    []Job
	cron    *cron.Cron
	ctx     context.Context // of the jobs; set by Run before the first

	mu         sync.Mutex
	complained map[string]time.Time // by job, when an error was logged
}

// New checks the jobs and their specs.
func New(o Options) (*Sweeper, error) {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	o.InboxAge = cmp.Or(o.InboxAge, DefaultInboxAge)
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Sweeper{options: o, ctx: context.Background(), complained: map[string]time.Time{}}
	s.jobs = append([]Job{
		{Name: JobDue, Spec: dueSpec, Run: s.due},
		{Name: JobInbox, Spec: inboxSpec, Run: s.inbox},
	}, o.Jobs...)
	logger := cronLog{o.Log}
	// Skip outside Recover: a panic that passed through it would keep the job's
	// place taken, and the job would never run again.
	s.cron = cron.New(cron.WithLogger(logger), cron.WithLocation(time.UTC),
		cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	names := map[string]bool{}
	for _, j := range s.jobs {
		if names[j.Name] {
			return nil, fmt.Errorf("there are two jobs %q", j.Name)
		}
		names[j.Name] = true
		if _, err := s.cron.AddFunc(j.Spec, func() { _ = s.run(s.ctx, j) }); err != nil {
			return nil, fmt.Errorf("job %q: %w", j.Name, err)
		}
	}
	return s, nil
}

// RunNow moves everything that is due. It comes first at start, before chat is
// connected. The error tells of the requests that could not be moved; the others
// were, and Run tries those again.
func (s *Sweeper) RunNow(ctx context.Context) error { return s.run(ctx, s.jobs[0]) }

// Run runs the jobs on time until ctx ends, then waits for those under way. It is
// called once.
func (s *Sweeper) Run(ctx context.Context) error {
	s.ctx = ctx
	s.cron.Start()
	<-ctx.Done()
	<-s.cron.Stop().Done()
	return nil
}

func (s *Sweeper) due(ctx context.Context) error {
	p := &pass{requests: s.options.Requests, log: s.options.Log, now: s.options.Now}
	err := p.run(ctx)
	if p.moved > 0 {
		s.options.Log.InfoContext(ctx, "time_moved_requests", "requests", p.moved)
	}
	return err
}

func (s *Sweeper) inbox(ctx context.Context) error {
	n, err := s.options.Inbox.PruneDeliveries(ctx, s.options.Now(), s.options.InboxAge)
	if n > 0 {
		s.options.Log.InfoContext(ctx, "deliveries_forgotten", "deliveries", n)
	}
	return err
}

var errPanicked = errors.New("the job panicked")

// run runs a job once and tells of it, of a panic too, which goes on.
func (s *Sweeper) run(ctx context.Context, j Job) (err error) {
	began := time.Now()
	returned := false
	defer func() {
		if !returned {
			err = errPanicked
		}
		s.complain(ctx, j.Name, err)
		if s.options.Swept != nil {
			s.options.Swept(j.Name, time.Since(began), err)
		}
	}()
	err = j.Run(ctx)
	returned = true
	return err
}

// complain logs an error, but the same job's at most once in a minute: a job that
// runs every second must not drown everything else.
func (s *Sweeper) complain(ctx context.Context, job string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	last, again := s.complained[job]
	now := time.Now()
	quiet := again && now.Sub(last) < time.Minute
	if !quiet {
		s.complained[job] = now
	}
	s.mu.Unlock()
	if !quiet {
		s.options.Log.ErrorContext(ctx, "job_failed", "job", job, "error", err)
	}
}

// cronLog keeps what cron has to say at the level it deserves: ticks at none.
type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(msg string, _ ...any) {
	if msg == "skip" {
		l.log.DebugContext(context.Background(), "job_still_running")
	}
}

func (l cronLog) Error(err error, msg string, kv ...any) {
	l.log.ErrorContext(context.Background(), "job_panicked", append([]any{"error", err, "message", msg}, kv...)...)
}
