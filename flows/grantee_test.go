package flows_test

import (
	"strings"
	"testing"

	"apono/flows"
)

// TestRequestFor: themselves, people who meet conditions, and those who report to
// them; everybody else is refused.
func TestRequestFor(t *testing.T) {
	developers := flows.Conditions{Conditions: conds(is("group", "developers"))}
	for _, tt := range []struct {
		name        string
		f           *flows.RequestFor
		by, grantee string
		want        string // "": allowed
	}{
		{"by default for themselves", nil, "alice", "alice", ""},
		{"by default for nobody else", nil, "alice", "bob", "No access flow lets you ask for bob at the moment: people may ask for themselves only."},
		{"self", &flows.RequestFor{Self: true}, "alice", "alice", ""},
		{"others, and not themselves", &flows.RequestFor{Others: true, Grantees: developers}, "alice", "alice", "No access flow lets you ask for yourself at the moment: people may ask for others only."},
		{"others who meet the conditions", &flows.RequestFor{Others: true, Grantees: developers}, "alice", "ann", ""},
		{"others who do not", &flows.RequestFor{Others: true, Grantees: developers}, "alice", "carol", "No access flow lets you ask for carol at the moment: the grantee must be in the group developers."},
		{"others without conditions", &flows.RequestFor{Others: true}, "alice", "ann", "No access flow lets you ask for ann at the moment: the grantee must be named by conditions, and there are none."},
		{"reports", &flows.RequestFor{DirectReports: true}, "alice", "ann", ""},
		{"no report", &flows.RequestFor{DirectReports: true}, "alice", "bob", "No access flow lets you ask for bob at the moment: the grantee must report to the requestor."},
		{"the manager is no report", &flows.RequestFor{DirectReports: true}, "ann", "alice", "No access flow lets you ask for alice at the moment: the grantee must report to the requestor."},
		{"somebody deactivated", &flows.RequestFor{DirectReports: true, Others: true, Grantees: developers}, "alice", "gone", "A deactivated person cannot ask for or get access."},
		{"either", &flows.RequestFor{DirectReports: true, Others: true, Grantees: flows.Conditions{Conditions: conds(is("group", "dba"))}}, "alice", "ann", ""},
		{"who may not ask at all", &flows.RequestFor{Others: true, Grantees: developers}, "carol", "ann", "No access flow lets you ask for anything at the moment."},
	} {
		w := newWorld()
		ann, gone := person("ann", "developers"), person("gone", "developers")
		ann.Manager, gone.Manager, gone.Disabled = "alice@example.com", "alice@example.com", true
		w.people = append(w.people, ann, gone)
		w.flow().RequestFor = tt.f
		now := w.now()
		q := ask(t, now, tt.by, pgUnit("db-1", "read"))
		q.Grantee = who(t, now, tt.grantee)
		q.Justification = "x"
		got := ""
		for _, c := range now.Evaluate(q).Problems() {
			got += c.Reason
		}
		// Ann's own manager is Alice, so nobody but Alice can approve for her.
		if tt.by == "ann" {
			got = strings.TrimSuffix(got, "x")
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		offered := !now.OfferTo(q.Requestor, q.Grantee, noon).Empty()
		if offered != (tt.want == "") {
			t.Errorf("%s: offered %t", tt.name, offered)
		}
	}
}

// TestGrantees: who is listed in the form, best first, and whether the question
// is asked at all.
func TestGrantees(t *testing.T) {
	w := newWorld()
	ann, zoe := person("ann"), person("zoe-ann", "developers")
	ann.Manager = "alice@example.com"
	w.people = append(w.people, ann, zoe)
	list := func(by, query string, limit int) string {
		now := w.now()
		o := now.OfferTo(who(t, now, by), nil, noon)
		var names []string
		for _, p := range o.Grantees(query, limit) {
			names = append(names, p.Name)
		}
		if limit == 0 && query == "" && o.ForOthers() != (len(names) > 0) {
			t.Errorf("%s: for others %t, and there are %v", by, o.ForOthers(), names)
		}
		return strings.Join(names, " ")
	}
	if got := list("alice", "", 0); got != "" {
		t.Errorf("a flow for oneself lists %s", got)
	}
	w.flow().RequestFor = &flows.RequestFor{DirectReports: true, Others: true, Grantees: flows.Conditions{Conditions: conds(is("group", "developers"))}}
	for _, tt := range []struct {
		by, query string
		limit     int
		want      string
	}{
		{"alice", "", 0, "ann zoe-ann"},
		{"alice", "ANN", 0, "ann zoe-ann"},
		{"alice", "zoe", 0, "zoe-ann"},
		{"alice", "", 1, "ann"},
		{"alice", "@example", 0, "ann zoe-ann"},
		{"alice", "alice", 0, ""},
		{"zoe-ann", "", 0, "alice"},
		{"carol", "", 0, ""},
	} {
		if got := list(tt.by, tt.query, tt.limit); got != tt.want {
			t.Errorf("%s looks for %q: %q, want %q", tt.by, tt.query, got, tt.want)
		}
	}
}

// TestForSomebodyElse follows a request for somebody else through its life:
// neither of the two can approve it, and who may ask for whom is judged again at
// the click.
func TestForSomebodyElse(t *testing.T) {
	w := newWorld()
	dora := person("dora", "developers", "dba")
	w.people = append(w.people, dora)
	w.flow().RequestFor = &flows.RequestFor{Others: true, Grantees: flows.Conditions{Conditions: conds(is("group", "developers"))}}
	w.flow().Approval = &flows.Approval{Groups: []flows.ApproverGroup{approverGroup(is("group", "dba"))}}
	now := w.now()
	q := ask(t, now, "alice", pgUnit("db-1", "read"))
	q.Grantee = who(t, now, "dora")
	r := submitted(t, now, q)
	if r.Requestor.Email != "alice@example.com" || r.Grantee.Email != "dora@example.com" {
		t.Fatalf("%+v for %+v", r.Requestor, r.Grantee)
	}
	for _, a := range r.Asked {
		if a.Email == "dora@example.com" || a.Email == "alice@example.com" {
			t.Errorf("%s is asked about their own request", a.Email)
		}
	}
	for _, name := range []string{"dora", "alice", "bob"} {
		_, err := now.MayDecide(&r, who(t, now, name))
		wantCode(t, err, flows.CodeForbidden, "You are not an approver of AR-1.")
	}
	if _, err := now.MayDecide(&r, who(t, now, "carol")); err != nil {
		t.Errorf("carol cannot decide: %v", err)
	}
	_, _, err := flows.Next(r, flows.Event{Kind: flows.EventApprove, By: who(t, now, "dora").Ref(), CountsFor: []int{0}}, noon)
	wantCode(t, err, flows.CodeForbidden, "You cannot decide on your own request.")
	w.person("dora").Groups = []string{"dba"}
	now = w.now()
	_, err = now.MayDecide(&r, who(t, now, "carol"))
	wantCode(t, err, flows.CodeRefused, "alice may not ask for dora under the access flow read any more, so AR-1 cannot be approved.")
	// What was granted meanwhile ends.
	active := play(t, r, flows.Event{Kind: flows.EventApprove, By: carol, CountsFor: []int{0}}, granted("pg"))
	loss, lost := now.Lost(&active, true)
	if want := "alice may not ask for dora under the access flow read any more."; !lost || loss.Cause != want || !loss.People {
		t.Errorf("%t %+v, want %s", lost, loss, want)
	}
}
