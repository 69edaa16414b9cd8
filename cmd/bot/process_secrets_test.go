package main

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"apono/provision/webhook/webhooktest"
)

func init() { processStories["a secret is nowhere but in the dialog"] = processSecrets }

// processSecrets: of what the bot writes down or says, at the most talkative, only the
// dialog of Show credentials holds a secret. Files are for the bot's account alone,
// however generous the umask of who starts it is.
func processSecrets(t *testing.T, w *town) {
	w.change("level: info", "level: debug", lasting, "grant_duration: 1h")
	p := w.start("/bin/sh", "-c", `umask 000; exec "$@"`, "sh").ready()
	w.must(w.ws.As(slackBob).Click(w.ctx, w.asked("AR-1", "INC-12 is burning"), "Approve"))
	alice := w.ws.As(slackAlice)
	_, err := w.message(alice, "AR-1 granted", "Active until", "End access")
	w.must(err)
	_, err = w.message(alice, "Access details", "Show credentials")
	w.must(err)

	secrets := map[string]string{"the app token": w.ws.AppToken(), "the bot token": w.ws.BotToken(), "the key of the system": strings.TrimPrefix(webhooktest.Secret.Reveal(), "whsec_")}
	for i, issued := range w.target.Issued() {
		secrets[fmt.Sprintf("credential %d", i)] = issued.Token
	}
	if len(secrets) < 4 {
		t.Fatal("the system has issued nothing")
	}
	key, err := os.ReadFile(w.storePath() + ".key")
	w.must(err)
	secrets["the credentials key"] = strings.Split(string(key), "AGE-SECRET-KEY-")[1][:20]

	search := func(when string) {
		t.Helper()
		written := map[string]string{"the log": p.log.String()}
		for _, path := range []string{"/metrics", "/readyz", "/healthz"} {
			_, written[path] = p.get(path)
		}
		w.bot(0, "db", "backup", filepath.Join(w.dir, when+".backup"))
		written["audit export csv"] = w.bot(0, "audit", "export")
		written["audit export jsonl"] = w.bot(0, "audit", "export", "--format", "jsonl")
		written["audit verify"] = w.bot(0, "audit", "verify")
		written["check"] = w.bot(0, "check", "--format", "json")
		w.must(filepath.WalkDir(w.dir, func(path string, f fs.DirEntry, err error) error {
			if err != nil || !f.Type().IsRegular() || strings.HasSuffix(path, ".key") {
				return err
			}
			data, err := os.ReadFile(path)
			written[filepath.Base(path)] = string(data)
			return err
		}))
		for _, call := range w.ws.Calls("") {
			if strings.HasPrefix(call.Method, "views.") && when != "before the view" {
				continue // the dialog itself
			}
			args, err := json.Marshal(call.Args)
			w.must(err)
			written["calls of Slack"] += call.Method + string(args) + "\n"
		}
		for what, text := range written {
			for name, secret := range secrets {
				if strings.Contains(text, secret) {
					t.Errorf("%s: %s holds %s", when, what, name)
				}
			}
		}
		if !strings.Contains(written["calls of Slack"], "Show credentials") || len(written["bot.db"]) < 10_000 || !strings.Contains(written["the log"], `"level":"DEBUG"`) {
			t.Errorf("%s: there is not enough to search", when)
		}
	}
	search("before the view")
	if got, err := w.credentials(alice, "support-desk"); err != nil || got["token"] == "" {
		t.Fatal(got, err)
	}
	search("after the view")

	for _, name := range []string{"bot.db", "bot.db.key", "bot.db.sock", "after the view.backup"} {
		if info, err := os.Stat(filepath.Join(w.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, %v; want mode 0600", name, info.Mode(), err)
		}
	}
	// A socket has its mode only after it exists: the umask is what guards it before.
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	w.must(err)
	if !strings.Contains(string(status), "Umask:\t0077\n") {
		t.Errorf("the umask of the bot is not 0077:\n%s", status)
	}
	p.terminate()
	w.bot(0, "db", "compact")
	w.bot(0, "db", "restore", filepath.Join(w.dir, "after the view.backup"))
	w.must(filepath.WalkDir(w.dir, func(path string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		info, err := f.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return err
	}))
}
