package slack

import (
	"context"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// method is a Web API method with its share of calls.
//
// Slack counts calls per method, workspace and app, in windows of a minute: tier 2
// 20, tier 3 50, tier 4 100. No minute ever holds more than perMinute, and one in which
// calls wait holds hardly fewer. burst of them may go at once, the rest goes one at a
// time, so that whoever comes later is served within moments too.
// https://docs.slack.dev/apis/web-api/rate-limits
//
// Where it says which priority yields, calls before that one never wait for their turn
// behind the others but for a limit that is used up, and the others leave them the reserve.
type method struct {
	name             string
	perMinute, burst int
	yields           chat.Priority // and those after it; 0: all
	reserve          int
	repeatable       bool // doing it twice does no harm
}

var (
	// "Several hundred" a workspace. An approver's card goes before whatever else waits.
	postMessage = method{name: "chat.postMessage", perMinute: 300, burst: 60, yields: chat.PriorityRequester, reserve: 10}
	// All at once: what waits is old already, and nobody is served sooner by spreading it.
	updateMessage     = method{name: "chat.update", perMinute: 50, burst: 50, yields: chat.PriorityRedraw, reserve: 20, repeatable: true}
	postEphemeral     = method{name: "chat.postEphemeral", perMinute: 100, burst: 40, repeatable: true} // twice is better than not at all
	openView          = method{name: "views.open", perMinute: 100, burst: 60, yields: chat.PriorityForm}
	updateView        = method{name: "views.update", perMinute: 100, burst: 60, repeatable: true}
	publishView       = method{name: "views.publish", perMinute: 100, burst: 60, repeatable: true}
	lookupByEmail     = method{name: "users.lookupByEmail", perMinute: 50, burst: 20, repeatable: true}
	usersInfo         = method{name: "users.info", perMinute: 100, burst: 60, yields: chat.PriorityForm, repeatable: true}
	listUsers         = method{name: "users.list", perMinute: 20, burst: 10, repeatable: true}
	openConversation  = method{name: "conversations.open", perMinute: 50, burst: 20, repeatable: true}
	listConversations = method{name: "conversations.list", perMinute: 20, burst: 10, repeatable: true}
	infoConversation  = method{name: "conversations.info", perMinute: 50, burst: 20, repeatable: true}
	readHistory       = method{name: "conversations.history", perMinute: 50, burst: 20, repeatable: true}
	uploadURL         = method{name: "files.getUploadURLExternal", perMinute: 100, burst: 20, repeatable: true}
	upload            = method{name: "upload", perMinute: 100, burst: 20, repeatable: true} // to the URL that the former gives; no tier is documented
	shareFile         = method{name: "files.completeUploadExternal", perMinute: 100, burst: 20}
	testAuth          = method{name: "auth.test", perMinute: 100, burst: 20, repeatable: true}
	openSocket        = method{name: "apps.connections.open", perMinute: 50, burst: 20, repeatable: true}
	respond           = method{name: "response_url", perMinute: 600, burst: 300, repeatable: true} // five uses a URL; no tier is documented
)

// priorityNow is before all others.
const priorityNow = platform.PriorityNow

// pause is how long after the answer to a message the next may go to the same
// channel.
const pause = time.Second

// gate lets calls through at the pace that Slack allows.
type gate struct{ *platform.Gate }

func newGate() gate { return gate{platform.NewGate()} }

// wait returns nil when the call may be made now; then done has to be called after
// it. channel is where a message goes, else empty. Any error is the context's.
func (g gate) wait(ctx context.Context, m method, channel string, p chat.Priority) error {
	return g.Wait(ctx, p, lanesOf(m, channel)...)
}

// done tells that a call was answered, or will not be.
func (g gate) done(m method, channel string) { g.Done(lanesOf(m, channel)...) }

// rest keeps callers of the method, and messages to the channel, away for d.
func (g gate) rest(m method, channel string, d time.Duration) { g.Rest(d, lanesOf(m, channel)...) }

// lanesOf is the limit of the method and, for a message, that of its channel: one
// message a second.
func lanesOf(m method, channel string) []platform.Lane {
	lanes := []platform.Lane{{Name: m.name, Window: time.Minute, Most: m.perMinute, Burst: m.burst, Reserve: m.reserve, Yields: m.yields}}
	if m.name == postMessage.name && channel != "" {
		lanes = append(lanes, platform.Lane{Name: m.name + " " + channel, Pause: pause})
	}
	return lanes
}
