package bot_test

import (
	"strings"
	"testing"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// cardText is a card as lines: title, status, fields, notes.
func cardText(c *chat.Card) string {
	if c == nil {
		return ""
	}
	out := []string{c.Title}
	if len(c.Status) > 0 {
		out = append(out, plain(c.Status))
	}
	for _, s := range c.Sections {
		line := s.Title
		for _, f := range s.Fields {
			line += " | " + f.Label + ": " + plain(f.Value)
		}
		out = append(out, line)
	}
	for _, n := range c.Notes {
		out = append(out, strings.ReplaceAll(plain(n), "\n", " / "))
	}
	return strings.Join(out, "\n")
}

// TestExplainInChat: what a person may ask for, under which flow and who would be
// asked; of a bundle, the answer and why.
func TestExplainInChat(t *testing.T) {
	o := newOffice(t)
	o.Now = wednesday
	o.policy.Flows[1].Timeframe = &flows.Timeframe{Days: []time.Weekday{0}, From: 0, To: 1, TimeZone: "UTC", Zone: time.UTC}
	o.policy.Flows = append(o.policy.Flows, flows.Flow{Name: "off", Trigger: flows.TriggerSelfServe, Requestors: o.policy.Flows[0].Requestors})
	o.change()
	got := cardText(o.command("alice", "explain").Private)
	want := "What you may ask for\nread | What: database in pg, role in pg, bundle prod-incident | Longest: 8 hours | Asked: Bob (your manager)\ntools | What: bundle Tools for Ops, database in pg | Longest: 1 hour | Not now: it is open Sun 00:00 to 00:01 (UTC), next on Sunday, "
	if !strings.HasPrefix(got, want) || strings.Contains(got, "\noff") {
		t.Errorf("%s\nwant %s", got, want)
	}
	got = cardText(o.command("alice", "explain Prod-Incident").Private)
	if want := "Asked: Bob (your manager) | Chosen: A request would be made under this access flow.\nAccess flow: read"; !strings.Contains(got, want) {
		t.Errorf("%s\nwant %s", got, want)
	}
	if got := said(o.command("alice", "explain nothing")); got != "There is no bundle nothing. /apono explain without a name says what you may ask for." {
		t.Errorf("%q", got)
	}
	if got := said(o.command("alice", "explain prod-incidnet")); got != "There is no bundle prod-incidnet. Did you mean prod-incident? /apono explain without a name says what you may ask for." {
		t.Errorf("%q", got)
	}
	if got := said(o.Command(t.Context(), chat.Command{User: chat.User{Platform: "teams", ID: "alice"}, Text: "explain nothing"})); got != "There is no bundle nothing. apono explain without a name says what you may ask for." {
		t.Errorf("%q", got)
	}
	if got := said(o.command("bob", "explain prod-incidnet")); strings.Contains(got, "Did you mean") {
		t.Errorf("Bob, who may not ask for it, reads %q", got)
	}
	if got := cardText(o.command("bob", "explain").Private); !strings.Contains(got, "No access flow lets you ask for anything.") {
		t.Errorf("%s", got)
	}
}
