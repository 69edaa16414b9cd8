package platform

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"apono/bot/chat"
)

// PriorityNow is before all others: somebody looks at the screen and waits.
const PriorityNow = chat.PriorityNow

// Lane is one limit on calls. Lanes of one name are the same lane, and have the same
// limit.
type Lane struct {
	Name string
	// Burst may be used at once and Rate after it, so that no window ever holds more
	// than Burst and what Rate gives in it.
	Rate  rate.Limit
	Burst int
	// Cold: the lane begins without its burst, where an earlier process may have spent
	// it a moment ago.
	Cold bool
	// Pause, where Burst is 0: calls go one at a time, and this long after the answer
	// to the one before. From the answer, because what counts is when a call arrived.
	Pause time.Duration
	// Window, where it is set, is the limit as the platform counts it: at most Most calls in
	// any Window, and Rate does not count. A call is counted from its answer on, because
	// what counts is when it arrived, and while it is under way.
	//
	// Calls of the priority Yields and those after it leave Reserve of them to others. Of
	// what is theirs they take Burst at once, and the rest one at a time over the whole
	// Window, so that whoever comes next waits for a moment only; while they wait, all of
	// what is theirs is used. Burst 0: all at once. Others wait for nothing but room.
	Window  time.Duration
	Most    int
	Reserve int
	Yields  chat.Priority
}

// Gate lets calls through at the pace of their lanes. Who waits is served by
// priority, and in order of arrival within one; of those who wait for a form the newest
// goes first, since it has the most time left and the oldest is about to give up. It is
// safe for concurrent use.
type Gate struct {
	mu      sync.Mutex
	lanes   map[string]*lane
	waiting []*waiter // in the order of service
	timer   *time.Timer
}

type lane struct {
	limiter *rate.Limiter // nil: one at a time, and a pause after it, or a window
	window  *window
	pause   time.Duration
	held    bool      // by the one at a time
	closed  time.Time // until when to keep away
}

// longest is a delay that something else than time will end.
const longest = time.Hour

// manyLanes is from when on lanes that are at rest are forgotten.
const manyLanes = 5000

type waiter struct {
	priority chat.Priority
	lanes    []*lane
	admitted chan struct{}
}

// NewGate makes a gate without lanes; each begins with its first call.
func NewGate() *Gate { return &Gate{lanes: map[string]*lane{}} }

// Wait returns nil when the call may be made now; then Done has to be called after
// it. Any error is the context's.
func (g *Gate) Wait(ctx context.Context, p chat.Priority, lanes ...Lane) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	w := &waiter{priority: p, lanes: g.of(lanes), admitted: make(chan struct{})}
	at, _ := slices.BinarySearchFunc(g.waiting, w, func(e, w *waiter) int {
		if e.priority < w.priority || e.priority == w.priority && w.priority != chat.PriorityForm {
			return -1
		}
		return 1
	})
	g.waiting = slices.Insert(g.waiting, at, w)
	g.admit(time.Now())
	g.mu.Unlock()

	select {
	case <-w.admitted:
		return nil
	case <-ctx.Done():
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-w.admitted:
		return nil // admitted meanwhile; the token is spent, so the call may go
	default:
	}
	g.waiting = slices.DeleteFunc(g.waiting, func(e *waiter) bool { return e == w })
	g.admit(time.Now())
	return ctx.Err()
}

// Done tells that a call was answered, or will not be.
func (g *Gate) Done(lanes ...Lane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, l := range g.of(lanes) {
		switch {
		case l.window != nil:
			l.window.done(now)
		case l.limiter == nil:
			l.held = false
			l.close(now.Add(l.pause))
		}
	}
	g.admit(now)
}

// Rest keeps callers away from the lanes for d.
func (g *Gate) Rest(d time.Duration, lanes ...Lane) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, l := range g.of(lanes) {
		l.close(now.Add(d))
	}
	g.admit(now)
}

// Busy reports whether a call of a priority would have to wait now.
func (g *Gate) Busy(p chat.Priority, lanes ...Lane) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, l := range g.of(lanes) {
		queued := slices.ContainsFunc(g.waiting, func(w *waiter) bool { return slices.Contains(w.lanes, l) })
		if queued || l.delay(now, 0, p) > 0 {
			return true
		}
	}
	return false
}

// Waiting is how many wait.
func (g *Gate) Waiting() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.waiting)
}

func (g *Gate) of(named []Lane) []*lane {
	lanes := make([]*lane, len(named))
	for i, n := range named {
		l := g.lanes[n.Name]
		if l == nil {
			now := time.Now()
			g.forget(now, lanes[:i])
			l = &lane{pause: n.Pause}
			switch {
			case n.Window > 0:
				l.window = newWindow(n)
			case n.Burst > 0:
				l.limiter = rate.NewLimiter(n.Rate, n.Burst)
			}
			if n.Cold && l.limiter != nil {
				l.limiter.AllowN(now, n.Burst)
			}
			g.lanes[n.Name] = l
		}
		lanes[i] = l
	}
	return lanes
}

// forget drops lanes that hold nobody up at the moment, once there are many. keep are
// about to be used.
func (g *Gate) forget(now time.Time, keep []*lane) {
	if len(g.lanes) < manyLanes {
		return
	}
	used := map[*lane]bool{}
	for _, l := range keep {
		used[l] = true
	}
	for _, w := range g.waiting {
		for _, l := range w.lanes {
			used[l] = true
		}
	}
	for name, l := range g.lanes {
		if !used[l] && l.rested(now) {
			delete(g.lanes, name)
		}
	}
}

// rested reports whether a new lane would be no different.
func (l *lane) rested(now time.Time) bool {
	return l.delay(now, 0, PriorityNow) == 0 && (l.window == nil || l.window.empty()) && (l.limiter == nil || l.limiter.TokensAt(now) >= float64(l.limiter.Burst()))
}

// close keeps away until a moment, or longer where that was said before.
func (l *lane) close(until time.Time) {
	if until.After(l.closed) {
		l.closed = until
	}
}

// delay is how long until the lane has a token left after those that are reserved.
func (l *lane) delay(now time.Time, reserved int, p chat.Priority) time.Duration {
	wait := max(0, l.closed.Sub(now))
	if l.window != nil {
		return max(wait, l.window.delay(now, reserved, p))
	}
	if l.limiter == nil {
		if l.held || reserved > 0 {
			wait = max(wait, longest)
		}
		return wait
	}
	if missing := 1 + float64(reserved) - l.limiter.TokensAt(now); missing > 0 {
		// A microsecond more, so that rounding never wakes anybody too early.
		need := time.Duration(missing/float64(l.limiter.Limit())*float64(time.Second)) + time.Microsecond
		wait = max(wait, need)
	}
	return wait
}

func (l *lane) use(now time.Time) {
	if l.window != nil {
		l.window.use()
		return
	}
	if l.limiter == nil {
		l.held = true
		return
	}
	l.limiter.AllowN(now, 1)
}

// admit lets through who can go and sets the timer for the next. One who waits for
// one lane reserves a token in the others, so that nobody behind can starve him.
// One token a lane is enough, and more would let a queue for one channel hold up
// all others.
func (g *Gate) admit(now time.Time) {
	reserved := map[*lane]int{}
	var next time.Duration
	rest := g.waiting[:0]
	for _, w := range g.waiting {
		var wait time.Duration
		for _, l := range w.lanes {
			wait = max(wait, l.delay(now, reserved[l], w.priority))
		}
		if wait == 0 {
			for _, l := range w.lanes {
				l.use(now)
			}
			close(w.admitted)
			continue
		}
		for _, l := range w.lanes {
			reserved[l] = 1
		}
		if next == 0 || wait < next {
			next = wait
		}
		rest = append(rest, w)
	}
	clear(g.waiting[len(rest):])
	g.waiting = rest
	if g.timer != nil {
		g.timer.Stop()
	}
	if next > 0 {
		g.timer = time.AfterFunc(next, func() {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.admit(time.Now())
		})
	}
}
