package flows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"apono/flows"
)

// ownedWorld: orders belongs to Olga by its tag, users to Oscar and Olga, audit to
// nobody; what has no owner belongs to the dba. Owners approve.
func ownedWorld() *world {
	w := newWorld()
	w.people = append(w.people, person("olga", "owners"), person("oscar", "owners"))
	w.resources[0].Tags = map[string]string{"owner": "olga@example.com"}
	w.resources[1].Tags = map[string]string{"owner": "oscar@example.com; OLGA@example.com"}
	w.policy.Owners = []flows.Ownership{{
		Integration: "pg", Owner: &flows.Condition{Attribute: "group", Values: []string{"dba"}}, Mapping: &flows.OwnersMapping{Tag: "owner", Attribute: "user"},
	}}
	w.flow().Approval = &flows.Approval{Groups: []flows.ApproverGroup{approverGroup(is("owner"))}}
	return w
}

// seats writes who can fill which seat: "owner of orders: olga".
func seats(a flows.Approvers) string {
	var out []string
	for _, g := range a.Groups {
		var names []string
		for _, p := range g.People {
			names = append(names, p.Person.Name)
		}
		out = append(out, g.Label+": "+strings.Join(names, " "))
	}
	return strings.Join(out, "; ")
}

func TestOwners(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(w *world)
		asked  []string // resources
		want   string   // the seats, or why not
	}{
		{"of a tag", nil, []string{"db-1"}, "owner of orders: olga"},
		{"several of one", nil, []string{"db-2"}, "owner of users: olga oscar"},
		{"who speaks for both", nil, []string{"db-1", "db-2"}, "owner of orders, users: olga"},
		{"of the integration", nil, []string{"db-3"}, "owner of audit: carol dan"},
		{"of several", nil, []string{"db-1", "db-2", "db-3"}, "owner of audit: carol dan; owner of orders, users: olga"},
		{"a tag that names nobody", func(w *world) { w.resources[0].Tags["owner"] = "ghost@example.com" }, []string{"db-1"}, "owner of orders: carol dan"},
		{"a tag that is empty", func(w *world) { w.resources[0].Tags["owner"] = " ;, " }, []string{"db-1"}, "owner of orders: carol dan"},
		{"somebody deactivated", func(w *world) { w.person("olga").Disabled = true }, []string{"db-1"}, "owner of orders: carol dan"},
		{"the requestor", func(w *world) { w.resources[0].Tags["owner"] = "alice@example.com" }, []string{"db-1"}, "owner of orders: carol dan"},
		{"the requestor, who may", func(w *world) {
			w.resources[0].Tags["owner"] = "alice@example.com"
			w.flow().Settings.RequestorMayApproveSelf = true
		}, []string{"db-1"}, "owner of orders: alice"},
		{"named by the integration itself", func(w *world) { w.resources[2].Owners = []string{"Oscar@example.com"} }, []string{"db-3"}, "owner of audit: oscar"},
		{"both", func(w *world) { w.resources[0].Owners = []string{"oscar@example.com"} }, []string{"db-1"}, "owner of orders: olga oscar"},
		{"by group", func(w *world) {
			w.policy.Owners[0].Mapping.Attribute = "group"
			w.resources[0].Tags["owner"] = "leads"
		}, []string{"db-1"}, "owner of orders: bob"},
		{"nobody at all", func(w *world) { w.policy.Owners = nil }, []string{"db-3"}, "owner of audit: eve frank"},
		{
			"nobody, and no fallback", func(w *world) { w.policy.Owners, w.policy.Fallback = nil, flows.ApproverGroup{} },
			[]string{"db-3"},
			"Nobody can approve this under the access flow read: what is asked for has no owner who could be asked.",
		},
		{"who is something else too", func(w *world) {
			w.flow().Approval.Groups[0].Approvers = conds(is("owner"), is("group", "owners"))
		}, []string{"db-1"}, "owner of orders and owners: olga"},
		{"or somebody else", func(w *world) {
			w.flow().Approval.Groups[0] = flows.ApproverGroup{Match: flows.MatchAny, Approvers: conds(is("shift", "primary"), is("owner"))}
		}, []string{"db-1", "db-3"}, "on-call primary or owner of audit: carol dan; on-call primary or owner of orders: carol olga"},
	} {
		w := ownedWorld()
		if tt.change != nil {
			tt.change(w)
		}
		now := w.now()
		q := ask(t, now, "alice")
		for _, id := range tt.asked {
			q.Units = append(q.Units, pgUnit(id, "read"))
		}
		q.Justification = "x"
		v := now.Evaluate(q)
		got := seats(v.Parts[0].Approvers)
		for _, c := range v.Problems() {
			got = c.Reason
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// TestOwnersOfSeveral: every owner must agree, under any_of too; who owns several
// agrees once; a person counts for one approver group only.
func TestOwnersOfSeveral(t *testing.T) {
	for _, tt := range []struct {
		name     string
		change   func(w *world)
		approve  []string
		enough   bool
		stillFor string
	}{
		{"one of two", nil, []string{"olga"}, false, "owner of audit"},
		{"both", nil, []string{"olga", "dan"}, true, ""},
		{"the same side twice", nil, []string{"carol", "dan"}, false, "owner of orders, users"},
		{"another group instead", func(w *world) {
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("manager")))
		}, []string{"bob"}, true, ""},
		{"all of both groups", func(w *world) {
			w.flow().Approval.Mode = flows.ModeAllOf
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("group", "dba")))
		}, []string{"olga", "dan"}, false, "dba"},
		{"all of both groups by three", func(w *world) {
			w.flow().Approval.Mode = flows.ModeAllOf
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("group", "dba")))
		}, []string{"dan", "olga", "carol"}, true, ""},
		{"one person may count", func(w *world) {
			w.flow().Approval.Mode, w.flow().Approval.SamePersonMayCount = flows.ModeAllOf, true
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("group", "dba")))
		}, []string{"olga", "dan"}, true, ""},
		{"who is an owner of both", func(w *world) { // of audit Dan and Olga, of users Oscar and Olga
			w.resources[0].Tags = nil
			w.resources[0].Owners, w.resources[2].Owners = []string{"dan@example.com", "olga@example.com"}, []string{"dan@example.com", "olga@example.com"}
			w.flow().Approval.Mode = flows.ModeAllOf
		}, []string{"olga"}, true, ""},
	} {
		w := ownedWorld()
		if tt.change != nil {
			tt.change(w)
		}
		now := w.now()
		r := submitted(t, now, ask(t, now, "alice", pgUnit("db-1", "read"), pgUnit("db-2", "read"), pgUnit("db-3", "read")))
		for _, name := range tt.approve {
			right, err := now.MayDecide(&r, who(t, now, name))
			if err != nil {
				t.Fatalf("%s: %s: %v", tt.name, name, err)
			}
			r = play(t, r, flows.Event{Kind: flows.EventApprove, By: right.By, CountsFor: right.Groups, Why: right.Why})
		}
		if enough := r.State == flows.StateApproved; enough != tt.enough {
			t.Errorf("%s: enough %t; %v of %v", tt.name, enough, r.Counted(), r.Need.Groups)
		}
		var missing []string
		for i, label := range r.Need.Groups {
			if _, done := r.Counted()[i]; !done && !tt.enough {
				missing = append(missing, label)
			}
		}
		if got := strings.Join(missing, "; "); got != tt.stillFor {
			t.Errorf("%s: waits for %q, want %q", tt.name, got, tt.stillFor)
		}
	}
}

// TestOwnersThatChange: another owner of the same may decide; where other
// resources belong together now, what was approved cannot be told apart any more.
func TestOwnersThatChange(t *testing.T) {
	w := ownedWorld()
	now := w.now()
	r := submitted(t, now, ask(t, now, "alice", pgUnit("db-1", "read"), pgUnit("db-3", "read")))
	w.resources[0].Tags["owner"] = "oscar@example.com"
	now = w.now()
	if right, err := now.MayDecide(&r, who(t, now, "oscar")); err != nil || right.Why != "You are an owner of orders." {
		t.Errorf("the new owner: %+v, %v", right, err)
	}
	_, err := now.MayDecide(&r, who(t, now, "olga"))
	wantCode(t, err, flows.CodeForbidden, "You are not an approver of AR-1.")
	delete(w.resources[0].Tags, "owner")
	now = w.now()
	_, err = now.MayDecide(&r, who(t, now, "carol"))
	wantCode(t, err, flows.CodeRefused, "The access flow read has changed since AR-1 was asked and does not cover it any more. Please have it asked again.")
	if right, err := now.MayDeny(&r, who(t, now, "carol")); err != nil || len(right.Groups) == 0 {
		t.Errorf("cannot be denied: %+v, %v", right, err)
	}
}

// TestTooManyOwners: nobody waits for a crowd.
func TestTooManyOwners(t *testing.T) {
	w := ownedWorld()
	var units []flows.Unit
	w.resources = nil
	for i := range flows.MaxOwnerSeats + 2 {
		name := fmt.Sprintf("o%d", i)
		w.people = append(w.people, person(name))
		w.resources = append(w.resources, flows.Resource{Type: "database", ID: name, Name: name, Owners: []string{name + "@example.com"}})
		units = append(units, pgUnit(name, "read"))
	}
	now := w.now()
	ps := now.Evaluate(ask(t, now, "alice", units...)).Problems()
	if len(ps) != 1 || ps[0].Reason != "That has more than 20 different owners who would all have to approve. Please ask for less at once." {
		t.Errorf("%+v", ps)
	}
}

// TestEscalation: who is asked when; whoever was asked before may still decide;
// one of those who are asked later stands in for one approver.
func TestEscalation(t *testing.T) {
	w := newWorld()
	a := w.flow().Approval
	a.Mode, a.Groups = flows.ModeAllOf, append(a.Groups, approverGroup(is("group", "owners")))
	w.people = append(w.people, person("olga", "owners"))
	a.Escalation = &flows.Escalation{Interval: 30 * time.Minute, Groups: []flows.ApproverGroup{approverGroup(is("group", "dba")), approverGroup(is("user", "eve@example.com"))}}
	r := pendingRead(t, w)
	now := w.now()
	at := func(minutes int) time.Time { return r.CreatedAt.Add(time.Duration(minutes) * time.Minute) }
	due := func(minutes int) error {
		t.Helper()
		next, _, err := flows.Next(r, now.DueEvent(&r, at(minutes)), at(minutes))
		if err == nil {
			r = next
		}
		return err
	}
	if first, ok := r.DueAt(); !ok || !first.Equal(at(15)) {
		t.Errorf("the reminder is due at %s", first)
	}
	if err := due(15); err != nil || len(r.Reminders) != 1 || !slices.Equal(r.Reminders[0].To, []string{"bob@example.com", "olga@example.com"}) {
		t.Errorf("%v, reminded %+v", err, r.Reminders)
	}
	if then, ok := r.DueAt(); !ok || !then.Equal(at(30)) {
		t.Errorf("due at %s", then)
	}
	wantCode(t, due(29), flows.CodeLate, "Nothing is due for AR-1.")
	_, err := now.MayDecide(&r, who(t, now, "carol"))
	wantCode(t, err, flows.CodeForbidden, "You are not an approver of AR-1.")
	blind := flows.NewWorld(flows.NewDirectory(nil, nil), now.Inventory, now.Catalog)
	_, _, err = flows.Next(r, blind.DueEvent(&r, at(30)), at(30))
	wantCode(t, err, flows.CodeLate, "Nothing is due for AR-1.")
	if err := due(30); err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, p := range r.Asked {
		asked = append(asked, fmt.Sprintf("%s %d %s", p.Name, p.Tier, p.Why))
	}
	want := []string{
		"bob 0 You are alice's manager.", "olga 0 You are in the group owners.",
		"carol 1 Nobody decided in time, and you are in the group dba.", "dan 1 Nobody decided in time, and you are in the group dba.",
	}
	if !slices.Equal(asked, want) {
		t.Errorf("asked: %q", asked)
	}
	if err := due(45); err != nil || len(r.Reminders) != 2 {
		t.Errorf("%v, reminded %+v", err, r.Reminders)
	}
	wantCode(t, due(59), flows.CodeLate, "Nothing is due for AR-1.")
	if err := due(60); err != nil || r.Asked[4].Why != "Nobody decided in time, and you are named as an approver then." {
		t.Errorf("%v, %+v", err, r.Asked)
	}
	if next, _ := r.DueAt(); !next.Equal(at(75)) { // halfway to the fallback approvers
		t.Errorf("after the last tier due at %s", next)
	}
	for i, name := range []string{"carol", "bob"} {
		right, err := now.MayDecide(&r, who(t, now, name))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		next, _, err := flows.Next(r, flows.Event{Kind: flows.EventApprove, By: right.By, CountsFor: right.Groups}, at(61+i))
		if err != nil {
			t.Fatal(err)
		}
		r = next
		if enough := r.State == flows.StateApproved; enough != (i == 1) {
			t.Errorf("after %s: %s", name, r.State)
		}
	}
}

// TestEscalation_Never: not where the request times out before, and not to those
// who asked.
func TestEscalation_Never(t *testing.T) {
	w := newWorld()
	w.policy.RequestTimeout = 30 * time.Minute
	w.flow().Approval.Escalation = &flows.Escalation{Interval: 30 * time.Minute, Groups: []flows.ApproverGroup{approverGroup(is("group", "developers"))}}
	r := pendingRead(t, w)
	reminded, _, err := flows.Next(r, flows.Event{Kind: flows.EventDue}, r.CreatedAt.Add(15*time.Minute))
	if at, _ := reminded.DueAt(); err != nil || !at.Equal(r.PendingUntil) {
		t.Errorf("%v, due at %s", err, at)
	}
	w.policy.RequestTimeout = time.Hour
	r = pendingRead(t, w)
	now := w.now()
	next, effects, err := flows.Next(r, now.DueEvent(&r, r.CreatedAt.Add(30*time.Minute)), r.CreatedAt.Add(30*time.Minute))
	if err != nil || len(next.Asked) != 1 || next.Escalated != 1 {
		t.Fatalf("%v %+v", err, next.Asked)
	}
	if f := effects[0].Fact; f == nil || f.Text != "Nobody decided in time; nobody further could be asked." {
		t.Errorf("%+v", f)
	}
	_, err = now.MayDecide(&next, who(t, now, "alice"))
	wantCode(t, err, flows.CodeForbidden, "You are not an approver of AR-1.")
}

// TestSeatsFilled compares with every way to fill seats: as all_of counts them,
// one person in one group.
func TestSeatsFilled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(1, 5).Draw(rt, "seats")
		r := flows.Request{Need: flows.Need{Mode: flows.ModeAllOf, Of: []int{}}}
		for i := range n {
			r.Need.Groups = append(r.Need.Groups, fmt.Sprint(i))
			of := 0
			if i > 0 {
				of = r.Need.Of[i-1] + rapid.IntRange(0, 1).Draw(rt, "next group")
			}
			r.Need.Of = append(r.Need.Of, of)
		}
		for i := range rapid.IntRange(0, 5).Draw(rt, "people") {
			r.Decisions = append(r.Decisions, flows.Decision{
				By: flows.PersonRef{Email: fmt.Sprint(i)}, Verb: flows.VerbApprove,
				Groups: rapid.SliceOfNDistinct(rapid.IntRange(0, n-1), 0, n, func(i int) int { return i }).Draw(rt, "could fill"),
			})
		}
		// Each person in one group or none, filling there what they can.
		var try func(i int, filled map[int]bool) bool
		try = func(i int, filled map[int]bool) bool {
			if len(filled) == n {
				return true
			}
			if i == len(r.Decisions) {
				return false
			}
			for g := range n {
				with := map[int]bool{}
				for s := range filled {
					with[s] = true
				}
				for _, s := range r.Decisions[i].Groups {
					if r.Need.Of[s] == g {
						with[s] = true
					}
				}
				if try(i+1, with) {
					return true
				}
			}
			return false
		}
		if want := try(0, map[int]bool{}); r.Satisfied() != want {
			rt.Fatalf("satisfied %t, want %t: %+v", r.Satisfied(), want, r)
		}
		for s, by := range r.Counted() {
			if !slices.ContainsFunc(r.Decisions, func(d flows.Decision) bool { return d.By == by && slices.Contains(d.Groups, s) }) {
				rt.Fatalf("%s does not fill %d", by.Email, s)
			}
		}
	})
}
