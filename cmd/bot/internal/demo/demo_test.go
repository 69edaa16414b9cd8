package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

const (
	alice = "U0ALICE001"
	bob   = "U0BOB00001"
)

// world is a workspace without an app: messages come in over the Web API, as from any bot.
type world struct {
	*Server
	t        *testing.T
	api      string
	requests []flows.Request
	targets  []Target
	ahead    time.Duration
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t}
	ws := slacksim.New(slacksim.Options{
		NoRateLimits: true, Commands: []string{"/apono"},
		Users:    []slacksim.User{{ID: alice, Name: "alice", RealName: "Alice <b>", TZ: "Etc/UTC"}, {ID: bob, Name: "bob", RealName: "Bob"}},
		Channels: []slacksim.Channel{{ID: "C0GENERAL1", Name: "general", Members: []string{alice, bob}, BotMember: true}, {ID: "C0AUDIT001", Name: "audit", BotMember: true}},
	})
	t.Cleanup(ws.Close)
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = ws.Serve(l) }()
	w.api = "http://" + l.Addr().String() + "/api/"
	w.Server = New(Options{
		Workspace: ws, People: []Person{{ID: alice, Role: "asks"}, {ID: bob, Role: "decides"}}, Audit: "#audit", Command: "/apono",
		Requests: func() ([]flows.Request, error) { return w.requests, nil },
		Targets:  func(context.Context) []Target { return w.targets },
		Now:      func() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Add(w.ahead) },
		Advance:  func(d time.Duration) { w.ahead += d },
		Guide:    []Step{{Title: "See a 403", Short: "403", Who: bob, Happened: func(s Seen) bool { return s.Answered(Closed) }}},
		Log:      slog.New(slog.DiscardHandler),
	})
	return w
}

// call is a call of the bot.
func (w *world) call(method string, args map[string]string) map[string]any {
	w.t.Helper()
	return w.post(method, w.Workspace.BotToken(), args)
}

func (w *world) post(method, token string, args map[string]string) map[string]any {
	w.t.Helper()
	form := url.Values{}
	for k, v := range args {
		form.Set(k, v)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.api+method, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var out map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		w.t.Fatal(err)
	}
	return out
}

// connect is the bot's connection in Socket Mode, greeted: before its hello Slack does not know it and hands it nothing.
func (w *world) connect() *websocket.Conn {
	w.t.Helper()
	opened := w.post("apps.connections.open", w.Workspace.AppToken(), nil)
	url, _ := opened["url"].(string)
	c, resp, err := websocket.DefaultDialer.DialContext(w.t.Context(), url, nil)
	if err != nil {
		w.t.Fatalf("%v: %v", opened, err)
	}
	w.t.Cleanup(func() { _ = c.Close(); _ = resp.Body.Close() })
	if err := c.SetReadDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		w.t.Fatal(err)
	}
	var hello struct {
		Kind string `json:"type"`
	}
	if err := c.ReadJSON(&hello); err != nil || hello.Kind != "hello" {
		w.t.Fatalf("%q instead of a hello: %v", hello.Kind, err)
	}
	return c
}

func (w *world) get(target string, header ...string) *httptest.ResponseRecorder {
	return w.do(http.MethodGet, target, "", header...)
}

func (w *world) do(method, target, body string, header ...string) *httptest.ResponseRecorder {
	w.t.Helper()
	r := httptest.NewRequestWithContext(w.t.Context(), method, target, strings.NewReader(body))
	r.Host = "127.0.0.1:8765"
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
			continue
		}
		r.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, r)
	return rec
}

const jsonType = "application/json"

// order posts an order and returns the sentence of its answer.
func (w *world) order(o order) string {
	w.t.Helper()
	body, err := json.Marshal(o)
	if err != nil {
		w.t.Fatal(err)
	}
	rec := w.do(http.MethodPost, "/act", string(body), "Content-Type", jsonType)
	var out outcome
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		w.t.Fatalf("%d %s: %v", rec.Code, rec.Body, err)
	}
	return out.Error
}

func has(t *testing.T, html string, want ...string) {
	t.Helper()
	for _, s := range want {
		if !strings.Contains(html, s) {
			t.Errorf("the page lacks %q", s)
		}
	}
}

func lacks(t *testing.T, html string, unwanted ...string) {
	t.Helper()
	for _, s := range unwanted {
		if strings.Contains(html, s) {
			t.Errorf("the page has %q", s)
		}
	}
}

// TestWhoMayAsk: other names, other origins and forms of other pages are refused, and the page may load nothing from elsewhere.
func TestWhoMayAsk(t *testing.T) {
	w := newWorld(t)
	for host, want := range map[string]int{
		"127.0.0.1:8765": 200, "localhost:8765": 200, "[::1]:8765": 200, "127.8.8.8": 200,
		"evil.example": 421, "127.0.0.1.evil.example:8765": 421, "10.0.0.1:8765": 421, "": 421, "localhost.evil.example": 421,
	} {
		if got := w.get("/", "Host", host).Code; got != want {
			t.Errorf("as %q: %d, want %d", host, got, want)
		}
	}
	const body = `{"do":"say","who":"U0ALICE001","at":"C0GENERAL1","text":"hi"}`
	for name, c := range map[string]struct {
		want   int
		header []string
	}{
		"the page":       {200, []string{"Content-Type", jsonType, "Origin", "http://127.0.0.1:8765", "Sec-Fetch-Site", "same-origin"}},
		"another page":   {403, []string{"Content-Type", jsonType, "Origin", "http://evil.example", "Sec-Fetch-Site", "cross-site"}},
		"an old browser": {403, []string{"Content-Type", jsonType, "Origin", "http://evil.example"}},
		"another port":   {403, []string{"Content-Type", jsonType, "Origin", "http://127.0.0.1:9999", "Sec-Fetch-Site", "same-site"}},
		"a form":         {415, []string{"Content-Type", "text/plain"}},
	} {
		if got := w.do(http.MethodPost, "/act", body, c.header...).Code; got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	if n := len(w.Workspace.Messages("#general")); n != 1 {
		t.Errorf("%d messages, want the page's", n)
	}
	csp := w.get("/").Header().Get("Content-Security-Policy")
	has(t, csp, "default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "form-action 'none'", "base-uri 'none'")
	lacks(t, csp, "unsafe", "*", "http")
	for name, got := range map[string]int{
		"unknown field": w.do(http.MethodPost, "/act", `{"do":"say","do_not":1}`, "Content-Type", jsonType).Code,
		"long":          w.do(http.MethodPost, "/act", `{"do":"`+strings.Repeat("x", maxOrder)+`"}`, "Content-Type", jsonType).Code,
		"a clock":       w.do(http.MethodPost, "/time", `[]`, "Content-Type", jsonType).Code,
	} {
		if got != http.StatusBadRequest {
			t.Errorf("%s: %d", name, got)
		}
	}
	if got := w.get("/demo.yaml").Code; got != http.StatusNotFound {
		t.Errorf("a file that is not the page's: %d", got)
	}
}

func TestLoopback(t *testing.T) {
	for host, fine := range map[string]bool{
		"127.0.0.1:0": true, "localhost:80": true, "[::1]:80": true, "::1": true, "0.0.0.0:80": false, ":80": false, "[::]:80": false,
		"192.168.1.1:80": false, "example.com:80": false, "127.1:80": false, "": false,
	} {
		if err := Loopback(host); (err == nil) != fine {
			t.Errorf("%q: %v", host, err)
		}
	}
}

// hostile is text of somebody who would like to be more than text.
const hostile = `<script>alert(1)</script><img src=x onerror=alert(1)> "' {{.}} javascript:alert(1) &lt;b&gt;`

// TestHostileText: whatever people or the bot write is shown, and does nothing.
func TestHostileText(t *testing.T) {
	w := newWorld(t)
	if e := w.order(order{Do: "say", Who: bob, At: "C0GENERAL1", Text: hostile}); e != "" {
		t.Fatal(e)
	}
	text, err := json.Marshal(hostile)
	if err != nil {
		t.Fatal(err)
	}
	plain := `{"type":"plain_text","text":` + string(text) + `}`
	option := `{"text":{"type":"plain_text","text":"\"><script>o"},"value":"\" onfocus=alert(1) x=\""}`
	blocks := `[{"type":"header","text":{"type":"plain_text","text":"<script>h"}},{"type":"section","text":` + plain + `},
		{"type":"section","text":{"type":"mrkdwn","text":"<javascript:alert(1)|press> <https://x.test/?a=1&amp;b=2|ok> <@U0ALICE001> *b<i>*"}},
		{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":` + string(text) + `,"style":{"bold":true}},{"type":"link","url":"javascript:alert(2)","text":"go"},{"type":"emoji","name":"<script>"}]}]},
		{"type":"image","image_url":"https://evil.example/pixel.png","alt_text":"<script>i"},
		{"type":"context","elements":[{"type":"image","image_url":"https://evil.example/p.png","alt_text":"a"},` + plain + `]},
		{"type":"actions","elements":[{"type":"button","action_id":"\" onclick=alert(1)","value":"v","text":{"type":"plain_text","text":"<script>b"},
			"confirm":{"title":{"type":"plain_text","text":"<script>c"},"text":` + plain + `,"confirm":{"type":"plain_text","text":"y"},"deny":{"type":"plain_text","text":"n"}}},
			{"type":"button","action_id":"u","url":"https://x.test/","text":{"type":"plain_text","text":"open"}},
			{"type":"static_select","action_id":"s","placeholder":{"type":"plain_text","text":"<script>p"},"options":[` + option + `]},
			{"type":"overflow","action_id":"m","options":[` + option + `]}]}]`
	if out := w.call("chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "x", "blocks": blocks}); out["ok"] != true {
		t.Fatal(out)
	}
	html := w.get("/?who=U0ALICE001&at=C0GENERAL1").Body.String()
	lacks(t, strings.ReplaceAll(html, `<script type="module" src="/demo.js"></script>`, ""), "<script", "<img src=x", `href="javascript`, "evil.example", `" onclick`, `" onfocus`, "ZgotmplZ")
	has(t, html, "&lt;script&gt;alert(1)&lt;/script&gt;", `href="https://x.test/?a=1&amp;b=2"`, "[picture: &lt;script&gt;i]", "@Alice &lt;b&gt;", ":&lt;script&gt;:")
}

// TestAddresses: every address shows something, and nobody sees what they cannot see in Slack.
func TestAddresses(t *testing.T) {
	w := newWorld(t)
	w.Workspace.SetChannel(slacksim.Channel{ID: "C0SECRET01", Name: "secret", Private: true, Members: []string{bob}})
	if _, err := w.Workspace.As(bob).Send("#secret", "the code is 1234"); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		"":                             "/?at=C0GENERAL1&who=U0ALICE001",
		"who=nobody&at=nowhere":        "/?at=C0GENERAL1&who=U0ALICE001",
		"who=U0ALICE001&at=C0SECRET01": "/?at=C0GENERAL1&who=U0ALICE001",
		"who=U0BOB00001&at=C0SECRET01": "/?at=C0SECRET01&who=U0BOB00001",
		"who=U0ALICE001&at=app&who2=U0BOB00001&at2=home&log=all": "/?at=app&at2=home&log=all&who=U0ALICE001&who2=U0BOB00001",
		"who=U0ALICE001&at=home&who2=x&log=x":                    "/?at=home&who=U0ALICE001",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, w.places(q).String()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
		if rec := w.get("/?" + query); rec.Code != http.StatusOK {
			t.Errorf("%s: %d %s", query, rec.Code, rec.Body)
		}
	}
	lacks(t, w.get("/?who=U0ALICE001&at=C0SECRET01").Body.String(), "1234")
	has(t, w.get("/?who=U0BOB00001&at=C0SECRET01").Body.String(), "1234")
	if e := w.order(order{Do: "say", Who: alice, At: "C0SECRET01", Text: "let me in"}); e != "Slack does not let people do this here." {
		t.Errorf("writing where one is not: %q", e)
	}
	if e := w.order(order{Do: "press", Who: "U0NOBODY", View: "V1"}); e != "Nobody of this name is in the workspace." {
		t.Errorf("as nobody: %q", e)
	}
}

// TestMarks: unread counts, the line above what is new, threads, edits, what only one sees.
func TestMarks(t *testing.T) {
	w := newWorld(t)
	post := func(text string) string {
		out := w.call("chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": text})
		ts, _ := out["ts"].(string)
		return ts
	}
	first := post("one")
	w.get("/?who=U0ALICE001&at=C0GENERAL1") // reads
	second := post("two")
	if n := w.unread(alice, "C0GENERAL1"); n != 1 {
		t.Errorf("%d unread after one of two was read", n)
	}
	if n := w.unread(bob, "C0GENERAL1"); n != 2 {
		t.Errorf("%d unread for somebody who never looked", n)
	}
	html := w.get("/?who=U0ALICE001&at=C0GENERAL1").Body.String()
	if strings.Index(html, `class="new"`) < strings.Index(html, ">one<") || !strings.Contains(html, `class="new"`) {
		t.Error("the line is not between what was read and what is new")
	}
	w.call("chat.update", map[string]string{"channel": "C0GENERAL1", "ts": first, "text": "one and a half"})
	w.call("chat.postEphemeral", map[string]string{"channel": "C0GENERAL1", "user": alice, "text": "psst"})
	if e := w.order(order{Do: "say", Who: bob, At: "C0GENERAL1", Thread: second, Text: "an answer"}); e != "" {
		t.Fatal(e)
	}
	html = w.get("/?who=U0ALICE001&at=C0GENERAL1").Body.String()
	has(t, html, "one and a half", "(edited)", "psst", "Only visible to you", "1 reply")
	lacks(t, html, "an answer")
	has(t, w.get("/?who=U0ALICE001&at=C0GENERAL1&thread="+second).Body.String(), "an answer", "Close thread", "Reply in thread")
	lacks(t, w.get("/?who=U0BOB00001&at=C0GENERAL1").Body.String(), "psst")
}

// TestTime: the clock moves forward, and to the end of what is granted first.
func TestTime(t *testing.T) {
	w := newWorld(t)
	move := func(body string) string {
		return strings.TrimSpace(w.do(http.MethodPost, "/time", body, "Content-Type", jsonType).Body.String())
	}
	for body, want := range map[string]string{
		`{"minutes":0}`: "forward only", `{"minutes":-5}`: "forward only", `{"minutes":999999}`: "forward only", `{"to_end":true}`: "Nothing is granted",
	} {
		if got := move(body); !strings.Contains(got, want) || w.ahead != 0 {
			t.Errorf("%s: %s, and the clock is %s ahead", body, got, w.ahead)
		}
	}
	now := w.Now()
	w.requests = []flows.Request{{ID: "AR-2", State: flows.StateActive, EndsAt: now.Add(2 * time.Hour)}, {ID: "AR-1", State: flows.StateActive, EndsAt: now.Add(time.Hour)}, {ID: "AR-0", State: flows.StateExpired, EndsAt: now.Add(time.Minute)}}
	w.look(t.Context())
	if got := move(`{"minutes":10}`); got != "{}" || w.ahead != 10*time.Minute {
		t.Errorf("%s: %s ahead", got, w.ahead)
	}
	if got := move(`{"to_end":true}`); got != "{}" || w.ahead != time.Hour {
		t.Errorf("%s: %s ahead", got, w.ahead)
	}
}

// TestPanel: the panel tells what the target and the store say, and the guide ticks off what was seen once.
func TestPanel(t *testing.T) {
	w := newWorld(t)
	now := w.Now()
	unit := flows.Item{Unit: flows.Unit{Integration: "desk", ResourceType: "queue", Resource: "q-1", Permission: "read"}, ResourceName: "billing"}
	w.requests = []flows.Request{{
		ID: "AR-1", State: flows.StateActive, Grantee: flows.PersonRef{Email: "alice@example.com", Name: "Alice"}, Bundle: "rush", Flow: "help", EndsAt: now.Add(time.Hour), CreatedAt: now,
		Groups:    []flows.AccessGroup{{Integration: "desk", Status: flows.GroupGranted, Items: []flows.Item{unit}}},
		Decisions: []flows.Decision{{Verb: flows.VerbApprove, By: flows.PersonRef{Name: "Bob"}, At: now}},
	}, {
		ID: "AR-2", State: flows.StatePending, Grantee: flows.PersonRef{Email: "alice@example.com", Name: "Alice"}, Flow: "help", CreatedAt: now,
		Groups: []flows.AccessGroup{{Integration: "desk", Items: []flows.Item{unit}}},
	}}
	w.targets = []Target{{Name: "desk", Doors: []Door{{"alice@example.com", "tok_1…", 200}, {"bob@example.com", "tok_2…", 0}}, Holds: []Holding{{"alice@example.com", "queue", "q-1", "read"}, {"mallory@example.com", "queue", "q-1", "read"}}}}
	w.look(t.Context())
	html := w.get("/").Body.String()
	has(t, html, "200 OK", "no answer", "AR-1", "approved by Bob", "desk: granted", "read on <b>billing</b> <small>until ", "though no request grants it", "0 of 1", "<b>See a 403</b>")
	w.targets = []Target{{Name: "desk", Doors: []Door{{"alice@example.com", "tok_1…", 403}}}}
	w.look(t.Context())
	w.targets = nil
	w.look(t.Context())
	has(t, w.get("/").Body.String(), "1 of 1", "That was the whole story.", "Nobody holds anything.")
}

// TestHome: the Home tab is what the bot published, and its buttons belong to it.
func TestHome(t *testing.T) {
	w := newWorld(t)
	has(t, w.get("/?who=U0ALICE001&at=home").Body.String(), "has not published a Home tab")
	view := `{"type":"home","blocks":[{"type":"header","text":{"type":"plain_text","text":"My access"}},
		{"type":"actions","block_id":"row","elements":[{"type":"button","action_id":"request","text":{"type":"plain_text","text":"Request access"}}]},
		{"type":"section","text":{"type":"plain_text","text":"orders"},"accessory":{"type":"button","action_id":"end","style":"danger","text":{"type":"plain_text","text":"End access"}}}]}`
	if out := w.call("views.publish", map[string]string{"user_id": alice, "view": view}); out["ok"] != true {
		t.Fatal(out)
	}
	home, ok := w.Workspace.As(alice).Home()
	if !ok {
		t.Fatal("there is no Home tab")
	}
	has(t, w.get("/?who=U0ALICE001&at=home").Body.String(), "My access", "Request access", `class="danger"`, `data-view="`+home.ID+`"`, `data-block="row" data-action="request"`)
	has(t, w.get("/?who=U0BOB00001&at=home").Body.String(), "has not published a Home tab")
	for o, want := range map[*order]string{
		{Do: "press", Who: alice, View: home.ID, Block: "row", Action: "request"}: "The app is not reachable. (dispatch_failed)",
		{Do: "press", Who: alice, View: home.ID, Block: "row", Action: "other"}:   "That is no longer there: it changed meanwhile.",
		{Do: "press", Who: bob, View: home.ID, Block: "row", Action: "request"}:   "That is no longer there.",
		{Do: "close", Who: alice, View: home.ID}:                                  "Slack does not let people do this here.",
		{Do: "submit", Who: alice, Channel: "C0GENERAL1", TS: "1.1"}:              "That is no longer there.",
		{Do: "home", Who: alice}: "",
	} {
		if got := w.order(*o); got != want {
			t.Errorf("%+v: %q, want %q", o, got, want)
		}
	}
}

// TestEvents: an open page gets all regions first, then those that change.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	st := stream{server: w.Server, query: url.Values{"who": {alice}}, sent: map[string]string{}, fresh: map[string]string{}}
	regions := func() (names []string) {
		data, err := st.news()
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]string
		if data != nil && json.Unmarshal(data, &got) != nil || bytes.ContainsAny(data, "\n\r") {
			t.Fatalf("no line of JSON: %q", data)
		}
		for _, r := range []string{"bar", "guide", "pane-0", "pane-1", "audit", "target", "requests", "log"} {
			if _, ok := got[r]; ok {
				names = append(names, r)
			}
		}
		return names
	}
	if diff := cmp.Diff([]string{"bar", "guide", "pane-0", "audit", "target", "requests", "log"}, regions()); diff != "" {
		t.Errorf("at first (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string(nil), regions()); diff != "" {
		t.Errorf("nothing happened (-want +got):\n%s", diff)
	}
	w.call("chat.postMessage", map[string]string{"channel": "C0AUDIT001", "text": "AR-1 asked"})
	if diff := cmp.Diff([]string{"audit"}, regions()); diff != "" {
		t.Errorf("an audit message (-want +got):\n%s", diff)
	}
	if _, err := w.Workspace.As(bob).Send("#general", "hello\nthere"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pane-0"}, regions()); diff != "" {
		t.Errorf("a message (-want +got):\n%s", diff)
	}
}
