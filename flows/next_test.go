package flows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

func next(t *testing.T, r flows.Request, ev flows.Event, at time.Time) (flows.Request, []flows.Effect) {
	t.Helper()
	got, effects, err := flows.Next(r, ev, at)
	if err != nil {
		t.Fatalf("%s in %s: %v", ev.Kind, r.State, err)
	}
	return got, effects
}

func facts(effects []flows.Effect) []flows.FactKind {
	var out []flows.FactKind
	for _, e := range effects {
		if e.Kind == flows.EffectAudit {
			out = append(out, e.Fact.Kind)
		}
	}
	return out
}

func targets(effects []flows.Effect) []string {
	var out []string
	for _, e := range effects {
		if e.Kind == flows.EffectTarget {
			out = append(out, e.Integration)
		}
	}
	return out
}

// TestLifeOfARequest follows one request from its submission to its end.
func TestLifeOfARequest(t *testing.T) {
	r, effects := next(t, draft("pg", "hook"), submit, noon)
	if r.Version != 1 || r.State != flows.StatePending || !r.PendingUntil.Equal(noon.Add(24*time.Hour)) || len(targets(effects)) != 0 {
		t.Fatalf("submitted: %+v, acts on %v", r, targets(effects))
	}
	r, effects = next(t, r, approve, noon.Add(time.Minute))
	if diff := cmp.Diff([]string{"pg", "hook"}, targets(effects)); diff != "" || r.State != flows.StateApproved {
		t.Fatalf("approved: %s, targets (-want +got):\n%s", r.State, diff)
	}
	r, effects = next(t, r, granted("pg"), noon.Add(2*time.Minute))
	if r.State != flows.StateApproved || !r.EndsAt.IsZero() {
		t.Fatalf("one of two granted: %s until %s", r.State, r.EndsAt)
	}
	if diff := cmp.Diff([]flows.FactKind{flows.FactAccessGroup}, facts(effects)); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	r, effects = next(t, r, granted("hook"), noon.Add(10*time.Minute))
	if r.State != flows.StateActive || !r.EndsAt.Equal(noon.Add(70*time.Minute)) {
		t.Fatalf("active: %s until %s; the clock starts when all is granted", r.State, r.EndsAt)
	}
	if diff := cmp.Diff([]flows.FactKind{flows.FactAccessGroup, flows.FactGranted}, facts(effects)); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	r, effects = next(t, r, due, r.EndsAt)
	if diff := cmp.Diff([]string{"pg", "hook"}, targets(effects)); diff != "" || r.State != flows.StateRevoking {
		t.Fatalf("ending: %s, targets (-want +got):\n%s", r.State, diff)
	}
	r, _ = next(t, r, gone("hook"), noon.Add(72*time.Minute))
	if r.State != flows.StateRevoking {
		t.Fatalf("half revoked: %s", r.State)
	}
	r, effects = next(t, r, gone("pg"), noon.Add(73*time.Minute))
	if r.State != flows.StateExpired || r.Version != 7 {
		t.Fatalf("over: %s, version %d", r.State, r.Version)
	}
	if diff := cmp.Diff([]flows.FactKind{flows.FactAccessGroup, flows.FactExpired}, facts(effects)); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// TestBoundariesAreHalfOpen looks one nanosecond around every due time.
func TestBoundariesAreHalfOpen(t *testing.T) {
	pending := play(t, draft("pg"), submit)
	waits := pending
	pending.Reminders = []flows.Reminder{{At: pending.RemindAt}}
	active := play(t, draft("pg"), submit, approve, granted("pg"))
	active.Warned = []time.Time{active.EndsAt}
	soon := active
	soon.Warned = nil
	withSecret := play(t, draft("pg"), submit, approve, granted("pg"))
	withSecret.Indefinite, withSecret.EndsAt = true, time.Time{}
	revoking := play(t, active, revoke)
	for _, tt := range []struct {
		name   string
		r      flows.Request
		at     time.Time
		ev     flows.Event
		before flows.Code // 1 ns before
		then   flows.Code // at, and 1 ns after
	}{
		{"due of a pending", pending, pending.PendingUntil, due, flows.CodeLate, ""},
		{"due of a silent one", waits, waits.RemindAt, due, flows.CodeLate, ""},
		{"approve", pending, pending.PendingUntil, approve, "", flows.CodeLate},
		{"deny", pending, pending.PendingUntil, deny, "", flows.CodeLate},
		{"withdraw", pending, pending.PendingUntil, flows.Event{Kind: flows.EventWithdraw, By: alice}, "", flows.CodeLate},
		{"due of an active", active, active.EndsAt, due, flows.CodeLate, ""},
		{"due of one that ends soon", soon, active.EndsAt.Add(-flows.EndingSoonBefore), due, flows.CodeLate, ""},
		{"extend", active, active.EndsAt, extend(true), "", flows.CodeLate},
		{"view", active, active.EndsAt, flows.Event{Kind: flows.EventView, By: alice, Integration: "pg"}, "", flows.CodeLate},
		{"reset", active, active.EndsAt, flows.Event{Kind: flows.EventReset, By: alice, Integration: "pg"}, "", flows.CodeLate},
		{"credentials", withSecret, withSecret.Groups[0].SecretUntil, due, flows.CodeLate, ""},
		{"overdue", revoking, revoking.Groups[0].RevokeSince.Add(flows.OverdueAfter), due, flows.CodeLate, ""},
	} {
		for _, d := range []time.Duration{-1, 0, 1} {
			want := tt.then
			if d < 0 {
				want = tt.before
			}
			if _, _, err := flows.Next(tt.r, tt.ev, tt.at.Add(d)); flows.ErrorCode(err) != want {
				t.Errorf("%s at %dns: %v, want code %q", tt.name, d, err, want)
			}
		}
	}
}

// TestDueAtAgreesWithNext: at DueAt a due event acts, before it does not.
func TestDueAtAgreesWithNext(t *testing.T) {
	for _, s := range specimens(t) {
		at, ok := s.r.DueAt()
		if !ok {
			if _, _, err := flows.Next(s.r, due, noon.AddDate(10, 0, 0)); flows.ErrorCode(err) != flows.CodeLate {
				t.Errorf("%s: nothing is due, ever, and yet: %v", s.name, err)
			}
			continue
		}
		if _, _, err := flows.Next(s.r, due, at.Add(-1)); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("%s: acts before it is due: %v", s.name, err)
		}
		if _, _, err := flows.Next(s.r, due, at); err != nil {
			t.Errorf("%s: does not act when it is due: %v", s.name, err)
		}
	}
}

// TestEndingLateEndsInTime: somebody ends an access whose time was up before the
// sweep saw it. It expired; when it should have been gone does not move.
func TestEndingLateEndsInTime(t *testing.T) {
	active := play(t, draft("pg"), submit, approve, granted("pg"))
	r, _ := next(t, active, revoke, active.EndsAt.Add(10*time.Minute))
	if r.Ending.State != flows.StateExpired || !r.Groups[0].RevokeSince.Equal(active.EndsAt) || !r.Groups[0].Overdue(active.EndsAt.Add(10*time.Minute)) {
		t.Errorf("ends as %s, should be gone since %s; want expired since %s", r.Ending.State, r.Groups[0].RevokeSince, active.EndsAt)
	}
}

func TestSubmitRefusesWhatCannotBeARequest(t *testing.T) {
	for name, change := range map[string]func(*flows.Request){
		"no id":              func(r *flows.Request) { r.ID = "" },
		"nothing":            func(r *flows.Request) { r.Groups = nil },
		"no duration":        func(r *flows.Request) { r.Duration = 0 },
		"negative":           func(r *flows.Request) { r.Duration = -1 },
		"both":               func(r *flows.Request) { r.Indefinite = true },
		"nobody is asked":    func(r *flows.Request) { r.Asked = nil },
		"no approver group":  func(r *flows.Request) { r.Need.Groups = nil },
		"long justification": func(r *flows.Request) { r.Justification = strings.Repeat("ü", flows.MaxReason+1) },
	} {
		r := draft("pg")
		change(&r)
		if got, effects, err := flows.Next(r, submit, noon); err == nil || effects != nil || got.State != "" {
			t.Errorf("%s: taken as %s", name, got.State)
		}
	}
}

// TestDraftCannotBringAnApproval: only what was asked for is kept of a draft.
func TestDraftCannotBringAnApproval(t *testing.T) {
	d := draft("pg")
	d.Decisions = []flows.Decision{{By: bob, Verb: flows.VerbApprove, Groups: []int{0}}}
	d.ActiveAt, d.EndsAt, d.DecidedAt = noon, noon, noon
	d.Groups[0].Status, d.Groups[0].Secret, d.Groups[0].OverdueAt = flows.GroupGranted, flows.SecretAvailable, noon
	got, _ := next(t, d, submit, noon)
	want, _ := next(t, draft("pg"), submit, noon)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTimesAreFitForARecord: a clock's monotonic reading and zone stay outside.
func TestTimesAreFitForARecord(t *testing.T) {
	now := time.Now().In(time.FixedZone("X", 3600))
	d := draft("pg")
	d.PendingUntil = now.Add(time.Hour)
	r, _ := next(t, d, submit, now)
	for name, at := range map[string]time.Time{"created_at": r.CreatedAt, "pending_until": r.PendingUntil} {
		if at != at.UTC().Round(0) {
			t.Errorf("%s is %s", name, at)
		}
	}
}

// TestAllOf: one approver per group, different people, whatever the order.
func TestAllOf(t *testing.T) {
	both := draft("pg")
	both.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	yes := func(who flows.PersonRef, groups ...int) flows.Event {
		return flows.Event{Kind: flows.EventApprove, By: who, CountsFor: groups}
	}
	for _, tt := range []struct {
		name   string
		same   bool
		events []flows.Event
		want   flows.State
	}{
		{"one of two", false, []flows.Event{yes(bob, 0)}, flows.StatePending},
		{"one in both counts once", false, []flows.Event{yes(bob, 0, 1)}, flows.StatePending},
		{"both in the same group", false, []flows.Event{yes(bob, 0), yes(carol, 0)}, flows.StatePending},
		{"one of each", false, []flows.Event{yes(bob, 0), yes(carol, 1)}, flows.StateApproved},
		{"the other order", false, []flows.Event{yes(carol, 1), yes(bob, 0)}, flows.StateApproved},
		{"one in both makes room", false, []flows.Event{yes(bob, 0, 1), yes(carol, 0)}, flows.StateApproved},
		{"one in both is last", false, []flows.Event{yes(carol, 1), yes(bob, 0, 1)}, flows.StateApproved},
		{"the same person may count", true, []flows.Event{yes(bob, 0, 1)}, flows.StateApproved},
		{"may, but is in one", true, []flows.Event{yes(bob, 0)}, flows.StatePending},
	} {
		d := both
		d.Need.SamePersonMayCount = tt.same
		if r := play(t, d, append([]flows.Event{submit}, tt.events...)...); r.State != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, r.State, tt.want)
		}
	}
}

func TestOneDenyEnds(t *testing.T) {
	both := draft("pg")
	both.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	r := play(t, both, submit, approve, flows.Event{Kind: flows.EventDeny, By: carol, CountsFor: []int{1}, Reason: "  not today "})
	if r.State != flows.StateDenied || r.DecidedBy() != carol || r.Decisions[1].Reason != "not today" {
		t.Errorf("%s by %v: %+v", r.State, r.DecidedBy(), r.Decisions)
	}
	want := "AR-1 was already denied by Carol."
	if got := r.Standing(); got != want {
		t.Errorf("standing %q, want %q", got, want)
	}
	// Who approved may still change their mind while others are asked.
	if r := play(t, both, submit, approve, deny); r.State != flows.StateDenied {
		t.Errorf("a second thought: %s", r.State)
	}
}

func TestWhoDecides(t *testing.T) {
	pending := play(t, draft("pg"), submit)
	self, stranger := approve, approve
	self.By, stranger.By = alice, flows.PersonRef{}
	outside, blank, unknown := approve, approve, approve
	outside.CountsFor, blank.Reason, unknown.CountsFor = nil, " \n\t ", []int{7}
	strict := pending
	strict.Need.RequireReason = true
	long := approve
	long.Reason = strings.Repeat("x", flows.MaxReason+1)
	other := pending
	other.Grantee = bob
	lifted := pending
	lifted.Need.SelfAllowed = true
	for _, tt := range []struct {
		name string
		r    flows.Request
		ev   flows.Event
		want flows.Code
	}{
		{"the requestor", pending, self, flows.CodeForbidden},
		{"the requestor, where the flow says so", lifted, self, ""},
		{"the grantee", other, approve, flows.CodeForbidden},
		{"nobody", pending, stranger, flows.CodeForbidden},
		{"no group", pending, outside, flows.CodeForbidden},
		{"a group that is not there", pending, unknown, flows.CodeInternal},
		{"a blank reason", strict, blank, flows.CodeInvalid},
		{"no reason", strict, approve, flows.CodeInvalid},
		{"a long reason", pending, long, flows.CodeInvalid},
		{"an approver", pending, approve, ""},
	} {
		for _, kind := range []flows.EventKind{flows.EventApprove, flows.EventDeny} {
			tt.ev.Kind = kind
			got, effects, err := flows.Next(tt.r, tt.ev, noon.Add(time.Minute))
			if flows.ErrorCode(err) != tt.want {
				t.Errorf("%s, %s: %v, want code %q", tt.name, kind, err, tt.want)
			}
			if diff := cmp.Diff(tt.r, got); err != nil && (diff != "" || effects != nil) {
				t.Errorf("%s, %s: refused and yet changed:\n%s", tt.name, kind, diff)
			}
		}
	}
}

// TestFailedGrants: what was begun is taken back first; what was granted stays.
func TestFailedGrants(t *testing.T) {
	r := play(t, draft("pg", "hook"), submit, approve, grantFailed("hook"), granted("pg"))
	if r.State != flows.StateActive || !r.Warning() {
		t.Fatalf("%s, warning %t; want active with a warning", r.State, r.Warning())
	}
	r = play(t, r, gone("hook"))
	if g, _ := r.Group("hook"); r.State != flows.StateActive || g.Status != flows.GroupFailed || g.Problem != "It said no." {
		t.Fatalf("%s, %+v", r.State, g)
	}
	r, effects := next(t, r, revoke, noon.Add(20*time.Minute))
	if diff := cmp.Diff([]string{"pg"}, targets(effects)); diff != "" {
		t.Errorf("only what may be held is revoked (-want +got):\n%s", diff)
	}
	if r = play(t, r, gone("pg")); r.State != flows.StateRevoked {
		t.Errorf("%s, want revoked", r.State)
	}
	all := play(t, draft("pg", "hook"), submit, approve, grantFailed("hook"), grantFailed("pg"), gone("pg"))
	if all.State != flows.StateApproved {
		t.Errorf("%s while something may be held, want approved", all.State)
	}
	if all = play(t, all, gone("hook")); all.State != flows.StateFailed || !all.ActiveAt.IsZero() {
		t.Errorf("%s, active at %s; want failed, never", all.State, all.ActiveAt)
	}
}

// TestEndWhileBeingGranted: the edge approved -> revoking. A grant that is
// confirmed afterwards changes nothing; the target is asked to let go.
func TestEndWhileBeingGranted(t *testing.T) {
	r := play(t, draft("pg"), submit, approve, revoke)
	if r.State != flows.StateRevoking || r.DecidedBy() != bob {
		t.Fatalf("%s, decided by %v", r.State, r.DecidedBy())
	}
	_, _, err := flows.Next(r, granted("pg"), noon.Add(time.Hour))
	wantCode(t, err, flows.CodeLate, "")
	if r = play(t, r, gone("pg")); r.State != flows.StateRevoked || r.DecidedBy() != bob {
		t.Errorf("%s, decided by %v; who approved is never erased", r.State, r.DecidedBy())
	}
}

// TestCredentialsAreShownOnce follows the sealed credentials of an access group.
func TestCredentialsAreShownOnce(t *testing.T) {
	view := flows.Event{Kind: flows.EventView, By: alice, Integration: "pg"}
	reset := flows.Event{Kind: flows.EventReset, By: alice, Integration: "pg"}
	rotated := granted("pg")
	rotated.Kind = flows.EventRotated
	seals := func(effects []flows.Effect) (out []string) {
		for _, e := range effects {
			if e.Kind == flows.EffectSeal {
				out = append(out, string(e.Sealed))
			}
		}
		return out
	}
	r := play(t, draft("pg"), submit, approve)
	r, effects := next(t, r, granted("pg"), noon)
	if diff := cmp.Diff([]string{"sealed"}, seals(effects)); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	_, _, err := flows.Next(r, flows.Event{Kind: flows.EventView, By: bob, Integration: "pg"}, noon)
	wantCode(t, err, flows.CodeForbidden, "Only Alice can see these credentials.")
	r, effects = next(t, r, view, noon)
	if diff := cmp.Diff([]string{""}, seals(effects)); diff != "" {
		t.Errorf("erased (-want +got):\n%s", diff)
	}
	_, _, err = flows.Next(r, view, noon)
	wantCode(t, err, flows.CodeLate, "These credentials were shown once and are erased. Use Reset credentials to get new ones.")
	r, effects = next(t, r, reset, noon)
	if diff := cmp.Diff([]string{"pg"}, targets(effects)); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	_, _, err = flows.Next(r, view, noon)
	wantCode(t, err, flows.CodeLate, "New credentials for pg are on their way.")
	_, _, err = flows.Next(r, reset, noon)
	wantCode(t, err, flows.CodeLate, "New credentials for pg are already on their way.")
	r, effects = next(t, r, rotated, noon)
	if diff := cmp.Diff([]string{"sealed"}, seals(effects)); diff != "" {
		t.Errorf("kept again (-want +got):\n%s", diff)
	}
	_, _, err = flows.Next(r, rotated, noon)
	wantCode(t, err, flows.CodeLate, "Nobody waits for new credentials for pg.")
	_, effects = next(t, r, revoke, noon)
	if diff := cmp.Diff([]string{""}, seals(effects)); diff != "" {
		t.Errorf("erased at the end (-want +got):\n%s", diff)
	}
}

// TestResetThatFails: what nobody looked at stays until there is something new, and
// a view is of the credentials that it was offered for.
func TestResetThatFails(t *testing.T) {
	reset := flows.Event{Kind: flows.EventReset, By: alice, Integration: "pg"}
	failed := flows.Event{Kind: flows.EventRotateFailed, Integration: "pg", Problem: "It said no."}
	rotated := granted("pg")
	rotated.Kind = flows.EventRotated
	r := play(t, draft("pg"), submit, approve, granted("pg"))
	view := flows.Event{Kind: flows.EventView, By: alice, Integration: "pg", Issue: r.Groups[0].Issue}
	r, effects := next(t, r, reset, noon)
	for _, e := range effects {
		if e.Kind == flows.EffectSeal {
			t.Error("erased before there are new ones")
		}
	}
	r, _ = next(t, r, failed, noon)
	if g := r.Groups[0]; g.Resetting || g.Secret != flows.SecretAvailable || g.ResetProblem != "It said no." {
		t.Errorf("after a refusal: %+v", g)
	}
	_, _, err := flows.Next(r, failed, noon)
	wantCode(t, err, flows.CodeLate, "Nobody waits for new credentials for pg.")
	next(t, r, view, noon)
	r, _ = next(t, r, reset, noon)
	r, _ = next(t, r, rotated, noon)
	if g := r.Groups[0]; g.ResetProblem != "" || g.Issue != 2 {
		t.Errorf("after a reset: %+v", g)
	}
	_, _, err = flows.Next(r, view, noon)
	wantCode(t, err, flows.CodeLate, "These credentials were replaced by new ones. Please press Show credentials again.")
}

// TestAutomatic: nobody is asked, nobody decided, and the sentence says so.
func TestAutomatic(t *testing.T) {
	d := draft("pg")
	d.Need, d.Asked = flows.Need{Automatic: true}, nil
	r, effects := next(t, d, submit, noon)
	if diff := cmp.Diff([]flows.FactKind{flows.FactAsked, flows.FactApproved}, facts(effects)); diff != "" || r.State != flows.StateApproved {
		t.Errorf("%s (-want +got):\n%s", r.State, diff)
	}
	want := "AR-1 was already approved automatically; the access is being granted."
	if got := r.Standing(); got != want {
		t.Errorf("standing %q, want %q", got, want)
	}
	for _, e := range effects {
		if e.Kind == flows.EffectAudit && e.Fact.Kind == flows.FactApproved && e.Fact.Actor != (flows.PersonRef{}) {
			t.Errorf("approved by %v, want the bot itself", e.Fact.Actor)
		}
	}
}

// TestPostsOfEveryState: which messages exist, and none is ever taken back.
func TestPostsOfEveryState(t *testing.T) {
	for _, s := range specimens(t) {
		if s.name == "draft" {
			continue
		}
		seen := map[string]bool{}
		for _, k := range s.r.Posts() {
			if seen[k.String()] {
				t.Errorf("%s: %s is there twice", s.name, k)
			}
			seen[k.String()] = true
		}
		if !seen["AR-1/requester/alice@example.com/asked"] || (!s.r.Need.Automatic && !seen["AR-1/approver/bob@example.com/request"]) || s.r.Explains() != seen["AR-1/requester/alice@example.com/explain"] {
			t.Errorf("%s: lacks a message: %v", s.name, seen)
		}
		if s.r.State.Terminal() && !seen["AR-1/requester/alice@example.com/"+string(s.r.State)] {
			t.Errorf("%s: nobody is told that it is over: %v", s.name, seen)
		}
	}
}

// TestTimeCountsFromWhenItWasBegun: what a target may have held before the bot knew
// is part of the time; the longest counts.
func TestTimeCountsFromWhenItWasBegun(t *testing.T) {
	begun := func(name string) flows.Event { return flows.Event{Kind: flows.EventBegun, Integration: name} }
	r := play(t, draft("pg", "hook"), submit, approve)
	r, effects := next(t, r, begun("pg"), noon.Add(10*time.Minute))
	if len(effects) != 0 {
		t.Errorf("somebody is told: %v", effects)
	}
	_, _, err := flows.Next(r, begun("pg"), noon.Add(11*time.Minute))
	wantCode(t, err, flows.CodeLate, "AR-1 is already being granted in pg.")
	r, _ = next(t, r, begun("hook"), noon.Add(12*time.Minute))
	r, _ = next(t, r, flows.Event{Kind: flows.EventNotBegun, Integration: "hook"}, noon.Add(13*time.Minute))
	r, _ = next(t, r, begun("hook"), noon.Add(20*time.Minute))
	r, _ = next(t, r, granted("pg"), noon.Add(15*time.Minute))
	r, _ = next(t, r, granted("hook"), noon.Add(21*time.Minute))
	if want := noon.Add(76 * time.Minute); !r.EndsAt.Equal(want) {
		t.Errorf("ends %s, want %s: an hour after it became active, less the five minutes that pg may have held it unseen", r.EndsAt, want)
	}
}
