package bot_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestLessIsJudgedAtItsSubmission: what is true when the dialog is submitted counts,
// not when it was opened.
func TestLessIsJudgedAtItsSubmission(t *testing.T) {
	o := newOffice(t)
	r := o.ask("k")
	form := o.click("bob", chat.ActionLess, r.ID).Open
	if form == nil {
		t.Fatal("no dialog")
	}
	if got := said(o.click("alice", chat.ActionLess, r.ID)); got != "You are not an approver of AR-1." {
		t.Errorf("the requester herself: %q", got)
	}
	submit := func(who string, v chat.Values) chat.Submitted {
		return o.Submit(t.Context(), chat.FormEvent{User: user(who), Form: chat.FormLess, State: form.State, Values: v})
	}
	for _, tt := range []struct {
		name   string
		values chat.Values
		want   map[string]string
	}{
		{"longer", chat.Values{cards.FieldDuration: {"90d"}}, map[string]string{cards.FieldDuration: "AR-1 asks for " + flows.FormatDuration(r.Duration) + "; you can only shorten that."}},
		{"no duration", chat.Values{cards.FieldDuration: {"soon"}}, map[string]string{cards.FieldDuration: `"soon" is not a duration. Please write for example 30m, 2h or 1d.`}},
		{"everything", chat.Values{cards.FieldWithout: {"0"}}, map[string]string{cards.FieldWithout: "Nothing would be left. Use Deny instead."}},
		{"nonsense", chat.Values{cards.FieldWithout: {"7"}}, map[string]string{cards.FieldWithout: "AR-1 does not ask for everything that you leave out."}},
	} {
		if diff := cmp.Diff(tt.want, submit("bob", tt.values).Errors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	if got := submit("alice", nil); got.Show == nil {
		t.Error("the requester's own submission was taken")
	}
	o.click("alice", chat.ActionWithdraw, r.ID)
	if got := submit("bob", chat.Values{cards.FieldDuration: {"10m"}}); got.Show == nil {
		t.Errorf("taken back meanwhile: %+v", got)
	}
	if got := o.request(r.ID); got.State != flows.StateWithdrawn || got.Wanted != nil {
		t.Errorf("%s, %+v", got.State, got.Wanted)
	}
}

// TestLessTwice: a repeat of the same submission is answered like the first.
func TestLessTwice(t *testing.T) {
	o := newOffice(t)
	r := o.ask("k")
	form := o.click("bob", chat.ActionLess, r.ID).Open
	e := chat.FormEvent{User: user("bob"), Form: chat.FormLess, State: form.State, Values: chat.Values{cards.FieldDuration: {"10m"}}}
	for range 2 {
		if got := o.Submit(t.Context(), e); got.Show != nil || got.Errors != nil {
			t.Errorf("%+v", got)
		}
	}
	if got := o.request(r.ID); got.State != flows.StateApproved || got.LeftOut() != "for 10 minutes instead of "+flows.FormatDuration(r.Duration) {
		t.Errorf("%s, %q", got.State, got.LeftOut())
	}
}
