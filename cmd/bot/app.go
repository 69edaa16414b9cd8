package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"apono/bot"
	"apono/bot/dispatch"
	"apono/bot/platform"
	"apono/bot/slack"
	"apono/bot/sweep"
	"apono/bot/teams"
	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/cmd/bot/internal/ops"
	"apono/cmd/bot/internal/seal"
	"apono/flows"
	"apono/store/bolt"
)

// Bounds of starting and stopping.
const (
	// firstSync is how long the start waits for integrations; those that answer
	// later join when they do.
	firstSync = 3 * time.Second
	// stopWithin is how long what is under way may take once the bot stops.
	stopWithin = 20 * time.Second
)

// Options of an App beyond its configuration.
type Options struct {
	Config *config.Config
	Log    *slog.Logger
	// SlackHTTP and SlackDialer reach Slack another way, in memory for example;
	// nil: over the network.
	SlackHTTP   *http.Client
	SlackDialer *websocket.Dialer
	// TeamsHTTP reaches Microsoft another way; nil: over the network.
	TeamsHTTP *http.Client
	// Store options, for tests.
	Store bolt.Options
	// NoSockets leaves out the control socket and the HTTP listener: a real socket
	// stops the clock of a testing/synctest bubble.
	NoSockets bool
	// Now is the time by which everything is decided; nil: time.Now. Only the demo
	// moves it. It must not go back.
	Now func() time.Time
	// Reloading says how the configuration is loaded again; zero: never.
	Reloading Reloading
}

// App is the whole service in one process. Make one with New, then Start, then
// Stop; or Run, which does all of it.
type App struct {
	cfg       *config.Config // of the start: what needs a restart to change
	current   atomic.Pointer[config.Config]
	reloading Reloading
	log       *slog.Logger
	sockets   bool
	now       func() time.Time
	store     *bolt.Store
	living    *living.Context
	standing  *delegations
	service   *bot.Service
	client    *slack.Client  // nil: no Slack
	adapter   *slack.Adapter // likewise
	teams     *teams.Client  // nil: no Teams
	messages  *teams.Adapter // likewise
	sweeper   *sweep.Sweeper
	follower  *sweep.Follower
	targets   *dispatch.Worker
	chats     *dispatch.Worker
	metrics   *ops.Metrics
	preflight *preflight
	audit     *auditWatch
	tempo     *tempo
	file      *storeWatch

	cancel  context.CancelFunc
	running sync.WaitGroup
	failed  chan error
	// storeLost is done when failed has been told that the store cannot be used.
	storeLost sync.Once
	started   atomic.Bool
	addr      net.Addr
	stops     []func() // before the parts are waited for
	cleanup   []func() // after that; last in, first out
}

// New opens the store and builds everything. Nothing is connected yet.
func New(o Options) (_ *App, err error) {
	a := &App{cfg: o.Config, reloading: o.Reloading, log: o.Log, sockets: !o.NoSockets, now: o.Now, failed: make(chan error, 8)}
	if a.now == nil {
		a.now = time.Now
	}
	a.current.Store(o.Config)
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	a.onClose(func() error { return a.current.Load().Close() }, "integrations")
	o.Store.Log = o.Log
	if a.store, err = bolt.Open(o.Config.Store.Path, o.Store); err != nil {
		return nil, err
	}
	a.onClose(func() error { return a.store.Close() }, "store")
	if a.file, err = newStoreWatch(a, o.Config.Store.Path); err != nil {
		return nil, err
	}
	key, err := a.credentialsKey(o.Config)
	if err != nil {
		return nil, err
	}
	box, err := seal.New(key)
	if err != nil {
		return nil, err
	}
	a.living = living.New(setup(o.Config, o.Log), o.Log)
	if err := a.living.Remember(context.Background(), a.store); err != nil {
		return nil, err
	}
	a.living.TellHeld(a.raiseHeld)
	if a.standing, err = newDelegations(a); err != nil {
		return nil, err
	}
	a.metrics = ops.NewMetrics(version, a.snapshot)
	a.metrics.Reloaded(true, time.Now())
	a.tempo = &tempo{requests: a.store.Requests}
	a.service = &bot.Service{
		Store: a.counted(), Accounts: accounts{a}, Opener: box, Holds: holds{a}, Delegations: a.standing, World: a.world, Sources: a.sources, Log: a.log, CommandName: o.Config.Slack.Command, Now: a.now, Slow: a.tempo.all,
	}
	if err := errors.Join(a.buildSlack(o), a.buildTeams(o)); err != nil {
		return nil, err
	}
	a.audit = newAuditWatch(a)
	a.buildWorkers(box)
	a.follower = a.follow()
	a.preflight = newPreflight(a)
	if a.sweeper, err = a.newSweeper(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *App) buildSlack(o Options) error {
	if o.Config.Slack.BotToken == "" && o.Config.Teams.AppID != "" {
		return nil
	}
	opts := slack.Options{
		AppToken: platform.Token(o.Config.Slack.AppToken.Reveal()), BotToken: platform.Token(o.Config.Slack.BotToken.Reveal()),
		APIURL: o.Config.Slack.APIURL, HTTP: o.SlackHTTP, Dialer: o.SlackDialer, Command: o.Config.Slack.Command,
		AuditChannel: o.Config.Slack.AuditChannel, Files: len(o.Config.Reports) > 0, Log: a.log, Meter: meter{a.metrics},
	}
	var err error
	if a.client, err = slack.NewClient(opts); err != nil {
		return err
	}
	a.adapter, err = slack.NewAdapter(opts, a.client, a.service, inbox{a.store, a.wrote, slack.Platform})
	return err
}

func (a *App) buildWorkers(box *seal.Box) {
	hooks := dispatch.Hooks{Tried: a.tried, Running: func(lane flows.Lane, n int) { a.metrics.Running.WithLabelValues(string(lane)).Set(float64(n)) }}
	a.targets = dispatch.NewTargets(dispatch.TargetOptions{
		Queue: a.store, Requests: a.counted(), Integrations: integrations{a.living}, Sealer: box, Log: a.log, Hooks: hooks, Now: a.now,
		CredentialsTTL: a.cfg.Credentials.TTL, Grace: stopWithin / 2, Lost: a.lost, Usual: a.tempo.usual,
	})
	platforms := a.platforms()
	a.chats = dispatch.NewChat(dispatch.ChatOptions{
		Queue: a.store, Posts: a.store, Renderer: renderer{}, People: people{a.living}, Platform: platforms[0].Name, Messenger: platforms[0].Messenger,
		AuditChannel: platforms[0].AuditChannel, Others: platforms[1:], Log: a.log, Hooks: hooks, Now: a.now, Grace: stopWithin / 2,
		Unreached: a.unreached,
	})
}

// onStop registers what makes a part return that does not follow the context.
func (a *App) onStop(f func()) { a.stops = append(a.stops, f) }

// onClose registers what Stop undoes.
func (a *App) onClose(f func() error, what string) {
	a.cleanup = append(a.cleanup, func() {
		if err := f(); err != nil {
			a.log.ErrorContext(context.Background(), "could not close", "what", what, "err", err)
		}
	})
}

func (a *App) close() {
	for len(a.cleanup) > 0 {
		last := len(a.cleanup) - 1
		a.cleanup[last]()
		a.cleanup = a.cleanup[:last]
	}
}

// Start brings the service up. The order is the promise: what fell due while the
// bot was down ends before anybody can click.
func (a *App) Start(ctx context.Context) error {
	ctx, a.cancel = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.sweeper.RunNow(ctx); err != nil {
		if failed := a.store.Err(); failed != nil {
			return fmt.Errorf("first sweep: %w", failed)
		}
		// One record that cannot be moved must not keep the others from ending.
		a.log.ErrorContext(ctx, "the first sweep could not move everything; it is tried again every second", "err", err)
	}
	if err := a.tempo.read(); err != nil {
		return fmt.Errorf("read how long grants take: %w", err)
	}
	if err := a.listen(ctx); err != nil {
		return err
	}
	a.work(ctx, "targets", a.targets.Run)
	a.firstSync(ctx)
	a.work(ctx, "sweep", a.sweeper.Run)
	a.work(ctx, "sync", func(ctx context.Context) error { a.living.Run(ctx); return nil })
	a.work(ctx, "chat", a.chats.Run)
	a.work(ctx, "audit channel", a.audit.run)
	if a.adapter != nil {
		a.work(ctx, "slack", a.adapter.Run)
		a.work(ctx, "slack", a.checkSlack)
	}
	if a.messages != nil {
		a.work(ctx, "teams", a.messages.Run)
	}
	if a.adapter == nil { // else it follows the check of Slack
		a.running.Go(func() { a.preflight.begin(ctx) })
	}
	a.work(ctx, "store", a.watchStore)
	a.work(ctx, "configuration", a.followConfig)
	if err := a.anchor().Run(ctx); err != nil {
		a.log.WarnContext(ctx, "the audit channel could not be told the head of the audit trail; it is tried again", "err", err)
	}
	a.nameOrphans(ctx)
	a.comparePolicy(ctx)
	if a.cfg.Slack.AuditChannel == "" && a.cfg.Teams.AuditConversation == "" {
		a.log.WarnContext(ctx, "slack.audit_channel is not set: no channel is told who gets and loses access; only the audit trail in the store keeps it")
	}
	a.started.Store(true)
	a.log.InfoContext(ctx, "started", "version", version, "store", a.cfg.Store.Path, "integrations", len(a.cfg.Integrations), "flows", len(a.cfg.Policy.Flows))
	return nil
}

// firstSync waits a little for the integrations, so that nobody meets an empty
// form at once; slow ones do not hold up the start.
func (a *App) firstSync(ctx context.Context) {
	done := make(chan struct{})
	a.running.Go(func() { a.living.Sync(ctx); close(done) })
	select {
	case <-done:
	case <-time.After(firstSync):
		a.log.WarnContext(ctx, "some integrations have not answered yet; starting without them")
	}
}

// work runs a part until the app stops. A part that ends by itself ends the app.
func (a *App) work(ctx context.Context, name string, run func(context.Context) error) {
	a.running.Go(func() {
		err := run(ctx)
		if ctx.Err() != nil {
			if err != nil && !errors.Is(err, context.Canceled) {
				a.log.WarnContext(ctx, "a part did not stop cleanly", "part", name, "err", err)
			}
			return
		}
		if err == nil {
			err = errors.New("ended by itself (this is a bug)")
		}
		a.failed <- fmt.Errorf("%s: %w", name, err)
	})
}

// watchStore ends the app when the database takes no more writes, on a full disk
// for example. Nothing that was committed is lost; nothing else is acknowledged.
func (a *App) watchStore(ctx context.Context) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := a.store.Err(); err != nil {
				return err
			}
		}
	}
}

// Stop finishes what is under way and closes everything. What is left is in the
// store and goes on after the next start.
func (a *App) Stop() {
	ctx := context.Background() // that of the start has ended
	if a.cancel != nil {
		a.cancel()
	}
	for _, stop := range a.stops {
		stop()
	}
	done := make(chan struct{})
	go func() { a.running.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(stopWithin):
		a.log.WarnContext(ctx, "not everything under way finished in time; it goes on after the next start")
	}
	a.close()
	a.log.InfoContext(ctx, "stopped")
}

// Run starts the service and stops it when ctx ends, which is no error, or when
// a part fails for good.
func (a *App) Run(ctx context.Context) error {
	defer a.Stop() //nolint:contextcheck // stopping begins when the context ends
	if err := a.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-a.failed:
		return err
	}
}

// Addr is where HTTP is served; nil without a listener.
func (a *App) Addr() net.Addr { return a.addr }

// Ready says why the bot cannot serve; empty: it can.
func (a *App) Ready() map[string]string {
	problems := map[string]string{}
	if !a.started.Load() {
		problems["bot"] = "starting"
	}
	if a.adapter != nil {
		switch denied := a.client.Denied(); {
		case denied != "":
			problems["slack"] = denied
		case !a.adapter.Ready():
			problems["slack"] = "not connected"
		}
	}
	if a.messages != nil && !a.messages.Ready() {
		problems["teams"] = "the signing keys of the connector are not there"
	}
	if err := a.store.Err(); err != nil {
		problems["store"] = "takes no more writes"
	}
	return problems
}

// Degraded says which integrations cannot be read, and why. What they said last
// stays in force, and the bot serves.
func (a *App) Degraded() map[string]string {
	problems := map[string]string{}
	for _, h := range a.living.Health() {
		switch {
		case h.Problem != "" && !h.Synced.IsZero():
			problems[h.Name] = h.Problem + " What it said " + ago(a.now().Sub(h.Synced)) + " ago is in force."
		case h.Problem != "":
			problems[h.Name] = h.Problem
		case h.Synced.IsZero():
			problems[h.Name] = "not read yet"
		case h.Held != "":
			problems[h.Name] = h.Held
		}
	}
	return problems
}
