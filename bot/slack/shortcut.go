package slack

import (
	"context"
	"regexp"
	"strings"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Callback ids of the shortcuts in the manifest. Both open the request form; the one on
// a message says which message it is about.
// https://docs.slack.dev/interactivity/implementing-shortcuts
const (
	shortcutRequest = "request_access"
	shortcutMessage = "request_access_message"
)

// shortcut runs a shortcut like the command that it stands for.
func (a *Adapter) shortcut(ctx context.Context, d delivery, in interaction) {
	a.ack(ctx, d, nil)
	if in.CallbackID != shortcutRequest && in.CallbackID != shortcutMessage {
		a.log.WarnContext(ctx, "slack shortcut of an unknown name is ignored", "callback_id", firstOf(in.CallbackID))
		return
	}
	at := place{
		user: in.user(), channel: in.Channel.ID, responseURL: in.ResponseURL, trigger: in.TriggerID, haste: chat.PriorityForm, arrived: d.arrived, again: "Please choose the shortcut again.",
		onHome: in.Channel.ID == "", // nor can a message be shown where there is no conversation
	}
	c := chat.Command{User: in.user(), Text: "request", About: in.permalink()}
	at.moment = a.oneMoment(ctx, at)
	working, stop := whileOpen(ctx, at)
	answers := make(chan chat.Answer, 1)
	if !a.answering(working, a.commands, "shortcut", func(ctx context.Context) {
		answers <- platform.Guarding(a.guard).Answer(ctx, "shortcut", a.handler, &c, chat.Click{})
	}) {
		a.meter.Count(CountDropped, "command")
		answers <- busy
	}
	a.awaiting(ctx, working, at, stop, answers)
}

func firstOf(s string) string {
	s, _ = cut(line(s), maxHeader)
	return s
}

var (
	slackDomain = regexp.MustCompile(`^[a-z0-9-]{1,63}$`)
	slackID     = regexp.MustCompile(`^[A-Z0-9]{1,40}$`)
	slackTS     = regexp.MustCompile(`^[0-9]{1,12}\.[0-9]{1,9}$`)
)

// permalink is the address of the message that a shortcut was chosen on, or empty. It is
// made here as Slack makes it: asking Slack for it would take a part of the three
// seconds in which the form has to open, and fails in channels that the bot is not in.
// https://docs.slack.dev/reference/methods/chat.getPermalink
func (in interaction) permalink() string {
	channel, ts := in.Channel.ID, in.Message.TS
	if !slackDomain.MatchString(in.Team.Domain) || !slackID.MatchString(channel) || !slackTS.MatchString(ts) {
		return ""
	}
	link := "https://" + in.Team.Domain + ".slack.com/archives/" + channel + "/p" + strings.Replace(ts, ".", "", 1)
	if thread := in.Message.ThreadTS; thread != ts && slackTS.MatchString(thread) {
		link += "?thread_ts=" + thread + "&cid=" + channel
	}
	return link
}
