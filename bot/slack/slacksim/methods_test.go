package slacksim

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

// post calls a method as a form with the bot token and returns Slack's answer.
func post(t *testing.T, w *Workspace, method string, args map[string]string) obj {
	t.Helper()
	form := url.Values{"token": {w.BotToken()}}
	for k, v := range args {
		form.Set(k, v)
	}
	_, out := send(t, w, http.MethodPost, w.APIURL()+method, "application/x-www-form-urlencoded", "", form.Encode())
	return out
}

func send(t *testing.T, w *Workspace, verb, link, kind, bearer, body string) (*http.Response, obj) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), verb, link, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := w.HTTPClient().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	v, err := decodeJSON(raw)
	if err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	o, _ := v.(obj)
	return resp, o
}

func open(t *testing.T, o Options) *Workspace {
	t.Helper()
	w := New(o)
	t.Cleanup(w.Close)
	return w
}

func TestAuthentication(t *testing.T) {
	w := open(t, world())
	form, js := "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	for _, r := range []struct {
		name, method, kind, bearer, body, want string
	}{
		{"form token", "auth.test", form, "", "token=" + DefaultBotToken, ""},
		{"bearer token", "auth.test", js, DefaultBotToken, "{}", ""},
		{"bearer token with form", "users.info", form, DefaultBotToken, "user=U0ALICE001", ""},
		{"no token", "auth.test", form, "", "", "not_authed"},
		{"token in JSON body", "auth.test", js, "", `{"token":"` + DefaultBotToken + `"}`, "not_authed"},
		{"wrong token", "auth.test", js, "xoxb-wrong", "", "invalid_auth"},
		{"app token for a bot method", "users.info", form, DefaultAppToken, "user=U0ALICE001", "not_allowed_token_type"},
		{"bot token for a connection", "apps.connections.open", js, DefaultBotToken, "", "not_allowed_token_type"},
		{"app token for a connection", "apps.connections.open", js, DefaultAppToken, "", ""},
		{"form token for a connection", "apps.connections.open", form, "", "token=" + DefaultAppToken, "not_authed"},
		{"unknown method", "users.frobnicate", form, DefaultBotToken, "", "unknown_method"},
		{"broken JSON", "chat.postMessage", js, DefaultBotToken, `{"channel":`, "invalid_json"},
		{"JSON array", "chat.postMessage", js, DefaultBotToken, `[]`, "json_not_object"},
		{"JSON to a method that reads forms", "users.info", js, DefaultBotToken, `{"user":"U0ALICE001"}`, "user_not_found"},
		{"XML", "auth.test", "text/xml", DefaultBotToken, "<x/>", "invalid_post_type"},
		{"no content type", "auth.test", "", DefaultBotToken, "x=y", "missing_post_type"},
		{"charset", "auth.test", "application/json; charset=utf-16", DefaultBotToken, "{}", "invalid_charset"},
	} {
		t.Run(r.name, func(t *testing.T) {
			_, out := send(t, w, http.MethodPost, w.APIURL()+r.method, r.kind, r.bearer, r.body)
			if got, _ := out["error"].(string); got != r.want || (out["ok"] == true) != (r.want == "") {
				t.Errorf("got %v, want error %q", out, r.want)
			}
		})
	}
	for _, code := range []string{"token_revoked", "account_inactive"} {
		w.BreakToken(w.BotToken(), code)
		if _, err := newAPI(w).AuthTest(); err == nil || err.Error() != code {
			t.Errorf("broken token: %v, want %s", err, code)
		}
	}
	w.BreakToken(w.BotToken(), "")
	if _, err := newAPI(w).AuthTest(); err != nil {
		t.Errorf("mended token: %v", err)
	}
	if vs := w.Violations(); len(vs) > 0 {
		t.Errorf("violations %+v", vs)
	}
	_, out := send(t, w, http.MethodGet, w.APIURL()+"auth.test?token="+w.BotToken(), "", "", "")
	if vs := w.Violations(); out["error"] != "not_authed" || len(vs) != 1 || vs[0].Kind != TokenInQuery {
		t.Errorf("token in the query: %v, violations %+v", out, vs)
	}
}

func TestScopes(t *testing.T) {
	w := open(t, world())
	w.SetScopes("users:read", "chat:write")
	resp, out := send(t, w, http.MethodPost, w.APIURL()+"users.lookupByEmail", "application/x-www-form-urlencoded", "",
		"token="+w.BotToken()+"&email=alice@example.com")
	want := obj{"ok": false, "error": "missing_scope", "needed": "users:read.email", "provided": "users:read,chat:write"}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	if got := resp.Header.Get("X-OAuth-Scopes"); got != "users:read,chat:write" {
		t.Errorf("X-OAuth-Scopes %q", got)
	}
	if got := resp.Header.Get("X-Accepted-OAuth-Scopes"); got != "users:read.email" {
		t.Errorf("X-Accepted-OAuth-Scopes %q", got)
	}
	u, err := newAPI(w).GetUserInfo("U0ALICE001")
	if err != nil || u.Profile.Email != "" {
		t.Errorf("an address without users:read.email: %q %v", u.Profile.Email, err)
	}
	for method, args := range map[string]map[string]string{
		"conversations.info": {"channel": "C0GENERAL1"},
		"conversations.list": {"types": "public_channel,private_channel"},
		"conversations.open": {"users": "U0ALICE001"},
		"reactions.add":      {},
		"usergroups.list":    {},
	} {
		if out := post(t, w, method, args); out["error"] != "missing_scope" {
			t.Errorf("%s without scope: %v", method, out)
		}
	}
	if out := post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "username": "boss"}); out["error"] != "missing_scope" || out["needed"] != "chat:write.customize" {
		t.Errorf("username without scope: %v", out)
	}
}

// TestPostRules: what may be posted where.
func TestPostRules(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	o.Users = append(o.Users, User{ID: "U0GONE0001", Name: "gone", Deleted: true}, User{ID: "U0ROBOT001", Name: "robot", IsBot: true})
	o.Channels = append(o.Channels, Channel{ID: "C0OLD00001", Name: "old", Archived: true, BotMember: true})
	w := open(t, o)
	theirs, err := w.As("U0BOB00001").Send("#general", "mine")
	if err != nil {
		t.Fatal(err)
	}
	post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "ours"})
	ours := w.Messages("#general")[1]
	for _, r := range []struct {
		name, method string
		args         map[string]string
		want         string
	}{
		{"name", "chat.postMessage", map[string]string{"channel": "#general", "text": "t"}, ""},
		{"person", "chat.postMessage", map[string]string{"channel": "U0ALICE001", "text": "t"}, ""},
		{"no channel", "chat.postMessage", map[string]string{"text": "t"}, "invalid_arguments"},
		{"unknown channel", "chat.postMessage", map[string]string{"channel": "C0NOWHERE1", "text": "t"}, "channel_not_found"},
		{"private without the bot", "chat.postMessage", map[string]string{"channel": "C0SECRET01", "text": "t"}, "channel_not_found"},
		{"public without the bot", "chat.postMessage", map[string]string{"channel": "C0OTHER001", "text": "t"}, "not_in_channel"},
		{"archived", "chat.postMessage", map[string]string{"channel": "C0OLD00001", "text": "t"}, "is_archived"},
		{"deactivated person", "chat.postMessage", map[string]string{"channel": "U0GONE0001", "text": "t"}, "channel_not_found"},
		{"no text", "chat.postMessage", map[string]string{"channel": "C0GENERAL1"}, "no_text"},
		{"empty text", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": " "}, "no_text"},
		{"as_user", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "as_user": "true"}, "as_user_not_supported"},
		{"blocks no JSON", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "blocks": "nonsense"}, "invalid_blocks_format"},
		{"blocks wrong", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "blocks": `[{"type":"alert"}]`}, "invalid_blocks"},
		{"markdown_text", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "markdown_text": "**t**"}, ""},
		{"markdown_text and text", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "markdown_text": "t", "text": "t"}, "markdown_text_conflict"},
		{"markdown_text too long", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "markdown_text": x(12001)}, "msg_too_long"},
		{"attachments", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "attachments": "[" + many(100, func(int) string { return `{"text":"a"}` }) + "]"}, ""},
		{"101 attachments", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "attachments": "[" + many(101, func(int) string { return `{"text":"a"}` }) + "]"}, "too_many_attachments"},
		{"unknown attachment property", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "attachments": `[{"txt":"a"}]`}, "invalid_attachments"},
		{"metadata", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "metadata": `{"event_type":"card","event_payload":{"id":"AR-1"}}`}, ""},
		{"metadata no JSON", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "metadata": `x`}, "invalid_metadata_format"},
		{"metadata without payload", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "metadata": `{"event_type":"card"}`}, "invalid_metadata_schema"},
		{"metadata too large", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "metadata": `{"event_type":"card","event_payload":{"x":"` + x(17000) + `"}}`}, "metadata_too_large"},
		{"thread form", "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "thread_ts": "yesterday"}, "invalid_thread_ts"},

		{"update", "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": ours.TS, "text": "t"}, ""},
		{"update by name", "chat.update", map[string]string{"channel": "#general", "ts": ours.TS, "text": "t"}, "channel_not_found"},
		{"update by person", "chat.update", map[string]string{"channel": "U0ALICE001", "ts": ours.TS, "text": "t"}, "channel_not_found"},
		{"update of nothing", "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": "1.000001", "text": "t"}, "message_not_found"},
		{"update of another's", "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": theirs.TS, "text": "t"}, "cant_update_message"},
		{"update to nothing", "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": ours.TS}, "no_text"},
		{"update 4000", "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": ours.TS, "text": x(4000)}, ""},
		{"update 4001", "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": ours.TS, "text": x(4001)}, "msg_too_long"},

		{"delete another's", "chat.delete", map[string]string{"channel": "C0GENERAL1", "ts": theirs.TS}, "cant_delete_message"},
		{"delete nothing", "chat.delete", map[string]string{"channel": "C0GENERAL1", "ts": "1.000001"}, "message_not_found"},

		{"ephemeral", "chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "user": "U0ALICE001", "text": "t"}, ""},
		{"ephemeral to a stranger to the channel", "chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "user": "U0GONE0001", "text": "t"}, "user_not_in_channel"},
		{"ephemeral without user", "chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "text": "t"}, "invalid_arguments"},
		{"ephemeral to a person's id", "chat.postEphemeral", map[string]string{"channel": "U0ALICE001", "user": "U0ALICE001", "text": "t"}, "channel_not_found"},
		{"ephemeral without text", "chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "user": "U0ALICE001"}, "no_text"},

		{"permalink", "chat.getPermalink", map[string]string{"channel": "C0GENERAL1", "message_ts": ours.TS}, ""},
		{"permalink of nothing", "chat.getPermalink", map[string]string{"channel": "C0GENERAL1", "message_ts": "1.1"}, "message_not_found"},

		{"reaction", "reactions.add", map[string]string{"channel": "C0GENERAL1", "timestamp": ours.TS, "name": "eyes"}, ""},
		{"reaction twice", "reactions.add", map[string]string{"channel": "C0GENERAL1", "timestamp": ours.TS, "name": ":eyes:"}, "already_reacted"},
		{"reaction name", "reactions.add", map[string]string{"channel": "C0GENERAL1", "timestamp": ours.TS, "name": "no such"}, "invalid_name"},
		{"reaction on nothing", "reactions.add", map[string]string{"channel": "C0GENERAL1", "timestamp": "1.1", "name": "eyes"}, "message_not_found"},
		{"reaction without item", "reactions.add", map[string]string{"channel": "C0GENERAL1", "name": "eyes"}, "no_item_specified"},

		{"open with a bot", "conversations.open", map[string]string{"users": "U0ROBOT001"}, "cannot_dm_bot"},
		{"open with the deactivated", "conversations.open", map[string]string{"users": "U0GONE0001"}, "user_disabled"},
		{"open with nobody", "conversations.open", map[string]string{}, "users_list_not_supplied"},
		{"open with an unknown", "conversations.open", map[string]string{"users": "U0NOBODY01"}, "user_not_found"},
		{"open with nine", "conversations.open", map[string]string{"users": many(9, func(int) string { return "U0ALICE001" })}, "too_many_users"},
		{"open a channel", "conversations.open", map[string]string{"channel": "C0GENERAL1"}, "channel_not_found"},

		{"join private", "conversations.join", map[string]string{"channel": "C0SECRET01"}, "channel_not_found"},
		{"join archived", "conversations.join", map[string]string{"channel": "C0OLD00001"}, "is_archived"},
		{"history without membership", "conversations.history", map[string]string{"channel": "C0OTHER001"}, "not_in_channel"},
		{"replies to nothing", "conversations.replies", map[string]string{"channel": "C0GENERAL1", "ts": "1.1"}, "thread_not_found"},
		{"list of what", "conversations.list", map[string]string{"types": "dm"}, "invalid_types"},
		{"members limit", "conversations.members", map[string]string{"channel": "C0GENERAL1", "limit": "1001"}, "invalid_arguments"},
		{"members cursor", "conversations.members", map[string]string{"channel": "C0GENERAL1", "cursor": "bogus"}, "invalid_cursor"},

		{"unknown user", "users.info", map[string]string{"user": "U0NOBODY01"}, "user_not_found"},
		{"unknown address", "users.lookupByEmail", map[string]string{"email": "nobody@example.com"}, "users_not_found"},
		{"no address", "users.lookupByEmail", map[string]string{}, "invalid_arguments"},
		{"unknown group", "usergroups.users.list", map[string]string{"usergroup": "S0NOBODY01"}, "no_such_subteam"},
		{"unknown argument", "users.info", map[string]string{"user": "U0ALICE001", "colour": "red"}, ""},

		{"publish to nobody", "views.publish", map[string]string{"user_id": "U0NOBODY01", "view": `{"type":"home","blocks":[{"type":"divider"}]}`}, "invalid_arguments"},
		{"publish a modal", "views.publish", map[string]string{"user_id": "U0ALICE001", "view": modal("", `{"type":"divider"}`)}, "invalid_arguments"},
		{"update an unknown view", "views.update", map[string]string{"view_id": "V0", "view": modal("", `{"type":"divider"}`)}, "not_found"},
		{"update which view", "views.update", map[string]string{"view": modal("", `{"type":"divider"}`)}, "invalid_arguments"},
		{"open without trigger", "views.open", map[string]string{"view": modal("", `{"type":"divider"}`)}, "invalid_arguments"},
		{"open with an invented trigger", "views.open", map[string]string{"trigger_id": "1.2.3", "view": modal("", `{"type":"divider"}`)}, "invalid_trigger_id"},
		{"open upload of nothing", "files.getUploadURLExternal", map[string]string{"filename": "f", "length": "0"}, "invalid_arguments"},
		{"complete unknown upload", "files.completeUploadExternal", map[string]string{"files": `[{"id":"F0"}]`}, "file_not_found"},
	} {
		t.Run(r.name, func(t *testing.T) {
			out := post(t, w, r.method, r.args)
			if got, _ := out["error"].(string); got != r.want || (out["ok"] == true) != (r.want == "") {
				t.Errorf("got %v, want error %q", out, r.want)
			}
		})
	}
}

// TestSlackGo calls every method through slack-go.
func TestSlackGo(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	w := open(t, o)
	api := newAPI(w)
	check := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	who, err := api.AuthTest()
	check("auth.test", err)
	if who.UserID != w.BotUser() || who.TeamID != "T0WORKSPACE" {
		t.Errorf("auth.test: %+v", who)
	}
	u, err := api.GetUserByEmail("ALICE@example.com")
	check("users.lookupByEmail", err)
	if u.ID != "U0ALICE001" || u.TZ != "Europe/Berlin" || !u.IsEmailConfirmed || u.Profile.Email != "alice@example.com" {
		t.Errorf("user %+v", u)
	}
	us, err := api.GetUsers(slack.GetUsersOptionLimit(1))
	check("users.list", err)
	if len(us) != 3 {
		t.Errorf("%d users over pages", len(us))
	}
	groups, err := api.GetUserGroups(slack.GetUserGroupsOptionIncludeUsers(true))
	check("usergroups.list", err)
	members, err := api.GetUserGroupMembers(groups[0].ID)
	check("usergroups.users.list", err)
	if !cmp.Equal(members, []string{"U0BOB00001"}) || !cmp.Equal(groups[0].Users, members) {
		t.Errorf("group %v %v", groups, members)
	}
	ch, _, _, err := api.OpenConversation(&slack.OpenConversationParameters{Users: []string{"U0ALICE001"}, ReturnIM: true})
	check("conversations.open", err)
	if !ch.IsIM || !strings.HasPrefix(ch.ID, "D") || ch.User != "U0ALICE001" {
		t.Errorf("im %+v", ch)
	}
	again, _, already, err := api.OpenConversation(&slack.OpenConversationParameters{Users: []string{"U0ALICE001"}})
	check("conversations.open", err)
	if again.ID != ch.ID || !already {
		t.Errorf("opened again: %s %v", again.ID, already)
	}
	list, _, err := api.GetConversations(&slack.GetConversationsParameters{Types: []string{"public_channel", "private_channel", "im"}})
	check("conversations.list", err)
	if len(list) != 3 {
		t.Errorf("%d conversations", len(list))
	}
	_, warn, _, err := api.JoinConversation("C0OTHER001")
	check("conversations.join", err)
	info, err := api.GetConversationInfo(&slack.GetConversationInfoInput{ChannelID: "C0OTHER001", IncludeNumMembers: true})
	check("conversations.info", err)
	if !info.IsMember || info.NumMembers != 2 || warn != "" {
		t.Errorf("joined %+v %q", info, warn)
	}
	in, _, err := api.GetUsersInConversation(&slack.GetUsersInConversationParameters{ChannelID: "C0GENERAL1"})
	check("conversations.members", err)
	if len(in) != 3 {
		t.Errorf("members %v", in)
	}
	_, ts, err := api.PostMessage("C0GENERAL1", slack.MsgOptionText("one", true), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "card", EventPayload: map[string]any{"id": "AR-1"}}))
	check("chat.postMessage", err)
	_, _, err = api.PostMessage("C0GENERAL1", slack.MsgOptionText("two", true), slack.MsgOptionTS(ts))
	check("chat.postMessage", err)
	check("reactions.add", api.AddReaction("eyes", slack.NewRefToMessage("C0GENERAL1", ts)))
	hist, err := api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: "C0GENERAL1", IncludeAllMetadata: true})
	check("conversations.history", err)
	if len(hist.Messages) != 1 || hist.Messages[0].ReplyCount != 1 || hist.Messages[0].Metadata.EventPayload["id"] != "AR-1" || len(hist.Messages[0].Reactions) != 1 {
		t.Errorf("history %+v", hist.Messages)
	}
	replies, _, _, err := api.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: "C0GENERAL1", Timestamp: ts})
	check("conversations.replies", err)
	if len(replies) != 2 || replies[1].ThreadTimestamp != ts {
		t.Errorf("replies %+v", replies)
	}
	link, err := api.GetPermalink(&slack.PermalinkParameters{Channel: "C0GENERAL1", Ts: ts})
	check("chat.getPermalink", err)
	if want := "https://example.slack.com/archives/C0GENERAL1/p" + strings.Replace(ts, ".", "", 1); link != want {
		t.Errorf("permalink %s, want %s", link, want)
	}
	_, _, _, err = api.UpdateMessage("C0GENERAL1", ts, slack.MsgOptionText("three", true))
	check("chat.update", err)
	_, _, err = api.DeleteMessage("C0GENERAL1", ts)
	check("chat.delete", err)
	_, err = api.PostEphemeral("C0GENERAL1", "U0ALICE001", slack.MsgOptionText("psst", true))
	check("chat.postEphemeral", err)
	if got := w.As("U0ALICE001").Ephemerals(); len(got) != 1 || got[0].Text != "psst" || len(w.As("U0BOB00001").Ephemerals()) != 0 {
		t.Errorf("ephemerals %+v", got)
	}
	file, err := api.UploadFile(slack.UploadFileParameters{Filename: "audit.csv", FileSize: 4, Content: "a,b\n", Channel: "C0GENERAL1", InitialComment: "here"})
	check("files", err)
	if data, ok := w.File(file.ID); !ok || string(data) != "a,b\n" {
		t.Errorf("file %q", data)
	}
	if last := w.Messages("#general"); len(last[len(last)-1].Files) != 1 {
		t.Errorf("file message %+v", last)
	}
	view, err := api.PublishView("U0ALICE001", slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewSectionBlock(plainText("hi"), nil, nil)}}}, "")
	check("views.publish", err)
	if _, err = api.PublishView("U0ALICE001", slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewDividerBlock()}}}, "0.wrong"); err == nil || err.Error() != "hash_conflict" {
		t.Errorf("publish with an old hash: %v", err)
	}
	if home, ok := w.As("U0ALICE001").Home(); !ok || home.Text != "hi" || home.ID != view.ID {
		t.Errorf("home %+v", home)
	}
	if vs := w.Violations(); len(vs) > 0 {
		t.Errorf("violations %+v", vs)
	}
	for m := range methods {
		if len(w.Calls(m)) == 0 && !strings.HasPrefix(m, "views.") && m != "apps.connections.open" && m != "users.info" {
			t.Errorf("%s was not called", m)
		}
	}
}
