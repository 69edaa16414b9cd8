package flows_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"apono/flows"
)

// The same cases are drawn in every run; -rapid.seed draws others, -rapid.seed=0 ever new ones.
var _ = flag.Set("rapid.seed", "1")

var (
	crew     = []flows.PersonRef{alice, bob, carol, {Email: "dan@example.com", Name: "Dan"}, {}}
	systems  = []string{"pg", "hook", "ssh", "none"}
	verdicts = []string{"", "because", "  "}
)

func anyDraft(t *rapid.T) flows.Request {
	d := draft(systems[:rapid.IntRange(1, 3).Draw(t, "systems")]...)
	d.Grantee = rapid.SampledFrom(crew[:2]).Draw(t, "grantee")
	d.Need = flows.Need{
		Automatic: rapid.Bool().Draw(t, "automatic"), Mode: rapid.SampledFrom([]flows.ModeOf{flows.ModeAnyOf, flows.ModeAllOf}).Draw(t, "mode"),
		SamePersonMayCount: rapid.Bool().Draw(t, "same"), RequireReason: rapid.Bool().Draw(t, "reason"), SelfAllowed: rapid.Bool().Draw(t, "self"),
		Groups: []string{"leads", "dba", "owners"}[:rapid.IntRange(1, 3).Draw(t, "groups")],
	}
	d.BreakGlass = rapid.Bool().Draw(t, "break glass")
	if rapid.Bool().Draw(t, "indefinite") {
		d.Indefinite, d.Duration = true, 0
	}
	return d
}

// anyEvent is one in four times anything at all, else something that often
// happens in the state.
func anyEvent(t *rapid.T, r *flows.Request) flows.Event {
	ev := wildEvent(t)
	usual := map[flows.State][]flows.EventKind{
		flows.StatePending:  {flows.EventApprove, flows.EventApprove, flows.EventApprove, flows.EventDeny, flows.EventWithdraw, flows.EventDue},
		flows.StateApproved: {flows.EventBegun, flows.EventNotBegun, flows.EventGranted, flows.EventGranted, flows.EventGrantFailed, flows.EventGrantFailed, flows.EventGone, flows.EventRevoke},
		flows.StateActive:   {flows.EventDue, flows.EventDue, flows.EventRevoke, flows.EventView, flows.EventReset, flows.EventRotated, flows.EventRotateFailed, flows.EventGone},
		flows.StateRevoking: {flows.EventGone, flows.EventGone, flows.EventDue},
	}[r.State]
	if len(usual) == 0 || rapid.IntRange(0, 3).Draw(t, "wild") == 0 {
		return ev
	}
	ev.Kind, ev.Integration = rapid.SampledFrom(usual).Draw(t, "usual"), rapid.SampledFrom(r.Groups).Draw(t, "group").Integration
	if ev.Kind == flows.EventApprove || ev.Kind == flows.EventDeny {
		ev.By, ev.Reason = rapid.SampledFrom(crew[1:4]).Draw(t, "approver"), "because"
		ev.CountsFor = []int{rapid.IntRange(0, len(r.Need.Groups)-1).Draw(t, "for")}
	}
	if ev.Kind == flows.EventWithdraw || ev.Kind == flows.EventView || ev.Kind == flows.EventReset {
		ev.By = r.Requestor
	}
	return ev
}

func wildEvent(t *rapid.T) flows.Event {
	return flows.Event{
		Kind: rapid.SampledFrom(flows.EventKinds()).Draw(t, "kind"), By: rapid.SampledFrom(crew).Draw(t, "by"),
		Reason: rapid.SampledFrom(verdicts).Draw(t, "why"), CountsFor: rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 3).Draw(t, "counts for"),
		Integration: rapid.SampledFrom(systems).Draw(t, "integration"), Problem: "It said no.",
		Access: flows.Access{
			Sealed:   rapid.SampledFrom([][]byte{nil, []byte("x")}).Draw(t, "sealed"),
			CanReset: rapid.Bool().Draw(t, "can reset"), SealedUntil: noon.Add(time.Hour),
		},
	}
}

// TestInvariants runs random events at random times and looks at every step.
func TestInvariants(t *testing.T) {
	reached := map[flows.State]int{}
	rapid.Check(t, func(t *rapid.T) {
		r, now := anyDraft(t), noon
		r, _, err := flows.Next(r, submit, now)
		if err != nil {
			t.Fatalf("submit: %v", err)
		}
		for range rapid.IntRange(5, 30).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 60, 3600, 90000}).Draw(t, "seconds")) * time.Second)
			ev := anyEvent(t, &r)
			if at, ok := r.DueAt(); ok && ev.Kind == flows.EventDue && at.After(now) {
				now = at
			}
			before := r.Clone()
			got, effects, err := flows.Next(r, ev, now)
			if diff := cmp.Diff(before, r); diff != "" {
				t.Fatalf("%s changed its argument:\n%s", ev.Kind, diff)
			}
			if err != nil {
				if diff := cmp.Diff(r, got); diff != "" || effects != nil {
					t.Fatalf("%s was refused (%v) and changed:\n%s", ev.Kind, err, diff)
				}
				continue
			}
			if ev.Kind == flows.EventNotBegun { // the one event that takes a moment back
				g, _ := r.Group(ev.Integration)
				g.BegunAt = time.Time{}
			}
			for _, problem := range stepProblems(&r, &got, effects, now) {
				t.Fatalf("%s in %s: %s", ev.Kind, r.State, problem)
			}
			r = got
			reached[r.State]++
		}
	})
	for _, s := range flows.States() {
		if reached[s] == 0 {
			t.Errorf("no run reached %s", s)
		}
	}
}

// stepProblems says what no step may ever do.
func stepProblems(from, to *flows.Request, effects []flows.Effect, now time.Time) []string {
	var out []string
	fail := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if from.State.Terminal() && from.State != to.State {
		fail("left the terminal state %s", from.State)
	}
	if to.Version != from.Version+1 {
		fail("the version goes from %d to %d", from.Version, to.Version)
	}
	if !to.ActiveAt.IsZero() && !enough(to) {
		fail("active without enough approvers: %+v for %+v", to.Decisions, to.Need)
	}
	if to.State != flows.StatePending && to.State != flows.StateDenied && to.State != flows.StateTimedOut && to.State != flows.StateWithdrawn && !enough(to) {
		fail("went on without enough approvers")
	}
	unseen := time.Duration(0) // how long a target may have held the access unseen
	for _, g := range to.Groups {
		if !g.BegunAt.IsZero() && !g.GrantedAt.IsZero() {
			unseen = max(unseen, g.GrantedAt.Sub(g.BegunAt))
		}
	}
	if !to.ActiveAt.IsZero() && !to.Indefinite && !to.EndsAt.Equal(to.ActiveAt.Add(to.Duration-unseen)) {
		fail("ends at %s, active since %s for %s less %s", to.EndsAt, to.ActiveAt, to.Duration, unseen)
	}
	if to.State == flows.StateActive && from.State == flows.StateActive && !to.EndsAt.IsZero() && from.EndsAt != to.EndsAt {
		fail("the end has moved")
	}
	for name, pair := range times(from, to) {
		if !pair[0].IsZero() && !pair[0].Equal(pair[1]) {
			fail("%s went from %s to %s", name, pair[0], pair[1])
		}
		if pair[1].Before(from.CreatedAt) && !pair[1].IsZero() {
			fail("%s is before the request was made", name)
		}
	}
	if to.State.Terminal() != (!to.EndedAt.IsZero()) {
		fail("terminal %t, ended at %s", to.State.Terminal(), to.EndedAt)
	}
	for i := range to.Groups {
		g, before := &to.Groups[i], &from.Groups[i]
		wanted := slices.Contains([]flows.GroupStatus{flows.GroupGranting, flows.GroupUndoing, flows.GroupRevoking}, g.Status)
		told := slices.ContainsFunc(effects, func(e flows.Effect) bool { return e.Kind == flows.EffectTarget && e.Integration == g.Integration })
		if wanted && g.Status != before.Status && !told {
			fail("%s became %s and nobody acts on it", g.Integration, g.Status)
		}
		if to.State.Terminal() && g.Status.MayHold() {
			fail("over, and %s may still hold access (%s)", g.Integration, g.Status)
		}
		if g.Secret == flows.SecretAvailable && to.State != flows.StateActive && to.State != flows.StateApproved {
			fail("credentials for %s outlive the access", g.Integration)
		}
	}
	return append(out, roundTrips(*to, effects)...)
}

// enough judges the approvals afresh, by trying every assignment.
func enough(r *flows.Request) bool {
	if r.Need.Automatic {
		return true
	}
	by := map[int][]string{}
	for _, d := range r.Decisions {
		if d.Verb != flows.VerbApprove {
			continue
		}
		if !r.Need.SelfAllowed && (d.By.Email == r.Requestor.Email || d.By.Email == r.Grantee.Email) {
			return false
		}
		for _, g := range d.Groups {
			by[g] = append(by[g], d.By.Email)
		}
	}
	if r.Need.Mode != flows.ModeAllOf {
		return len(by) > 0
	}
	var try func(g int, used []string) bool
	try = func(g int, used []string) bool {
		if g == len(r.Need.Groups) {
			return true
		}
		return slices.ContainsFunc(by[g], func(who string) bool {
			return (r.Need.SamePersonMayCount || !slices.Contains(used, who)) && try(g+1, append(slices.Clone(used), who))
		})
	}
	return try(0, nil)
}

// times of the request and its groups that are set once. SecretUntil is a plan
// that new credentials change, and not among them.
func times(from, to *flows.Request) map[string][2]time.Time {
	out := map[string][2]time.Time{}
	pick := func(prefix string, a, b any) {
		x, y := reflect.ValueOf(a), reflect.ValueOf(b)
		for i := range x.NumField() {
			name := x.Type().Field(i).Name
			if before, ok := reflect.TypeAssert[time.Time](x.Field(i)); ok && name != "SecretUntil" && name != "ChaseAt" {
				out[prefix+name] = [2]time.Time{before, y.Field(i).Interface().(time.Time)}
			}
		}
	}
	pick("", *from, *to)
	for i := range to.Groups {
		pick(to.Groups[i].Integration+".", from.Groups[i], to.Groups[i])
	}
	return out
}

func roundTrips(r flows.Request, effects []flows.Effect) []string {
	var out []string
	check := func(v, into any) {
		raw, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(raw, into)
		}
		if err != nil {
			out = append(out, err.Error())
		}
		if diff := cmp.Diff(v, reflect.ValueOf(into).Elem().Interface()); diff != "" {
			out = append(out, "does not survive JSON:\n"+diff)
		}
	}
	check(r, new(flows.Request))
	for _, e := range effects {
		if e.Fact != nil {
			check(*e.Fact, new(flows.Fact))
		}
		if e.Kind == flows.EffectPost || e.Kind == flows.EffectTarget {
			check(e, new(flows.Effect))
		}
	}
	return out
}
