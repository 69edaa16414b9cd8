// Package slacksim is a local Slack workspace: the Web API, Socket Mode and the people who click, enforcing Slack's
// rules. Tests drive a bot against it inside testing/synctest bubbles over an in-memory listener; a demo or another
// process reaches it over a loopback listener.
//
// # What it promises
//
// A rule that Slack enforces is enforced here, with Slack's error code and shape; where Slack's documentation can be
// read in two ways the stricter one holds. What Slack punishes without telling the app (a late or oversized ack, a
// suggestion list it cannot show, a reply that loses its thread) is kept in Workspace.Violations, so that a test can
// assert that there is none.
//
// All timing goes through package time, so virtual hours pass at once in a bubble. Close ends every goroutine.
// The same calls give the same ids in every run.
//
// # How to use it
//
//	ws := slacksim.New(slacksim.Options{Users: …, Channels: …})
//	defer ws.Close()
//	api := slack.New(ws.BotToken(), slack.OptionAppLevelToken(ws.AppToken()),
//		slack.OptionAPIURL(ws.APIURL()), slack.OptionHTTPClient(ws.HTTPClient()))
//	sm := socketmode.New(api, socketmode.OptionDialer(ws.Dialer()))
//
// or, over a socket: go ws.Serve(listener) and http://ADDR/api/ as the API URL. Then
//
//   - Workspace.As gives a Person: Slash, Click, ClickStale, Type, PressEnter, Choose, Suggest, Submit, CloseView,
//     CloseAll, OpenHome, OpenMessages, Send, SendDM, Answer, Shortcut, MessageShortcut, and what they see: View,
//     Stack, Home, Messages, DMs, Ephemerals.
//   - Workspace.Messages, DM, Ephemerals, Message show the world; text is what a person reads.
//   - Workspace.Faults breaks things: outages, lost answers, 429, error codes, dropped and refused sockets, disconnect
//     messages, duplicate and reordered envelopes, late acks.
//   - Workspace.Violations, Log, Calls, RateLimited and the hooks OnChange and OnLog tell what happened.
//   - Element.Ref and OptionRef name one element among several that look alike, for programs that draw the workspace.
//   - Plain, Spans and LiveBroadcasts read mrkdwn; CheckBlocks, CheckModal and CheckHome judge JSON without a workspace.
//
// # What it does not do
//
// It knows one app in one workspace, and people's own messages only as far as apps hear of them. There is no HTTP
// Events API, no OAuth, no TLS, no RTM, no file download, no workflow steps, no streaming messages, no scheduled
// messages. It must not know anything of the bot it tests.
//
// # Caveats
//
// Lengths are counted in UTF-16 units: for emoji that is more than Slack counts, never less. Error texts behind
// [json-pointer:…] are Slack's where they are known from its answers, else in their style; the codes and pointers are
// what a program may rely on. A bubble's clock starts in the year 2000, when timestamps had nine digits before the
// dot: they are taken as valid.
package slacksim
