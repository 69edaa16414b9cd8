package slack

import (
	"context"
	"fmt"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// A keyed post carries its key as metadata, which nobody sees but every member of
// the channel may read. https://docs.slack.dev/messaging/message-metadata
const (
	keyEvent = "apono_post"
	keyField = "key"
)

// PostKeyed is Post with a key by which FindPost recognises the message later. The
// key is an id without secrets.
func (c *Client) PostKeyed(ctx context.Context, to chat.Recipient, card chat.Card, p chat.Priority, key string) (chat.MessageRef, error) {
	user, err := c.member(ctx, to, p)
	if err != nil {
		return chat.MessageRef{}, err
	}
	// To a user's id: Slack opens the direct chat by itself and says which it is, so that
	// nobody's first message waits for conversations.open, which takes 50 a minute.
	// https://docs.slack.dev/reference/methods/chat.postMessage#channels
	channel := user
	if opened, ok := c.opened.Get(user); ok {
		channel = opened
	}
	ref, err := c.post(ctx, channel, card, p, key)
	if chat.CodeOf(err) == "channel_not_found" {
		return c.postOpened(ctx, user, card, p, key)
	}
	if err == nil {
		c.directs.Put(user, ref.Channel)
	}
	return ref, err
}

// postOpened opens the direct chat first, where Slack does not do so by itself, or where
// the one that was known is gone. The person is written to there from now on.
func (c *Client) postOpened(ctx context.Context, user string, card chat.Card, p chat.Priority, key string) (chat.MessageRef, error) {
	c.directs.Drop(user)
	c.opened.Drop(user)
	channel, err := c.direct(ctx, chat.Recipient{ID: user}, p)
	if err != nil {
		return chat.MessageRef{}, err
	}
	ref, err := c.post(ctx, channel, card, p, key)
	switch {
	case err == nil:
		c.opened.Put(user, channel)
	case chat.CodeOf(err) == "channel_not_found":
		c.directs.Drop(user)
	}
	return ref, err
}

// PostAuditKeyed is PostAudit with a key by which FindAudit recognises the message
// later.
func (c *Client) PostAuditKeyed(ctx context.Context, card chat.Card, key string) (chat.MessageRef, error) {
	channel, err := c.auditChannel(ctx)
	if err != nil {
		return chat.MessageRef{}, err
	}
	ref, err := c.post(ctx, channel, card, auditPriority, key)
	return ref, c.explainAudit(err)
}

// FindPost looks for a keyed post among the person's messages since a moment, so
// that a post whose outcome is unknown is not repeated in vain. It reads at most
// 200 messages and needs the scope im:history. Not found is false and no error.
func (c *Client) FindPost(ctx context.Context, to chat.Recipient, key string, since time.Time, p chat.Priority) (chat.MessageRef, bool, error) {
	channel, err := c.direct(ctx, to, p)
	if err != nil {
		return chat.MessageRef{}, false, err
	}
	return c.find(ctx, channel, key, since, p)
}

// FindAudit is FindPost in the audit channel. It needs the scope channels:history,
// or groups:history where the channel is private.
func (c *Client) FindAudit(ctx context.Context, key string, since time.Time) (chat.MessageRef, bool, error) {
	channel, err := c.auditChannel(ctx)
	if err != nil {
		return chat.MessageRef{}, false, err
	}
	return c.find(ctx, channel, key, since, chat.PriorityAudit)
}

func (c *Client) find(ctx context.Context, channel, key string, since time.Time, p chat.Priority) (chat.MessageRef, bool, error) {
	var page *slack.GetConversationHistoryResponse
	err := c.call(ctx, readHistory, "", p, func(ctx context.Context) (err error) {
		page, err = c.api.GetConversationHistoryContext(ctx, &slack.GetConversationHistoryParameters{
			ChannelID: channel, Oldest: fmt.Sprintf("%d.000000", since.Unix()), Limit: 200, IncludeAllMetadata: true,
		})
		return err
	})
	if err != nil {
		return chat.MessageRef{}, false, err
	}
	for _, m := range page.Messages {
		if m.Metadata.EventType == keyEvent && m.Metadata.EventPayload[keyField] == key {
			return chat.MessageRef{Platform: Platform, Channel: channel, Message: m.Timestamp}, true, nil
		}
	}
	return chat.MessageRef{}, false, nil
}

// Fits reports whether a message shows all of a card.
func (c *Client) Fits(card chat.Card) bool { return len(Dropped(card)) == 0 }
