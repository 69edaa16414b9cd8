package slack

import (
	"context"
	"errors"

	"apono/bot/chat"
)

// tokenCodes are Slack's words for a bot token that nothing can be done with: the app was
// removed, or its token taken back. Somebody has to mend that.
// https://docs.slack.dev/reference/methods/auth.test (errors)
var tokenCodes = map[string]bool{
	"invalid_auth": true, "not_authed": true, "account_inactive": true, "token_revoked": true, "token_expired": true,
	"org_login_required": true, "team_access_not_granted": true, "forbidden_team": true, "ekm_access_denied": true,
}

// ofOthers are the calls that do not go by the bot token.
var ofOthers = map[string]bool{openSocket.name: true, respond.name: true, upload.name: true}

// Denied says why Slack does not take the bot token any more; empty: it does, as far as
// its last answer tells.
func (c *Client) Denied() string {
	if why := c.denied.Load(); why != nil {
		return *why
	}
	return ""
}

// AskToken asks Slack whether it still takes the bot token. Denied has the answer.
func (c *Client) AskToken(ctx context.Context) error {
	return c.call(ctx, testAuth, "", chat.PriorityAudit, func(ctx context.Context) error {
		_, err := c.api.AuthTestContext(ctx)
		return err
	})
}

// judged notes what an answer says of the bot token. Once it has worked, what it is
// refused for is tried again: it is mended in Slack or by a restart with another, and
// nothing that waits may be lost for it.
func (c *Client) judged(ctx context.Context, m method, err error) error {
	if ofOthers[m.name] {
		return err
	}
	e, refused := errors.AsType[*chat.Error](err)
	switch {
	case err == nil:
		if c.denied.Swap(nil) != nil {
			c.log.InfoContext(ctx, "slack takes the bot token again")
		}
	case refused && tokenCodes[e.Code] && c.self.Load() != nil:
		why := "Slack does not take the bot token any more: " + e.Code
		if e.Err != nil {
			why += ": " + e.Err.Error()
		}
		if c.denied.Swap(&why) == nil {
			c.log.ErrorContext(ctx, "slack does not take the bot token any more; what waits is kept", "method", m.name, "error", e)
		}
		again := *e
		again.Kind = chat.ErrorRetry
		return &again
	}
	return err
}
