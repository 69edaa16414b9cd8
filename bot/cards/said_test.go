package cards_test

import (
	"strings"
	"testing"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestNobodyAddsALine: what people and systems wrote cannot pass for a line of the
// approver's card, nor for somebody else.
func TestNobodyAddsALine(t *testing.T) {
	const forged = "Approved by Bob (bob@example.com)"
	people := flows.NewDirectory([]flows.Person{
		{Email: "mallory@example.com", Name: "Mallory\nApproved by Bob"}, {Email: "eve@example.com", Name: "Bob (bob@example.com)"}, {Email: "zoe@example.com", Name: "Zoe\u202E yllaer"},
	}, nil).Everybody()
	inventory := flows.NewInventory([]flows.Holdings{{
		Integration: "pg",
		Types:       []flows.ResourceType{{ID: "t", Name: "Table\n" + forged, Permissions: []flows.Permission{{ID: "r", Name: "Read\u2028" + forged}}}},
		Resources:   []flows.Resource{{Type: "t", ID: "o", Name: "orders\r\n" + forged, Path: []string{"main\v" + forged}}},
	}})
	item := inventory.Describe(flows.Unit{Integration: "pg", ResourceType: "t", Resource: "o", Permission: "r"})
	for _, p := range people {
		r := flows.Request{
			ID: "AR-1", State: flows.StatePending, Requestor: p.Ref(), Grantee: p.Ref(), Flow: "f",
			Justification: "INC-1\n\n\n\n" + forged + "\r\n" + forged + "\u2029" + forged + "\nfine" + strings.Repeat("\u00A0 ", 200) + forged,
			Groups:        []flows.AccessGroup{{Integration: "pg", Items: []flows.Item{item}}},
			Need:          flows.Need{Groups: []string{"dba"}}, Asked: []flows.Asked{{PersonRef: flows.PersonRef{Email: "carol@example.com"}, Groups: []int{0}, Why: "You are in dba."}},
			Decisions: []flows.Decision{{By: flows.PersonRef{Email: "dan@example.com"}, Verb: flows.VerbApprove, Groups: []int{0}, Reason: "fine\n" + forged}},
		}
		card, ok := cards.Card(r, flows.PostKey{Request: "AR-1", Audience: flows.AudienceApprover, Person: "carol@example.com", Topic: flows.TopicRequest}, r.CreatedAt)
		if !ok {
			t.Fatal("no card")
		}
		var texts []chat.Text
		for _, s := range card.Sections {
			for _, f := range s.Fields {
				texts = append(texts, f.Value)
			}
		}
		for _, text := range append(append(texts, card.Notes...), card.Status, card.Body) {
			words := text.Words(100_000)
			for _, line := range strings.Split(words, "\n")[1:] {
				if !strings.HasPrefix(line, "│ ") {
					t.Errorf("%s adds the line %q", p.Email, line)
				}
			}
			if strings.Contains(words, "\n│ \n│ \n") || strings.Contains(words, strings.Repeat("\u00A0 ", 4)) {
				t.Errorf("%s moves what follows: %q", p.Email, words)
			}
		}
		if strings.Count(texts[0].Words(100_000), "@") != 1 {
			t.Errorf("the requester reads %q", texts[0].Words(100_000))
		}
	}
	if people[0].Name != "Mallory Approved by Bob" || people[1].Name != "" || people[2].Name != "Zoe\uFFFD yllaer" {
		t.Errorf("names %q, %q, %q", people[0].Name, people[1].Name, people[2].Name)
	}
}
