package flows_test

import (
	"slices"
	"testing"
	"time"

	"apono/flows"
)

// TestRemind: once for each tier, and only those whose approval is still needed.
func TestRemind(t *testing.T) {
	r := draft("pg")
	r.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	dan := flows.PersonRef{Email: "dan@example.com", Name: "Dan"}
	r.Asked = append(r.Asked, flows.Asked{PersonRef: dan, Groups: []int{0}}, flows.Asked{PersonRef: carol, Groups: []int{1}})
	r = play(t, r, submit, approve)
	r, effects := next(t, r, due, noon.Add(12*time.Hour))
	if len(r.Reminders) != 1 || !slices.Equal(r.Reminders[0].To, []string{carol.Email}) || len(facts(effects)) != 0 {
		t.Errorf("reminded %+v", r.Reminders)
	}
	n := 0
	for _, k := range r.Posts() {
		if k.Topic == flows.TopicReminder {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d reminders", n)
	}
	if _, _, err := flows.Next(r, due, noon.Add(23*time.Hour)); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("reminded again: %v", err)
	}
}

// TestUnreached: who cannot be written to is silent at once. Only where the others are
// not enough does the next tier not wait.
func TestUnreached(t *testing.T) {
	lose := func(p flows.PersonRef) flows.Event { return flows.Event{Kind: flows.EventUnreached, By: p} }
	r := draft("pg")
	r.Need.Tiers, r.Need.TierEvery, r.Need.Fallback = 1, 30*time.Minute, true
	r.Asked = append(r.Asked, flows.Asked{PersonRef: carol, Groups: []int{0}})
	r = play(t, r, submit)
	r, _ = next(t, r, lose(bob), noon.Add(time.Second))
	if at, _ := r.DueAt(); r.Silent() || !r.WithinReach() || !at.Equal(noon.Add(15*time.Minute)) {
		t.Errorf("Carol is still there, and it is due at %s", at)
	}
	if _, _, err := flows.Next(r, lose(bob), noon.Add(2*time.Second)); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("told twice: %v", err)
	}
	r, _ = next(t, r, lose(carol), noon.Add(2*time.Second))
	if at, _ := r.DueAt(); !r.Silent() || !at.Equal(noon.Add(2*time.Second)) {
		t.Errorf("nobody is there, and it is due at %s", at)
	}
	dan := flows.Asked{PersonRef: flows.PersonRef{Email: "dan@example.com", Name: "Dan"}, Groups: []int{0}, Tier: 1}
	r, effects := next(t, r, flows.Event{Kind: flows.EventDue, Tier: 1, Ask: []flows.Asked{dan}}, noon.Add(3*time.Second))
	if f := effects[0].Fact; f.Text != "Not enough of those who were asked can be reached; asked now: Dan." || r.Silent() {
		t.Errorf("%+v", f)
	}
	r, _ = next(t, r, lose(dan.PersonRef), noon.Add(4*time.Second))
	if at, _ := r.DueAt(); !at.Equal(noon.Add(4 * time.Second)) {
		t.Errorf("the fallback approvers are due at %s", at)
	}
	r, _ = next(t, r, flows.Event{Kind: flows.EventDue, Tier: 2}, noon.Add(5*time.Second))
	if at, _ := r.DueAt(); at.Before(noon.Add(time.Hour)) {
		t.Errorf("nobody is left to be asked, and it is due at %s", at)
	}
}
