package flows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// waitingForMore is Alice's access until noon + 8h, of which more was asked for at noon
// + 10m: of Bob, then after two hours of Carol, then after four of the fallback
// approvers, until noon + 6h10m.
func waitingForMore(t *testing.T) flows.Request {
	t.Helper()
	r := draft("pg")
	r.MaxExtensions, r.Duration = 2, 8*time.Hour
	r = play(t, r, submit, approve, granted("pg"))
	ask := extend(false)
	ask.Extend.Need.Tiers, ask.Extend.Need.TierEvery, ask.Extend.Need.Fallback = 1, 2*time.Hour, true
	ask.Extend.Waiting.Until = noon.Add(6*time.Hour + 10*time.Minute)
	r, _ = next(t, r, ask, noon.Add(10*time.Minute))
	return r
}

func dueAt(t *testing.T, r flows.Request, want time.Duration) time.Time {
	t.Helper()
	at, ok := r.DueAt()
	if !ok || !at.Equal(noon.Add(want)) {
		t.Fatalf("it is due at %s, want %s", at.Sub(noon), want)
	}
	return at
}

func postsOf(r flows.Request, topics ...flows.Topic) (out []string) {
	for _, k := range r.Posts() {
		if slices.Contains(topics, k.Topic) {
			out = append(out, k.String())
		}
	}
	return out
}

// TestSilenceAboutMoreTime: an extension that nobody decides on goes the way of a
// request that nobody decides on, and the access goes on meanwhile.
func TestSilenceAboutMoreTime(t *testing.T) {
	r := waitingForMore(t)
	// Halfway to the first tier Bob is reminded.
	r, effects := next(t, r, due, dueAt(t, r, 70*time.Minute))
	if got := postsOf(r, flows.TopicExtensionReminder, flows.TopicReminder); !slices.Equal(got, []string{"AR-1/approver/bob@example.com/extension_reminder/1.1"}) || len(facts(effects)) != 0 {
		t.Errorf("reminded %v, facts %v", got, facts(effects))
	}
	// Then Carol is asked, and then the fallback approvers.
	tier := func(n int, p flows.PersonRef) flows.Event {
		return flows.Event{Kind: flows.EventDue, Tier: n, Ask: []flows.Asked{{PersonRef: p, Groups: []int{0}, Why: "Nobody decided in time.", Tier: n}}}
	}
	r, effects = next(t, r, tier(1, carol), dueAt(t, r, 130*time.Minute))
	if diff := cmp.Diff([]flows.FactKind{flows.FactEscalated}, facts(effects)); diff != "" {
		t.Error(diff)
	}
	if got := postsOf(r, flows.TopicExtension); len(got) != 2 || r.Escalated != 0 {
		t.Errorf("asked %v, the request itself is at tier %d", got, r.Escalated)
	}
	r, _ = next(t, r, due, dueAt(t, r, 190*time.Minute))
	dan := flows.PersonRef{Email: "dan@example.com", Name: "Dan"}
	r, _ = next(t, r, tier(2, dan), dueAt(t, r, 250*time.Minute))
	r, _ = next(t, r, due, dueAt(t, r, 310*time.Minute))
	if got := postsOf(r, flows.TopicExtensionReminder); len(got) != 1+2+3 {
		t.Errorf("reminded %v", got)
	}
	// Whoever was asked later can decide as well as Bob.
	if approved, _ := next(t, r, onExtension(flows.EventApprove, dan, 1, ""), noon.Add(5*time.Hour)); approved.Extensions[0].State != flows.ExtensionGranted {
		t.Errorf("Dan's approval leaves it %s", approved.Extensions[0].State)
	}
	// In the end it times out, the requester is told, and can ask again.
	r, effects = next(t, r, due, dueAt(t, r, 370*time.Minute))
	if r.State != flows.StateActive || r.Extensions[0].State != flows.ExtensionTimedOut || !r.Extendable(noon.Add(7*time.Hour)) {
		t.Errorf("%s, the extension is %s", r.State, r.Extensions[0].State)
	}
	if diff := cmp.Diff([]flows.FactKind{flows.FactExtensionDenied}, facts(effects)); diff != "" {
		t.Error(diff)
	}
	if got := postsOf(r, flows.TopicNotExtended); !slices.Equal(got, []string{"AR-1/requester/alice@example.com/not_extended/1"}) {
		t.Errorf("the requester is told %v", got)
	}
	_, _, err := flows.Next(r, onExtension(flows.EventApprove, bob, 1, ""), noon.Add(7*time.Hour))
	if flows.ErrorCode(err) != flows.CodeLate || flows.ErrorMessage(err) != "The extension of AR-1 timed out: nobody decided in time." {
		t.Errorf("a late approval: %v", err)
	}
}

// TestMoreTimeEndsWithTheAccess where that ends before the time-out.
func TestMoreTimeEndsWithTheAccess(t *testing.T) {
	r := live(t)
	ask := extend(false)
	ask.Extend.Waiting.Until = noon.Add(24 * time.Hour)
	r, _ = next(t, r, ask, noon.Add(10*time.Minute))
	v, _ := r.ExtensionView(1)
	if !v.PendingUntil.Equal(r.EndsAt) {
		t.Errorf("it waits until %s", v.PendingUntil)
	}
	r, _ = next(t, r, due, noon.Add(62*time.Minute).Add(-time.Minute)) // reminder, and that the end is near
	r, _ = next(t, r, due, r.EndsAt)
	if r.State != flows.StateRevoking || r.Extensions[0].State != flows.ExtensionLapsed {
		t.Errorf("%s, the extension is %s", r.State, r.Extensions[0].State)
	}
}

// TestNobodyThereForMoreTime: an approver whom no platform delivers to is silent at
// once, of an extension too.
func TestNobodyThereForMoreTime(t *testing.T) {
	r := waitingForMore(t)
	lose := func(p flows.PersonRef, n int) flows.Event {
		return flows.Event{Kind: flows.EventUnreached, By: p, Extension: n}
	}
	for name, ev := range map[string]flows.Event{"of another extension": lose(bob, 2), "of the request": lose(bob, 0), "of somebody else": lose(carol, 1)} {
		if _, _, err := flows.Next(r, ev, noon.Add(11*time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, _ = next(t, r, lose(bob, 1), noon.Add(11*time.Minute))
	dueAt(t, r, 11*time.Minute)
	r, _ = next(t, r, flows.Event{Kind: flows.EventDue, Tier: 1, Ask: []flows.Asked{{PersonRef: carol, Groups: []int{0}}}}, noon.Add(11*time.Minute))
	if got := postsOf(r, flows.TopicExtension); len(got) != 2 {
		t.Errorf("asked %v", got)
	}
}
