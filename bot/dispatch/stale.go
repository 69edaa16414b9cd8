package dispatch

import (
	"slices"
	"strings"

	"apono/bot/chat"
)

// offersOf are the actions that a card offers, each once: "approve deny details".
func offersOf(c chat.Card) string {
	var ids []string
	add := func(actions []chat.Action) {
		for _, a := range actions {
			ids = append(ids, string(a.ID))
		}
	}
	add(c.Actions)
	add(c.Menu)
	for _, s := range c.Sections {
		add(s.Actions)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " ")
}

// stale reports whether a message that offered something offers a part of it no more:
// whoever looks at it could press in vain.
func stale(offered string, now chat.Card) bool {
	offers := strings.Fields(offersOf(now))
	return slices.ContainsFunc(strings.Fields(offered), func(id string) bool { return !slices.Contains(offers, id) })
}
