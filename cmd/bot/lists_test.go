package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/slack"
	"apono/flows"
)

// TestListsFitIntoOneMessage: however long the texts of the requests in a list are,
// each of them is there with its buttons.
func TestListsFitIntoOneMessage(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	alice := flows.PersonRef{Email: "alice@example.com", Name: strings.Repeat("漢", 200)}
	bob := flows.PersonRef{Email: "bob@example.com", Name: strings.Repeat("😀", 200)}
	var page, asking, broken []flows.Request
	for i := range cards.ListSize {
		r := flows.Request{
			ID: fmt.Sprintf("AR-%d", 100000+i), Seq: uint64(i + 1), Requestor: alice, Grantee: alice, Flow: "f", Duration: time.Hour,
			Bundle: strings.Repeat("<!channel> ", 50), Justification: strings.Repeat("*`~_ ", 400),
			Need:   flows.Need{Mode: flows.ModeAllOf, Groups: []string{strings.Repeat("a", 300), "b"}},
			Asked:  []flows.Asked{{PersonRef: bob, Groups: []int{0}, Why: strings.Repeat("%s ", 200)}},
			Groups: []flows.AccessGroup{{Integration: "x", Items: []flows.Item{{Unit: flows.Unit{Integration: "x", ResourceType: "t", Resource: "r", Permission: "p"}}}}},
		}
		r, _, err := flows.Next(r, flows.Event{Kind: flows.EventSubmit, By: alice}, now)
		if err != nil {
			t.Fatal(err)
		}
		page = append(page, r)
		r.State, r.Need, r.EndsAt = flows.StateActive, flows.Need{Automatic: true}, now.Add(time.Hour)
		glass := r
		glass.BreakGlass, glass.ExplainBy = true, now.Add(time.Hour) // nobody approves that, so nobody has to extend it
		broken = append(broken, glass)
		r.Extensions = []flows.Extension{{By: alice, For: time.Hour, State: flows.ExtensionAsked, Need: page[i].Need, Asked: page[i].Asked}}
		asking = append(asking, r)
	}
	for name, card := range map[string]struct {
		buttons []string
		m       slack.Message
	}{
		"requests": {[]string{"withdraw", "details"}, slack.RenderCard(cards.Requests(page, alice.Email, false, true, now))},
		"asking":   {[]string{"end_access", "details"}, slack.RenderCard(cards.Requests(asking, alice.Email, false, true, now))},
		"broken":   {[]string{"explain", "end_access", "details"}, slack.RenderCard(cards.Requests(broken, alice.Email, false, true, now))},
		"tasks":    {[]string{"approve", "deny", "details"}, slack.RenderCard(cards.Tasks(page, bob.Email, false, true, now))},
	} {
		b, err := json.Marshal(card.m.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		for _, button := range card.buttons {
			if n := strings.Count(string(b), `"action_id":"`+button+`"`); n != len(page) {
				t.Errorf("%s: %d buttons %s in %d bytes, dropped %v", name, n, button, len(b), card.m.Dropped)
			}
		}
		if !strings.Contains(string(b), `"action_id":"more_`) {
			t.Errorf("%s: the next page is out of reach", name)
		}
	}
}
