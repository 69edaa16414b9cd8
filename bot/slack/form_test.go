package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
)

func numbered(n int) []chat.Option {
	out := make([]chat.Option, n)
	for i := range out {
		out[i] = chat.Option{Value: fmt.Sprintf("v%d", i), Label: fmt.Sprintf("Option %d", i)}
	}
	return out
}

// requestForm is the request form in resource mode.
func requestForm() chat.Form {
	return chat.Form{
		ID: chat.FormRequest, Title: "Request access", Submit: "Submit", Close: "Cancel", State: `{"mode":"resource"}`,
		Parts: []chat.Part{
			{Kind: chat.PartText, Text: chat.T("Ask for single resources."), Action: &chat.Action{ID: chat.ActionMode, Label: "Bundle Mode"}},
			{Kind: chat.PartSelect, Field: "integration", Label: "Integration", Options: numbered(3), Selected: numbered(1), Live: true, Placeholder: "Choose one"},
			{Kind: chat.PartSelect, Field: "resource_type", Generation: "v0", Label: "Resource type", Options: numbered(2), Live: true},
			{Kind: chat.PartMulti, Field: "resources", Generation: "v0/database", Label: "Resources", Search: true, Live: true, Selected: []chat.Option{{Value: "orders", Label: "orders"}}},
			{Kind: chat.PartMulti, Field: "permissions", Generation: "v0/database", Label: "Permissions", Options: numbered(4), Selected: []chat.Option{{Value: "v1"}, {Value: "gone"}}, Max: 3},
			{Kind: chat.PartInput, Field: "duration", Label: "Duration", Value: "2h", Hint: "At most 4h.", Live: true},
			{Kind: chat.PartInput, Field: "justification", Label: "Justification", Multi: true, Max: 2000},
			{Kind: chat.PartCheck, Field: "all", Label: "Select all", Options: []chat.Option{{Value: "all", Label: "Select all", Description: "3 objects"}}, Selected: []chat.Option{{Value: "all"}}, Optional: true},
			{Kind: chat.PartText, Text: chat.Text{chat.Bold("Bob"), chat.Plain(" (your manager) will be asked.")}},
			{Kind: chat.PartNote, Text: chat.T("Under the flow Developers read production.")},
		},
	}
}

func TestRenderForm(t *testing.T) {
	slack := newTaker(t)
	slack.openDialog(t)
	forms := map[string]chat.Form{
		"request": requestForm(),
		"reason": {
			ID: chat.FormReason, Title: "Deny AR-12", Submit: "Deny", Close: "Cancel", State: `{"request":"AR-12"}`,
			Parts: []chat.Part{{Kind: chat.PartInput, Field: "reason", Label: "Reason", Multi: true}},
		},
		"credentials": {
			ID: chat.FormCredentials, Title: "Credentials", Close: "Close",
			Parts: []chat.Part{{Kind: chat.PartText, Text: chat.Text{chat.Bold("password"), chat.Plain("\n"), chat.Code("p*_~`<&>")}}},
		},
		"empty": {ID: chat.FormNotice},
		"strange": {
			ID: chat.FormRequest, Title: "A title of more than 24 characters", Close: "Close",
			Parts: []chat.Part{
				{Kind: chat.PartSelect, Field: "none", Label: "Nothing to choose"},
				{Kind: chat.PartCheck, Field: "unchecked", Label: "No boxes"},
				{Kind: chat.PartSelect, Field: "twice", Options: numbered(1)},
				{Kind: chat.PartSelect, Field: "twice", Options: numbered(1)},
				{Kind: chat.PartMulti, Field: "odd", Label: "Odd options", Options: []chat.Option{{Value: "a"}, {Value: "a"}, {Label: "no value"}, {Value: strings.Repeat("v", 151), Label: "too long"}, {Value: "b", Label: strings.Repeat("b", 90)}}},
				{Kind: chat.PartText, Text: chat.Text{chat.Plain("Ends "), chat.At(moment)}, Action: &chat.Action{ID: chat.ActionEndAccess, Label: "End access", Style: chat.StyleDanger}},
				{Kind: chat.PartText, Text: chat.Text{chat.Plain("*stars* end "), chat.At(moment)}, Action: &chat.Action{ID: chat.ActionEndAccess, Label: "End access"}},
				{Kind: chat.PartText, Action: &chat.Action{ID: chat.ActionMode, Label: "Alone"}},
				{Kind: chat.PartKind("other"), Text: chat.T("unknown kind")},
			},
		},
	}
	for name, form := range forms {
		t.Run(name, func(t *testing.T) {
			view, err := RenderForm(form)
			if err != nil {
				t.Fatal(err)
			}
			platformtest.Golden(t, "form-"+name+".json", platformtest.Pretty(t, view))
			slack.form(t, form)
		})
	}
}

func TestManyOptions(t *testing.T) {
	slack := newTaker(t)
	slack.openDialog(t)
	for _, tc := range []struct {
		n      int
		kind   string
		groups int
	}{{0, "external_select", 0}, {1, "static_select", 0}, {100, "static_select", 0}, {101, "static_select", 2}, {1000, "static_select", 10}, {1001, "external_select", 0}} {
		for _, kind := range []chat.PartKind{chat.PartSelect, chat.PartMulti} {
			t.Run(fmt.Sprintf("%s/%d", kind, tc.n), func(t *testing.T) {
				form := chat.Form{ID: chat.FormRequest, Title: "Many", Submit: "Submit", Close: "Cancel", Parts: []chat.Part{
					{Kind: kind, Field: "f", Label: "Choose", Options: numbered(tc.n), Selected: []chat.Option{{Value: fmt.Sprintf("v%d", tc.n-1), Label: "x"}}},
				}}
				slack.form(t, form)
				view, err := RenderForm(form)
				if err != nil {
					t.Fatal(err)
				}
				var got struct {
					Element struct {
						Type    string            `json:"type"`
						Options []json.RawMessage `json:"options"`
						Groups  []json.RawMessage `json:"option_groups"`
					} `json:"element"`
				}
				b, _ := json.Marshal(view.Blocks.BlockSet[0])
				if err := json.Unmarshal(b, &got); err != nil {
					t.Fatal(err)
				}
				if e := got.Element; strings.TrimPrefix(e.Type, "multi_") != tc.kind || len(e.Groups) != tc.groups || len(e.Options) > 100 {
					t.Errorf("%s with %d options and %d groups, want %s with %d groups", e.Type, len(e.Options), len(e.Groups), tc.kind, tc.groups)
				}
			})
		}
	}
}

// filledForm puts text into every place of a form.
func filledForm(text string, n int) chat.Form {
	spans := chat.Text{chat.Plain(text), chat.Bold(text), chat.At(moment), chat.Code(text), chat.Person(text, text)}
	options := []chat.Option{{Value: "a", Label: text, Description: text}, {Value: text, Label: text}}
	form := chat.Form{ID: chat.FormRequest, Title: text, Submit: text, Close: text}
	for i := range n {
		field := fmt.Sprintf("f%d", i)
		form.Parts = append(form.Parts,
			chat.Part{Kind: chat.PartText, Text: spans},
			chat.Part{Kind: chat.PartText, Text: spans, Action: &chat.Action{ID: chat.ActionMode, Label: text}},
			chat.Part{Kind: chat.PartNote, Text: spans})
		if i < 15 {
			form.Parts = append(form.Parts,
				chat.Part{Kind: chat.PartSelect, Field: field + "s", Label: text, Hint: text, Options: options, Selected: options, Placeholder: text},
				chat.Part{Kind: chat.PartMulti, Field: field + "m", Generation: text, Label: text, Search: true, Selected: options},
				chat.Part{Kind: chat.PartInput, Field: field + "i", Label: text, Value: text, Placeholder: text, Max: 10 * i},
				chat.Part{Kind: chat.PartCheck, Field: field + "c", Label: text, Options: options, Selected: options})
		}
	}
	return form
}

func TestNastyForms(t *testing.T) {
	slack := newTaker(t)
	slack.openDialog(t)
	for i, text := range nasty {
		for _, n := range []int{1, 12, 20} {
			t.Run(fmt.Sprintf("%d/%d", i, n), func(t *testing.T) { slack.form(t, filledForm(text, n)) })
		}
	}
}

func FuzzForm(f *testing.F) {
	for _, text := range nasty {
		f.Add(text, uint8(2))
	}
	slack := newTaker(f)
	slack.openDialog(f)
	f.Fuzz(func(t *testing.T, text string, n uint8) { slack.form(t, filledForm(text, int(n)%21)) })
}

func TestInputsAreNeverDropped(t *testing.T) {
	slack := newTaker(t)
	slack.openDialog(t)
	form := chat.Form{ID: chat.FormRequest, Title: "Long", Submit: "Submit", Close: "Cancel"}
	for i := range 300 {
		form.Parts = append(form.Parts, chat.Part{Kind: chat.PartText, Text: chat.T(fmt.Sprintf("line %d", i))})
		if i%30 == 0 {
			form.Parts = append(form.Parts, chat.Part{Kind: chat.PartInput, Field: fmt.Sprintf("f%d", i), Label: "Input"})
		}
	}
	view, err := RenderForm(form)
	if err != nil {
		t.Fatal(err)
	}
	text := string(platformtest.Pretty(t, view.Blocks))
	contains(t, text, "line 0", "line 299", "and 211 more")
	if n := strings.Count(text, `"type": "input"`); n != 10 {
		t.Errorf("%d of 10 inputs are left", n)
	}
	slack.form(t, form)
	for i := range 101 {
		form.Parts = append(form.Parts, chat.Part{Kind: chat.PartInput, Field: fmt.Sprintf("g%d", i), Label: "Input"})
	}
	if _, err := RenderForm(form); err == nil {
		t.Error("111 inputs were drawn")
	}
	if _, err := RenderForm(chat.Form{State: strings.Repeat("s", 3001)}); err == nil {
		t.Error("a state of 3,001 characters was drawn")
	}
}

func TestSuggestFitsIntoAnAck(t *testing.T) {
	for name, tc := range map[string]struct {
		label string
		n     int
		least int
	}{
		"none":  {"x", 0, 0},
		"few":   {"x", 3, 3},
		"short": {"x", 500, 90},
		"long":  {strings.Repeat("x", 90), 100, 60},
		"emoji": {strings.Repeat("🎉", 90), 100, 50},
	} {
		t.Run(name, func(t *testing.T) {
			options := make([]chat.Option, tc.n)
			for i := range options {
				options[i] = chat.Option{Value: fmt.Sprintf("%s%d", strings.Repeat("v", 140), i), Label: tc.label}
			}
			b, err := json.Marshal(suggest(options))
			if err != nil {
				t.Fatal(err)
			}
			var got struct{ Options []any }
			if err := json.Unmarshal(b, &got); err != nil {
				t.Fatal(err)
			}
			if len(b) >= maxAck-100 || len(got.Options) < tc.least || len(got.Options) > 100 {
				t.Errorf("%d options in %d bytes", len(got.Options), len(b))
			}
		})
	}
	b, err := json.Marshal(suggest(nil))
	if diff := cmp.Diff(`{"options":[]}`, string(b)); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// TestLongPathsOfOptions show their end too, where those of one name differ mostly.
func TestLongPathsOfOptions(t *testing.T) {
	path := strings.Repeat("cluster / ", 20)
	got := drawOptions([]chat.Option{{Value: "a", Label: "orders", Description: path + "sales"}, {Value: "b", Label: "orders", Description: path + "returns"}})
	for i, end := range []string{"/ sales", "/ returns"} {
		if d := got[i].Description.Text; !strings.HasPrefix(d, "cluster /") || !strings.HasSuffix(d, end) || length(d) > maxOptionText {
			t.Errorf("%q", d)
		}
	}
}

// TestSuggestGroups: headings are drawn in the order of their best options, with any
// text in them, and count for the size of the ack.
func TestSuggestGroups(t *testing.T) {
	for i, text := range nasty {
		var options []chat.Option
		for n := range 100 {
			options = append(options, chat.Option{Value: fmt.Sprint("v", n), Label: fmt.Sprint(text, n), Description: text, Group: fmt.Sprint("g", n%40, text)})
		}
		b, err := json.Marshal(suggest(options))
		if err != nil {
			t.Fatal(err)
		}
		var got struct {
			Groups []struct {
				Label   struct{ Text string }
				Options []struct{ Value string }
			} `json:"option_groups"`
		}
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatal(err)
		}
		all := 0
		for _, g := range got.Groups {
			if all += len(g.Options); length(g.Label.Text) > maxOptionText || g.Label.Text == "" || len(g.Options) == 0 {
				t.Errorf("%d: group %+v", i, g)
			}
		}
		if len(b) >= maxAck-100 || all < 10 || len(got.Groups) < 10 || !strings.HasPrefix(got.Groups[0].Label.Text, "g0") || got.Groups[1].Options[0].Value != "v1" {
			t.Errorf("%d: %d options in %d groups, %d bytes", i, all, len(got.Groups), len(b))
		}
	}
}
