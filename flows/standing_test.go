package flows_test

import (
	"testing"

	"apono/flows"
)

// TestStandingToWhoDecided: whoever decided reads "you", everybody else the names.
func TestStandingToWhoDecided(t *testing.T) {
	both := draft("pg")
	both.Need = flows.Need{Mode: flows.ModeAllOf, Groups: []string{"leads", "dba"}}
	byBoth := play(t, both, submit, approve, flows.Event{Kind: flows.EventApprove, By: carol, CountsFor: []int{1}})
	const granting = "; the access is being granted."
	gone := play(t, draft("pg"), submit, flows.Event{Kind: flows.EventWithdraw, By: alice})
	for _, tt := range []struct {
		r            flows.Request
		reader, want string
	}{
		{byBoth, "", "AR-1 was already approved by Bob and Carol" + granting},
		{byBoth, alice.Email, "AR-1 was already approved by Bob and Carol" + granting},
		{byBoth, bob.Email, "AR-1 was already approved by you and Carol" + granting},
		{byBoth, "Carol@Example.com", "AR-1 was already approved by Bob and you" + granting},
		{gone, bob.Email, "AR-1 was withdrawn by Alice."},
		{gone, alice.Email, "AR-1 was withdrawn by you."},
	} {
		if got := tt.r.StandingFor(tt.reader); got != tt.want {
			t.Errorf("to %q: %q, want %q", tt.reader, got, tt.want)
		}
	}
	if got, want := byBoth.CountedFor(carol.Email), "AR-1 was approved by Bob and you"+granting; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var ended flows.Request
	ended.ID, ended.State = "AR-1", flows.StateRevoked
	if got := ended.StandingFor(""); got != "The access of AR-1 was ended by the bot." {
		t.Errorf("%q", got)
	}
}
