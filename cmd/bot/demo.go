package main

import (
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
		Short: "Everything in one process with a simulated Slack workspace; --play tells the story on the terminal",
	}
	play := cmd.Flags().Bool("play", false, "tell the story on the terminal and exit 0 if all of it is true")
	verbose := cmd.Flags().Bool("verbose", false, "show the bot's own log too")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if !*play {
			return errors.New("this version has no browser page yet; use `bot demo --play`")
		}
		logTo := io.Discard
		if *verbose {
			logTo = cmd.ErrOrStderr()
		}
		d, err := newDemo(cmd.Context(), os.LookupEnv, logTo) //nolint:forbidigo // DEMO_PG_DSN has no configuration to stand in
		if err != nil {
			return err
		}
		defer d.close()
		return d.play(cmd.Context(), cmd.OutOrStdout())
	}
	return cmd
}

// demo is a whole world on loopback: a workspace, a system, and the bot.
type demo struct {
	ws        *slacksim.Workspace
	target    *webhooktest.Target
	targetURL string
	pgDSN     string
	app       *App
	cfg       *config.Config
	cleanup   []func()
}

// The demo's people in Slack.
const (
	slackAlice = "U0ALICE001"
	slackBob   = "U0BOB00001"
	slackCarol = "U0CAROL001"
	slackDana  = "U0DANA0001"
	slackEve   = "U0EVE00001"
)

func demoWorkspace() *slacksim.Workspace { return slacksim.New(demoPeople()) }

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

func newDemo(ctx context.Context, lookupEnv func(string) (string, bool), logTo io.Writer) (_ *demo, err error) {
	d := &demo{}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	dir, err := os.MkdirTemp("", "apono-demo-")
	if err != nil {
		return nil, err
	}
	d.onClose(func() { _ = os.RemoveAll(dir) })
	d.ws = demoWorkspace() //nolint:contextcheck // the workspace lives until it is closed
	d.onClose(d.ws.Close)
	slackURL, err := d.serve(ctx, d.ws.Serve)
	if err != nil {
		return nil, err
	}
	d.target, err = webhooktest.New(webhooktest.Options{Offer: demoOffer()})
	if err != nil {
		return nil, err
	}
	server := ops.NewServer(d.target)
	d.onClose(func() { _ = server.Close() })
	if d.targetURL, err = d.serve(ctx, server.Serve); err != nil {
		return nil, err
	}
	d.pgDSN, _ = lookupEnv("DEMO_PG_DSN")
	path := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(path, []byte(d.configText(dir, slackURL)), 0o600); err != nil {
		return nil, err
	}
	return d, d.build(ctx, path, logTo)
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

func (d *demo) configText(dir, slackURL string) string {
	text := strings.NewReplacer("${DEMO_SLACK_URL}", slackURL+"/api/", "${DEMO_DIR}", dir, "${DEMO_TARGET_URL}", d.targetURL).Replace(demoConfig)
	if d.pgDSN == "" {
		return text
	}
	text = strings.Replace(text, "\nbundles:", demoPostgresIntegration+"\nbundles:", 1)
	return text + demoPostgresFlow
}

func (d *demo) build(ctx context.Context, path string, logTo io.Writer) error {
	reg, err := registry()
	if err != nil {
		return err
	}
	env := map[string]string{
		"DEMO_APP_TOKEN": d.ws.AppToken(), "DEMO_BOT_TOKEN": d.ws.BotToken(), "DEMO_TARGET_SECRET": webhooktest.Secret.Reveal(), "DEMO_PG_DSN": d.pgDSN,
	}
	cfg, report := config.Load(ctx, config.Options{Path: path, Registry: reg, LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if cfg == nil {
		return fmt.Errorf("the demo's configuration: %w", report.Err())
	}
	d.cfg = cfg
	d.onClose(func() { _ = cfg.Close() })
	log := slog.New(slog.NewTextHandler(logTo, nil))
	d.app, err = New(Options{Config: cfg, Log: log}) //nolint:contextcheck // opens files only
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
