package slacksim

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

func TestSocketFaults(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		a, _ := stageWith(ctx, t, w, nil)
		hellos := func() int {
			n := 0
			for _, e := range w.Log() {
				if e.Method == "hello" {
					n++
				}
			}
			return n
		}
		for i, reason := range []string{"warning", "refresh_requested", "too_many_websockets"} {
			w.Faults().Disconnect(reason)
			time.Sleep(2 * time.Second)
			if w.Sockets() != 1 || hellos() != i+2 {
				t.Errorf("after %s: %d sockets, %d hellos", reason, w.Sockets(), hellos())
			}
		}
		if n := w.Faults().DropSockets(); n != 1 {
			t.Errorf("dropped %d", n)
		}
		time.Sleep(2 * time.Second)
		if w.Sockets() != 1 {
			t.Errorf("%d sockets after a drop", w.Sockets())
		}
		w.Faults().RefuseSockets(time.Minute)
		w.Faults().DropSockets()
		time.Sleep(50 * time.Second)
		if w.Sockets() != 0 {
			t.Error("a socket was opened while they are refused")
		}
		var ue *UserError
		if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", ""); !errors.As(err, &ue) || ue.Code != "dispatch_failed" {
			t.Errorf("slash without a socket: %v", err)
		}
		time.Sleep(10 * time.Minute)
		if w.Sockets() != 1 {
			t.Error("the bot did not come back")
		}
		w.Faults().Duplicate(1)
		if err := w.As("U0ALICE001").OpenHome(); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := a.seen(); len(got) != 2 {
			t.Errorf("duplicate delivery: %v", got)
		}
		w.Faults().Disconnect("link_disabled")
		time.Sleep(time.Minute)
		if w.Sockets() != 0 {
			t.Error("a disabled link was opened")
		}
		w.Faults().RestoreLink()
		time.Sleep(10 * time.Minute)
		if w.Sockets() != 1 {
			t.Error("the bot did not come back after link_disabled")
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
		w.Faults().DelayAcks(4 * time.Second)
		if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", ""); !errors.As(err, &ue) || ue.Code != "operation_timeout" {
			t.Errorf("delayed ack: %v", err)
		}
		time.Sleep(2 * time.Second)
		if diff := cmp.Diff([]string{LateAck}, kindsOf(w)); diff != "" {
			t.Errorf("violations (-want +got):\n%s", diff)
		}
	})
}

// TestLostConnectionIsNoFault: the person sees an error, the app broke no rule.
func TestLostConnectionIsNoFault(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		c, _ := dial(ctx, t, w)
		go func() {
			_, _, _ = c.ReadMessage()
			w.Faults().DropSockets()
		}()
		var ue *UserError
		if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", ""); !errors.As(err, &ue) {
			t.Errorf("slash: %v", err)
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}

// TestLoopback runs the same over a socket, as the demo and tests of separate processes do.
func TestLoopback(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := New(world())
	served := make(chan error, 1)
	go func() { served <- w.Serve(l) }()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	api := slack.New(w.BotToken(), slack.OptionAppLevelToken(w.AppToken()), slack.OptionAPIURL("http://"+l.Addr().String()+"/api/"))
	sm := socketmode.New(api)
	go func() { _ = sm.RunContext(ctx) }()
	links := make(chan string, 1)
	go func() {
		for ev := range sm.Events {
			if cmd, ok := ev.Data.(slack.SlashCommand); ok {
				links <- cmd.ResponseURL
				_ = sm.Ack(*ev.Request)
			}
		}
	}()
	if err := w.Wait(ctx, func() bool { return w.Sockets() == 1 }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", "hi"); err != nil {
		t.Fatal(err)
	}
	if err := slack.PostWebhookContext(ctx, <-links, &slack.WebhookMessage{Text: "later"}); err != nil {
		t.Fatal(err)
	}
	if got := w.As("U0ALICE001").Ephemerals(); len(got) != 1 || got[0].Text != "later" {
		t.Errorf("answer over the response_url: %+v", got)
	}
	cancel()
	w.Close()
	if err := <-served; err != nil {
		t.Errorf("Serve: %v", err)
	}
	if err := w.Serve(l); err == nil {
		t.Error("a closed workspace serves")
	}
}

// TestReorder delivers two envelopes the wrong way round, and one that nothing overtakes late.
func TestReorder(t *testing.T) {
	bubble(t, world(), func(t *testing.T, ctx context.Context, w *Workspace) {
		stageWith(ctx, t, w, nil)
		said := func(words ...string) (acked []string) {
			sent := map[string]string{}
			seen := len(w.Log())
			var running sync.WaitGroup
			for _, word := range words {
				running.Go(func() {
					if _, err := w.As("U0ALICE001").Slash(ctx, "#general", "/apono", word); err != nil {
						t.Error(err)
					}
				})
				synctest.Wait()
			}
			running.Wait()
			for _, e := range w.Log()[seen:] {
				switch e.Kind {
				case "envelope":
					sent[e.ID] = words[len(sent)]
				case "ack":
					acked = append(acked, sent[e.ID])
				}
			}
			return acked
		}
		w.Faults().Reorder(2)
		if diff := cmp.Diff([]string{"second", "first"}, said("first", "second")); diff != "" {
			t.Errorf("two (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"first", "second"}, said("first", "second")); diff != "" {
			t.Errorf("two after that (-want +got):\n%s", diff)
		}
		w.Faults().Reorder(2)
		began := time.Now()
		if diff := cmp.Diff([]string{"alone"}, said("alone")); diff != "" || time.Since(began) != reorderTime {
			t.Errorf("one, after %s (-want +got):\n%s", time.Since(began), diff)
		}
		if vs := w.Violations(); len(vs) > 0 {
			t.Errorf("violations %+v", vs)
		}
	})
}
