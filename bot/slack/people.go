package slack

import (
	"context"
	"errors"
	"slices"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// slackbot is Slack's own account, which is_bot does not mark.
const slackbot = "USLACKBOT"

// identity is who the bot is and where. An answer is kept for good, and whoever waits
// for a turn to ask waits no longer than until somebody has it.
func (c *Client) identity(ctx context.Context) (*slack.AuthTestResponse, error) {
	if self := c.self.Load(); self != nil {
		return self, nil
	}
	waiting, cancel := platform.Until(ctx, c.known)
	defer cancel()
	err := c.callIn(ctx, waiting, testAuth, "", priorityNow, func(ctx context.Context) error {
		self, err := c.api.AuthTestContext(ctx)
		if err == nil && c.self.CompareAndSwap(nil, self) {
			close(c.known)
		}
		return err
	})
	if self := c.self.Load(); self != nil {
		return self, nil
	}
	return nil, err
}

// Account asks Slack who a user is. An answer is believed for a minute. A user
// that Slack does not know is chat.ErrorGone.
func (c *Client) Account(ctx context.Context, u chat.User, haste chat.Priority) (chat.Account, error) {
	if u.Platform != Platform || u.ID == "" {
		return chat.Account{}, &chat.Error{Kind: chat.ErrorGone, Op: usersInfo.name, Code: "user_not_found", Err: errors.New("not a user of Slack")}
	}
	self, err := c.identity(ctx)
	if err != nil {
		return chat.Account{}, err
	}
	user, err := c.profile(ctx, u.ID, haste)
	if err != nil {
		return chat.Account{}, err
	}
	a := account(user, self)
	a.Team = u.Team
	// An event may claim another team than the profile does; both have to be ours.
	if u.Team != "" && !ours(self, u.Team, user.Enterprise) {
		a.External = true
	}
	return a, nil
}

// Shared compares an account with the one that Slack names for its address. Two
// accounts with one address must not both act for one person. An answer is believed
// for ten minutes. With chat.PriorityForm Slack is asked only where there is room at once:
// who opens a form does nothing yet, and is asked about again.
func (c *Client) Shared(ctx context.Context, a chat.Account, p chat.Priority) (bool, error) {
	if !a.EmailVerified || a.Bot || a.Guest || a.External || a.Deactivated {
		return false, nil // refused for that
	}
	if p == chat.PriorityForm && c.gate.Busy(p, lanesOf(lookupByEmail, "")...) {
		if _, known := c.emails.Get(a.Email); !known {
			return false, &chat.Error{Kind: chat.ErrorRetry, Op: lookupByEmail.name, Code: codeNotSent, Err: errors.New("others go first")}
		}
	}
	id, err := c.byEmail(ctx, a.Email, p)
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Kind == chat.ErrorGone {
		// Slack that finds nobody does not name another.
		return e.Code != "users_not_found" && e.Code != "other_email", nil
	}
	if err != nil {
		return false, err
	}
	return id != a.ID, nil
}

// account translates a profile. Whatever Slack leaves out counts against the user.
func account(u *slack.User, self *slack.AuthTestResponse) chat.Account {
	name := u.RealName
	if u.Profile.RealName != "" {
		name = u.Profile.RealName
	}
	if name == "" {
		name = u.Name
	}
	return chat.Account{
		User:          chat.User{Platform: Platform, ID: u.ID, Team: u.TeamID},
		Name:          name,
		Email:         chat.Address(u.Profile.Email),
		EmailVerified: u.Profile.Email != "" && u.IsEmailConfirmed,
		TimeZone:      u.TZ,
		Bot:           u.IsBot || u.IsAppUser && u.Profile.Email == "" || u.IsWorkflowBot || u.IsConnectorBot || u.Profile.BotID != "" || u.ID == slackbot,
		Guest:         u.IsRestricted || u.IsUltraRestricted,
		External:      u.IsStranger || !ours(self, u.TeamID, u.Enterprise),
		Deactivated:   u.Deleted,
	}
}

// ours reports whether a team is the workspace of the bot, or another one of the
// same Enterprise Grid organisation that the user belongs to.
// https://docs.slack.dev/enterprise/developing-for-enterprise-orgs
func ours(self *slack.AuthTestResponse, team string, e slack.EnterpriseUser) bool {
	switch {
	case team == "":
		return false
	case team == self.TeamID:
		return true
	case self.EnterpriseID == "" || e.EnterpriseID != self.EnterpriseID:
		return false
	}
	return team == self.EnterpriseID || slices.Contains(e.Teams, team)
}

// member finds the account of a person.
func (c *Client) member(ctx context.Context, to chat.Recipient, p chat.Priority) (user string, err error) {
	if to.ID != "" {
		return to.ID, nil
	}
	return c.byEmail(ctx, to.Email, p)
}

// direct finds the direct chat with a person, for methods that take no user for it.
func (c *Client) direct(ctx context.Context, to chat.Recipient, p chat.Priority) (channel string, err error) {
	user, err := c.member(ctx, to, p)
	if err != nil {
		return "", err
	}
	if channel, ok := c.directs.Get(user); ok {
		return channel, nil
	}
	err = c.call(ctx, openConversation, "", p, func(ctx context.Context) error {
		ch, _, _, err := c.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}})
		if err == nil {
			channel = ch.ID
		}
		return err
	})
	if err != nil {
		return "", err
	}
	c.directs.Put(user, channel)
	return channel, nil
}

// byEmail finds the one full member with a verified address. Who is a bot, a guest,
// a stranger or deactivated gets no card: the code says which.
func (c *Client) byEmail(ctx context.Context, email string, p chat.Priority) (string, error) {
	email = chat.Address(email)
	gone := func(code string) error {
		return &chat.Error{Kind: chat.ErrorGone, Op: lookupByEmail.name, Code: code}
	}
	if email == "" {
		return "", gone("users_not_found")
	}
	if id, ok := c.emails.Get(email); ok {
		return id, nil
	}
	self, err := c.identity(ctx)
	if err != nil {
		return "", err
	}
	var user *slack.User
	err = c.call(ctx, lookupByEmail, "", p, func(ctx context.Context) (err error) {
		user, err = c.api.GetUserByEmailContext(ctx, email)
		return err
	})
	if err != nil {
		return "", err
	}
	a := account(user, self)
	code := refusedAs(a)
	switch {
	case a.Email != email:
		code = "other_email"
	case code == "" && !a.EmailVerified:
		code = "email_not_confirmed"
	}
	if code != "" {
		return "", gone(code)
	}
	c.emails.Put(email, user.ID)
	return user.ID, nil
}

// refusedAs says as what an account gets no card; empty: it is a full member's.
func refusedAs(a chat.Account) string {
	switch {
	case a.Deactivated:
		return "deactivated"
	case a.Bot:
		return "bot"
	case a.External:
		return "external"
	case a.Guest:
		return "guest"
	}
	return ""
}

// AccountOf asks Slack for the account of a person, by id or else by address, whatever it
// is: of a guest too. chat.ErrorGone where Slack knows none.
func (c *Client) AccountOf(ctx context.Context, to chat.Recipient) (chat.Account, error) {
	if to.ID != "" {
		return c.Account(ctx, chat.User{Platform: Platform, ID: to.ID}, chat.PriorityNow)
	}
	self, err := c.identity(ctx)
	if err != nil {
		return chat.Account{}, err
	}
	var user *slack.User
	err = c.call(ctx, lookupByEmail, "", priorityNow, func(ctx context.Context) (err error) {
		user, err = c.api.GetUserByEmailContext(ctx, chat.Address(to.Email))
		return err
	})
	if err != nil {
		return chat.Account{}, err
	}
	return account(user, self), nil
}
