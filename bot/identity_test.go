package bot_test

import (
	"slices"
	"testing"

	"apono/bot/chat"
	"apono/flows"
)

// TestWhoActsIsAskedAboutFirst: platforms say of few people at once who they are, so
// that whoever presses or submits goes before those who look.
func TestWhoActsIsAskedAboutFirst(t *testing.T) {
	o := newOffice(t)
	o.ask("k")
	lists := func(action chat.ActionID) func() {
		return func() { o.clickOn("bob", action, chat.Target{}) }
	}
	for name, tc := range map[string]struct {
		do    func()
		haste chat.Priority
	}{
		"a press":      {func() { o.click("bob", chat.ActionDetails, "AR-1") }, chat.PriorityNow},
		"a submission": {func() { o.Submit(t.Context(), chat.FormEvent{User: user("alice"), Form: chat.FormRequest, Key: "l"}) }, chat.PriorityNow},
		"a command":    {func() { o.command("bob", "revoke AR-1") }, chat.PriorityNow},
		"a form":       {func() { o.command("bob", "") }, chat.PriorityForm},
		"a home":       {func() { o.Home(t.Context(), chat.HomeQuery{User: user("bob")}) }, chat.PriorityRequester},
		"a list":       {func() { o.command("bob", "tasks") }, chat.PriorityRequester},
		"more of it":   {lists(chat.ActionMoreTasks), chat.PriorityRequester},
		"a card": {func() {
			o.Redraw(t.Context(), chat.Click{User: user("bob"), Target: chat.Target{Request: "AR-1"}})
		}, chat.PriorityRequester},
	} {
		t.Run(name, func(t *testing.T) {
			o.haste = nil
			tc.do()
			if len(o.haste) == 0 || slices.ContainsFunc(o.haste, func(p chat.Priority) bool { return p != tc.haste }) {
				t.Errorf("asked with priorities %v, want %d", o.haste, tc.haste)
			}
		})
	}
}

// TestRefusalsInTheWordsOfThePlatform: Teams has no workspaces.
func TestRefusalsInTheWordsOfThePlatform(t *testing.T) {
	o := newOffice(t)
	o.accounts["gina"] = chat.Account{Email: "alice@example.com", EmailVerified: true, Guest: true}
	o.accounts["zoe"] = chat.Account{Email: "alice@example.com", EmailVerified: true, External: true}
	for u, want := range map[chat.User]string{
		{Platform: "slack", ID: "gina"}: "Guests cannot use this. Please ask a member of the workspace.",
		{Platform: "teams", ID: "gina"}: "Guests cannot use this. Please ask a member of the organisation.",
		{Platform: "slack", ID: "zoe"}:  "People of other workspaces cannot use this.",
		{Platform: "teams", ID: "zoe"}:  "People of other organisations cannot use this.",
	} {
		if got := said(o.Command(t.Context(), chat.Command{User: u})); got != want {
			t.Errorf("%s in %s reads %q, want %q", u.ID, u.Platform, got, want)
		}
	}
}

// TestForetellClick: a press that needs a dialog says so before anybody is asked who
// made it.
func TestForetellClick(t *testing.T) {
	o := newOffice(t)
	at := chat.Target{Request: "AR-1", Stamp: o.ask("k").Stamp}
	foretold := func(action chat.ActionID, target chat.Target, want chat.Manner) {
		t.Helper()
		o.haste = nil
		if got := o.ForetellClick(chat.Click{User: user("bob"), Action: action, Target: target}); got != want || len(o.haste) > 0 {
			t.Errorf("%s on %+v: %d, want %d; %d questions", action, target, got, want, len(o.haste))
		}
	}
	foretold(chat.ActionDeny, at, chat.MannerOpens)
	foretold(chat.ActionApprove, at, chat.MannerActs)
	o.policy.Flows[0].Settings.RequireApproverReason = true // by the policy of this moment
	o.change()
	foretold(chat.ActionApprove, at, chat.MannerOpens)
	foretold(chat.ActionWithdraw, at, chat.MannerActs)
	foretold(chat.ActionApprove, chat.Target{Request: "AR-1", Stamp: "another"}, chat.MannerActs)
	foretold(chat.ActionApprove, chat.Target{Request: "AR-9"}, chat.MannerActs)
	at.Extension = 1
	foretold(chat.ActionApprove, at, chat.MannerActs)
	at.Extension = 0
	o.click("bob", chat.ActionDeny, "AR-1")
	o.Submit(t.Context(), chat.FormEvent{
		User: user("bob"), Form: chat.FormReason, State: `{"r":"AR-1","v":"deny","s":"` + at.Stamp + `"}`, Values: chat.Values{"reason": {"no"}}, Key: "d",
	})
	if got := o.request("AR-1").State; got != flows.StateDenied {
		t.Fatalf("the request is %s", got)
	}
	foretold(chat.ActionApprove, at, chat.MannerActs)
}
