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
	syncTimeout = 30 * time.Second // where the source names none; see provision.Patient
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
	// HoldAbove is the percentage of people, groups or resources by which an answer of
	// a source may be less than the one before; see Held.
	HoldAbove int
}

// Health is how a source did.
type Health struct {
	Name    string
	Synced  time.Time // last success; zero: never
	Tried   time.Time
	Problem string // of the last try; empty: it succeeded
	Held    string // why its last answer is not in force; empty: it is
	People  int
	Items   int // resources
	// Directory says that the source knows people.
	Directory bool
	// Old: what is known was said before a restart, under other settings.
	Old bool
}

// said is what a source knows.
type said struct {
	Answer
	health   Health
	settings string // under which it said so
	sum      string // digest of what it said
	saved    string // digest of what is on the shelf
	// discarded is the ID of an answer that is held since, and of which somebody said that
	// it is wrong.
	discarded string
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

	tagging sync.Mutex // one at a time, so that what is kept is what is in force; before mu

	mu        sync.Mutex
	setup     Setup
	sources   map[string]*held
	said      map[string]said
	held      map[string]heldAnswer
	tellHeld  func(context.Context, Held)
	shelf     Shelf // nil: nothing is kept
	conflicts []Conflict
	told      map[Conflict]bool
}

// New makes a context that knows nobody and nothing but the policy.
func New(setup Setup, log *slog.Logger) *Context {
	c := &Context{log: log, changed: make(chan struct{}, 1), said: map[string]said{}, held: map[string]heldAnswer{}}
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

// Settled says that every source of people has answered under its present settings,
// before the last restart maybe. It is asked every second.
func (c *Context) Settled() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, source := range c.sources {
		if _, directory := source.Connection.(provision.Directory); directory {
			if h := c.said[name].health; h.Synced.IsZero() || h.Old {
				return false
			}
		}
	}
	return true
}

// Health of all sources, by name.
func (c *Context) Health() []Health {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []Health
	for _, name := range slices.Sorted(maps.Keys(c.sources)) {
		h := c.said[name].health
		h.Name = name
		if held, ok := c.held[name]; ok {
			h.Held = held.Text()
		}
		_, h.Directory = c.sources[name].Connection.(provision.Directory)
		out = append(out, h)
	}
	return append(out, c.tagsHealth()...)
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
			delete(c.held, s.Name) // it was the answer of another connection
		}
	}
	retired := c.install(setup)
	c.mu.Unlock()
	for _, h := range retired {
		h.retire()
	}
	c.tellConflicts(ctx)
	for _, name := range changed(was, setup) {
		c.keep(context.WithoutCancel(ctx), name)
	}
	select {
	case c.changed <- struct{}{}:
	default:
	}
}

// changed names the sources that are new, connected otherwise or gone.
func changed(was map[string]*held, setup Setup) (names []string) {
	gone := maps.Clone(was)
	for _, s := range setup.Sources {
		if h, ok := was[s.Name]; !ok || h.Settings != s.Settings {
			names = append(names, s.Name)
		}
		delete(gone, s.Name)
	}
	return append(names, slices.Collect(maps.Keys(gone))...)
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
			delete(c.held, name)
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

// Sync asks the sources of these names once, at the same time, or all where none is
// named, and returns when each has answered or timed out. Names that are not there
// are left out.
func (c *Context) Sync(ctx context.Context, names ...string) {
	var wg sync.WaitGroup
	for name := range c.now.Load().sources {
		if len(names) == 0 || slices.Contains(names, name) {
			wg.Go(func() { c.syncOne(ctx, name) })
		}
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
	if tell := c.accept(s, answer); tell != nil {
		tell(ctx)
	}
	c.tellConflicts(ctx)
	if answer.health.Problem == "" {
		c.keep(ctx, name)
	}
}

func (c *Context) accept(s Source, answer said) (tell func(context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h, ok := c.sources[s.Name]; !ok || h.Settings != s.Settings {
		return nil
	}
	if answer.health.Problem != "" {
		c.said[s.Name] = c.said[s.Name].then(answer)
		return nil
	}
	before := c.said[s.Name].sum
	tell = c.take(s, answer)
	if c.said[s.Name].sum != before { // whoever follows the world need not look again at the same
		c.rebuild()
	}
	return tell
}

// ask reads a source. What it says goes with when it was asked and how it did.
func (c *Context) ask(ctx context.Context, s Source) (out said) {
	within := syncTimeout
	if p, ok := s.Connection.(provision.Patient); ok {
		within = p.Patience()
	}
	asked, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	out.health, out.settings = Health{Name: s.Name, Tried: time.Now().UTC()}, s.Settings
	err := out.read(asked, s)
	if err != nil {
		if !errors.Is(ctx.Err(), context.Canceled) {
			c.log.WarnContext(ctx, "an integration could not be read; what it said last, if ever, stays in force", "integration", s.Name, "err", err)
		}
		out.health.Problem = provision.MessageOf(err)
		return out
	}
	out.health.Synced, out.health.People = out.health.Tried, len(out.People)
	if out.Holdings != nil {
		out.health.Items = len(out.Holdings.Resources)
	}
	_, out.sum = out.encoded()
	c.log.DebugContext(ctx, "integration read", "integration", s.Name, "people", out.health.People, "resources", out.health.Items)
	return out
}

// then is what is known after a further answer: one that failed changes only how
// the source did.
func (s said) then(answer said) said {
	if answer.health.Problem == "" {
		answer.saved = s.saved
		return answer
	}
	s.health.Tried, s.health.Problem = answer.health.Tried, answer.health.Problem
	return s
}

// Ask reads a source once, for as long as ctx allows.
func Ask(ctx context.Context, from Source) (a Answer, err error) {
	err = a.read(ctx, from)
	return a, err
}

func (a *Answer) read(ctx context.Context, from Source) (err error) {
	defer func() {
		if p := recover(); p != nil { // a driver's defect must not end the bot
			err = fmt.Errorf("the driver panicked: %v", p)
		}
	}()
	if d, ok := from.Connection.(provision.Directory); ok {
		if a.People, a.Shifts, err = d.People(ctx); err != nil {
			return err
		}
	}
	if d, ok := from.Connection.(provision.Grouper); ok {
		if a.Groups, err = d.Groups(ctx); err != nil {
			return err
		}
	}
	if d, ok := from.Connection.(provision.Discoverer); ok {
		h, err := d.Discover(ctx)
		if err != nil {
			return err
		}
		h.Integration = from.Name
		a.Holdings = &h
	}
	return nil
}

// Conflict is a fact about a person on which two sources do not agree.
type Conflict = flows.Conflict

// Told is what a source says, by its name.
type Told struct {
	Source string
	Answer
}

// Join makes people and an inventory of what sources say, those first that count first;
// tags are added to the resources.
func Join(all []Told, tags []flows.TaggedResource) (*flows.Directory, *flows.Inventory, []Conflict) {
	var people []flows.PeopleOf
	var shifts []flows.Shift
	var groups []string
	var holdings []flows.Holdings
	for _, t := range all {
		people = append(people, flows.PeopleOf{Source: t.Source, People: t.People})
		shifts, groups = append(shifts, t.Shifts...), append(groups, t.Groups...)
		if t.Holdings != nil {
			holdings = append(holdings, *t.Holdings)
		}
	}
	merged, conflicts := flows.MergePeople(people)
	return flows.NewDirectory(merged, shifts, groups...), flows.NewInventory(tagged(holdings, tags)), conflicts
}

// rebuild swaps the snapshot. The caller holds mu, or is alone.
func (c *Context) rebuild() {
	var all []Told
	for _, s := range c.setup.Sources {
		all = append(all, Told{s.Name, c.said[s.Name].Answer})
	}
	people, inventory, conflicts := Join(all, c.said[TagsSource].Tags)
	c.conflicts = conflicts
	c.now.Store(&snapshot{world: flows.NewWorld(people, inventory, c.setup.Catalog), sources: c.sources})
}

// tellConflicts logs on what sources do not agree, each once.
func (c *Context) tellConflicts(ctx context.Context) {
	c.mu.Lock()
	known, now := c.told, map[Conflict]bool{}
	for _, conflict := range c.conflicts {
		now[conflict] = true
	}
	c.told = now
	c.mu.Unlock()
	for conflict := range now {
		if !known[conflict] {
			c.log.WarnContext(ctx, "two sources of people do not agree", "person", conflict.Person, "fact", conflict.Fact, "counts", conflict.Counts, "other", conflict.Other)
		}
	}
}

// Conflicts lists on what sources of people do not agree at this moment.
func (c *Context) Conflicts() []Conflict {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.conflicts)
}
