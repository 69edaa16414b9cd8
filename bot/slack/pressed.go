package slack

import (
	"context"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Somebody who presses a button looks at the message. The press brings a URL by which it
// can be redrawn, and Slack does not count that among the calls of chat.update.
// https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
const (
	// pressedLife is a little less than the 30 minutes for which such a URL works.
	pressedLife = 25 * time.Minute
	// pressedUses of the five; the others are for answers in private.
	pressedUses = 2
)

// presses are the messages on which somebody pressed lately.
type presses struct {
	mu   sync.Mutex
	urls platform.Cache[*pressURL] // by message
}

type pressURL struct {
	url  string
	left int
}

func newPresses() *presses { return &presses{urls: platform.NewCache[*pressURL](pressedLife)} }

// put remembers the URL of the newest press on a message.
func (p *presses) put(channel, message, url string) {
	if channel != "" && message != "" && url != "" {
		p.urls.Put(channel+"/"+message, &pressURL{url, pressedUses})
	}
}

// take uses up one use of a URL that works for a message; empty: there is none.
func (p *presses) take(channel, message string) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	u, ok := p.urls.Get(channel + "/" + message)
	if !ok || u.left == 0 {
		return ""
	}
	u.left--
	return u.url
}

// replace redraws the message that somebody pressed a button of.
func (c *Client) replace(ctx context.Context, url string, card chat.Card) error {
	options := append(messageOptions(card), slack.MsgOptionReplaceOriginal(url))
	return c.call(ctx, respond, "", platform.PriorityNow, func(ctx context.Context) error {
		_, _, err := c.api.PostMessageContext(ctx, "", options...)
		return err
	})
}
