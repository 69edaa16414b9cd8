package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	bbolt "go.etcd.io/bbolt"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

func init() {
	processStories["backup, restore, continue"] = processRestore
	processStories["the audit trail"] = processAudit
	processStories["metrics"] = processMetrics
	processStories["health"] = processHealth
	processStories["health without a listener"] = processHealthAlone
	processStories["the demo"] = processDemo
}

func processRestore(t *testing.T, w *town) {
	p := w.start().ready()
	card := w.asked("AR-1", "INC-12 is burning")
	// What the backup does not know to be sent is sent again after the restore.
	w.soon("everything is told", func() bool { return strings.Contains(p.metrics(), "apono_outbox_tasks{lane=\"chat\"} 0\n") })
	backup := filepath.Join(w.dir, "backup.db")
	if out := w.bot(exitOK, "db", "backup", backup); !strings.Contains(out, backup+" written, ") {
		t.Errorf("db backup says %q", out)
	}
	if info, err := os.Stat(backup); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the backup is %v, %v; want mode 0600", info, err)
	}
	// To standard output too: a container without a shell has no other way out.
	if out := w.bot(exitOK, "db", "backup", "-"); len(out) < 4096 || !strings.Contains(out, "INC-12") {
		t.Errorf("db backup - writes %d bytes", len(out))
	}
	if out := w.bot(exitUsage, "db", "restore", backup); !strings.Contains(out, "in use by another process") {
		t.Errorf("a restore under a running bot says %q", out)
	}
	if out := w.bot(exitUsage, "db", "backup", filepath.Join(w.dir, "nowhere", "backup.db")); !strings.HasSuffix(out, filepath.Join("nowhere", "backup.db")+" is not written: no such file or directory\n") {
		t.Errorf("a backup to nowhere says %q", out)
	}
	// In the place of the database it would take away what the bot is writing.
	for _, own := range []string{w.storePath(), w.storePath() + ".key"} {
		before, err := os.Stat(own)
		w.must(err)
		if out := w.bot(exitUsage, "db", "backup", own); !strings.Contains(out, own+" is the bot's own: name another file for the backup") {
			t.Errorf("a backup to %s says %q", own, out)
		}
		if after, err := os.Stat(own); err != nil || !os.SameFile(before, after) {
			t.Errorf("%s is another file now: %v", own, err)
		}
	}
	if out := w.bot(exitUsage, "db", "backup", w.dir); !strings.HasSuffix(out, w.dir+" is not written: file exists\n") {
		t.Errorf("a backup to a directory says %q", out)
	}
	ghost := w.asked("AR-2", "INC-13 is burning")
	p.terminate()

	w.env = append(w.env, "BOT_STORE_PATH="+filepath.Join(w.dir, "fresh", "place.db")) // another machine
	out, err := w.pipe(backup, "db", "restore", "-")
	w.must(err)
	for _, want := range []string{"will not end them", "(audit event 1)", "The old database could not be read", "The next request is AR-2."} {
		if !strings.Contains(out, want) {
			t.Errorf("db restore does not say %q:\n%s", want, out)
		}
	}
	p = w.start().ready()
	w.soon("the audit channel is told", func() bool { return w.said("was restored from a backup") == 1 })
	w.must(w.ws.As(slackBob).Click(w.ctx, ghost, "Approve")) // AR-2 is nothing now
	w.soon("Bob is told why not", func() bool {
		return slices.ContainsFunc(w.ws.As(slackBob).Ephemerals(), func(m slacksim.Message) bool {
			return strings.Contains(m.Text, "from before the bot's database was restored")
		})
	})
	w.must(w.ws.As(slackBob).Click(w.ctx, card, "Approve"))
	w.shut(w.holds("AR-1"))
	w.finish(p, "AR-1")
	garbage := filepath.Join(w.dir, "garbage.db")
	w.must(os.WriteFile(garbage, bytes.Repeat([]byte("diary "), 4000), 0o600))
	if out := w.bot(exitUsage, "db", "restore", garbage); !strings.Contains(out, "nothing was changed") {
		t.Errorf("a restore of something else says %q", out)
	}
	if got := w.changes("AR-1"); got != whole {
		t.Errorf("after a refused restore the audit trail says %q", got)
	}
}

// pipe runs a command with a file as its input.
func (w *town) pipe(file string, args ...string) (said string, err error) {
	in, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer in.Close()
	cmd := exec.CommandContext(w.ctx, w.binary, args...)
	cmd.Env, cmd.Dir, cmd.Stdin = append([]string{"BOT_CONFIG=" + w.configPath()}, w.env...), w.dir, in
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return string(out), nil
}

func processAudit(t *testing.T, w *town) {
	p := w.start().ready()
	const formula = `=HYPERLINK("https://evil.example.com","INC-12")`
	card := w.asked("AR-1", formula)
	w.must(w.ws.As(slackBob).Click(w.ctx, card, "Approve"))
	w.shut(w.holds("AR-1"))
	w.finish(p, "AR-1")

	rows := w.table("--format", "csv")
	for _, row := range rows {
		if row["request_id"] == "AR-1" && (row["bundle_name"] != "ticket-rush" || row["integration"] != "support-desk" || row["justification"] != "'"+formula) {
			t.Errorf("a row is %q", row)
		}
		for _, cell := range row {
			if strings.ContainsAny(cell[:min(1, len(cell))], "=+-@\t\r") {
				t.Errorf("a spreadsheet takes %q for a formula", cell)
			}
		}
	}
	events := w.events()
	if len(rows) != len(events) {
		t.Errorf("%d rows for %d events of one integration each", len(rows), len(events))
	}
	from, to := events[1].At, events[len(events)-1].At // of the decision, and of the end
	var want, got []string
	for _, ev := range events {
		if !ev.At.Before(from) && ev.At.Before(to) {
			want = append(want, fmt.Sprint(ev.Seq))
		}
	}
	for _, row := range w.table("--from", from.Format(time.RFC3339Nano), "--to", to.Format(time.RFC3339Nano)) {
		got = append(got, row["seq"])
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 || len(want) == len(events) {
		t.Errorf("events of a part of the time (-want +got):\n%s", diff)
	}
	if out := w.bot(exitUsage, "audit", "export", "--from", "yesterday"); !strings.Contains(out, "--from is a date") {
		t.Errorf("a wrong --from is answered with %q", out)
	}
	w.forge(events[2])
	out := w.bot(exitProblems, "audit", "verify")
	if !strings.Contains(out, "audit event 3") {
		t.Errorf("of a forged third event audit verify says %q", out)
	}
}

// table is a CSV export, its rows by column.
func (w *town) table(args ...string) (rows []map[string]string) {
	w.t.Helper()
	lines, err := csv.NewReader(strings.NewReader(w.bot(exitOK, append([]string{"audit", "export"}, args...)...))).ReadAll()
	w.must(err)
	for _, line := range lines[1:] {
		row := map[string]string{}
		for i, cell := range line {
			row[lines[0][i]] = cell
		}
		rows = append(rows, row)
	}
	return rows
}

// forge changes one character of a stored audit event.
func (w *town) forge(ev flows.AuditEvent) {
	w.t.Helper()
	db, err := bbolt.Open(w.storePath(), 0o600, nil)
	w.must(err)
	w.must(db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte("audit"))
		return b.ForEach(func(k, v []byte) error {
			if !bytes.Contains(v, []byte(ev.Hash)) || bytes.Contains(v, []byte(`"prev":"`+ev.Hash)) {
				return nil
			}
			return b.Put(bytes.Clone(k), bytes.Replace(v, []byte("INC-12"), []byte("INC-13"), 1))
		})
	}))
	w.must(db.Close())
}

// putTags calls the API, which knows no token.
func (p *osProcess) putTags() {
	p.w.t.Helper()
	r, err := http.NewRequestWithContext(p.w.ctx, http.MethodPut, "http://"+listens.FindStringSubmatch(p.log.String())[1]+"/api/v1/tags", http.NoBody)
	p.w.must(err)
	resp, err := http.DefaultClient.Do(r)
	p.w.must(err)
	p.w.must(resp.Body.Close())
	if resp.StatusCode != http.StatusNotFound {
		p.w.t.Errorf("without a token in the configuration: %s", resp.Status)
	}
}

func processMetrics(t *testing.T, w *town) {
	p := w.start().ready()
	w.shut(w.granted("AR-1"))
	_, err := w.message(w.ws.As(slackAlice), "AR-1 expired")
	w.must(err)
	p.putTags()
	text := p.metrics()
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	w.must(err)
	for _, problem := range problems {
		if strings.HasPrefix(problem.Metric, "apono_") {
			t.Errorf("%s: %s", problem.Metric, problem.Text)
		}
	}
	source, err := os.ReadFile("internal/ops/metrics.go")
	w.must(err)
	names := regexp.MustCompile(`"(apono_\w+)"`).FindAllStringSubmatch(string(source), -1)
	if len(names) < 10 {
		t.Fatalf("only %d metrics found", len(names))
	}
	calm := []string{"apono_overdue_revokes", "apono_outbox_tasks", "apono_outbox_oldest_seconds", "apono_requests", "apono_tasks_running", "apono_store_unreadable_rows", "apono_store_panics_total", "apono_preflight_problems"} // 0 in peace
	for _, m := range names {
		if strings.HasPrefix(m[1], "apono_teams_") {
			continue // nobody is in Teams here
		}
		if m[1] == "apono_orphans" || m[1] == "apono_missing_grants" {
			continue // no integration here says what it holds; see processOrphans
		}
		value := regexp.MustCompile(`(?m)^` + m[1] + `(_count)?(\{.*\})? (.*)$`).FindStringSubmatch(text)
		if value == nil || (value[3] == "0" && !slices.Contains(calm, m[1])) {
			t.Errorf("%s is never set: %q", m[1], value)
		}
	}
	p.terminate()
	w.peace()

	w.spoil()
	p = w.start().ready()
	w.soon("the unreadable task is counted", func() bool { return strings.Contains(p.metrics(), "\napono_store_unreadable_rows 1\n") })
	if out := w.bot(exitProblems, "db", "check"); !strings.Contains(out, `task "target/AR-1/support-desk"`) {
		t.Errorf("db check says %q", out)
	}
	p.terminate()
}

// spoil leaves a task that cannot be read.
func (w *town) spoil() {
	db, err := bbolt.Open(w.storePath(), 0o600, nil)
	w.must(err)
	w.must(db.Update(func(tx *bbolt.Tx) error {
		key := "target/AR-1/support-desk"
		due := append([]byte("target\x00\x00"), make([]byte, 8)...)
		return errors.Join(tx.Bucket([]byte("tasks")).Put([]byte(key), []byte("{")), tx.Bucket([]byte("tasks_due")).Put(append(due, key...), make([]byte, 8)))
	}))
	w.must(db.Close())
}

func processHealth(t *testing.T, w *town) {
	w.change("127.0.0.1:0", freeAddress(t))
	if out := w.bot(exitProblems, "health"); !strings.Contains(out, "the bot does not answer") {
		t.Errorf("without a bot: %q", out)
	}
	w.ws.Faults().RefuseSockets(time.Hour)
	p := w.start()
	w.soon("the listener is there", func() bool { status, _ := p.get("/healthz"); return status != 0 })
	if out := w.bot(exitProblems, "health"); !strings.Contains(out, `"slack":"not connected"`) || !strings.Contains(out, "the bot is not ready") {
		t.Errorf("without Slack: %q", out)
	}
	w.ws.Faults().RefuseSockets(0)
	p.ready()
	if out := w.bot(exitOK, "health"); out != `{"status":"ok"}`+"\n" {
		t.Errorf("in peace: %q", out)
	}
	if out := w.bot(exitOK, "version"); out != "apono v0.0.0-process\n" {
		t.Errorf("the version is %q", out)
	}
	p.terminate()
}

// processHealthAlone: without a listener, or with one at a port that nobody knows, the
// bot is asked over its control socket, as the health check of the image does.
func processHealthAlone(t *testing.T, w *town) {
	for _, listen := range []string{`""`, `"127.0.0.1:0"`} {
		w.change("http: {listen: 127.0.0.1:0}", "http: {listen: "+listen+"}")
		if out := w.bot(exitProblems, "health"); !strings.Contains(out, "the bot does not answer: no bot is running on this store") {
			t.Errorf("listen %s, without a bot: %q", listen, out)
		}
		w.ws.Faults().RefuseSockets(time.Hour)
		p := w.start()
		w.soon("the control socket is there", func() bool { return strings.Contains(p.log.String(), `"msg":"started"`) })
		if out := w.bot(exitProblems, "health"); !strings.Contains(out, `"slack":"not connected"`) || !strings.Contains(out, "the bot is not ready") {
			t.Errorf("listen %s, without Slack: %q", listen, out)
		}
		w.ws.Faults().RefuseSockets(0)
		w.soon("it can serve", func() bool {
			status, out := w.try(w.env, "health")
			return status == exitOK && out == `{"status":"ok"}`+"\n"
		})
		p.terminate()
		w.change("http: {listen: "+listen+"}", "http: {listen: 127.0.0.1:0}")
	}
}

func processDemo(t *testing.T, w *town) {
	w.server(15)
	out := w.bot(exitOK, "demo", "--play")
	for _, want := range []string{"AR-1 granted", "her token opens the door: 200", "when the time is up it is refused", "All of it was true"} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo does not tell %q:\n%s", want, out)
		}
	}
}
