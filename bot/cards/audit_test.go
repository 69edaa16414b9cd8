package cards_test

import (
	"testing"

	"apono/bot/cards"
	"apono/flows"
)

// TestTheAuditChannelReadsRightsInTheThirdPerson, whatever the people are called; a
// decision that was recorded as a sentence alone keeps it.
func TestTheAuditChannelReadsRightsInTheThirdPerson(t *testing.T) {
	you := flows.PersonRef{Email: "you@example.com", Name: "Nobody, and you are Eve"}
	for _, tc := range []struct {
		decision flows.Decision
		want     string
	}{
		{
			flows.Decision{Why: "You are in the group dba.", Ground: flows.Ground{Role: "in the group dba"}},
			"Carol (carol@example.com) · is in the group dba",
		},
		{
			flows.Decision{Why: "x", Ground: flows.Ground{Role: you.Name + "'s manager", Late: flows.LateUndecided}},
			"Carol (carol@example.com) · is Nobody, and you are Eve's manager; nobody decided in time",
		},
		{flows.Decision{Why: "You are Nobody, and you are Eve's manager."}, "Carol (carol@example.com) · You are Nobody, and you are Eve's manager"},
		{flows.Decision{}, "Carol (carol@example.com)"},
	} {
		tc.decision.By, tc.decision.Verb = carol, flows.VerbApprove
		e := flows.AuditEvent{At: noon, Fact: flows.Fact{
			Kind: flows.FactApproved, Request: "AR-1", Requestor: alice, Grantee: alice, Actor: carol, Decisions: []flows.Decision{tc.decision},
		}}
		found := false
		for _, f := range cards.Audit([]flows.AuditEvent{e}).Sections[0].Fields {
			if f.Label == "Approved by" {
				found = true
				if got := f.Value.Words(1000); got != tc.want {
					t.Errorf("the channel reads %q, want %q", got, tc.want)
				}
			}
		}
		if !found {
			t.Error("the channel does not read who approved")
		}
	}
}
