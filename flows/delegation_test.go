package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"apono/flows"
)

// handed is the world in which people have handed their approvals over: "bob>carol".
func (w *world) handed(pairs ...string) flows.World {
	var all []flows.Delegation
	for _, pair := range pairs {
		from, to, _ := strings.Cut(pair, ">")
		all = append(all, flows.Delegation{ID: pair, From: w.ref(from), To: w.ref(to), Since: noon, Until: noon.Add(100 * time.Hour)})
	}
	now := w.now()
	now.Delegations = flows.NewDelegations(all).At(noon)
	return now
}

func (w *world) ref(name string) flows.PersonRef {
	return flows.PersonRef{Email: name + "@example.com", Name: name}
}

// asking draws up and submits alice's request to read orders.
func asking(t *testing.T, now flows.World) flows.Request {
	t.Helper()
	alice := who(t, now, "alice")
	q := flows.Question{Requestor: alice, Grantee: alice, Units: []flows.Unit{{Integration: "pg", ResourceType: "database", Resource: "db-1", Permission: "read"}}, Now: noon}
	v := now.Evaluate(q)
	if !v.Allowed() {
		t.Fatalf("%+v", v.Problems())
	}
	d := now.Drafts(q, v)[0]
	d.ID, d.Seq = "AR-1", 1
	r, _ := next(t, d, submit, noon)
	return r
}

// asked says who is asked, for whom, and in whose place no more.
func asked(r flows.Request) string {
	var out []string
	for _, a := range r.Asked {
		s := strings.TrimSuffix(a.Email, "@example.com") + fmt.Sprint(a.Groups)
		for _, f := range a.For {
			s += " for " + f.For.DisplayName() + fmt.Sprint(f.Groups)
		}
		for _, p := range a.Stood {
			s += " was " + p.DisplayName()
		}
		out = append(out, s)
	}
	return strings.Join(out, ", ")
}

func allOf(groups ...flows.ApproverGroup) *flows.Approval {
	return &flows.Approval{Mode: flows.ModeAllOf, Groups: groups}
}

// TestDelegatesAreAsked: in the place of who handed over, whoever that is by the
// policy, and never about what they want themselves.
func TestDelegatesAreAsked(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*world)
		handed []string
		want   string
		mayNot string // of those named, who may not approve
	}{
		{"nobody handed over", func(*world) {}, nil, "bob[0]", ""},
		{"the manager did", func(*world) {}, []string{"bob>carol"}, "carol[0] for bob[0]", ""},
		{"to the requestor", func(*world) {}, []string{"bob>alice"}, "bob[0]", "alice"},
		{"to the requestor, where a requestor may approve", func(w *world) { w.flow().Settings.RequestorMayApproveSelf = true }, []string{"bob>alice"}, "bob[0]", "alice"},
		{"to somebody deactivated", func(w *world) { w.person("carol").Disabled = true }, []string{"bob>carol"}, "bob[0]", ""},
		{"to somebody who left", func(w *world) { w.drop("carol") }, []string{"bob>carol"}, "bob[0]", ""},
		{"and so did the one", func(*world) {}, []string{"bob>carol", "carol>dan"}, "carol[0] for bob[0]", "dan"},
		{"to each other", func(*world) {}, []string{"bob>carol", "carol>bob"}, "carol[0] for bob[0]", ""},
		{"to one of the same group", func(w *world) { w.flow().Approval.Groups[0] = approverGroup(is("group", "dba")) }, []string{"carol>dan"}, "dan[0]", ""},
		{"to one who can anyway", func(w *world) {
			w.flow().Approval.Groups = append(w.flow().Approval.Groups, approverGroup(is("group", "dba")))
		}, []string{"bob>carol"}, "carol[1], dan[1]", ""},
		{"both", func(w *world) { w.flow().Approval.Groups[0] = approverGroup(is("group", "dba")) }, []string{"carol>eve", "dan>eve"}, "eve[0] for carol[0] for dan[0]", ""},
		{"all of: somebody else", func(w *world) {
			w.flow().Approval = allOf(approverGroup(is("manager")), approverGroup(is("group", "dba")))
		}, []string{"bob>eve"}, "eve[0] for bob[0], carol[1], dan[1]", ""},
		{"all of: one of the others", func(w *world) {
			w.flow().Approval = allOf(approverGroup(is("manager")), approverGroup(is("group", "dba")))
		}, []string{"bob>carol"}, "carol[0 1] for bob[0], dan[1]", ""},
		// Carol cannot be two people, so Bob is asked although he is away.
		{"all of: the only other", func(w *world) {
			w.flow().Approval = allOf(approverGroup(is("manager")), approverGroup(is("shift", "primary")))
		}, []string{"bob>carol"}, "carol[0 1] for bob[0], bob[0]", ""},
		{"the fallback", func(w *world) { w.person("alice").Manager = "" }, []string{"eve>carol"}, "carol[0] for eve[0], frank[0]", ""},
	} {
		w := newWorld()
		tt.change(w)
		now := w.handed(tt.handed...)
		r := asking(t, now)
		if diff := cmp.Diff(tt.want, asked(r)); diff != "" {
			t.Errorf("%s: asked (-want +got):\n%s", tt.name, diff)
		}
		for _, a := range r.Asked {
			if _, err := now.MayDecide(&r, who(t, now, strings.TrimSuffix(a.Email, "@example.com"))); err != nil {
				t.Errorf("%s: %s was asked and may not decide: %v", tt.name, a.Email, err)
			}
		}
		if tt.mayNot != "" {
			if _, err := now.MayDecide(&r, who(t, now, tt.mayNot)); flows.ErrorCode(err) != flows.CodeForbidden {
				t.Errorf("%s: %s may decide: %v", tt.name, tt.mayNot, err)
			}
		}
	}
}

// TestTheOneAwayCanStillDecide, and reads as themselves.
func TestTheOneAwayCanStillDecide(t *testing.T) {
	w := newWorld()
	now := w.handed("bob>carol")
	r := asking(t, now)
	for name, want := range map[string]string{"bob": "You are alice's manager.", "carol": "You stand in for bob, who is alice's manager."} {
		right, err := now.MayDecide(&r, who(t, now, name))
		if err != nil || right.Why != want || (len(right.For) > 0) != (name == "carol") {
			t.Errorf("%s: %+v, %v", name, right, err)
		}
	}
	over := w.now()
	if _, err := over.MayDecide(&r, who(t, over, "carol")); flows.ErrorCode(err) != flows.CodeForbidden {
		t.Errorf("Carol may decide after it is over: %v", err)
	}
}

// TestTheFormTellsNobody: who will be asked names those whom the policy means.
func TestTheFormTellsNobody(t *testing.T) {
	w := newWorld()
	q := func(now flows.World) string {
		alice := who(t, now, "alice")
		v := now.Evaluate(flows.Question{Requestor: alice, Grantee: alice, Units: []flows.Unit{{Integration: "pg", ResourceType: "database", Resource: "db-1", Permission: "read"}}, Now: noon})
		return v.Parts[0].Approvers.Summary(alice)
	}
	if got := q(w.handed("bob>carol")); got != "bob (your manager)" {
		t.Errorf("the form says %q", got)
	}
	r := asking(t, w.handed("bob>carol"))
	if got := asked(flows.Request{Asked: flows.Openly(r.Asked)}); got != "bob[0]" {
		t.Errorf("openly: %s", got)
	}
}

var frank = flows.PersonRef{Email: "frank@example.com", Name: "Frank"}

func approveFor(by flows.PersonRef, groups []int, stands ...flows.Stand) flows.Event {
	return flows.Event{Kind: flows.EventApprove, By: by, CountsFor: groups, For: stands}
}

// TestNobodyCountsTwice: neither who acts nor whose right it is.
func TestNobodyCountsTwice(t *testing.T) {
	forBob := func(groups ...int) flows.Stand { return flows.Stand{For: bob, Groups: groups} }
	r := draft("pg")
	r.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	r = play(t, r, submit)
	for _, tt := range []struct {
		name   string
		events []flows.Event
		want   flows.State
		filled int
	}{
		{"one for another and by their own right", []flows.Event{approveFor(carol, []int{0, 1}, forBob(0))}, flows.StatePending, 1},
		{"then the other", []flows.Event{approveFor(carol, []int{0, 1}, forBob(0)), approveFor(bob, []int{0})}, flows.StateApproved, 2},
		{"the other first", []flows.Event{approveFor(bob, []int{0}), approveFor(carol, []int{0, 1}, forBob(0))}, flows.StateApproved, 2},
		{"one right, exercised by two", []flows.Event{approveFor(bob, []int{0, 1}), approveFor(carol, []int{0, 1}, forBob(0, 1))}, flows.StatePending, 1},
		{"for two others", []flows.Event{approveFor(carol, []int{0, 1}, forBob(0), flows.Stand{For: frank, Groups: []int{1}})}, flows.StatePending, 1},
		{"two people, two rights", []flows.Event{approveFor(carol, []int{0}, forBob(0)), approveFor(frank, []int{1})}, flows.StateApproved, 2},
	} {
		got := play(t, r, tt.events...)
		if n := len(got.Counted()); got.State != tt.want || n != tt.filled {
			t.Errorf("%s: %s with %d of 2", tt.name, got.State, n)
		}
	}
	ev := approveFor(alice, []int{0}, forBob(0))
	if _, _, err := flows.Next(r, ev, noon.Add(time.Minute)); flows.ErrorCode(err) != flows.CodeForbidden {
		t.Errorf("Alice approves her own in the place of Bob: %v", err)
	}
	r.Need.SelfAllowed = true
	if _, _, err := flows.Next(r, ev, noon.Add(time.Minute)); flows.ErrorCode(err) != flows.CodeForbidden {
		t.Errorf("and where she may approve it herself: %v", err)
	}
}

// TestStandIns follows a waiting request through delegations that begin and end.
func TestStandIns(t *testing.T) {
	type step struct {
		handed string // pairs, by spaces
		want   string // asked then; empty: nothing changes
	}
	for _, tt := range []struct {
		name  string
		at    string // handed over when it is asked
		steps []step
	}{
		{"begins and ends", "", []step{{"bob>carol", "bob[0], carol[0] for bob[0]"}, {"bob>carol", ""}, {"", "bob[0], carol[] was bob"}, {"", ""}, {"bob>carol", "bob[0], carol[0] for bob[0]"}}},
		{"ends before it is decided", "bob>carol", []step{{"bob>carol", ""}, {"", "carol[] was bob, bob[0]"}}},
		{"goes to somebody else", "bob>carol", []step{{"bob>dan", "carol[] was bob, dan[0] for bob[0]"}, {"", "carol[] was bob, dan[] was bob, bob[0]"}}},
		{"goes to the requestor", "bob>carol", []step{{"bob>alice", "carol[] was bob, bob[0]"}}},
		{"is not passed on", "bob>carol", []step{{"bob>carol carol>dan", ""}}},
		{"is somebody else's", "", []step{{"eve>carol", ""}}},
	} {
		w := newWorld()
		r := asking(t, w.handed(strings.Fields(tt.at)...))
		for i, s := range tt.steps {
			ev, changed := w.handed(strings.Fields(s.handed)...).StandIns(&r)
			if changed != (s.want != "") {
				t.Errorf("%s, step %d: changed %v: %+v", tt.name, i, changed, ev.Ask)
			}
			if !changed {
				continue
			}
			var effects []flows.Effect
			r, effects = next(t, r, ev, noon.Add(time.Minute))
			if diff := cmp.Diff(s.want, asked(r)); diff != "" {
				t.Errorf("%s, step %d (-want +got):\n%s", tt.name, i, diff)
			}
			if diff := cmp.Diff([]flows.FactKind{flows.FactStandIn}, facts(effects)); diff != "" || effects[0].Fact.Text == "" {
				t.Errorf("%s, step %d: facts %s %+v", tt.name, i, diff, effects[0].Fact)
			}
			if _, _, err := flows.Next(r, ev, noon.Add(time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
				t.Errorf("%s, step %d: applied twice: %v", tt.name, i, err)
			}
		}
	}
}

// TestWhoStoodInEndsNothing: the right to end what one was asked about goes with the
// delegation, while the request waits.
func TestWhoStoodInEndsNothing(t *testing.T) {
	w := newWorld()
	now := w.handed("bob>carol")
	r := asking(t, now)
	if err := now.MayEnd(&r, who(t, now, "carol")); err != nil {
		t.Errorf("while she stands in: %v", err)
	}
	over := w.now()
	ev, _ := over.StandIns(&r)
	r, _ = next(t, r, ev, noon.Add(time.Minute))
	if err := over.MayEnd(&r, who(t, over, "carol")); flows.ErrorCode(err) != flows.CodeForbidden {
		t.Errorf("after it is over: %v", err)
	}
	if err := over.MayEnd(&r, who(t, over, "bob")); err != nil {
		t.Errorf("Bob: %v", err)
	}
}

// TestStandInsOfWhatIsDecided: whose right was exercised is not asked again.
func TestStandInsOfWhatIsDecided(t *testing.T) {
	w := newWorld()
	w.flow().Approval = allOf(approverGroup(is("manager")), approverGroup(is("group", "dba")))
	now := w.handed("bob>eve")
	r := asking(t, now)
	right, err := now.MayDecide(&r, who(t, now, "eve"))
	if err != nil {
		t.Fatal(err)
	}
	r = play(t, r, flows.Event{Kind: flows.EventApprove, By: right.By, CountsFor: right.Groups, For: right.For, Why: right.Why})
	ev, changed := w.now().StandIns(&r)
	if !changed {
		t.Fatal("Eve still stands in")
	}
	r, _ = next(t, r, ev, noon.Add(time.Minute))
	if got := asked(r); got != "eve[] was bob, carol[1], dan[1]" {
		t.Errorf("asked %s", got)
	}
	if len(r.Counted()) != 1 {
		t.Errorf("the approval that was given counts no more")
	}
}

// TestEscalationAsksDelegates of the tier that is reached.
func TestEscalationAsksDelegates(t *testing.T) {
	w := newWorld()
	w.flow().Approval.Escalation = &flows.Escalation{Interval: 30 * time.Minute, Groups: []flows.ApproverGroup{approverGroup(is("user", "dan@example.com"))}}
	now := w.handed("dan>carol")
	r := asking(t, now)
	later := noon.Add(31 * time.Minute)
	r, _ = next(t, r, now.DueEvent(&r, later), later)
	if got := asked(r); got != "bob[0], carol[0] for dan[0]" {
		t.Fatalf("asked %s", got)
	}
	if why := r.Asked[1].Why; why != "Nobody decided in time, and you stand in for dan, who is named in person." {
		t.Errorf("Carol reads %q", why)
	}
}

// TestTheOneAwayIsAskedWhereTheOtherCannotBeReached, at once and before anybody else.
func TestTheOneAwayIsAskedWhereTheOtherCannotBeReached(t *testing.T) {
	w := newWorld()
	r := asking(t, w.handed("bob>carol"))
	r, _ = next(t, r, flows.Event{Kind: flows.EventUnreached, By: w.ref("carol")}, noon.Add(time.Second))
	if got := asked(r); got != "carol[0] for bob[0], bob[0]" || r.Silent() {
		t.Errorf("asked %s, silent %v", got, r.Silent())
	}
	if _, changed := w.handed("bob>carol").StandIns(&r); changed {
		t.Error("that is not all")
	}
}

// TestStandInsOfAnExtension: the same for what is asked while the access is live.
func TestStandInsOfAnExtension(t *testing.T) {
	w := newWorld()
	w.flow().Settings.MaxExtensions = 1
	now := w.now()
	r := play(t, asking(t, now), flows.Event{Kind: flows.EventApprove, By: w.ref("bob"), CountsFor: []int{0}}, granted("pg"))
	e, most, err := now.Extension(&r, who(t, now, "alice"), noon.Add(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	r, _ = next(t, r, flows.Event{Kind: flows.EventExtend, By: w.ref("alice"), Extend: &e, Most: most, Extension: 1}, noon.Add(time.Minute))
	ev, changed := w.handed("bob>carol").StandIns(&r)
	if !changed {
		t.Fatal("nobody stands in")
	}
	r, _ = next(t, r, ev, noon.Add(2*time.Minute))
	if got := asked(flows.Request{Asked: r.Extensions[0].Asked}); got != "bob[0], carol[0] for bob[0]" {
		t.Errorf("asked %s", got)
	}
	if got := asked(r); got != "bob[0]" {
		t.Errorf("and of the request itself %s", got)
	}
}

// TestCheckDelegation refuses what makes no sense, with a sentence that says why.
func TestCheckDelegation(t *testing.T) {
	w := newWorld()
	w.person("frank").Disabled = true
	now := w.handed("dan>eve")
	for _, tt := range []struct {
		to    string
		until time.Duration
		want  string
	}{
		{"carol", time.Hour, ""},
		{"bob", time.Hour, "yourself"},
		{"frank", time.Hour, "deactivated"},
		{"carol", 0, "past"},
		{"carol", flows.MaxDelegation, ""},
		{"carol", flows.MaxDelegation + time.Second, "90 days at most"},
		{"dan", time.Hour, "handed their own approvals to eve, and yours would not be passed on"},
	} {
		err := now.CheckDelegation(who(t, now, "bob"), who(t, now, tt.to), noon.Add(tt.until), noon)
		if (err == nil) != (tt.want == "") || !strings.Contains(flows.ErrorMessage(err), tt.want) {
			t.Errorf("to %s for %s: %v", tt.to, tt.until, err)
		}
	}
}

// TestDelegationsHoldForATime: from their beginning on, and not at their end.
func TestDelegationsHoldForATime(t *testing.T) {
	all := flows.NewDelegations([]flows.Delegation{{From: bob, To: carol, Since: noon, Until: noon.Add(time.Hour)}})
	for at, want := range map[time.Duration]int{-time.Second: 0, 0: 1, time.Hour - 1: 1, time.Hour: 0} {
		if got := len(all.At(noon.Add(at)).All()); got != want {
			t.Errorf("%s: %d hold", at, got)
		}
	}
	if all.At(noon) != all {
		t.Error("the snapshot is another one although nothing is over")
	}
}

// TestDelegationMakesNothingPossible: whatever is handed over to whom, no request can
// be approved by people of whom fewer rights than seats were exercised, nor by who asks.
func TestDelegationMakesNothingPossible(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"bob", "carol", "dan", "eve"}
		r := draft("pg")
		r.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(t, "groups")]}
		r, _, err := flows.Next(r, submit, noon)
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 5).Draw(t, "approvals") {
			name := func(what string) flows.PersonRef {
				n := rapid.SampledFrom(names).Draw(t, what)
				return flows.PersonRef{Email: n + "@example.com", Name: n}
			}
			seats := rapid.SliceOfNDistinct(rapid.IntRange(0, len(r.Need.Groups)-1), 1, -1, rapid.ID[int]).Draw(t, "seats")
			ev := flows.Event{Kind: flows.EventApprove, By: name("by"), CountsFor: seats}
			if rapid.Bool().Draw(t, "for another") {
				ev.For = []flows.Stand{{For: name("for"), Groups: seats[:rapid.IntRange(1, len(seats)).Draw(t, "n")]}}
			}
			if got, _, err := flows.Next(r, ev, noon.Add(time.Minute)); err == nil {
				r = got
			}
		}
		acts, rights := map[string]bool{}, map[string]bool{}
		for _, d := range r.Decisions {
			acts[d.By.Email] = true
			if d.Own() {
				rights[d.By.Email] = true
			}
			for _, s := range d.For {
				rights[s.For.Email] = true
			}
		}
		if n := len(r.Counted()); n > len(acts) || n > len(rights) {
			t.Fatalf("%d seats are filled by %d people with the rights of %d", n, len(acts), len(rights))
		}
	})
}
