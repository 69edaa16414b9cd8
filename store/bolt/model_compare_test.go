package bolt_test

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"slices"
	"time"

	"pgregory.net/rapid"

	"apono/flows"
)

// The same cases are drawn in every run; -rapid.seed draws others, -rapid.seed=0 ever new ones.
var _ = flag.Set("rapid.seed", "1")

func (x *machine) compare(*rapid.T) {
	x.compareLists()
	x.compareHolders()
	x.compareTasks()
	var undone []string
	for key, d := range x.m.inbox {
		if !d.done {
			undone = append(undone, key)
		}
	}
	slices.SortFunc(undone, func(a, b string) int {
		return cmp.Or(x.m.inbox[a].at.Compare(x.m.inbox[b].at), cmp.Compare(a, b))
	})
	deliveries, err := x.s.Undone(100)
	x.ok(err)
	var got []string
	for _, d := range deliveries {
		got = append(got, d.Key)
	}
	x.same("undone", undone, got)
	var facts []flows.Fact
	x.ok(x.s.AuditBetween(time.Time{}, time.Time{}, func(ev flows.AuditEvent) error { facts = append(facts, ev.Fact); return nil }))
	x.same("facts", x.m.facts, facts)
	cursor, err := x.s.AuditCursor()
	x.ok(err)
	x.same("cursor", x.m.cursor, cursor)
}

func (x *machine) compareLists() {
	list := func(what string, keep func(*flows.Request) bool, read func() ([]flows.Request, error)) {
		x.t.Helper()
		var want []flows.Request
		for i := len(x.m.requests) - 1; i >= 0; i-- {
			if keep(&x.m.requests[i]) {
				want = append(want, x.m.requests[i])
			}
		}
		got, err := read()
		x.ok(err)
		x.same(what, want, got)
	}
	list("all", func(*flows.Request) bool { return true }, func() ([]flows.Request, error) { return x.s.Requests(0, 999) })
	for _, state := range flows.States() {
		list(string(state), func(r *flows.Request) bool { return r.State == state }, func() ([]flows.Request, error) { return x.s.ByState(state, 0, 999) })
	}
	for _, who := range []string{"alice@example.com", "dave@example.com", "erin@example.com", "bob@example.com"} {
		list("of "+who, func(r *flows.Request) bool { return r.Requestor.Is(who) || r.Grantee.Is(who) },
			func() ([]flows.Request, error) { return x.s.ByPerson(who, 0, 999) })
		list("open of "+who, func(r *flows.Request) bool { return !r.State.Terminal() && (r.Requestor.Is(who) || r.Grantee.Is(who)) },
			func() ([]flows.Request, error) { return x.s.Open(who, 0, 999) })
		list("asked of "+who, func(r *flows.Request) bool {
			return r.State == flows.StatePending && slices.ContainsFunc(r.Asked, func(a flows.Asked) bool { return a.Is(who) })
		}, func() ([]flows.Request, error) { return x.s.AskedOf(who, 0, 999) })
	}
	type dueAt struct {
		at time.Time
		id string
	}
	var due []dueAt
	for i := range x.m.requests {
		if at, ok := x.m.requests[i].DueAt(); ok && !at.After(x.now) {
			due = append(due, dueAt{at, x.m.requests[i].ID})
		}
	}
	slices.SortFunc(due, func(a, b dueAt) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	var want []string
	for _, d := range due {
		want = append(want, d.id)
	}
	got, err := x.s.Due(x.now, 999)
	x.ok(err)
	x.same("due", want, got)
}

func (x *machine) compareHolders() {
	for _, who := range []string{"alice@example.com", "dave@example.com", "erin@example.com"} {
		for _, integration := range []string{"pg", "k8s"} {
			var held []flows.Unit
			for _, resource := range []string{"a", "b", "c"} {
				live, _, released := x.m.holds(who, unit(integration, resource))
				gotLive, gotReleased, err := x.s.Holders(who, unit(integration, resource))
				x.ok(err)
				x.same("holders", [2][]string{live, released}, [2][]string{gotLive, gotReleased})
				if len(live) > 0 {
					held = append(held, unit(integration, resource))
				}
			}
			got, err := x.s.Held(who, integration)
			x.ok(err)
			x.same("held", held, got)
		}
	}
	for i := range x.m.requests {
		for _, g := range x.m.requests[i].Groups {
			want, ok := x.m.sealed[x.m.requests[i].GrantID(g.Integration)]
			raw, gotOK, err := x.s.Sealed(x.m.requests[i].ID, g.Integration)
			x.ok(err)
			x.same("sealed", fmt.Sprint(want, ok), fmt.Sprint(string(raw), gotOK))
		}
		var want []flows.Post
		for _, key := range slices.Sorted(maps.Keys(x.m.posts)) {
			if p := x.m.posts[key]; p.Key.Request == x.m.requests[i].ID {
				want = append(want, p)
			}
		}
		got, err := x.s.Posts(x.m.requests[i].ID)
		x.ok(err)
		x.same("posts", want, got)
	}
}

func (x *machine) compareTasks() {
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		var want []flows.Task
		var next time.Time
		count := 0
		for _, task := range x.m.tasks {
			if task.Effect.Lane() != lane {
				continue
			}
			if count++; count == 1 || task.Due.Before(next) {
				next = task.Due
			}
			if !task.Due.After(x.now) {
				want = append(want, task)
			}
		}
		slices.SortFunc(want, func(a, b flows.Task) int {
			return cmp.Or(cmp.Compare(a.Effect.Priority(), b.Effect.Priority()), a.Due.Compare(b.Due), bytes.Compare([]byte(a.Key), []byte(b.Key)))
		})
		got, err := x.s.Tasks(lane, x.now, 9999, nil)
		x.ok(err)
		for i := range got {
			got[i].Rev = 0
		}
		x.same("tasks", want, got)
		at, ok, err := x.s.NextDue(lane)
		x.ok(err)
		x.same("next due", fmt.Sprint(next, count > 0), fmt.Sprint(at, ok))
		n, _, err := x.s.Backlog(lane)
		x.ok(err)
		x.same("backlog", count, n)
	}
}
