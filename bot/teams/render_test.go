package teams

import (
	gocmp "cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
	"apono/bot/teams/teamstest"
)

var moment = time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)

// neutral reads what package cards draws, from its golden files.
func neutral[T any](t *testing.T, keep func(file string) bool) map[string]T {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "cards", "testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]T{}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		if !keep(name) {
			continue
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]T
		if err := json.Unmarshal(raw, &all); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for key, one := range all {
			out[name+" "+key] = one
		}
	}
	if len(out) == 0 {
		t.Fatal("there are no golden cards")
	}
	return out
}

func neutralCards(t *testing.T) map[string]chat.Card {
	return neutral[chat.Card](t, func(name string) bool { return name != "forms" && !strings.HasSuffix(name, ".details") })
}

// valid checks what has to hold for every card.
func valid(t *testing.T, card map[string]any) string {
	t.Helper()
	raw := platformtest.Pretty(t, card)
	for _, wrong := range teamstest.Validate(raw) {
		t.Errorf("Teams would object: %s", wrong)
	}
	var read map[string]any
	if err := json.Unmarshal(raw, &read); err != nil {
		t.Fatal(err)
	}
	if size := sizeOf(card); size > maxCard {
		t.Errorf("the card has %d bytes", size)
	}
	return teamstest.Text(read)
}

// spans are the words of a text that have to be on the screen. Times are drawn in
// the reader's zone.
func spans(t chat.Text) []string {
	var out []string
	for _, s := range t {
		if s.Kind == chat.SpanTime {
			out = append(out, s.At.UTC().Format(time.RFC3339))
			continue
		}
		for l := range strings.SplitSeq(s.Words(maxText), "\n") {
			if l = strings.TrimSpace(l); l != "" {
				out = append(out, l)
			}
		}
	}
	return out
}

// Every field and action of every card is in its rendering, or listed as dropped.
func TestParity(t *testing.T) {
	for name, card := range neutralCards(t) {
		t.Run(name, func(t *testing.T) {
			m := RenderCard(card, "29:bob")
			text := valid(t, m.Card)
			if len(m.Dropped) > 0 {
				t.Errorf("dropped of an ordinary card: %v", m.Dropped)
			}
			want := append(spans(card.Status), spans(card.Body)...)
			want = append(want, card.Title)
			for _, s := range card.Sections {
				want = append(want, s.Title)
				for _, f := range s.Fields {
					want = append(append(want, f.Label), spans(f.Value)...)
				}
				for _, a := range s.Actions {
					want = append(want, "("+a.Label+")")
				}
			}
			for _, n := range card.Notes {
				want = append(want, spans(n)...)
			}
			for _, a := range slices.Concat(card.Actions, card.Menu) {
				want = append(want, "("+a.Label+")")
			}
			for _, w := range want {
				if !strings.Contains(text, w) {
					t.Errorf("%q is not in\n%s", w, text)
				}
			}
			if m.Summary == "" {
				t.Error("no summary")
			}
		})
	}
}

func TestParityOfForms(t *testing.T) {
	forms := neutral[chat.Form](t, func(name string) bool { return name == "forms" })
	details, err := filepath.Glob(filepath.Join("..", "cards", "testdata", "*.details.json"))
	if err != nil || len(details) == 0 {
		t.Fatal("no details", err)
	}
	for _, file := range details {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var f chat.Form
		if err := json.Unmarshal(raw, &f); err != nil {
			t.Fatal(err)
		}
		forms[filepath.Base(file)] = f
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			card, err := RenderForm(form)
			if err != nil {
				t.Fatal(err)
			}
			text := valid(t, card)
			raw := string(platformtest.Pretty(t, card))
			for _, p := range form.Parts {
				want := spans(p.Text)
				if p.Field != "" {
					want = append(want, p.Label)
				}
				if p.Action != nil {
					want = append(want, "("+p.Action.Label+")")
				}
				for _, w := range want {
					if !strings.Contains(text, w) {
						t.Errorf("%q is not in\n%s", w, text)
					}
				}
				for _, o := range p.Options {
					if !strings.Contains(raw, o.Label) {
						t.Errorf("option %q is not offered", o.Label)
					}
				}
			}
			if form.Submit != "" && !strings.Contains(text, "("+form.Submit+")") {
				t.Errorf("no button %q", form.Submit)
			}
		})
	}
}

func TestRenderCard(t *testing.T) {
	all := neutralCards(t)
	for file, key := range map[string]string{
		"card-approver.json": "pending approver/bob@example.com/request",
		"card-granted.json":  "active requester/alice@example.com/granted",
	} {
		card, ok := all[key]
		if !ok {
			t.Fatalf("there is no %q", key)
		}
		platformtest.Golden(t, file, platformtest.Pretty(t, RenderCard(card, "29:bob")))
	}
	platformtest.Golden(t, "card-sentence.json", platformtest.Pretty(t, RenderCard(*chat.Say("That is too late: Bob denied it.").Private)))
	platformtest.Golden(t, "card-empty.json", platformtest.Pretty(t, RenderCard(chat.Card{})))
}

// requestForm is the request form in resource mode.
func requestForm() chat.Form {
	options := func(n int) []chat.Option {
		out := make([]chat.Option, n)
		for i := range out {
			out[i] = chat.Option{Value: fmt.Sprintf("v%d", i), Label: fmt.Sprintf("Option %d", i)}
		}
		return out
	}
	return chat.Form{
		ID: chat.FormRequest, Title: "Request access", Submit: "Submit", Close: "Cancel", State: `{"m":true}`,
		Parts: []chat.Part{
			{Kind: chat.PartText, Text: chat.T("Ask for single resources."), Action: &chat.Action{ID: chat.ActionMode, Label: "Bundle Mode"}},
			{Kind: chat.PartSelect, Field: "integration", Label: "Integration", Options: options(3), Selected: options(1), Live: true, Placeholder: "Choose one"},
			{Kind: chat.PartMulti, Field: "resources", Generation: "g", Label: "Resources", Search: true, Live: true, Selected: []chat.Option{{Value: "a,b%", Label: "orders", Description: "main / public"}}},
			{Kind: chat.PartMulti, Field: "permissions", Generation: "g", Label: "Permissions", Options: options(12), Selected: []chat.Option{{Value: "v1"}, {Value: "gone"}}, Max: 3},
			{Kind: chat.PartInput, Field: "duration", Label: "Duration", Value: "2h", Hint: "At most 4h.", Live: true, Max: 40, Optional: true},
			{Kind: chat.PartInput, Field: "justification", Label: "Justification", Multi: true, Max: 2000, Placeholder: "Why?"},
			{Kind: chat.PartCheck, Field: "all", Label: "Select all", Options: []chat.Option{{Value: "all", Label: "Select all"}}, Selected: []chat.Option{{Value: "all"}}, Optional: true},
			{Kind: chat.PartNote, Text: chat.Text{chat.Bold("Asked: "), chat.Plain("Bob (your manager)")}},
		},
	}
}

// bundleForm is the request form in bundle mode as somebody fills it in: the one in docs/screenshots.
func bundleForm(t *testing.T) chat.Form {
	t.Helper()
	f := neutral[chat.Form](t, func(name string) bool { return name == "forms" })["forms bundle"]
	for i := range f.Parts {
		switch p := &f.Parts[i]; {
		case p.Field == "bundle":
			p.Options = []chat.Option{{Value: "ticket-rush", Label: "ticket-rush"}}
			p.Selected = p.Options
		case p.Field == "items", p.Field == "all":
			p.Selected = nil
		case p.Field == "duration":
			p.Value = "1h"
		case p.Field == "justification":
			p.Value = "INC-12: the refunds queue is burning"
		case p.Kind == chat.PartNote:
			p.Text = chat.T("Access flow: Developers help support. Longest: 1 hour. Asked: Bob (your manager)")
		}
	}
	return f
}

// TestAnErrorIsSaidOnce where a text of the form says it too: that text is the error.
func TestAnErrorIsSaidOnce(t *testing.T) {
	f := chat.Form{ID: chat.FormRequest, Parts: []chat.Part{{Kind: chat.PartText, Text: chat.T("Nothing is on offer. It opens at ten.")}}}
	card, err := dialog{form: f, key: "k", errors: map[string]string{"items": "It opens at ten.", "duration": "Too long."}}.card()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := teamstest.Text(card), "Too long.\nNothing is on offer. It opens at ten."; got != want {
		t.Errorf("the form says %q, want %q", got, want)
	}
	if n := strings.Count(string(platformtest.Pretty(t, card)), `"Attention"`); n != 2 {
		t.Errorf("%d texts are drawn as errors, want 2", n)
	}
}

func TestRenderForm(t *testing.T) {
	card, err := dialog{form: requestForm(), key: "k", errors: map[string]string{"duration": "At most 4 hours.", "elsewhere": "Not at this hour."}, notice: "Please look."}.card()
	if err != nil {
		t.Fatal(err)
	}
	valid(t, card)
	platformtest.Golden(t, "form-request.json", platformtest.Pretty(t, card))
	if card, err = (dialog{form: bundleForm(t), key: "k"}).card(); err != nil {
		t.Fatal(err)
	}
	valid(t, card)
	platformtest.Golden(t, "form-bundle.json", platformtest.Pretty(t, card))
	if card, err = RenderForm(chat.Form{ID: chat.FormNotice}); err != nil {
		t.Fatal(err)
	}
	valid(t, card)
	if _, err = RenderForm(chat.Form{State: strings.Repeat("x", 3001)}); err == nil {
		t.Error("a state that is too long is taken")
	}
}

// nasty is text that people type by mistake, or not by mistake.
var nasty = []string{
	"", " ", "\n\n", "<at>everyone</at> @channel", "*bold* _it_ [x](javascript:alert(1)) `code` # head", "{{DATE(2026-01-01T00:00:00Z)}} ${x}",
	":tada: 🎉👩‍👩‍👧‍👦", "%s %d %!v(MISSING)", "مرحبا بالعالم שלום", "\u202Eevil\u202C \u2066x\u2069", "a\u0000b\u0007c\x1b[31m\xff\xfe", "line\u2028separator\u2029",
	`"quotes" \ back\slash, comma`, "\r\nwindows\r\n",
	strings.Repeat("x", 10_000), strings.Repeat("🎉", 10_000), strings.Repeat("\"\\\n", 3_400), strings.Repeat("ש", 10_000),
}

// filled puts text into every place of a card.
func filled(text string, n int) chat.Card {
	target := chat.Target{Request: "AR-12", Version: 18446744073709551615, Integration: "i"}
	all := chat.Text{chat.Plain(text), chat.Bold(text), chat.Code(text), chat.Person(text, text), chat.At(moment), chat.At(time.Time{}), {Kind: chat.SpanLink, Text: text, URL: "https://example.com/" + text}}
	card := chat.Card{Title: "Access request AR-12 " + text, Status: append(chat.T("Waiting "), all...), Tone: chat.ToneWaiting, Body: all, Fallback: "asks " + text}
	card.Sections = append(card.Sections, chat.Section{Fields: []chat.Field{{Label: "Requested by", Value: append(chat.T("Alice "), all...)}, {Label: "Justification", Value: append(chat.T("because "), all...)}}})
	for i := range n {
		card.Sections = append(card.Sections, chat.Section{Title: text, Fields: []chat.Field{{Label: text, Value: all}, {Value: nil}, {Label: fmt.Sprint(i), Value: chat.T(text)}}})
		card.Notes = append(card.Notes, all)
	}
	card.Actions = []chat.Action{
		{ID: chat.ActionApprove, Label: "Approve", Style: chat.StylePrimary, Target: target},
		{ID: chat.ActionDeny, Label: "Deny", Style: chat.StyleDanger, Target: target},
		{ID: chat.ActionEndAccess, Label: "End access", Target: target, Confirm: &chat.Confirm{Title: text, Text: text, Yes: text, No: text}},
	}
	card.Sections[0].Actions = []chat.Action{card.Actions[0], card.Actions[2]}
	card.Menu = []chat.Action{{ID: chat.ActionDetails, Label: "Details", Target: target}}
	for i := range n {
		card.Actions = append(card.Actions, chat.Action{ID: chat.ActionReset, Label: text, Target: chat.Target{Request: fmt.Sprint(i)}})
		card.Menu = append(card.Menu, chat.Action{ID: chat.ActionAgain, Label: text, Target: chat.Target{Request: fmt.Sprint(i)}})
	}
	return card
}

func checkFilled(t *testing.T, text string, n int) {
	t.Helper()
	m := RenderCard(filled(text, n), "29:bob")
	got := valid(t, m.Card)
	for _, want := range []string{"Access request AR-12", "Waiting ", "Requested by: ", "Alice ", "Justification: ", "because ", "(Approve)", "(Deny)", "(Details)"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the card", want)
		}
	}
	if strings.Contains(got, "{{DATE(2026-01") {
		t.Error("typed text is taken for a date")
	}
	if len(m.Dropped) > 0 && !strings.Contains(got, "The whole text is behind Details.") {
		t.Error("nothing says that something is missing")
	}
	if m.Summary == "" || strings.Contains(m.Summary, "\n") {
		t.Errorf("summary %q", m.Summary)
	}
	form := requestForm()
	form.Title, form.Submit = text, text+"x"
	for i := range form.Parts {
		p := &form.Parts[i]
		p.Label, p.Hint, p.Placeholder, p.Text = text, text, text, chat.T(text)
		if p.Kind == chat.PartInput {
			p.Value = text
		}
		for range n {
			if p.Kind == chat.PartSelect {
				p.Options = append(p.Options, chat.Option{Value: fmt.Sprint("o", len(p.Options)), Label: text, Description: text})
			}
		}
	}
	card, err := RenderForm(form)
	if err != nil {
		t.Fatal(err)
	}
	valid(t, card)
}

func TestNastyText(t *testing.T) {
	for i, text := range nasty {
		for _, n := range []int{1, 40} {
			t.Run(fmt.Sprintf("%d/%d", i, n), func(t *testing.T) { checkFilled(t, text, n) })
		}
	}
}

func FuzzCard(f *testing.F) {
	for _, text := range nasty {
		f.Add(text, uint8(3))
	}
	f.Fuzz(func(t *testing.T, text string, n uint8) { checkFilled(t, text, int(n)) })
}

// A secret is shown once and erased: whatever is lost on the way to the screen is
// lost for good.
func TestVerbatimKeepsEveryCharacter(t *testing.T) {
	for _, secret := range []string{"a  b\tc\n\nd\u00a0 ", "-----BEGIN KEY-----\n" + strings.Repeat("Zm9vYmFy\n", 700), strings.Repeat("🔑", 3000), "*b* {{DATE(x)}}, &amp;"} {
		card, err := RenderForm(chat.Form{ID: chat.FormCredentials, Title: "Credentials", Close: "Close", Parts: []chat.Part{{Kind: chat.PartVerbatim, Value: secret}}})
		if err != nil {
			t.Fatal(err)
		}
		valid(t, card)
		if got := card["body"].([]any)[0].(obj)["value"]; got != secret {
			t.Errorf("shown %q", got)
		}
	}
}

func TestValuesSurviveTheTrip(t *testing.T) {
	for _, v := range []string{"a", "a,b", "100%", "%2C", "%25,", ",,"} {
		d := drawn{Fields: map[string]drawnField{"one": {Kind: chat.PartSelect}, "many": {Kind: chat.PartMulti}}}
		raw := map[string]json.RawMessage{"one": platformtest.Pretty(t, packed(v)), "many": platformtest.Pretty(t, packed(v)+","+packed("x"))}
		if diff := cmp.Diff(chat.Values{"one": {v}, "many": {v, "x"}}, d.values(raw)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", v, diff)
		}
	}
}

// Whatever a target says comes back with a press on its button.
func TestTargetsSurviveTheTrip(t *testing.T) {
	want := chat.Target{Version: 18446744073709551615}
	v := reflect.ValueOf(&want).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(v.Type().Field(i).Name)
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Int:
			f.SetInt(3)
		case reflect.Uint64:
		default:
			t.Errorf("nothing is known of %s", v.Type().Field(i).Name)
		}
	}
	w, _, err := readWire(platformtest.Pretty(t, wire{Do: doClick, Target: wireTarget(want)}.data()))
	if err != nil {
		t.Fatal(err)
	}
	got, err := w.Target.chat()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("target (-want +got): %v\n%s", err, diff)
	}
}

// TestWhatOpensADialogIsASubmit: Teams opens dialogs for Action.Submit with task/fetch
// alone, and answers all others best by Action.Execute.
func TestWhatOpensADialogIsASubmit(t *testing.T) {
	source, err := os.ReadFile(filepath.Join("..", "chat", "card.go"))
	if err != nil {
		t.Fatal(err)
	}
	ids := regexp.MustCompile(`ActionID += "(\w+)"|Action\w+ +ActionID = "(\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(ids) < 20 {
		t.Fatalf("only %d actions", len(ids))
	}
	for _, m := range ids {
		id := chat.ActionID(gocmp.Or(m[1], m[2]))
		for _, confirm := range []*chat.Confirm{nil, {Title: "Sure?", Text: "It ends.", Yes: "Yes"}} {
			b := button(chat.Action{ID: id, Label: "Press", Confirm: confirm}, "0")
			if confirm != nil {
				b = b["card"].(obj)["actions"].([]any)[0].(obj)
			}
			teams, _ := b["data"].(obj)["msteams"].(obj)
			if opens := b["type"] == "Action.Submit" && teams["type"] == "task/fetch"; opens != id.Opens() || !opens && b["type"] != "Action.Execute" {
				t.Errorf("%s, which opens a dialog: %t, is drawn as %v", id, id.Opens(), b)
			}
		}
	}
}
