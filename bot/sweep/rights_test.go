package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// company is a store of live requests and the world in which they are judged.
type company struct {
	*bolt.Store
	t       *testing.T
	people  []flows.Person
	flow    flows.Flow
	settled bool
	world   flows.World
	job     sweep.Job
	reads   int
	broken  map[string]error
}

func (c *company) ByState(state flows.State, before uint64, limit int) ([]flows.Request, error) {
	c.reads++
	return c.Store.ByState(state, before, limit)
}

func (c *company) Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	if err := c.broken[id]; err != nil {
		return flows.Request{}, err
	}
	return c.Store.Apply(ctx, now, id, ev)
}

// newCompany has n people with one active request each.
func newCompany(t *testing.T, dir string, n int) *company {
	t.Helper()
	c := &company{t: t, Store: storetest.OpenAt(t, filepath.Join(dir, "bot.db"), bolt.Options{NoSync: true}), settled: true, broken: map[string]error{}}
	c.flow = flows.Flow{
		Name: "read", Trigger: flows.TriggerSelfServe, Active: true, Duration: flows.GrantDuration{Max: time.Hour},
		Requestors: flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{"developers"}}}},
		Targets:    []flows.Target{{Integration: "db", ResourceType: "table", Permissions: []string{"read"}}},
	}
	for i := range n {
		c.people = append(c.people, flows.Person{Email: fmt.Sprintf("p%d@example.com", i), Groups: []string{"developers"}})
	}
	c.change()
	c.job = sweep.Rights(sweep.RightsOptions{Requests: c, World: func() (flows.World, bool) { return c.world, c.settled }, HoldAbove: func() int { return 30 }})
	for i := range c.people {
		c.ask(i)
	}
	return c
}

func (c *company) change() {
	c.world = flows.World{
		People: flows.NewDirectory(c.people, nil), Inventory: flows.NewInventory(nil),
		Catalog: flows.NewCatalog(flows.Policy{Flows: []flows.Flow{c.flow}}),
	}
}

func (c *company) ask(i int) {
	c.t.Helper()
	p := &c.people[i]
	draft := flows.Request{
		Requestor: p.Ref(), Grantee: p.Ref(), Flow: "read", FlowHash: c.flow.Hash(), Duration: time.Hour, Need: flows.Need{Automatic: true},
		Groups: []flows.AccessGroup{{Integration: "db", Items: []flows.Item{{Unit: flows.Unit{Integration: "db", ResourceType: "table", Resource: "x", Permission: "read"}}}}},
	}
	made, err := c.Submit(c.t.Context(), time.Now(), "form-"+p.Email, []flows.Request{draft})
	if err == nil {
		_, err = c.Store.Apply(c.t.Context(), time.Now(), made[0].ID, flows.Event{Kind: flows.EventGranted, Integration: "db"})
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *company) run() {
	c.t.Helper()
	if err := c.job.Run(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *company) count(s flows.State) int {
	c.t.Helper()
	n, err := c.Count(s)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// told is what the audit channel is told about rights and by the bot itself.
func (c *company) told() (out []string) {
	c.t.Helper()
	events, err := c.Audit(1, 1000)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, e := range events {
		switch e.Fact.Kind {
		case flows.FactLostRight, flows.FactRightBack, flows.FactOperator:
			out = append(out, string(e.Fact.Kind)+": "+e.Fact.Reason+e.Fact.Text)
		}
	}
	return out
}

func bubble(t *testing.T, n int, story func(t *testing.T, c *company)) {
	t.Helper()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) { story(t, newCompany(t, dir, n)) })
}

// TestLeaver: somebody leaves, and loses what they have; others do not.
func TestLeaver(t *testing.T) {
	bubble(t, 10, func(t *testing.T, c *company) {
		c.run()
		if n := c.count(flows.StateActive); n != 10 {
			t.Fatalf("%d of 10 are left, and nothing has happened", n)
		}
		c.people = c.people[1:]
		c.change()
		c.run()
		r, err := c.Request("AR-1")
		if err != nil || r.State != flows.StateRevoking || r.Ending.Reason != "p0@example.com is not in the directory any more." {
			t.Errorf("%s, %+v, %v", r.State, r.Ending, err)
		}
		if n := c.count(flows.StateActive); n != 9 {
			t.Errorf("%d of 9 are left", n)
		}
	})
}

// TestNobodyIsMissedTooEarly: a directory that has not answered, or answers that
// half the company is gone, takes nobody's access.
func TestNobodyIsMissedTooEarly(t *testing.T) {
	bubble(t, 10, func(t *testing.T, c *company) {
		everybody := c.people
		c.people, c.settled = nil, false
		c.change()
		c.run()
		c.settled = true
		for _, left := range []int{0, 5, 6} {
			c.people = everybody[:left]
			c.change()
			c.run()
			time.Sleep(2 * time.Minute)
			c.run()
			if n := c.count(flows.StateActive); n != 10 {
				t.Fatalf("the directory knows %d people, and %d of 10 have access", left, n)
			}
		}
		c.people = everybody[:8]
		c.change()
		c.run()
		if n := c.count(flows.StateActive); n != 8 {
			t.Errorf("two of ten left, and %d have access", n)
		}
		got := c.told()
		if len(got) != 2 || !strings.Contains(got[0], "took the rights of 5 of 10 people") || !strings.Contains(got[1], "Nothing is held any more") {
			t.Errorf("told: %q", got)
		}
	})
}

// TestEmptyDirectory: one person is no crowd, and nobody at all is no directory.
func TestEmptyDirectory(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *company) {
		c.people = nil
		c.change()
		c.run()
		if n := c.count(flows.StateActive); n != 1 {
			t.Error("an empty directory ended an access")
		}
	})
}

// TestFlowIsGone: the policy may take everybody's access at once; that is no fault
// of the directory. More than one page of requests.
func TestFlowIsGone(t *testing.T) {
	bubble(t, 600, func(t *testing.T, c *company) {
		c.flow.Active = false
		c.settled = false // what the policy says needs no directory
		c.change()
		c.broken["AR-300"] = errors.New("the disk is full")
		if err := c.job.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "1 requests lost their right and could not be moved, one because of: AR-300: the disk is full") {
			t.Errorf("error %v", err)
		}
		if n := c.count(flows.StateActive); n != 1 {
			t.Errorf("%d have access, want the one that could not be moved", n)
		}
		delete(c.broken, "AR-300")
		c.run()
		if n := c.count(flows.StateActive); n != 0 {
			t.Errorf("%d have access after another try", n)
		}
	})
}

// TestReport: the flow wants to be told, once for each cause, and when it is over.
func TestReport(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *company) {
		c.flow.Settings.ReportLostRight = true
		c.people[0].Groups = nil
		c.change()
		for range 3 {
			c.run()
			time.Sleep(2 * time.Minute)
		}
		c.people[0].Groups = []string{"developers"}
		c.change()
		c.run()
		c.run()
		want := []string{
			"lost_right: p0@example.com may not ask under the access flow read any more.The access goes on, because the access flow says so.",
			"right_back: The right behind the access is back.",
		}
		if got := c.told(); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("told:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if n := c.count(flows.StateActive); n != 1 {
			t.Errorf("the access ended")
		}
	})
}

// TestLooksOnlyWhenSomethingMayHaveChanged: the job runs every second.
func TestLooksOnlyWhenSomethingMayHaveChanged(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *company) {
		for range 120 {
			c.run()
			time.Sleep(time.Second)
		}
		if c.reads != 4 { // twice at first, and after a minute
			t.Errorf("%d reads in two minutes in which nothing changed", c.reads)
		}
		c.change()
		c.run()
		if c.reads != 6 {
			t.Errorf("%d reads after a change", c.reads)
		}
	})
}
