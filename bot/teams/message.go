package teams

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"regexp"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// maxCommand bounds what is taken of a message, in runes.
const maxCommand = 3000

// message takes what a person wrote to the bot, or the press of a client that knows
// no Action.Execute. The answer comes as a message, so the request is accepted at
// once; a repeat of it is dropped.
func (a *Adapter) message(ctx context.Context, got received) response {
	accepted := response{status: http.StatusAccepted}
	one, first := a.invokes.join(got, time.Now(), false)
	if !first {
		a.meter.Count(CountDuplicate, "message")
		return accepted
	}
	do, err := a.acts(ctx, got)
	if err != nil {
		failed := response{status: http.StatusInternalServerError, err: err}
		one.settle(failed, time.Now())
		return failed
	}
	if do == nil {
		do = func(ctx context.Context) { a.read(ctx, got) }
	}
	ok := a.background(ctx, "message", func(ctx context.Context) {
		defer func() { one.settle(response{status: http.StatusOK}, time.Now()) }()
		do(ctx)
	})
	if !ok {
		one.settle(response{status: http.StatusServiceUnavailable}, time.Now())
		return response{status: http.StatusServiceUnavailable, err: errStopping}
	}
	return accepted
}

// acts commits a command that changes something, so that it is not lost, and returns
// what is to be done in the place of reading it; nil: it is another message.
func (a *Adapter) acts(ctx context.Context, got received) (do func(context.Context), err error) {
	f, ok := a.handler.(chat.Foreteller)
	if !ok || !converses(got) || carries(got) {
		return nil, nil
	}
	c := chat.Command{User: user(got.Activity), Text: command(got.Text)}
	if f.Foretell(c) != chat.MannerActs {
		return nil, nil
	}
	p := press{
		Key:   strings.Join([]string{"teams", got.From.AadObjectID, "command", got.ID}, "/"),
		Click: chat.Click{User: c.User, At: time.Now().UTC()}, Command: &c,
		Where: spot{got.Conversation.ID, got.ServiceURL, got.From.ID}.String(),
	}
	fresh, err := a.commit(ctx, p)
	if err != nil {
		return nil, err
	}
	if !fresh {
		a.meter.Count(CountDuplicate, "message")
		return func(context.Context) {}, nil
	}
	return func(ctx context.Context) { a.kept(ctx, p, false).Begin() }, nil
}

// converses reports whether a message is of a person in their own chat with the bot.
func converses(got received) bool {
	return got.Conversation.ConversationType == personal && got.From.AadObjectID != ""
}

// carries reports whether a message is the press of a button.
func carries(got received) bool { return len(got.Value) > 0 && string(got.Value) != "null" }

func (a *Adapter) read(ctx context.Context, got received) {
	where := spot{got.Conversation.ID, got.ServiceURL, ""}
	if !converses(got) {
		a.tell(ctx, where, *chat.Say("I answer in your own chat with me alone. Please write to me there.").Private)
		return
	}
	where.member = got.From.ID
	if carries(got) {
		a.pressed(ctx, got, where)
		return
	}
	text := command(got.Text)
	a.told(ctx, where, wire{Do: doCommand, Text: text}, a.commanded(ctx, got, text))
}

// commanded does what somebody wrote, which changes nothing.
func (a *Adapter) commanded(ctx context.Context, got received, text string) chat.Answer {
	c := chat.Command{User: user(got.Activity), Text: text}
	return platform.Guarding(a.guard).Answer(ctx, "command", a.handler, &c, chat.Click{})
}

// told answers a command in a message; w opens what it opens.
func (a *Adapter) told(ctx context.Context, where spot, w wire, answer chat.Answer) {
	switch {
	case answer.Open != nil:
		a.offer(ctx, where, "", *answer.Open, w)
	case answer.Private != nil:
		a.tell(ctx, where, *answer.Private)
	}
}

// pressed takes a button of a client that sends buttons as messages: one that knows
// no Action.Execute, or no dialogs. The latter gets forms as messages; what is shown
// once is never put there.
func (a *Adapter) pressed(ctx context.Context, got received, where spot) {
	w, raw, err := readWire(got.Value)
	if err != nil {
		a.tell(ctx, where, *chat.Say("I do not know this button. Please open the latest message.").Private)
		return
	}
	var answer chat.Answer
	switch w.Do {
	case doForm:
		a.inline(ctx, got, where, w, raw)
		return
	case doCommand:
		answer = a.commanded(ctx, got, w.Text)
	case doClick:
		if _, answer, err = a.committed(ctx, got, w); err != nil {
			a.log.ErrorContext(ctx, "teams press could not be committed", "error", err)
			answer = platform.Sorry
		}
	default:
		answer = chat.Say("I do not know this button. Please open the latest message.")
	}
	switch {
	case answer.Then != nil:
		a.tell(ctx, where, *chat.Say("This is shown in a dialog alone, and your app opens none. Please use another one, Teams in a browser for example.").Private)
	case answer.Open != nil && fetching(got.Value):
		a.postForm(ctx, where, dialog{form: a.listed(ctx, user(got.Activity), *answer.Open), key: rand.Text()})
	case answer.Open != nil:
		a.offer(ctx, where, "", *answer.Open, w)
	case answer.Private != nil:
		a.tell(ctx, where, *answer.Private)
	}
}

// fetching reports whether a button should have opened a dialog.
func fetching(data json.RawMessage) bool {
	var v struct {
		Teams struct {
			Type string `json:"type"`
		} `json:"msteams"`
	}
	return json.Unmarshal(data, &v) == nil && v.Teams.Type == "task/fetch"
}

// inline takes a form that was filled in within a message. That stays, so something else
// can be sent with it: its key is that of what was filled in. Whoever sends the same again
// is told so.
func (a *Adapter) inline(ctx context.Context, got received, where spot, w wire, raw map[string]json.RawMessage) {
	if filled, err := json.Marshal(raw); err == nil && w.Form != nil && len(w.Form.Key) <= maxID {
		form := *w.Form
		sum := sha256.Sum256(append([]byte(form.Key+"\x00"), filled...))
		form.Key, w.Form = base64.RawURLEncoding.EncodeToString(sum[:]), &form
	}
	next, sound := a.filled(ctx, user(got.Activity), w, raw)
	if !sound {
		a.tell(ctx, where, *chat.Say("I do not know this form. Please open it again.").Private)
		return
	}
	if next != nil {
		a.postForm(ctx, where, *next)
		return
	}
	sent := got.From.AadObjectID + "\x00" + w.Form.Key
	if _, before := a.sent.Get(sent); before {
		a.tell(ctx, where, *chat.Say("Exactly this was sent before, and counts once. To send something else, change what is filled in, or open the form again.").Private)
	}
	a.sent.Put(sent, struct{}{})
}

// postForm shows a form as a message. It reports whether it could not, and may later.
func (a *Adapter) postForm(ctx context.Context, where spot, d dialog) (left bool) {
	card, err := d.card()
	title := label(d.form.Title, "A form")
	return a.deliver(ctx, "form", func() error {
		if err != nil {
			return &chat.Error{Kind: chat.ErrorRefused, Op: opPost.name, Code: "not_drawn", Err: err}
		}
		card["fallbackText"] = title
		_, err := a.client.post(ctx, message(where, Message{Card: card, Summary: title}), platform.PriorityNow)
		return err
	})
}

// offer posts a button that opens a dialog, under a sentence: Teams opens none for a
// message. It reports whether it could not, and may later.
func (a *Adapter) offer(ctx context.Context, where spot, sentence string, form chat.Form, w wire) (left bool) {
	m := RenderCard(chat.Card{Body: chat.T(strings.TrimSpace(sentence + " Press the button to go on.")), Fallback: form.Title})
	m.Card["actions"] = []any{obj{"type": "Action.Submit", "title": label(form.Title, "Open"), "style": "positive", "data": w.fetch()}}
	return a.deliver(ctx, "form", func() error {
		_, err := a.client.post(ctx, message(where, m), platform.PriorityNow)
		return err
	})
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
