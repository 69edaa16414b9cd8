package slack

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

func TestReadyOnceASocketIsOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, world(), &service{})
		r.Faults().RefuseSockets(20 * time.Second)
		r.start()
		time.Sleep(10 * time.Second)
		if r.adapter.Ready() {
			t.Error("ready without a socket")
		}
		time.Sleep(time.Minute)
		if !r.adapter.Ready() || r.Sockets() != 2 {
			t.Errorf("ready %v with %d sockets\n%s", r.adapter.Ready(), r.Sockets(), r.log)
		}
		r.end()
		if r.adapter.Ready() {
			t.Error("ready after the end")
		}
		r.Close()
	})
}

func TestRenewalsLoseNoPress(t *testing.T) {
	// How long both sockets are away if Slack ends both at once.
	for reason, away := range map[string]time.Duration{"warning": 0, "refresh_requested": time.Millisecond, "too_many_websockets": time.Second} {
		t.Run(reason, func(t *testing.T) {
			s := &service{click: says("Done.")}
			story(t, world(), s, func(r *rig) {
				m := r.post(bob, approval())
				for range 5 {
					r.Faults().Disconnect(reason)
					time.Sleep(away)
					r.must(r.As(bob).Click(r.ctx, m, "Approve"))
					time.Sleep(2 * time.Minute)
				}
				if n := len(s.clicked()); n != 5 || r.Sockets() != 2 {
					t.Errorf("%d of 5 presses arrived, %d sockets\n%s", n, r.Sockets(), r.log)
				}
			})
		})
	}
}

func TestOneSocketIsOpenWhileTheOtherIsRenewed(t *testing.T) {
	s := &service{click: says("Done.")}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		for range 7 * 24 { // a week, a press an hour
			time.Sleep(time.Hour)
			r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		}
		synctest.Wait()
		if n := len(s.clicked()); n != 7*24 {
			t.Errorf("%d presses arrived", n)
		}
	})
}

func TestBrokenSocketsComeBack(t *testing.T) {
	s := &service{click: says("Done.")}
	story(t, world(), s, func(r *rig) {
		m := r.post(bob, approval())
		if n := r.Faults().DropSockets(); n != 2 {
			t.Fatalf("%d sockets were open", n)
		}
		time.Sleep(5 * time.Second)
		r.must(r.As(bob).Click(r.ctx, m, "Approve"))
		synctest.Wait()
		r.wantTold(bob, "Done.")
	})
}

func TestAckGoesOverAnotherSocket(t *testing.T) {
	s := &service{}
	story(t, world(), s, func(r *rig) {
		s.command = func(ctx context.Context, _ chat.Command) chat.Answer {
			r.Faults().DropSockets()
			sleep(ctx, commandBudget/2) // no socket is open again by then
			return chat.Say("Still here.")
		}
		reply, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "requests")
		r.must(err)
		if reply.Message.Text != "Still here." {
			t.Errorf("reply %+v\n%s", reply, r.log)
		}
	})
}

// TestACommandIsAcknowledgedAtOnce: Slack does not wait for an answer that takes long; whoever
// typed reads it when it is there.
func TestACommandIsAcknowledgedAtOnce(t *testing.T) {
	s := &service{command: func(ctx context.Context, _ chat.Command) chat.Answer {
		sleep(ctx, time.Second)
		return chat.Say("Here they are.")
	}}
	story(t, world(), s, func(r *rig) {
		begun := time.Now()
		_, err := r.As(alice).Slash(r.ctx, "#general", "/apono", "requests")
		r.must(err)
		if took := time.Since(begun); took > 200*time.Millisecond {
			t.Errorf("acknowledged after %s", took)
		}
		time.Sleep(time.Second)
		r.wantTold(alice, "Here they are.")
	})
}

func TestAnswersAreSentInOnePiece(t *testing.T) {
	given := &websocket.Dialer{WriteBufferSize: 1}
	for _, d := range []*websocket.Dialer{nil, given} {
		if got := dialer(d).WriteBufferSize; got <= maxAck {
			t.Errorf("room for %d bytes, an answer has up to %d", got, maxAck)
		}
	}
	if given.WriteBufferSize != 1 {
		t.Error("the caller's dialer was changed")
	}
}

func TestSocketsComeBackSoonAfterAnHour(t *testing.T) {
	for _, outage := range []slacksim.Outage{slacksim.Refuse, slacksim.ServerError, slacksim.Hang} {
		t.Run(string(outage), func(t *testing.T) {
			story(t, world(), &service{}, func(r *rig) {
				r.Faults().Outage(outage, time.Hour)
				r.Faults().DropSockets()
				time.Sleep(30 * time.Minute)
				if r.adapter.Ready() {
					t.Error("ready in an outage")
				}
				time.Sleep(30*time.Minute + reconnectMost + time.Second)
				if !r.adapter.Ready() {
					t.Errorf("not back half a minute after the outage\n%s", r.log)
				}
				if n := len(r.Calls("apps.connections.open")); n > 600 {
					t.Errorf("%d attempts in an hour", n)
				}
			})
		})
	}
}

func TestFatalErrorsSayWhatToDo(t *testing.T) {
	for code, want := range map[string]string{
		"invalid_auth":           "make an app-level token",
		"not_authed":             "make an app-level token",
		"account_inactive":       "install it again",
		"token_revoked":          "install the app again",
		"not_allowed_token_type": "starts with xapp-",
		"missing_scope":          "connections:write",
		"forbidden_team":         "ask the workspace's owner",
	} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, world(), &service{})
				r.BreakToken(r.AppToken(), code)
				start := time.Now()
				r.start()
				err := <-r.ended
				wantError(t, err, chat.ErrorRefused, code)
				contains(t, err.Error(), want)
				if d := time.Since(start); d > 5*time.Second {
					t.Errorf("said after %v", d)
				}
				if strings.Contains(err.Error(), r.AppToken()) {
					t.Error("the error holds the token")
				}
				r.Close()
			})
		})
	}
}

func TestSocketModeSwitchedOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, world(), &service{})
		r.start()
		synctest.Wait()
		r.Faults().Disconnect("link_disabled")
		err := <-r.ended
		wantError(t, err, chat.ErrorRefused, "link_disabled")
		contains(t, err.Error(), "Socket Mode is switched off: switch it on")
		r.Close()
	})
}

func TestWrongAPIURLIsFatal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, world(), &service{})
		r.options.APIURL = strings.Replace(r.APIURL(), "/api/", "/nowhere/", 1)
		r.start()
		wantError(t, <-r.ended, chat.ErrorRefused, "http_404")
		r.Close()
	})
}

func TestUndoneThatCannotBeReadDoesNotStopTheBot(t *testing.T) {
	s := &service{click: says("Done.")}
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, world(), s)
		for i, payload := range []string{"", "{", "null", `{"key":""}`, `[]`, `{"key":"click/1","click":{"user":{"platform":"slack","id":"` + bob + `"}}}`} {
			if _, err := r.inbox.Receive(r.ctx, time.Now(), string(rune('a'+i)), []byte(payload)); err != nil {
				t.Fatal(err)
			}
		}
		r.start()
		time.Sleep(time.Minute)
		if ms := r.As(bob).DMs(); len(ms) != 1 || ms[0].Text != "Done." {
			t.Errorf("Bob sees %+v", ms)
		}
		r.end()
		r.Close()
	})
}

func TestDeliveryThatSlackGoCannotRead(t *testing.T) {
	// A block of the message has a shape that slack-go refuses.
	s := &service{click: says("Done.")}
	story(t, world(), s, func(r *rig) {
		payload := `{"type":"block_actions","user":{"id":"` + bob + `","team_id":"T0WORKSPACE"},"container":{"message_ts":"1.2","channel_id":"C0GENERAL1"},
			"message":{"ts":"1.2","blocks":[{"type":"section","text":7}]},"actions":[{"type":"button","action_id":"approve","action_ts":"3.4","value":"{\"request\":\"AR-1\",\"version\":2}"}]}`
		sock := &socket{adapter: r.adapter, work: r.ctx, conn: wire(r.t)}
		sock.take(r.ctx, []byte(`{"type":"interactive","envelope_id":"E1","payload":`+payload+`}`))
		sock.take(r.ctx, []byte(`not json`))
		sock.take(r.ctx, []byte(`{"type":"brand_new","envelope_id":"E2","payload":{}}`))
		time.Sleep(time.Minute)
		if c := s.clicked(); len(c) != 1 || c[0].Target != (chat.Target{Request: "AR-1", Version: 2}) {
			t.Errorf("clicks %+v\n%s", c, r.log)
		}
		contains(t, r.log.String(), "not an envelope", "unknown type")
	})
}

// TestLoopback runs the bot over a real socket, in real time.
func TestLoopback(t *testing.T) {
	w := slacksim.New(world())
	defer w.Close()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- w.Serve(l) }()
	o := Options{
		AppToken: platform.Token(w.AppToken()), BotToken: platform.Token(w.BotToken()), APIURL: "http://" + l.Addr().String() + "/api/",
		HTTP: &http.Client{Timeout: 10 * time.Second}, Log: slog.New(slog.DiscardHandler),
	}
	client, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{click: says("Done.")}
	adapter, err := NewAdapter(o, client, s, platformtest.NewInbox())
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- adapter.Run(ctx) }()
	if err := w.Wait(ctx, func() bool { return w.Sockets() == 2 }); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Post(ctx, chat.Recipient{Email: "bob@example.com"}, approval(), chat.PriorityApprover); err != nil {
		t.Fatal(err)
	}
	if err := w.As(bob).Click(ctx, w.As(bob).DMs()[0], "Approve"); err != nil {
		t.Fatal(err)
	}
	if err := w.Wait(ctx, func() bool { return len(w.Ephemerals(bob)) == 1 }); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	w.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	if v := w.Violations(); len(v) > 0 {
		t.Errorf("Slack would mind: %+v", v)
	}
}

// FuzzInteraction throws deliveries of any shape at the adapter. None may panic, and
// none may reach a handler without a user.
func FuzzInteraction(f *testing.F) {
	user := `"user":{"id":"U1","team_id":"T1"}`
	for _, seed := range []string{
		`{"type":"block_actions",` + user + `,"container":{"message_ts":"1.2"},"actions":[{"type":"button","action_id":"approve","action_ts":"1","value":"{}"}]}`,
		`{"type":"block_actions",` + user + `,"actions":[{"type":"overflow","action_id":"menu","selected_option":{"value":"[\"details\",\"AR-1\",1,\"\"]"}}]}`,
		`{"type":"block_actions",` + user + `,"view":{"id":"V1","type":"modal","hash":"h","state":{"values":{"b":{"f":{"value":"x"}}}}},"actions":[{"type":"static_select","action_id":"f"}]}`,
		`{"type":"view_submission",` + user + `,"view":{"id":"V1","type":"modal","callback_id":"request","private_metadata":"s","blocks":[{"type":"input","block_id":"b","element":{"action_id":"f"}},7,null]}}`,
		`{"type":"view_submission","view":{"state":{"values":{"a":{"b":{"selected_options":[{"value":"x"}]}}}}}}`,
		`{"type":"block_suggestion",` + user + `,"action_id":"f","value":"q","view":{"blocks":"no list"}}`,
		`{"type":"view_closed","view":{"id":"V1"}}`, `{"type":"block_actions"}`, `{}`, `null`, `[]`, `"x"`, `{"type":7}`, `{"command":"/apono","user_id":"U1","text":"x"}`, `{"event_id":"E1"}`,
	} {
		for _, kind := range []string{"interactive", "slash_commands", "events_api", "other"} {
			f.Add(kind, seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind, payload string) {
		synctest.Test(t, func(t *testing.T) {
			meter := &platformtest.Counts{}
			s := &service{submit: func(context.Context, chat.FormEvent) chat.Submitted {
				return chat.Submitted{Errors: map[string]string{"f": "no", "g": "no"}}
			}}
			o := Options{AppToken: "xapp-1", BotToken: "xoxb-1", HTTP: &http.Client{Transport: nowhere{}, Timeout: time.Second}, Log: slog.New(slog.DiscardHandler), Meter: meter}
			client, err := NewClient(o)
			if err != nil {
				t.Fatal(err)
			}
			a, err := NewAdapter(o, client, s, platformtest.NewInbox())
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			a.receive(ctx, &socket{adapter: a, work: ctx, conn: wire(t)}, envelope{ID: "E1", Type: kind, Payload: json.RawMessage(payload), Accepts: true})
			time.Sleep(10 * time.Minute)
			cancel()
			synctest.Wait()
			for name, n := range meter.All() {
				if strings.HasPrefix(name, CountPanic) {
					t.Errorf("%d × %s", n, name)
				}
			}
			for _, c := range s.clicked() {
				if c.User.ID == "" || c.Action == "" {
					t.Errorf("a press by nobody, or of nothing, was handled: %+v", c)
				}
			}
		})
	})
}

// wire is a socket whose other end takes everything.
func wire(t *testing.T) *websocket.Conn {
	t.Helper()
	l := slacksim.NewPipeListener()
	up := websocket.Upgrader{}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := up.Upgrade(w, r, nil)
		if err != nil {
			return
		}
		for err == nil {
			_, _, err = c.ReadMessage()
		}
		_ = c.Close()
	})}
	go func() { _ = srv.Serve(l) }()
	d := websocket.Dialer{NetDialContext: l.Dial}
	c, resp, err := d.DialContext(t.Context(), "ws://slack.test/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	t.Cleanup(func() {
		_ = c.Close()
		_ = srv.Close()
		_ = l.Close()
	})
	return c
}

// nowhere is a network without an answer.
type nowhere struct{}

func (nowhere) RoundTrip(*http.Request) (*http.Response, error) {
	return nil, &net.OpError{Op: "dial", Err: net.ErrClosed}
}
