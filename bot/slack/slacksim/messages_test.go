package slacksim

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEditKeepsWhatSlackKeeps(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	w := open(t, o)
	blocks := `[` + section("*card*") + `]`
	out := post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "note", "blocks": blocks, "metadata": `{"event_type":"e","event_payload":{}}`})
	ts, _ := out["ts"].(string)
	now := func() Message { m, _ := w.Message("C0GENERAL1", ts); return m }
	update := func(args map[string]string) {
		t.Helper()
		args["channel"], args["ts"] = "C0GENERAL1", ts
		if out := post(t, w, "chat.update", args); out["ok"] != true {
			t.Fatalf("update: %v", out)
		}
	}
	update(map[string]string{"blocks": `[` + section("new card") + `]`})
	if m := now(); m.Text != "new card" || m.Notification != "note" || !m.Edited || m.ShowsEdited || m.Metadata == nil {
		t.Errorf("after blocks only: %+v", m)
	}
	update(map[string]string{"attachments": `[{"text":"more"}]`})
	if m := now(); m.Text != "new card\nmore" || len(m.Blocks) != 1 {
		t.Errorf("after attachments only: %+v", m)
	}
	update(map[string]string{"text": "only text", "attachments": "[]"})
	if m := now(); m.Text != "only text" || len(m.Blocks) != 0 || !m.ShowsEdited {
		t.Errorf("after text only: %+v", m)
	}
	update(map[string]string{"metadata": "{}", "text": "bare"})
	if m := now(); m.Metadata != nil {
		t.Errorf("metadata was not removed: %+v", m.Metadata)
	}
}

func TestEphemeralCannotBeUpdated(t *testing.T) {
	w := open(t, world())
	out := post(t, w, "chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "user": "U0ALICE001", "text": "t"})
	ts, _ := out["message_ts"].(string)
	for _, m := range []string{"chat.update", "chat.delete"} {
		if out := post(t, w, m, map[string]string{"channel": "C0GENERAL1", "ts": ts, "text": "t"}); out["error"] != "message_not_found" {
			t.Errorf("%s: %v", m, out)
		}
	}
	if out := post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "thread_ts": ts, "text": "t"}); out["error"] != "cannot_reply_to_message" {
		t.Errorf("reply: %v", out)
	}
}

func TestSilentLossesAreViolations(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	w := open(t, o)
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": x(40001)})
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "thread_ts": "1700000000.000001"})
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "blocks": "[" + section("t") + "]"})
	var kinds []string
	for _, v := range w.Violations() {
		kinds = append(kinds, v.Kind)
	}
	if diff := cmp.Diff([]string{TruncatedText, LostThread, NoFallback}, kinds); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	m := w.Messages("C0GENERAL1")
	if len(m[0].Raw) != 40000 || m[1].ThreadTS != "" {
		t.Errorf("messages %d %q", len(m[0].Raw), m[1].ThreadTS)
	}
	w.ForgetViolations()
	if len(w.Violations()) != 0 {
		t.Error("violations were not forgotten")
	}
}

func TestTimestampsAreUniqueAndRise(t *testing.T) {
	bubble(t, world(), func(t *testing.T, _ context.Context, w *Workspace) {
		last := ""
		for range 100 {
			w.mu.Lock()
			ts := w.ids.ts()
			w.unlock()
			if !tsForm.MatchString(ts) || (last != "" && !later(ts, last)) {
				t.Fatalf("%s after %s", ts, last)
			}
			last = ts
		}
		time.Sleep(30 * 365 * 24 * time.Hour) // ten digits from 2001 on
		w.mu.Lock()
		defer w.unlock()
		if ts := w.ids.ts(); !later(ts, last) {
			t.Errorf("%s after %s", ts, last)
		}
	})
}

func TestLogHidesTokensAndTellsHooks(t *testing.T) {
	w := open(t, world())
	var heard []string
	stop := w.OnLog(func(e Entry) { heard = append(heard, e.Method+" "+e.Err) })
	var changes []Change
	w.OnChange(func(c Change) { changes = append(changes, c) })
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t"})
	post(t, w, "users.info", map[string]string{"user": "nobody"})
	stop()
	post(t, w, "auth.test", nil)
	if diff := cmp.Diff([]string{"chat.postMessage ", "users.info user_not_found"}, heard); diff != "" {
		t.Errorf("log hook (-want +got):\n%s", diff)
	}
	if len(changes) != 1 || changes[0].Kind != "message" {
		t.Errorf("changes %+v", changes)
	}
	raw, err := json.Marshal(w.Log())
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(raw), w.BotToken()) {
		t.Error("the log holds a token")
	}
}

func TestPeopleOfOtherKinds(t *testing.T) {
	o := world()
	o.Users = append(o.Users,
		User{ID: "U0FAR00001", TeamID: "T0ELSEWHER", Name: "far", Email: "far@example.org", IsStranger: true},
		User{ID: "U0NEAR0001", TeamID: "T0ELSEWHER", Name: "near", Email: "near@example.org", IsStranger: true},
		User{ID: "U0GUEST001", Name: "guest", Email: "guest@example.org", IsRestricted: true, IsUltraRestricted: true, EmailUnconfirmed: true},
		User{ID: "U0GONE0001", Name: "gone", Email: "gone@example.org", Deleted: true},
		User{ID: "U0ROBOT001", Name: "robot", Email: "robot@example.org", IsBot: true},
	)
	o.Channels[0].Members = append(o.Channels[0].Members, "U0NEAR0001")
	w := open(t, o)
	api := newAPI(w)
	guest, err := api.GetUserInfo("U0GUEST001")
	if err != nil || !guest.IsRestricted || !guest.IsUltraRestricted || guest.IsEmailConfirmed {
		t.Errorf("guest %+v %v", guest, err)
	}
	near, err := api.GetUserInfo("U0NEAR0001")
	if err != nil || !near.IsStranger || near.TeamID != "T0ELSEWHER" || near.Profile.Email != "" {
		t.Errorf("stranger %+v %v", near, err)
	}
	gone, err := api.GetUserInfo("U0GONE0001")
	if err != nil || !gone.Deleted || gone.TZ != "" {
		t.Errorf("deactivated %+v %v", gone, err)
	}
	if out := post(t, w, "conversations.open", map[string]string{"users": "U0FAR00001"}); out["error"] != "user_not_visible" {
		t.Errorf("open with a stranger out of sight: %v", out)
	}
	for _, mail := range []string{"far@example.org", "near@example.org", "gone@example.org", "robot@example.org"} {
		if _, err := api.GetUserByEmail(mail); err == nil || err.Error() != "users_not_found" {
			t.Errorf("%s: %v", mail, err)
		}
	}
	if out := post(t, w, "conversations.open", map[string]string{"users": "U0GUEST001", "prevent_creation": "true"}); out["error"] != "channel_not_found" {
		t.Errorf("prevent_creation: %v", out)
	}
}
