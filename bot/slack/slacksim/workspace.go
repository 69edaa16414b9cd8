package slacksim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Workspace is a simulated Slack workspace with one installed app. All methods may be called from several goroutines.
type Workspace struct {
	opts Options

	mu       sync.Mutex // guards all below; never held over a write to a connection or a hook
	ids      idSource
	users    map[string]*User
	channels map[string]*channel
	dms      map[string]*channel // direct conversations by their people
	groups   map[string]*UserGroup
	tokens   map[string]*token
	scopes   []string
	views    map[string]*view    // open and published
	stacks   map[string][]*view  // open modals of a user, the root first
	homes    map[string]*view    // published home of a user
	triggers map[string]*trigger // minted and not forgotten
	hooks    map[string]*responseURL
	files    map[string]*upload
	limits   limiter
	faults   faultState
	sockets  socketState
	journal  journal
	watchers watchers

	servers  []*http.Server
	closed   bool
	stop     chan struct{}
	running  sync.WaitGroup
	timers   map[*time.Timer]bool
	pipe     *PipeListener
	pipeOnce sync.Once
}

// New makes a workspace. It serves nothing until Serve or Pipe is called.
func New(o Options) *Workspace {
	o = o.withDefaults()
	w := &Workspace{
		opts: o, ids: idSource{now: o.Now}, users: map[string]*User{}, channels: map[string]*channel{}, dms: map[string]*channel{}, groups: map[string]*UserGroup{},
		views: map[string]*view{}, stacks: map[string][]*view{}, homes: map[string]*view{}, triggers: map[string]*trigger{},
		hooks: map[string]*responseURL{}, files: map[string]*upload{}, scopes: slices.Clone(o.Scopes),
		stop: make(chan struct{}), timers: map[*time.Timer]bool{},
	}
	w.limits.init()
	w.faults.init()
	w.sockets.init()
	w.journal.limit = o.LogSize
	w.tokens = map[string]*token{
		o.BotToken: {kind: botToken}, o.AppToken: {kind: appToken},
	}
	w.SetUser(User{ID: o.BotUserID, Name: o.BotName, RealName: o.BotName, IsBot: true, IsAppUser: false})
	for _, u := range o.Users {
		w.SetUser(u)
	}
	for _, c := range o.Channels {
		w.SetChannel(c)
	}
	for _, g := range o.Groups {
		w.SetGroup(g)
	}
	return w
}

// Serve answers the Web API, response URLs, uploads and Socket Mode on l until Close, then returns nil. It closes l.
func (w *Workspace) Serve(l net.Listener) error {
	srv := &http.Server{Handler: w.handler(), ReadHeaderTimeout: 30 * time.Second}
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		return errors.Join(errors.New("slacksim: workspace is closed"), l.Close())
	}
	w.servers = append(w.servers, srv)
	w.running.Add(1)
	w.mu.Unlock()
	defer w.running.Done()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("slacksim: serve: %w", err)
	}
	return nil
}

// Pipe returns a listener in memory that is served until Close; the same one at every call.
func (w *Workspace) Pipe() *PipeListener {
	w.pipeOnce.Do(func() {
		w.pipe = NewPipeListener()
		w.running.Go(func() { _ = w.Serve(w.pipe) })
	})
	return w.pipe
}

// APIURL is the base of the Web API for clients that dial through Pipe. It ends in a slash, as slack-go wants it.
func (w *Workspace) APIURL() string { return "http://" + pipeAddr{}.String() + "/api/" }

// HTTPClient reaches the workspace through Pipe. It keeps no idle connections, so that it leaves no goroutine behind.
func (w *Workspace) HTTPClient() *http.Client {
	return &http.Client{
		Transport: &http.Transport{DialContext: w.Pipe().Dial, DisableKeepAlives: true},
		Timeout:   30 * time.Second,
	}
}

// Dialer reaches Socket Mode through Pipe.
func (w *Workspace) Dialer() *websocket.Dialer {
	return &websocket.Dialer{NetDialContext: w.Pipe().Dial, HandshakeTimeout: 10 * time.Second}
}

// BotToken and AppToken are the valid tokens of the installed app.
func (w *Workspace) BotToken() string { return w.opts.BotToken }

// AppToken is the app-level token for Socket Mode.
func (w *Workspace) AppToken() string { return w.opts.AppToken }

// BotUser is the user id of the installed app's bot.
func (w *Workspace) BotUser() string { return w.opts.BotUserID }

// Close ends all servers, sockets and timers and waits until no goroutine of the workspace is left.
// What the workspace holds can still be read afterwards.
func (w *Workspace) Close() {
	w.mu.Lock()
	if w.closed {
		w.mu.Unlock()
		w.running.Wait()
		return
	}
	w.closed = true
	close(w.stop)
	for t := range w.timers {
		t.Stop()
	}
	servers, conns := w.servers, slices.Clone(w.sockets.open)
	w.mu.Unlock()
	for _, s := range servers {
		_ = s.Close()
	}
	for _, c := range conns {
		c.shut()
	}
	w.running.Wait()
}

// Wait blocks until cond holds, looking again after each change of the workspace. It returns ctx's error when ctx ends
// first. cond is called without locks held. In a synctest bubble synctest.Wait is usually the simpler way.
func (w *Workspace) Wait(ctx context.Context, cond func() bool) error {
	poke := make(chan struct{}, 1)
	cancel := w.OnChange(func(Change) {
		select {
		case poke <- struct{}{}:
		default:
		}
	})
	defer cancel()
	for !cond() {
		select {
		case <-poke:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// after runs f in d unless the workspace is closed by then. f runs without the lock.
func (w *Workspace) after(d time.Duration, f func()) {
	var t *time.Timer
	t = time.AfterFunc(d, func() {
		w.mu.Lock()
		delete(w.timers, t)
		if w.closed {
			w.mu.Unlock()
			return
		}
		w.running.Add(1)
		w.mu.Unlock()
		defer w.running.Done()
		f()
	})
	w.timers[t] = true
}

// SetUser adds or replaces a member and tells subscribers of user_change or team_join.
func (w *Workspace) SetUser(u User) User {
	w.mu.Lock()
	defer w.unlock()
	u.ID = or(u.ID, w.ids.next("U"))
	u.TeamID = or(u.TeamID, w.opts.TeamID)
	u.TZ = or(u.TZ, "Etc/UTC")
	u.RealName = or(u.RealName, u.Name)
	_, known := w.users[u.ID]
	w.users[u.ID] = &u
	if w.sockets.opened {
		kind := "team_join"
		if known {
			kind = "user_change"
		}
		w.emit(obj{"type": kind, "user": w.userJSON(&u), "event_ts": w.ids.ts()}, kind)
	}
	w.changed(Change{Kind: "user", User: u.ID})
	return u
}

// SetChannel adds or replaces a channel; its messages stay.
func (w *Workspace) SetChannel(c Channel) Channel {
	w.mu.Lock()
	defer w.unlock()
	c.ID = or(c.ID, w.ids.next("C"))
	c.Members = slices.Clone(c.Members)
	if old := w.channels[c.ID]; old != nil {
		old.Channel = c
	} else {
		w.channels[c.ID] = &channel{Channel: c, created: time.Now()}
	}
	w.changed(Change{Kind: "channel", Channel: c.ID})
	return c
}

// SetGroup adds or replaces a user group.
func (w *Workspace) SetGroup(g UserGroup) UserGroup {
	w.mu.Lock()
	defer w.unlock()
	g.ID = or(g.ID, w.ids.next("S"))
	g.Users = slices.Clone(g.Users)
	w.groups[g.ID] = &g
	w.changed(Change{Kind: "group"})
	return g
}

// SetScopes changes what the bot token was granted.
func (w *Workspace) SetScopes(scopes ...string) {
	w.mu.Lock()
	defer w.unlock()
	w.scopes = slices.Clone(scopes)
}

// BreakToken makes every call with the token fail with code: token_revoked, account_inactive, invalid_auth, …
// An empty code mends it.
func (w *Workspace) BreakToken(value, code string) {
	w.mu.Lock()
	defer w.unlock()
	if t := w.tokens[value]; t != nil {
		t.broken = code
	}
}

// Users returns all members, the bot included, by id.
func (w *Workspace) Users() []User {
	w.mu.Lock()
	defer w.unlock()
	var out []User
	for _, id := range sortedKeys(w.users) {
		out = append(out, *w.users[id])
	}
	return out
}

// Channels returns all channels by id; direct messages are not among them.
func (w *Workspace) Channels() []Channel {
	w.mu.Lock()
	defer w.unlock()
	var out []Channel
	for _, id := range sortedKeys(w.channels) {
		if c := w.channels[id]; len(c.direct) == 0 {
			cp := c.Channel
			cp.Members = slices.Clone(cp.Members)
			out = append(out, cp)
		}
	}
	return out
}
