package slack

import (
	"context"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"apono/bot/chat"
)

// method is a Web API method with its share of calls.
//
// Slack counts calls per method, workspace and app, in windows of a minute: tier 2
// 20, tier 3 50, tier 4 100. burst may be used at once and the rest is spread over
// the minute, so no window of a minute ever holds more than perMinute.
// https://docs.slack.dev/apis/web-api/rate-limits
type method struct {
	name             string
	perMinute, burst int
	repeatable       bool // doing it twice does no harm
}

var (
	postMessage       = method{name: "chat.postMessage", perMinute: 300, burst: 60} // "several hundred" a workspace
	updateMessage     = method{name: "chat.update", perMinute: 50, burst: 20, repeatable: true}
	postEphemeral     = method{name: "chat.postEphemeral", perMinute: 100, burst: 40, repeatable: true} // twice is better than not at all
	openView          = method{name: "views.open", perMinute: 100, burst: 60}
	updateView        = method{name: "views.update", perMinute: 100, burst: 60, repeatable: true}
	publishView       = method{name: "views.publish", perMinute: 100, burst: 60, repeatable: true}
	lookupByEmail     = method{name: "users.lookupByEmail", perMinute: 50, burst: 20, repeatable: true}
	usersInfo         = method{name: "users.info", perMinute: 100, burst: 60, repeatable: true}
	openConversation  = method{name: "conversations.open", perMinute: 50, burst: 20, repeatable: true}
	listConversations = method{name: "conversations.list", perMinute: 20, burst: 10, repeatable: true}
	infoConversation  = method{name: "conversations.info", perMinute: 50, burst: 20, repeatable: true}
	readHistory       = method{name: "conversations.history", perMinute: 50, burst: 20, repeatable: true}
	uploadURL         = method{name: "files.getUploadURLExternal", perMinute: 100, burst: 20, repeatable: true}
	upload            = method{name: "upload", perMinute: 100, burst: 20, repeatable: true} // to the URL that the former gives; no tier is documented
	shareFile         = method{name: "files.completeUploadExternal", perMinute: 100, burst: 20}
	testAuth          = method{name: "auth.test", perMinute: 100, burst: 20, repeatable: true}
	openSocket        = method{name: "apps.connections.open", perMinute: 50, burst: 20, repeatable: true}
	respond           = method{name: "response_url", perMinute: 600, burst: 300, repeatable: true} // five uses a URL; no tier is documented
)

// priorityNow is before all others: somebody looks at the screen and waits.
const priorityNow chat.Priority = 0

// gate lets calls through at the pace that Slack allows. Who waits is served by
// priority, and in order of arrival within one.
type gate struct {
	mu      sync.Mutex
	lanes   map[string]*lane
	waiting []*waiter // in the order of service
	timer   *time.Timer
}

// lane is one limit: a number of calls a minute, or one message a second.
type lane struct {
	limiter *rate.Limiter // nil: one at a time, and a pause after it
	held    bool          // by the one at a time
	closed  time.Time     // until when to keep away
}

// pause is how long after the answer to a message the next may go to the same
// channel. From the answer, because what counts is when the message arrived.
const pause = time.Second

// longest is a delay that something else than time will end.
const longest = time.Hour

type waiter struct {
	priority chat.Priority
	lanes    []*lane
	admitted chan struct{}
}

func newGate() *gate { return &gate{lanes: map[string]*lane{}} }

// wait returns nil when the call may be made now; then done has to be called after
// it. channel is where a message goes, else empty. Any error is the context's.
func (g *gate) wait(ctx context.Context, m method, channel string, p chat.Priority) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	w := &waiter{priority: p, lanes: g.lanesOf(m, channel), admitted: make(chan struct{})}
	at, _ := slices.BinarySearchFunc(g.waiting, w, func(e, w *waiter) int {
		if e.priority <= w.priority {
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

// done tells that a call was answered, or will not be.
func (g *gate) done(m method, channel string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, l := range g.lanesOf(m, channel) {
		if l.limiter == nil {
			l.held = false
			l.closed = later(l.closed, now.Add(pause))
		}
	}
	g.admit(now)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// rest keeps callers of the method, and messages to the channel, away for d.
func (g *gate) rest(m method, channel string, d time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	for _, l := range g.lanesOf(m, channel) {
		l.closed = later(l.closed, now.Add(d))
	}
	g.admit(now)
}

func (g *gate) lanesOf(m method, channel string) []*lane {
	lanes := []*lane{g.lane(m.name, func() *rate.Limiter {
		return rate.NewLimiter(rate.Limit(float64(m.perMinute-m.burst)/60), m.burst)
	})}
	if m.name == postMessage.name && channel != "" {
		lanes = append(lanes, g.lane(m.name+" "+channel, func() *rate.Limiter { return nil }))
	}
	return lanes
}

func (g *gate) lane(name string, limiter func() *rate.Limiter) *lane {
	l := g.lanes[name]
	if l == nil {
		g.forget(time.Now())
		l = &lane{limiter: limiter()}
		g.lanes[name] = l
	}
	return l
}

// forget drops channels that need no pause at the moment, once there are many.
func (g *gate) forget(now time.Time) {
	if len(g.lanes) < 5000 {
		return
	}
	used := map[*lane]bool{}
	for _, w := range g.waiting {
		for _, l := range w.lanes {
			used[l] = true
		}
	}
	for name, l := range g.lanes {
		if l.limiter == nil && !used[l] && l.delay(now, 0) == 0 {
			delete(g.lanes, name)
		}
	}
}

// delay is how long until the lane has a token left after those that are reserved.
func (l *lane) delay(now time.Time, reserved int) time.Duration {
	wait := max(0, l.closed.Sub(now))
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
func (g *gate) admit(now time.Time) {
	reserved := map[*lane]int{}
	var next time.Duration
	rest := g.waiting[:0]
	for _, w := range g.waiting {
		var wait time.Duration
		for _, l := range w.lanes {
			wait = max(wait, l.delay(now, reserved[l]))
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
