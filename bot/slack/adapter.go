package slack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/sync/semaphore"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Time limits.
const (
	// ackBudget is what a handler gets of Slack's three seconds for an ack.
	// https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
	ackBudget = 2500 * time.Millisecond
	// ackAgain is between two tries to acknowledge, while no socket is open.
	ackAgain = 100 * time.Millisecond
	// commandBudget is how long a command's answer is awaited before the ack goes
	// out without it. Whoever typed reads it as soon as it is there in either case.
	commandBudget = 150 * time.Millisecond
	// workLimit bounds what is done after the ack.
	workLimit = 2 * time.Minute
	// stopLimit bounds how long Run takes to end. It is less than what a service
	// manager and the process give it, so that the inbox is still there at the end.
	stopLimit = 15 * time.Second
	// cutOffLimit is for work that was cut off then.
	cutOffLimit = 3 * time.Second
)

// How much is done at once. What comes beyond that waits.
const (
	maxReceiving = 512
	maxWorking   = 64  // after an ack
	maxLooking   = 16  // of people who opened a home
	maxAnswering = 32  // of a kind whose answer is in the ack
	maxOpening   = 128 // commands, most of which wait for their turn
	connections  = 2   // so that one is open while Slack renews the other
)

// Adapter receives. It translates what people do into calls of a chat.Handler, and
// its answers into what people see.
type Adapter struct {
	client  *Client
	handler chat.Handler
	inbox   platform.Inbox
	log     *slog.Logger
	meter   platform.Meter
	command string
	dialer  *websocket.Dialer

	lines    lines
	homes    *homes
	repeats  *repeats
	receives *semaphore.Weighted
	works    *semaphore.Weighted // what people press
	looks    *semaphore.Weighted // homes that people open
	// Those who wait for one kind of answer never hold up another.
	commands, submissions, searches *pool

	mu        sync.Mutex
	sockets   map[*socket]bool // those that said hello
	stopping  bool
	receiving tally // before the ack
	working   tally // after it
	reading   tally // sockets
}

// NewAdapter makes an adapter that sends through client and was given the same options.
func NewAdapter(o Options, client *Client, handler chat.Handler, inbox platform.Inbox) (*Adapter, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if o.AppToken == "" {
		return nil, errors.New("slack.app_token is empty: make an app-level token (xapp-…) with the scope connections:write on https://api.slack.com/apps (Basic Information, App-Level Tokens)")
	}
	return &Adapter{
		client: client, handler: handler, inbox: inbox,
		log: o.Log, meter: o.Meter, command: o.Command, dialer: dialer(o.Dialer), sockets: map[*socket]bool{},
		lines:    lines{all: map[string]*viewLine{}},
		homes:    newHomes(),
		repeats:  newRepeats(),
		receives: semaphore.NewWeighted(maxReceiving),
		works:    semaphore.NewWeighted(maxWorking),
		looks:    semaphore.NewWeighted(maxLooking),
		commands: newPool(maxOpening), submissions: newPool(maxAnswering), searches: newPool(maxAnswering),
	}, nil
}

// dialer copies d, or makes one, and gives it room for the longest answer.
func dialer(d *websocket.Dialer) *websocket.Dialer {
	if d == nil {
		d = &websocket.Dialer{Proxy: http.ProxyFromEnvironment, HandshakeTimeout: httpTimeout}
	}
	own := *d
	own.WriteBufferSize = max(own.WriteBufferSize, writeBuffer)
	return &own
}

// Ready reports whether Slack can reach the bot: at least one socket said hello and
// is open.
func (a *Adapter) Ready() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.sockets) > 0
}

// Run receives until ctx ends, which is no error, or until Slack says something that
// only an operator can mend. First it handles what an earlier run left undone. When
// it returns, what was under way is finished or, after stopLimit, cut off and left
// undone in the inbox. It may be called once.
func (a *Adapter) Run(ctx context.Context) error {
	// Work outlives ctx: a click that was acknowledged is answered.
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	sockets, closeSockets := context.WithCancel(work)
	defer closeSockets()

	a.replay(ctx, work)

	failed := make(chan error, connections)
	var connecting sync.WaitGroup
	connecting.Go(func() { a.keepHomes(sockets) })
	for i := range connections {
		connecting.Go(func() {
			if err := a.connect(sockets, work, i); err != nil {
				failed <- err
			}
		})
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	}

	a.mu.Lock()
	a.stopping = true
	a.mu.Unlock()
	deadline := time.Now().Add(stopLimit)
	a.receiving.wait(ackBudget)
	closeSockets()
	connecting.Wait()
	a.reading.wait(min(writeTimeout, time.Until(deadline)))
	if !a.working.wait(time.Until(deadline)) {
		a.log.WarnContext(ctx, "slack work is cut off and left for the next start")
		stopWork()
		a.working.wait(cutOffLimit)
	}
	return err
}

// tally counts what is under way.
type tally struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed when n is 0; nil until somebody waits
}

func (t *tally) add(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.n += n; t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
}

// wait waits until nothing is under way, at most for d.
func (t *tally) wait(d time.Duration) bool {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return true
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	zero := t.zero
	t.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-zero:
		return true
	case <-timer.C:
		return false
	}
}

// take starts f unless the adapter is stopping. f runs in its own goroutine, after
// room for it is there, and may panic.
func (a *Adapter) take(ctx context.Context, g *tally, room *semaphore.Weighted, kind string, f func(context.Context)) bool {
	a.mu.Lock()
	if a.stopping && g == &a.receiving {
		a.mu.Unlock()
		return false
	}
	g.add(1)
	a.mu.Unlock()
	go func() {
		defer g.add(-1)
		if room.Acquire(ctx, 1) != nil {
			return
		}
		defer room.Release(1)
		a.guard(ctx, kind, func() { f(ctx) })
	}()
	return true
}

// background does work after an ack.
func (a *Adapter) background(ctx context.Context, kind string, f func(context.Context)) {
	a.take(ctx, &a.working, a.works, kind, bounded(f))
}

// looking draws a home after an ack. However many open theirs at once, there is room
// for what people press.
func (a *Adapter) looking(ctx context.Context, f func(context.Context)) {
	a.take(ctx, &a.working, a.looks, "home", bounded(f))
}

func bounded(f func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, workLimit)
		defer cancel()
		f(ctx)
	}
}

// answering runs f, whose outcome somebody waits for within an ack, in the room of
// its kind. It reports false, and runs nothing, where too many wait already.
func (a *Adapter) answering(ctx context.Context, p *pool, kind string, f func(context.Context)) bool {
	if !p.queue.TryAcquire(1) {
		return false
	}
	a.working.add(1)
	go func() {
		defer a.working.add(-1)
		defer p.queue.Release(1)
		if p.room.Acquire(ctx, 1) != nil {
			return
		}
		defer p.room.Release(1)
		a.guard(ctx, kind, func() { bounded(f)(ctx) })
	}()
	return true
}

// pool is the room for one kind of delivery, and for those that wait for it.
type pool struct{ room, queue *semaphore.Weighted }

func newPool(n int64) *pool { return &pool{semaphore.NewWeighted(n), semaphore.NewWeighted(4 * n)} }

// guard runs f and survives its panic; it reports whether f came to its end.
func (a *Adapter) guard(ctx context.Context, kind string, f func()) (ended bool) {
	return platform.Guard(ctx, a.log, a.meter, CountPanic, kind, f)
}
