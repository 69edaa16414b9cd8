package flows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// extend asks for half an hour more of a flow that allows it twice.
func extend(automatic bool) flows.Event {
	e := &flows.Extension{For: 30 * time.Minute, Need: flows.Need{Automatic: automatic}}
	if !automatic {
		e.Need = flows.Need{Mode: flows.ModeAnyOf, Groups: []string{"leads"}}
		e.Asked = []flows.Asked{{PersonRef: bob, Groups: []int{0}, Why: "You are in the group leads."}}
	}
	return flows.Event{Kind: flows.EventExtend, By: alice, Extend: e, Most: 2, Reason: "The restore still runs."}
}

func onExtension(kind flows.EventKind, by flows.PersonRef, n int, reason string) flows.Event {
	return flows.Event{Kind: kind, By: by, CountsFor: []int{0}, Why: "You are in the group leads.", Extension: n, Reason: reason}
}

// live is Alice's access from noon + 2m to noon + 62m.
func live(t *testing.T) flows.Request {
	t.Helper()
	r := draft("pg", "hook")
	r.MaxExtensions = 2
	r = play(t, r, submit, approve, granted("pg"), granted("hook"))
	return r
}

// TestExtend: the end moves, targets are told, and the access is never out of
// `active`; twice, and no third time.
func TestExtend(t *testing.T) {
	r := live(t)
	end := r.EndsAt
	for n := 1; n <= 2; n++ {
		if !r.Extendable(end.Add(-time.Second)) {
			t.Fatalf("cannot be extended for the %d. time", n)
		}
		var effects []flows.Effect
		r, effects = next(t, r, extend(true), noon.Add(10*time.Minute))
		if want := end.Add(time.Duration(n) * 30 * time.Minute); r.State != flows.StateActive || !r.EndsAt.Equal(want) {
			t.Fatalf("%s until %s; want active until %s", r.State, r.EndsAt, want)
		}
		if diff := cmp.Diff([]string{"pg", "hook"}, targets(effects)); diff != "" {
			t.Errorf("targets (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]flows.FactKind{flows.FactExtended}, facts(effects)); diff != "" {
			t.Errorf("facts (-want +got):\n%s", diff)
		}
		for _, name := range []string{"pg", "hook"} {
			r, _ = next(t, r, flows.Event{Kind: flows.EventProlonged, Integration: name}, noon.Add(10*time.Minute))
		}
	}
	if r.Extendable(noon) {
		t.Error("a third extension is offered")
	}
	if _, _, err := flows.Next(r, extend(true), noon.Add(11*time.Minute)); flows.ErrorCode(err) != flows.CodeRefused {
		t.Errorf("a third extension: %v", err)
	}
	if _, _, err := flows.Next(r, due, end); flows.ErrorCode(err) == "" {
		if got, _ := next(t, r, due, end); got.State != flows.StateActive {
			t.Errorf("at its first end it is %s", got.State)
		}
	}
	if got, _ := next(t, r, due, r.EndsAt); got.State != flows.StateRevoking {
		t.Errorf("at its last end it is %s", got.State)
	}
}

// TestOnePressExtendsOnce: a button stands for one extension.
func TestOnePressExtendsOnce(t *testing.T) {
	press := extend(true)
	press.Extension = 1
	r, _ := next(t, live(t), press, noon.Add(10*time.Minute))
	_, _, err := flows.Next(r, press, noon.Add(10*time.Minute))
	if flows.ErrorCode(err) != flows.CodeLate || flows.ErrorMessage(err) != "The extension of AR-1 was already approved automatically." {
		t.Errorf("the second press: %v", err)
	}
}

// TestExtendAsks: more time needs the approvers of the flow, and takes nothing away
// while it waits.
func TestExtendAsks(t *testing.T) {
	r, effects := next(t, live(t), extend(false), noon.Add(10*time.Minute))
	end := r.EndsAt
	if len(targets(effects)) != 0 || r.OpenExtension() != 1 || r.State != flows.StateActive {
		t.Fatalf("asked: %s, open %d, acts on %v", r.State, r.OpenExtension(), targets(effects))
	}
	if _, _, err := flows.Next(r, extend(false), noon.Add(11*time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("asked twice: %v", err)
	}
	for _, tt := range []struct {
		name string
		ev   flows.Event
		at   time.Time
		code flows.Code
	}{
		{"the requester herself", onExtension(flows.EventApprove, alice, 1, ""), noon.Add(12 * time.Minute), flows.CodeForbidden},
		{"another extension", onExtension(flows.EventApprove, bob, 2, ""), noon.Add(12 * time.Minute), flows.CodeLate},
		{"the request itself", onExtension(flows.EventApprove, bob, 0, ""), noon.Add(12 * time.Minute), flows.CodeLate},
		{"a moment too late", onExtension(flows.EventApprove, bob, 1, ""), end, flows.CodeLate},
	} {
		if got, _, err := flows.Next(r, tt.ev, tt.at); flows.ErrorCode(err) != tt.code || !got.EndsAt.Equal(end) {
			t.Errorf("%s: %v, until %s; want code %q", tt.name, err, got.EndsAt, tt.code)
		}
	}
	yes, effects := next(t, r, onExtension(flows.EventApprove, bob, 1, "Take your time."), end.Add(-1))
	if !yes.EndsAt.Equal(end.Add(30*time.Minute)) || len(targets(effects)) != 2 {
		t.Errorf("approved: until %s, acts on %v", yes.EndsAt, targets(effects))
	}
	no, effects := next(t, r, onExtension(flows.EventDeny, bob, 1, "Enough."), noon.Add(12*time.Minute))
	if !no.EndsAt.Equal(end) || no.State != flows.StateActive || no.Extended() != 0 || len(targets(effects)) != 0 {
		t.Errorf("denied: %s until %s", no.State, no.EndsAt)
	}
	if _, _, err := flows.Next(no, onExtension(flows.EventApprove, bob, 1, ""), noon.Add(13*time.Minute)); flows.ErrorMessage(err) != "The extension of AR-1 was already denied by you." {
		t.Errorf("approved after it was denied: %v", err)
	}
	over, _ := next(t, r, due, end)
	if over.Extensions[0].State != flows.ExtensionLapsed {
		t.Errorf("ended undecided: %+v", over.Extensions[0])
	}
	if r.Extensions[0].State != flows.ExtensionAsked || len(r.Extensions[0].Decisions) != 0 {
		t.Errorf("Next has changed its argument: %+v", r.Extensions[0])
	}
}

// TestExtendNeedsAllOf: what the flow needs for the request, it needs for more time.
func TestExtendNeedsAllOf(t *testing.T) {
	ask := extend(false)
	ask.Extend.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	ask.Extend.Asked = append(ask.Extend.Asked, flows.Asked{PersonRef: carol, Groups: []int{1}, Why: "You are in the group dba."})
	r, _ := next(t, live(t), ask, noon.Add(10*time.Minute))
	end := r.EndsAt
	r, _ = next(t, r, onExtension(flows.EventApprove, bob, 1, ""), noon.Add(11*time.Minute))
	if !r.EndsAt.Equal(end) {
		t.Fatal("one of two was enough")
	}
	if _, _, err := flows.Next(r, onExtension(flows.EventApprove, bob, 1, ""), noon.Add(11*time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("approved twice by Bob: %v", err)
	}
	also := onExtension(flows.EventApprove, carol, 1, "")
	also.CountsFor = []int{1}
	if r, _ = next(t, r, also, noon.Add(12*time.Minute)); !r.EndsAt.Equal(end.Add(30 * time.Minute)) {
		t.Errorf("both approved, and it ends %s", r.EndsAt)
	}
}

// TestExtendAtTheTarget: new credentials and a later end can be wanted at once, and
// a target that refuses the end is told of.
func TestExtendAtTheTarget(t *testing.T) {
	reset := flows.Event{Kind: flows.EventReset, By: alice, Integration: "pg"}
	r, _ := next(t, live(t), extend(true), noon.Add(10*time.Minute))
	r, _ = next(t, r, reset, noon.Add(10*time.Minute))
	r, effects := next(t, r, flows.Event{Kind: flows.EventProlonged, Integration: "pg"}, noon.Add(11*time.Minute))
	if diff := cmp.Diff([]string{"pg"}, targets(effects)); diff != "" || !r.Groups[0].Resetting || r.Groups[0].Extending {
		t.Errorf("the reset is forgotten: %+v (-want +got):\n%s", r.Groups[0], diff)
	}
	r, effects = next(t, r, flows.Event{Kind: flows.EventExtendFailed, Integration: "hook", Problem: "It said no."}, noon.Add(11*time.Minute))
	if g := r.Groups[1]; g.Extending || g.ExtendProblem != "It said no." || g.Status != flows.GroupGranted {
		t.Errorf("refused: %+v", g)
	}
	if diff := cmp.Diff([]flows.FactKind{flows.FactAccessGroup}, facts(effects)); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	if _, _, err := flows.Next(r, flows.Event{Kind: flows.EventProlonged, Integration: "hook"}, noon.Add(12*time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("prolonged though nobody waits: %v", err)
	}
}

// TestEndsSoon: once for each end, at stored times, and never for an end that has
// moved or come.
func TestEndsSoon(t *testing.T) {
	warned := func(r flows.Request) (n int) {
		for _, k := range r.Posts() {
			if k.Topic == flows.TopicEndingSoon {
				n++
			}
		}
		return n
	}
	r := live(t)
	end := r.EndsAt
	at, ok := r.EndsSoonAt()
	if want := end.Add(-15 * time.Minute); !ok || !at.Equal(want) {
		t.Fatalf("of an hour: %s, want %s", at, want)
	}
	if _, _, err := flows.Next(r, due, at.Add(-1)); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("told too early: %v", err)
	}
	told, effects := next(t, r, due, at)
	if warned(told) != 1 || told.State != flows.StateActive || len(facts(effects)) != 0 {
		t.Errorf("told %d times, %s, facts %v", warned(told), told.State, facts(effects))
	}
	if _, _, err := flows.Next(told, due, at.Add(time.Minute)); flows.ErrorCode(err) != flows.CodeLate {
		t.Errorf("told twice: %v", err)
	}
	if over, _ := next(t, r, due, end); warned(over) != 0 {
		t.Error("told of an end that has come")
	}
	early, _ := next(t, r, extend(true), noon.Add(10*time.Minute))
	if again, _ := early.EndsSoonAt(); !again.Equal(end.Add(15 * time.Minute)) {
		t.Errorf("extended before: told at %s", again)
	}
	late, _ := next(t, told, extend(true), end.Add(-time.Minute))
	again, _ := late.EndsSoonAt()
	if want := end.Add(30*time.Minute - 31*time.Minute/5); !again.Equal(want) {
		t.Errorf("extended at the last minute: told at %s, want %s", again, want)
	}
	if late, _ = next(t, late, due, again); warned(late) != 2 {
		t.Errorf("told %d times of two ends", warned(late))
	}
	short := draft("pg")
	short.Duration = 10 * time.Minute
	short = play(t, short, submit, approve, granted("pg"))
	if at, _ := short.EndsSoonAt(); !at.Equal(short.ActiveAt.Add(8 * time.Minute)) {
		t.Errorf("of ten minutes: after %s", at.Sub(short.ActiveAt))
	}
	forever := draft("pg")
	forever.Duration, forever.Indefinite = 0, true
	if forever = play(t, forever, submit, approve, granted("pg")); warned(forever) != 0 {
		t.Error("what has no end ends soon")
	}
}

// TestLaterPostsInOrder: messages about the end come in the order of what happened.
func TestLaterPostsInOrder(t *testing.T) {
	r := live(t)
	r, _ = next(t, r, due, r.EndsAt.Add(-15*time.Minute))
	r, _ = next(t, r, extend(false), r.EndsAt.Add(-14*time.Minute))
	r, _ = next(t, r, onExtension(flows.EventDeny, bob, 1, ""), r.EndsAt.Add(-13*time.Minute))
	r, _ = next(t, r, extend(true), r.EndsAt.Add(-12*time.Minute))
	at, _ := r.EndsSoonAt()
	r, _ = next(t, r, due, at)
	var got []string
	for _, k := range r.Posts() {
		if k.N != "" {
			got = append(got, k.String())
		}
	}
	want := []string{
		"AR-1/approver/bob@example.com/extension/1", "AR-1/requester/alice@example.com/not_extended/1",
		"AR-1/requester/alice@example.com/ending_soon/1", "AR-1/requester/alice@example.com/extended/2",
		"AR-1/requester/alice@example.com/ending_soon/2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("posts (-want +got):\n%s", diff)
	}
}
