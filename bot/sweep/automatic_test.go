package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// shop is a store in which people of some groups hold tables by themselves.
type shop struct {
	*bolt.Store
	t       *testing.T
	people  []flows.Person
	tables  int
	flow    flows.Flow
	settled bool
	world   flows.World
	broken  map[string]error // by request: Apply
	full    error            // of Submit
	reads   atomic.Int32
	raised  []string
	names   []string // of what was raised
}

func (s *shop) ByState(state flows.State, before uint64, limit int) ([]flows.Request, error) {
	s.reads.Add(1)
	return s.Store.ByState(state, before, limit)
}

func (s *shop) Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	if err := s.broken[id]; err != nil {
		return flows.Request{}, err
	}
	return s.Store.Apply(ctx, now, id, ev)
}

func (s *shop) Submit(ctx context.Context, now time.Time, key string, drafts []flows.Request) ([]flows.Request, error) {
	if s.full != nil {
		return nil, s.full
	}
	return s.Store.Submit(ctx, now, key, drafts)
}

func (s *shop) change() {
	h := flows.Holdings{Integration: "db", Types: []flows.ResourceType{{ID: "table", Permissions: []flows.Permission{{ID: "read"}}}}}
	for i := range s.tables {
		h.Resources = append(h.Resources, flows.Resource{Type: "table", ID: fmt.Sprint(i), Name: fmt.Sprint(i)})
	}
	s.world = flows.NewWorld(flows.NewDirectory(s.people, nil), flows.NewInventory([]flows.Holdings{h}), flows.NewCatalog(flows.Policy{Flows: []flows.Flow{s.flow}}))
}

func (s *shop) follower() *sweep.Follower {
	return sweep.Automatic(sweep.AutomaticOptions{
		Requests: s, Discards: s.Store, World: func() (flows.World, bool) { return s.world, s.settled }, HoldAbove: func() int { return 30 },
		Raise: func(_ context.Context, name, text, details string) {
			s.names, s.raised = append(s.names, name), append(s.raised, text+" "+details)
		},
	})
}

func (s *shop) run(f *sweep.Follower) {
	s.t.Helper()
	if err := f.Job().Run(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

// live names the requests in force: "AR-1 p0".
func (s *shop) live() (out []string) {
	s.t.Helper()
	for _, state := range []flows.State{flows.StateApproved, flows.StateActive} {
		some, err := s.Store.ByState(state, 0, 1000)
		if err != nil {
			s.t.Fatal(err)
		}
		for _, r := range some {
			out = append(out, r.ID+" "+strings.TrimSuffix(r.Grantee.Email, "@x"))
		}
	}
	return out
}

// shopping has n people on duty.
func shopping(t *testing.T, n int, story func(t *testing.T, s *shop)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := &shop{Store: storetest.OpenAt(t, filepath.Join(dir, "bot.db"), bolt.Options{NoSync: true}), t: t, tables: 1, settled: true, broken: map[string]error{}}
		s.flow = flows.Flow{
			Name: "duty", Trigger: flows.TriggerAutomatic, Active: true,
			Requestors: flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{"duty"}}}},
			Targets:    []flows.Target{{Integration: "db", ResourceType: "table", Permissions: []string{"read"}}},
		}
		for i := range n {
			s.people = append(s.people, flows.Person{Email: fmt.Sprintf("p%d@x", i), Groups: []string{"duty"}})
		}
		s.change()
		story(t, s)
	})
}

// TestNothingBeforeItIsSettled: who is missing may be there, and nothing is read while
// nothing changes.
func TestNothingBeforeItIsSettled(t *testing.T) {
	shopping(t, 3, func(t *testing.T, s *shop) {
		f := s.follower()
		s.settled = false
		s.run(f)
		if s.reads.Load() != 0 || s.live() != nil {
			t.Fatalf("it acts before the sources have answered: %v", s.live())
		}
		s.settled = true
		s.run(f)
		if len(s.live()) != 3 {
			t.Fatalf("live: %v", s.live())
		}
		reads := s.reads.Load()
		for range 30 {
			time.Sleep(time.Second)
			s.run(f)
		}
		if s.reads.Load() != reads {
			t.Errorf("%d reads though nothing changed", s.reads.Load()-reads)
		}
		s.people = nil
		s.change()
		s.run(f)
		if len(s.live()) != 3 {
			t.Error("a directory that knows nobody ended an access")
		}
	})
}

// TestReplicasAndCrashes: whatever is repeated, and by how many, there is one request.
func TestReplicasAndCrashes(t *testing.T) {
	shopping(t, 4, func(t *testing.T, s *shop) {
		s.full = errors.New("the disk is full")
		if err := s.follower().Job().Run(t.Context()); err == nil || !strings.Contains(err.Error(), "the disk is full") {
			t.Errorf("error %v", err)
		}
		s.full = nil
		var wg sync.WaitGroup
		replicas := []*sweep.Follower{s.follower(), s.follower()}
		for _, f := range replicas {
			wg.Go(func() { _ = f.Job().Run(t.Context()) })
		}
		wg.Wait()
		if n := len(s.live()); n != 4 {
			t.Fatalf("%d requests of 4 people", n)
		}
		// A table more: successors are made, and one forerunner cannot be ended.
		s.tables++
		s.change()
		s.broken["AR-2"] = errors.New("the disk is full")
		f := s.follower()
		if err := f.Job().Run(t.Context()); err == nil {
			t.Error("a failure is not told")
		}
		if n := len(s.live()); n != 5 {
			t.Errorf("%d live: %v", n, s.live())
		}
		delete(s.broken, "AR-2")
		s.run(s.follower()) // after a crash
		if n := len(s.live()); n != 4 {
			t.Errorf("%d live: %v", n, s.live())
		}
		for _, line := range s.live() {
			if strings.HasPrefix(line, "AR-1 ") || strings.HasPrefix(line, "AR-2 ") {
				t.Errorf("the forerunner %s lives", line)
			}
		}
	})
}

// TestComesBack: what a system refused is tried again after a while, what a person
// ended after a day; what covers something else is another thing.
func TestComesBack(t *testing.T) {
	for name, tt := range map[string]struct {
		end   flows.Event
		after time.Duration
	}{
		"refused by the system": {flows.Event{Kind: flows.EventGrantFailed, Integration: "db", Problem: "No seats left."}, 15 * time.Minute},
		"ended by a person":     {flows.Event{Kind: flows.EventRevoke, By: flows.PersonRef{Email: "eve@x"}}, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			shopping(t, 1, func(t *testing.T, s *shop) {
				f := s.follower()
				s.run(f)
				for _, ev := range []flows.Event{tt.end, {Kind: flows.EventGone, Integration: "db"}} {
					if _, err := s.Apply(t.Context(), time.Now(), "AR-1", ev); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(tt.after - 2*time.Minute)
				s.run(f)
				if got := s.live(); got != nil {
					t.Errorf("too soon: %v", got)
				}
				time.Sleep(3 * time.Minute)
				s.run(f)
				if diff := cmp.Diff([]string{"AR-2 p0"}, s.live()); diff != "" {
					t.Errorf("live (-want +got):\n%s", diff)
				}
				for _, ev := range []flows.Event{tt.end, {Kind: flows.EventGone, Integration: "db"}} {
					if _, err := s.Apply(t.Context(), time.Now(), "AR-2", ev); err != nil {
						t.Fatal(err)
					}
				}
				s.tables++
				s.change()
				s.run(f)
				if diff := cmp.Diff([]string{"AR-3 p0"}, s.live()); diff != "" {
					t.Errorf("live, of another set (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// settle is an admin's word about a plan that waits, and how many ends that was about.
func settle(f *sweep.Follower, name string, proceed bool) (count int, err error) {
	err = f.Settle(name, proceed, func(n int) error { count = n; return nil })
	return count, err
}

// discard is an admin's word that a plan is wrong, as it is kept.
func (s *shop) discard(f *sweep.Follower, name string) {
	s.t.Helper()
	err := f.Settle(name, false, func(int) error {
		return s.RecordDiscarded(s.t.Context(), time.Now(), name, flows.Fact{Kind: flows.FactOperator, Text: "Kept."})
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

// TestPlanWaits: a policy that would end much waits for an admin, and nothing else does.
func TestPlanWaits(t *testing.T) {
	shopping(t, 10, func(t *testing.T, s *shop) {
		f := s.follower()
		s.run(f)
		// People who leave the group are no mistake of the policy, however many.
		for i := range 6 {
			s.people[i].Groups = nil
		}
		s.change()
		s.run(f)
		if len(s.live()) != 4 || s.raised != nil {
			t.Fatalf("live %v, raised %q", s.live(), s.raised)
		}
		for i := range s.people {
			s.people[i].Groups = []string{"duty"}
		}
		// Neither are they after the policy was changed in words alone.
		s.flow.Description = "On duty."
		s.change()
		s.run(f)
		for i := range 6 {
			s.people[i].Groups = nil
		}
		s.change()
		s.run(f)
		if len(s.live()) != 4 || s.raised != nil {
			t.Fatalf("after other words: live %v, raised %q", s.live(), s.raised)
		}
		for i := range s.people {
			s.people[i].Groups = []string{"duty"}
		}
		s.change()
		s.run(f)
		s.flow.Requestors.Conditions[0].Values = []string{"others"}
		s.people = append(s.people, flows.Person{Email: "new@x", Groups: []string{"others"}})
		s.change()
		s.run(f)
		time.Sleep(2 * time.Minute)
		s.run(f)
		if len(s.live()) != 11 || len(s.raised) != 1 || !strings.Contains(s.raised[0], "would end 10 of 10 automatic accesses") || !strings.Contains(s.raised[0], "duty: 10 end. 1 begin.") {
			t.Fatalf("live %v, raised %q", s.live(), s.raised)
		}
		if _, err := settle(f, "another", true); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("another plan: %v", err)
		}
		full := errors.New("the disk is full")
		if err := f.Settle(s.names[0], true, func(int) error { return full }); !errors.Is(err, full) {
			t.Errorf("a word that could not be kept: %v", err)
		}
		s.change()
		s.run(f)
		if len(s.live()) != 11 || len(s.raised) != 1 {
			t.Fatalf("what is not in the audit trail happened: live %v, raised %q", s.live(), s.raised)
		}
		if n, err := settle(f, s.names[0], true); n != 10 || err != nil {
			t.Fatalf("%d, %v", n, err)
		}
		if _, err := settle(f, s.names[0], false); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("twice: %v", err)
		}
		s.people = s.people[1:] // somebody leaves meanwhile: that is no other plan
		s.change()
		s.run(f)
		if got := s.live(); len(got) != 1 || !strings.HasSuffix(got[0], " new") || len(s.raised) != 1 {
			t.Errorf("live %v, raised %q", got, s.raised)
		}
	})
}

// TestTooMuchIsTold: once, until it is over.
func TestTooMuchIsTold(t *testing.T) {
	shopping(t, 1, func(t *testing.T, s *shop) {
		f := s.follower()
		s.tables = flows.MaxUnits + 1
		s.change()
		s.run(f)
		time.Sleep(2 * time.Minute)
		s.run(f)
		events, err := s.Audit(1, 100)
		if err != nil || len(events) != 1 || !strings.Contains(events[0].Fact.Text, "more than 1000 units, so nothing is granted under them: duty.") || s.live() != nil {
			t.Errorf("%v, live %v, told %+v", err, s.live(), events)
		}
		s.tables = 2
		s.change()
		s.run(f)
		if len(s.live()) != 1 {
			t.Errorf("live %v", s.live())
		}
	})
}
