package cards_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/flows"
)

// TestWhatIsLeftOfAnAccess that ended: what a system did not confirm, and what
// another request holds too, is not said to be taken back.
func TestWhatIsLeftOfAnAccess(t *testing.T) {
	alice := flows.PersonRef{Email: "alice@example.com", Name: "Alice"}
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	pg, hook := flows.AccessGroup{Integration: "pg", GrantedAt: now}, flows.AccessGroup{Integration: "hook", GrantedAt: now}
	kept, stated := pg, hook
	kept.Kept, stated.DeclaredGone = true, true
	for _, c := range []struct {
		groups []flows.AccessGroup
		want   string
	}{
		{[]flows.AccessGroup{pg, hook}, "It was taken back in every system."},
		{[]flows.AccessGroup{kept, hook}, "It was taken back in every system, but for what you have by another request too."},
		{[]flows.AccessGroup{stated}, "The operator of the bot states that it is gone; hook did not confirm it."},
		{[]flows.AccessGroup{pg, stated}, "It was taken back in every system, but in hook: there the operator of the bot states that it is gone."},
	} {
		r := flows.Request{ID: "AR-1", State: flows.StateRevoked, Requestor: alice, Grantee: alice, Bundle: "b", Groups: c.groups, ActiveAt: now, EndedAt: now.Add(time.Hour)}
		card, ok := cards.Card(r, flows.PostKey{Request: r.ID, Audience: flows.AudienceRequester, Person: alice.Email, Topic: flows.TopicRevoked}, now)
		text, err := json.Marshal(card.Body)
		if !ok || err != nil || !strings.Contains(string(text), " was ended before its time. "+c.want+`"`) {
			t.Errorf("%v, %v: %s, want %q", ok, err, text, c.want)
		}
	}
}
