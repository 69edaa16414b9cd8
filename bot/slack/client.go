package slack

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Platform is the value of chat.User.Platform and chat.MessageRef.Platform.
const Platform = "slack"

// How long answers of Slack are believed.
const (
	accountTTL = time.Minute // rights hang on it
	emailTTL   = 10 * time.Minute
	directTTL  = 24 * time.Hour // the id of a direct chat never changes
	channelTTL = time.Hour
)

// Client sends. It implements chat.Messenger and is safe for concurrent use.
type Client struct {
	api   *slack.Client
	gate  gate
	log   *slog.Logger
	meter platform.Meter
	audit string
	files bool
	// Tokens are kept for the kind that their beginning tells.
	botToken, appToken platform.Token

	accounts platform.Cache[*slack.User] // by user id
	lookups  lookups
	emails   platform.Cache[string] // address -> user id
	directs  platform.Cache[string] // user id -> channel
	opened   platform.Cache[string] // user id -> channel, of whom chat.postMessage did not know
	channels platform.Cache[string] // name -> channel
	presses  *presses

	self   atomic.Pointer[slack.AuthTestResponse]
	known  chan struct{}          // closed when self is there
	denied atomic.Pointer[string] // why the bot token is not taken any more; nil: it is
	scopes atomic.Pointer[string] // X-OAuth-Scopes of the last answer
	skew   platform.Skew
}

var _ chat.Messenger = (*Client)(nil)

// NewClient checks the options and calls nobody.
func NewClient(o Options) (*Client, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	c := &Client{
		gate: newGate(), log: o.Log, meter: o.Meter, audit: o.AuditChannel, files: o.Files, botToken: o.BotToken, appToken: o.AppToken,
		accounts: platform.NewCache[*slack.User](accountTTL), emails: platform.NewCache[string](emailTTL),
		directs: platform.NewCache[string](directTTL), opened: platform.NewCache[string](directTTL), channels: platform.NewCache[string](channelTTL), presses: newPresses(),
		known: make(chan struct{}),
	}
	// No OptionRetry: slack-go would repeat posts whose outcome is unknown.
	c.api = slack.New(string(o.BotToken),
		slack.OptionAppLevelToken(string(o.AppToken)),
		slack.OptionAPIURL(o.APIURL),
		slack.OptionHTTPClient(o.HTTP),
		slack.OptionOnResponseHeaders(c.headers),
	)
	return c, nil
}

func (c *Client) headers(_ string, h http.Header) {
	if scopes := h.Get("X-OAuth-Scopes"); scopes != "" {
		c.scopes.Store(&scopes)
	}
	c.skew.Note(h, time.Now())
}

// call makes one call: it waits for its turn, calls, and classifies the error.
func (c *Client) call(ctx context.Context, m method, channel string, p chat.Priority, f func(context.Context) error) error {
	return c.callIn(ctx, ctx, m, channel, p, f)
}

// callIn is call that waits for its turn no longer than until waiting ends.
func (c *Client) callIn(ctx, waiting context.Context, m method, channel string, p chat.Priority, f func(context.Context) error) error {
	if err := c.gate.wait(waiting, m, channel, p); err != nil {
		return &chat.Error{Kind: chat.ErrorRetry, Op: m.name, Code: codeNotSent, Err: err}
	}
	defer c.gate.done(m, channel)
	err := c.judged(ctx, m, classify(m.name, m.repeatable, f(ctx)))
	outcome := "ok"
	if err != nil {
		outcome = string(chat.KindOf(err))
		if d := chat.RetryAfterOf(err); d > 0 {
			c.gate.rest(m, channel, d)
			c.log.WarnContext(ctx, "slack asked to slow down", "method", m.name, "retry_after", d)
		}
	}
	c.meter.Count(CountCall, m.name+" "+outcome)
	return err
}

// Post sends a card to a person's direct chat with the bot. The person is the bound
// account, or the only full member with that verified address; for anybody else
// the error is chat.ErrorGone.
func (c *Client) Post(ctx context.Context, to chat.Recipient, card chat.Card, p chat.Priority) (chat.MessageRef, error) {
	return c.PostKeyed(ctx, to, card, p, "")
}

// auditPriority is that of the audit channel's messages: in turn with those to requesters,
// since one of them tells what many of those do, and never before approvers'.
const auditPriority = chat.PriorityRequester

// PostAudit sends a card to the audit channel.
func (c *Client) PostAudit(ctx context.Context, card chat.Card) (chat.MessageRef, error) {
	channel, err := c.auditChannel(ctx)
	if err != nil {
		return chat.MessageRef{}, err
	}
	ref, err := c.post(ctx, channel, card, auditPriority, "")
	return ref, c.explainAudit(err)
}

// Update redraws a message in place.
func (c *Client) Update(ctx context.Context, ref chat.MessageRef, card chat.Card, p chat.Priority) error {
	return c.Redraw(ctx, ref, func() (chat.Card, bool) { return card, true }, p)
}

// Redraw is Update of what draw returns when it is the call's turn; false: there is
// nothing to redraw any more. A message that somebody has just pressed a button of is
// redrawn at once, whoever else waits.
func (c *Client) Redraw(ctx context.Context, ref chat.MessageRef, draw func() (chat.Card, bool), p chat.Priority) error {
	if ref.Platform != Platform || ref.Channel == "" || ref.Message == "" {
		return &chat.Error{Kind: chat.ErrorGone, Op: updateMessage.name, Code: "message_not_found", Err: errors.New("not a message of Slack")}
	}
	if url := c.presses.take(ref.Channel, ref.Message); url != "" {
		card, wanted := draw()
		if !wanted {
			return nil
		}
		if err := c.replace(ctx, url, card); err == nil {
			return nil
		}
		c.presses.urls.Drop(ref.Channel + "/" + ref.Message)
	}
	return c.call(ctx, updateMessage, "", p, func(ctx context.Context) error {
		card, wanted := draw()
		if !wanted {
			return nil
		}
		_, _, _, err := c.api.UpdateMessageContext(ctx, ref.Channel, ref.Message, messageOptions(card)...)
		return err
	})
}

// messageOptions draws a card for any call that takes a message.
func messageOptions(card chat.Card) []slack.MsgOption {
	m := RenderCard(card)
	return []slack.MsgOption{slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...)}
}

func (c *Client) post(ctx context.Context, channel string, card chat.Card, p chat.Priority, key string) (chat.MessageRef, error) {
	// A link in a justification loads no preview, and markup in the text is off.
	options := append(messageOptions(card),
		slack.MsgOptionDisableMarkdown(), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl())
	if key != "" {
		options = append(options, slack.MsgOptionMetadata(slack.SlackMetadata{
			EventType: keyEvent, EventPayload: map[string]any{keyField: key},
		}))
	}
	ref := chat.MessageRef{Platform: Platform}
	err := c.call(ctx, postMessage, channel, p, func(ctx context.Context) (err error) {
		ref.Channel, ref.Message, err = c.api.PostMessageContext(ctx, channel, options...)
		return err
	})
	if err != nil {
		return chat.MessageRef{}, err
	}
	return ref, nil
}

// ephemeral shows a card to one person in a channel. It is gone at their next start.
func (c *Client) ephemeral(ctx context.Context, channel, user string, card chat.Card) error {
	return c.call(ctx, postEphemeral, "", priorityNow, func(ctx context.Context) error {
		_, err := c.api.PostEphemeralContext(ctx, channel, user, messageOptions(card)...)
		return err
	})
}

// respond answers an interaction in private. A response URL works five times within
// 30 minutes; whoever has it may post, so it is never logged.
// https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
func (c *Client) respond(ctx context.Context, url string, card chat.Card) error {
	options := append(messageOptions(card), slack.MsgOptionResponseURL(url, slack.ResponseTypeEphemeral))
	return c.call(ctx, respond, "", priorityNow, func(ctx context.Context) error {
		_, _, err := c.api.PostMessageContext(ctx, "", options...)
		return err
	})
}

// openForm shows a form to whoever caused the trigger. One that is dead before it is the
// call's turn costs no call; the code is codeNotSent.
func (c *Client) openForm(ctx context.Context, at place, form chat.Form) (viewID string, err error) {
	view, err := RenderForm(form)
	if err != nil {
		return "", &chat.Error{Kind: chat.ErrorRefused, Op: openView.name, Code: "not_drawn", Err: err}
	}
	waiting, cancel := context.WithDeadline(ctx, at.arrived.Add(triggerPatience))
	defer cancel()
	err = c.callIn(ctx, waiting, openView, "", at.haste, func(ctx context.Context) error {
		r, err := c.api.OpenViewContext(ctx, at.trigger, view)
		if err == nil {
			viewID = r.ID
		}
		return err
	})
	return viewID, err
}

// publish puts a home on somebody's screen, unless what is there has another hash than
// the given one; empty: whatever is there. It is for use within call.
func (c *Client) publish(ctx context.Context, user string, view slack.HomeTabViewRequest, old string) (hash string, err error) {
	req := slack.PublishViewContextRequest{UserID: user, View: view}
	if old != "" {
		req.Hash = &old
	}
	r, err := c.api.PublishViewContext(ctx, req)
	if err != nil {
		return "", err
	}
	return r.Hash, nil
}

// redrawForm replaces what a dialog shows. It sends no hash: redraws of one dialog
// are put in order before they get here, and the last one counts.
func (c *Client) redrawForm(ctx context.Context, viewID string, form chat.Form) (hash string, err error) {
	view, err := RenderForm(form)
	if err != nil {
		return "", &chat.Error{Kind: chat.ErrorRefused, Op: updateView.name, Code: "not_drawn", Err: err}
	}
	err = c.call(ctx, updateView, "", priorityNow, func(ctx context.Context) error {
		r, err := c.api.UpdateViewContext(ctx, view, "", "", viewID)
		if err == nil {
			hash = r.Hash
		}
		return err
	})
	return hash, err
}
