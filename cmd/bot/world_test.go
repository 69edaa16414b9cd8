package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"filippo.io/age"
	"github.com/gorilla/websocket"

	"apono/bot/slack/slacksim"
	"apono/bot/teams/teamstest"
	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/provision/slack"
	"apono/provision/static"
	"apono/provision/webhook"
	"apono/provision/webhook/webhooktest"
	"apono/store/bolt"
)

// world is everything outside the bot, and the bot: a Slack workspace, the systems
// behind webhooks, a directory for the database. It lives in one synctest bubble.
type world struct {
	t       testing.TB
	dir     string
	ws      *slacksim.Workspace
	tenant  *teamstest.Tenant
	systems map[string]*system
	key     string
	text    string         // the configuration, with ${…} to fill in
	gone    sync.WaitGroup // processes that were killed and still end their goroutines
	log     sharedLog

	mu     sync.Mutex
	bot    *life  // the newest
	path   string // of the database for the next one
	config string // path of the configuration of the newest
	runs   int

	// refuses says which calls of the bot a system refuses; nil: none.
	refuses func(name, body string) bool
	seen    hooks // guarded by mu, the bot reads them while a test sets them
}

// system is one connected system behind its pipe.
type system struct {
	*webhooktest.Target
	pipe *webhooktest.Pipe
	http *http.Server
}

// life is one run of the bot. A new run after a crash has a copy of the
// database, so that nothing the old one still does can be seen.
type life struct {
	app     *App
	cfg     *config.Config
	hangup  chan struct{}
	line    *line
	commits atomic.Int64
}

// The people of the world by handle. Their addresses are handle@example.com.
var handles = []string{"alice", "bob", "carol", "dan", "eve", "gus", "una"}

func slackID(handle string) string { return "U0" + strings.ToUpper(handle) + "00" }

func newWorld(t testing.TB, dir, text string) *world {
	t.Helper()
	id, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, dir: dir, text: text, path: filepath.Join(dir, "bot.db"), key: id.String(), systems: map[string]*system{}}
	w.ws = slacksim.New(workspace())
	w.tenant = teamstest.New(tenantOptions())
	for _, h := range handles { // an admin's policy gives everybody the app
		w.tenant.InstallFor("aad-" + h)
	}
	w.tenant.Serve(http.HandlerFunc(w.deliver))
	for name, o := range offers() {
		target, err := webhooktest.New(o)
		if err != nil {
			t.Fatal(err)
		}
		s := &system{Target: target, pipe: webhooktest.NewPipe()}
		s.http = ops.NewServer(w.observed(name, target))
		w.gone.Go(func() {
			if err := s.http.Serve(s.pipe); !errors.Is(err, http.ErrServerClosed) {
				t.Errorf("serve %s: %v", name, err)
			}
		})
		w.systems[name] = s
	}
	return w
}

func workspace() slacksim.Options {
	o := slacksim.Options{Commands: []string{"/apono"}}
	var all []string
	for _, h := range handles {
		u := slacksim.User{ID: slackID(h), Name: h, RealName: strings.ToUpper(h[:1]) + h[1:], Email: h + "@example.com"}
		u.IsRestricted = h == "gus"
		o.Users = append(o.Users, u)
		all = append(all, u.ID)
	}
	o.Channels = []slacksim.Channel{
		{Name: "general", Members: all},
		{Name: "access-audit", Members: []string{slackID("eve")}, BotMember: true},
	}
	return o
}

// offers is what the systems hold: a desk with credentials, an archive without,
// a warehouse with more shelves than one request may name.
func offers() map[string]webhooktest.Options {
	desk := demoOffer()
	archive := flows.Holdings{
		Types:     []flows.ResourceType{{ID: "box", Name: "Box", Permissions: []flows.Permission{{ID: "read", Name: "Read"}}}},
		Resources: []flows.Resource{{Type: "box", ID: "b-1999", Name: "year 1999"}},
	}
	warehouse := flows.Holdings{Types: []flows.ResourceType{{ID: "shelf", Name: "Shelf", Permissions: []flows.Permission{{ID: "open", Name: "Open"}}}}}
	for i := range flows.MaxUnits + 1 {
		warehouse.Resources = append(warehouse.Resources, flows.Resource{Type: "shelf", ID: fmt.Sprintf("s%04d", i), Name: fmt.Sprintf("shelf %04d", i)})
	}
	return map[string]webhooktest.Options{
		"support-desk": {Offer: desk},
		"archive":      {Offer: archive, NoCredentials: true},
		"warehouse":    {Offer: warehouse, NoCredentials: true},
	}
}

// address of a system in the configuration; nothing listens there.
func address(name string) string {
	return fmt.Sprintf("127.0.0.1:%d", 1+slices.Index([]string{"support-desk", "archive", "warehouse"}, name))
}

// observed tells the hook of each call of the bot around what the system does.
func (w *world) observed(name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		p, seen := w.current(), w.hooks().call
		if seen == nil || p == nil || r.Method != http.MethodPost {
			next.ServeHTTP(rw, r)
			return
		}
		if !seen(p, name, false) {
			panic(http.ErrAbortHandler)
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler) // whoever called is dead
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if w.refuses != nil && w.refuses(name, string(body)) {
			refuse("No.")(rw, r)
		} else {
			next.ServeHTTP(rw, r)
		}
		if !seen(p, name, true) {
			panic(http.ErrAbortHandler)
		}
	})
}

// start runs the bot on the newest database.
func (w *world) start() error {
	p := &life{line: &line{world: w}}
	w.mu.Lock()
	w.runs++
	w.config = filepath.Join(w.dir, fmt.Sprintf("config-%d.yaml", w.runs))
	text := w.fill(w.path)
	w.mu.Unlock()
	if err := os.WriteFile(w.config, []byte(text), 0o600); err != nil {
		return err
	}
	load, err := w.loading(p.line)
	if err != nil {
		return err
	}
	cfg, report := config.Load(context.Background(), load)
	if cfg == nil {
		return report.Err()
	}
	p.cfg, p.hangup = cfg, make(chan struct{}, 1)
	options := Options{
		Reloading: Reloading{Load: load, Hangup: p.hangup},
		Config:    cfg, Log: slog.New(slog.NewTextHandler(&w.log, &slog.HandlerOptions{Level: slog.LevelDebug})), NoSockets: true,
		SlackHTTP:   &http.Client{Transport: p.line.calls(p, "slack", &http.Transport{DialContext: p.line.dial(w.ws.Pipe().Dial), DisableKeepAlives: true}), Timeout: 30 * time.Second},
		TeamsHTTP:   &http.Client{Transport: p.line.calls(p, "teams", &http.Transport{DialContext: p.line.dial(w.tenant.Transport().DialContext), DisableKeepAlives: true}), Timeout: 30 * time.Second},
		SlackDialer: &websocket.Dialer{NetDialContext: p.line.dial(w.ws.Pipe().Dial), HandshakeTimeout: 10 * time.Second},
		Store: bolt.Options{NoSync: true, OnCommit: func() {
			p.commits.Add(1)
			if seen := w.hooks().commit; seen != nil && w.current() == p {
				seen(p)
			}
		}},
	}
	app, err := New(options)
	if err != nil {
		return errors.Join(err, cfg.Close())
	}
	p.app = app
	w.mu.Lock()
	w.bot = p
	w.mu.Unlock()
	if err := app.Start(context.Background()); err != nil && !p.line.isCut() {
		return err
	}
	return nil
}

func (w *world) current() *life {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bot
}

func (w *world) fill(dbPath string) string {
	pairs := []string{
		"${SLACK}", w.ws.APIURL(), "${DB}", dbPath,
		"${TEAMS_METADATA}", w.tenant.MetadataURL(), "${TEAMS_TOKEN}", w.tenant.TokenURL(), "${TEAMS_SERVICE}", w.tenant.ServiceURL(),
	}
	for name := range w.systems {
		pairs = append(pairs, "${"+name+"}", "http://"+address(name)+"/")
	}
	return strings.NewReplacer(pairs...).Replace(w.text)
}

// loading is how the configuration of a run is loaded.
func (w *world) loading(l *line) (config.Options, error) {
	reg, err := registry(static.Type(), webhook.Type(webhook.WithDialer(l.dial(w.dialSystem))), slack.Type(slack.WithDialer(l.dial(w.ws.Pipe().Dial))))
	env := map[string]string{
		"APP_TOKEN": w.ws.AppToken(), "BOT_TOKEN": w.ws.BotToken(), "SYSTEM_SECRET": webhooktest.Secret.Reveal(), "CREDENTIALS_KEY": w.key, "TEAMS_PASSWORD": teamsPassword, "API_TOKEN": apiToken,
	}
	return config.Options{
		Path: w.config, Registry: reg, LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}, err
}

func (w *world) dialSystem(ctx context.Context, network, addr string) (net.Conn, error) {
	for name, s := range w.systems {
		if address(name) == addr {
			return s.pipe.Dial(ctx, network, addr)
		}
	}
	return nil, fmt.Errorf("there is no system at %s", addr)
}

// stop ends the bot as a service manager does.
func (w *world) stop() error {
	p := w.current()
	p.app.Stop()
	return p.cfg.Close()
}

// kill ends the bot as a power cut does: its connections break, and what is on
// the disk at this moment is all that the next run has. It may be called from
// OnCommit. A second call does nothing.
func (p *life) kill() {
	w := p.line.world
	if !p.line.cut() {
		return
	}
	w.mu.Lock()
	path := filepath.Join(w.dir, fmt.Sprintf("bot-%d.db", w.runs))
	w.mu.Unlock()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err == nil {
		err = errors.Join(p.app.store.Backup(f), f.Close())
	}
	if err != nil {
		w.t.Errorf("keep what was on the disk: %v", err)
	}
	w.mu.Lock()
	w.path = path
	w.mu.Unlock()
	w.gone.Go(func() {
		p.app.Stop()
		p.app.running.Wait() // it may try to tell people for longer than Stop waits
		_ = p.cfg.Close()    // its connections are cut
	})
}

// until lets virtual time pass until something is true.
func until(patience time.Duration, cond func() bool) bool {
	begun := time.Now()
	for {
		synctest.Wait()
		if cond() {
			return true
		}
		waited := time.Since(begun)
		if waited > patience {
			return false
		}
		// To look costs real time; who has waited for long can wait a little longer.
		time.Sleep(max(100*time.Millisecond, waited/8))
	}
}

// ready waits until Slack can reach the bot.
func (w *world) ready() bool {
	return until(2*time.Minute, func() bool { return len(w.current().app.Ready()) == 0 })
}

// end stops the bot and checks what must be true after every story.
func (w *world) end() {
	t := w.t
	t.Helper()
	if p := w.current(); p != nil && !p.line.isCut() {
		if err := w.stop(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	w.ws.Close()
	w.tenant.Close()
	for _, v := range w.tenant.Violations() {
		t.Errorf("Teams would object: %s", v)
	}
	for name, s := range w.systems {
		_ = s.http.Close() // calls that are under way have no caller any more
		for _, v := range s.Violations() {
			t.Errorf("%s objects: %s", name, v)
		}
	}
	w.gone.Wait()
	for _, v := range w.ws.Violations() {
		t.Errorf("Slack would object: %+v", v)
	}
	w.checkStore()
	if strings.Contains(w.log.String(), webhooktest.Secret.Reveal()) || strings.Contains(w.log.String(), w.ws.BotToken()) || strings.Contains(w.log.String(), teamsPassword) {
		t.Error("the log holds a secret")
	}
	if t.Failed() && testing.Verbose() {
		t.Logf("the bot's log:\n%s", w.log.String())
	}
}

func (w *world) checkStore() {
	w.t.Helper()
	if w.current() == nil {
		return
	}
	s, err := bolt.Open(w.path, bolt.Options{ReadOnly: true})
	if err != nil {
		w.t.Errorf("open the store to check it: %v", err)
		return
	}
	for _, problem := range s.Check() {
		w.t.Errorf("check: %v", problem)
	}
	if err := s.Close(); err != nil {
		w.t.Error(err)
	}
}

// line is what a process reaches the world through.
type line struct {
	world *world
	mu    sync.Mutex
	dead  bool
	conns map[net.Conn]bool
}

var errDead = errors.New("the process is dead")

type dialFunc = func(ctx context.Context, network, addr string) (net.Conn, error)

func (l *line) dial(next dialFunc) dialFunc {
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := next(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.dead {
			return nil, errors.Join(errDead, c.Close())
		}
		if l.conns == nil {
			l.conns = map[net.Conn]bool{}
		}
		tracked := &lineConn{c, l}
		l.conns[tracked] = true
		return tracked, nil
	}
}

type lineConn struct {
	net.Conn
	line *line
}

func (c *lineConn) Close() error {
	c.line.mu.Lock()
	delete(c.line.conns, c)
	c.line.mu.Unlock()
	return c.Conn.Close()
}

// cut breaks every connection for good; false if that was done before.
func (l *line) cut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead {
		return false
	}
	l.dead = true
	for c := range l.conns {
		_ = c.(*lineConn).Conn.Close() // nobody reads it any more
	}
	return true
}

func (l *line) isCut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dead
}

// calls tells the hook of each call to a platform.
func (l *line) calls(p *life, platform string, next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		seen := l.world.hooks().call
		name := platform + " " + cmp.Or(filepath.Base(r.URL.Path), "/")
		if platform == "teams" && r.Method == http.MethodGet {
			name = "teams read"
		}
		if seen != nil && !seen(p, name, false) {
			return nil, errDead
		}
		resp, err := next.RoundTrip(r)
		if err == nil && seen != nil && !seen(p, name, true) {
			_ = resp.Body.Close() // nobody reads it any more
			return nil, errDead
		}
		return resp, err
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// sharedLog is what bots write and a test reads meanwhile.
type sharedLog struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *sharedLog) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *sharedLog) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// refuseNext makes the system refuse the next call with a sentence.
func (s *system) refuseNext(sentence string) {
	s.AnswerNext(1, refuse(sentence))
}

func refuse(sentence string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "error", "message": sentence, "retry": false}) // a caller that is gone
	}
}

// knock tries a token at the door of the system and returns the status.
func (s *system) knock(token string) int {
	r := httptest.NewRequest(http.MethodGet, "/whoami", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	return rec.Code
}
