package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func init() {
	processStories["a full disk"] = processFullDisk
	processStories["a disk that is full at the start"] = processFullDiskAtStart
	processStories["a damaged database"] = processDamaged
	processStories["a database that is damaged under the bot"] = processDamagedRunning
	processStories["a wrong app token"] = processWrongAppToken
	processStories["a wrong bot token"] = processWrongBotToken
	processStories["a token taken away"] = processTokenRevoked
	processStories["scopes and a channel that are missing"] = processUnprepared
}

// fileLimit is the size beyond which the bot can write no file: one page.
const fileLimit = 4 << 10

func processFullDisk(t *testing.T, w *town) {
	p := w.start().ready()
	card := w.asked("AR-1", "INC-12 is burning")
	limit := exec.CommandContext(w.ctx, "prlimit", "--pid", fmt.Sprint(p.cmd.Process.Pid), fmt.Sprintf("--fsize=%d", fileLimit))
	if out, err := limit.CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v\n%s", err, out)
	}
	bob := w.ws.As(slackBob)
	if err := bob.ClickStale(w.ctx, card, "Approve"); err == nil {
		t.Error("a click was acknowledged that could not be kept")
	}
	p.end(exitUsage)
	w.deaths++
	last := lastLine(p.log.String())
	for _, want := range []string{w.storePath(), "cannot be written", "file too large", "make room"} {
		if !strings.Contains(last, want) {
			t.Errorf("the last words do not hold %q: %s", want, last)
		}
	}
	w.ws.ForgetViolations() // the click that was not acknowledged

	p = w.start().ready()
	if got := w.changes("AR-1"); got != "asked" {
		t.Errorf("after the full disk the audit trail says %q", got)
	}
	w.must(bob.Click(w.ctx, card, "Approve"))
	w.shut(w.holds("AR-1"))
	w.finish(p, "AR-1")
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

func processFullDiskAtStart(t *testing.T, w *town) {
	p := w.start("sh", "-c", `ulimit -f 8; exec "$@"`, "sh")
	p.end(exitUsage)
	if last := lastLine(p.log.String()); !strings.Contains(last, "file too large") || !strings.Contains(last, w.storePath()) {
		t.Errorf("the last words are %s", last)
	}
	w.start().ready().terminate()
}

func processDamaged(t *testing.T, w *town) {
	w.start().ready().terminate()
	backup := filepath.Join(w.dir, "backup.db")
	w.bot(exitOK, "db", "backup", backup)
	raw, err := os.ReadFile(w.storePath())
	w.must(err)
	for name, damaged := range map[string][]byte{
		"cut off":               raw[:3*4096],
		"overwritten":           append(make([]byte, 8192), raw[8192:]...),
		"not a database":        []byte(strings.Repeat("Dear diary, ", 4000)),
		"shorter than its head": raw[:100],
	} {
		w.must(os.WriteFile(w.storePath(), damaged, 0o600))
		for _, args := range [][]string{{"run"}, {"db", "check"}, {"audit", "verify"}} {
			out := w.bot(exitUsage, args...)
			if !strings.Contains(out, w.storePath()+" is damaged; put a backup in its place with `bot db restore FILE`") || strings.Contains(out, "goroutine ") {
				t.Errorf("%s, bot %s: %s", name, strings.Join(args, " "), out)
			}
		}
		w.bot(exitOK, "db", "restore", backup)
		if out := w.bot(exitOK, "db", "check"); out != "ok\n" {
			t.Errorf("%s: after the restore db check says %q", name, out)
		}
	}
	w.start().ready().terminate()
	w.peace()
}

// processDamagedRunning: a bot that cannot look for what is due would end no access, so
// it must not look alive.
func processDamagedRunning(t *testing.T, w *town) {
	p := w.start().ready()
	w.asked("AR-1", "INC-12 is burning")
	backup := filepath.Join(w.dir, "backup.db")
	w.bot(exitOK, "db", "backup", backup)
	f, err := os.OpenFile(w.storePath(), os.O_WRONLY, 0)
	w.must(err)
	_, err = f.WriteAt(make([]byte, 1<<20), 2*4096) // all pages but the heads
	w.must(errors.Join(err, f.Close()))
	p.end(exitUsage)
	w.deaths++
	damaged := w.storePath() + " is damaged; put a backup in its place with `bot db restore FILE`"
	if last := lastLine(p.log.String()); !strings.Contains(last, damaged) {
		t.Errorf("the last words are %s", last)
	}
	w.bot(exitUsage, "run")
	w.bot(exitOK, "db", "restore", backup)
	p = w.start().ready()
	if got := w.changes("AR-1"); got != "asked" {
		t.Errorf("after the restore the audit trail says %q", got)
	}
	p.terminate()
}

func processWrongAppToken(t *testing.T, w *town) {
	w.env = append(w.env, "DEMO_APP_TOKEN=xapp-1-wrong-hunter2")
	processRefused(t, w, "slack.app_token is wrong")
}

func processWrongBotToken(t *testing.T, w *town) {
	w.env = append(w.env, "DEMO_BOT_TOKEN=xoxb-wrong-hunter2")
	processRefused(t, w, "slack.bot_token")
}

// processRefused wants the bot to end at once, with the reason and without the secret.
func processRefused(t *testing.T, w *town, reason string) {
	p := w.start()
	p.end(exitUsage)
	if last := lastLine(p.log.String()); !strings.Contains(last, reason) {
		t.Errorf("the last words are %s", last)
	}
	if strings.Contains(p.log.String(), "hunter2") {
		t.Error("the log holds the token")
	}
}

func processTokenRevoked(t *testing.T, w *town) {
	p := w.start().ready()
	w.ws.BreakToken(w.ws.AppToken(), "token_revoked")
	w.ws.Faults().DropSockets()
	p.end(exitUsage)
	if last := lastLine(p.log.String()); !strings.Contains(last, "token_revoked") {
		t.Errorf("the last words are %s", last)
	}
	if v := w.ws.Violations(); len(v) > 0 {
		t.Errorf("Slack would have objected: %+v", v)
	}
}

func processUnprepared(t *testing.T, w *town) {
	w.ws.SetScopes("chat:write", "commands", "im:write", "im:history", "users:read", "channels:read", "groups:read")
	w.change("#access-audit", "#no-such-channel")
	p := w.start().ready()
	for _, want := range []string{"the bot token lacks the scope users:read.email", `"setting":"slack.audit_channel"`, "#no-such-channel does not exist or is private: create it, or invite the bot"} {
		w.soon("the log says "+want, func() bool { return strings.Contains(p.log.String(), want) })
	}
	p.terminate()
}
