package sweep_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"apono/bot/sweep"
	"apono/flows"
)

// handedOver is one waiting request, and delegations as a store has them.
type handedOver struct {
	r        flows.Request
	all      []flows.Delegation
	onRecord *flows.Delegations
	people   []flows.Person
	world    flows.World
	settled  bool
	now      time.Time
	reads    int
	broken   error
}

func (h *handedOver) ByState(state flows.State, _ uint64, _ int) ([]flows.Request, error) {
	h.reads++
	if h.r.State != state {
		return nil, h.broken
	}
	return []flows.Request{h.r}, h.broken
}

func (h *handedOver) Apply(_ context.Context, now time.Time, _ string, ev flows.Event) (flows.Request, error) {
	r, _, err := flows.Next(h.r, ev, now)
	if err == nil {
		h.r = r
	}
	return r, err
}

// change keeps delegations and reads the world anew.
func (h *handedOver) change(all ...flows.Delegation) {
	h.all, h.onRecord = all, flows.NewDelegations(all)
	h.world = flows.World{People: flows.NewDirectory(h.people, nil), Inventory: flows.NewInventory(nil), Catalog: h.world.Catalog}
}

func (h *handedOver) asked() (out []string) {
	for _, a := range h.r.Asked {
		name := strings.TrimSuffix(a.Email, "@example.com")
		if len(a.Groups) == 0 {
			name += " no more"
		}
		out = append(out, name)
	}
	return out
}

// TestDelegations: what waits is asked as soon as a delegation begins and ends, also
// where the bot was away then; nothing is done while the directory is not known, and
// nothing is read while nothing changes.
func TestDelegations(t *testing.T) {
	ref := func(name string) flows.PersonRef { return flows.PersonRef{Email: name + "@example.com", Name: name} }
	h := &handedOver{now: time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC), settled: true}
	for _, name := range []string{"alice", "bob", "carol"} {
		h.people = append(h.people, flows.Person{Email: name + "@example.com", Name: name, Manager: "bob@example.com"})
	}
	h.world.Catalog = flows.NewCatalog(flows.Policy{Flows: []flows.Flow{{
		Name: "read", Trigger: flows.TriggerSelfServe, Active: true, Duration: flows.GrantDuration{Max: time.Hour},
		Approval: &flows.Approval{Groups: []flows.ApproverGroup{{Approvers: []flows.Condition{{Attribute: "manager"}}}}},
	}}})
	h.change()
	r, _, err := flows.Next(flows.Request{
		ID: "AR-1", Seq: 1, Requestor: ref("alice"), Grantee: ref("alice"), Flow: "read", Duration: time.Hour,
		Need:   flows.Need{Groups: []string{"bob"}},
		Asked:  []flows.Asked{{PersonRef: ref("bob"), Groups: []int{0}, Why: "You are alice's manager."}},
		Groups: []flows.AccessGroup{{Integration: "db", Items: []flows.Item{{Unit: flows.Unit{Integration: "db", ResourceType: "table", Resource: "x", Permission: "read"}}}}},
	}, flows.Event{Kind: flows.EventSubmit, By: ref("alice")}, h.now)
	if err != nil {
		t.Fatal(err)
	}
	h.r = r
	job := sweep.Delegations(sweep.DelegationOptions{
		Requests: h, Now: func() time.Time { return h.now },
		OnRecord: func() *flows.Delegations { return h.onRecord },
		End: func(_ context.Context, _ time.Time, id string) error {
			if len(h.all) == 0 || h.all[0].ID != id {
				return flows.Errorf(flows.CodeLate, "That is over already.")
			}
			h.change()
			return nil
		},
		World: func() (flows.World, bool) {
			w := h.world
			w.Delegations = h.onRecord.At(h.now)
			return w, h.settled
		},
	})
	run := func(after time.Duration, reads int, want ...string) {
		t.Helper()
		h.now, h.reads = h.now.Add(after), 0
		err := job.Run(t.Context())
		if got := h.asked(); h.reads != reads || len(got) != len(want) || !errors.Is(err, h.broken) {
			t.Fatalf("asked %q, want %q; %d reads, %v", got, want, h.reads, err)
		}
		for i, got := range h.asked() {
			if got != want[i] {
				t.Errorf("asked %q, want %q", h.asked(), want)
			}
		}
	}
	run(time.Second, 2, "bob")
	run(time.Second, 0, "bob")
	run(time.Minute, 2, "bob")
	h.change(flows.Delegation{ID: "1", From: ref("bob"), To: ref("carol"), Since: h.now, Until: h.now.Add(time.Hour)})
	h.settled = false
	run(time.Second, 0, "bob")
	h.settled, h.broken = true, errors.New("the disk is full")
	run(time.Second, 2, "bob")
	h.broken = nil
	run(time.Second, 2, "bob", "carol")
	run(time.Second, 0, "bob", "carol")
	run(2*time.Hour, 2, "bob", "carol no more") // the bot was away
	run(time.Second, 0, "bob", "carol no more")
	if h.onRecord != nil {
		t.Error("the delegation is still on record")
	}
}
