package flows_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

var update = flag.Bool("update", false, "rewrite golden files")

var (
	alice = flows.PersonRef{Email: "alice@example.com", Name: "Alice"}
	bob   = flows.PersonRef{Email: "bob@example.com", Name: "Bob"}
	carol = flows.PersonRef{Email: "carol@example.com", Name: "Carol"}
	noon  = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

// draft is a request of Alice for one hour in the given integrations.
func draft(integrations ...string) flows.Request {
	r := flows.Request{
		ID: "AR-1", Seq: 1, Trigger: flows.TriggerSelfServe, Requestor: alice, Grantee: alice, Flow: "read", Duration: time.Hour,
		Need:  flows.Need{Mode: flows.ModeAnyOf, Groups: []string{"leads"}},
		Asked: []flows.Asked{{PersonRef: bob, Groups: []int{0}, Why: "You are in the group leads."}},
	}
	for _, name := range integrations {
		u := flows.Unit{Integration: name, ResourceType: "database", Resource: "orders", Permission: "read"}
		r.Groups = append(r.Groups, flows.AccessGroup{Integration: name, Items: []flows.Item{{Unit: u, ResourceName: "orders", TypeName: "Database", PermissionName: "Read"}}})
	}
	return r
}

// play applies events one minute apart and fails on an error.
func play(t *testing.T, r flows.Request, events ...flows.Event) flows.Request {
	t.Helper()
	for i, ev := range events {
		next, _, err := flows.Next(r, ev, noon.Add(time.Duration(i)*time.Minute))
		if err != nil {
			t.Fatalf("event %d, %s in %s: %v", i, ev.Kind, r.State, err)
		}
		r = next
	}
	return r
}

var (
	submit  = flows.Event{Kind: flows.EventSubmit, By: alice}
	approve = flows.Event{Kind: flows.EventApprove, By: bob, CountsFor: []int{0}, Why: "You are in the group leads."}
	deny    = flows.Event{Kind: flows.EventDeny, By: bob, CountsFor: []int{0}, Reason: "no"}
	revoke  = flows.Event{Kind: flows.EventRevoke, By: alice}
	due     = flows.Event{Kind: flows.EventDue}
)

func granted(integration string) flows.Event {
	return flows.Event{Kind: flows.EventGranted, Integration: integration, Access: flows.Access{
		Sealed: []byte("sealed"), SealedUntil: noon.Add(24 * time.Hour), CanReset: true,
	}}
}

func grantFailed(integration string) flows.Event {
	return flows.Event{Kind: flows.EventGrantFailed, Integration: integration, Problem: "It said no."}
}

func gone(integration string) flows.Event {
	return flows.Event{Kind: flows.EventGone, Integration: integration}
}

// specimens are requests in every state and every mix of group statuses that
// matters.
func specimens(t *testing.T) []struct {
	name string
	r    flows.Request
} {
	one, two := draft("pg"), draft("pg", "hook")
	both := draft("pg")
	both.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	both.Asked = append(both.Asked, flows.Asked{PersonRef: carol, Groups: []int{1}, Why: "You are in the group dba."})
	glass := draft("pg")
	glass.BreakGlass, glass.Need, glass.Asked = true, flows.Need{Automatic: true}, nil
	ended := flows.Event{Kind: flows.EventDue}
	expire := func(r flows.Request) flows.Request {
		r, _, err := flows.Next(r, ended, r.EndsAt)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	timedOut, _, err := flows.Next(play(t, one, submit), due, noon.Add(25*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	active := play(t, one, submit, approve, granted("pg"))
	overdue, _, err := flows.Next(expire(active), due, active.EndsAt.Add(flows.OverdueAfter))
	if err != nil {
		t.Fatal(err)
	}
	return []struct {
		name string
		r    flows.Request
	}{
		{"draft", one},
		{"pending", play(t, one, submit)},
		{"pending, 1 of 2", play(t, both, submit, approve)},
		{"approved", play(t, one, submit, approve)},
		{"approved, one of two granted", play(t, two, submit, approve, granted("pg"))},
		{"approved, undoing", play(t, one, submit, approve, grantFailed("pg"))},
		{"active", active},
		{"active, more time asked for", play(t, one, submit, approve, granted("pg"), extend(false))},
		{"active, one target to be told the end", play(t, two, submit, approve, undated("pg"), granted("hook"))},
		{"active, extended", play(t, one, submit, approve, granted("pg"), extend(true))},
		{"active, the other undoing", play(t, two, submit, approve, grantFailed("hook"), granted("pg"))},
		{"revoking (expired)", expire(active)},
		{"revoking (by Alice)", play(t, active, revoke)},
		{"revoking, overdue", overdue},
		{"expired", play(t, expire(active), gone("pg"))},
		{"revoked", play(t, active, revoke, gone("pg"))},
		{"denied", play(t, one, submit, deny)},
		{"active, glass broken", play(t, glass, submit, granted("pg"))},
		{"expired, glass broken", play(t, expire(play(t, glass, submit, granted("pg"))), gone("pg"))},
		{"withdrawn", play(t, one, submit, flows.Event{Kind: flows.EventWithdraw, By: alice})},
		{"timed_out", timedOut},
		{"failed", play(t, one, submit, approve, grantFailed("pg"), gone("pg"))},
	}
}

// TestMatrix writes what every event does in every state. A new edge shows as a
// difference to the golden file.
func TestMatrix(t *testing.T) {
	events := []flows.Event{
		submit,
		{Kind: flows.EventApprove, By: carol, CountsFor: []int{1}},
		{Kind: flows.EventDeny, By: carol, CountsFor: []int{0}},
		{Kind: flows.EventWithdraw, By: alice},
		revoke,
		{Kind: flows.EventView, By: alice, Integration: "pg"},
		{Kind: flows.EventReset, By: alice, Integration: "pg"},
		{Kind: flows.EventExplain, By: alice, Reason: "The site was down."},
		extend(false), extend(true),
		{Kind: flows.EventApprove, By: carol, CountsFor: []int{0}, Extension: 1},
		{Kind: flows.EventDeny, By: carol, CountsFor: []int{0}, Extension: 1},
		due,
		{Kind: flows.EventLostRight, Reason: "The access flow read is not there any more."},
		{Kind: flows.EventLostRight, Reason: "The access flow read is not there any more.", Report: true},
		{Kind: flows.EventUnreached, By: bob},
		{Kind: flows.EventStandIn, Ask: []flows.Asked{{PersonRef: carol, Groups: []int{0}, For: []flows.Stand{{For: bob, Groups: []int{0}}}}}},
		{Kind: flows.EventRaised, Admins: []flows.PersonRef{carol}},
		{Kind: flows.EventRevokeFailed, Integration: "pg", Problem: "It said no."},
		{Kind: flows.EventBegun, Integration: "pg"},
		{Kind: flows.EventNotBegun, Integration: "pg"},
		{Kind: flows.EventProgress, Integration: "pg", Done: 27, Total: 300},
		granted("pg"), grantFailed("pg"), gone("pg"),
		{Kind: flows.EventConfirmGone, Integration: "pg", By: flows.TheOperator, Reason: "The cluster was deleted."},
		{Kind: flows.EventRotated, Integration: "pg"},
		{Kind: flows.EventRotateFailed, Integration: "pg", Problem: "It said no."},
		{Kind: flows.EventProlonged, Integration: "pg"},
		{Kind: flows.EventExtendFailed, Integration: "pg", Problem: "It said no."},
	}
	var b strings.Builder
	seen := map[flows.EventKind]bool{}
	for _, s := range specimens(t) {
		fmt.Fprintf(&b, "%s\n", s.name)
		for _, ev := range events {
			seen[ev.Kind] = true
			if ev.Kind == flows.EventApprove && ev.Extension == 0 && len(s.r.Need.Groups) == 1 {
				ev.CountsFor = []int{0}
			}
			next, effects, err := flows.Next(s.r, ev, noon.Add(48*time.Hour))
			if ev.Kind != flows.EventDue {
				next, effects, err = flows.Next(s.r, ev, noon.Add(10*time.Minute))
			}
			fmt.Fprintf(&b, "  %-13s %s\n", ev.Kind, outcome(next, effects, err))
		}
	}
	for _, k := range flows.EventKinds() {
		if !seen[k] {
			t.Errorf("the matrix lacks the event %s", k)
		}
	}
	golden(t, "testdata/matrix.golden", b.String())
}

func outcome(r flows.Request, effects []flows.Effect, err error) string {
	if err != nil {
		return "- " + string(flows.ErrorCode(err)) + ": " + flows.ErrorMessage(err)
	}
	var parts []string
	for _, g := range r.Groups {
		parts = append(parts, g.Integration+" "+string(g.Status))
	}
	var facts []string
	targets := 0
	for _, e := range effects {
		switch e.Kind {
		case flows.EffectAudit:
			facts = append(facts, string(e.Fact.Kind))
		case flows.EffectTarget:
			targets++
		case flows.EffectPost, flows.EffectAuditChannel, flows.EffectSeal:
		}
	}
	return fmt.Sprintf("%s [%s] facts: %s; acts on targets: %d", r.State, strings.Join(parts, ", "), strings.Join(facts, ", "), targets)
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got); run with -update if it is meant:\n%s", path, diff)
	}
}
