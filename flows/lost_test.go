package flows_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestLost changes people and policy behind an approved and an active request.
func TestLost(t *testing.T) {
	type loss = flows.Loss
	gone := loss{Cause: "The access flow read is not there any more."}
	off := loss{Cause: "The access flow read was switched off."}
	uncovered := loss{Cause: "The access flow read no longer covers Read on orders in pg."}
	left := loss{Cause: "alice is not in the directory any more.", People: true}
	for _, tt := range []struct {
		name             string
		change           func(*world)
		approved, active loss
	}{
		{"nothing", func(*world) {}, loss{}, loss{}},
		{"the flow was removed", func(w *world) { w.flow().Name = "other" }, gone, gone},
		{"the flow was switched off", func(w *world) { w.flow().Active = false }, off, off},
		{"the flow is automatic now", func(w *world) { w.flow().Trigger = flows.TriggerAutomatic }, off, off},
		{"the requestor left", func(w *world) { w.drop("alice") }, left, left},
		{"the directory is empty", func(w *world) { w.people = nil }, left, left},
		{
			"the requestor was deactivated", func(w *world) { w.person("alice").Disabled = true },
			loss{Cause: "alice was deactivated.", People: true},
			loss{Cause: "alice was deactivated.", People: true},
		},
		{"two people claim the address", func(w *world) { w.people = append(w.people, person("alice")) }, loss{}, loss{}},
		{"the requestor has another address now", func(w *world) {
			p := w.person("alice")
			p.Email, p.Aliases = "a.smith@example.com", []string{"alice@example.com"}
		}, loss{}, loss{}},
		{
			"the requestor changed teams", func(w *world) { w.person("alice").Groups = nil },
			loss{Cause: "alice may not ask under the access flow read any more.", People: true},
			loss{Cause: "alice may not ask under the access flow read any more.", People: true},
		},
		{
			"the flow is for others now", func(w *world) { w.flow().Requestors.Conditions = conds(is("group", "dba")) },
			loss{Cause: "alice may not ask under the access flow read any more."},
			loss{Cause: "alice may not ask under the access flow read any more."},
		},
		{"the flow offers another level", func(w *world) { w.flow().Targets[0].Permissions = []string{"write"} }, uncovered, uncovered},
		{"the flow offers other resources", func(w *world) { w.flow().Targets[0].Include = &flows.Selector{Names: []string{"users"}} }, uncovered, uncovered},
		{"the flow offers nothing", func(w *world) { w.flow().Targets = nil }, uncovered, uncovered},
		{"the resource cannot be seen", func(w *world) { w.resources = w.resources[1:] }, loss{}, loss{}},
		{
			"the longest is shorter", func(w *world) { w.flow().Duration.Max = time.Hour },
			loss{Cause: "The longest under the access flow read is 1 hour now."},
			loss{},
		},
		{"others must approve now", func(w *world) { w.flow().Approval.Groups[0] = approverGroup(is("group", "dba")) }, loss{}, loss{}},
		{"the manager left", func(w *world) { w.drop("bob") }, loss{}, loss{}},
		{
			"the flow wants to be told", func(w *world) { w.flow().Active, w.flow().Settings.ReportLostRight = false, true },
			loss{Cause: off.Cause, Report: true},
			loss{Cause: off.Cause, Report: true},
		},
	} {
		w := newWorld()
		approved := play(t, pendingRead(t, w), approve)
		active := play(t, approved, granted("pg"))
		tt.change(w)
		now := w.now()
		for _, c := range []struct {
			r    flows.Request
			want loss
		}{{approved, tt.approved}, {active, tt.active}} {
			got, lost := now.Lost(&c.r, true)
			if diff := cmp.Diff(c.want, got); diff != "" || lost != (c.want != loss{}) {
				t.Errorf("%s, %s: lost %t (-want +got):\n%s", tt.name, c.r.State, lost, diff)
			}
			if got, lost := now.Lost(&c.r, false); lost && got.People {
				t.Errorf("%s, %s: %q is judged on a directory that has not answered", tt.name, c.r.State, got.Cause)
			}
		}
	}
}

// TestLostGrantee: what somebody has because another asked ends with either's right.
func TestLostGrantee(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*world)
		want   flows.Loss
	}{
		"nothing":            {func(*world) {}, flows.Loss{}},
		"the grantee left":   {func(w *world) { w.drop("dan") }, flows.Loss{Cause: "dan is not in the directory any more.", People: true}},
		"the requestor left": {func(w *world) { w.drop("alice") }, flows.Loss{Cause: "alice is not in the directory any more.", People: true}},
		"the grantee changed teams": {
			func(w *world) { w.person("dan").Groups = nil },
			flows.Loss{Cause: "alice may not ask for dan under the access flow read any more.", People: true},
		},
		"nobody asks for others now": {
			func(w *world) { w.flow().RequestFor = nil },
			flows.Loss{Cause: "alice may not ask for dan under the access flow read any more."},
		},
	} {
		w := newWorld()
		w.flow().RequestFor = &flows.RequestFor{Others: true, Grantees: flows.Conditions{Conditions: conds(is("group", "dba"))}}
		now := w.now()
		q := ask(t, now, "alice", pgUnit("db-1", "read"))
		q.Grantee = who(t, now, "dan")
		r := play(t, submitted(t, now, q), approve, granted("pg"))
		tt.change(w)
		got, _ := w.now().Lost(&r, true)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestLostIsForLiveRequests: what is not decided, is over, or follows an automatic
// flow is judged elsewhere or not at all.
func TestLostIsForLiveRequests(t *testing.T) {
	w := newWorld()
	w.flow().Settings.ReportLostRight = true
	pending := pendingRead(t, w)
	active := play(t, pending, approve, granted("pg"))
	standing := active
	standing.Trigger = flows.TriggerAutomatic
	w.flow().Name = "other"
	now := w.now()
	for name, r := range map[string]flows.Request{"pending": pending, "revoking": play(t, active, revoke), "automatic": standing} {
		if got, lost := now.Lost(&r, true); lost {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got, _ := now.Lost(&active, true); !got.Report {
		t.Error("a flow that is gone is not remembered to have wanted a report")
	}
}

// TestLostRight: what follows from a lost right.
func TestLostRight(t *testing.T) {
	lost := flows.Event{Kind: flows.EventLostRight, Reason: "The access flow read was switched off."}
	report := lost
	report.Report = true
	back := flows.Event{Kind: flows.EventLostRight, Report: true}
	approved := play(t, draft("pg"), submit, approve)
	active := play(t, approved, granted("pg"))
	for name, r := range map[string]flows.Request{"approved": approved, "active": active} {
		r, _ = next(t, r, lost, noon.Add(5*time.Minute))
		want := flows.Ending{State: flows.StateRevoked, Reason: lost.Reason}
		if diff := cmp.Diff(want, r.Ending); diff != "" || r.State != flows.StateRevoking {
			t.Errorf("%s: %s (-want +got):\n%s", name, r.State, diff)
		}
		r, _ = next(t, r, gone("pg"), noon.Add(6*time.Minute))
		if got := r.Standing(); got != "The access of AR-1 was ended by the bot: The access flow read was switched off." {
			t.Errorf("%s: %q", name, got)
		}
	}
	if r, _ := next(t, approved, report, noon.Add(5*time.Minute)); r.State != flows.StateRevoking {
		t.Errorf("what has not begun must not begin: %s", r.State)
	}
	r, effects := next(t, active, report, noon.Add(5*time.Minute))
	if diff := cmp.Diff([]flows.FactKind{flows.FactLostRight}, facts(effects)); diff != "" || r.State != flows.StateActive {
		t.Errorf("reported: %s (-want +got):\n%s", r.State, diff)
	}
	_, _, err := flows.Next(r, report, noon.Add(6*time.Minute))
	wantCode(t, err, flows.CodeLate, "That was told of AR-1 already.")
	b, effects := next(t, r, back, noon.Add(7*time.Minute))
	if diff := cmp.Diff([]flows.FactKind{flows.FactRightBack}, facts(effects)); diff != "" || b.LostRight != "" {
		t.Errorf("back: %q (-want +got):\n%s", b.LostRight, diff)
	}
	if r, _ = next(t, r, lost, noon.Add(7*time.Minute)); r.State != flows.StateRevoking {
		t.Errorf("the flow ends what it only reported before: %s", r.State)
	}
	if r, _ = next(t, active, report, active.EndsAt); r.Ending.State != flows.StateExpired {
		t.Errorf("its time is up: %+v", r.Ending)
	}
}
