package slacksim

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

// TestSpans: what a client draws of mrkdwn; Plain reads the same.
func TestSpans(t *testing.T) {
	r := Reader{User: func(string) string { return "Bob <b>" }}
	for in, want := range map[string][]Span{
		"a *b _c_* ~d~": {
			{Text: "a "}, {Text: "b ", Bold: true}, {Text: "c", Bold: true, Italic: true}, {Text: " "}, {Text: "d", Strike: true},
		},
		"*<https://x.test/?a=1&amp;b=2|the *site*>*": {{Kind: SpanLink, Text: "the *site*", URL: "https://x.test/?a=1&b=2", Bold: true}},
		"<javascript:alert(1)>":                      {{Kind: SpanLink, Text: "javascript:alert(1)", URL: "javascript:alert(1)"}},
		"`a *b* &lt;`<@U1>":                          {{Kind: SpanCode, Text: "a *b* <"}, {Kind: SpanMention, Text: "@Bob <b>"}},
		"```\n*x*\n```":                              {{Kind: SpanPre, Text: "*x*\n"}},
		"<!date^0^{date_num}^https://x.test|then>":   {{Kind: SpanDate, Text: "1970-01-01", URL: "https://x.test"}},
		"&lt;!here&gt; <!here>":                      {{Text: "<!here> "}, {Kind: SpanMention, Text: "@here"}},
		"":                                           nil,
	} {
		got := Spans(in, r)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", in, diff)
		}
		var text strings.Builder
		for _, s := range got {
			text.WriteString(s.Text)
		}
		if diff := cmp.Diff(Plain(in, r), text.String()); diff != "" {
			t.Errorf("%q is read otherwise (-Plain +Spans):\n%s", in, diff)
		}
	}
}

// TestElementsByRef: elements that look alike are told apart, and what is not there cannot be pressed.
func TestElementsByRef(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		row := func(id string) string {
			return `{"type":"actions","block_id":"` + id + `","elements":[` + btnJSON("End", "end", id) + `,{"type":"overflow","action_id":"more","options":[` + opt(1) + `,` + opt(2) + `]}]}`
		}
		post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "blocks": `[` + row("one") + `,` + row("two") + `]`})
		alice := w.As("U0ALICE001")
		m := alice.Messages("#general")[0]
		if err := alice.Click(ctx, m, "End"); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("by a label that is there twice: %v", err)
		}
		end, more := m.Blocks[1].Elements[0], m.Blocks[1].Elements[1]
		if err := alice.Click(ctx, m, end.Ref()); err != nil {
			t.Fatal(err)
		}
		if a := r.last().ActionCallback.BlockActions[0]; a.BlockID != "two" || a.Value != "two" {
			t.Errorf("pressed %+v", a)
		}
		if err := alice.Click(ctx, m, more.OptionRef(more.Options[1])); err != nil {
			t.Fatal(err)
		}
		if a := r.last().ActionCallback.BlockActions[0]; a.BlockID != "two" || a.SelectedOption.Value != more.Options[1].Value {
			t.Errorf("pressed %+v", a)
		}
		for name, ref := range map[string]string{
			"another block": Element{BlockID: "three", ActionID: "end"}.Ref(), "another option": more.OptionRef(Option{Value: "no"}), "an option of a button": end.OptionRef(Option{Value: "x"}),
		} {
			if err := alice.Click(ctx, m, ref); !errors.Is(err, ErrNotThere) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := alice.Click(ctx, m, more.Ref()); !errors.Is(err, ErrCannot) {
			t.Errorf("the menu itself: %v", err)
		}
		if err := alice.Type(ctx, m, end.Ref(), "x"); !errors.Is(err, ErrNotThere) {
			t.Errorf("typing into a button: %v", err)
		}
	})
}

// TestChooseWhatIsInSight: what the open menu shows, or is chosen already, is not asked for again.
func TestChooseWhatIsInSight(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		asked := 0
		_, r := stageWith(ctx, t, w, func(cb slack.InteractionCallback) any {
			if cb.Type != slack.InteractionTypeBlockSuggestion {
				return nil
			}
			asked++
			return obj{"options": arr{
				obj{"text": mustJSON(t, plain("same")), "value": "v1"}, obj{"text": mustJSON(t, plain("same")), "value": "v2"},
			}}
		})
		v := show(ctx, t, w, r, "U0ALICE001", modal(`,"submit":`+plain("s"),
			`{"type":"input","block_id":"res","label":`+plain("Resources")+`,"element":{"type":"multi_external_select","action_id":"pick","min_query_length":0}}`))
		alice := w.As("U0ALICE001")
		if _, err := alice.Suggest(ctx, v, "Resources", ""); err != nil {
			t.Fatal(err)
		}
		for _, values := range [][]string{{"v2"}, {"v2", "v1"}} {
			if err := alice.Choose(ctx, v, "Resources", values...); err != nil {
				t.Fatal(err)
			}
		}
		v, _ = alice.View()
		want := []Option{{Text: "same", Value: "v2"}, {Text: "same", Value: "v1"}}
		if diff := cmp.Diff(want, v.Blocks[0].Elements[0].Chosen); diff != "" || asked != 1 {
			t.Errorf("asked %d times; chosen (-want +got):\n%s", asked, diff)
		}
		if err := alice.Choose(ctx, v, "Resources", "v3"); !errors.Is(err, ErrNoOption) {
			t.Errorf("what is not offered: %v", err)
		}
	})
}

// TestClock: timestamps go by the clock that the workspace was given, and never stand still.
func TestClock(t *testing.T) {
	at := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	o := world()
	o.NoRateLimits, o.Now = true, func() time.Time { return at }
	w := open(t, o)
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "one"})
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "two"})
	at = at.Add(time.Hour)
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "<!date^1893499200^{date_pretty}|x>"})
	all := w.Messages("#general")
	var got []string
	for _, m := range all {
		got = append(got, m.TS)
	}
	if diff := cmp.Diff([]string{"1893499200.000000", "1893499200.000001", "1893502800.000000"}, got); diff != "" {
		t.Errorf("timestamps (-want +got):\n%s", diff)
	}
	if got := w.As("U0ALICE001").Messages("#general")[2].Text; got != "today" {
		t.Errorf("a date is read as %q", got)
	}
	if got := w.As("U0ALICE001").Reader().Date(1893502800, "{time}"); got != "2:00 PM" {
		t.Errorf("in Berlin it is %s", got)
	}
}
