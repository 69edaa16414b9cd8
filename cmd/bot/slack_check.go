package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/slack"
	"apono/cmd/bot/internal/config"
)

// askAgain is how long the check of the bot token waits for a Slack that is away.
const askAgain = 5 * time.Second

// askToken is how often Slack is asked whether it still takes the token.
const askToken = time.Minute

// checkSlack says once what an operator has to mend in Slack, before the first
// person meets it. It ends with an error where no card could ever be posted.
func (a *App) checkSlack(ctx context.Context) error {
	for {
		r := a.client.CheckBot(ctx)
		if r.Token == nil {
			a.log.InfoContext(ctx, "slack knows the bot", "workspace", r.Team, "team_id", r.TeamID, "bot", r.Bot)
			for _, p := range r.Problems() {
				a.log.ErrorContext(ctx, "slack needs mending", "setting", p.Setting, "code", p.Code, "problem", p.Message, "todo", p.Todo)
			}
			a.running.Go(func() { a.preflight.begin(ctx) })
			a.watchToken(ctx)
			return nil
		}
		if chat.KindOf(r.Token) == chat.ErrorRefused {
			return fmt.Errorf("slack.bot_token: %w", r.Token)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askAgain):
		}
	}
}

// watchToken keeps Ready true where nobody calls Slack: of a token that is taken back or
// mended it knows within askToken.
func (a *App) watchToken(ctx context.Context) {
	tick := time.NewTicker(askToken)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := a.client.AskToken(ctx); err != nil && ctx.Err() == nil {
				a.log.DebugContext(ctx, "slack could not be asked about the bot token", "err", err)
			}
		}
	}
}

// checkSlackOnline returns a client that can ask for people; nil: it could not.
func checkSlackOnline(ctx context.Context, cfg *config.Config, report *config.Report) (*slack.Client, error) {
	client, err := slack.NewClient(slack.Options{
		AppToken: platform.Token(cfg.Slack.AppToken.Reveal()), BotToken: platform.Token(cfg.Slack.BotToken.Reveal()),
		APIURL: cfg.Slack.APIURL, AuditChannel: cfg.Slack.AuditChannel, Files: len(cfg.Reports) > 0, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	found := client.Check(ctx)
	report.Problems = append(report.Problems, problemsOf("slack", found.Problems())...)
	if usable := found.Token == nil && len(found.MissingScopes) == 0; !usable {
		client = nil // why is in the report
	}
	return client, nil
}
