package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"apono/bot/slack/slacksim"
	"apono/flows"
	"apono/provision/webhook/webhooktest"
)

// TestProcess runs the binary as an operator does: as a process of its own, with a
// file and an environment, against systems on loopback sockets.
func TestProcess(t *testing.T) {
	binary := built(t)
	// They mostly wait for time to pass: all at once, however few the processors.
	var all sync.WaitGroup
	for name, tell := range processStories {
		all.Go(func() {
			t.Run(name, func(t *testing.T) { tell(t, newTown(t, binary, busyPeople())) })
		})
	}
	all.Wait()
}

// patience is how long a test in real time waits for one thing to become true. It
// costs nothing where that becomes true, and a machine may be busy with other things.
const patience = 2 * time.Minute

// built is the program.
func built(t testing.TB) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "bot")
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags", "-X main.version=v0.0.0-process", "-o", path, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	return path
}

var processStories = map[string]func(*testing.T, *town){
	"a day":                     processDay,
	"killed after the click":    processKilledAfterClick,
	"killed while granted":      processKilledWhileGranted,
	"killed while revoking":     processKilledWhileRevoking,
	"terminated while granting": processTerminatedWhileGranting,
}

// town is everything around the bot: a Slack workspace, a system with a door, and
// a folder with its configuration and store. The story's verbs come from the demo.
type town struct {
	*story
	t      testing.TB
	dir    string
	binary string
	env    []string
	deaths int // of bots, each of which may have left a message unrecorded
}

// lasts is how long an access lasts that a story sees to its end. Four messages to one person take Slack three seconds of
// it; the rest is for a busy machine to show credentials and to try them.
const lasts = 30 * time.Second

const lasting = "grant_duration: 30s" // in the configuration

// busyPeople are those of the demo, in a Slack that allows for thirty bots on one machine. That the bot is quick,
// TestScripts sees in time that no load can stretch.
func busyPeople() slacksim.Options {
	o := demoPeople()
	o.Patience = 10 * time.Second // as long waits who presses a button of a bot that has died
	return o
}

// newTown takes the configuration of the demo, with an HTTP listener.
func newTown(t testing.TB, binary string, workspace slacksim.Options) *town {
	t.Helper()
	d := &demo{ws: slacksim.New(workspace)}
	t.Cleanup(func() {
		d.close()
		d.ws.Close()
	})
	slackURL, err := d.serve(t.Context(), d.ws.Serve)
	if err != nil {
		t.Fatal(err)
	}
	if d.target, err = webhooktest.New(webhooktest.Options{Offer: demoOffer()}); err != nil {
		t.Fatal(err)
	}
	door := &http.Server{Handler: d.target, ReadHeaderTimeout: time.Minute}
	t.Cleanup(func() { _ = door.Close() })
	if d.targetURL, err = d.serve(t.Context(), door.Serve); err != nil {
		t.Fatal(err)
	}
	w := &town{
		story: &story{demo: d, ctx: t.Context(), out: io.Discard, start: time.Now(), patience: patience}, t: t, dir: t.TempDir(), binary: binary,
		env: []string{
			"PATH=" + os.Getenv("PATH"), "DEMO_APP_TOKEN=" + d.ws.AppToken(), "DEMO_BOT_TOKEN=" + d.ws.BotToken(),
			"DEMO_TARGET_SECRET=" + webhooktest.Secret.Reveal(),
		},
	}
	w.configure(d.configText(w.dir, slackURL, lasts),
		`http: {listen: ""}`, "http: {listen: 127.0.0.1:0}", "level: warn, format: text", "level: info, format: json")
	return w
}

func (w *town) configPath() string { return filepath.Join(w.dir, "config.yaml") }
func (w *town) storePath() string  { return filepath.Join(w.dir, "bot.db") }

// configure writes the configuration with old, new, … replaced, once each.
func (w *town) configure(text string, pairs ...string) {
	w.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) < 1 {
			w.t.Fatalf("the configuration does not hold %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	if err := os.WriteFile(w.configPath(), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

var addresses atomic.Int64 // that were found

// freeAddress is a loopback address that nobody listens on, for a bot that has to be found there after a restart too. Its
// port is below those that a system hands out to whoever takes any, which the bots beside it do all the time.
func freeAddress(t testing.TB) string {
	t.Helper()
	const first, many = 20_000, 10_000
	for range many {
		addr := fmt.Sprintf("127.0.0.1:%d", first+(int64(os.Getpid())*31+addresses.Add(1))%many)
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr)
		if err != nil {
			continue // it is taken
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return addr
	}
	t.Fatal("no port is free")
	return ""
}

// change replaces old, new, … in the configuration.
func (w *town) change(pairs ...string) {
	w.t.Helper()
	text, err := os.ReadFile(w.configPath())
	if err != nil {
		w.t.Fatal(err)
	}
	w.configure(string(text), pairs...)
}

// must ends the story at an error.
func (w *town) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// soon waits for a condition.
func (w *town) soon(what string, cond func() bool) {
	w.t.Helper()
	w.must(w.until(what, cond))
}

// osProcess is a bot that was started.
type osProcess struct {
	w      *town
	cmd    *exec.Cmd
	log    *sharedLog
	ended  chan struct{}
	status int // after ended
}

// start starts `bot run`. The test prints its log if it fails.
func (w *town) start(wrapper ...string) *osProcess {
	w.t.Helper()
	args := append(wrapper, w.binary, "run", "--config", w.configPath())
	p := &osProcess{w: w, log: &sharedLog{}, ended: make(chan struct{})}
	p.cmd = exec.Command(args[0], args[1:]...)
	p.cmd.Env, p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = w.env, w.dir, p.log, p.log
	w.must(p.cmd.Start())
	go func() {
		_ = p.cmd.Wait() // the status says it
		p.status = p.cmd.ProcessState.ExitCode()
		close(p.ended)
	}()
	w.t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended
		<-p.ended
		if w.t.Failed() {
			w.t.Logf("the log of process %d:\n%s", p.cmd.Process.Pid, p.log)
		}
	})
	return p
}

// ready waits until the bot says that it can serve, and has asked every integration: it starts without one that takes
// longer than a few seconds.
func (p *osProcess) ready() *osProcess {
	p.w.t.Helper()
	p.w.soon("the bot is ready", func() bool {
		select {
		case <-p.ended:
			p.w.t.Fatalf("the bot ended with status %d", p.status)
		default:
		}
		status, body := p.get("/readyz")
		return status == http.StatusOK && !strings.Contains(body, "not read yet")
	})
	return p
}

var listens = regexp.MustCompile(`"msg":"http listens","addr":"([^"]+)"`)

// get asks the bot over HTTP; status 0: it does not answer.
func (p *osProcess) get(path string) (status int, body string) {
	p.w.t.Helper()
	m := listens.FindStringSubmatch(p.log.String())
	if m == nil {
		return 0, ""
	}
	req, err := http.NewRequestWithContext(p.w.ctx, http.MethodGet, "http://"+m[1]+path, nil)
	p.w.must(err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	p.w.must(err)
	return resp.StatusCode, string(b)
}

// kill is kill -9.
func (p *osProcess) kill() {
	p.w.t.Helper()
	p.w.must(p.cmd.Process.Kill())
	<-p.ended
	p.w.deaths++
}

// terminate is what a service manager does. The bot has to end in order, in time.
func (p *osProcess) terminate() {
	p.w.t.Helper()
	began := time.Now()
	p.w.must(p.cmd.Process.Signal(syscall.SIGTERM))
	p.end(0)
	if took := time.Since(began); took > stopWithin+patience/4 {
		p.w.t.Errorf("stopping took %s", took)
	}
	if !strings.Contains(p.log.String(), `"msg":"stopped"`) {
		p.w.t.Error("the bot did not say that it stopped")
	}
}

// end waits for the process to end by itself and wants the status.
func (p *osProcess) end(status int) {
	p.w.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.w.t.Fatal("the bot does not end")
	}
	if p.status != status {
		p.w.t.Fatalf("exit status %d, want %d", p.status, status)
	}
}

// bot runs a command to its end.
func (w *town) bot(status int, args ...string) (out string) {
	w.t.Helper()
	return w.botWith(w.env, status, args...)
}

func (w *town) botWith(env []string, status int, args ...string) (out string) {
	w.t.Helper()
	got, out := w.try(env, args...)
	if got != status {
		w.t.Fatalf("bot %s: exit status %d, want %d\n%s", strings.Join(args, " "), got, status, out)
	}
	return out
}

// try runs a command to its end, whatever that is.
func (w *town) try(env []string, args ...string) (status int, out string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.ctx, patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, w.binary, args...)
	cmd.Env, cmd.Dir = append([]string{"BOT_CONFIG=" + w.configPath()}, env...), w.dir
	b, err := cmd.CombinedOutput()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		w.t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(b)
}

// events are the audit trail, asked for as an operator does.
func (w *town) events() []flows.AuditEvent {
	w.t.Helper()
	var out []flows.AuditEvent
	for dec := json.NewDecoder(strings.NewReader(w.bot(0, "audit", "export", "--format", "jsonl"))); ; {
		var ev flows.AuditEvent
		err := dec.Decode(&ev)
		if errors.Is(err, io.EOF) {
			return out
		}
		w.must(err)
		out = append(out, ev)
	}
}

// fact finds the first event of a kind for a request.
func (w *town) fact(request string, kind flows.FactKind) (flows.AuditEvent, bool) {
	w.t.Helper()
	for _, ev := range w.events() {
		if ev.Fact.Request == request && ev.Fact.Kind == kind {
			return ev, true
		}
	}
	return flows.AuditEvent{}, false
}

// changes of a request's state that the audit trail knows, in order.
func (w *town) changes(request string) string {
	w.t.Helper()
	var out []string
	for _, ev := range w.events() {
		if ev.Fact.Request == request && ev.Fact.Kind.Told() {
			out = append(out, string(ev.Fact.Kind))
		}
	}
	return strings.Join(out, " ")
}

// asked has Alice ask for the bundle; Bob's card comes back.
func (w *town) asked(id, why string) slacksim.Message {
	w.t.Helper()
	w.must(w.askBundle(w.ws.As(slackAlice), why))
	card, err := w.message(w.ws.As(slackBob), "Access request "+id, "Approve", "Deny")
	w.must(err)
	return card
}

// granted has Alice ask, Bob approve, and gives the token that opens the door.
func (w *town) granted(id string) (token string) {
	w.t.Helper()
	w.must(w.ws.As(slackBob).Click(w.ctx, w.asked(id, "INC-12 is burning"), "Approve"))
	return w.holds(id)
}

// holds waits for the grant and tries the credentials.
func (w *town) holds(id string) (token string) {
	w.t.Helper()
	alice := w.ws.As(slackAlice)
	_, err := w.message(alice, id+" granted", "Active until", "End access")
	w.must(err)
	got, err := w.credentials(alice, "support-desk")
	w.must(err)
	if status := w.knocks(got["token"]); status != http.StatusOK {
		w.t.Fatalf("the door answers %d during the grant", status)
	}
	return got["token"]
}

// knocks tries a token at the door until that answers.
func (w *town) knocks(token string) (status int) {
	w.t.Helper()
	w.soon("the door answers", func() bool {
		status = knock(w.ctx, w.targetURL, token)
		return status != 0
	})
	return status
}

// shut waits until the token opens nothing, and says when that was.
func (w *town) shut(token string) time.Time {
	w.t.Helper()
	w.soon("the door is shut", func() bool { return w.knocks(token) == http.StatusForbidden })
	return time.Now()
}

// peace wants that nobody outside has seen the bot break a rule.
func (w *town) peace() {
	w.t.Helper()
	if v := w.ws.Violations(); len(v) > 0 {
		w.t.Errorf("Slack would have objected: %+v", v)
	}
	if v := w.target.Violations(); len(v) > 0 {
		w.t.Errorf("the system objected: %v", v)
	}
	if left := w.target.All(); len(left) > 0 {
		w.t.Errorf("the system still holds %v", left)
	}
}

// said counts what the audit channel says.
func (w *town) said(words string) (n int) {
	for _, m := range w.ws.Messages("#access-audit") {
		n += strings.Count(m.Text, words)
	}
	return n
}
