package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// recorder keeps the interactions that came in.
type recorder struct {
	mu   sync.Mutex
	seen []slack.InteractionCallback
	raw  []obj
	cmds []slack.SlashCommand
}

func (r *recorder) take(ev socketmode.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch data := ev.Data.(type) {
	case slack.InteractionCallback:
		v, _ := decodeJSON(ev.Request.Payload)
		o, _ := v.(obj)
		r.seen, r.raw = append(r.seen, data), append(r.raw, o)
	case slack.SlashCommand:
		r.cmds = append(r.cmds, data)
	}
}

func (r *recorder) last() slack.InteractionCallback {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[len(r.seen)-1]
}

func (r *recorder) lastRaw() obj {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.raw[len(r.raw)-1]
}

func (r *recorder) command() slack.SlashCommand {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cmds[len(r.cmds)-1]
}

// stageWith connects an app that records, and answers interactions with what answer returns (nil: an empty ack).
func stageWith(ctx context.Context, t *testing.T, w *Workspace, answer func(slack.InteractionCallback) any) (*app, *recorder) {
	t.Helper()
	r := &recorder{}
	a := connect(ctx, t, w, func(_ *app, ev socketmode.Event) any {
		r.take(ev)
		if data, ok := ev.Data.(slack.InteractionCallback); ok && answer != nil {
			return answer(data)
		}
		return nil
	})
	synctest.Wait()
	return a, r
}

// show runs a command and opens the view with its trigger.
func show(ctx context.Context, t *testing.T, w *Workspace, r *recorder, user, view string) View {
	t.Helper()
	if _, err := w.As(user).Slash(ctx, "#general", "/apono", ""); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
	if out := post(t, w, "views.open", map[string]string{"trigger_id": r.command().TriggerID, "view": view}); out["ok"] != true {
		t.Fatalf("views.open: %v", out)
	}
	v, _ := w.As(user).View()
	return v
}

func TestTriggers(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		trigger := func() string {
			t.Helper()
			if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", ""); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return r.command().TriggerID
		}
		try := func(method, id string) any {
			return post(t, w, method, map[string]string{"trigger_id": id, "view": modal("", `{"type":"divider"}`)})["error"]
		}
		id := trigger()
		time.Sleep(2999 * time.Millisecond)
		if got := try("views.open", id); got != nil {
			t.Errorf("after 2.999 s: %v", got)
		}
		if got := try("views.open", id); got != "exchanged_trigger_id" {
			t.Errorf("second use: %v", got)
		}
		id = trigger()
		time.Sleep(3 * time.Second)
		if got := try("views.open", id); got != "expired_trigger_id" {
			t.Errorf("after 3 s: %v", got)
		}
		if got := try("views.open", "1.2.abc"); got != "invalid_trigger_id" {
			t.Errorf("invented: %v", got)
		}
		if got := try("views.push", trigger()); got != "not_found" {
			t.Errorf("push from outside a modal: %v", got)
		}
		id = trigger()
		out := post(t, w, "views.open", map[string]string{"trigger_id": id, "view": modal("", "")})
		if got := try("views.open", id); out["ok"] == true || got != nil {
			t.Errorf("a refused view must not use the trigger up: %v", got)
		}
	})
}

func TestViewStack(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		alice := w.As("U0ALICE001")
		view := func(name string) string {
			return modal(`,"notify_on_close":true,"callback_id":"`+name+`"`, actions(`{"type":"button","action_id":"more","text":`+plain("More")+`}`))
		}
		root := show(ctx, t, w, r, "U0ALICE001", view("1"))
		push := func(name string) obj {
			t.Helper()
			top, _ := alice.View()
			if err := alice.Click(ctx, top, "More"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			return post(t, w, "views.push", map[string]string{"trigger_id": r.last().TriggerID, "view": view(name)})
		}
		for _, name := range []string{"2", "3"} {
			if out := push(name); out["ok"] != true {
				t.Fatalf("push %s: %v", name, out)
			}
		}
		if out := push("4"); out["error"] != "push_limit_reached" {
			t.Errorf("fourth view: %v", out)
		}
		stack := alice.Stack()
		if len(stack) != 3 || stack[2].RootID != root.ID || stack[2].PreviousID != stack[1].ID {
			t.Errorf("stack %+v", stack)
		}
		if err := alice.Click(ctx, root, "More"); !errors.Is(err, ErrCannot) {
			t.Errorf("click on a covered view: %v", err)
		}
		if err := alice.CloseView(ctx, stack[2]); err != nil {
			t.Fatal(err)
		}
		if last := r.last(); last.Type != slack.InteractionTypeViewClosed || last.View.CallbackID != "3" || last.IsCleared {
			t.Errorf("view_closed %+v", last)
		}
		if err := alice.CloseAll(ctx); err != nil {
			t.Fatal(err)
		}
		if last := r.last(); last.View.CallbackID != "2" || !last.IsCleared {
			t.Errorf("view_closed of all %+v", last)
		}
		if out := post(t, w, "views.update", map[string]string{"view_id": root.ID, "view": view("x")}); out["error"] != "not_found" {
			t.Errorf("update of a closed view: %v", out)
		}
		if err := alice.Click(ctx, root, "More"); !errors.Is(err, ErrGone) {
			t.Errorf("click in a closed view: %v", err)
		}
	})
}

func TestViewUpdates(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		v := show(ctx, t, w, r, "U0ALICE001", modal(`,"external_id":"form-1"`, section("one")))
		update := func(args map[string]string) any { return post(t, w, "views.update", args)["error"] }
		if got := update(map[string]string{"view_id": v.ID, "hash": "0.old", "view": modal("", section("two"))}); got != "hash_conflict" {
			t.Errorf("old hash: %v", got)
		}
		if got := update(map[string]string{"external_id": "form-1", "hash": v.Hash, "view": modal(`,"external_id":"form-1"`, section("two"))}); got != nil {
			t.Errorf("by external_id: %v", got)
		}
		now, _ := w.As("U0ALICE001").View()
		if now.Text != "two" || now.ID != v.ID || now.Hash == v.Hash {
			t.Errorf("view %+v", now)
		}
		if got := update(map[string]string{"view_id": v.ID, "hash": v.Hash, "view": modal("", section("three"))}); got != "hash_conflict" {
			t.Errorf("hash of the view before: %v", got)
		}
		if _, err := w.As("U0BOB00001").Slash(ctx, "#general", "/apono", ""); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		out := post(t, w, "views.open", map[string]string{"trigger_id": r.command().TriggerID, "view": modal(`,"external_id":"form-1"`, section("t"))})
		if out["error"] != "duplicate_external_id" {
			t.Errorf("external_id twice: %v", out)
		}
	})
}

const twoFields = `{"type":"input","block_id":"why","label":{"type":"plain_text","text":"Why"},"element":{"type":"plain_text_input","action_id":"why","initial_value":"%1"}},` +
	`{"type":"input","block_id":"%2","label":{"type":"plain_text","text":"Env"},"element":{"type":"static_select","action_id":"env","options":[` +
	`{"text":{"type":"plain_text","text":"Prod"},"value":"prod"},{"text":{"type":"plain_text","text":"%3"},"value":"%3"}]}}`

func fields(initial, block, second string) string {
	return modal(`,"submit":`+plain("Send"), strings.NewReplacer("%1", initial, "%2", block, "%3", second).Replace(twoFields))
}

// TestValuesSurviveUpdates: typed values stay where block_id and action_id stay, others start anew.
func TestValuesSurviveUpdates(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		alice := w.As("U0ALICE001")
		v := show(ctx, t, w, r, "U0ALICE001", fields("because", "env", "Test"))
		values := func() map[string][]string {
			out := map[string][]string{}
			now, _ := alice.View()
			for _, f := range now.Fields {
				out[f.Label] = f.Values
			}
			return out
		}
		want := map[string][]string{"Why": {"because"}, "Env": nil}
		if diff := cmp.Diff(want, values()); diff != "" {
			t.Errorf("at first (-want +got):\n%s", diff)
		}
		if err := alice.Type(ctx, v, "Why", "INC-12"); err != nil {
			t.Fatal(err)
		}
		if err := alice.Choose(ctx, v, "Env", "Test"); err != nil {
			t.Fatal(err)
		}
		update := func(view string) {
			t.Helper()
			if out := post(t, w, "views.update", map[string]string{"view_id": v.ID, "view": view}); out["ok"] != true {
				t.Fatalf("update: %v", out)
			}
		}
		update(fields("another start", "env", "Test"))
		want = map[string][]string{"Why": {"INC-12"}, "Env": {"Test"}}
		if diff := cmp.Diff(want, values()); diff != "" {
			t.Errorf("after an update with equal ids (-want +got):\n%s", diff)
		}
		update(fields("another start", "env", "Stage"))
		want = map[string][]string{"Why": {"INC-12"}, "Env": nil}
		if diff := cmp.Diff(want, values()); diff != "" {
			t.Errorf("after the chosen option went (-want +got):\n%s", diff)
		}
		if err := alice.Choose(ctx, v, "Env", "Prod"); err != nil {
			t.Fatal(err)
		}
		update(fields("x", "env2", "Stage"))
		want = map[string][]string{"Why": {"INC-12"}, "Env": nil}
		if diff := cmp.Diff(want, values()); diff != "" {
			t.Errorf("after block_id changed (-want +got):\n%s", diff)
		}
	})
}

// TestStateInPayloads compares view.state with what Slack sends.
func TestStateInPayloads(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		alice := w.As("U0ALICE001")
		in := func(id, element string) string {
			return `{"type":"input","optional":true,"block_id":"` + id + `","label":` + plain(id) + `,"element":` + element + `}`
		}
		v := show(ctx, t, w, r, "U0ALICE001", modal(`,"submit":`+plain("s")+`,"private_metadata":"pm"`, strings.Join([]string{
			in("text", `{"type":"plain_text_input","action_id":"a"}`),
			in("one", `{"type":"static_select","action_id":"a","options":`+opts(2)+`}`),
			in("many", `{"type":"multi_static_select","action_id":"a","options":`+opts(3)+`}`),
			in("boxes", `{"type":"checkboxes","action_id":"a","options":`+opts(2)+`,"initial_options":[`+opt(1)+`]}`),
			in("radio", `{"type":"radio_buttons","action_id":"a","options":`+opts(2)+`}`),
			in("day", `{"type":"datepicker","action_id":"a"}`),
			in("clock", `{"type":"timepicker","action_id":"a"}`),
			in("moment", `{"type":"datetimepicker","action_id":"a"}`),
			in("person", `{"type":"users_select","action_id":"a"}`),
			in("people", `{"type":"multi_users_select","action_id":"a"}`),
			in("talk", `{"type":"conversations_select","action_id":"a"}`),
			in("number", `{"type":"number_input","action_id":"a","is_decimal_allowed":false}`),
			in("files", `{"type":"file_input","action_id":"a"}`),
			`{"type":"section","block_id":"beside","text":` + plain("t") + `,"accessory":{"type":"static_select","action_id":"a","options":` + opts(2) + `}}`,
			`{"type":"actions","block_id":"row","elements":[{"type":"button","action_id":"go","text":` + plain("Go") + `},{"type":"datepicker","action_id":"d","initial_date":"2026-01-02"}]}`,
		}, ",")))
		if err := alice.Click(ctx, v, "Go"); err != nil {
			t.Fatal(err)
		}
		o0, o1 := mustJSON(t, opt(0)), mustJSON(t, opt(1))
		empty := obj{
			"text": obj{"a": obj{"type": "plain_text_input", "value": nil}}, "one": obj{"a": obj{"type": "static_select", "selected_option": nil}},
			"many":  obj{"a": obj{"type": "multi_static_select", "selected_options": arr{}}},
			"boxes": obj{"a": obj{"type": "checkboxes", "selected_options": arr{o1}}},
			"radio": obj{"a": obj{"type": "radio_buttons", "selected_option": nil}}, "day": obj{"a": obj{"type": "datepicker", "selected_date": nil}},
			"clock": obj{"a": obj{"type": "timepicker", "selected_time": nil}}, "moment": obj{"a": obj{"type": "datetimepicker", "selected_date_time": nil}},
			"person": obj{"a": obj{"type": "users_select", "selected_user": nil}}, "people": obj{"a": obj{"type": "multi_users_select", "selected_users": arr{}}},
			"talk": obj{"a": obj{"type": "conversations_select", "selected_conversation": nil}}, "number": obj{"a": obj{"type": "number_input", "value": nil}},
			"files": obj{"a": obj{"type": "file_input", "files": arr{}}}, "beside": obj{"a": obj{"type": "static_select", "selected_option": nil}},
			"row": obj{"d": obj{"type": "datepicker", "selected_date": "2026-01-02"}},
		}
		raw := r.lastRaw()
		state := func(o obj) any { return o["view"].(obj)["state"].(obj)["values"] }
		if diff := cmp.Diff(any(empty), state(raw)); diff != "" {
			t.Errorf("state of block_actions (-want +got):\n%s", diff)
		}
		if raw["message"] != nil || raw["channel"] != nil || raw["response_url"] != nil {
			t.Error("block_actions of a view must not carry a message, channel or response_url")
		}
		if diff := cmp.Diff(any(obj{"type": "view", "view_id": v.ID}), raw["container"]); diff != "" {
			t.Errorf("container (-want +got):\n%s", diff)
		}
		if raw["view"].(obj)["private_metadata"] != "pm" || raw["view"].(obj)["root_view_id"] != v.ID || raw["view"].(obj)["hash"] != v.Hash {
			t.Errorf("view %v", raw["view"])
		}
		for _, step := range []error{
			alice.Type(ctx, v, "text", "hello"), alice.Choose(ctx, v, "one", "o1"), alice.Choose(ctx, v, "many", "o0", "o2"),
			alice.Choose(ctx, v, "boxes"), alice.Choose(ctx, v, "radio", "o0"), alice.Choose(ctx, v, "day", "2026-02-03"),
			alice.Choose(ctx, v, "clock", "23:59"), alice.Choose(ctx, v, "moment", "1767268800"), alice.Choose(ctx, v, "person", "@bob"),
			alice.Choose(ctx, v, "people", "alice", "U0BOB00001"), alice.Choose(ctx, v, "talk", "#general"), alice.Type(ctx, v, "number", "42"),
		} {
			if step != nil {
				t.Fatal(step)
			}
		}
		if err := alice.Choose(ctx, v, "t", "o0"); err != nil {
			t.Fatal(err)
		}
		if sub, err := alice.Submit(ctx, v); err != nil || !sub.Closed {
			t.Fatalf("submit %+v %v", sub, err)
		}
		full := obj{
			"text": obj{"a": obj{"type": "plain_text_input", "value": "hello"}}, "one": obj{"a": obj{"type": "static_select", "selected_option": o1}},
			"many":  obj{"a": obj{"type": "multi_static_select", "selected_options": arr{o0, mustJSON(t, opt(2))}}},
			"boxes": obj{"a": obj{"type": "checkboxes", "selected_options": arr{}}},
			"radio": obj{"a": obj{"type": "radio_buttons", "selected_option": o0}}, "day": obj{"a": obj{"type": "datepicker", "selected_date": "2026-02-03"}},
			"clock": obj{"a": obj{"type": "timepicker", "selected_time": "23:59"}}, "moment": obj{"a": obj{"type": "datetimepicker", "selected_date_time": json.Number("1767268800")}},
			"person": obj{"a": obj{"type": "users_select", "selected_user": "U0BOB00001"}},
			"people": obj{"a": obj{"type": "multi_users_select", "selected_users": arr{"U0ALICE001", "U0BOB00001"}}},
			"talk":   obj{"a": obj{"type": "conversations_select", "selected_conversation": "C0GENERAL1"}}, "number": obj{"a": obj{"type": "number_input", "value": "42"}},
			"files": obj{"a": obj{"type": "file_input", "files": arr{}}}, "beside": obj{"a": obj{"type": "static_select", "selected_option": o0}},
			"row": obj{"d": obj{"type": "datepicker", "selected_date": "2026-01-02"}},
		}
		raw = r.lastRaw()
		if raw["type"] != "view_submission" || raw["trigger_id"] == nil {
			t.Errorf("submission %v", raw)
		}
		if diff := cmp.Diff(any(full), state(raw)); diff != "" {
			t.Errorf("state of view_submission (-want +got):\n%s", diff)
		}
		if got := r.last().View.State.Values["one"]["a"].SelectedOption.Value; got != "v1" {
			t.Errorf("slack-go reads %q", got)
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}

func TestSubmissionAnswers(t *testing.T) {
	static := modal("", section("thanks"))
	withInput := modal(`,"submit":`+plain("s"), `{"type":"section","block_id":"note","text":`+plain("t")+`},`+strings.NewReplacer("%1", "x", "%2", "env", "%3", "Test").Replace(twoFields))
	view := func(js string) json.RawMessage { return json.RawMessage(js) }
	for _, r := range []struct {
		name   string
		answer any
		want   Submission // of Updated and Pushed only that they are there
		code   string     // of the UserError
		kinds  []string   // violations
	}{
		{"empty", nil, Submission{Closed: true}, "", nil},
		{"errors", obj{"response_action": "errors", "errors": obj{"why": "No.", "env": "Not there."}}, Submission{Errors: map[string]string{"Why": "No.", "Env": "Not there."}}, "", nil},
		{"errors for a section", obj{"response_action": "errors", "errors": obj{"note": "No."}}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"errors for an action_id", obj{"response_action": "errors", "errors": obj{"action": "No."}}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"no errors", obj{"response_action": "errors", "errors": obj{}}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"empty error", obj{"response_action": "errors", "errors": obj{"why": ""}}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"unknown action", obj{"response_action": "explode"}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"no action", obj{"view": view(static)}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"update", obj{"response_action": "update", "view": view(static)}, Submission{Updated: &View{}}, "", nil},
		{"push", obj{"response_action": "push", "view": view(static)}, Submission{Pushed: &View{}}, "", nil},
		{"clear", obj{"response_action": "clear"}, Submission{Closed: true, Cleared: true}, "", nil},
		{"clear with a view", obj{"response_action": "clear", "view": view(static)}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"update with an invalid view", obj{"response_action": "update", "view": view(modal(`,"submit":`+plain(x(25)), section("t")))}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"update without a view", obj{"response_action": "update"}, Submission{}, "invalid_response", []string{InvalidPayload}},
		{"no ack", noAck{}, Submission{}, "operation_timeout", []string{NoAck}},
	} {
		t.Run(r.name, func(t *testing.T) {
			bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
				_, rec := stageWith(ctx, t, w, func(slack.InteractionCallback) any { return r.answer })
				alice := w.As("U0ALICE001")
				v := show(ctx, t, w, rec, "U0ALICE001", withInput)
				if sub, err := alice.Submit(ctx, v); err != nil || sub.Errors["Env"] != "Please complete this required field." {
					t.Fatalf("the client lets an empty required field through: %+v %v", sub, err)
				}
				if err := alice.Choose(ctx, v, "Env", "Test"); err != nil {
					t.Fatal(err)
				}
				sub, err := alice.Submit(ctx, v)
				var ue *UserError
				if errors.As(err, &ue) != (r.code != "") || (ue != nil && ue.Code != r.code) {
					t.Errorf("error %v, want code %q", err, r.code)
				}
				got := sub
				if got.Updated != nil {
					got.Updated = &View{}
				}
				if got.Pushed != nil {
					got.Pushed = &View{}
				}
				if diff := cmp.Diff(r.want, got); diff != "" {
					t.Errorf("submission (-want +got):\n%s", diff)
				}
				var kinds []string
				for _, v := range w.Violations() {
					kinds = append(kinds, v.Kind)
				}
				if diff := cmp.Diff(r.kinds, kinds); diff != "" {
					t.Errorf("violations (-want +got):\n%s\n%+v", diff, w.Violations())
				}
				_, open := alice.View()
				if closed := r.want.Closed; open == closed {
					t.Errorf("modal open: %v", open)
				}
				if len(r.want.Errors) > 0 {
					now, _ := alice.View()
					if f, _ := now.Field("Why"); f.Error != "No." || f.Values[0] != "x" {
						t.Errorf("field %+v", f)
					}
				}
			})
		})
	}
}
