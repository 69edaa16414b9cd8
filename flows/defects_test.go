package flows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// Defects that others had to fix in such a state machine, by their number in a
// list that one team published. Those of the store, the sweep and the service
// are tested there.

// TestDefect01_ApprovalAfterTheTimeout: the time is past, no sweep has run yet.
func TestDefect01_ApprovalAfterTheTimeout(t *testing.T) {
	r := play(t, draft("pg"), submit)
	got, effects, err := flows.Next(r, approve, r.PendingUntil)
	wantCode(t, err, flows.CodeLate, "AR-1 timed out: nobody decided in time.")
	if diff := cmp.Diff(r, got); diff != "" || effects != nil {
		t.Errorf("changed:\n%s", diff)
	}
}

// TestDefect03_SiblingPolicy: an approver of another flow for the same target.
func TestDefect03_SiblingPolicy(t *testing.T) {
	w := newWorld()
	sibling := readFlow()
	sibling.Name, sibling.Approval = "sibling", &flows.Approval{Groups: []flows.ApproverGroup{approverGroup(is("group", "dba"))}}
	w.policy.Flows = append(w.policy.Flows, sibling)
	r := pendingRead(t, w)
	now := w.now()
	_, err := now.MayDecide(&r, who(t, now, "carol"))
	wantCode(t, err, flows.CodeForbidden, "You are not an approver of AR-1.")
}

// TestDefect04_PolicyThatCannotBeRead: what is unknown approves nothing.
func TestDefect04_PolicyThatCannotBeRead(t *testing.T) {
	w := newWorld()
	r := pendingRead(t, w)
	now := w.now()
	bob := who(t, now, "bob")
	empty := flows.World{People: now.People, Inventory: now.Inventory, Catalog: flows.NewCatalog(flows.Policy{})}
	if _, err := empty.MayDecide(&r, bob); flows.ErrorCode(err) != flows.CodeRefused {
		t.Errorf("without a policy: %v, want refused", err)
	}
	nobody := flows.World{People: flows.NewDirectory(nil, nil), Inventory: now.Inventory, Catalog: now.Catalog}
	if _, err := nobody.MayDecide(&r, bob); flows.ErrorCode(err) != flows.CodeRefused {
		t.Errorf("without a directory: %v, want refused", err)
	}
	blind := flows.World{People: now.People, Inventory: flows.NewInventory(nil), Catalog: now.Catalog}
	if _, err := blind.MayDecide(&r, bob); flows.ErrorCode(err) != flows.CodeRefused {
		t.Errorf("without an inventory: %v, want refused", err)
	}
	if v := nobody.Evaluate(ask(t, now, "alice", pgUnit("db-1", "read"))); v.Allowed() {
		t.Error("without a directory a submission is taken")
	}
}

// TestDefect05_NoApprovers: an empty set of approvers is nobody, not anybody.
func TestDefect05_NoApprovers(t *testing.T) {
	for name, approval := range map[string]*flows.Approval{
		"no groups": {}, "an empty group": {Groups: []flows.ApproverGroup{{}}}, "all of none": {Mode: flows.ModeAllOf},
		"a condition without values": {Groups: []flows.ApproverGroup{approverGroup(flows.Condition{Attribute: "group", Operator: flows.OpIsNot})}},
	} {
		w := newWorld()
		w.flow().Approval, w.policy.Fallback = approval, flows.ApproverGroup{}
		now := w.now()
		if v := now.Evaluate(ask(t, now, "alice", pgUnit("db-1", "read"))); v.Allowed() {
			t.Errorf("%s: a submission is taken", name)
		}
		r := pendingRead(t, newWorld())
		for _, p := range now.People.Everybody() {
			if _, err := now.MayDecide(&r, p); err == nil {
				t.Errorf("%s: %s may decide", name, p.Email)
			}
		}
	}
	for name, need := range map[string]flows.Need{"any of none": {}, "all of none": {Mode: flows.ModeAllOf}} {
		r := flows.Request{Need: need}
		if r.Satisfied() {
			t.Errorf("%s is satisfied by nobody", name)
		}
	}
}

// TestDefect06_EmptyAndMissingGroup: an empty group has no members, a missing one
// is an error, which a negative condition does not turn into everybody.
func TestDefect06_EmptyAndMissingGroup(t *testing.T) {
	w := newWorld()
	w.groups = []string{"empty"}
	now := w.now()
	not := func(group string) flows.Status {
		s, _ := now.Meets(flows.Condition{Attribute: "group", Operator: flows.OpIsNot, Values: []string{group}}, who(t, now, "alice"), nil)
		return s
	}
	if got := not("empty"); got != flows.Met {
		t.Errorf("not in an empty group: %s, want met", got)
	}
	if got := not("missing"); got != flows.Broken {
		t.Errorf("not in a missing group: %s, want broken", got)
	}
}

// TestDefect07_NoGroupsIsKnown: to be in no group is an answer.
func TestDefect07_NoGroupsIsKnown(t *testing.T) {
	w := newWorld()
	w.person("alice").Groups = nil
	now := w.now()
	if s, _ := now.Meets(is("group", "dba"), who(t, now, "alice"), nil); s != flows.Unmet {
		t.Errorf("%s, want unmet", s)
	}
}

// TestDefect08_SelfApprovalByAlias: the policy names an alias of the requestor.
func TestDefect08_SelfApprovalByAlias(t *testing.T) {
	w := newWorld()
	w.person("alice").Aliases = []string{"root@example.com"}
	w.flow().Approval.Groups = []flows.ApproverGroup{approverGroup(is("user", "root@example.com", "bob@example.com"))}
	r := pendingRead(t, w)
	now := w.now()
	_, err := now.MayDecide(&r, who(t, now, "alice"))
	wantCode(t, err, flows.CodeForbidden, "")
	if len(r.Asked) != 1 || r.Asked[0].Email != "bob@example.com" {
		t.Errorf("asked %+v, want bob alone", r.Asked)
	}
	// A copy of the person, as another snapshot would hold it, is the same person.
	copied := *who(t, now, "alice")
	resolved, err := now.Resolve(flows.Case{Flow: w.flow(), Requestor: &copied, Grantee: &copied})
	if _, has := resolved.Of(who(t, now, "alice")); has || err != nil {
		t.Errorf("a copy of the requestor may approve: %v", err)
	}
}

// TestDefect09_AskedAreThoseWhoMayDecide: one rule finds whom to ask and judges
// the click.
func TestDefect09_AskedAreThoseWhoMayDecide(t *testing.T) {
	w := newWorld()
	w.flow().Approval = &flows.Approval{Mode: flows.ModeAllOf, Groups: []flows.ApproverGroup{
		approverGroup(is("manager")), {Match: flows.MatchAny, Approvers: conds(is("group", "dba"), is("shift", "primary"))}, approverGroup(is("group", "hollow")),
	}}
	r := pendingRead(t, w)
	asked := map[string][]int{}
	for _, a := range r.Asked {
		asked[a.Email] = a.Groups
	}
	now := w.now()
	may := map[string][]int{}
	for _, p := range now.People.Everybody() {
		if right, err := now.MayDecide(&r, p); err == nil {
			may[p.Email] = right.Groups
		}
	}
	if diff := cmp.Diff(asked, may); diff != "" || len(may) != 5 {
		t.Errorf("asked and entitled differ (-asked +entitled):\n%s", diff)
	}
}

// TestDefect10_EndingKeepsHistory: ending what is approved erases nothing, and
// ending what is over changes nothing.
func TestDefect10_EndingKeepsHistory(t *testing.T) {
	approved := play(t, draft("pg"), submit, approve)
	ended := play(t, approved, revoke, gone("pg"))
	if diff := cmp.Diff(approved.Decisions, ended.Decisions); diff != "" || ended.State != flows.StateRevoked {
		t.Errorf("%s, decisions (-want +got):\n%s", ended.State, diff)
	}
	again := revoke
	again.By = carol
	_, _, err := flows.Next(ended, again, noon.Add(time.Hour))
	wantCode(t, err, flows.CodeLate, "The access of AR-1 was ended by Alice.")
}

// TestDefect11_TheClockStartsWithTheAccess: however long the grant took, the access
// is not over when it begins.
func TestDefect11_TheClockStartsWithTheAccess(t *testing.T) {
	r := play(t, draft("pg"), submit, approve)
	late := noon.Add(24 * time.Hour)
	r, _ = next(t, r, granted("pg"), late)
	if !r.EndsAt.Equal(late.Add(time.Hour)) {
		t.Errorf("ends at %s, granted at %s for an hour", r.EndsAt, late)
	}
}

// TestDefect14_LiveAccessIsNeverOver: what may still hold access is not terminal.
func TestDefect14_LiveAccessIsNeverOver(t *testing.T) {
	for _, s := range specimens(t)[1:] { // without the draft
		for _, g := range s.r.Groups {
			if s.r.State.Terminal() && g.Status.MayHold() {
				t.Errorf("%s: %s may hold access", s.name, g.Integration)
			}
		}
	}
}

// TestDefect15_EveryChangeIsOneFact: no transition is silent, and every status
// change is told exactly once.
func TestDefect15_EveryChangeIsOneFact(t *testing.T) {
	r := draft("pg")
	told := map[flows.FactKind]int{}
	at := noon
	for _, ev := range []flows.Event{submit, approve, granted("pg"), due, gone("pg")} {
		if ev.Kind == flows.EventDue {
			at = r.EndsAt
		}
		got, effects := next(t, r, ev, at)
		if len(facts(effects)) == 0 {
			t.Errorf("%s in %s leaves no trace", ev.Kind, r.State)
		}
		channel := 0
		for _, k := range facts(effects) {
			if k.Told() {
				told[k]++
			}
		}
		for _, e := range effects {
			if e.Kind == flows.EffectAuditChannel {
				channel++
			}
		}
		if channel > 1 {
			t.Errorf("%s tells the channel %d times", ev.Kind, channel)
		}
		r = got
	}
	want := map[flows.FactKind]int{flows.FactAsked: 1, flows.FactApproved: 1, flows.FactGranted: 1, flows.FactExpired: 1}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

// TestDefect16_ReasonIsDemandedByTheMachine: not by the dialog alone.
func TestDefect16_ReasonIsDemandedByTheMachine(t *testing.T) {
	d := draft("pg")
	d.Need.RequireReason = true
	r := play(t, d, submit)
	blank := approve
	blank.Reason = " \u00a0\n"
	_, _, err := flows.Next(r, blank, noon)
	wantCode(t, err, flows.CodeInvalid, "Please give a reason.")
}

// TestDefect18_AmbiguityFailsClosed: an address that two people claim makes
// neither of them an approver, and excludes both from what is not for one.
func TestDefect18_AmbiguityFailsClosed(t *testing.T) {
	w := newWorld()
	w.flow().Approval.Groups = []flows.ApproverGroup{approverGroup(is("user", "boss@example.com"))}
	w.people = append(w.people, person("boss"))
	w.person("carol").Aliases = []string{"Boss@example.com"} // anybody may be able to write this into their profile
	now := w.now()
	a, _ := now.Resolve(flows.Case{Flow: w.flow(), Requestor: who(t, now, "alice"), Grantee: who(t, now, "alice")}) // that nobody is left is what is looked at
	for _, g := range a.Groups {
		if !g.Fallback && len(g.People) > 0 {
			t.Errorf("%s is an approver", g.People[0].Person.Email)
		}
	}
	if want := "the address boss@example.com belongs to two people in the directory"; a.Groups[0].Problem != want {
		t.Errorf("problem %q, want %q", a.Groups[0].Problem, want)
	}
	negative := flows.Condition{Attribute: "user", Operator: flows.OpIsNot, Values: []string{"boss@example.com"}}
	if s, _ := now.Meets(negative, who(t, now, "carol"), nil); s != flows.Broken {
		t.Errorf("not the boss: %s, want broken", s)
	}
}
