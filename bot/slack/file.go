package slack

import (
	"bytes"
	"context"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// UploadFile hands Slack a file that nobody sees until ShareFile. It must not be
// empty. https://docs.slack.dev/messaging/working-with-files
func (c *Client) UploadFile(ctx context.Context, name string, data []byte) (id string, err error) {
	var to *slack.GetUploadURLExternalResponse
	err = c.call(ctx, uploadURL, "", chat.PriorityAudit, func(ctx context.Context) (err error) {
		to, err = c.api.GetUploadURLExternalContext(ctx, slack.GetUploadURLExternalParameters{FileName: name, FileSize: len(data)})
		return err
	})
	if err != nil {
		return "", err
	}
	err = c.call(ctx, upload, "", chat.PriorityAudit, func(ctx context.Context) error {
		return c.api.UploadToURL(ctx, slack.UploadToURLParameters{UploadURL: to.UploadURL, Reader: bytes.NewReader(data), Filename: name})
	})
	return to.FileID, err
}

// CodeFileUnknown is the code of ShareFile's error for a file that does not wait to be
// shared: it was, or it was never uploaded.
const CodeFileUnknown = "file_not_found"

// ShareFile shows an uploaded file in a channel, by name or id, or else to a person in
// the direct chat with the bot.
func (c *Client) ShareFile(ctx context.Context, id, title, channel string, to chat.Recipient, comment string) (err error) {
	if channel != "" {
		channel, err = c.channel(ctx, channel)
	} else {
		channel, err = c.direct(ctx, to, chat.PriorityAudit)
	}
	if err != nil {
		return err
	}
	return c.call(ctx, shareFile, channel, chat.PriorityAudit, func(ctx context.Context) error {
		_, err := c.api.CompleteUploadExternalContext(ctx, slack.CompleteUploadExternalParameters{
			Files: []slack.FileSummary{{ID: id, Title: title}}, Channel: channel, InitialComment: escape(comment),
		})
		return err
	})
}
