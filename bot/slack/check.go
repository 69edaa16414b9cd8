package slack

import (
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// Scopes are what the bot token has to have.
// https://docs.slack.dev/reference/scopes
var Scopes = []string{"channels:read", "chat:write", "commands", "groups:read", "im:history", "im:write", "users:read", "users:read.email"}

// Report is what a check before the start found.
type Report struct {
	Team, TeamID, Bot string
	// MissingScopes of the bot token; empty also where Slack did not name its scopes.
	MissingScopes []string
	// Socket is why no socket could be asked for; nil: one can.
	Socket error
	// Audit is why the audit channel cannot be used; nil: it can, or none is set.
	Audit error
}

// Check asks Slack whether the tokens, the scopes and the audit channel will do. It
// sends no message. The error is that of the bot token itself; without it nothing
// else can be asked.
func (c *Client) Check(ctx context.Context) (Report, error) {
	r, err := c.CheckBot(ctx)
	if err != nil {
		return Report{}, err
	}
	r.Socket = c.call(ctx, openSocket, "", priorityNow, func(ctx context.Context) error {
		_, _, err := c.api.StartSocketModeContext(ctx)
		return err
	})
	if code := codeOf(r.Socket); fatalCodes[code] {
		r.Socket = fatalError(code)
	}
	return r, nil
}

// CheckBot is Check without the app-level token, of which Slack lets nobody ask often:
// for a bot that opens its sockets anyway.
func (c *Client) CheckBot(ctx context.Context) (Report, error) {
	self, err := c.identity(ctx)
	if err != nil {
		return Report{}, err
	}
	r := Report{Team: self.Team, TeamID: self.TeamID, Bot: self.User}
	if c.audit != "" {
		r.Audit = c.checkAudit(ctx)
	}
	r.MissingScopes = c.missingScopes()
	return r, nil
}

func (c *Client) missingScopes() []string {
	header := c.scopes.Load()
	if header == nil {
		return nil
	}
	var granted []string
	for s := range strings.SplitSeq(*header, ",") {
		granted = append(granted, strings.TrimSpace(s))
	}
	var missing []string
	for _, s := range Scopes {
		if !slices.Contains(granted, s) {
			missing = append(missing, s)
		}
	}
	return missing
}

func (c *Client) checkAudit(ctx context.Context) error {
	id, err := c.auditChannel(ctx)
	if err != nil {
		return err
	}
	var ch *slack.Channel
	err = c.call(ctx, infoConversation, "", chat.PriorityAudit, func(ctx context.Context) (err error) {
		ch, err = c.api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
		return err
	})
	switch {
	case err != nil:
		return c.explainAudit(err)
	case ch.IsArchived:
		return c.explainAudit(&chat.Error{Kind: chat.ErrorRefused, Op: infoConversation.name, Code: "is_archived"})
	case !ch.IsMember:
		return c.explainAudit(&chat.Error{Kind: chat.ErrorRefused, Op: infoConversation.name, Code: "not_in_channel"})
	}
	return nil
}
