package slacksim

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// dial opens one raw socket and reads the hello.
func dial(ctx context.Context, t *testing.T, w *Workspace) (*websocket.Conn, obj) {
	t.Helper()
	_, out := send(t, w, http.MethodPost, w.APIURL()+"apps.connections.open", "application/json; charset=utf-8", w.AppToken(), "")
	link, _ := out["url"].(string)
	c, _, err := w.Dialer().DialContext(ctx, link, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, frame(t, c)
}

func frame(t *testing.T, c *websocket.Conn) obj {
	t.Helper()
	_, raw, err := c.ReadMessage()
	if err != nil {
		t.Fatal(err)
	}
	o, _ := mustJSON(t, string(raw)).(obj)
	return o
}

func kindsOf(w *Workspace) []string {
	var out []string
	for _, v := range w.Violations() {
		out = append(out, v.Kind)
	}
	return out
}

func TestHelloAndTickets(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		_, hello := dial(ctx, t, w)
		want := obj{
			"type": "hello", "num_connections": json.Number("1"), "connection_info": obj{"app_id": "A0APONO001"},
			"debug_info": obj{"host": "applink-1", "build_number": json.Number("1"), "approximate_connection_time": json.Number("3600")},
		}
		if diff := cmp.Diff(want, hello); diff != "" {
			t.Errorf("hello (-want +got):\n%s", diff)
		}
		_, out := send(t, w, http.MethodPost, w.APIURL()+"apps.connections.open", "application/json; charset=utf-8", w.AppToken(), "")
		link, _ := out["url"].(string)
		first, _, err := w.Dialer().DialContext(ctx, link, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = first.Close() }()
		if c, resp, err := w.Dialer().DialContext(ctx, link, nil); err == nil || resp.StatusCode != http.StatusForbidden {
			t.Errorf("a ticket was good twice: %v %v", c, err)
		}
	})
}

func TestTenSocketsAndNoMore(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		var conns []*websocket.Conn
		for range 10 {
			c, _ := dial(ctx, t, w)
			conns = append(conns, c)
		}
		_, last := dial(ctx, t, w)
		if last["type"] != "disconnect" || last["reason"] != "too_many_websockets" {
			t.Errorf("eleventh socket: %v", last)
		}
		// Each envelope goes to exactly one.
		var got atomic.Int32
		for _, c := range conns {
			go func() {
				for {
					_, raw, err := c.ReadMessage()
					if err != nil {
						return
					}
					var f struct {
						ID string `json:"envelope_id"`
					}
					_ = json.Unmarshal(raw, &f)
					got.Add(1)
					_ = c.WriteJSON(obj{"envelope_id": f.ID})
				}
			}()
		}
		for range 20 {
			if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", ""); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got.Load() != 20 {
			t.Errorf("20 envelopes were delivered %d times", got.Load())
		}
	})
}

func TestEnvelopeShape(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		c, _ := dial(ctx, t, w)
		go func() { _, _ = w.As("U0ALICE001").Slash(ctx, "#general", "/apono", "request <prod> & co") }()
		env := frame(t, c)
		p, _ := env["payload"].(obj)
		if env["type"] != "slash_commands" || env["accepts_response_payload"] != true || env["envelope_id"] == nil {
			t.Errorf("envelope %v", env)
		}
		for k, want := range map[string]string{
			"command": "/apono", "text": "request <prod> & co", "user_id": "U0ALICE001", "user_name": "alice", "channel_id": "C0GENERAL1",
			"channel_name": "general", "team_id": "T0WORKSPACE", "team_domain": "example", "api_app_id": "A0APONO001",
		} {
			if p[k] != want {
				t.Errorf("%s is %v, want %s", k, p[k], want)
			}
		}
		if s, _ := p["response_url"].(string); !strings.HasPrefix(s, "http://slack.test/commands/T0WORKSPACE/") {
			t.Errorf("response_url %v", s)
		}
		_ = c.WriteJSON(obj{"envelope_id": env["envelope_id"]})
		synctest.Wait()
		if err := w.As("U0ALICE001").OpenHome(); err != nil {
			t.Fatal(err)
		}
		env = frame(t, c)
		if env["type"] != "events_api" || env["accepts_response_payload"] != false || env["retry_attempt"] != json.Number("0") || env["retry_reason"] != "" {
			t.Errorf("event envelope %v", env)
		}
		_ = c.WriteJSON(obj{"envelope_id": env["envelope_id"]})
		synctest.Wait()
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}

// TestAckRules: what Slack punishes in silence.
func TestAckRules(t *testing.T) {
	for _, r := range []struct {
		name  string
		reply func(id string) []any // frames in answer to a slash command
		delay time.Duration
		code  string
		kinds []string
	}{
		{"good", func(id string) []any { return []any{obj{"envelope_id": id}} }, 0, "", nil},
		{"with a message", func(id string) []any { return []any{obj{"envelope_id": id, "payload": obj{"text": "hi"}}} }, 0, "", nil},
		{"just in time", func(id string) []any { return []any{obj{"envelope_id": id}} }, 2999 * time.Millisecond, "", nil},
		{"too late", func(id string) []any { return []any{obj{"envelope_id": id}} }, 3001 * time.Millisecond, "operation_timeout", []string{LateAck}},
		{"never", func(string) []any { return nil }, 0, "operation_timeout", []string{NoAck}},
		{"for another", func(string) []any { return []any{obj{"envelope_id": "11111111-2222-4333-a444-555555555555"}} }, 0, "operation_timeout", []string{UnknownAck, NoAck}},
		{"twice", func(id string) []any { return []any{obj{"envelope_id": id}, obj{"envelope_id": id}} }, 0, "", []string{DuplicateAck}},
		{"without id", func(string) []any { return []any{obj{"payload": obj{}}} }, 0, "operation_timeout", []string{BadAck, NoAck}},
		{"no JSON", func(string) []any { return []any{json.RawMessage("ok")} }, 0, "operation_timeout", []string{BadAck, NoAck}},
		{"20,479 bytes", func(id string) []any { return []any{sized(id, 20479)} }, 0, "", nil},
		{"20,480 bytes", func(id string) []any { return []any{sized(id, 20480)} }, 0, "operation_timeout", []string{OversizeAck}},
		{"invalid message", func(id string) []any {
			return []any{obj{"envelope_id": id, "payload": obj{"blocks": arr{obj{"type": "nonsense"}}}}}
		}, 0, "invalid_command_response", []string{InvalidPayload}},
		{"payload of another kind", func(id string) []any { return []any{obj{"envelope_id": id, "payload": arr{"hi"}}} }, 0, "invalid_command_response", []string{InvalidPayload}},
	} {
		t.Run(r.name, func(t *testing.T) {
			bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
				c, _ := dial(ctx, t, w)
				go func() {
					_, raw, err := c.ReadMessage()
					if err != nil {
						return
					}
					var f struct {
						ID string `json:"envelope_id"`
					}
					_ = json.Unmarshal(raw, &f)
					time.Sleep(r.delay)
					for _, v := range r.reply(f.ID) {
						b, isRaw := v.(json.RawMessage)
						if !isRaw {
							b, _ = json.Marshal(v)
						}
						_ = c.WriteMessage(websocket.TextMessage, b)
					}
				}()
				_, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", "")
				time.Sleep(time.Second)
				var ue *UserError
				if errors.As(err, &ue) != (r.code != "") || (ue != nil && ue.Code != r.code) {
					t.Errorf("error %v, want %q", err, r.code)
				}
				if diff := cmp.Diff(r.kinds, kindsOf(w)); diff != "" {
					t.Errorf("violations (-want +got):\n%s\n%+v", diff, w.Violations())
				}
			})
		})
	}
}

// sized is an ack of exactly n bytes.
func sized(id string, n int) json.RawMessage {
	bare := `{"envelope_id":"` + id + `","payload":{"text":""}}`
	return json.RawMessage(`{"envelope_id":"` + id + `","payload":{"text":"` + x(n-len(bare)) + `"}}`)
}

func TestSlashReplyIsShown(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		connect(ctx, t, w, func(_ *app, ev socketmode.Event) any {
			if cmd, ok := ev.Data.(slack.SlashCommand); ok {
				return obj{"text": "You typed *" + cmd.Text + "*", "response_type": map[string]string{"all": "in_channel"}[cmd.Text]}
			}
			return nil
		})
		synctest.Wait()
		alice := w.As("U0ALICE001")
		reply, err := alice.Slash(ctx, "#general", "/apono", "me")
		if err != nil || reply.Message.Text != "You typed me" || !reply.Message.Ephemeral {
			t.Errorf("%+v %v", reply, err)
		}
		if len(w.As("U0BOB00001").Ephemerals()) != 0 || len(w.Messages("#general")) != 0 {
			t.Error("others see the reply")
		}
		if _, err = alice.Slash(ctx, "#general", "/apono", "all"); err != nil {
			t.Fatal(err)
		}
		if got := w.Messages("#general"); len(got) != 1 || got[0].Text != "You typed all" {
			t.Errorf("in_channel: %+v", got)
		}
	})
}

func TestSlashIsRefused(t *testing.T) {
	o := world()
	o.Commands = []string{"/apono"}
	o.Users = append(o.Users, User{ID: "U0GONE0001", Name: "gone", Deleted: true})
	bubble(t, o, func(t *testing.T, ctx context.Context, w *Workspace) {
		var ue *UserError
		if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", ""); !errors.As(err, &ue) || ue.Code != "dispatch_failed" {
			t.Errorf("with no socket open: %v", err)
		}
		connect(ctx, t, w, nil)
		synctest.Wait()
		if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/other", ""); !errors.As(err, &ue) || ue.Code != "invalid_command" {
			t.Errorf("unregistered: %v", err)
		}
		if _, err := w.As("U0ALICE001").Slash(ctx, "#secret", "/apono", ""); !errors.Is(err, ErrCannot) {
			t.Errorf("in a channel without membership: %v", err)
		}
		if _, err := w.As("U0GONE0001").Slash(ctx, "#general", "/apono", ""); !errors.Is(err, ErrCannot) {
			t.Errorf("by a deactivated person: %v", err)
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}

// TestEventsAreRedelivered: at once, after a minute, after five, with one event id and new envelopes.
func TestEventsAreRedelivered(t *testing.T) {
	type delivery struct {
		after    time.Duration
		attempt  string
		reason   any
		eventID  any
		envelope any
	}
	gather := func(ctx context.Context, c *websocket.Conn, began time.Time, out *[]delivery, ackAt int) {
		for {
			_, raw, err := c.ReadMessage()
			if err != nil || ctx.Err() != nil {
				return
			}
			v, _ := decodeJSON(raw)
			o, _ := v.(obj)
			p, _ := o["payload"].(obj)
			n, _ := o["retry_attempt"].(json.Number)
			*out = append(*out, delivery{time.Since(began), n.String(), o["retry_reason"], p["event_id"], o["envelope_id"]})
			if len(*out) == ackAt {
				_ = c.WriteJSON(obj{"envelope_id": o["envelope_id"]})
			}
		}
	}
	t.Run("unacknowledged", func(t *testing.T) {
		bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
			c, _ := dial(ctx, t, w)
			var got []delivery
			began := time.Now()
			go gather(ctx, c, began, &got, 0)
			if err := w.As("U0ALICE001").OpenHome(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour - 5*time.Minute)
			want := []time.Duration{0, 3 * time.Second, 66 * time.Second, 369 * time.Second}
			if len(got) != 4 {
				t.Fatalf("%d deliveries: %+v", len(got), got)
			}
			for i, d := range got {
				if d.after.Round(time.Millisecond) != want[i] || d.eventID != got[0].eventID || (i > 0 && (d.envelope == got[0].envelope || d.reason != "timeout")) || d.attempt != itoa(i) {
					t.Errorf("delivery %d: %+v", i, d)
				}
			}
			if diff := cmp.Diff([]string{NoAck, NoAck, NoAck, NoAck}, kindsOf(w)); diff != "" {
				t.Errorf("violations (-want +got):\n%s", diff)
			}
		})
	})
	t.Run("acknowledged at the second", func(t *testing.T) {
		bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
			c, _ := dial(ctx, t, w)
			var got []delivery
			go gather(ctx, c, time.Now(), &got, 2)
			if err := w.As("U0ALICE001").OpenHome(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Minute)
			if len(got) != 2 {
				t.Errorf("%d deliveries", len(got))
			}
		})
	})
	t.Run("no socket open", func(t *testing.T) {
		bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
			if err := w.As("U0ALICE001").OpenHome(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(30 * time.Second)
			c, _ := dial(ctx, t, w)
			var got []delivery
			go gather(ctx, c, time.Now().Add(-30*time.Second), &got, 1)
			time.Sleep(30 * time.Minute)
			if len(got) != 1 || got[0].attempt != "2" || got[0].reason != "connection_failed" || got[0].after.Round(time.Second) != time.Minute {
				t.Errorf("deliveries %+v", got)
			}
			if vs := w.Violations(); len(vs) > 0 {
				t.Errorf("a bot that was down broke no rule: %+v", vs)
			}
		})
	})
}

func TestInteractionsAreNotRetried(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		a, r := stageWith(ctx, t, w, func(slack.InteractionCallback) any { return noAck{} })
		post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "t", "blocks": `[` + actions(`{"type":"button","action_id":"b","text":`+plain("Go")+`}`) + `]`})
		synctest.Wait()
		err := w.As("U0ALICE001").Click(ctx, w.Messages("#general")[0], "Go")
		var ue *UserError
		if !errors.As(err, &ue) || ue.Code != "operation_timeout" {
			t.Errorf("click: %v", err)
		}
		time.Sleep(30 * time.Minute)
		if got := slices.DeleteFunc(a.seen(), func(s string) bool { return s != "block_actions" }); len(got) != 1 {
			t.Errorf("delivered %d times", len(got))
		}
		_ = r
	})
}

func TestTheAppHearsItsOwnMessages(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		a, _ := stageWith(ctx, t, w, nil)
		out := post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": "mine"})
		ts, _ := out["ts"].(string)
		post(t, w, "chat.update", map[string]string{"channel": "C0GENERAL1", "ts": ts, "text": "edited"})
		post(t, w, "chat.delete", map[string]string{"channel": "C0GENERAL1", "ts": ts})
		if _, err := w.As("U0ALICE001").Send("#general", "hey @apono, <!channel> & co"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.As("U0ALICE001").SendDM("help"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.As("U0ALICE001").Send("#other", "the bot is not here"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		got := a.seen()
		slices.Sort(got) // handlers run side by side
		want := []string{"app_mention", "message", "message", "message", "message/message_changed", "message/message_deleted"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if m := w.Messages("#general")[0]; m.Raw != "hey <@U0APONOBOT>, &lt;!channel&gt; &amp; co" || m.Text != "hey @apono, <!channel> & co" || len(m.Broadcasts) > 0 {
			t.Errorf("typed text: %+v", m)
		}
		w.SetScopes("chat:write")
		if _, err := w.As("U0ALICE001").SendDM("no im:history"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(a.seen()); n != len(want) {
			t.Errorf("an event without its scope: %v", a.seen())
		}
	})
}

func TestEscapedCommands(t *testing.T) {
	o := world()
	o.EscapeCommands = true
	bubble(t, o, func(t *testing.T, ctx context.Context, w *Workspace) {
		_, r := stageWith(ctx, t, w, nil)
		if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", "a <b> & c"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := r.command().Text; got != "a &lt;b&gt; &amp; c" {
			t.Errorf("text %q", got)
		}
	})
}

// TestManyAtOnce has many callers at once, for the race detector, and shows that Close ends what they do.
func TestManyAtOnce(t *testing.T) {
	o := world()
	o.NoRateLimits = true
	bubble(t, o, func(t *testing.T, ctx context.Context, w *Workspace) {
		stageWith(ctx, t, w, nil)
		w.OnChange(func(Change) { _ = w.Messages("#general") })
		w.OnLog(func(Entry) { _ = w.Violations() })
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				for range 5 {
					_ = post(t, w, "chat.postMessage", map[string]string{"channel": "C0GENERAL1", "text": itoa(i)})
					_, _ = w.As("U0ALICE001").Slash(ctx, "#general", "/apono", "x")
					_, _ = w.As("U0BOB00001").Send("#general", "y")
					_ = w.As("U0BOB00001").Ephemerals()
				}
			})
		}
		all.Wait()
		if n := len(w.Messages("#general")); n != 200 {
			t.Errorf("%d messages", n)
		}
		seen := map[string]bool{}
		for _, m := range w.Messages("#general") {
			seen[m.TS] = true
		}
		if len(seen) != 200 {
			t.Errorf("%d different timestamps", len(seen))
		}
		synctest.Wait()
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}
