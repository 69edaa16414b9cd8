package cards_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/cards"
	"apono/bot/chat"
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

// TestEverybodyReadsTheMomentsOfANoteInTheirZone: those that the fact names, wherever its
// reason states them, and no others; the words are as they are stored.
func TestEverybodyReadsTheMomentsOfANoteInTheirZone(t *testing.T) {
	ends := noon.Add(42 * time.Second)
	f := flows.Fact{
		Kind: flows.FactOperator, Text: "pg does not hold access that is live: AR-1/pg, AR-2/pg.", Times: []time.Time{ends, noon.Add(time.Hour)},
		Reason: "AR-1/pg: Alice should have it until " + flows.StatedTime(ends) + ".\nAR-2/pg: Bob should have it until " + flows.StatedTime(noon.Add(time.Hour)) +
			".\nSomebody said " + flows.StatedTime(noon.Add(24*time.Hour)) + ", and until " + flows.StatedTime(ends) + ".",
	}
	want := chat.Text{
		chat.Plain("│ AR-1/pg: Alice should have it until "), chat.At(ends), chat.Plain(".\n│ AR-2/pg: Bob should have it until "), chat.At(noon.Add(time.Hour)),
		chat.Plain(".\n│ Somebody said " + flows.StatedTime(noon.Add(24*time.Hour)) + ", and until "), chat.At(ends), chat.Plain("."),
	}
	one := flows.AuditEvent{At: noon, Fact: f}
	for name, card := range map[string]chat.Card{
		"alone": cards.Audit([]flows.AuditEvent{one}), "among others": cards.Audit([]flows.AuditEvent{one, one}), "in a direct message": cards.Held(f),
	} {
		fields := card.Sections[0].Fields
		details := fields[len(fields)-1]
		if diff := cmp.Diff(want, details.Value); diff != "" || details.Label != "Details" {
			t.Errorf("%s, %s (-want +got):\n%s", name, details.Label, diff)
		}
		if got := details.Value.Words(1000); got != "│ "+strings.ReplaceAll(f.Reason, "\n", "\n│ ") {
			t.Errorf("%s: without drawn times it is %q", name, got)
		}
	}
}
