package main

import (
	"cmp"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"apono/bot/slack/slacksim"
	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/provision/webhook/webhooktest"
)

//go:embed demo.yaml
var demoConfig string

//go:embed demo-postgres.yaml
var demoPostgresFlow string

const demoPostgresIntegration = `  - name: postgres
    type: postgresql
    config: {dsn: env:DEMO_PG_DSN}
`

func demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "demo", Args: cobra.NoArgs,
		Short: "Everything in one process with a simulated Slack workspace, in a browser; --play tells the story on the terminal",
		Example: "  bot demo                          open the address it prints\n" +
			"  bot demo --config config.yaml     try your own policy; no system of it is touched",
	}
	play := cmd.Flags().Bool("play", false, "tell the story on the terminal and exit 0 if all of it is true")
	verbose := cmd.Flags().Bool("verbose", false, "show the bot's own log too")
	listen := cmd.Flags().String("listen", "127.0.0.1:8765", "loopback address of the page; port 0: a free one")
	path := cmd.Flags().String("config", "", "a policy of your own, tried on its static people with simulated systems")
	cmd.MarkFlagsMutuallyExclusive("play", "config")
	cmd.MarkFlagsMutuallyExclusive("play", "listen")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		logTo := io.Discard
		if *verbose {
			logTo = cmd.ErrOrStderr()
		}
		if !*play {
			return runDemoPage(cmd, *path, *listen, logTo)
		}
		d, err := newDemo(cmd.Context(), demoOptions{duration: time.Hour, lookupEnv: os.LookupEnv, logTo: logTo}) //nolint:forbidigo // DEMO_PG_DSN has no configuration to stand in
		if err != nil {
			return err
		}
		defer d.close()
		return d.play(cmd.Context(), cmd.OutOrStdout())
	}
	return cmd
}

// demo is a whole world on loopback: a workspace, systems, and the bot.
type demo struct {
	clock     movable
	ws        *slacksim.Workspace
	target    *webhooktest.Target // of the embedded configuration
	targetURL string
	systems   []standIn // all that stand for a target
	pgDSN     string
	app       *App
	cfg       *config.Config
	cleanup   []func()
}

// standIn is a simulated target at its address.
type standIn struct {
	name   string
	target *webhooktest.Target
	url    string
}

// movable is the real time, moved on. The bot, its sweep and the workspace all go by it, so that what falls due does so
// by their own rules.
type movable struct{ ahead atomic.Int64 }

func (m *movable) now() time.Time           { return time.Now().Add(time.Duration(m.ahead.Load())) }
func (m *movable) advance(by time.Duration) { m.ahead.Add(int64(max(by, 0))) }

// The demo's people in Slack.
const (
	slackAlice = "U0ALICE001"
	slackBob   = "U0BOB00001"
	slackCarol = "U0CAROL001"
	slackDana  = "U0DANA0001"
	slackEve   = "U0EVE00001"
)

func demoPeople() slacksim.Options {
	return slacksim.Options{
		Commands: []string{"/apono"},
		Users: []slacksim.User{
			{ID: slackAlice, Name: "alice", RealName: "Alice", Email: "alice@example.com", TZ: "Europe/Berlin"},
			{ID: slackBob, Name: "bob", RealName: "Bob", Email: "bob@example.com", TZ: "America/New_York"},
			{ID: slackCarol, Name: "carol", RealName: "Carol", Email: "carol@example.com"},
			{ID: slackDana, Name: "dana", RealName: "Dana", Email: "dana@example.com", IsRestricted: true},
			{ID: slackEve, Name: "eve", RealName: "Eve", Email: "eve@example.com"},
		},
		Channels: []slacksim.Channel{
			{Name: "general", Members: []string{slackAlice, slackBob, slackCarol, slackDana, slackEve}},
			{Name: "access-audit", Members: []string{slackEve}, BotMember: true},
		},
	}
}

type demoOptions struct {
	duration  time.Duration // of a grant
	lookupEnv func(string) (string, bool)
	logTo     io.Writer
}

func newDemo(ctx context.Context, o demoOptions) (_ *demo, err error) {
	d := &demo{}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	dir, slackURL, err := d.open(ctx, demoPeople())
	if err != nil {
		return nil, err
	}
	s, err := d.system(ctx, "support-desk", demoOffer())
	if err != nil {
		return nil, err
	}
	d.target, d.targetURL = s.target, s.url
	if o.lookupEnv != nil {
		d.pgDSN, _ = o.lookupEnv("DEMO_PG_DSN")
	}
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(d.configText(dir, slackURL, o.duration)), 0o600); err != nil {
		return nil, err
	}
	if d.cfg, err = d.load(ctx, path); err != nil {
		return nil, err
	}
	return d, d.build(o.logTo) //nolint:contextcheck // opens files only
}

// open makes the workspace and a folder that goes away again.
func (d *demo) open(ctx context.Context, people slacksim.Options) (dir, slackURL string, err error) {
	if dir, err = os.MkdirTemp("", "apono-demo-"); err != nil {
		return "", "", err
	}
	d.onClose(func() { _ = os.RemoveAll(dir) })
	people.Now = d.clock.now
	for i := range people.Users {
		people.Users[i].TZ = "Local" // so that all clocks on the page agree
	}
	d.ws = slacksim.New(people) //nolint:contextcheck // the workspace lives until it is closed
	d.onClose(d.ws.Close)
	slackURL, err = d.serve(ctx, d.ws.Serve)
	return dir, slackURL, err
}

// system starts a target that offers something.
func (d *demo) system(ctx context.Context, name string, offer flows.Holdings) (standIn, error) {
	target, err := webhooktest.New(webhooktest.Options{Offer: offer})
	if err != nil {
		return standIn{}, err
	}
	server := ops.NewServer(target)
	d.onClose(func() { _ = server.Close() })
	url, err := d.serve(ctx, server.Serve)
	if err != nil {
		return standIn{}, err
	}
	s := standIn{name, target, url}
	d.systems = append(d.systems, s)
	return s, nil
}

func demoOffer() flows.Holdings {
	return flows.Holdings{
		Types: []flows.ResourceType{{ID: "queue", Name: "Queue", Permissions: []flows.Permission{{ID: "read", Name: "Read"}, {ID: "answer", Name: "Answer"}}}},
		Resources: []flows.Resource{
			{Type: "queue", ID: "q-billing", Name: "billing"}, {Type: "queue", ID: "q-refunds", Name: "refunds"}, {Type: "queue", ID: "q-vip", Name: "vip"},
		},
	}
}

// serve serves on a free loopback port and returns the address.
func (d *demo) serve(ctx context.Context, serve func(net.Listener) error) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.onClose(func() { _ = l.Close() })
	go func() { _ = serve(l) }() // ends with close
	return "http://" + l.Addr().String(), nil
}

func (d *demo) configText(dir, slackURL string, duration time.Duration) string {
	text := demoConfig
	if d.pgDSN != "" {
		text = strings.Replace(text, "\nbundles:", demoPostgresIntegration+"\nbundles:", 1) + demoPostgresFlow
	}
	return strings.NewReplacer(
		"${DEMO_SLACK_URL}", slackURL+"/api/", "${DEMO_DIR}", dir, "${DEMO_TARGET_URL}", d.targetURL, "${DEMO_DURATION}", cmp.Or(duration, time.Hour).String(),
	).Replace(text)
}

// load reads a configuration that the demo wrote.
func (d *demo) load(ctx context.Context, path string) (*config.Config, error) {
	reg, err := registry()
	if err != nil {
		return nil, err
	}
	env := map[string]string{
		"DEMO_APP_TOKEN": d.ws.AppToken(), "DEMO_BOT_TOKEN": d.ws.BotToken(), "DEMO_TARGET_SECRET": webhooktest.Secret.Reveal(), "DEMO_PG_DSN": d.pgDSN,
	}
	cfg, report := config.Load(ctx, config.Options{Path: path, Registry: reg, LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	switch {
	case cfg == nil && d.pgDSN != "":
		return nil, fmt.Errorf("the demo's configuration with DEMO_PG_DSN: %w", report.Err())
	case cfg == nil:
		return nil, fmt.Errorf("the demo's configuration: %w", errors.Join(report.Err(), errors.New("(this is a bug)")))
	}
	d.onClose(func() { _ = cfg.Close() })
	return cfg, nil
}

func (d *demo) build(logTo io.Writer) (err error) {
	d.app, err = New(Options{Config: d.cfg, Log: slog.New(slog.NewTextHandler(logTo, nil)), Now: d.clock.now})
	if err != nil {
		return err
	}
	d.onClose(d.app.Stop)
	return nil
}

func (d *demo) onClose(f func()) { d.cleanup = append(d.cleanup, f) }

func (d *demo) close() {
	for len(d.cleanup) > 0 {
		last := len(d.cleanup) - 1
		d.cleanup[last]()
		d.cleanup = d.cleanup[:last]
	}
}
