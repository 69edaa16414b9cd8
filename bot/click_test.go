package bot_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestDecide presses Approve on one request in every situation and by everybody.
func TestDecide(t *testing.T) {
	const not = "You are not an approver of AR-1."
	nothing := func(*office) {}
	press := func(name string, action chat.ActionID) func(*office) {
		return func(o *office) { o.click(name, action, "AR-1") }
	}
	for _, tt := range []struct {
		name   string
		before func(*office)
		by     string
		want   string // the private answer; empty: the card is the answer
		state  flows.State
	}{
		{"an approver", nothing, "bob", "", flows.StateApproved},
		{"a colleague", nothing, "carol", not, flows.StatePending},
		{"an admin", nothing, "eve", not, flows.StatePending},
		{"the requestor", nothing, "alice", not, flows.StatePending},
		{"the second press", press("bob", chat.ActionApprove), "bob", "AR-1 was already approved by you; the access is being granted.", flows.StateApproved},
		{"too late", press("alice", chat.ActionWithdraw), "bob", "AR-1 was withdrawn by Alice.", flows.StateWithdrawn},
		{"too late, and a colleague", press("alice", chat.ActionWithdraw), "carol", not, flows.StateWithdrawn},
		{"who is not an approver any more", func(o *office) { o.person("alice").Manager = "carol@example.com" }, "bob", not, flows.StatePending},
		{"who has become one", func(o *office) { o.person("alice").Manager = "carol@example.com" }, "carol", "", flows.StateApproved},
		{"not any more, and it is decided", func(o *office) {
			press("bob", chat.ActionApprove)(o)
			o.person("alice").Manager = "carol@example.com"
		}, "bob", "AR-1 was already approved by you; the access is being granted.", flows.StateApproved},
		{"the requestor has left", func(o *office) { o.people = o.people[1:] }, "bob", "Alice is not an active person in the directory any more, so AR-1 cannot be decided.", flows.StatePending},
		{"the same, and a colleague", func(o *office) { o.people = o.people[1:] }, "carol", not, flows.StatePending},
		{"the flow was removed", func(o *office) { o.policy.Flows = o.policy.Flows[1:] }, "bob", "The access flow read, under which AR-1 was asked, is not in force any more. The request cannot be decided; it has to be asked again.", flows.StatePending},
		{"the same, and a colleague", func(o *office) { o.policy.Flows = o.policy.Flows[1:] }, "carol", not, flows.StatePending},
	} {
		o := newOffice(t)
		o.ask("k")
		tt.before(o)
		o.change()
		a := o.click(tt.by, chat.ActionApprove, "AR-1")
		if got := said(a); got != tt.want || a.Open != nil {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if r := o.request("AR-1"); r.State != tt.state {
			t.Errorf("%s: %s, want %s", tt.name, r.State, tt.state)
		}
	}
}

// TestDefect17_OutsidersLearnNothing: whatever a request is like, and whether it
// exists, an outsider gets the same sentence.
func TestDefect17_OutsidersLearnNothing(t *testing.T) {
	o := newOffice(t)
	o.ask("pending")
	o.ask("denied")
	o.ask("active")
	o.click("alice", chat.ActionWithdraw, "AR-2")
	o.activate("AR-3")
	for action, want := range map[chat.ActionID]string{
		chat.ActionApprove: "You are not an approver of AR-N.", chat.ActionDeny: "You are not an approver of AR-N.", chat.ActionDetails: "You are not an approver of AR-N.",
		chat.ActionEndAccess: "You may not end AR-N; its grantee, requestor, approvers and the admins may.", chat.ActionWithdraw: "Only the requester can withdraw AR-N.",
		chat.ActionAgain: "Only the requester can ask for AR-N again.", chat.ActionCredentials: "Only the person who has the access of AR-N can see its credentials.",
		chat.ActionReset: "Only the person who has the access of AR-N can reset its credentials.",
	} {
		for _, id := range []string{"AR-1", "AR-2", "AR-3", "AR-4", "AR-18446744073709551616", "", "<!channel>", "%s"} {
			a := o.click("carol", action, id)
			if got := said(a); got != strings.ReplaceAll(want, "AR-N", cut20(id)) || a.Open != nil || a.Then != nil {
				t.Errorf("%s of %q: %q, want %q", action, id, got, want)
			}
		}
	}
	if got := said(o.command("carol", "revoke AR-3")); got != "You may not end AR-3; its grantee, requestor, approvers and the admins may." {
		t.Errorf("revoke: %q", got)
	}
	sub := o.Submit(t.Context(), chat.FormEvent{User: user("carol"), Form: chat.FormReason, State: `{"r":"AR-2","v":"deny"}`})
	missing := o.Submit(t.Context(), chat.FormEvent{User: user("carol"), Form: chat.FormReason, State: `{"r":"AR-4","v":"deny"}`})
	if plain(sub.Show.Parts[0].Text) != "You are not an approver of AR-2." || plain(missing.Show.Parts[0].Text) != "You are not an approver of AR-4." {
		t.Errorf("reason: %+v, %+v", sub, missing)
	}
}

func cut20(id string) string {
	if r := []rune(id); len(r) > 20 {
		return string(r[:19]) + "…"
	}
	return id
}

// TestButtonsFromBeforeARestore: the database was restored, and AR-1 is another
// request now; AR-2 is none. A button of the old ones does nothing, whoever presses it.
func TestButtonsFromBeforeARestore(t *testing.T) {
	o := newOffice(t)
	r := o.ask("pending")
	for _, who := range []string{"bob", "alice", "carol"} {
		for _, action := range []chat.ActionID{chat.ActionApprove, chat.ActionDeny, chat.ActionWithdraw, chat.ActionEndAccess, chat.ActionDetails, chat.ActionAgain} {
			for _, id := range []string{"AR-1", "AR-2"} {
				a := o.clickOn(who, action, chat.Target{Request: id, Version: 1, Stamp: "before00"})
				if want := "This button is from before the bot's database was restored, or its request ended too long ago to be kept: " + id + " is not known any more."; !strings.HasPrefix(said(a), want) || a.Open != nil {
					t.Errorf("%s presses %s of %s: %q", who, action, id, said(a))
				}
			}
		}
	}
	state := `{"r":"AR-1","v":"approve","s":"before00"}`
	sub := o.Submit(t.Context(), chat.FormEvent{User: user("bob"), Form: chat.FormReason, State: state, Values: chat.Values{cards.FieldReason: {"ok"}}})
	if sub.Show == nil || !strings.Contains(plain(sub.Show.Parts[0].Text), "from before the bot's database was restored") {
		t.Errorf("a dialog from before: %+v", sub)
	}
	if got := o.requests()[0]; got.Version != r.Version {
		t.Errorf("AR-1 is %s in version %d", got.State, got.Version)
	}
	if a := o.click("bob", chat.ActionApprove, "AR-1"); said(a) != "" {
		t.Errorf("the button of AR-1 itself: %q", said(a))
	}
}

// TestDefect01_TheGapBeforeTheSweep: a request whose time has passed is timed out by
// whoever presses first, and nobody is told otherwise.
func TestDefect01_TheGapBeforeTheSweep(t *testing.T) {
	for _, action := range []chat.ActionID{chat.ActionApprove, chat.ActionDeny, chat.ActionWithdraw} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			o.ask("k")
			by := map[bool]string{true: "alice", false: "bob"}[action == chat.ActionWithdraw]
			time.Sleep(24*time.Hour - 1)
			if r := o.request("AR-1"); r.State != flows.StatePending {
				t.Fatalf("%s before its time", r.State)
			}
			time.Sleep(time.Nanosecond)
			a := o.click(by, action, "AR-1")
			if got := said(a); got != "AR-1 timed out: nobody decided in time." || a.Open != nil {
				t.Errorf("%s: %q", action, got)
			}
			if r := o.request("AR-1"); r.State != flows.StateTimedOut {
				t.Errorf("%s: %s, want timed out", action, r.State)
			}
		})
	}
}

// TestNothingIsHandedOutAfterTheEnd: the access is over, the sweep has not seen it.
func TestNothingIsHandedOutAfterTheEnd(t *testing.T) {
	for _, action := range []chat.ActionID{chat.ActionCredentials, chat.ActionReset, chat.ActionEndAccess} {
		synctest.Test(t, func(t *testing.T) {
			o := newOffice(t)
			o.ask("k")
			o.activate("AR-1")
			time.Sleep(8 * time.Hour)
			a := o.click("alice", action, "AR-1")
			if got := said(a); got != "The access of AR-1 is already being ended." || a.Then != nil {
				t.Errorf("%s: %q", action, got)
			}
			if r := o.request("AR-1"); r.State != flows.StateRevoking || r.Ending.State != flows.StateExpired {
				t.Errorf("%s: %s, %+v", action, r.State, r.Ending)
			}
		})
	}
}

// TestReasonDialog: Deny always opens it, Approve where a reason is required; the
// rights are judged again when it is submitted.
func TestReasonDialog(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	if a := o.click("bob", chat.ActionDeny, "AR-1"); a.Open == nil || a.Open.Title != "Reason" || a.Open.Submit != "Deny" || !part(t, a.Open, cards.FieldReason).Optional {
		t.Fatalf("%+v", a)
	}
	o.policy.Flows[0].Settings.RequireApproverReason = true // by the policy of this moment
	o.change()
	a := o.click("bob", chat.ActionApprove, "AR-1")
	if a.Open == nil || a.Open.Title != "Reason" || a.Open.Submit != "Approve" || part(t, a.Open, cards.FieldReason).Optional {
		t.Fatalf("%+v", a)
	}
	submit := func(name, reason string) chat.Submitted {
		return o.Submit(t.Context(), chat.FormEvent{User: user(name), Form: chat.FormReason, State: a.Open.State, Values: chat.Values{"reason": {reason}}})
	}
	if got := submit("bob", " \n").Errors[cards.FieldReason]; got != "Please give a reason." {
		t.Errorf("blank: %q", got)
	}
	if got := submit("bob", strings.Repeat("x", flows.MaxReason+1)).Errors[cards.FieldReason]; got != "The reason is longer than 2000 characters." {
		t.Errorf("long: %q", got)
	}
	if got := submit("carol", "why not"); got.Show == nil || plain(got.Show.Parts[0].Text) != "You are not an approver of AR-1." {
		t.Errorf("somebody else submits the dialog: %+v", got)
	}
	for range 2 { // a platform may deliver it twice
		if got := submit("bob", "  on call *today* %s"); got.Errors != nil || got.Show != nil {
			t.Errorf("taken: %+v", got)
		}
	}
	if got := submit("bob", "another"); got.Show == nil || plain(got.Show.Parts[0].Text) != "AR-1 was already approved by you; the access is being granted." {
		t.Errorf("late: %+v", got)
	}
	ds := o.request("AR-1").Decisions
	if len(ds) != 1 || ds[0].Reason != "on call *today* %s" || ds[0].Why != "You are Alice's manager." {
		t.Errorf("%+v", ds)
	}
	for _, state := range []string{"", "{", `{"r":"AR-1"}`, `{"r":"AR-1","v":"grant"}`} {
		got := o.Submit(t.Context(), chat.FormEvent{User: user("bob"), Form: chat.FormReason, State: state})
		if got.Show == nil || !strings.HasPrefix(plain(got.Show.Parts[0].Text), "This dialog is from another version") {
			t.Errorf("state %q: %+v", state, got)
		}
	}
}

// TestDenyWhatIsNotCovered: what cannot be approved any more can be denied.
func TestDenyWhatIsNotCovered(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	o.person("alice").Groups = nil
	o.change()
	if got := said(o.click("bob", chat.ActionApprove, "AR-1")); got != "Alice may not ask under the access flow read any more, so AR-1 cannot be approved." {
		t.Errorf("%q", got)
	}
	a := o.click("bob", chat.ActionDeny, "AR-1")
	if a.Open == nil {
		t.Fatalf("%q", said(a))
	}
	o.Submit(t.Context(), chat.FormEvent{User: user("bob"), Form: chat.FormReason, State: a.Open.State})
	if r := o.request("AR-1"); r.State != flows.StateDenied {
		t.Errorf("%s", r.State)
	}
}

func TestDetails(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	for name, want := range map[string]bool{"alice": true, "bob": true, "eve": true, "carol": false} {
		if a := o.click(name, chat.ActionDetails, "AR-1"); (a.Open != nil) != want {
			t.Errorf("%s: %q", name, said(a))
		}
	}
}

// TestDetailsAreTurned: the right to read is judged at every page.
func TestDetailsAreTurned(t *testing.T) {
	o := newOffice(t)
	r := o.ask("k")
	turn := func(name, state string) *chat.Form {
		return o.Change(t.Context(), chat.FormEvent{User: user(name), Form: chat.FormDetails, Action: chat.ActionPage, State: state})
	}
	state := fmt.Sprintf(`{"r":%q,"s":%q,"p":0}`, r.ID, r.Stamp)
	if form := turn("bob", state); form == nil || form.ID != chat.FormDetails || form.Title != "AR-1" {
		t.Errorf("the approver sees %+v", form)
	}
	if form := turn("carol", state); form == nil || form.ID != chat.FormNotice {
		t.Errorf("somebody else sees %+v", form)
	}
	for _, bad := range []string{"", "{", `{"r":"AR-1","p":-1}`} {
		if form := turn("bob", bad); form != nil {
			t.Errorf("%q shows %+v", bad, form)
		}
	}
}

func TestEndAccess(t *testing.T) {
	for name, want := range map[string]string{
		"alice": "The access of AR-1 is being ended.", "bob": "The access of AR-1 is being ended.", "eve": "The access of AR-1 is being ended.",
		"carol": "You may not end AR-1; its grantee, requestor, approvers and the admins may.",
	} {
		o := newOffice(t)
		o.ask("k")
		if got := said(o.command("alice", "revoke AR-1")); got != "AR-1 is still waiting for approval, so there is nothing to end." {
			t.Errorf("waiting: %q", got)
		}
		o.activate("AR-1")
		if got := said(o.command(name, "revoke ar-1 the fire is out "+strings.Repeat("!", 3000))); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		r := o.request("AR-1")
		if ended := r.State == flows.StateRevoking; ended != (name != "carol") {
			t.Errorf("%s: %s", name, r.State)
		} else if ended && (r.Ending.By.Email != name+"@example.com" || !strings.HasPrefix(r.Ending.Reason, "the fire is out")) {
			t.Errorf("%s: %+v", name, r.Ending)
		}
		if name == "alice" {
			if got := said(o.click("eve", chat.ActionEndAccess, "AR-1")); got != "The access of AR-1 is already being ended." {
				t.Errorf("twice: %q", got)
			}
		}
	}
}

// TestEndByOperator: no person stands behind it, and it says so everywhere.
func TestEndByOperator(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	if _, err := o.EndByOperator(t.Context(), "AR-1", "", ""); flows.ErrorCode(err) != flows.CodeLate || flows.ErrorMessage(err) != "AR-1 is still waiting for approval, so there is nothing to end." {
		t.Errorf("waiting: %v", err)
	}
	if _, err := o.EndByOperator(t.Context(), "AR-2", "", ""); flows.ErrorCode(err) != flows.CodeNotFound {
		t.Errorf("unknown: %v", err)
	}
	o.activate("AR-1")
	r, err := o.EndByOperator(t.Context(), "AR-1", "root", "The laptop was stolen.")
	if err != nil || r.State != flows.StateRevoking || r.Ending.By != (flows.PersonRef{Name: "the operator (root)"}) || r.Ending.Reason != "The laptop was stolen." {
		t.Fatalf("%s, %+v, %v", r.State, r.Ending, err)
	}
	if _, err := o.EndByOperator(t.Context(), "AR-1", "", ""); flows.ErrorMessage(err) != "The access of AR-1 is already being ended." {
		t.Errorf("twice: %v", err)
	}
	r, err = o.store.Apply(t.Context(), time.Now(), "AR-1", flows.Event{Kind: flows.EventGone, Integration: "pg"})
	if err != nil {
		t.Fatal(err)
	}
	card, _ := cards.Card(r, flows.PostKey{Request: "AR-1", Audience: flows.AudienceApprover, Person: "bob@example.com", Topic: flows.TopicRequest}, time.Now())
	if got := plain(card.Status); !strings.HasPrefix(got, "Revoked by the operator (root) ") || !strings.HasSuffix(got, ": The laptop was stolen.") {
		t.Errorf("card: %q", got)
	}
	events, err := o.store.Audit(1, 100)
	if err != nil {
		t.Fatal(err)
	}
	if got := cards.Audit(events[len(events)-1:]).Fallback; got != "AR-1 revoked by the operator (root)" {
		t.Errorf("audit: %q", got)
	}
	if got := said(o.click("alice", chat.ActionEndAccess, "AR-1")); got != "The access of AR-1 was ended by the operator (root): The laptop was stolen." {
		t.Errorf("late: %q", got)
	}
}

// TestRenamedPersonActs: the directory knows Alice and Bob by new addresses.
func TestRenamedPersonActs(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	for _, name := range []string{"alice", "bob"} {
		p := o.person(name)
		p.Aliases, p.Email = []string{p.Email}, "new."+p.Email
	}
	o.change()
	if got := said(o.click("alice", chat.ActionApprove, "AR-1")); got != "You are not an approver of AR-1." {
		t.Errorf("alice approves: %q", got)
	}
	if a := o.click("alice", chat.ActionAgain, "AR-1"); a.Open == nil {
		t.Errorf("again: %q", said(a))
	}
	if got := said(o.click("alice", chat.ActionWithdraw, "AR-1")); got != "" || o.request("AR-1").State != flows.StateWithdrawn {
		t.Errorf("withdraw: %q, %s", got, o.request("AR-1").State)
	}
}

// TestRequestAgain fills the form like the earlier request.
func TestRequestAgain(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	o.click("alice", chat.ActionWithdraw, "AR-1")
	f := o.click("alice", chat.ActionAgain, "AR-1").Open
	got := map[string][]string{}
	for _, field := range []string{"integration", "type", "resources", "permissions"} {
		got[field] = chosen(part(t, f, field))
	}
	got["duration"], got["justification"] = []string{part(t, f, "duration").Value}, []string{part(t, f, "justification").Value}
	want := map[string][]string{
		"integration": {"pg"}, "type": {"database"}, "resources": {"db-1"}, "permissions": {"read"}, "duration": {"8h"}, "justification": {"INC-12"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := said(o.click("bob", chat.ActionAgain, "AR-1")); got != "Only the requester can ask for AR-1 again." {
		t.Errorf("somebody else: %q", got)
	}
}

func TestUnknownButton(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	for _, action := range []chat.ActionID{"fly", "", chat.ActionMode} {
		if got := said(o.click("alice", action, "AR-1")); got != "This button is from another version of the bot. Please open the latest message." {
			t.Errorf("%q: %q", action, got)
		}
	}
}

// TestReplayedPress: whoever pressed before a restart is told what became of it, and
// it is judged as of now.
func TestReplayedPress(t *testing.T) {
	const restarted = "The bot was restarted after you pressed Approve on AR-1. "
	for _, tt := range []struct {
		name   string
		before func(*office)
		by     string
		want   string
		state  flows.State
	}{
		{"it counts now", func(*office) {}, "bob", restarted + "It counts. AR-1 was approved by you; the access is being granted.", flows.StateApproved},
		{"it had counted before", func(o *office) { o.click("bob", chat.ActionApprove, "AR-1") }, "bob", restarted + "AR-1 was already approved by you; the access is being granted.", flows.StateApproved},
		{"it is too late", func(o *office) { o.click("alice", chat.ActionWithdraw, "AR-1") }, "bob", restarted + "AR-1 was withdrawn by Alice.", flows.StateWithdrawn},
		{"the policy has changed", func(o *office) { o.person("alice").Manager = "carol@example.com" }, "bob", restarted + "You are not an approver of AR-1.", flows.StatePending},
		{"an outsider", func(*office) {}, "carol", restarted + "You are not an approver of AR-1.", flows.StatePending},
	} {
		o := newOffice(t)
		o.ask("k")
		tt.before(o)
		o.change()
		a := o.Click(t.Context(), chat.Click{User: user(tt.by), Action: chat.ActionApprove, Target: chat.Target{Request: "AR-1", Stamp: o.request("AR-1").Stamp}, Replayed: true})
		if got := said(a); got != tt.want || a.Private.Fallback == "" {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		if r := o.request("AR-1"); r.State != tt.state {
			t.Errorf("%s: %s, want %s", tt.name, r.State, tt.state)
		}
	}
	o := newOffice(t)
	o.ask("k")
	if a := o.Click(t.Context(), chat.Click{User: user("bob"), Action: chat.ActionDeny, Target: chat.Target{Request: "AR-1", Stamp: o.request("AR-1").Stamp}, Replayed: true}); a.Open == nil || a.Private != nil {
		t.Errorf("a dialog is left to the platform, which says that it cannot open it: %+v", a)
	}
}
