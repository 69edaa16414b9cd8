package slack

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/platform/platformtest"
)

var moment = time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)

// everything has each kind of span, section, note, action and entry.
func everything() chat.Card {
	target := chat.Target{Request: "AR-7", Version: 18446744073709551615, Integration: "prod-postgres"}
	card := approval()
	card.Tone = chat.ToneGood
	card.Status = chat.Text{chat.Plain("Approved by "), chat.Person("Bob", "bob@example.com"), chat.Plain(", ends "), chat.At(moment)}
	card.Body = chat.Text{
		chat.Bold("Read this."), chat.Plain("\nSee "),
		{Kind: chat.SpanLink, Text: "the runbook", URL: "https://example.com/r?a=1&b=<2>"},
		chat.Plain(", not "),
		{Kind: chat.SpanLink, Text: "this", URL: "javascript:alert(1)"},
		chat.Plain(", "),
		{Kind: chat.SpanPerson, Email: "nameless@example.com"},
		chat.Plain(" "), chat.At(time.Time{}),
	}
	card.Sections[0].Fields = append(card.Sections[0].Fields, chat.Field{Label: "Decisions", Value: chat.T("Bob approved\nCarol approved")})
	card.Notes = append(card.Notes,
		chat.Text{chat.Plain("2 < 3 & "), chat.Bold("ends"), chat.Plain(" "), chat.At(moment)},
		chat.Text{chat.Plain("*not bold* "), chat.At(moment)},
		chat.Text{})
	card.Actions = append(card.Actions,
		chat.Action{ID: chat.ActionCredentials, Label: "Show credentials", Target: target},
		chat.Action{ID: chat.ActionCredentials, Label: "Show credentials", Target: chat.Target{Request: "AR-7", Version: 1, Integration: "github"}},
		chat.Action{
			ID: chat.ActionEndAccess, Label: "End access", Style: chat.StyleDanger, Target: target,
			Confirm: &chat.Confirm{Title: "End access?", Text: "It ends at once.", Yes: "End access", No: "Keep"},
		})
	card.Menu = append(card.Menu,
		chat.Action{ID: chat.ActionReset, Label: "Reset credentials", Target: chat.Target{Request: "AR-7", Integration: strings.Repeat("x", 140)}},
		chat.Action{ID: chat.ActionDetails, Label: "Details again", Target: chat.Target{Request: "AR-12", Version: 3, Stamp: "7kq2m4xa"}})
	for i := range 6 {
		card.Menu = append(card.Menu, chat.Action{ID: chat.ActionAgain, Label: fmt.Sprintf("Again %d", i), Target: chat.Target{Request: fmt.Sprintf("AR-%d", i)}})
	}
	return card
}

// crowded has more of everything than Slack takes.
func crowded() chat.Card {
	card := approval()
	for i := range 60 {
		s := chat.Section{Title: fmt.Sprintf("integration-%02d", i)}
		for j := range 5 {
			s.Fields = append(s.Fields, chat.Field{Label: fmt.Sprintf("Field %d", j), Value: chat.T(strings.Repeat("value ", 20))})
		}
		card.Sections = append(card.Sections, s)
	}
	card.Sections = append(card.Sections, chat.Section{Fields: []chat.Field{{Label: "Still needed", Value: chat.T("1 of 2")}}})
	for i := range 30 {
		card.Notes = append(card.Notes, chat.T(fmt.Sprintf("note %d", i)))
	}
	return card
}

func TestRenderCard(t *testing.T) {
	for name, card := range map[string]chat.Card{
		"approval":   approval(),
		"everything": everything(),
		"crowded":    crowded(),
		"sentence":   *chat.Say("That is too late: Bob denied it.").Private,
		"empty":      {},
	} {
		t.Run(name, func(t *testing.T) {
			m := RenderCard(card)
			platformtest.Golden(t, "card-"+name+".json", platformtest.Pretty(t, struct {
				Message
				Dropped []string `json:"dropped"`
			}{m, m.Dropped}))
			newTaker(t).card(t, card)
		})
	}
}

func TestDropped(t *testing.T) {
	if got := Dropped(everything()); got != nil {
		t.Errorf("nothing is too long, but dropped are %v", got)
	}
	if got := Dropped(approval()); got != nil {
		t.Errorf("dropped of an ordinary card: %v", got)
	}
	got := Dropped(crowded())
	for _, want := range []string{"notes[29]", "sections[40]"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among the dropped: %v", want, got)
		}
	}
	for _, kept := range []string{"sections[0]", "sections[1]", "sections[62]"} {
		if slices.Contains(got, kept) {
			t.Errorf("%s was dropped", kept)
		}
	}
	long := approval()
	long.Sections[0].Fields[2].Value = chat.T(strings.Repeat("ü", 10_000))
	if diff := cmp.Diff([]string{"sections[0].fields[2].value"}, Dropped(long)); diff != "" {
		t.Errorf("a long justification (-want +got):\n%s", diff)
	}
	if text := string(platformtest.Pretty(t, RenderCard(long).Blocks)); !strings.Contains(text, "ü…") || !strings.Contains(text, "The whole text is behind Details.") {
		t.Errorf("no marker, or no note, in %s", text)
	}
}

// nasty is text that people type by mistake, or not by mistake.
var nasty = []string{
	"", " ", "\n\n", "<!channel> <!here> <@U0ALICE001> <#C0GENERAL1> @everyone",
	"*bold* _italic_ ~strike~ `code` ```block``` > quote", ":tada: :+1: 🎉👩‍👩‍👧‍👦", "%s %d %!v(MISSING) {{.}} ${x}",
	"مرحبا بالعالم שלום", "\u202Eevil\u202C \u2066x\u2069", "<https://example.com|bank.example.com>", "&lt;!channel&gt; &amp;",
	"a\u0000b\u0007c\x1b[31m\xff\xfe", "line\u2028separator\u2029", `"quotes" \ back\slash`, "\r\nwindows\r\n",
	strings.Repeat("x", 10_000), strings.Repeat("🎉", 10_000), strings.Repeat("\"\\\n", 3_400), strings.Repeat("<!channel> ", 1_000), strings.Repeat("ש", 10_000),
}

// filled puts text into every place of a card.
func filled(text string, n int) chat.Card {
	target := chat.Target{Request: "AR-12", Version: 3, Integration: text}
	if len(text) > 64 {
		target.Integration = "i"
	}
	spans := chat.Text{chat.Plain(text), chat.Bold(text), chat.Code(text), chat.Person(text, text), chat.At(moment), {Kind: chat.SpanLink, Text: strings.ReplaceAll(text, "<", ""), URL: "https://example.com/" + text}}
	card := chat.Card{Title: "Access request AR-12 " + text, Status: append(chat.T("Waiting "), spans...), Tone: chat.ToneWaiting, Body: spans, Fallback: "asks " + text}
	card.Sections = append(card.Sections, chat.Section{Fields: []chat.Field{
		{Label: "Requested by", Value: append(chat.T("Alice "), spans...)}, {Label: "Justification", Value: append(chat.T("because "), spans...)},
	}})
	for range min(n, 5) {
		card.Sections = append(card.Sections, chat.Section{Fields: []chat.Field{{Label: "Fact", Value: chat.T(text)}, {Label: text, Value: spans}}})
	}
	for i := range n {
		card.Sections = append(card.Sections, chat.Section{Title: text, Fields: []chat.Field{{Label: text, Value: spans}, {Label: "", Value: nil}, {Label: fmt.Sprint(i), Value: chat.T(text)}}})
		card.Notes = append(card.Notes, spans)
	}
	card.Actions = []chat.Action{
		{ID: chat.ActionApprove, Label: "Approve", Style: chat.StylePrimary, Target: target},
		{ID: chat.ActionDeny, Label: "Deny", Style: chat.StyleDanger, Target: target, Confirm: &chat.Confirm{Title: text, Text: text, Yes: text, No: text}},
	}
	card.Menu = []chat.Action{{ID: chat.ActionDetails, Label: "Details", Target: target}, {ID: chat.ActionReset, Label: "Reset credentials", Target: target}}
	for i := range n {
		card.Actions = append(card.Actions, chat.Action{ID: chat.ActionCredentials, Label: text, Target: chat.Target{Request: fmt.Sprint(i)}})
		card.Menu = append(card.Menu, chat.Action{ID: chat.ActionAgain, Label: text, Target: chat.Target{Request: fmt.Sprint(i)}})
	}
	return card
}

func TestNastyCards(t *testing.T) {
	slack := newTaker(t)
	for i, text := range nasty {
		for _, n := range []int{0, 1, 9, 70} {
			t.Run(fmt.Sprintf("%d/%d", i, n), func(t *testing.T) { slack.card(t, filled(text, n)) })
		}
	}
}

func TestManyFactsAndNoIntegration(t *testing.T) {
	slack := newTaker(t)
	for _, size := range []int{100, 1000, 10_000} {
		card := approval()
		card.Sections = nil
		for range 8 {
			s := chat.Section{}
			for i := range 8 {
				s.Fields = append(s.Fields, chat.Field{Label: fmt.Sprint("Fact ", i), Value: chat.T(strings.Repeat("x", size))})
			}
			card.Sections = append(card.Sections, s)
		}
		m := slack.card(t, card)
		contains(t, m.Text, "Fact 0: xxx", "Fact 5: xxx")
	}
}

func FuzzCard(f *testing.F) {
	for _, text := range nasty {
		f.Add(text, uint8(3))
	}
	slack := newTaker(f)
	f.Fuzz(func(t *testing.T, text string, n uint8) { slack.card(t, filled(text, int(n))) })
}

func TestCardReadsLiterally(t *testing.T) {
	slack := newTaker(t)
	for i, text := range nasty {
		if len(text) > 200 {
			continue
		}
		m := slack.card(t, filled(text, 1))
		if want := literal(text); !strings.Contains(m.Text, "because "+want) {
			t.Errorf("%d: %q is not in the card:\n%s", i, want, m.Text)
		}
	}
}

func TestLiteral(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\x00b\x1b": "a\uFFFDb\uFFFD", "\u202Egnp.exe": "gnp.exe", "\u2067x\u2069": "x", "a\r\nb": "a\nb",
		"\xff": "\uFFFD", "שלום": "שלום", "a\u2028b": "a\nb", "tab\t": "tab\t",
	} {
		if got := literal(in); got != want {
			t.Errorf("literal(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestOnlyWebAddressesAreLinks(t *testing.T) {
	for address, want := range map[string]bool{
		"https://example.com/x?y=1#z": true, "http://example.com": true, "ftp://example.com/x": false, "javascript:alert(1)": false,
		"javascript://example.com/%0Aalert(1)": false, "data:text/html,x": false, "/path": false, "": false, "https://": false,
		"https://example.com/" + strings.Repeat("x", 3000): false, "https://exa mple.com": false,
	} {
		if got, ok := platform.WebURL(address, maxURL); ok != want {
			t.Errorf("%.40q: link %v as %.40q", address, ok, got)
		}
	}
}

func TestCut(t *testing.T) {
	for _, tc := range []struct {
		in    string
		n     int
		want  string
		short bool
	}{
		{"abc", 3, "abc", false},
		{"abcd", 3, "ab…", true},
		{"🎉🎉", 4, "🎉🎉", false},
		{"🎉🎉", 3, "🎉…", true},
		{"🎉🎉", 2, "…", true},
		{"äöü", 2, "ä…", true},
		{"abc", 1, "…", true},
		{"abc", 0, "", true},
		{"", 0, "", false},
	} {
		if got, short := cut(tc.in, tc.n); got != tc.want || short != tc.short {
			t.Errorf("cut(%q, %d) = %q, %v; want %q, %v", tc.in, tc.n, got, short, tc.want, tc.short)
		}
	}
}

func TestFallbackIsNeverEmptyNorLive(t *testing.T) {
	for _, tc := range []struct {
		card chat.Card
		want string
	}{
		{chat.Card{Fallback: "a <!channel> & *b*\nc"}, "a &lt;!channel&gt; &amp; *b* c"},
		{chat.Card{Title: "AR-1"}, "AR-1"},
		{chat.Card{Body: chat.T("body")}, "body"},
		{chat.Card{Fallback: " \n"}, "A message without words."},
	} {
		if got := RenderCard(tc.card).Text; got != tc.want {
			t.Errorf("fallback %q, want %q", got, tc.want)
		}
	}
}

func TestActionsComeBack(t *testing.T) {
	card := everything()
	want := map[string]chat.Action{}
	for _, a := range append(card.Actions, card.Menu...) {
		want[string(a.ID)+a.Target.Request+a.Target.Integration] = a
	}
	var blocks []struct {
		Elements []struct {
			Type     string `json:"type"`
			ActionID string `json:"action_id"`
			Value    string `json:"value"`
			Options  []struct {
				Value string `json:"value"`
			} `json:"options"`
		} `json:"elements"`
	}
	b, err := json.Marshal(RenderCard(card).Blocks)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &blocks); err != nil {
		t.Fatal(err)
	}
	check := func(actionID, value, option string) {
		id, target, err := parseAction(actionID, value, option)
		if err != nil {
			t.Fatal(err)
		}
		key := string(id) + target.Request + target.Integration
		if w, ok := want[key]; !ok || w.ID != id || w.Target != target {
			t.Errorf("%s %s %s came back as %s %+v", actionID, value, option, id, target)
		}
		delete(want, key)
	}
	for _, block := range blocks {
		for _, e := range block.Elements {
			switch e.Type {
			case "button":
				check(e.ActionID, e.Value, "")
			case "overflow":
				for _, o := range e.Options {
					check(e.ActionID, "", o.Value)
				}
			}
		}
	}
	if len(want) > 0 {
		t.Errorf("not drawn: %v", want)
	}
	// Drawn by a version that knew no stamps.
	id, target, err := parseAction(menuAction, "", `["details","AR-12",3,"pg"]`)
	if err != nil || id != chat.ActionDetails || target != (chat.Target{Request: "AR-12", Version: 3, Integration: "pg"}) {
		t.Errorf("an old menu entry came back as %s %+v, %v", id, target, err)
	}
	for _, nameless := range []string{"", "#2"} {
		if id, _, err := parseAction(nameless, "{}", ""); err == nil {
			t.Errorf("a button without an action was read as %q", id)
		}
	}
	for _, bad := range []string{"", "{}", "[]", `["details"]`, `["",1,2,3]`, `["details","AR-1",-1,""]`, "null", `[1,2,3,4]`} {
		if id, _, err := parseAction("menu", "", bad); err == nil {
			t.Errorf("option %s was read as %s", bad, id)
		}
	}
}
