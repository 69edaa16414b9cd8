package cards_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

var hostile = []string{
	"<!channel> <@U1> <https://evil.example|click>", "*bold* _it_ ~no~ `code` ```block```", "100%s %d %!v(MISSING) %%", "🔥👩‍👩‍👧‍👦 é", "\u202eesrever\u202c \u200b\ufeff",
	"line\nbreak\r\n> quote", strings.Repeat("ü", flows.MaxReason), "&amp; & < >", "\x00\x1b[31m",
}

// spread puts a text wherever people or systems can write.
func spread(s string) flows.Request {
	r := draft()
	r.Justification, r.Bundle, r.Flow = s, s, s
	r.Requestor.Name = s
	r.Grantee = flows.PersonRef{Email: "dan@example.com", Name: s}
	r.Asked[0].Name, r.Asked[0].Why, r.Need.Groups[0] = s, s, s
	r.Groups[0].Items = []flows.Item{item("prod-postgres", s, s, s), item("prod-postgres", s+"2", s)}
	return r
}

func stories(t testing.TB, s string) []specimen {
	yes, no := decide(flows.EventApprove, bob, 0, s), decide(flows.EventDeny, carol, 1, s)
	problem := of(flows.EventGrantFailed, "deploy-tool")
	problem.Problem = s
	grant := of(flows.EventGranted, "prod-postgres")
	grant.Access.Details, grant.Access.Instructions = []flows.Detail{{Name: s, Value: s}}, s
	end := flows.Event{Kind: flows.EventRevoke, By: flows.PersonRef{Email: "eve@example.com", Name: s}, Reason: s}
	active := []flows.Event{yes, decide(flows.EventApprove, carol, 1, s), problem, grant, of(flows.EventGone, "deploy-tool")}
	return []specimen{
		play(t, "pending", spread(s)), play(t, "denied", spread(s), yes, no), play(t, "active", spread(s), active...),
		play(t, "revoked", spread(s), append(active, end, of(flows.EventGone, "prod-postgres"))...),
	}
}

// spans of everything that a card or form shows.
func spans(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return "cannot be encoded: " + err.Error()
	}
	var b strings.Builder
	var walk func(any)
	walk = func(x any) {
		switch x := x.(type) {
		case map[string]any:
			for _, y := range x {
				walk(y)
			}
		case []any:
			for _, y := range x {
				walk(y)
			}
		case string:
			b.WriteString(x + "\n")
		}
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err.Error()
	}
	walk(tree)
	return b.String()
}

func checkHostile(t *testing.T, s string) {
	t.Helper()
	if !utf8.ValidString(s) {
		return // every platform and the store speak UTF-8
	}
	trimmed := strings.TrimSpace(s)
	for _, sp := range stories(t, s) {
		r := sp.r
		var all []any
		for _, k := range r.Posts() {
			c, ok := cards.Card(r, k, sp.now)
			if !ok {
				t.Fatalf("%s: no card for %s", sp.name, k)
			}
			if !strings.Contains(spans(c), s) {
				t.Errorf("%s, %s: %q is not there as it was written", sp.name, k.Topic, s)
			}
			all = append(all, c)
		}
		details := allDetails(r, sp.now)
		if !strings.Contains(spans(details), s) || (sp.name != "pending" && !strings.Contains(spans(details), trimmed)) {
			t.Errorf("%s: the details do not hold all of %q", sp.name, s)
		}
		all = append(all, details, cards.Reason(r, flows.VerbDeny, true, "{}"), cards.Audit(sp.facts), cards.Audit(sp.facts[:1]))
		for _, v := range all {
			if got := spans(v); strings.Count(got, "%!") > 0 && !strings.Contains(s, "%!") {
				t.Errorf("%s: a text was taken for a format:\n%s", sp.name, got)
			}
			if c, ok := v.(chat.Card); ok && c.Fallback == "" {
				t.Errorf("%s: no fallback", sp.name)
			}
		}
	}
}

func TestHostileText(t *testing.T) {
	for _, s := range hostile {
		checkHostile(t, s)
	}
}

// TestLongTextIsOneClickAway: ten thousand runes and a thousand objects are in the
// details; the card says how many more there are.
func TestLongTextIsOneClickAway(t *testing.T) {
	r := draft()
	r.Groups[0].Items = nil
	for i := range 1000 {
		r.Groups[0].Items = append(r.Groups[0].Items, item("prod-postgres", "table-"+strings.Repeat("x", i%10)+string(rune('a'+i%26))+strings.Repeat("y", i/26), "Read"))
	}
	s := play(t, "many", r)
	s.r.Justification = strings.Repeat("🔥", 10_000) // of a record that another version wrote
	c, _ := cards.Card(s.r, s.r.Posts()[0], s.now)
	if got := spans(c); !strings.Contains(got, "and 980 more") {
		t.Error("the card does not say how many more there are")
	}
	got := spans(allDetails(s.r, s.now))
	if !strings.Contains(got, s.r.Justification) {
		t.Error("the details cut the justification")
	}
	for _, it := range s.r.Groups[0].Items {
		if !strings.Contains(got, it.ResourceName) {
			t.Fatalf("the details lack %s", it.ResourceName)
		}
	}
}

func FuzzHostileText(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if n := utf8.RuneCountInString(s); strings.TrimSpace(s) == s && s != "" && n <= flows.MaxReason {
			checkHostile(t, s)
		}
	})
}
