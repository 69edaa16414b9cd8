package dispatch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"time"

	"apono/flows"
)

// Queue holds the tasks of a lane.
type Queue interface {
	// Tasks returns at most limit tasks of the lane that are due at now, in the
	// order of priority and then of due time, leaving out those whose key skip
	// reports. It must be cheap for what is left out.
	Tasks(lane flows.Lane, now time.Time, limit int, skip func(key string) bool) ([]flows.Task, error)
	// NextDue is the earliest due time of the lane; false where it is empty.
	NextDue(lane flows.Lane) (at time.Time, ok bool, err error)
	// Done strikes the task off, unless the effect was wanted again since rev.
	Done(ctx context.Context, key string, rev uint64) error
	// Retry counts a failed try and puts the task off until due, unless the effect
	// was wanted again since rev.
	Retry(ctx context.Context, key string, rev uint64, due time.Time, problem string) error
	// Wake receives after a transaction that wanted effects of the lane. One
	// element of buffer is enough; it is read by one worker.
	Wake(lane flows.Lane) <-chan struct{}
}

// Defaults of a worker.
const (
	DefaultTargets        = 8                // target tasks under way at once
	DefaultPerIntegration = 4                // of these, in one integration
	DefaultChat           = 28               // chat tasks under way at once
	DefaultRedraws        = 6                // of these, redraws, as many of what is stale, and as many first messages but to approvers
	DefaultGrace          = 10 * time.Second // for what is under way when the bot stops
)

const (
	prefetch    = 64                    // candidates read at once
	idlePoll    = 5 * time.Second       // looks again this often, whatever the clock and the wake channel say
	busyPoll    = time.Second           // the same, while due tasks cannot be started
	ripeStep    = 50 * time.Millisecond // between two looks at tasks that ripen
	storePause  = time.Second           // before a task whose record failed is touched again
	cutOffGrace = 5 * time.Second       // for drivers to return once they are cancelled
	// farAhead is later than any due time that a worker sets. A task due later than
	// that was put off before the wall clock was set back; it is done at once.
	farAhead = 2 * maxRetryAfter
)

// claim says what a task competes for.
type claim struct {
	room
	lock string // tasks of one lock exclude each other; empty: none
}

// room is where a task finds room.
type room struct {
	pool  string // tasks of one pool share a limit; empty: none
	crowd string // at most perCrowd tasks of one crowd are under way; empty: any number
}

// perCrowd is one task that is under way, and one that goes next.
const perCrowd = 2

// look is what is known of a task before it is begun.
type look struct {
	lock string
	// ripe is when the task is begun at the earliest, so that what changes again at
	// once is done once; zero: now. A wake makes the worker look again.
	ripe time.Time
}

// spareless is the pool of tasks that have no limit but to leave room to spare.
const spareless = "all"

// doer does the tasks of a lane.
type doer interface {
	// room is known from the key alone, or from an earlier look.
	room(key string) room
	// look may read the record. It is called before the task is begun.
	look(t flows.Task) (look, error)
	// do acts and records. stop closes when no new act may begin; ctx ends when
	// the act under way must.
	do(ctx context.Context, stop <-chan struct{}, t flows.Task) outcome
}

// Worker does the tasks of one lane. Make one with NewTargets or NewChat.
type Worker struct {
	lane    flows.Lane
	queue   Queue
	doer    doer
	total   int // under way at once
	perPool int
	spare   int // of total, for tasks without a pool
	grace   time.Duration
	log     *slog.Logger
	hooks   Hooks
	now     func() time.Time // of due times; what takes time is measured on the real clock
}

// clockOr is the clock a caller gave, or the real one.
func clockOr(now func() time.Time) func() time.Time {
	if now != nil {
		return now
	}
	return time.Now
}

// Run works until ctx ends. Then no task is begun any more, those under way get
// the grace to finish, and what is left is cut off; it is repeated after the next
// start. The error says how many acts ignored even that. Run is called once.
func (w *Worker) Run(ctx context.Context) error {
	stored := context.WithoutCancel(ctx)
	acting, cutOff := context.WithCancel(stored)
	defer cutOff()
	s := &shift{
		Worker: w, acting: acting, stored: stored, stop: ctx.Done(), stale: true,
		finished: make(chan finish, w.total), running: map[string]claim{}, wanted: map[string]bool{},
		locks: map[string]bool{}, pools: map[string]int{}, crowds: map[string]int{}, crowded: map[string]bool{}, paused: map[string]time.Time{}, unripe: map[string]time.Time{},
	}
	wake := w.queue.Wake(w.lane)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(s.fill(ctx))
		select {
		case <-ctx.Done():
		case <-wake:
			s.woken()
		case <-timer.C:
			s.stale = true
		case f := <-s.finished:
			s.release(f)
		}
	}
	return s.drain(cutOff)
}

// shift is the state of one Run. It belongs to Run's goroutine.
type shift struct {
	*Worker
	acting context.Context
	stored context.Context
	stop   <-chan struct{}

	ready    []candidate     // due, not begun, in order
	stale    bool            // ready no longer is what the store would say
	more     bool            // the store had more than was read
	passed   bool            // tasks were passed over because their pool was full
	crowded  map[string]bool // crowds of which tasks were passed over
	running  map[string]claim
	wanted   map[string]bool // running tasks that may have been wanted again meanwhile
	locks    map[string]bool
	pools    map[string]int
	crowds   map[string]int
	paused   map[string]time.Time // tasks whose record failed, until when
	unripe   map[string]time.Time // tasks that are not begun before then
	finished chan finish
}

type candidate struct {
	claim
	task   flows.Task
	looked bool // the claim is known
}

type finish struct {
	key   string
	pause bool
}

// woken notes that effects were wanted. One of a task that is under way shows only
// once that is done, and nobody wakes us then.
func (s *shift) woken() {
	s.stale = true
	clear(s.unripe)
	for key := range s.running {
		s.wanted[key] = true
	}
}

// fill starts what can be started and says how long to sleep at most.
func (s *shift) fill(ctx context.Context) time.Duration {
	now := s.now()
	for _, held := range []map[string]time.Time{s.paused, s.unripe} {
		maps.DeleteFunc(held, func(_ string, until time.Time) bool { return !now.Before(until) })
	}
	if s.stale {
		s.ready = nil
	} else {
		s.begin(ctx)
	}
	for (s.stale || s.more) && len(s.running) < s.total {
		if err := s.fetch(ctx, now); err != nil {
			if ctx.Err() == nil {
				s.log.ErrorContext(ctx, "tasks_not_read", "lane", s.lane, "error", err)
			}
			s.stale = true
			return busyPoll
		}
		s.begin(ctx)
	}
	return s.nap(now)
}

// fetch adds the next candidates to ready.
func (s *shift) fetch(ctx context.Context, now time.Time) error {
	known := make(map[string]bool, len(s.ready))
	for _, c := range s.ready {
		known[c.task.Key] = true
	}
	passed, crowded := false, map[string]bool{}
	skip := func(key string) bool {
		if _, busy := s.running[key]; busy || known[key] {
			return true
		}
		if s.held(key) {
			return true
		}
		r := s.doer.room(key)
		switch {
		case s.full(r.pool):
			passed = true
			return true
		case s.crowds[r.crowd] >= perCrowd:
			crowded[r.crowd] = true
			return true
		}
		return false
	}
	tasks, err := s.queue.Tasks(s.lane, now, prefetch, skip)
	if err != nil {
		return err
	}
	if len(tasks) == 0 {
		next, ok, err := s.queue.NextDue(s.lane)
		if err != nil {
			return err
		}
		if ok && next.Sub(now) > farAhead {
			s.log.WarnContext(ctx, "clock_was_set_back", "lane", s.lane, "due", next)
			if tasks, err = s.queue.Tasks(s.lane, next, prefetch, skip); err != nil {
				return err
			}
		}
	}
	s.stale, s.more, s.passed, s.crowded = false, len(tasks) == prefetch, passed, crowded
	for _, t := range tasks {
		s.ready = append(s.ready, candidate{task: t, claim: claim{room: s.doer.room(t.Key)}})
	}
	return nil
}

func (s *shift) held(key string) bool {
	_, paused := s.paused[key]
	_, unripe := s.unripe[key]
	return paused || unripe
}

// full reports whether no more of a pool may begin. Where there is room to spare, it is
// left to what has no pool.
func (s *shift) full(pool string) bool {
	if pool == "" {
		return false
	}
	if s.spare > 0 && len(s.running)-s.pools[""] >= s.total-s.spare {
		return true
	}
	return pool != spareless && s.pools[pool] >= s.perPool
}

// begin starts candidates in order as far as there is room.
func (s *shift) begin(ctx context.Context) {
	left := s.ready[:0]
	for i, c := range s.ready {
		if len(s.running) >= s.total || ctx.Err() != nil {
			left = append(left, s.ready[i:]...)
			break
		}
		if s.full(c.pool) || s.crowds[c.crowd] >= perCrowd {
			left = append(left, c)
			continue
		}
		if !c.looked && !s.look(ctx, &c) {
			continue
		}
		if s.full(c.pool) || s.crowds[c.crowd] >= perCrowd || c.lock != "" && s.locks[c.lock] {
			left = append(left, c)
			continue
		}
		s.start(c)
	}
	clear(s.ready[len(left):])
	s.ready = left
}

// look completes a candidate; false if it must wait for a moment of its own.
func (s *shift) look(ctx context.Context, c *candidate) bool {
	l, err := s.doer.look(c.task)
	if err != nil {
		s.log.ErrorContext(ctx, "task_not_looked_at", "task", c.task.Key, "error", err)
		s.paused[c.task.Key] = s.now().Add(storePause)
		return false
	}
	if s.now().Before(l.ripe) {
		s.unripe[c.task.Key] = l.ripe
		return false
	}
	c.lock, c.room, c.looked = l.lock, s.doer.room(c.task.Key), true
	return true
}

func (s *shift) start(c candidate) {
	s.running[c.task.Key] = c.claim
	s.pools[c.pool]++
	if c.crowd != "" {
		s.crowds[c.crowd]++
	}
	if c.lock != "" {
		s.locks[c.lock] = true
	}
	s.hooks.running(s.lane, len(s.running))
	go func() {
		s.finished <- finish{key: c.task.Key, pause: !s.try(c.task)}
	}()
}

func (s *shift) release(f finish) {
	c := s.running[f.key]
	delete(s.running, f.key)
	if s.pools[c.pool]--; s.pools[c.pool] == 0 {
		delete(s.pools, c.pool)
	}
	if s.crowds[c.crowd]--; s.crowds[c.crowd] <= 0 {
		delete(s.crowds, c.crowd)
	}
	delete(s.locks, c.lock)
	if f.pause {
		s.paused[f.key] = s.now().Add(storePause)
	}
	// Tasks that were passed over while their pool or crowd was full are not in ready.
	s.stale = s.stale || s.wanted[f.key] || s.passed && !s.waits(c.pool) || s.crowded[c.crowd]
	delete(s.wanted, f.key)
	s.hooks.running(s.lane, len(s.running))
}

func (s *shift) waits(pool string) bool {
	for _, c := range s.ready {
		if c.pool == pool {
			return true
		}
	}
	return false
}

// nap is how long nothing can happen unless something finishes or wakes.
func (s *shift) nap(now time.Time) time.Duration {
	if len(s.running) >= s.total {
		return idlePoll
	}
	next, ok, err := s.queue.NextDue(s.lane)
	switch {
	case err != nil:
		return busyPoll
	case !ok:
		return idlePoll
	case next.After(now):
		return min(idlePoll, next.Sub(now))
	}
	// The earliest is under way, held or locked out, and hides those after it.
	wait := busyPoll
	for _, until := range s.unripe {
		wait = min(wait, max(ripeStep, until.Sub(now)))
	}
	return wait
}

// try does one task and records what became of it. It reports whether the record
// was made; without one the task is paused, so that a broken store is not hammered.
func (s *shift) try(t flows.Task) bool {
	began := time.Now()
	o := s.guarded(t)
	recorded := true
	switch o.verdict {
	case verdictDone:
		recorded = s.record(t, s.queue.Done(s.stored, t.Key, t.Rev))
	case verdictAgain:
		recorded = s.record(t, s.queue.Retry(s.stored, t.Key, t.Rev, o.due, problemOf(o.err)))
	case verdictLeave:
	}
	s.report(t, o)
	s.hooks.tried(Try{
		Lane: s.lane, Kind: t.Effect.Kind, Integration: t.Effect.Integration, Result: o.result,
		Took: time.Since(began), Waited: max(0, began.Sub(t.Since)), Tries: t.Tries,
	})
	return recorded
}

func (s *shift) record(t flows.Task, err error) bool {
	if err != nil {
		s.log.ErrorContext(s.stored, "task_not_recorded", "task", t.Key, "request", t.Effect.Request, "error", err)
	}
	return err == nil
}

// guarded does the task and turns a panic into one more try.
func (s *shift) guarded(t flows.Task) (o outcome) {
	defer func() {
		if v := recover(); v != nil {
			s.log.ErrorContext(s.stored, "task_panicked", "task", t.Key, "panic", fmt.Sprint(v), "stack", stack())
			o = again(ResultPanic, s.now().Add(chatBackoff.delay(t.Key, t.Tries, 0)), &panicked{v})
		}
	}()
	return s.doer.do(s.acting, s.stop, t)
}

func (s *shift) report(t flows.Task, o outcome) {
	attrs := []any{
		"lane", s.lane, "task", t.Key, "request", t.Effect.Request, "integration", t.Effect.Integration,
		"attempt", t.Tries + 1, "result", o.result,
	}
	switch {
	case o.err == nil:
		s.log.DebugContext(s.stored, "task_done", attrs...)
	case o.verdict == verdictAgain:
		s.log.WarnContext(s.stored, "task_failed", append(attrs, "next_try", o.due, "error", problemOf(o.err))...)
	case o.verdict == verdictLeave:
		s.log.InfoContext(s.stored, "task_cut_off", attrs...)
	default:
		s.log.ErrorContext(s.stored, "task_given_up", append(attrs, "error", problemOf(o.err))...)
	}
}

// drain waits for what is under way: the grace to finish, then a little for
// drivers to notice that they are cut off.
func (s *shift) drain(cutOff context.CancelFunc) error {
	for _, wait := range []time.Duration{s.grace, cutOffGrace} {
		timer := time.NewTimer(wait)
		for over := false; !over && len(s.running) > 0; {
			select {
			case f := <-s.finished:
				s.release(f)
			case <-timer.C:
				over = true
			}
		}
		timer.Stop()
		cutOff()
	}
	if n := len(s.running); n > 0 {
		return fmt.Errorf("%s lane: %d tasks did not end when they were cut off", s.lane, n)
	}
	return nil
}

// late reports whether the request has moved on, so that the event no longer fits.
func late(err error) bool { return flows.ErrorCode(err) == flows.CodeLate }

func missing(err error) bool { return flows.ErrorCode(err) == flows.CodeNotFound }

// ended reports whether err is no more than our own end.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded))
}
