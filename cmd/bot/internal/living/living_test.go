package living_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// source is a directory and an inventory that a test plays.
type source struct {
	people []flows.Person
	groups []string
	names  []string // of its resources
	fails  atomic.Pointer[error]
	takes  time.Duration // to answer
	panics bool
	asked  atomic.Int32
	closed atomic.Int32
}

func (s *source) Close() error { s.closed.Add(1); return nil }

func (s *source) wait(ctx context.Context) error {
	s.asked.Add(1)
	if s.panics {
		panic("a defect")
	}
	select {
	case <-time.After(s.takes):
		if err := s.fails.Load(); err != nil {
			return *err
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *source) People(ctx context.Context) ([]flows.Person, []flows.Shift, error) {
	return s.people, nil, s.wait(ctx)
}

func (s *source) Groups(context.Context) ([]string, error) { return s.groups, nil }

func (s *source) Discover(context.Context) (flows.Holdings, error) {
	h := flows.Holdings{Types: []flows.ResourceType{{ID: "queue", Permissions: []flows.Permission{{ID: "read"}}}}}
	for _, n := range s.names {
		h.Resources = append(h.Resources, flows.Resource{Type: "queue", ID: n, Name: n})
	}
	return h, nil
}

func person(email string, groups ...string) flows.Person {
	return flows.Person{Email: email, Groups: groups}
}

func of(name string, s *source, settings string) living.Source {
	return living.Source{
		Name: name, Interval: time.Hour, Connection: s, Settings: settings, AccessDetails: settings,
		Retire: func() { _ = s.Close() },
	}
}

func setup(sources ...living.Source) living.Setup {
	return living.Setup{Catalog: flows.NewCatalog(flows.Policy{}), Sources: sources}
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

func knows(c *living.Context, email string) bool {
	_, err := c.World().People.ByEmail(email)
	return err == nil
}

func has(c *living.Context, integration, name string) bool {
	return c.World().Inventory.Has(flows.Unit{Integration: integration, ResourceType: "queue", Resource: name, Permission: "read"})
}

// A source that fails keeps what it said, with its age; the others go on.
func TestAFailingSourceKeepsWhatItSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, other := &source{people: []flows.Person{person("a@x")}, names: []string{"q"}}, &source{people: []flows.Person{person("b@x")}}
		var log bytes.Buffer
		c := living.New(setup(of("s", s, "1"), of("other", other, "1")), slog.New(slog.NewTextHandler(&log, nil)))
		if knows(c, "a@x") {
			t.Error("it knows people before anybody was asked")
		}
		c.Sync(t.Context())
		began := time.Now().UTC()
		down := errors.New("down")
		s.fails.Store(&down)
		s.people = nil
		other.panics = true
		time.Sleep(time.Minute)
		c.Sync(t.Context())
		if !knows(c, "a@x") || !knows(c, "b@x") || !has(c, "s", "q") {
			t.Error("what was said is lost")
		}
		var got []living.Health
		for _, h := range c.Health() {
			if h.Problem == "" {
				t.Errorf("%s has no problem", h.Name)
			}
			h.Problem = ""
			got = append(got, h)
		}
		want := []living.Health{
			{Name: "other", Synced: began, Tried: began.Add(time.Minute), People: 1, Directory: true},
			{Name: "s", Synced: began, Tried: began.Add(time.Minute), People: 1, Items: 1, Directory: true},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("health (-want +got):\n%s", diff)
		}
		if !strings.Contains(log.String(), "integration=s err=down") || !strings.Contains(log.String(), "the driver panicked: a defect") {
			t.Errorf("the log says %s", &log)
		}
	})
}

// Sources are read on their schedule, and soon again while they fail.
func TestSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{}
		c := living.New(setup(of("s", s, "1")), quiet())
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.Run(ctx)
		for _, step := range []struct {
			after time.Duration
			fails error
			asked int32
		}{
			{14 * time.Second, nil, 0},
			{time.Second, nil, 1}, // never read: soon
			{59 * time.Minute, nil, 1},
			{time.Minute, errors.New("down"), 2},
			{15 * time.Second, nil, 3},
			{59 * time.Minute, nil, 3},
			{time.Minute, nil, 4},
		} {
			s.fails.Store(nil)
			if step.fails != nil {
				s.fails.Store(&step.fails)
			}
			time.Sleep(step.after)
			synctest.Wait()
			if s.asked.Load() != step.asked {
				t.Fatalf("after another %s it was asked %d times, want %d", step.after, s.asked.Load(), step.asked)
			}
		}
	})
}

// An empty group is known; one that no source knows is missing.
func TestEmptyGroupsAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := living.New(setup(of("s", &source{people: []flows.Person{person("a@x", "developers")}, groups: []string{"admins"}}, "1")), quiet())
		c.Sync(t.Context())
		for group, want := range map[string]bool{"developers": true, "admins": true, "leads": false} {
			if got := c.World().People.HasGroup(group); got != want {
				t.Errorf("the group %s is known: %v", group, got)
			}
		}
	})
}

// A changed setup is in force from one moment to the next, with what its new
// sources say; connections that stay are not touched.
func TestChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, old, gone := &source{people: []flows.Person{person("kept@x")}}, &source{people: []flows.Person{person("old@x")}}, &source{people: []flows.Person{person("gone@x")}}
		c := living.New(setup(of("kept", kept, "1"), of("s", old, "1"), of("gone", gone, "1")), quiet())
		c.Sync(t.Context())
		before := c.World()

		fresh, slow := &source{people: []flows.Person{person("new@x")}, takes: time.Second}, &source{people: []flows.Person{person("slow@x")}, takes: 10 * time.Second}
		same := &source{}
		next := setup(of("kept", same, "1"), of("s", fresh, "2"), of("slow", slow, "1"))
		next.Catalog = flows.NewCatalog(flows.Policy{Flows: []flows.Flow{{Name: "F"}}})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go c.Run(ctx)
		changed := make(chan struct{})
		go func() { c.Change(ctx, next, 3*time.Second); close(changed) }()
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if _, ok := c.World().Catalog.Flow("F"); ok || knows(c, "new@x") || !knows(c, "gone@x") {
			t.Error("a part of the change is in force before the whole is")
		}
		<-changed
		if _, ok := c.World().Catalog.Flow("F"); !ok || !knows(c, "new@x") || !knows(c, "kept@x") || knows(c, "gone@x") || knows(c, "old@x") || knows(c, "slow@x") {
			t.Error("the change is not in force as a whole")
		}
		if _, err := before.People.ByEmail("old@x"); err != nil {
			t.Error("a snapshot that somebody holds has changed")
		}
		if kept.asked.Load() != 1 || same.asked.Load() != 0 || kept.closed.Load() != 0 || old.closed.Load() != 1 || gone.closed.Load() != 1 {
			t.Errorf("kept asked %d closed %d, same asked %d, old closed %d, gone closed %d", kept.asked.Load(), kept.closed.Load(), same.asked.Load(), old.closed.Load(), gone.closed.Load())
		}
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if !knows(c, "slow@x") {
			t.Error("a source that was slow never joined")
		}
		names := []string{}
		for _, h := range c.Health() {
			names = append(names, h.Name)
		}
		if !slices.Equal(names, []string{"kept", "s", "slow"}) {
			t.Errorf("health of %q", names)
		}
	})
}

// A source that does not answer under its new settings keeps what it said, and what
// its old connection says late is not taken.
func TestChangeToASourceThatIsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh := &source{people: []flows.Person{person("old@x")}}, &source{}
		down := errors.New("down")
		fresh.fails.Store(&down)
		c := living.New(setup(of("s", old, "1")), quiet())
		c.Sync(t.Context())
		old.takes, old.people = 5*time.Second, []flows.Person{person("late@x")}
		go c.Sync(t.Context())
		time.Sleep(time.Second)
		synctest.Wait()
		c.Change(t.Context(), setup(of("s", fresh, "2")), 3*time.Second)
		if !knows(c, "old@x") || c.Health()[0].Problem == "" {
			t.Errorf("old is known: %v; health %+v", knows(c, "old@x"), c.Health())
		}
		if old.closed.Load() != 0 {
			t.Error("a connection was closed while it was read")
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if knows(c, "late@x") || old.closed.Load() != 1 {
			t.Errorf("late is known: %v; closed %d times", knows(c, "late@x"), old.closed.Load())
		}
	})
}

// A connection is retired when the last who uses it is done, and nobody gets it
// after the change.
func TestAConnectionInUseIsRetiredLater(t *testing.T) {
	old, fresh := &source{}, &source{}
	c := living.New(setup(of("s", old, "1")), quiet())
	_, first, ok := c.Use("s")
	_, second, _ := c.Use("s")
	if !ok {
		t.Fatal("there is no source s")
	}
	next := of("s", fresh, "2")
	c.Change(t.Context(), setup(next), time.Minute)
	now, done, _ := c.Use("s")
	if now.Connection != fresh || now.AccessDetails != "2" {
		t.Errorf("after the change it is %+v", now)
	}
	done()
	first()
	first() // a second call does nothing
	if old.closed.Load() != 0 {
		t.Error("it was closed while it was used")
	}
	second()
	if old.closed.Load() != 1 || fresh.closed.Load() != 0 {
		t.Errorf("old closed %d times, the new one %d", old.closed.Load(), fresh.closed.Load())
	}
	next.AccessDetails = "Ask."
	c.Change(t.Context(), setup(next), time.Minute)
	if now, _, _ = c.Use("s"); now.AccessDetails != "Ask." || fresh.closed.Load() != 0 || fresh.asked.Load() != 1 {
		t.Errorf("%+v, closed %d times, asked %d", now, fresh.closed.Load(), fresh.asked.Load())
	}
	if _, _, ok := c.Use("nothing"); ok {
		t.Error("a source that is not there can be used")
	}
}

// patient is a source that needs long for an answer, and says so.
type patient struct{ *source }

func (patient) Patience() time.Duration { return 5 * time.Minute }

// TestPatientSourceIsWaitedFor: a source may need longer than others, where it says so.
func TestPatientSourceIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, slower := &source{people: []flows.Person{person("a@x")}, takes: 2 * time.Minute}, &source{takes: 2 * time.Minute}
		c := living.New(setup(living.Source{Name: "slow", Interval: time.Hour, Connection: patient{slow}}, of("slower", slower, "")), quiet())
		c.Sync(t.Context())
		h := c.Health()
		if h[0].Problem != "" || h[0].People != 1 || h[1].Problem == "" {
			t.Errorf("%+v", h)
		}
	})
}
