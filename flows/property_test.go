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

// anyPolicy draws some flows over the three databases of the company: conditions,
// approver groups, owners, tiers, caps.
func anyPolicy(t *rapid.T, w *world) {
	conditions := []flows.Condition{is("group", "developers"), is("group", "dba"), is("shift", "primary"), is("user", "bob@example.com"), {Attribute: "group", Operator: flows.OpContains, Values: []string{"d"}}}
	approvers := append(slices.Clone(conditions), is("manager"), is("owner"), is("group", "admins"))
	match := rapid.SampledFrom([]flows.Match{flows.MatchAll, flows.MatchAny})
	some := func(name string, of []flows.Condition, most int) []flows.Condition {
		return rapid.SliceOfN(rapid.SampledFrom(of), 1, most).Draw(t, name)
	}
	w.policy.Flows = nil
	for i := range rapid.IntRange(1, 4).Draw(t, "flows") {
		f := readFlow()
		f.Name = fmt.Sprintf("f%d", i)
		f.Requestors = flows.Conditions{Match: match.Draw(t, "match"), Conditions: some("requestors", conditions, 2)}
		f.Duration.Max = time.Duration(rapid.IntRange(1, 8).Draw(t, "hours")) * time.Hour
		f.RequestFor = rapid.SampledFrom([]*flows.RequestFor{nil, {Self: true, DirectReports: true}, {Self: true, Others: true, Grantees: flows.Conditions{Conditions: conds(is("group", "developers"))}}}).Draw(t, "for")
		f.Settings.RequestorMayApproveSelf = rapid.IntRange(0, 4).Draw(t, "self") == 0
		f.Approval = nil
		if rapid.IntRange(0, 4).Draw(t, "approval") > 0 {
			f.Approval = &flows.Approval{Mode: rapid.SampledFrom([]flows.ModeOf{flows.ModeAnyOf, flows.ModeAllOf}).Draw(t, "mode"), SamePersonMayCount: rapid.IntRange(0, 3).Draw(t, "same") == 0}
			for range rapid.IntRange(1, 3).Draw(t, "groups") {
				f.Approval.Groups = append(f.Approval.Groups, flows.ApproverGroup{Match: match.Draw(t, "match"), Approvers: some("approvers", approvers, 2)})
			}
		}
		f.Targets[0].Include = &flows.Selector{Names: rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"orders", "users", "audit"}), 1, 3, func(s string) string { return s }).Draw(t, "targets")}
		w.policy.Flows = append(w.policy.Flows, f)
	}
	for i := range w.resources {
		w.resources[i].Owners = rapid.SliceOfN(rapid.SampledFrom([]string{"carol@example.com", "bob@example.com", "alice@example.com"}), 0, 2).Draw(t, "owners")
	}
	w.policy.Owners = []flows.Ownership{{Integration: "pg", Owner: &flows.Condition{Attribute: "group", Values: []string{"dba"}}}}
	w.people = append(w.people, person("fay", "developers"))
	w.person("fay").Manager = "alice@example.com"
}

func anyQuestion(t *rapid.T, now flows.World) (flows.Question, bool) {
	name := func(what string) *flows.Person {
		p, err := now.People.ByEmail(rapid.SampledFrom([]string{"alice", "bob", "carol", "fay"}).Draw(t, what) + "@example.com")
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	q := flows.Question{Requestor: name("requestor"), Now: noon, Justification: "x", Duration: time.Duration(rapid.IntRange(0, 9).Draw(t, "hours")) * time.Hour}
	q.Grantee = q.Requestor
	if rapid.IntRange(0, 2).Draw(t, "other") == 0 {
		q.Grantee = name("grantee")
	}
	for _, id := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"db-1", "db-2", "db-3"}), 1, 3, func(s string) string { return s }).Draw(t, "units") {
		q.Units = append(q.Units, pgUnit(id, "read"))
	}
	return q, now.Evaluate(q).Allowed()
}

// demanded judges afresh, from the flow alone, whether approvals are enough: each
// approver group is a test of a person for a resource, and all ways to count
// people for groups are tried.
func demanded(now flows.World, f *flows.Flow, r *flows.Request, approvers []*flows.Person) bool {
	requestor, _ := now.People.ByEmail(r.Requestor.Email)
	owners := func(it flows.Item) []string {
		res, _ := now.Inventory.Resource(it.Integration, it.ResourceType, it.Resource)
		counts := slices.DeleteFunc(slices.Clone(res.Owners), func(e string) bool {
			return !f.Settings.RequestorMayApproveSelf && (e == r.Requestor.Email || e == r.Grantee.Email)
		})
		if len(counts) == 0 {
			for _, p := range now.People.Everybody() {
				if slices.Contains(p.Groups, "dba") && (f.Settings.RequestorMayApproveSelf || p.Email != r.Requestor.Email && p.Email != r.Grantee.Email) {
					counts = append(counts, p.Email)
				}
			}
		}
		return counts
	}
	meets := func(g flows.ApproverGroup, p *flows.Person, it flows.Item) bool {
		n := 0
		for _, c := range g.Approvers {
			ok := false
			if c.Attribute == "owner" {
				ok = slices.Contains(owners(it), p.Email)
			} else {
				status, _ := now.Meets(c, p, requestor)
				ok = status == flows.Met
			}
			if ok {
				n++
			}
		}
		return n == len(g.Approvers) || (n > 0 && g.Match == flows.MatchAny)
	}
	// filled: for every resource somebody of these.
	filled := func(g flows.ApproverGroup, by []*flows.Person) bool {
		return !slices.ContainsFunc(r.Items(), func(it flows.Item) bool {
			return !slices.ContainsFunc(by, func(p *flows.Person) bool { return meets(g, p, it) })
		})
	}
	groups := f.Approval.Groups
	if f.Approval.Mode != flows.ModeAllOf {
		return slices.ContainsFunc(groups, func(g flows.ApproverGroup) bool { return filled(g, approvers) })
	}
	if f.Approval.SamePersonMayCount {
		return !slices.ContainsFunc(groups, func(g flows.ApproverGroup) bool { return !filled(g, approvers) })
	}
	by := make([][]*flows.Person, len(groups))
	var try func(i int) bool
	try = func(i int) bool {
		if i == len(approvers) {
			for gi, g := range groups {
				if !filled(g, by[gi]) {
					return false
				}
			}
			return true
		}
		for gi := range groups {
			by[gi] = append(by[gi], approvers[i])
			if try(i + 1) {
				return true
			}
			by[gi] = by[gi][:len(by[gi])-1]
		}
		return false
	}
	return try(0)
}

// TestPolicyIsKept: whatever the policy, nothing is granted without the approvals
// that its flow demands, by the requestor or grantee, or for longer than the flow
// allows; and one deny ends it.
func TestPolicyIsKept(t *testing.T) {
	granted, denied := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		w.policy.Fallback = flows.ApproverGroup{} // who stands in for nobody is told elsewhere
		anyPolicy(rt, w)
		now := w.now()
		q, allowed := anyQuestion(rt, now)
		if !allowed {
			return
		}
		for _, d := range now.Drafts(q, now.Evaluate(q)) {
			d.ID, d.Seq = "AR-1", 1
			r, _, err := flows.Next(d, flows.Event{Kind: flows.EventSubmit, By: q.Requestor.Ref()}, noon)
			if err != nil {
				rt.Fatal(err)
			}
			f, _ := now.Catalog.Flow(r.Flow)
			if r.Indefinite || r.Duration > f.Duration.Max || r.Duration <= 0 {
				rt.Fatalf("%s is for %s, and the longest is %s", r.Flow, r.Duration, f.Duration)
			}
			var approvers []*flows.Person
			for range rapid.IntRange(0, 6).Draw(rt, "clicks") {
				p := rapid.SampledFrom(now.People.Everybody()).Draw(rt, "who")
				right, err := now.MayDecide(&r, p)
				if err != nil || r.State != flows.StatePending {
					continue
				}
				deny := rapid.IntRange(0, 5).Draw(rt, "deny") == 0
				ev := flows.Event{Kind: flows.EventApprove, By: right.By, CountsFor: right.Groups}
				if deny {
					ev.Kind = flows.EventDeny
				}
				next, _, err := flows.Next(r, ev, noon)
				if err != nil {
					continue // has approved already
				}
				if self := p.Email == r.Requestor.Email || p.Email == r.Grantee.Email; self && !f.Settings.RequestorMayApproveSelf {
					rt.Fatalf("%s decided about their own request", p.Email)
				}
				r = next
				if deny {
					if r.State != flows.StateDenied {
						rt.Fatalf("denied, and %s", r.State)
					}
					denied++
					break
				}
				approvers = append(approvers, p)
				if got, want := r.State == flows.StateApproved, demanded(now, f, &r, approvers); got != want {
					rt.Fatalf("approved %t, the flow demands %t: %+v by %v of %v %v", got, want, f.Approval, r.Decisions, r.Need.Groups, r.Need.Of)
				}
			}
			if f.Approval == nil != r.Need.Automatic || (f.Approval != nil && len(approvers) == 0 && r.State == flows.StateApproved) {
				rt.Fatalf("%s without anybody's approval", r.State)
			}
			if r.State == flows.StateApproved && f.Approval != nil {
				granted++
			}
		}
	})
	if granted == 0 || denied == 0 {
		t.Errorf("%d granted, %d denied: this proves nothing", granted, denied)
	}
}

// TestOrderDoesNotMatter: the answer is the same however people, resources and
// bundles are ordered, and in every run over the same maps.
func TestOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld()
		anyPolicy(rt, w)
		now := w.now()
		q, _ := anyQuestion(rt, now)
		say := func(now flows.World) string {
			q := q
			q.Requestor, _ = now.People.ByEmail(q.Requestor.Email)
			q.Grantee, _ = now.People.ByEmail(q.Grantee.Email)
			v := now.Evaluate(q)
			var out []string
			for _, p := range v.Parts {
				var asked []string
				for _, a := range p.Approvers.Ask() {
					asked = append(asked, a.Email+" "+a.Why+fmt.Sprint(a.Groups))
				}
				slices.Sort(asked)
				out = append(out, fmt.Sprintf("%s %v %s %v", p.Flow.Name, p.Units, p.Duration, asked))
			}
			for _, c := range v.Problems() {
				out = append(out, c.Reason)
			}
			return strings.Join(out, "\n")
		}
		want := say(now)
		w.people = rapid.Permutation(w.people).Draw(rt, "people")
		w.resources = rapid.Permutation(w.resources).Draw(rt, "resources")
		slices.Reverse(q.Units)
		if got := say(w.now()); got != want {
			rt.Fatalf("in another order:\n%s\nwant:\n%s", got, want)
		}
		byHand := flows.World{People: now.People, Inventory: now.Inventory, Catalog: now.Catalog}
		if got := say(byHand); got != want {
			rt.Fatalf("unprepared:\n%s\nwant:\n%s", got, want)
		}
	})
}
