package slack

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"

	"apono/bot/platform"
)

// What a platform.Meter is told.
const (
	CountCall      = "slack_call"      // detail: method and outcome, "chat.update ok", "chat.update retry"
	CountReceived  = "slack_received"  // detail: kind of delivery
	CountDuplicate = "slack_duplicate" // detail: kind of delivery
	CountUnacked   = "slack_unacked"   // detail: kind; could not be committed, decoded or acknowledged in time
	CountConnected = "slack_connected" // detail: number of the connection
	CountDropped   = "slack_dropped"   // detail: what was answered but could not be shown
	CountPanic     = "slack_panic"     // detail: kind of delivery
)

// Options of a workspace's connection.
type Options struct {
	AppToken platform.Token // xapp-…; needed to receive
	BotToken platform.Token // xoxb-…
	// APIURL ends in "/"; empty: Slack's own. Only for tests and proxies.
	APIURL string
	// HTTP makes the calls; nil: one with a timeout of 15 s. It has to have a timeout.
	HTTP *http.Client
	// Dialer opens the sockets; nil: one that honours the proxy variables.
	Dialer *websocket.Dialer
	// Command is the slash command, "/apono".
	Command string
	// Files says that files are sent, which needs the scope files:write.
	Files bool
	// AuditChannel is a channel's name, with or without "#", or its id; empty: none.
	AuditChannel string
	Log          *slog.Logger   // nil: slog.Default()
	Meter        platform.Meter // nil: counts nothing
}

// httpTimeout is above Slack's own ten seconds for slow calls.
const httpTimeout = 15 * time.Second

func (o Options) withDefaults() (Options, error) {
	if o.APIURL == "" {
		o.APIURL = slack.APIURL
	}
	if !strings.HasSuffix(o.APIURL, "/") {
		return o, fmt.Errorf("slack.api_url %q does not end in /", o.APIURL)
	}
	if o.BotToken == "" {
		return o, errors.New("slack.bot_token is empty: copy the Bot User OAuth Token (xoxb-…) on https://api.slack.com/apps (OAuth & Permissions)")
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: httpTimeout}
	}
	if o.Command == "" {
		o.Command = "/apono"
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Meter == nil {
		o.Meter = platform.NoMeter{}
	}
	return o, nil
}
