package teams

import (
	"context"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Limits of Teams: 7 messages in a second, 8 in two, 60 in thirty and 1,800 in an
// hour to one conversation, and 30 to 50 calls a second of one app in one tenant. The
// rates below stay under each of them in every window.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
const (
	conversationRate  = 1.8
	conversationBurst = 4
	hourRate          = 0.25 // 900 in an hour, behind a burst of as many
	hourBurst         = 900
	tenantRate        = 25
	tenantBurst       = 5
	// restartPause is for how long after a start nobody gets a burst: an earlier run
	// may have spent one a moment ago.
	restartPause = 2 * time.Second
)

// gate lets calls through at the pace that Teams allows, approvers' cards first.
type gate struct {
	*platform.Gate
	born time.Time
}

func newGate() gate { return gate{platform.NewGate(), time.Now()} }

// turn says where a call goes, and before which others.
type turn struct {
	conversation string // where a message goes; empty: nowhere; see opening
	priority     chat.Priority
}

// opening stands for all chats that are opened, of which Teams takes as many as of
// messages to one conversation.
const opening = "opening"

// wait returns when a call may be made. Any error is the context's.
func (g gate) wait(ctx context.Context, t turn) error {
	return g.Wait(ctx, t.priority, g.lanesOf(t)...)
}

// rest keeps others away from where Teams asked to slow down: the conversation, and
// for what goes to none the tenant.
func (g gate) rest(t turn, d time.Duration) {
	lanes := g.lanesOf(t)
	g.Rest(d, lanes[len(lanes)-1])
}

func (g gate) lanesOf(t turn) []platform.Lane {
	lanes := []platform.Lane{{Name: "tenant", Rate: tenantRate, Burst: tenantBurst}}
	if t.conversation == "" {
		return lanes
	}
	return append(lanes,
		platform.Lane{Name: "hour " + t.conversation, Rate: hourRate, Burst: hourBurst},
		platform.Lane{Name: "moment " + t.conversation, Rate: conversationRate, Burst: conversationBurst, Cold: time.Since(g.born) < restartPause})
}
