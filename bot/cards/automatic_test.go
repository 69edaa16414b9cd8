package cards_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// standing is what Alice has by an automatic flow; nobody asked for it.
func standing(t *testing.T, events ...flows.Event) specimen {
	t.Helper()
	r := draft()
	r.Trigger, r.Flow, r.Duration, r.Indefinite, r.Justification = flows.TriggerAutomatic, "On call reads", 0, true, ""
	r.Need, r.Asked, r.Groups = flows.Need{Automatic: true}, nil, r.Groups[1:]
	return play(t, "automatic", r, append([]flows.Event{of(flows.EventGranted, "deploy-tool")}, events...)...)
}

// TestNobodyAskedForIt: of automatic access everything says who has it and by which flow,
// and nothing that somebody asked.
func TestNobodyAskedForIt(t *testing.T) {
	s := standing(t)
	granted := flows.PostKey{Request: s.r.ID, Audience: flows.AudienceRequester, Person: alice.Email, Topic: flows.TopicGranted}
	card, ok := cards.Card(s.r, granted, s.now)
	if !ok {
		t.Fatal("there is no message about it")
	}
	for name, x := range map[string]struct {
		drawn any
		want  []string
	}{
		"granted":  {card, []string{"The access flow On call reads gives it to you for as long as you match it."}},
		"activity": {cards.Activity([]flows.Request{s.r}, flows.Activity{}, "", false, false, s.now), []string{"Holder", "Since", "As long as the access flow gives it"}},
		"requests": {cards.Requests([]flows.Request{s.r}, alice.Email, false, false, s.now), []string{"Since", "As long as the access flow gives it"}},
		"details":  {cards.Details(s.r, alice.Email, s.now, 0, nil), []string{"Holder", "On call reads", "Nobody; the access flow gives it by itself"}},
		"audit":    {cards.Audit(s.facts), []string{"Holder", "On call reads", "As long as the access flow gives it"}},
	} {
		raw, err := json.Marshal(x.drawn)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range x.want {
			if !strings.Contains(string(raw), want) {
				t.Errorf("%s does not say %q: %s", name, want, raw)
			}
		}
		for _, not := range []string{"Requester", `"Asked"`, "Without limit"} {
			if name == "details" && not == `"Asked"` {
				continue // it says that nobody was
			}
			if strings.Contains(string(raw), not) {
				t.Errorf("%s says %s: %s", name, not, raw)
			}
		}
	}
}

// TestItComesBack: who ends automatic access is told before, and afterwards, when it comes
// back; not where the bot ended it.
func TestItComesBack(t *testing.T) {
	const again = "It comes back a day after that, or when what the access flow On call reads covers changes, if "
	s := standing(t)
	granted := flows.PostKey{Request: s.r.ID, Audience: flows.AudienceRequester, Person: alice.Email, Topic: flows.TopicGranted}
	card, _ := cards.Card(s.r, granted, s.now)
	if text := card.Actions[0].Confirm.Text; !strings.Contains(text, again+"Alice still matches.") {
		t.Errorf("%s", text)
	}
	for name, tt := range map[string]struct {
		end  flows.Event
		says bool
	}{
		"by the person":   {flows.Event{Kind: flows.EventRevoke, By: alice, Reason: "a drill"}, true},
		"by an admin":     {flows.Event{Kind: flows.EventRevoke, By: carol, Reason: "a drill"}, true},
		"by the operator": {flows.Event{Kind: flows.EventRevoke, By: flows.TheOperator, Reason: "a drill"}, true},
		"by the flow":     {flows.Event{Kind: flows.EventLostRight, Reason: "Alice does not match."}, false},
	} {
		s := standing(t, tt.end, of(flows.EventGone, "deploy-tool"))
		key := flows.PostKey{Request: s.r.ID, Audience: flows.AudienceRequester, Person: alice.Email, Topic: flows.TopicRevoked}
		card, ok := cards.Card(s.r, key, s.now)
		if !ok {
			t.Fatal("there is no message that it is over")
		}
		var notes strings.Builder
		when := false
		for _, n := range card.Notes {
			notes.WriteString(n.Words(1000))
			for _, span := range n {
				when = when || span == chat.At(s.r.EndedAt.Add(24*time.Hour))
			}
		}
		if got := strings.Contains(notes.String(), "It comes back by itself"); got != tt.says || when != tt.says {
			t.Errorf("%s: %q", name, notes.String())
		}
	}
	// What somebody asked for does not come back.
	asked := play(t, "revoked", draft(), decide(flows.EventApprove, bob, 0, ""), decide(flows.EventApprove, carol, 1, ""), of(flows.EventGranted, "prod-postgres"), of(flows.EventGranted, "deploy-tool"))
	card, _ = cards.Card(asked.r, granted, asked.now)
	if text := card.Actions[0].Confirm.Text; strings.Contains(text, "comes back") {
		t.Errorf("%s", text)
	}
}

// TestNobodyRequestedWhatFails: where nothing of automatic access could be granted, nobody is
// told to request it again, and it has no time before which it ends.
func TestNobodyRequestedWhatFails(t *testing.T) {
	words := func(c chat.Card) string {
		text := c.Body.Words(1000)
		for _, n := range c.Notes {
			text += " " + n.Words(1000)
		}
		return text
	}
	r := standing(t).r
	for name, tt := range map[string]struct {
		status flows.GroupStatus
		want   string
	}{
		"being taken back": {flows.GroupUndoing, "The access flow On call reads gives you Deploy on payments in deploy-tool, but nothing could be granted. What was begun is being taken back, and it is tried again later, if you still match."},
		"failed":           {flows.GroupFailed, "The access flow On call reads gives you Deploy on payments in deploy-tool, but nothing could be granted, and nothing is left in any system. It is tried again after 15 minutes, if you still match. Your administrator can mend the reason below."},
	} {
		r := r
		r.State, r.Groups = flows.StateFailed, []flows.AccessGroup{{Integration: "deploy-tool", Items: r.Groups[0].Items, Status: tt.status, Problem: "no such role"}}
		card, ok := cards.Card(r, flows.PostKey{Request: r.ID, Audience: flows.AudienceRequester, Person: alice.Email, Topic: flows.TopicFailed}, noon)
		if !ok {
			t.Fatal("there is no message that it failed")
		}
		if got := words(card); !strings.HasPrefix(got, tt.want) || strings.Contains(got, "request it") {
			t.Errorf("%s: %s", name, got)
		}
	}
	s := standing(t, flows.Event{Kind: flows.EventLostRight, Reason: "Alice does not match."}, of(flows.EventGone, "deploy-tool"))
	card, _ := cards.Card(s.r, flows.PostKey{Request: s.r.ID, Audience: flows.AudienceRequester, Person: alice.Email, Topic: flows.TopicRevoked}, s.now)
	if got := words(card); strings.Contains(got, "before its time") || !strings.Contains(got, "was ended. It was taken back in every system.") {
		t.Error(got)
	}
}
