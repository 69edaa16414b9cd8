package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Scopes are what the bot token has to have: those of the methods that are called,
// commands for the slash command, and usergroups:read for user groups as a source of
// groups, which the source itself checks.
// https://docs.slack.dev/reference/scopes
var Scopes = []string{"channels:history", "channels:read", "chat:write", "commands", "files:write", "groups:history", "groups:read", "im:history", "im:write", "usergroups:read", "users:read", "users:read.email"}

// AppScopes are what the app-level token has to have.
// https://docs.slack.dev/reference/scopes/connections.write
var AppScopes = []string{"connections:write"}

// methodScopes says which scopes the bot needs for each method that it calls, and no
// others: conversations.* are asked about public and private channels, the history
// only of direct chats with the bot. Each method's page lists them under "Scopes":
// https://docs.slack.dev/reference/methods/ and the method's name.
var methodScopes = map[string][]string{
	"apps.connections.open":        AppScopes, // of the app-level token
	"auth.test":                    nil,
	"chat.postEphemeral":           {"chat:write"},
	"chat.postMessage":             {"chat:write"},
	"chat.update":                  {"chat:write"},
	"conversations.history":        {"channels:history", "groups:history", "im:history"},
	"conversations.info":           {"channels:read", "groups:read"},
	"conversations.list":           {"channels:read", "groups:read"},
	"conversations.open":           {"im:write"},
	"files.completeUploadExternal": {"files:write"},
	"files.getUploadURLExternal":   {"files:write"},
	"upload":                       nil,                                // not a method: whoever has the URL may
	"response_url":                 nil,                                // not a method: whoever has the URL may post
	"users.info":                   {"users:read", "users:read.email"}, // the second for the address in the profile
	"users.list":                   {"users:read", "users:read.email"}, // likewise
	"users.lookupByEmail":          {"users:read", "users:read.email"}, // the second can only be asked for with the first
	"views.open":                   nil,
	"views.publish":                nil,
	"views.update":                 nil,
}

// Report is what a check before the start found.
type Report struct {
	Team, TeamID, Bot string
	// Token is why the bot token cannot be used; nil: it can.
	Token error
	// MissingScopes of the bot token; empty also where Slack did not name its scopes.
	MissingScopes []string
	// Socket is why no socket could be asked for; nil: one can.
	Socket error
	// Audit is why the audit channel cannot be used; nil: it can, or none is set.
	Audit error
	// Skew is how far Slack's clock was ahead of this machine's, to a second or two;
	// 0 where Slack named no time.
	Skew time.Duration

	appID string // of the app-level token; empty: not known
}

// page names a section of the app's settings, with its address.
func page(appID, section string) string {
	paths := map[string]string{
		pageBasic: "general", pageOAuth: "oauth", pageSocket: "socket-mode", pageInstall: "install-on-team",
	}
	if appID == "" {
		return "https://api.slack.com/apps, the app, " + section
	}
	return "https://api.slack.com/apps/" + appID + "/" + paths[section] + " (" + section + ")"
}

// Sections of an app's settings, as its menu names them.
const (
	pageBasic   = "Basic Information"
	pageOAuth   = "OAuth & Permissions"
	pageSocket  = "Socket Mode"
	pageInstall = "Install App"
)

// Problems are what the report found, the tokens first.
func (r Report) Problems() []platform.Problem {
	var out []platform.Problem
	if r.Token != nil {
		out = append(out, problem("slack.bot_token", r.Token, page(r.appID, pageFor(chat.CodeOf(r.Token), pageOAuth))))
	}
	for _, scope := range r.MissingScopes {
		out = append(out, platform.Problem{
			Setting: "slack.bot_token", Code: "missing_scope", Message: "the bot token lacks the scope " + scope,
			Todo: "add it under Bot Token Scopes and install the app again: " + page(r.appID, pageOAuth),
		})
	}
	if r.Socket != nil {
		out = append(out, problem("slack.app_token", r.Socket, page(r.appID, pageFor(chat.CodeOf(r.Socket), pageBasic))))
	}
	if r.Audit != nil && (chat.CodeOf(r.Audit) != "missing_scope" || len(r.MissingScopes) == 0) { // else said already
		out = append(out, problem("slack.audit_channel", r.Audit, "in Slack"))
	}
	if p, wrong := platform.SkewProblem(r.Skew, "Slack's"); wrong {
		out = append(out, p)
	}
	return out
}

// pageFor is the section in which an error is mended.
func pageFor(code, otherwise string) string {
	switch code {
	case reasonDisabled:
		return pageSocket
	case "account_inactive", "team_access_not_granted", "forbidden_team", "access_denied":
		return pageInstall
	}
	return otherwise
}

func problem(setting string, err error, where string) platform.Problem {
	p := platform.Problem{Setting: setting, Code: cmp.Or(chat.CodeOf(err), "unknown"), Message: setting + " cannot be used", Todo: err.Error()}
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		return p
	}
	if e.Kind == chat.ErrorRetry || e.Kind == chat.ErrorUnknown {
		p.Message, p.Todo = "Slack could not be asked about "+setting, "try again, and look at the way to slack.com (proxy, firewall, slack.api_url): "+err.Error()
		return p
	}
	if e.Err != nil {
		p.Message, p.Todo = p.Message+": "+e.Err.Error(), where
	} else {
		p.Message, p.Todo = p.Message+": Slack says "+e.Code, where
	}
	return p
}

// Check asks Slack whether the tokens, the scopes and the audit channel will do, and
// which time it is. It sends no message. Whatever it found is in the report.
func (c *Client) Check(ctx context.Context) Report {
	r := c.CheckBot(ctx)
	r.Socket = c.call(ctx, openSocket, "", priorityNow, func(ctx context.Context) error {
		_, _, err := c.api.StartSocketModeContext(ctx)
		return err
	})
	if code := chat.CodeOf(r.Socket); fatalCodes[code] {
		r.Socket = cmp.Or(c.wrongApp(), fatalError(code))
	}
	return r
}

// CheckBot is Check without the app-level token, of which Slack lets nobody ask often:
// for a bot that opens its sockets anyway.
func (c *Client) CheckBot(ctx context.Context) Report {
	r := Report{appID: appOf(c.appToken)}
	self, err := c.identity(ctx)
	switch {
	case err == nil && self.BotID != "":
	case err == nil || chat.KindOf(err) == chat.ErrorRefused: // nil: tokens of users and apps are known too
		r.Token = cmp.Or(c.wrongBot(), err)
	default:
		r.Token = err
	}
	if r.Token != nil {
		return r
	}
	r.Team, r.TeamID, r.Bot = self.Team, self.TeamID, self.User
	if c.audit != "" {
		r.Audit = c.checkAudit(ctx)
	}
	r.MissingScopes = c.missingScopes()
	r.Skew = c.skew.Last()
	return r
}

// The kinds of tokens that the bot needs.
const (
	botKind = "a bot token"
	appKind = "an app-level token"
)

// Find says whether a card could reach a person: by the bound account, or else by the
// verified address. The error is of chat.ErrorGone where it could not, and says why.
func (c *Client) Find(ctx context.Context, to chat.Recipient) error {
	var code string
	if to.ID == "" {
		_, err := c.byEmail(ctx, to.Email, chat.PriorityAudit)
		if err == nil || chat.KindOf(err) != chat.ErrorGone {
			return err
		}
		code = chat.CodeOf(err)
	} else {
		a, err := c.Account(ctx, chat.User{Platform: Platform, ID: to.ID}, chat.PriorityAudit)
		switch {
		case err != nil && chat.KindOf(err) != chat.ErrorGone:
			return err
		case err != nil:
			code = "user_not_found"
		default:
			code = refusedAs(a)
		}
	}
	if code == "" {
		return nil
	}
	return &chat.Error{Kind: chat.ErrorGone, Op: "find", Code: code, Err: errors.New(cmp.Or(unreachable[code], code))}
}

// unreachable says in a person's words why no card could reach an account.
var unreachable = map[string]string{
	"users_not_found": "nobody in the workspace has this address", "user_not_found": "there is no such account in the workspace",
	"other_email": "the account has another address", "deactivated": "the account is deactivated", "bot": "it is a bot",
	"external": "it is somebody of another workspace", "guest": "it is a guest", "email_not_confirmed": "the address is not confirmed in Slack",
}

// Beginnings of tokens by kind.
// https://docs.slack.dev/authentication/tokens
var tokenKinds = map[string]string{
	"xoxb-": botKind, "xapp-": appKind, "xoxp-": "a user token", "xoxe.": "a configuration token",
	"xoxe-": "a refresh token", "xoxa-": "a legacy workspace token", "xoxr-": "a legacy refresh token", "xoxs-": "a session token",
}

func kindOf(t platform.Token) string {
	for prefix, kind := range tokenKinds {
		if strings.HasPrefix(string(t), prefix) {
			return kind
		}
	}
	return "something else"
}

// wrongBot and wrongApp tell by its beginning that a token is of another kind, where
// Slack did not take it: to some it answers invalid_auth, which says nothing. The
// beginning alone refuses no token.
func (c *Client) wrongBot() error {
	return wrongKind("slack.bot_token", kindOf(c.botToken), botKind, "xoxb-", "the Bot User OAuth Token", kindOf(c.appToken) == botKind)
}

func (c *Client) wrongApp() error {
	return wrongKind("slack.app_token", kindOf(c.appToken), appKind, "xapp-", "the token under App-Level Tokens, with the scope connections:write", kindOf(c.botToken) == appKind)
}

func wrongKind(setting, got, want, prefix, which string, swapped bool) error {
	if got == want {
		return nil
	}
	hint := fmt.Sprintf("%s holds %s, not %s (%s…): copy %s", setting, got, want, prefix, which)
	if swapped {
		hint = "slack.app_token and slack.bot_token are swapped: app_token starts with xapp-, bot_token with xoxb-"
	}
	return &chat.Error{Kind: chat.ErrorRefused, Op: "check", Code: "not_allowed_token_type", Err: errors.New(hint)}
}

// appOf is the id of the app that an app-level token names, "A0123": its second part.
func appOf(t platform.Token) string {
	parts := strings.SplitN(string(t), "-", 4)
	if len(parts) < 4 || parts[0] != "xapp" || !strings.HasPrefix(parts[2], "A") {
		return ""
	}
	return parts[2]
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
		if s == "files:write" && !c.files || s == "usergroups:read" {
			continue // of those who installed the app before it was asked for, and need it not
		}
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
