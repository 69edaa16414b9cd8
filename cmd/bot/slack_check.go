package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"apono/bot/chat"
)

// askAgain is how long the check of the bot token waits for a Slack that is away.
const askAgain = 5 * time.Second

// checkSlack says once what an operator has to mend in Slack, before the first
// person meets it. It ends with an error where no card could ever be posted.
func (a *App) checkSlack(ctx context.Context) error {
	for {
		r, err := a.client.CheckBot(ctx)
		if err == nil {
			a.log.InfoContext(ctx, "slack knows the bot", "workspace", r.Team, "team_id", r.TeamID, "bot", r.Bot)
			if len(r.MissingScopes) > 0 {
				a.log.ErrorContext(ctx, "slack.bot_token lacks scopes: add them in the app's settings and install the app again", "scopes", strings.Join(r.MissingScopes, " "))
			}
			if r.Audit != nil {
				a.log.ErrorContext(ctx, "slack.audit_channel cannot be used", "channel", a.cfg.Slack.AuditChannel, "err", r.Audit)
			}
			<-ctx.Done()
			return nil
		}
		if chat.KindOf(err) == chat.ErrorRefused {
			return fmt.Errorf("slack.bot_token: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askAgain):
		}
	}
}
