package teams

import (
	"context"
	"html"
	"net/http"
	"regexp"
	"strings"
	"time"

	"apono/bot/chat"
)

// maxCommand bounds what is taken of a message, in runes.
const maxCommand = 3000

// message takes what a person wrote to the bot, or the press of a client that knows
// no Action.Execute. The answer comes as a message, so the request is accepted at
// once; a repeat of it is dropped.
func (a *Adapter) message(ctx context.Context, got received) response {
	accepted := response{status: http.StatusAccepted}
	one, first := a.invokes.join(got, time.Now())
	if !first {
		a.meter.Count(CountDuplicate, "message")
		return accepted
	}
	ok := a.background(ctx, "message", func(ctx context.Context) {
		defer func() { one.settle(response{status: http.StatusOK}, time.Now()) }()
		a.read(ctx, got)
	})
	if !ok {
		one.settle(response{status: http.StatusServiceUnavailable}, time.Now())
		return response{status: http.StatusServiceUnavailable, err: errStopping}
	}
	return accepted
}

func (a *Adapter) read(ctx context.Context, got received) {
	where := spot{got.Conversation.ID, got.ServiceURL, ""}
	if got.Conversation.ConversationType != personal || got.From.AadObjectID == "" {
		a.tell(ctx, where, *chat.Say("I answer in your own chat with me alone. Please write to me there.").Private)
		return
	}
	where.member = got.From.ID
	if len(got.Value) > 0 && string(got.Value) != "null" {
		a.pressed(ctx, got, where)
		return
	}
	text := command(got.Text)
	answer := sorry
	a.guard(ctx, "command", func() { answer = a.handler.Command(ctx, chat.Command{User: user(got.Activity), Text: text}) })
	switch {
	case answer.Open != nil:
		a.offer(ctx, where, *answer.Open, wire{Do: doCommand, Text: text})
	case answer.Private != nil:
		a.tell(ctx, where, *answer.Private)
	}
}

// pressed takes the fallback of an Action.Execute.
func (a *Adapter) pressed(ctx context.Context, got received, where spot) {
	w, _, err := readWire(got.Value)
	if err != nil || w.Do != doClick {
		a.tell(ctx, where, *chat.Say("I do not know this button. Please open the latest message.").Private)
		return
	}
	_, answer, err := a.committed(ctx, got, w)
	switch {
	case err != nil:
		a.log.ErrorContext(ctx, "teams press could not be committed", "error", err)
		a.tell(ctx, where, *sorry.Private)
	case answer.Open != nil:
		a.offer(ctx, where, *answer.Open, w)
	case answer.Private != nil:
		a.tell(ctx, where, *answer.Private)
	}
}

// offer posts a button that opens a dialog: Teams opens none for a message.
func (a *Adapter) offer(ctx context.Context, where spot, form chat.Form, w wire) {
	m := RenderCard(chat.Card{Body: chat.T("Press the button to go on."), Fallback: form.Title})
	m.Card["actions"] = []any{obj{"type": "Action.Submit", "title": label(form.Title, "Open"), "style": "positive", "data": w.fetch()}}
	if _, err := a.client.post(ctx, message(where, m)); err != nil {
		a.meter.Count(CountDropped, "form")
		a.log.WarnContext(ctx, "teams answer could not be delivered", "error", err)
	}
}

var (
	mention = regexp.MustCompile(`(?is)<at[^>]*>.*?</at>`)
	named   = regexp.MustCompile(`(?i)^/?apono(\s+|$)`)
)

// command is what was typed after the bot's name, which may be left out: "requests"
// is "apono requests".
func command(text string) string {
	text = html.UnescapeString(mention.ReplaceAllString(text, " "))
	text = strings.TrimSpace(strings.ReplaceAll(text, "\u00a0", " "))
	text = strings.TrimSpace(named.ReplaceAllString(text, ""))
	if r := []rune(text); len(r) > maxCommand {
		text = string(r[:maxCommand])
	}
	return text
}

var _ http.Handler = (*Adapter)(nil)
