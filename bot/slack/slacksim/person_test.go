package slacksim

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

func btnJSON(label, id, value string) string {
	return `{"type":"button","action_id":"` + id + `","value":"` + value + `","text":` + plain(label) + `}`
}

// TestClickPayload compares block_actions of a message with what Slack sends.
func TestClickPayload(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		out := post(t, w, "chat.postMessage", map[string]string{
			"channel": "C0GENERAL1", "text": "card", "metadata": `{"event_type":"card","event_payload":{"id":"AR-1"}}`,
			"blocks": `[` + section("*card*") + `,{"type":"actions","block_id":"row","elements":[` + btnJSON("Approve", "approve", "AR-1") + `,` + btnJSON("Deny", "deny", "AR-1") +
				`,{"type":"overflow","action_id":"more","options":[` + opt(1) + `,` + opt(2) + `]},{"type":"static_select","action_id":"pick","placeholder":` + plain("Pick one") + `,"options":` + opts(2) + `}]}]`,
		})
		ts, _ := out["ts"].(string)
		alice := w.As("U0ALICE001")
		m := alice.Messages("#general")[0]
		if diff := cmp.Diff([]string{"Approve", "Deny", "o1", "o2"}, m.Labels()); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
		if err := alice.Click(ctx, m, "Deny"); err != nil {
			t.Fatal(err)
		}
		raw := r.lastRaw()
		act := raw["actions"].(arr)[0].(obj)
		if act["action_ts"] == nil {
			t.Error("no action_ts")
		}
		delete(act, "action_ts")
		want := obj{"action_id": "deny", "block_id": "row", "type": "button", "value": "AR-1", "text": mustJSON(t, plain("Deny"))}
		if diff := cmp.Diff(want, act); diff != "" {
			t.Errorf("action (-want +got):\n%s", diff)
		}
		wantBox := obj{"type": "message", "message_ts": ts, "channel_id": "C0GENERAL1", "is_ephemeral": false}
		if diff := cmp.Diff(any(wantBox), raw["container"]); diff != "" {
			t.Errorf("container (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(any(obj{"row": obj{"pick": obj{"type": "static_select", "selected_option": nil}}}), raw["state"].(obj)["values"]); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		got := r.last()
		if got.Message.Timestamp != ts || got.Message.Metadata.EventPayload["id"] != "AR-1" || got.User.ID != "U0ALICE001" || got.Channel.ID != "C0GENERAL1" || got.TriggerID == "" || got.ResponseURL == "" {
			t.Errorf("slack-go reads %+v", got)
		}
		if err := alice.Click(ctx, m, "o2"); err != nil {
			t.Fatal(err)
		}
		if a := r.last().ActionCallback.BlockActions[0]; a.ActionID != "more" || a.SelectedOption.Value != "v2" {
			t.Errorf("overflow %+v", a)
		}
		if err := alice.Choose(ctx, m, "Pick one", "o1"); err != nil {
			t.Fatal(err)
		}
		if a := r.last(); a.ActionCallback.BlockActions[0].SelectedOption.Value != "v1" || a.BlockActionState.Values["row"]["pick"].SelectedOption.Value != "v1" {
			t.Errorf("select %+v", a.ActionCallback.BlockActions[0])
		}
		for label, want := range map[string]error{"more": ErrCannot, "Approve all": ErrNotThere, "Pick one": ErrNotThere} {
			if err := alice.Click(ctx, m, label); !errors.Is(err, want) {
				t.Errorf("click %q: %v, want %v", label, err, want)
			}
		}
		if err := alice.Choose(ctx, m, "Pick one", "o9"); !errors.Is(err, ErrNoOption) {
			t.Errorf("choose what is not offered: %v", err)
		}
		if err := alice.Choose(ctx, m, "Pick one", "o0", "o1"); !errors.Is(err, ErrCannot) {
			t.Errorf("choose two of a single menu: %v", err)
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}

func TestEphemeralClickHasNoContent(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		post(t, w, "chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "user": "U0ALICE001", "text": "t", "blocks": `[` + actions(btnJSON("Go", "go", "1")) + `]`})
		m := w.As("U0ALICE001").Ephemerals()[0]
		if err := w.As("U0ALICE001").Click(ctx, m, "Go"); err != nil {
			t.Fatal(err)
		}
		raw := r.lastRaw()
		if raw["message"] != nil || raw["container"].(obj)["is_ephemeral"] != true || raw["response_url"] == nil {
			t.Errorf("payload %v", raw)
		}
		if err := w.As("U0BOB00001").Click(ctx, m, "Go"); !errors.Is(err, ErrGone) {
			t.Errorf("another clicks an ephemeral message: %v", err)
		}
	})
}

func TestNearAndStale(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		row := func(id string) string {
			return section(id+" for Alice") + `,{"type":"actions","elements":[` + btnJSON("Approve", "approve", id) + `]}`
		}
		beside := `{"type":"section","text":` + plain("AR-3 for Bob") + `,"accessory":` + btnJSON("Approve", "approve", "AR-3") + `}`
		out := post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "blocks": `[` + row("AR-1") + `,` + row("AR-2") + `,` + beside + `]`})
		bob := w.As("U0BOB00001")
		m := bob.Messages("#general")[0]
		if err := bob.Click(ctx, m, "Approve"); !errors.Is(err, ErrAmbiguous) {
			t.Errorf("three buttons: %v", err)
		}
		for _, id := range []string{"AR-2", "AR-1", "AR-3"} {
			if err := bob.Click(ctx, m, "Approve", Near(id)); err != nil {
				t.Fatal(err)
			}
			if got := r.last().ActionCallback.BlockActions[0].Value; got != id {
				t.Errorf("near %s: %s", id, got)
			}
		}
		ts, _ := out["ts"].(string)
		post(t, w, "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": ts, "text": "done", "blocks": `[` + section("done") + `]`})
		if err := bob.Click(ctx, m, "Approve", "AR-1"); !errors.Is(err, ErrNotThere) {
			t.Errorf("a button that is gone: %v", err)
		}
		if err := bob.ClickStale(ctx, m, "Approve", "AR-1"); err != nil {
			t.Fatal(err)
		}
		got := r.last()
		if got.ActionCallback.BlockActions[0].Value != "AR-1" || len(got.Message.Blocks.BlockSet) != 1 {
			t.Errorf("stale click %+v", got.ActionCallback.BlockActions[0])
		}
		post(t, w, "chat.delete", map[string]string{"channel": "C0GENERAL1", "ts": ts})
		if err := bob.Click(ctx, m, "Approve", "AR-1"); !errors.Is(err, ErrGone) {
			t.Errorf("a deleted message: %v", err)
		}
	})
}

func TestDispatchRules(t *testing.T) {
	in := func(id, element, more string) string {
		return `{"type":"input","block_id":"` + id + `","label":` + plain(id) + `,"element":` + element + more + `}`
	}
	text := func(cfg string) string { return `{"type":"plain_text_input","action_id":"a"` + cfg + `}` }
	menu := `{"type":"static_select","action_id":"a","options":` + opts(2) + `}`
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		v := show(ctx, t, w, r, "U0ALICE001", modal(`,"submit":`+plain("s"), strings.Join([]string{
			in("quiet", text(""), ""), in("enter", text(""), `,"dispatch_action":true`),
			in("each", text(`,"dispatch_action_config":{"trigger_actions_on":["on_character_entered"]}`), `,"dispatch_action":true`),
			in("menu", menu, ""), in("live", menu, `,"dispatch_action":true`),
		}, ",")))
		alice := w.As("U0ALICE001")
		count := func() int { r.mu.Lock(); defer r.mu.Unlock(); return len(r.seen) }
		for _, step := range []struct {
			name string
			do   func() error
			want int
		}{
			{"type in a quiet field", func() error { return alice.Type(ctx, v, "quiet", "x") }, 0},
			{"enter in a quiet field", func() error { return alice.PressEnter(ctx, v, "quiet") }, 0},
			{"type where Enter dispatches", func() error { return alice.Type(ctx, v, "enter", "x") }, 0},
			{"enter where Enter dispatches", func() error { return alice.PressEnter(ctx, v, "enter") }, 1},
			{"type where characters dispatch", func() error { return alice.Type(ctx, v, "each", "x") }, 2},
			{"enter where characters dispatch", func() error { return alice.PressEnter(ctx, v, "each") }, 2},
			{"choose in an input", func() error { return alice.Choose(ctx, v, "menu", "o1") }, 2},
			{"choose in a dispatching input", func() error { return alice.Choose(ctx, v, "live", "o1") }, 3},
		} {
			if err := step.do(); err != nil {
				t.Fatalf("%s: %v", step.name, err)
			}
			if got := count(); got != step.want {
				t.Errorf("%s: %d block_actions, want %d", step.name, got, step.want)
			}
		}
	})
}

func TestClientSideChecks(t *testing.T) {
	in := func(id, element string) string {
		return `{"type":"input","block_id":"` + id + `","label":` + plain(id) + `,"optional":true,"element":` + element + `}`
	}
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		v := show(ctx, t, w, r, "U0ALICE001", modal(`,"submit":`+plain("s"), strings.Join([]string{
			in("short", `{"type":"plain_text_input","action_id":"a","min_length":3}`), in("long", `{"type":"plain_text_input","action_id":"a","max_length":3}`),
			in("mail", `{"type":"email_text_input","action_id":"a"}`), in("link", `{"type":"url_text_input","action_id":"a"}`),
			in("number", `{"type":"number_input","action_id":"a","is_decimal_allowed":false,"max_value":"10"}`),
			in("few", `{"type":"multi_static_select","action_id":"a","max_selected_items":1,"options":`+opts(3)+`}`),
		}, ",")))
		alice := w.As("U0ALICE001")
		enter := func(values map[string]string) Submission {
			t.Helper()
			for label, s := range values {
				if err := alice.Type(ctx, v, label, s); err != nil {
					t.Fatal(err)
				}
			}
			sub, err := alice.Submit(ctx, v)
			if err != nil {
				t.Fatal(err)
			}
			return sub
		}
		sub := enter(map[string]string{"short": "ab", "long": "abcd", "mail": "nobody", "link": "example", "number": "11"})
		want := map[string]string{
			"short": "Please enter at least 3 characters.", "long": "Please enter at most 3 characters.", "mail": "Please enter a valid email address.",
			"link": "Please enter a valid URL.", "number": "Please enter a valid number.",
		}
		if diff := cmp.Diff(want, sub.Errors); diff != "" {
			t.Errorf("errors (-want +got):\n%s", diff)
		}
		if err := alice.Choose(ctx, v, "few", "o1", "o2"); !errors.Is(err, ErrCannot) {
			t.Errorf("more than max_selected_items: %v", err)
		}
		sub = enter(map[string]string{"short": "abc", "long": "abc", "mail": "a@example.com", "link": "https://example.com", "number": "10"})
		if !sub.Closed {
			t.Errorf("submission %+v", sub)
		}
		if got := len(r.raw); got != 1 {
			t.Errorf("the app was asked %d times", got)
		}
	})
}

func TestSuggestions(t *testing.T) {
	many := func(n int) arr {
		a, _ := mustJSON(t, opts(n)).(arr)
		return a
	}
	for _, r := range []struct {
		name   string
		answer any
		want   int  // options offered
		ok     bool // no error and no violation
	}{
		{"options", obj{"options": many(100)}, 100, true},
		{"none", obj{"options": arr{}}, 0, true},
		{"groups", obj{"option_groups": arr{obj{"label": mustJSON(t, plain("g")), "options": many(3)}}}, 3, true},
		{"101 options", obj{"options": many(101)}, 0, false},
		{"empty payload", obj{}, 0, false},
		{"no payload", nil, 0, false},
		{"slack-go's empty answer", slack.OptionsResponse{}, 0, false},
		{"both", obj{"options": many(1), "option_groups": arr{}}, 0, false},
		{"mrkdwn", obj{"options": arr{obj{"text": obj{"type": "mrkdwn", "text": "t"}, "value": "v"}}}, 0, false},
		{"value 151", obj{"options": arr{obj{"text": mustJSON(t, plain("t")), "value": x(151)}}}, 0, false},
		{"late", noAck{}, 0, false},
	} {
		t.Run(r.name, func(t *testing.T) {
			bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
				_, rec := stageWith(ctx, t, w, func(cb slack.InteractionCallback) any {
					if cb.Type != slack.InteractionTypeBlockSuggestion {
						return nil
					}
					return r.answer
				})
				v := show(ctx, t, w, rec, "U0ALICE001", modal(`,"submit":`+plain("s"),
					`{"type":"input","block_id":"res","label":`+plain("Resources")+`,"element":{"type":"multi_external_select","action_id":"pick","min_query_length":0}}`))
				got, err := w.As("U0ALICE001").Suggest(ctx, v, "Resources", "pro")
				if (err == nil) != r.ok || len(got) != r.want || (len(w.Violations()) == 0) != r.ok {
					t.Fatalf("%d options, error %v, violations %+v", len(got), err, w.Violations())
				}
				if last := rec.last(); last.Value != "pro" || last.ActionID != "pick" || last.BlockID != "res" || last.View.ID != v.ID || last.TriggerID != "" {
					t.Errorf("block_suggestion %+v", last)
				}
			})
		})
	}
}

func TestChooseFromExternalMenu(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		var queries []string
		_, r := stageWith(ctx, t, w, func(cb slack.InteractionCallback) any {
			if cb.Type != slack.InteractionTypeBlockSuggestion {
				return nil
			}
			queries = append(queries, cb.Value)
			out := arr{}
			for _, name := range []string{"orders", "payments", "users"} {
				if strings.Contains(name, cb.Value) {
					out = append(out, obj{"text": mustJSON(t, plain(name)), "value": "id-" + name})
				}
			}
			return obj{"options": out}
		})
		el := func(more string) string {
			return `{"type":"input","block_id":"res","label":` + plain("Resources") + `,"element":{"type":"multi_external_select","action_id":"pick"` + more + `}}`
		}
		v := show(ctx, t, w, r, "U0ALICE001", modal(`,"submit":`+plain("s"), el("")))
		alice := w.As("U0ALICE001")
		if _, err := alice.Suggest(ctx, v, "Resources", "us"); !errors.Is(err, ErrCannot) {
			t.Errorf("two characters where Slack asks from three on: %v", err)
		}
		if err := alice.Choose(ctx, v, "Resources", "payments", "users"); err != nil {
			t.Fatal(err)
		}
		if err := alice.Choose(ctx, v, "Resources", "ledger"); !errors.Is(err, ErrNoOption) {
			t.Errorf("an option that is not offered: %v", err)
		}
		now, _ := alice.View()
		if f, _ := now.Field("Resources"); !cmp.Equal(f.Values, []string{"payments", "users"}) {
			t.Errorf("chosen %v", f.Values)
		}
		if sub, err := alice.Submit(ctx, v); err != nil || !sub.Closed {
			t.Fatalf("%+v %v", sub, err)
		}
		if got := r.last().View.State.Values["res"]["pick"].SelectedOptions; len(got) != 2 || got[1].Value != "id-users" {
			t.Errorf("submitted %+v", got)
		}
		if diff := cmp.Diff([]string{"payments", "users", "ledger"}, queries); diff != "" {
			t.Errorf("queries (-want +got):\n%s", diff)
		}
	})
}

func TestShortcuts(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		alice := w.As("U0ALICE001")
		if err := alice.Shortcut(ctx, "ask_access"); err != nil {
			t.Fatal(err)
		}
		got := r.last()
		if got.Type != slack.InteractionTypeShortcut || got.CallbackID != "ask_access" || got.ResponseURL != "" || got.TriggerID == "" {
			t.Errorf("shortcut %+v", got)
		}
		m, err := alice.Send("#general", "look at this")
		if err != nil {
			t.Fatal(err)
		}
		if err := alice.MessageShortcut(ctx, m, "about_this"); err != nil {
			t.Fatal(err)
		}
		got = r.last()
		if got.Type != slack.InteractionTypeMessageAction || got.Message.Text != "look at this" || got.ResponseURL == "" || got.MessageTs != m.TS {
			t.Errorf("message shortcut %+v", got)
		}
		if out := post(t, w, "views.open", map[string]string{"trigger_id": got.TriggerID, "view": modal("", section("t"))}); out["ok"] != true {
			t.Errorf("open with a shortcut's trigger: %v", out)
		}
	})
}

func TestHomeTab(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		a, r := stageWith(ctx, t, w, nil)
		alice := w.As("U0ALICE001")
		if _, ok := alice.Home(); ok {
			t.Error("a home tab before one was published")
		}
		if err := alice.OpenHome(); err != nil {
			t.Fatal(err)
		}
		if err := alice.OpenMessages(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if diff := cmp.Diff([]string{"app_home_opened", "app_home_opened"}, a.seen()); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		home := func(text string) string {
			return `{"type":"home","private_metadata":"p1","blocks":[` + section(text) + `,` + actions(btnJSON("Request access", "ask", "")) + `]}`
		}
		home1 := strings.Replace(home("one"), `"value":"",`, "", 1)
		out := post(t, w, "views.publish", map[string]string{"user_id": "U0ALICE001", "view": home1})
		if out["ok"] != true {
			t.Fatalf("publish: %v", out)
		}
		h, _ := alice.Home()
		if err := alice.Click(ctx, h, "Request access"); err != nil {
			t.Fatal(err)
		}
		got := r.last()
		if got.View.Type != slack.VTHomeTab || got.View.PrivateMetadata != "p1" || got.Container.ViewID != h.ID {
			t.Errorf("click on the home tab: %+v", got.View)
		}
		if out := post(t, w, "views.open", map[string]string{"trigger_id": got.TriggerID, "view": modal("", section("t"))}); out["ok"] != true {
			t.Errorf("open from the home tab: %v", out)
		}
		if err := w.As("U0BOB00001").Click(ctx, h, "Request access"); !errors.Is(err, ErrGone) {
			t.Errorf("another's home tab: %v", err)
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}

func TestOpenFromInsideAModalIsAViolation(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		v := show(ctx, t, w, r, "U0ALICE001", modal("", actions(btnJSON("More", "more", "1"))))
		if err := w.As("U0ALICE001").Click(ctx, v, "More"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		post(t, w, "views.open", map[string]string{"trigger_id": r.last().TriggerID, "view": modal("", section("t"))})
		if diff := cmp.Diff([]string{OpenOverModal}, kindsOf(w)); diff != "" {
			t.Errorf("violations (-want +got):\n%s", diff)
		}
	})
}

func TestPayloadWhereSlackReadsNone(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, func(slack.InteractionCallback) any { return obj{"text": "unread"} })
		v := show(ctx, t, w, r, "U0ALICE001", modal("", actions(btnJSON("More", "more", "1"))))
		if err := w.As("U0ALICE001").Click(ctx, v, "More"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{UnexpectedPayload}, kindsOf(w)); diff != "" {
			t.Errorf("violations (-want +got):\n%s", diff)
		}
	})
}

func TestResponseURL(t *testing.T) {
	o := world()
	bubble(t, o, func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "card", "blocks": `[` + actions(btnJSON("Go", "go", "1")) + `]`})
		alice := w.As("U0ALICE001")
		link := func() string {
			t.Helper()
			if err := alice.Click(ctx, alice.Messages("#general")[0], "Go"); err != nil {
				t.Fatal(err)
			}
			return r.last().ResponseURL
		}
		try := func(link, body string) any {
			t.Helper()
			_, out := send(t, w, "POST", link, "application/json", "", body)
			return out["error"]
		}
		u := link()
		for i, body := range []string{
			`{"text":"only you"}`, `{"text":"all","response_type":"in_channel"}`, `{"text":"new","replace_original":"true"}`, `{"blocks":[` + section("b") + `]}`, `{"text":"fifth"}`,
		} {
			if got := try(u, body); got != nil {
				t.Errorf("use %d: %v", i+1, got)
			}
		}
		if got := try(u, `{"text":"sixth"}`); got != "used_url" {
			t.Errorf("sixth use: %v", got)
		}
		msgs := w.Messages("#general")
		if len(msgs) != 2 || msgs[0].Text != "new" || msgs[1].Text != "all" {
			t.Errorf("messages %+v", msgs)
		}
		var private []string
		for _, m := range alice.Ephemerals() {
			private = append(private, m.Text)
		}
		if diff := cmp.Diff([]string{"only you", "b", "fifth"}, private); diff != "" {
			t.Errorf("ephemerals (-want +got):\n%s", diff)
		}
	})
	bubble(t, o, func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		post(t, w, "chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "user": "U0ALICE001", "text": "card", "blocks": `[` + actions(btnJSON("Go", "go", "1")) + `]`})
		alice := w.As("U0ALICE001")
		click := func() string {
			t.Helper()
			if err := alice.Click(ctx, alice.Ephemerals()[0], "Go"); err != nil {
				t.Fatal(err)
			}
			return r.last().ResponseURL
		}
		u := click()
		api := newAPI(w)
		if _, _, err := api.PostMessage("", slack.MsgOptionReplaceOriginal(u), slack.MsgOptionText("redrawn", true),
			slack.MsgOptionBlocks(slack.NewSectionBlock(plainText("redrawn"), nil, nil), slack.NewActionBlock("", slack.NewButtonBlockElement("go", "1", plainText("Go"))))); err != nil {
			t.Errorf("replace through slack-go: %v", err)
		}
		if got := alice.Ephemerals(); len(got) != 1 || got[0].Text != "redrawn" {
			t.Errorf("ephemerals %+v", got)
		}
		late := click()
		time.Sleep(30*time.Minute + time.Second)
		if _, out := send(t, w, "POST", late, "application/json", "", `{"text":"late"}`); out["error"] != "expired_url" {
			t.Errorf("after 30 minutes: %v", out)
		}
		if _, out := send(t, w, "POST", click(), "application/json", "", `{"text":"`+x(10)+`","blocks":[{"type":"nonsense"}]}`); out["error"] != "invalid_blocks" {
			t.Errorf("invalid blocks: %v", out)
		}
		if _, _, err := api.PostMessage("", slack.MsgOptionDeleteOriginal(click())); err != nil {
			t.Errorf("delete through slack-go: %v", err)
		}
		if got := alice.Ephemerals(); len(got) != 0 {
			t.Errorf("ephemerals %+v", got)
		}
	})
}
