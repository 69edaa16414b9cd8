package flows_test

import (
	"slices"
	"testing"
	"time"

	"apono/flows"
)

// glassWorld lets developers break the glass for what their manager has to
// approve otherwise.
func glassWorld() *world {
	w := newWorld()
	w.flow().Approval, w.flow().Settings = nil, flows.Settings{BreakGlass: true, JustificationRequired: true}
	return w
}

func told(effects []flows.Effect) []flows.FactKind {
	var out []flows.FactKind
	for _, e := range effects {
		if e.Fact != nil && e.Fact.Kind.Told() {
			out = append(out, e.Fact.Kind)
		}
	}
	return out
}

// TestBreakGlass: granted at once without a justification, told in the audit
// channel at every step, and explained afterwards.
func TestBreakGlass(t *testing.T) {
	now := glassWorld().now()
	q := ask(t, now, "alice", pgUnit("db-1", "read"))
	r := submitted(t, now, q)
	if r.State != flows.StateApproved || !r.BreakGlass || !r.ExplainBy.Equal(r.CreatedAt.Add(24*time.Hour)) {
		t.Fatalf("%s, %t, explained by %s", r.State, r.BreakGlass, r.ExplainBy)
	}
	r = play(t, r, granted("pg"))
	explainMessages := func() int {
		n := 0
		for _, k := range r.Posts() {
			if _, ok := k.Topic.Explain(); ok {
				n++
			}
		}
		return n
	}
	apply := func(ev flows.Event, at time.Time) ([]flows.FactKind, error) {
		t.Helper()
		next, effects, err := flows.Next(r, ev, at)
		if err == nil {
			r = next
		}
		return told(effects), err
	}
	if explainMessages() != 1 {
		t.Errorf("asked %d times", explainMessages())
	}
	// The access ends on time, closed early or not; the explanation is still due.
	if _, err := apply(revoke, r.ActiveAt.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, err := apply(gone("pg"), r.ActiveAt.Add(2*time.Minute)); err != nil || r.State != flows.StateRevoked {
		t.Fatal(err, r.State)
	}
	if due, ok := r.DueAt(); !ok || !due.Equal(r.ExplainBy) {
		t.Errorf("due at %s, %t", due, ok)
	}
	_, err := apply(due, r.ExplainBy.Add(-time.Second))
	wantCode(t, err, flows.CodeLate, "Nothing is due for AR-1.")
	for day := range 3 {
		at := r.ExplainBy.Add(time.Duration(day) * 24 * time.Hour)
		if facts, err := apply(due, at); err != nil || !slices.Equal(facts, []flows.FactKind{flows.FactUnexplained}) || r.Chased != day+1 || explainMessages() != day+2 {
			t.Fatalf("day %d: %v %v, chased %d, asked %d times", day, facts, err, r.Chased, explainMessages())
		}
		_, err = apply(due, at)
		wantCode(t, err, flows.CodeLate, "Nothing is due for AR-1.")
	}
	// Days on which the bot was away are not made up for.
	if facts, err := apply(due, r.ExplainBy.Add(10*24*time.Hour)); err != nil || len(facts) != 1 || explainMessages() != 5 {
		t.Errorf("%v %v, asked %d times", facts, err, explainMessages())
	}
	for _, tt := range []struct {
		ev   flows.Event
		code flows.Code
		want string
	}{
		{flows.Event{By: bob, Reason: "x"}, flows.CodeForbidden, "Only alice can explain AR-1."},
		{flows.Event{By: alice, Reason: " "}, flows.CodeInvalid, "Please say what happened and what you did."},
		{flows.Event{By: alice, Reason: string(make([]byte, flows.MaxReason+1))}, flows.CodeInvalid, "The explanation is longer than 2000 characters."},
	} {
		tt.ev.Kind = flows.EventExplain
		_, err := apply(tt.ev, noon.Add(500*time.Hour))
		wantCode(t, err, tt.code, tt.want)
	}
	facts, err := apply(flows.Event{Kind: flows.EventExplain, By: alice, Reason: "the site was down"}, noon.Add(500*time.Hour))
	if err != nil || !slices.Equal(facts, []flows.FactKind{flows.FactExplained}) || r.Explanation != "the site was down" || r.State != flows.StateRevoked {
		t.Errorf("%v %v %+v", facts, err, r)
	}
	if _, ok := r.DueAt(); ok {
		t.Error("something is due after the explanation")
	}
	_, err = apply(flows.Event{Kind: flows.EventExplain, By: alice, Reason: "again"}, noon.Add(501*time.Hour))
	wantCode(t, err, flows.CodeLate, "AR-1 was explained already.")
}

// TestBreakGlass_Nothing: what was never granted needs no explanation, nor does
// an ordinary request; and a draft cannot break the glass of a flow with approvers.
func TestBreakGlass_Nothing(t *testing.T) {
	now := glassWorld().now()
	r := play(t, submitted(t, now, ask(t, now, "alice", pgUnit("db-1", "read"))), grantFailed("pg"), gone("pg"))
	if at, ok := r.DueAt(); ok || r.Explains() {
		t.Errorf("due at %s, explains %t", at, r.Explains())
	}
	ordinary := play(t, draft("pg"), submit, approve, granted("pg"))
	_, _, err := flows.Next(ordinary, flows.Event{Kind: flows.EventExplain, By: alice, Reason: "x"}, noon)
	wantCode(t, err, flows.CodeRefused, "AR-1 needs no explanation.")
	d := draft("pg")
	d.BreakGlass = true
	if r := play(t, d, submit); r.State != flows.StatePending || r.BreakGlass {
		t.Errorf("%s, break glass %t", r.State, r.BreakGlass)
	}
}
