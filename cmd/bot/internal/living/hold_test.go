package living_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// shelf keeps sources in memory.
type shelf struct {
	mu    sync.Mutex
	rows  map[string]flows.SourceSnapshot
	wrote int // of what sources said
	told  []string
	full  bool // nothing can be told any more
}

func (s *shelf) SaveSourceTold(ctx context.Context, _ time.Time, snap flows.SourceSnapshot, fact flows.Fact) error {
	s.mu.Lock()
	full := s.full
	if !full {
		s.told = append(s.told, fact.Text)
	}
	s.mu.Unlock()
	if full {
		return errors.New("the disk is full")
	}
	return s.SaveSource(ctx, snap)
}

// settle is an admin's word about what is held.
func settle(t *testing.T, c *living.Context, source, id string, proceed bool) error {
	t.Helper()
	return c.Settle(t.Context(), source, id, proceed, func(h living.Held) (time.Time, flows.Fact) {
		return time.Now(), flows.Fact{Text: fmt.Sprintf("%s: proceed %t", h.Source, proceed)}
	})
}

func (s *shelf) SaveSource(_ context.Context, snap flows.SourceSnapshot) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if snap.Data == nil {
		snap.Data = s.rows[snap.Name].Data
	} else {
		s.wrote++
	}
	s.rows[snap.Name] = snap
	return nil
}

func (s *shelf) ForgetSource(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.rows, name)
	return nil
}

func (s *shelf) Sources() (out []flows.SourceSnapshot, err error) {
	for _, r := range s.rows {
		out = append(out, r)
	}
	return out, nil
}

func crowd(n int) (out []flows.Person) {
	for i := range n {
		out = append(out, person(fmt.Sprintf("p%d@x", i), fmt.Sprintf("g%d", i%4)))
	}
	return out
}

func holding(percent int, sources ...living.Source) living.Setup {
	s := setup(sources...)
	s.HoldAbove = percent
	return s
}

// TestARestartNeedsNoSource: what was said before is in force at once, with its age,
// while the sources are down.
func TestARestartNeedsNoSource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, gone := &source{people: crowd(10), groups: []string{"empty"}, names: []string{"q"}}, &source{people: []flows.Person{person("gone@x")}}
		s.people[3].Attributes = map[string][]string{"department": {"payments"}, "none": {}}
		kept := &shelf{rows: map[string]flows.SourceSnapshot{}}
		c := living.New(holding(30, of("s", s, "1"), of("gone", gone, "1")), quiet())
		if err := c.Remember(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		c.Sync(t.Context())
		before := c.World()
		time.Sleep(time.Hour)
		c.Sync(t.Context())
		synced := time.Now().UTC()
		if kept.wrote != 2 || c.World() != before {
			t.Errorf("an answer that is the same is written again: %d; or makes another world", kept.wrote)
		}
		c.Change(t.Context(), holding(30, of("s", s, "1")), time.Second)
		if _, ok := kept.rows["gone"]; ok {
			t.Error("what a removed integration said is kept")
		}
		time.Sleep(24 * time.Hour) // the bot is down
		down := errors.New("down")
		s.fails.Store(&down)
		c = living.New(holding(30, of("s", s, "2")), quiet())
		if err := c.Remember(t.Context(), kept); err != nil {
			t.Fatal(err)
		}
		c.Sync(t.Context())
		p, err := c.World().People.ByEmail("p3@x")
		if err != nil || !has(c, "s", "q") || !c.World().People.HasGroup("empty") || knows(c, "gone@x") {
			t.Fatalf("after the restart: %v, %v", p, err)
		}
		if diff := cmp.Diff(s.people[3], *p); diff != "" {
			t.Errorf("person (-want +got):\n%s", diff)
		}
		h := c.Health()[0]
		if !h.Synced.Equal(synced) || h.Problem == "" || h.People != 10 || h.Items != 1 {
			t.Errorf("health %+v", h)
		}
	})
}

// TestUnreadableShelf: damage is no reason not to start.
func TestUnreadableShelf(t *testing.T) {
	kept := &shelf{rows: map[string]flows.SourceSnapshot{"s": {Name: "s", Settings: "1", Digest: "x", Data: []byte("no gzip")}}}
	c := living.New(holding(30, of("s", &source{people: crowd(1)}, "1")), quiet())
	if err := c.Remember(t.Context(), kept); err != nil {
		t.Fatal(err)
	}
	c.Sync(t.Context())
	if !knows(c, "p0@x") || kept.wrote != 1 {
		t.Errorf("written %d times", kept.wrote)
	}
}

type answer struct {
	people []flows.Person
	groups []string
	names  []string
}

// TestShrinkingSyncIsHeld is the table of what looks like a fault of a source.
func TestShrinkingSyncIsHeld(t *testing.T) {
	many := func(n int) (out []string) {
		for i := range n {
			out = append(out, fmt.Sprintf("q%d", i))
		}
		return out
	}
	for name, tt := range map[string]struct {
		was, is answer
		percent int
		held    string
	}{
		"grows":               {answer{people: crowd(10)}, answer{people: crowd(20)}, 30, ""},
		"three of ten":        {answer{people: crowd(10)}, answer{people: crowd(7)}, 30, ""},
		"four of ten":         {answer{people: crowd(10)}, answer{people: crowd(6)}, 30, "4 of 10 people"},
		"all of ten":          {answer{people: crowd(10)}, answer{}, 30, "10 of 10 people, 4 of 4 groups"},
		"two of four":         {answer{names: many(4)}, answer{names: many(2)}, 30, ""},
		"the only one":        {answer{names: many(1)}, answer{}, 30, "1 of 1 resources"},
		"resources":           {answer{names: many(100)}, answer{names: many(69)}, 30, "31 of 100 resources"},
		"groups alone":        {answer{people: crowd(3), groups: many(10)}, answer{people: crowd(3), groups: many(5)}, 30, "5 of 13 groups"},
		"never":               {answer{people: crowd(10)}, answer{}, 100, ""},
		"any three":           {answer{people: crowd(1000)}, answer{people: crowd(997)}, 0, "3 of 1000 people"},
		"from nothing":        {answer{}, answer{people: crowd(10)}, 30, ""},
		"others, but as many": {answer{names: many(10)}, answer{names: []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}}, 30, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := &source{people: tt.was.people, groups: tt.was.groups, names: tt.was.names}
			c := living.New(holding(tt.percent, of("s", s, "1")), quiet())
			c.Sync(t.Context())
			s.people, s.groups, s.names = tt.is.people, tt.is.groups, tt.is.names
			c.Sync(t.Context())
			want := tt.held
			if want != "" {
				want = "The sync of s is held: " + want + " are missing in its answer."
			}
			if got := c.Health()[0].Held; got != want {
				t.Errorf("held: %q, want %q", got, want)
			}
		})
	}
}

// TestHeldSync: what was said before stays until somebody decides; each answer is
// told once; what was discarded is not told again; what comes back whole is in force.
func TestHeldSync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{people: crowd(10)}
		var told []living.Held
		c := living.New(holding(30, of("s", s, "1")), quiet())
		c.TellHeld(func(_ context.Context, h living.Held) { told = append(told, h) })
		sync := func(n int) { s.people = crowd(n); c.Sync(t.Context()); time.Sleep(time.Hour) }
		size := func() int { return c.World().People.Size() }
		sync(10)
		began := time.Now().UTC()
		sync(5)
		sync(5)
		if size() != 10 || len(told) != 1 || !told[0].Since.Equal(began) || !slices.Equal(c.Held(), told) {
			t.Fatalf("%d people, told %+v, held %+v", size(), told, c.Held())
		}
		if err := settle(t, c, "s", told[0].ID, false); err != nil {
			t.Fatal(err)
		}
		sync(5)
		if size() != 10 || len(told) != 1 || len(c.Held()) != 0 || c.Health()[0].Held == "" {
			t.Fatalf("discarded: %d people, told %d times, held %+v", size(), len(told), c.Held())
		}
		sync(4)
		if size() != 10 || len(told) != 2 {
			t.Fatalf("another answer: %d people, told %d times", size(), len(told))
		}
		if err := settle(t, c, "s", told[0].ID, true); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("the button of an older answer: %v", err)
		}
		if err := settle(t, c, "other", "", true); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("another source: %v", err)
		}
		if err := settle(t, c, "s", told[1].ID, true); err != nil || size() != 4 || c.Health()[0].Held != "" {
			t.Fatalf("proceeded: %v, %d people, %+v", err, size(), c.Health())
		}
		if err := settle(t, c, "s", told[1].ID, true); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("a second press: %v", err)
		}
		sync(10)
		sync(1)
		sync(10)
		if size() != 10 || len(c.Held()) != 0 || c.Health()[0].Held != "" {
			t.Errorf("it came back: %d people, held %+v", size(), c.Held())
		}
		sync(1)
		c.Change(t.Context(), holding(30, of("s", s, "2")), time.Second)
		if size() != 1 || len(c.Held()) != 0 {
			t.Errorf("what the operator changed is held: %d people, held %+v", size(), c.Held())
		}
	})
}
