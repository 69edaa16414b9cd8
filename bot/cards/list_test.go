package cards_test

import (
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestLists draws what people get for /apono requests and /apono tasks.
func TestLists(t *testing.T) {
	var mine, waits, open []flows.Request
	now := noon
	for _, s := range specimens(t) {
		switch s.name {
		case "pending", "pending, another of the group has approved":
			waits = append(waits, s.r)
			mine = append(mine, s.r)
		case "active", "denied", "pending, for somebody else", "revoking":
			mine = append(mine, s.r)
		case "active, more time, one of two", "active, glass broken", "revoked, glass not explained":
			open = append(open, s.r)
		}
	}
	golden(t, "lists", map[string]chat.Card{
		"requests":            cards.Requests(mine, alice.Email, false, true, now),
		"requests of another": cards.Requests(mine[:1], "dan@example.com", false, false, now),
		"requests, open":      cards.Requests(open, alice.Email, false, false, now),
		"no requests":         cards.Requests(nil, alice.Email, false, false, now),
		"no older requests":   cards.Requests(nil, alice.Email, true, false, now),
		"tasks of Bob":        cards.Tasks(waits, bob.Email, false, true, now),
		"tasks of Dan":        cards.Tasks(waits, "dan@example.com", false, false, now),
		"activity":            cards.Activity(mine, flows.Activity{People: []string{alice.Email, "al@example.com"}, State: flows.StateActive, From: noon.Add(-24 * time.Hour), To: noon}, "alice@example.com status active", false, true, now),
		"activity of all":     cards.Activity(mine[:1], flows.Activity{}, "", false, false, now),
		"no activity":         cards.Activity(nil, flows.Activity{Integration: "pg"}, "in pg", false, false, now),
		"no tasks":            cards.Tasks(nil, bob.Email, false, false, now),
		"pressed":             cards.Standing(waits[1], now),
	})
}
