package main

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apono/bot/slack"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/store/storetest"
)

// A bot that runs is asked at once. Its file is neither waited for nor read: here
// there is none.
func TestARunningBotIsAskedFirst(t *testing.T) {
	w := newTown(t, "", demoPeople())
	for _, v := range w.env {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	asked := ""
	commands := ops.Commands{}
	for name := range controls(nil) {
		commands[name] = func(out io.Writer, r *http.Request) error {
			asked = name + "?" + r.URL.RawQuery
			_, err := fmt.Fprintln(out, "from the bot")
			return err
		}
	}
	l, err := ops.ListenControl(t.Context(), ops.SocketPath(w.storePath()))
	if err != nil {
		t.Fatal(err)
	}
	server := ops.NewServer(ops.ControlHandler(commands))
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	for want, args := range map[string][]string{
		"check?":                              {"db", "check"},
		"backup?":                             {"db", "backup", filepath.Join(w.dir, "backup.db")},
		"audit/verify?":                       {"audit", "verify"},
		"audit/verify?head=1%3A" + aHash:      {"audit", "verify", "--head", "1:" + aHash},
		"audit/export?format=jsonl&from=&to=": {"audit", "export", "--format", "jsonl"},
		"audit/export?format=csv&from=&integration=pg&status=granted&status=denied&to=&user=a%40b.c": {
			"audit", "export", "--user", "a@b.c", "--integration", "pg", "--status", "granted,denied",
		},
	} {
		asked = ""
		if status, out, errs := cli(t, append(args, "--config", w.configPath())...); status != exitOK || asked != want {
			t.Errorf("%s: status %d, the bot was asked %q, want %q\n%s%s", strings.Join(args, " "), status, asked, want, out, errs)
		}
	}
}

const aHash = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

// Nothing that was acknowledged stays undone because there is much of it.
func TestEverythingUndoneIsReplayed(t *testing.T) {
	s := storetest.Open(t)
	at := time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	const n = 2*replayPage + 345
	errs := make(chan error, n)
	for i := range n {
		go func() {
			_, err := s.Receive(t.Context(), at, flows.Delivery{Key: fmt.Sprint(i), Payload: fmt.Appendf(nil, "%d", i), Source: slack.Platform})
			errs <- err
		}()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	undone, err := inbox{store: s, platform: slack.Platform}.Undone(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, payload := range undone {
		seen[string(payload)] = true
	}
	if len(undone) != n || len(seen) != n {
		t.Errorf("%d of %d deliveries are replayed, %d different ones", len(undone), n, len(seen))
	}
}
