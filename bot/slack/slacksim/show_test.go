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

// TestReading: what a person reads of each kind of block.
func TestReading(t *testing.T) {
	w := open(t, world())
	for js, want := range map[string]string{
		section("*b* <@U0BOB00001> in <#C0GENERAL1> for <!subteam^S0DBA00001>"): "b @Bob in #general for @dba",
		`{"type":"header","text":` + plain("*title*") + `}`:                     "*title*",
		`{"type":"divider"}`: "---",
		`{"type":"section","fields":[` + plain("a") + `,{"type":"mrkdwn","text":"_b_"}]}`:                                      "a\nb",
		`{"type":"section","text":` + plain("t") + `,"accessory":` + btnJSON("Go", "g", "1") + `}`:                             "t [Go]",
		actions(btnJSON("Yes", "y", "1"), `{"type":"overflow","action_id":"o","options":`+opts(2)+`}`):                         "[Yes] […o0|o1]",
		`{"type":"context","elements":[` + plain("by") + `,{"type":"image","alt_text":"Ann","image_url":"https://x.test/a"}]}`: "by Ann",
		`{"type":"image","alt_text":"a chart","image_url":"https://x.test/a"}`:                                                 "a chart",
		`{"type":"markdown","text":"**raw**"}`:                                                                                 "**raw**",
		`{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_text","text":"b"}],[{"type":"raw_text","text":"c"},` +
			`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"d"}]}]}]]}`: "a | b\nc | d",
		`{"type":"container","title":` + plain("box") + `,"child_blocks":[` + section("in") + `]}`:                                                                                                 "box\nin",
		`{"type":"card","title":` + plain("T") + `,"body":` + plain("B") + `,"actions":[` + btnJSON("Go", "g", "1") + `]}`:                                                                         "T\nB [Go]",
		`{"type":"input","label":` + plain("Why") + `,"hint":` + plain("short") + `,"element":{"type":"static_select","action_id":"s","options":` + opts(2) + `,"initial_option":` + opt(1) + `}}`: "Why\nshort [Why: o1]",
		`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"see "},{"type":"link","url":"https://x.test"},` +
			`{"type":"user","user_id":"U0BOB00001"},{"type":"channel","channel_id":"C0GENERAL1"},{"type":"usergroup","usergroup_id":"S0DBA00001"},{"type":"emoji","name":"tada"}]},` +
			`{"type":"rich_text_list","style":"ordered","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one"}]},` +
			`{"type":"rich_text_section","elements":[{"type":"text","text":"two"}]}]}]}`: "see https://x.test@Bob#general@dba:tada:\n1. one\n2. two",
	} {
		if problems := CheckBlocks([]byte("[" + js + "]")); problems != nil {
			t.Errorf("%s: %v", js, problems)
			continue
		}
		w.mu.Lock()
		list, _ := mustJSON(t, "["+js+"]").(arr)
		m := &message{channel: "C0GENERAL1", blocks: w.nameBlocks(list)}
		got := w.show(m, "U0ALICE001").String()
		w.unlock()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", js, diff)
		}
	}
	if got := (View{Title: "Ask", Blocks: []Block{{Type: "section", Text: "t"}}}).String(); got != "# Ask\nt" {
		t.Errorf("view %q", got)
	}
}

// TestTypeRules: every property has a type.
func TestTypeRules(t *testing.T) {
	sel := func(more string) string { return actions(`{"type":"static_select","options":` + opts(1) + more + `}`) }
	for _, r := range []struct {
		on   surface
		js   string
		want string
	}{
		{onModal, `{"type":"section","text":` + plain("t") + `,"expand":"yes"}`, "must provide a boolean [json-pointer:/expand]"},
		{onModal, `{"type":"section","fields":{}}`, "must provide an array [json-pointer:/fields]"},
		{onModal, `{"type":"section","text":` + plain("t") + `,"block_id":7}`, "must provide a string [json-pointer:/block_id]"},
		{onModal, `{"type":"header","text":` + plain("t") + `,"level":1.5}`, "must provide an integer [json-pointer:/level]"},
		{onModal, `{"type":"header","text":` + plain("t") + `,"level":5}`, "must be less than 5 [json-pointer:/level]"},
		{onModal, `{"type":"section","text":` + plain("t") + `,"accessory":"button"}`, "must provide an object [json-pointer:/accessory]"},
		{onModal, `{"type":"section","text":` + plain("t") + `,"accessory":{}}`, "missing required field: type [json-pointer:/accessory]"},
		{onModal, sel(`,"placeholder":"p"`), "must provide an object [json-pointer:/elements/0/placeholder]"},
		{onModal, sel(`,"focus_on_load":1`), "must provide a boolean [json-pointer:/elements/0/focus_on_load]"},
		{onModal, `{"type":"section","text":{"type":"plain_text","text":"t","emoji":"yes"}}`, "must provide a boolean [json-pointer:/text/emoji]"},
		{onModal, `{"type":"section","text":{"text":"t"}}`, "missing required field: type [json-pointer:/text]"},
		{onHome, input(`{"type":"channels_select","response_url_enabled":true}`), "`response_url_enabled` works in modals only [json-pointer:/element/response_url_enabled]"},
		{onModal, input(`{"type":"multi_external_select","initial_options":[` + opt(1) + `,` + opt(1) + `]}`), "option values must be unique: v1 [json-pointer:/element/initial_options/1/value]"},
		{onModal, input(`{"type":"rich_text_input","action_id":"a","initial_value":{"type":"section"}}`), "failed to match all allowed schemas [json-pointer:/element/initial_value]"},
		{onModal, input(`{"type":"rich_text_input"}`), "missing required field: action_id [json-pointer:/element]"},
		{onModal, `{"type":"image","alt_text":"a","slack_file":{}}`, "must define either `id` or `url` [json-pointer:/slack_file]"},
		{onMessage, `{"type":"container","child_blocks":[{"type":"divider"}]}`, "must define either `title` or `rich_text_title` [json-pointer:]"},
		{onMessage, `{"type":"table","rows":[[{"type":"raw_text","text":"a"},{"type":"raw_text","text":"b"}],[{"type":"raw_text","text":"a"}]]}`, "must have 2 cells as the first row has [json-pointer:/rows/1]"},
		{onMessage, `{"type":"table","rows":[[7]]}`, "must provide an object [json-pointer:/rows/0/0]"},
		{onMessage, `{"type":"table","rows":[[{}]]}`, "missing required field: type [json-pointer:/rows/0/0]"},
		{onMessage, `{"type":"card","title":` + plain("t") + `,"icon":{"type":"image","alt_text":"a","image_url":"https://x.test"},"slack_icon":{"type":"icon","name":"book"}}`, "must define only one of `icon` and `slack_icon` [json-pointer:]"},
		{onMessage, `{"type":"data_visualization","title":"t","chart":{"type":"pie","segments":[{"label":"a","value":"1"}]}}`, "must provide a number [json-pointer:/chart/segments/0/value]"},
		{onMessage, `{"type":"plan","title":` + plain("t") + `}`, "must provide a string [json-pointer:/title]"},
		{onMessage, `{"type":"context_actions","elements":[{"type":"icon_button","icon":"trash"}]}`, "missing required field: text [json-pointer:/elements/0]"},
		{onMessage, actions(`{"type":"workflow_button","action_id":"a","text":` + plain("t") + `}`), "missing required field: workflow [json-pointer:/elements/0]"},
	} {
		if diff := cmp.Diff([]string{r.want}, problemsOf(t, r.on, r.js)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", r.js, diff)
		}
	}
}

func TestPaging(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	w := open(t, o)
	for i := range 5 {
		post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": itoa(i)})
	}
	var got []string
	p := &slack.GetConversationHistoryParameters{ChannelID: "C0GENERAL1", Limit: 2}
	for {
		h, err := newAPI(w).GetConversationHistory(p)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range h.Messages {
			got = append(got, m.Text)
		}
		if !h.HasMore {
			break
		}
		p.Cursor = h.ResponseMetaData.NextCursor
	}
	if diff := cmp.Diff([]string{"4", "3", "2", "1", "0"}, got); diff != "" {
		t.Errorf("newest first over pages (-want +got):\n%s", diff)
	}
	all := w.Messages("#general")
	h, err := newAPI(w).GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: "C0GENERAL1", Oldest: all[1].TS, Latest: all[3].TS, Inclusive: true})
	if err != nil || len(h.Messages) != 3 {
		t.Errorf("from the second to the fourth: %v %v", h, err)
	}
	if got := w.Channels(); len(got) != 3 || got[0].Name != "general" {
		t.Errorf("channels %+v", got)
	}
	if got := w.Users(); len(got) != 3 || got[0].Name != "alice" {
		t.Errorf("users %+v", got)
	}
}

func TestClearOnClose(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		alice := w.As("U0ALICE001")
		root := show(ctx, t, w, r, "U0ALICE001", modal(`,"notify_on_close":true`, actions(btnJSON("More", "more", "1"))))
		if err := alice.Click(ctx, root, "More"); err != nil {
			t.Fatal(err)
		}
		post(t, w, "views.push", map[string]string{"trigger_id": r.last().TriggerID, "view": modal(`,"clear_on_close":true`, section("top"))})
		top, _ := alice.View()
		if top.Text != "top" {
			t.Fatalf("view %+v", top)
		}
		if _, err := alice.Submit(ctx, top); !errors.Is(err, ErrCannot) {
			t.Errorf("submit without a submit button: %v", err)
		}
		if err := alice.CloseView(ctx, top); err != nil {
			t.Fatal(err)
		}
		if last := r.last(); last.Type != slack.InteractionTypeViewClosed || last.View.ID != root.ID || !last.IsCleared {
			t.Errorf("view_closed %+v", last)
		}
		if _, ok := alice.View(); ok {
			t.Error("the modal is open")
		}
	})
}

func TestThreadsAndNames(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		alice := w.As("U0ALICE001")
		post(t, w, "chat.postMessage", map[string]string{"channel": "U0ALICE001", "text": "ask me"})
		m := alice.DMs()[0]
		a, err := alice.Answer(m, "why?")
		if err != nil || a.ThreadTS != m.TS || a.FromApp || a.User != alice.ID() {
			t.Errorf("answer %+v %v", a, err)
		}
		time.Sleep(time.Second)
		out := post(t, w, "chat.postMessage", map[string]string{"channel": m.Channel, "text": "so", "thread_ts": a.TS, "blocks": `[` + actions(btnJSON("Go", "go", "1")) + `]`})
		ts, _ := out["ts"].(string)
		reply, _ := w.Message(m.Channel, ts)
		if reply.ThreadTS != m.TS {
			t.Errorf("an answer to an answer belongs to the root's thread: %+v", reply)
		}
		if err := alice.Click(ctx, reply, "Go"); err != nil {
			t.Fatal(err)
		}
		if got := r.last(); got.Container.ThreadTs != m.TS || got.Channel.Name != "directmessage" {
			t.Errorf("click in a thread: %+v", got.Container)
		}
		if _, err := w.As("U0BOB00001").Slash(ctx, "#secret", "/apono", ""); err != nil {
			t.Fatal(err)
		}
		if got := r.command().ChannelName; got != "privategroup" {
			t.Errorf("name of a private channel: %s", got)
		}
		if _, err := w.As("U0BOB00001").Send("#other", "not a member"); !errors.Is(err, ErrCannot) {
			t.Errorf("writing without membership: %v", err)
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}

func TestRichTextAndNearMenus(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		row := func(name string) string {
			return `{"type":"section","block_id":"` + name + `","text":` + plain(name) + `,"accessory":{"type":"static_select","action_id":"level","placeholder":` + plain("Level") + `,"options":` + opts(2) + `}}`
		}
		v := show(ctx, t, w, r, "U0ALICE001", modal(`,"submit":`+plain("s"), strings.Join([]string{
			row("orders"), row("users"), `{"type":"input","block_id":"note","label":` + plain("Note") + `,"element":{"type":"rich_text_input","action_id":"a"}}`,
		}, ",")))
		alice := w.As("U0ALICE001")
		if err := alice.Choose(ctx, v, "Level", "o1"); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("two menus: %v", err)
		}
		if err := alice.ChooseNear(ctx, v, "Level", "users", "o1"); err != nil {
			t.Fatal(err)
		}
		if err := alice.Type(ctx, v, "Note", "bold words"); err != nil {
			t.Fatal(err)
		}
		now, _ := alice.View()
		var got []string
		for _, f := range now.Fields {
			got = append(got, f.BlockID+"="+strings.Join(f.Values, ","))
		}
		if diff := cmp.Diff([]string{"orders=", "users=o1", "note=bold words"}, got); diff != "" {
			t.Errorf("fields (-want +got):\n%s", diff)
		}
		if sub, err := alice.Submit(ctx, v); err != nil || !sub.Closed {
			t.Fatalf("%+v %v", sub, err)
		}
		raw := r.lastRaw()["view"].(obj)["state"].(obj)["values"].(obj)["note"].(obj)["a"].(obj)
		if raw["type"] != "rich_text_input" || raw["rich_text_value"].(obj)["type"] != "rich_text" {
			t.Errorf("state %v", raw)
		}
	})
}
