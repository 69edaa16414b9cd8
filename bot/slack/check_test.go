package slack

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// TestCheck: each thing that can be wrong is named, with what to do and on which page.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name  string
		wrong func(r *rig)
		want  []string // "setting code: message: todo"
	}{
		{"a sound workspace", func(*rig) {}, nil},
		{"scopes are missing", func(r *rig) {
			r.SetScopes("chat:write", "commands", "channels:history", "channels:read", "groups:history", "groups:read", "im:write", "users:read", "users:read.email")
		}, []string{
			"slack.bot_token missing_scope: the bot token lacks the scope im:history: add it under Bot Token Scopes and install the app again: https://api.slack.com/apps/A0APONO001/oauth (OAuth & Permissions)",
		}},
		{"the tokens are swapped", func(r *rig) { r.options.AppToken, r.options.BotToken = r.options.BotToken, r.options.AppToken }, []string{
			"slack.bot_token not_allowed_token_type: slack.bot_token cannot be used: slack.app_token and slack.bot_token are swapped: app_token starts with xapp-, bot_token with xoxb-: https://api.slack.com/apps, the app, OAuth & Permissions",
			"slack.app_token not_allowed_token_type: slack.app_token cannot be used: slack.app_token and slack.bot_token are swapped: app_token starts with xapp-, bot_token with xoxb-: https://api.slack.com/apps, the app, Basic Information",
		}},
		{"a user's token", func(r *rig) { r.options.BotToken = "xoxp-1-2-3" }, []string{
			"slack.bot_token not_allowed_token_type: slack.bot_token cannot be used: slack.bot_token holds a user token, not a bot token (xoxb-…): copy the Bot User OAuth Token: https://api.slack.com/apps/A0APONO001/oauth (OAuth & Permissions)",
		}},
		{"a wrong bot token", func(r *rig) { r.options.BotToken = "xoxb-1-2-typo" }, []string{
			"slack.bot_token invalid_auth: slack.bot_token cannot be used: the token is wrong: copy the Bot User OAuth Token again (OAuth & Permissions): https://api.slack.com/apps/A0APONO001/oauth (OAuth & Permissions)",
		}},
		{"the app was removed", func(r *rig) { r.BreakToken(r.BotToken(), "account_inactive") }, []string{
			"slack.bot_token account_inactive: slack.bot_token cannot be used: the app was removed from the workspace or its bot user was deactivated: install it again (Install App): https://api.slack.com/apps/A0APONO001/install-on-team (Install App)",
		}},
		{"the app-level token lacks its scope", func(r *rig) { r.BreakToken(r.AppToken(), "missing_scope") }, []string{
			"slack.app_token missing_scope: slack.app_token cannot be used: slack.app_token lacks the scope connections:write: make a new app-level token with it (Basic Information, App-Level Tokens): https://api.slack.com/apps/A0APONO001/general (Basic Information)",
		}},
		{"Socket Mode is off", func(r *rig) { r.Faults().Fail("apps.connections.open", "link_disabled") }, []string{
			"slack.app_token link_disabled: slack.app_token cannot be used: Socket Mode is switched off: switch it on (Socket Mode): https://api.slack.com/apps/A0APONO001/socket-mode (Socket Mode)",
		}},
		{"the bot is not in the audit channel", func(r *rig) { r.options.AuditChannel = "other" }, []string{
			"slack.audit_channel not_in_channel: slack.audit_channel cannot be used: invite the bot to #other: in Slack",
		}},
		{"no such audit channel", func(r *rig) { r.options.AuditChannel = "#nowhere" }, []string{
			"slack.audit_channel channel_not_found: slack.audit_channel cannot be used: #nowhere does not exist or is private: create it, or invite the bot to #nowhere: in Slack",
		}},
		{"our clock is late", func(r *rig) { r.Faults().Skew(2 * time.Minute) }, []string{
			" clock_skew: the clock of this machine is 2m0s behind Slack's: access ends by this clock: let NTP keep it (timedatectl status)",
		}},
		{"our clock is early", func(r *rig) { r.Faults().Skew(-time.Hour) }, []string{
			" clock_skew: the clock of this machine is 1h0m0s ahead of Slack's: access ends by this clock: let NTP keep it (timedatectl status)",
		}},
		{"our clock is nearly right", func(r *rig) { r.Faults().Skew(20 * time.Second) }, nil},
		{"Slack is out", func(r *rig) { r.Faults().Outage(slacksim.ServerError, time.Hour) }, []string{
			"slack.bot_token http_500: Slack could not be asked about slack.bot_token: try again, and look at the way to slack.com (proxy, firewall, slack.api_url): auth.test: retry: http_500",
			"slack.app_token http_500: Slack could not be asked about slack.app_token: try again, and look at the way to slack.com (proxy, firewall, slack.api_url): apps.connections.open: retry: http_500",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			quiet(t, world(), func(r *rig) {
				r.options.AuditChannel = "#access-audit"
				c.wrong(r)
				client, err := NewClient(r.options)
				r.must(err)
				var got []string
				for _, p := range client.Check(r.ctx).Problems() {
					got = append(got, p.Setting+" "+p.Code+": "+p.String())
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if n := len(r.Calls("chat.postMessage")); n > 0 {
					t.Errorf("the check sent %d messages", n)
				}
			})
		})
	}
}

// TestCheckSaysWhoTheBotIs, and asks about sockets only in the whole check.
func TestCheckSaysWhoTheBotIs(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		got := r.client.CheckBot(r.ctx)
		if got.Team != "Example" || got.TeamID != "T0WORKSPACE" || got.Bot != "apono" || got.Token != nil {
			t.Errorf("%+v", got)
		}
		if n := len(r.Calls("apps.connections.open")); n > 0 {
			t.Errorf("%d sockets were asked for", n)
		}
	})
}

// TestFind: who could get no card, and why.
func TestFind(t *testing.T) {
	o := world()
	o.Users = append(o.Users,
		slacksim.User{ID: "U0GUEST001", Email: "guest@example.com", IsRestricted: true},
		slacksim.User{ID: "U0LEFT0001", Email: "left@example.com", Deleted: true},
		slacksim.User{ID: "U0UNCONF01", Email: "unconfirmed@example.com", EmailUnconfirmed: true},
	)
	quiet(t, o, func(r *rig) {
		for to, want := range map[chat.Recipient]string{
			{Email: "Alice@example.com"}:       "",
			{ID: bob}:                          "",
			{Email: "nobody@example.com"}:      "nobody in the workspace has this address",
			{Email: "guest@example.com"}:       "it is a guest",
			{ID: "U0GUEST001"}:                 "it is a guest",
			{ID: "U0LEFT0001"}:                 "the account is deactivated",
			{ID: "U0NOBODY01"}:                 "there is no such account in the workspace",
			{Email: "unconfirmed@example.com"}: "the address is not confirmed in Slack",
		} {
			err := r.client.Find(r.ctx, to)
			if e, ok := errors.AsType[*chat.Error](err); (want == "") != (err == nil) || (ok && (e.Kind != chat.ErrorGone || e.Err.Error() != want)) {
				t.Errorf("%+v: %v, want %q", to, err, want)
			}
		}
		r.Faults().Outage(slacksim.ServerError, time.Hour)
		if err := r.client.Find(r.ctx, chat.Recipient{Email: "carol@example.com"}); chat.KindOf(err) != chat.ErrorRetry {
			t.Errorf("while Slack is out: %v", err)
		}
	})
}

// TestTokenThatIsTakenBack: what a token is refused for after it has worked is tried again,
// and named until Slack takes it.
func TestTokenThatIsTakenBack(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		r.must(r.client.AskToken(r.ctx))
		_, err := r.client.Account(r.ctx, chat.User{Platform: Platform, ID: alice}, chat.PriorityNow)
		r.must(err)
		r.BreakToken(r.BotToken(), "token_revoked")
		wantError(t, r.client.AskToken(r.ctx), chat.ErrorRetry, "token_revoked")
		_, err = r.client.Account(r.ctx, chat.User{Platform: Platform, ID: bob}, chat.PriorityNow)
		wantError(t, err, chat.ErrorRetry, "token_revoked")
		if got := r.client.Denied(); !strings.Contains(got, "token_revoked: the token was revoked: install the app again") {
			t.Errorf("denied for %q", got)
		}
		r.BreakToken(r.BotToken(), "")
		r.must(r.client.AskToken(r.ctx))
		if got := r.client.Denied(); got != "" {
			t.Errorf("still denied for %q", got)
		}
	})
}
