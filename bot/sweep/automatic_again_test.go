package sweep_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// settle grants a request in one system and has it refused in the other, or granted too.
func (s *shop) settle(id string, refused bool) {
	s.t.Helper()
	events := []flows.Event{{Kind: flows.EventGranted, Integration: "db"}, {Kind: flows.EventGranted, Integration: "queues"}}
	if refused {
		events = []flows.Event{
			{Kind: flows.EventGranted, Integration: "db"}, {Kind: flows.EventGrantFailed, Integration: "queues", Problem: "No seats left."}, {Kind: flows.EventGone, Integration: "queues"},
		}
	}
	for _, in := range []string{"db", "queues"} {
		events = append([]flows.Event{{Kind: flows.EventBegun, Integration: in}}, events...)
	}
	for _, ev := range events {
		if _, err := s.Apply(s.t.Context(), time.Now(), id, ev); err != nil {
			s.t.Fatalf("%s %+v: %v", id, ev, err)
		}
	}
}

// inTwo has the flow give something in two systems.
func (s *shop) inTwo() {
	one := func(name string) flows.Holdings {
		return flows.Holdings{
			Integration: name, Types: []flows.ResourceType{{ID: "table", Permissions: []flows.Permission{{ID: "read"}}}},
			Resources: []flows.Resource{{Type: "table", ID: "0", Name: "0"}},
		}
	}
	s.flow.Targets = append(s.flow.Targets, flows.Target{Integration: "queues", ResourceType: "table", Permissions: []string{"read"}})
	s.world = flows.NewWorld(flows.NewDirectory(s.people, nil), flows.NewInventory([]flows.Holdings{one("db"), one("queues")}), flows.NewCatalog(flows.Policy{Flows: []flows.Flow{s.flow}}))
}

// TestAFailedPartIsTriedAgain: what a system refused is tried again, later each time,
// until it is granted; what the other system granted goes on.
func TestAFailedPartIsTriedAgain(t *testing.T) {
	shopping(t, 1, func(t *testing.T, s *shop) {
		s.inTwo()
		f := s.follower()
		s.run(f)
		s.settle("AR-1", true)
		for i, wait := range []time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour} {
			was, is := fmt.Sprintf("AR-%d", i+1), fmt.Sprintf("AR-%d", i+2)
			time.Sleep(wait - 2*time.Minute)
			s.run(f)
			if diff := cmp.Diff([]string{was + " p0"}, s.live()); diff != "" {
				t.Errorf("too soon after %v (-want +got):\n%s", wait, diff)
			}
			time.Sleep(3 * time.Minute)
			s.run(f)
			if diff := cmp.Diff([]string{is + " p0"}, s.live()); diff != "" {
				t.Errorf("after %v (-want +got):\n%s", wait, diff)
			}
			old, err := s.Request(was)
			if err != nil || old.Ending.Reason != "A part of it could not be granted, and is tried again. "+is+" takes its place." {
				t.Errorf("%q, %v", old.Ending.Reason, err)
			}
			s.settle(is, i < 2)
		}
		time.Sleep(48 * time.Hour)
		s.run(f)
		if diff := cmp.Diff([]string{"AR-4 p0"}, s.live()); diff != "" {
			t.Errorf("granted whole, it stays (-want +got):\n%s", diff)
		}
	})
}

// TestWhoLeftIsNotTriedAgain: nobody gets more because a part had failed.
func TestWhoLeftIsNotTriedAgain(t *testing.T) {
	shopping(t, 1, func(t *testing.T, s *shop) {
		s.inTwo()
		f := s.follower()
		s.run(f)
		s.settle("AR-1", true)
		s.people[0].Groups = nil
		s.flow.Targets = s.flow.Targets[:1]
		s.inTwo()
		time.Sleep(time.Hour)
		s.run(f)
		if got := s.live(); got != nil {
			t.Errorf("live: %v", got)
		}
	})
}
