package dispatch

import (
	"context"
	"fmt"
	"strings"

	"apono/bot/chat"
	"apono/flows"
)

// gone tells the operator, once for each message, that a person cannot be reached.
func (m message) gone(ctx context.Context, cause error) outcome {
	m.post.Platform, m.post.Channel, m.post.Message = "", "", ""
	if len(m.platforms) > 1 {
		m.lost.add(m.post.Key.On(""), cause, !strings.HasPrefix(m.post.Shows, goneMark))
		return m.save(ctx, goneMark+m.hash, done(ResultGone))
	}
	if err := m.silent(ctx, m.post.Key); err != nil {
		return m.storeFailed(m.task, err)
	}
	return m.giveUp(ctx, goneMark, cause, done(ResultGone),
		notReached(m.post.Key))
}

// silent tells that an approver will not answer. It comes first: what is on record as
// given up is not looked at again.
func (d *chats) silent(ctx context.Context, k flows.PostKey) error {
	if d.Unreached == nil || k.Audience != flows.AudienceApprover || k.Topic != flows.TopicRequest && k.Topic != flows.TopicExtension {
		return nil
	}
	err := d.Unreached(context.WithoutCancel(ctx), k)
	if late(err) || missing(err) {
		return nil // decided meanwhile, or told before
	}
	return err
}

func notReached(k flows.PostKey) string {
	return fmt.Sprintf("%s could not be reached in chat; the message %q about %s was not delivered.", k.Person, k.Topic, k.Request)
}

// notShown decides about an error that leaves the message where it is.
func (m message) notShown(ctx context.Context, err error) outcome {
	if ended(ctx, err) {
		return stopped(err)
	}
	result := ResultUnknown
	switch chat.KindOf(err) {
	case chat.ErrorRefused:
		return m.giveUp(ctx, refusedMark, err, done(ResultRefused),
			fmt.Sprintf("The chat platform refused the message %q about %s to %s.", m.post.Key.Topic, m.r.ID, m.post.Key.Person))
	case chat.ErrorRetry:
		result = ResultRetry
	case chat.ErrorGone, chat.ErrorUnknown:
	}
	return again(result, m.Now().Add(chatBackoff.delay(m.task.Key, m.task.Tries, chat.RetryAfterOf(err))), err)
}

func (m message) giveUp(ctx context.Context, mark string, cause error, o outcome, sentence string) outcome {
	ctx = context.WithoutCancel(ctx)
	m.Log.ErrorContext(ctx, "message_not_shown", "request", m.r.ID, "task", m.task.Key, "attempt", m.task.Tries+1, "error", cause)
	if !strings.HasPrefix(m.post.Shows, mark) {
		fact := flows.Fact{Kind: flows.FactOperator, Text: sentence}
		if err := m.Posts.Record(ctx, m.Now(), fact); err != nil {
			return m.storeFailed(m.task, err)
		}
	}
	return m.save(ctx, mark+m.hash, o)
}
