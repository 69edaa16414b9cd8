package slacksim

import (
	"context"
	"encoding/json"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// world is a small workspace: two people, a public and a private channel.
func world() Options {
	return Options{
		Users: []User{
			{ID: "U0ALICE001", Name: "alice", RealName: "Alice", Email: "alice@example.com", TZ: "Europe/Berlin"},
			{ID: "U0BOB00001", Name: "bob", RealName: "Bob", Email: "bob@example.com"},
		},
		Channels: []Channel{
			{ID: "C0GENERAL1", Name: "general", Members: []string{"U0ALICE001", "U0BOB00001"}, BotMember: true},
			{ID: "C0SECRET01", Name: "secret", Private: true, Members: []string{"U0BOB00001"}},
			{ID: "C0OTHER001", Name: "other", Members: []string{"U0ALICE001"}},
		},
		Groups: []UserGroup{{ID: "S0DBA00001", Handle: "dba", Users: []string{"U0BOB00001"}}},
	}
}

// app is a bot under the test's control.
type app struct {
	*slack.Client
	sm     *socketmode.Client
	mu     sync.Mutex
	events []socketmode.Event
}

func newAPI(w *Workspace) *slack.Client {
	return slack.New(w.BotToken(), slack.OptionAppLevelToken(w.AppToken()), slack.OptionAPIURL(w.APIURL()), slack.OptionHTTPClient(w.HTTPClient()))
}

// connect runs Socket Mode; handle gets every request and returns the ack's payload, or noAck.
func connect(ctx context.Context, t *testing.T, w *Workspace, handle func(a *app, ev socketmode.Event) any) *app {
	t.Helper()
	a := &app{Client: newAPI(w)}
	a.sm = socketmode.New(a.Client, socketmode.OptionDialer(w.Dialer()))
	go func() { _ = a.sm.RunContext(ctx) }()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case ev := <-a.sm.Events:
				if ev.Request == nil || ev.Request.EnvelopeID == "" {
					continue
				}
				a.mu.Lock()
				a.events = append(a.events, ev)
				a.mu.Unlock()
				go func() {
					var payload any
					if handle != nil {
						payload = handle(a, ev)
					}
					if _, silent := payload.(noAck); silent {
						return
					}
					_ = a.sm.AckCtx(ctx, ev.Request.EnvelopeID, payload)
				}()
			}
		}
	}()
	return a
}

type noAck struct{}

// seen returns what came in, as type and inner type.
func (a *app) seen() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []string
	for _, ev := range a.events {
		var p struct {
			Type  string `json:"type"`
			Event struct {
				Type    string `json:"type"`
				Subtype string `json:"subtype"`
			} `json:"event"`
		}
		_ = json.Unmarshal(ev.Request.Payload, &p)
		name := ev.Request.Type
		switch {
		case p.Event.Type != "":
			name = p.Event.Type
			if p.Event.Subtype != "" {
				name += "/" + p.Event.Subtype
			}
		case p.Type != "":
			name = p.Type
		}
		out = append(out, name)
	}
	return out
}

// bubble runs a story in virtual time with a workspace that is closed at its end.
func bubble(t *testing.T, o Options, story func(t *testing.T, ctx context.Context, w *Workspace)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := New(o)
		defer w.Close()
		defer cancel()
		story(t, ctx, w)
		cancel()
		synctest.Wait()
	})
}

func plainText(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

func mustJSON(t *testing.T, s string) any {
	t.Helper()
	v, err := decodeJSON([]byte(s))
	if err != nil {
		t.Fatalf("%v in %s", err, s)
	}
	return v
}
