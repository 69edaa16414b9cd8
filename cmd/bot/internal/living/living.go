// Package living keeps the context in which decisions are made: people and
// inventory, read from the integrations on a schedule, as immutable snapshots
// that are swapped as a whole.
//
// A source that fails keeps what it said last; its age and its error can be
// asked for. A source that never answered offers nothing, and the others go on.
// It knows no request and no chat.
package living

import (
	"context"
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

// Source is one integration as a source of context.
type Source struct {
	Name       string
	Interval   time.Duration
	Connection provision.Connection
}

// Health is how a source did.
type Health struct {
	Name    string
	Synced  time.Time // last success; zero: never
	Tried   time.Time
	Problem string // of the last try; empty: it succeeded
	People  int
	Items   int // resources
}

// Context holds the snapshot of this moment. Make one with New.
type Context struct {
	sources []Source
	log     *slog.Logger
	world   atomic.Pointer[flows.World]

	mu       sync.Mutex
	people   map[string][]flows.Person
	shifts   map[string][]flows.Shift
	holdings map[string]flows.Holdings
	health   map[string]Health
	catalog  *flows.Catalog
}

// New makes a context that knows nobody and nothing but the policy.
func New(catalog *flows.Catalog, sources []Source, log *slog.Logger) *Context {
	c := &Context{
		sources: sources, log: log, catalog: catalog, people: map[string][]flows.Person{}, shifts: map[string][]flows.Shift{},
		holdings: map[string]flows.Holdings{}, health: map[string]Health{},
	}
	for _, s := range sources {
		c.health[s.Name] = Health{Name: s.Name}
	}
	c.rebuild()
	return c
}

// World is the snapshot of this moment.
func (c *Context) World() flows.World { return *c.world.Load() }

// Health of all sources, by name.
func (c *Context) Health() []Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Health
	for _, name := range slices.Sorted(maps.Keys(c.health)) {
		out = append(out, c.health[name])
	}
	return out
}

// Run syncs each source on its schedule until ctx ends.
func (c *Context) Run(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.sources {
		wg.Go(func() { c.follow(ctx, s) })
	}
	wg.Wait()
}

func (c *Context) follow(ctx context.Context, s Source) {
	for {
		wait := s.Interval
		c.mu.Lock()
		h := c.health[s.Name]
		c.mu.Unlock()
		if h.Problem != "" || h.Tried.IsZero() {
			wait = min(wait, retryEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
			c.syncOne(ctx, s)
		}
	}
}

// Sync asks all sources once, at the same time, and returns when each has
// answered or timed out.
func (c *Context) Sync(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range c.sources {
		wg.Go(func() { c.syncOne(ctx, s) })
	}
	wg.Wait()
}

func (c *Context) syncOne(ctx context.Context, s Source) {
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	now := time.Now().UTC()
	people, shifts, holdings, err := read(ctx, s)
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.health[s.Name]
	h.Tried = now
	if err != nil {
		if ctx.Err() == nil || h.Problem == "" {
			c.log.WarnContext(ctx, "an integration could not be read; what it said last stays in force", "integration", s.Name, "err", err)
		}
		h.Problem = provision.MessageOf(err)
		c.health[s.Name] = h
		return
	}
	h.Synced, h.Problem = now, ""
	if people != nil {
		c.people[s.Name], c.shifts[s.Name], h.People = people, shifts, len(people)
	}
	if holdings != nil {
		c.holdings[s.Name], h.Items = *holdings, len(holdings.Resources)
	}
	c.health[s.Name] = h
	c.rebuild()
	c.log.DebugContext(ctx, "integration read", "integration", s.Name, "people", h.People, "resources", h.Items)
}

func read(ctx context.Context, s Source) (people []flows.Person, shifts []flows.Shift, holdings *flows.Holdings, err error) {
	defer func() {
		if p := recover(); p != nil { // a driver's defect must not end the bot
			err = fmt.Errorf("the driver panicked: %v", p)
		}
	}()
	if d, ok := s.Connection.(provision.Directory); ok {
		if people, shifts, err = d.People(ctx); err != nil {
			return nil, nil, nil, err
		}
		if people == nil {
			people = []flows.Person{}
		}
	}
	if d, ok := s.Connection.(provision.Discoverer); ok {
		h, err := d.Discover(ctx)
		if err != nil {
			return nil, nil, nil, err
		}
		h.Integration = s.Name
		holdings = &h
	}
	return people, shifts, holdings, nil
}

// rebuild swaps the snapshot. The caller holds mu.
func (c *Context) rebuild() {
	var people []flows.Person
	var shifts []flows.Shift
	var holdings []flows.Holdings
	for _, s := range c.sources {
		people = append(people, c.people[s.Name]...)
		shifts = append(shifts, c.shifts[s.Name]...)
		if h, ok := c.holdings[s.Name]; ok {
			holdings = append(holdings, h)
		}
	}
	c.world.Store(&flows.World{People: flows.NewDirectory(people, shifts), Inventory: flows.NewInventory(holdings), Catalog: c.catalog})
}
