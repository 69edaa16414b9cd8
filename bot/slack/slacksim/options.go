package slacksim

import "time"

// Tokens of a workspace that was made without its own.
const (
	DefaultBotToken = "xoxb-1111111111-2222222222-simulatedbottoken"
	DefaultAppToken = "xapp-1-A0APONO001-3333333333-simulatedapptoken"
)

// User is a member of the workspace, or a guest or stranger in it. Zero values are those of an ordinary full member
// with a confirmed address.
type User struct {
	ID     string // U… or W…; empty: one is made
	TeamID string // empty: the workspace's own team
	Name   string // handle
	// RealName and DisplayName are what others see; empty: Name.
	RealName, DisplayName string
	Email                 string // empty for bots and strangers
	EmailUnconfirmed      bool   // is_email_confirmed is false
	TZ                    string // IANA name; empty: Etc/UTC
	Deleted               bool
	IsBot                 bool
	IsAppUser             bool
	IsRestricted          bool
	IsUltraRestricted     bool
	IsStranger            bool // from another organisation, in a shared channel
	IsAdmin               bool
}

// Channel is a public or private conversation. Direct messages are opened, not listed here.
type Channel struct {
	ID        string // C…; empty: one is made
	Name      string // without #
	Private   bool
	Archived  bool
	Members   []string // user ids
	BotMember bool     // the app's bot user is a member
}

// UserGroup is a group of people that can be mentioned.
type UserGroup struct {
	ID       string // S…; empty: one is made
	Handle   string
	Name     string
	Users    []string
	Disabled bool
}

// Options describe a workspace. The zero value is a small workspace with Slack's strictest reading of each rule.
type Options struct {
	TeamID, TeamName, TeamDomain string
	AppID, BotUserID, BotID      string
	BotName                      string
	BotToken, AppToken           string // empty: DefaultBotToken, DefaultAppToken
	Scopes                       []string
	Users                        []User
	Channels                     []Channel
	Groups                       []UserGroup
	// Commands that the app registered, "/apono"; empty: every command is taken to be registered.
	Commands []string
	// EscapeCommands sends the text of slash commands with &, < and > as entities, as messages are. Slack's pages do not
	// say which it is; a bot should read both.
	EscapeCommands bool
	// Events that the app subscribed to; nil: DefaultEvents.
	Events []string

	// NoRateLimits turns 429 off, for load tests. Faults.RateLimit works all the same.
	NoRateLimits bool
	// PostBurst is how many messages a channel takes at once before one a second applies; 0 means 1, the strictest.
	PostBurst int

	// Patience is how long an ack may take, and how long a trigger_id opens a view; 0 means Slack's 3 s. More of it is for a
	// test in real time, on a machine that is busy with other things.
	Patience time.Duration
	// PingInterval is the time between pings from the server; 0 means 10 s. slack-go reconnects after 30 s without.
	PingInterval time.Duration
	// ConnectionLifetime is how long a socket lives before Slack refreshes it; 0 means about an hour, negative for ever.
	ConnectionLifetime time.Duration
	// Now is what the workspace's clocks show, in timestamps of messages for example; nil: time.Now. It must not go back.
	// How long things live and how fast calls may come is measured on the real clock all the same.
	Now func() time.Time
	// LogSize is how many entries Log keeps; 0 means 10,000. Older entries are dropped.
	LogSize int
}

// DefaultScopes are the scopes that an approval bot asks for at installation.
// chat:write.public and chat:write.customize are left out on purpose: Slack does not grant them unasked.
var DefaultScopes = []string{
	"channels:history", "channels:join", "channels:read", "chat:write", "commands", "files:write", "groups:history", "groups:read",
	"im:history", "im:read", "im:write", "mpim:read", "mpim:write", "reactions:write", "usergroups:read", "users:read", "users:read.email",
}

// DefaultEvents are the event subscriptions of an app whose Options name none.
var DefaultEvents = []string{"app_home_opened", "app_mention", "message.channels", "message.groups", "message.im", "team_join", "user_change", "member_joined_channel"}

func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (o Options) withDefaults() Options {
	o.TeamID = or(o.TeamID, "T0WORKSPACE")
	o.TeamName = or(o.TeamName, "Example")
	o.TeamDomain = or(o.TeamDomain, "example")
	o.AppID = or(o.AppID, "A0APONO001")
	o.BotUserID = or(o.BotUserID, "U0APONOBOT")
	o.BotID = or(o.BotID, "B0APONOBOT")
	o.BotName = or(o.BotName, "apono")
	o.BotToken = or(o.BotToken, DefaultBotToken)
	o.AppToken = or(o.AppToken, DefaultAppToken)
	if o.Scopes == nil {
		o.Scopes = DefaultScopes
	}
	if o.Events == nil {
		o.Events = DefaultEvents
	}
	o.PostBurst = max(o.PostBurst, 1)
	o.Patience = or(o.Patience, 3*time.Second)
	o.PingInterval = or(o.PingInterval, 10*time.Second)
	o.ConnectionLifetime = or(o.ConnectionLifetime, time.Hour)
	if o.Now == nil {
		o.Now = time.Now
	}
	o.LogSize = or(o.LogSize, 10_000)
	return o
}
