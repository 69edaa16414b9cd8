// Package living keeps the context in which decisions are made: people and
// inventory, read from the integrations on a schedule, as immutable snapshots
// that are swapped as a whole.
//
// A source that fails keeps what it said last; its age and its error can be
// asked for. A source that never answered offers nothing, and the others go on.
// Policy and sources change together, from one moment to the next; a connection
// that is replaced is retired when the last who uses it is done.
// It knows no request and no chat.
package living

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"apono/flows"
	"apono/provision"
)

// Bounds of a sync.
const (
	syncTimeout = 30 * time.Second
	// retryEvery is how soon a source that failed is asked again.
	retryEvery = 15 * time.Second
)

// Source is one integration as a source of context, and as what access is granted
// in.
type Source struct {
	Name       string
	Interval   time.Duration
	Connection provision.Connection
	// Settings is equal for sources that are connected alike.
	Settings string
	// AccessDetails are shown with the credentials.
	AccessDetails string
	// Retire is called once when the source was replaced or removed and nobody uses
	// its connection any more. nil: nothing is to be done then.
	Retire func()
}

// Setup is the part of a configuration that a context is made of. It is changed as
// a whole.
type Setup struct {
	Catalog *flows.Catalog
	Sources []Source
}

// Health is how a source did.
type Health struct {
	Name    string
	Synced  time.Time // last success; zero: never
	Tried   time.Time
	Problem string // of the last try; empty: it succeeded
	People  int
	Items   int // resources
	// Directory says that the source knows people.
	Directory bool
}

// said is what a source knows.
type said struct {
	people   []flows.Person
	shifts   []flows.Shift
	groups   []string
	holdings *flows.Holdings
	health   Health
}

// held is a source with those who use its connection. Context.mu guards it.
type held struct {
	Source
	users   int
	retired bool
}

// snapshot is all that is in force at a moment. It is never changed.
type snapshot struct {
	world   flows.World
	sources map[string]*held
}

// Context holds the snapshot of this moment. Make one with New.
type Context struct {
	log *slog.Logger
	now atomic.Pointer[snapshot]
	// changed receives after a Change, for Run.
	changed chan struct{}

	mu      sync.Mutex
	setup   Setup
	sources map[string]*held
	said    map[string]said
}

// New makes a context that knows nobody and nothing but the policy.
func New(setup Setup, log *slog.Logger) *Context {
	c := &Context{log: log, changed: make(chan struct{}, 1), said: map[string]said{}}
	c.install(setup)
	return c
}

// World is the snapshot of this moment.
func (c *Context) World() flows.World { return c.now.Load().world }

// Use finds a source by name and keeps its connection from being retired until
// done is called.
func (c *Context) Use(name string) (s Source, done func(), ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.now.Load().sources[name]
	if !ok {
		return Source{}, nil, false
	}
	h.users++
	return h.Source, sync.OnceFunc(func() { c.release(h) }), true
}

func (c *Context) release(h *held) {
	c.mu.Lock()
	h.users--
	last := h.retired && h.users == 0
	c.mu.Unlock()
	if last {
		h.retire()
	}
}

func (h *held) retire() {
	if h.Retire != nil {
		h.Retire()
	}
}

// Health of all sources, by name.
func (c *Context) Health() []Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Health
	for _, name := range slices.Sorted(maps.Keys(c.sources)) {
		h := c.said[name].health
		h.Name = name
		_, h.Directory = c.sources[name].Connection.(provision.Directory)
		out = append(out, h)
	}
	return out
}

// Change puts another setup into force, from one moment to the next. Sources that
// are new or connected otherwise are read before that, for at most wait; what does
// not answer by then keeps what it said under its old settings, if it said anything,
// and joins when it answers. Only one Change may run at a time.
func (c *Context) Change(ctx context.Context, setup Setup, wait time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c.mu.Lock()
	was := maps.Clone(c.sources)
	c.mu.Unlock()
	fresh := make([]said, len(setup.Sources))
	var wg sync.WaitGroup
	for i, s := range setup.Sources {
		if h, ok := was[s.Name]; ok && h.Settings == s.Settings {
			continue
		}
		wg.Go(func() { fresh[i] = c.ask(ctx, s) })
	}
	wg.Wait()
	c.mu.Lock()
	for i, s := range setup.Sources {
		if !fresh[i].health.Tried.IsZero() {
			c.said[s.Name] = c.said[s.Name].then(fresh[i])
		}
	}
	retired := c.install(setup)
	c.mu.Unlock()
	for _, h := range retired {
		h.retire()
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// install swaps setup and snapshot. It returns the sources that nobody uses any
// more. The caller holds mu, or is alone.
func (c *Context) install(setup Setup) (retired []*held) {
	sources := map[string]*held{}
	for _, s := range setup.Sources {
		h, ok := c.sources[s.Name]
		if !ok || h.Settings != s.Settings {
			sources[s.Name] = &held{Source: s}
			continue
		}
		s.Connection, s.Retire = h.Connection, h.Retire
		h.Source = s
		sources[s.Name] = h
	}
	for name, h := range c.sources {
		if sources[name] == h {
			continue
		}
		h.retired = true
		if h.users == 0 {
			retired = append(retired, h)
		}
		if sources[name] == nil {
			delete(c.said, name)
		}
	}
	c.setup, c.sources = setup, sources
	c.rebuild()
	return retired
}

// Run syncs each source on its schedule until ctx ends.
func (c *Context) Run(ctx context.Context) {
	for ctx.Err() == nil {
		c.mu.Lock()
		sources := slices.Collect(maps.Values(c.sources))
		c.mu.Unlock()
		following, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		for _, h := range sources {
			wg.Go(func() { c.follow(following, h) })
		}
		select {
		case <-ctx.Done():
		case <-c.changed:
		}
		stop()
		wg.Wait()
	}
}

func (c *Context) follow(ctx context.Context, h *held) {
	for {
		c.mu.Lock()
		health, wait := c.said[h.Name].health, h.Interval
		c.mu.Unlock()
		if health.Problem != "" || health.Tried.IsZero() {
			wait = min(wait, retryEvery)
		}
		if !health.Tried.IsZero() {
			wait -= time.Since(health.Tried)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			c.syncOne(ctx, h.Name)
		}
	}
}

// Sync asks all sources once, at the same time, and returns when each has
// answered or timed out.
func (c *Context) Sync(ctx context.Context) {
	var wg sync.WaitGroup
	for name := range c.now.Load().sources {
		wg.Go(func() { c.syncOne(ctx, name) })
	}
	wg.Wait()
}

// syncOne asks a source and takes over what it says, unless the source was
// replaced meanwhile.
func (c *Context) syncOne(ctx context.Context, name string) {
	s, done, ok := c.Use(name)
	if !ok {
		return
	}
	defer done()
	answer := c.ask(ctx, s)
	if ctx.Err() != nil {
		return // it was not the source that failed
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.sources[name]; !ok || h.Settings != s.Settings {
		return
	}
	c.said[name] = c.said[name].then(answer)
	if answer.health.Problem == "" {
		c.rebuild()
	}
}

// ask reads a source. What it says goes with when it was asked and how it did.
func (c *Context) ask(ctx context.Context, s Source) (out said) {
	asked, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	out.health = Health{Name: s.Name, Tried: time.Now().UTC()}
	err := out.read(asked, s)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			c.log.WarnContext(ctx, "an integration could not be read; what it said last stays in force", "integration", s.Name, "err", err)
		}
		out.health.Problem = provision.MessageOf(err)
		return out
	}
	out.health.Synced = out.health.Tried
	c.log.DebugContext(ctx, "integration read", "integration", s.Name, "people", out.health.People, "resources", out.health.Items)
	return out
}

// then is what is known after a further answer: one that failed changes only how
// the source did.
func (s said) then(answer said) said {
	if answer.health.Problem == "" {
		return answer
	}
	s.health.Tried, s.health.Problem = answer.health.Tried, answer.health.Problem
	return s
}

func (s *said) read(ctx context.Context, from Source) (err error) {
	defer func() {
		if p := recover(); p != nil { // a driver's defect must not end the bot
			err = fmt.Errorf("the driver panicked: %v", p)
		}
	}()
	if d, ok := from.Connection.(provision.Directory); ok {
		if s.people, s.shifts, err = d.People(ctx); err != nil {
			return err
		}
		s.health.People = len(s.people)
	}
	if d, ok := from.Connection.(provision.Grouper); ok {
		if s.groups, err = d.Groups(ctx); err != nil {
			return err
		}
	}
	if d, ok := from.Connection.(provision.Discoverer); ok {
		h, err := d.Discover(ctx)
		if err != nil {
			return err
		}
		h.Integration = from.Name
		s.holdings, s.health.Items = &h, len(h.Resources)
	}
	return nil
}

// rebuild swaps the snapshot. The caller holds mu, or is alone.
func (c *Context) rebuild() {
	var people []flows.Person
	var shifts []flows.Shift
	var groups []string
	var holdings []flows.Holdings
	for _, s := range c.setup.Sources {
		known := c.said[s.Name]
		people, shifts, groups = append(people, known.people...), append(shifts, known.shifts...), append(groups, known.groups...)
		if known.holdings != nil {
			holdings = append(holdings, *known.holdings)
		}
	}
	c.now.Store(&snapshot{
		world:   flows.NewWorld(flows.NewDirectory(people, shifts, groups...), flows.NewInventory(holdings), c.setup.Catalog),
		sources: c.sources,
	})
}
