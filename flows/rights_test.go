package flows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestRights asks, of one waiting request, who may approve, deny and end it,
// after something about people or policy has changed.
func TestRights(t *testing.T) {
	const no, gone = flows.CodeForbidden, flows.CodeRefused
	for _, tt := range []struct {
		name               string
		change             func(*world)
		by                 string
		approve, deny, end flows.Code
	}{
		{"the manager", func(*world) {}, "bob", "", "", ""},
		{"an outsider", func(*world) {}, "carol", no, no, no},
		{"an admin may end", func(*world) {}, "eve", no, no, ""},
		{"the requestor may end", func(*world) {}, "alice", no, no, ""},
		{"the manager was deactivated", func(w *world) { w.person("bob").Disabled = true }, "bob", no, no, no},
		{"then the fallback decides", func(w *world) { w.person("bob").Disabled = true }, "eve", "", "", ""},
		{"the manager has left", func(w *world) { w.drop("bob") }, "eve", "", "", ""},
		{"no manager is known", func(w *world) { w.person("alice").Manager = "" }, "eve", "", "", ""},
		{"there is a new manager", func(w *world) { w.person("alice").Manager = "dan@example.com" }, "bob", no, no, ""},
		{"the new manager decides", func(w *world) { w.person("alice").Manager = "dan@example.com" }, "dan", "", "", ""},
		{"the requestor was deactivated", func(w *world) { w.person("alice").Disabled = true }, "bob", gone, gone, ""},
		{"the requestor has left", func(w *world) { w.drop("alice") }, "bob", gone, gone, ""},
		{"the requestor may not ask any more", func(w *world) { w.person("alice").Groups = nil }, "bob", gone, "", ""},
		{"the flow was removed", func(w *world) { w.flow().Name = "other" }, "bob", gone, gone, ""},
		{"the flow was removed, an outsider", func(w *world) { w.flow().Name = "other" }, "carol", gone, gone, no},
		{"the requestor has left, an outsider", func(w *world) { w.drop("alice") }, "carol", gone, gone, no},
		{"the requestor has left and the group of approvers has grown", func(w *world) {
			w.drop("alice")
			w.flow().Approval.Groups = []flows.ApproverGroup{approverGroup(is("group", "dba"))}
		}, "carol", gone, gone, ""},
		{"the flow was switched off", func(w *world) { w.flow().Active = false }, "bob", gone, gone, ""},
		{"the flow is shorter", func(w *world) { w.flow().Duration.Max = time.Hour }, "bob", gone, "", ""},
		{"the flow offers less", func(w *world) { w.flow().Targets[0].Include = &flows.Selector{Names: []string{"users"}} }, "bob", gone, "", ""},
		{"the flow offers another level", func(w *world) { w.flow().Targets[0].Permissions = []string{"write"} }, "bob", gone, "", ""},
		{"the flow needs more groups", func(w *world) {
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("group", "dba")))
		}, "bob", gone, "", ""},
		{"the flow needs all groups", func(w *world) { w.flow().Approval.Mode = flows.ModeAllOf }, "bob", gone, "", ""},
		{"the flow is automatic now", func(w *world) { w.flow().Approval = nil }, "bob", no, no, ""},
		{"the flow was only described", func(w *world) { w.flow().Description = "Read things." }, "bob", "", "", ""},
		{"the resource is gone", func(w *world) { w.resources = w.resources[1:] }, "bob", gone, "", ""},
		{"a sibling flow's approver", func(w *world) {
			sibling := readFlow()
			sibling.Name, sibling.Approval.Groups = "sibling", []flows.ApproverGroup{approverGroup(is("group", "dba"))}
			w.policy.Flows = append(w.policy.Flows, sibling)
		}, "carol", no, no, no},
	} {
		w := newWorld()
		r := pendingRead(t, w)
		tt.change(w)
		now := w.now()
		by, err := now.People.ByEmail(tt.by + "@example.com")
		if err != nil {
			t.Fatal(err)
		}
		_, mayDecide := now.MayDecide(&r, by)
		_, mayDeny := now.MayDeny(&r, by)
		got := []flows.Code{flows.ErrorCode(mayDecide), flows.ErrorCode(mayDeny), flows.ErrorCode(now.MayEnd(&r, by))}
		if diff := cmp.Diff([]flows.Code{tt.approve, tt.deny, tt.end}, got); diff != "" {
			t.Errorf("%s: approve, deny, end (-want +got):\n%s\n%v", tt.name, diff, mayDecide)
		}
	}
}

// TestRefusalsSayWhy: nobody is skipped; whoever cannot ask learns why.
func TestRefusalsSayWhy(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*world)
		want   string
	}{
		{"no manager", func(w *world) { w.person("alice").Manager = "" }, "the directory names no manager of alice"},
		{"unknown manager", func(w *world) { w.drop("bob") }, "the manager of alice, bob@example.com, is not in the directory"},
		{"deactivated manager", func(w *world) { w.person("bob").Disabled = true }, "bob, alice's manager, is deactivated"},
		{"own manager", func(w *world) { w.person("alice").Manager = "alice@example.com" }, "the only approver would be the requestor"},
		{"missing group", func(w *world) {
			w.flow().Approval.Groups = []flows.ApproverGroup{approverGroup(is("group", "dbas"))}
		}, "the directory knows no group dbas"},
		{"empty group", func(w *world) {
			w.groups = []string{"dbas"}
			w.flow().Approval.Groups = []flows.ApproverGroup{approverGroup(is("group", "dbas"))}
		}, "nobody is dbas"},
		{"no approvers at all", func(w *world) { w.flow().Approval.Groups = nil }, "names no approvers"},
		{"a group of no conditions", func(w *world) { w.flow().Approval.Groups = []flows.ApproverGroup{{}} }, "no approvers are named"},
		{"one of all is missing", func(w *world) {
			w.flow().Approval.Mode = flows.ModeAllOf
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("shift", "quiet")))
		}, "nobody is on-call quiet"},
		{"too few different people", func(w *world) {
			w.flow().Approval.Mode = flows.ModeAllOf
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("group", "leads")))
		}, "needs 2 different approvers, and there are not enough people for that"},
	} {
		w := newWorld()
		w.policy.Fallback = flows.ApproverGroup{}
		tt.change(w)
		now := w.now()
		v := now.Evaluate(ask(t, now, "alice", pgUnit("db-1", "read")))
		ps := v.Problems()
		if v.Allowed() || len(ps) != 1 || ps[0].About != flows.AboutApprovers || !strings.Contains(ps[0].Reason, tt.want) {
			t.Errorf("%s: %+v, want %q", tt.name, ps, tt.want)
		}
	}
}

// TestFallback: it stands in for what means nobody, is named as such, and never
// stands in for the requestor's own consent.
func TestFallback(t *testing.T) {
	w := newWorld()
	w.person("alice").Manager = ""
	w.person("alice").Groups = []string{"developers", "admins"}
	now := w.now()
	v := now.Evaluate(ask(t, now, "alice", pgUnit("db-1", "read")))
	if !v.Allowed() {
		t.Fatalf("refused: %+v", v.Problems())
	}
	var asked []string
	for _, a := range v.Parts[0].Approvers.Ask() {
		asked = append(asked, a.Email+": "+a.Why)
	}
	want := []string{
		"eve@example.com: You are a fallback approver, because nobody else could be asked.",
		"frank@example.com: You are a fallback approver, because nobody else could be asked.",
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	summary := "one of 2 people (fallback approver, because the directory names no manager of alice)"
	if got := v.Parts[0].Approvers.Summary(who(t, now, "alice")); got != summary {
		t.Errorf("summary %q, want %q", got, summary)
	}
}

// TestAnyOfDoesNotNeedTheFallback: one group that means somebody is enough.
func TestAnyOfDoesNotNeedTheFallback(t *testing.T) {
	w := newWorld()
	w.person("alice").Manager = ""
	w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("group", "dba")))
	now := w.now()
	a, err := now.Resolve(flows.Case{Flow: w.flow(), Requestor: who(t, now, "alice"), Grantee: who(t, now, "alice")})
	if err != nil {
		t.Fatal(err)
	}
	var asked []string
	for _, p := range a.Ask() {
		asked = append(asked, p.Email)
	}
	if diff := cmp.Diff([]string{"carol@example.com", "dan@example.com"}, asked); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestRenamedPerson: somebody whose address changed is still the one who asked
// and the one who has approved; the old address is an alias now.
func TestRenamedPerson(t *testing.T) {
	w := newWorld()
	w.flow().Approval = &flows.Approval{Mode: flows.ModeAllOf, Groups: []flows.ApproverGroup{
		approverGroup(is("group", "leads", "developers")), approverGroup(is("group", "dba", "leads", "developers")),
	}}
	r := pendingRead(t, w)
	r = play(t, r, flows.Event{Kind: flows.EventApprove, By: bob, CountsFor: []int{0, 1}})
	for _, name := range []string{"alice", "bob"} {
		p := w.person(name)
		p.Email, p.Aliases = "new."+name+"@example.com", []string{name + "@example.com"}
	}
	now := w.now()
	renamed, err := now.People.ByEmail("new.alice@example.com")
	if err != nil {
		t.Fatal(err)
	}
	_, err = now.MayDecide(&r, renamed)
	wantCode(t, err, flows.CodeForbidden, "You are not an approver of AR-1.")
	if err := now.MayEnd(&r, renamed); err != nil {
		t.Errorf("the requestor may still end it: %v", err)
	}
	if got := now.KnownAs(&r, renamed); got != r.Requestor {
		t.Errorf("known as %v, want %v", got, r.Requestor)
	}
	again, err := now.People.ByEmail("new.bob@example.com")
	if err != nil {
		t.Fatal(err)
	}
	right, err := now.MayDecide(&r, again)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = flows.Next(r, flows.Event{Kind: flows.EventApprove, By: right.By, CountsFor: right.Groups}, noon.Add(time.Minute))
	wantCode(t, err, flows.CodeLate, "You have already approved AR-1; it still waits for somebody else.")
}

// TestBundleThatWasTightened: the flow is the same, what its bundle holds is not.
func TestBundleThatWasTightened(t *testing.T) {
	w := newWorld()
	w.policy.Bundles = []flows.Bundle{{Name: "incident", Targets: []flows.Target{databases("read", "write")}}}
	w.flow().Targets = []flows.Target{{Bundle: "incident"}}
	now := w.now()
	q := ask(t, now, "alice")
	q.Bundle = "incident"
	r := submitted(t, now, q)
	if _, err := now.MayDecide(&r, who(t, now, "bob")); err != nil {
		t.Fatalf("before: %v", err)
	}
	w.policy.Bundles = []flows.Bundle{{Name: "incident", Targets: []flows.Target{databases("read")}}}
	now = w.now()
	if f, _ := now.Catalog.Flow("read"); f.Hash() != r.FlowHash {
		t.Fatal("the flow itself has changed; this test is about its bundle")
	}
	_, err := now.MayDecide(&r, who(t, now, "bob"))
	wantCode(t, err, flows.CodeRefused, "")
}

func TestReasonIsAskedForByThePolicyOfTheMoment(t *testing.T) {
	w := newWorld()
	r := pendingRead(t, w)
	w.flow().Settings.RequireApproverReason = true
	now := w.now()
	right, err := now.MayDecide(&r, who(t, now, "bob"))
	if err != nil || !right.NeedsReason {
		t.Errorf("right %+v, %v; want one that needs a reason", right, err)
	}
}

// TestLikelyApproversAreAll: the index that finds approvers finds the same people
// as asking everybody.
func TestLikelyApproversAreAll(t *testing.T) {
	w := newWorld()
	now := w.now()
	alice := who(t, now, "alice")
	pool := conds(
		is("group", "DBA"), is("group", "admins", "leads"), is("shift", "primary"), is("user", "bob@example.com", "dan@example.com"), is("manager"),
		flows.Condition{Attribute: "group", Operator: flows.OpIsNot, Values: []string{"dba"}},
		flows.Condition{Attribute: "user", Operator: flows.OpContains, Values: []string{"a"}},
	)
	for i, a := range pool {
		for j, b := range pool {
			for _, match := range []flows.Match{flows.MatchAll, flows.MatchAny} {
				var want []string
				for _, p := range now.People.Everybody() {
					if s, _ := now.Matches(flows.Conditions{Match: match, Conditions: conds(a, b)}, p, alice); s == flows.Met && p != alice {
						want = append(want, p.Email)
					}
				}
				f := readFlow()
				f.Approval.Groups = []flows.ApproverGroup{{Match: match, Approvers: conds(a, b)}}
				now.Catalog = flows.NewCatalog(flows.Policy{})
				resolved, _ := now.Resolve(flows.Case{Flow: &f, Requestor: alice, Grantee: alice}) // that nobody can approve is one of the cases
				var got []string
				for _, p := range resolved.Ask() {
					got = append(got, p.Email)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("conditions %d and %d, match %s (-want +got):\n%s", i, j, match, diff)
				}
				if !slices.IsSorted(got) {
					t.Errorf("conditions %d and %d: not in the order of the directory: %v", i, j, got)
				}
			}
		}
	}
}
