package slack

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

var channelID = regexp.MustCompile(`^[CG][A-Z0-9]{7,}$`)

// auditChannel resolves the audit channel's name once an hour.
func (c *Client) auditChannel(ctx context.Context) (string, error) {
	name := strings.TrimPrefix(c.audit, "#")
	if name == "" {
		return "", &chat.Error{Kind: chat.ErrorRefused, Op: postMessage.name, Code: "no_audit_channel", Err: errors.New("slack.audit_channel is not set")}
	}
	id, err := c.channel(ctx, name)
	return id, c.explainAudit(err)
}

// channel resolves a channel's name, with or without "#", once an hour.
func (c *Client) channel(ctx context.Context, name string) (string, error) {
	name = strings.TrimPrefix(name, "#")
	if channelID.MatchString(name) {
		return name, nil
	}
	if id, ok := c.channels.Get(name); ok {
		return id, nil
	}
	id, err := c.findChannel(ctx, name)
	if err != nil {
		return "", err
	}
	c.channels.Put(name, id)
	return id, nil
}

// findChannel looks for a channel that the bot can see: every public one, and the
// private ones that it was invited to.
func (c *Client) findChannel(ctx context.Context, name string) (string, error) {
	cursor := ""
	for {
		var page []slack.Channel
		err := c.call(ctx, listConversations, "", chat.PriorityAudit, func(ctx context.Context) (err error) {
			page, cursor, err = c.api.GetConversationsContext(ctx, &slack.GetConversationsParameters{
				Cursor: cursor, Limit: 1000, ExcludeArchived: true, Types: []string{"public_channel", "private_channel"},
			})
			return err
		})
		if err != nil {
			return "", err
		}
		for _, ch := range page {
			if strings.EqualFold(ch.Name, name) {
				return ch.ID, nil
			}
		}
		if cursor == "" {
			return "", &chat.Error{Kind: chat.ErrorRefused, Op: listConversations.name, Code: "channel_not_found"}
		}
	}
}

// explainAudit says what to do about an audit channel that cannot be used. For it,
// "gone" is no end: an operator has to look.
func (c *Client) explainAudit(err error) error {
	e, ok := errors.AsType[*chat.Error](err)
	if !ok {
		return err
	}
	name := "#" + strings.TrimPrefix(c.audit, "#")
	if channelID.MatchString(strings.TrimPrefix(c.audit, "#")) {
		name = "the channel " + strings.TrimPrefix(c.audit, "#")
	}
	var todo string
	switch e.Code {
	case "channel_not_found":
		todo = fmt.Sprintf("%s does not exist or is private: create it, or invite the bot to %s", name, name)
	case "not_in_channel":
		todo = fmt.Sprintf("invite the bot to %s", name)
	case "is_archived":
		todo = fmt.Sprintf("%s is archived: unarchive it, or set slack.audit_channel to another", name)
	case "restricted_action", "restricted_action_read_only_channel", "restricted_action_thread_only_channel", "restricted_action_non_threadable_channel":
		todo = fmt.Sprintf("posting in %s is restricted: allow the bot in the channel's settings", name)
	default:
		return err
	}
	c.channels.Drop(strings.TrimPrefix(c.audit, "#"))
	return &chat.Error{Kind: chat.ErrorRefused, Op: e.Op, Code: e.Code, Err: errors.New(todo)}
}
