package teams

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

const done = "Done. The message above is brought up to date in a moment."

// committed writes a click down, handles it and returns the answer. The first of its
// errors is that it could not be written down; then nothing was done.
func (a *Adapter) committed(ctx context.Context, got received, w wire) (press, chat.Answer, error) {
	target, err := w.Target.chat()
	if err != nil {
		return press{}, chat.Answer{}, errUnreadable
	}
	p := press{
		Key:   strings.Join([]string{"teams", got.From.AadObjectID, got.ReplyToID, w.Action, got.ID}, "/"),
		Click: chat.Click{User: user(got.Activity), Action: chat.ActionID(w.Action), Target: target, At: time.Now().UTC()},
		Where: spot{got.Conversation.ID, got.ServiceURL, got.From.ID}.String(),
	}
	fresh, err := a.commit(ctx, p)
	if err != nil {
		return p, chat.Answer{}, err
	}
	if !fresh {
		a.meter.Count(CountDuplicate, "click")
		return p, chat.Say("This press has arrived before, and is being handled."), nil
	}
	return p, a.now(ctx, p), nil
}

var errUnreadable = errors.New("not a button of this bot")

func (a *Adapter) finish(ctx context.Context, key string) {
	if err := a.inbox.Finish(context.WithoutCancel(ctx), key); err != nil {
		a.log.ErrorContext(ctx, "teams delivery stays marked as undone", "error", err)
	}
}

// executed answers an Action.Execute: a press on a card, or a client that wants the
// card as it is now.
func (a *Adapter) executed(ctx context.Context, got received) response {
	var value struct {
		Action struct {
			Data json.RawMessage `json:"data"`
		} `json:"action"`
	}
	if err := json.Unmarshal(got.Value, &value); err != nil {
		return response{status: http.StatusBadRequest}
	}
	w, _, err := readWire(value.Action.Data)
	if err != nil {
		return response{status: http.StatusBadRequest}
	}
	if w.Do == doRefresh {
		return a.refresh(ctx, got, w)
	}
	if w.Do != doClick {
		return response{status: http.StatusBadRequest}
	}
	p, answer, err := a.committed(ctx, got, w)
	switch {
	case errors.Is(err, errUnreadable):
		return toast(chat.OtherVersion)
	case err != nil:
		return response{status: http.StatusInternalServerError, err: err}
	case answer.Open != nil:
		return a.orWritten(p, answer, cardAnswer(asking(*answer.Open, p.Click, w)))
	case answer.Private != nil && brief(*answer.Private):
		return a.orWritten(p, answer, toast(sentence(*answer.Private)))
	case answer.Private != nil: // a toast cannot hold it
		a.write(ctx, p, answer)
		return toast(sentence(*answer.Private))
	}
	if card, ok := a.redrawn(ctx, p.Click); ok {
		return cardAnswer(RenderCard(card).Card)
	}
	return toast(done)
}

// orWritten is an answer on the screen that is written to the person where their client
// waits no longer.
func (a *Adapter) orWritten(p press, answer chat.Answer, out response) response {
	out.late = func(ctx context.Context) { a.write(ctx, p, answer) }
	return out
}

// brief reports whether a toast holds a private answer.
func brief(card chat.Card) bool {
	return card.Title == "" && len(card.Sections) == 0 && len(card.Notes) == 0 && len(card.Actions) == 0
}

// asking is a card for the clicker alone, with the button that opens the dialog that
// is needed now: Teams opens none for an Action.Execute.
func asking(form chat.Form, click chat.Click, w wire) obj {
	m := RenderCard(chat.Card{Title: form.Title, Body: chat.T("One thing more is needed for " + click.Target.Request + "."), Fallback: form.Title})
	m.Card["actions"] = []any{obj{"type": "Action.Submit", "title": label(form.Submit, form.Title), "style": "positive", "data": w.fetch()}}
	return m.Card
}

func sentence(card chat.Card) string {
	for _, t := range []chat.Text{card.Body, card.Status} {
		if s := line(t.Words(maxText)); s != "" {
			s, _ = chat.Cut(s, 1000)
			return s
		}
	}
	return fallback(card)
}

// tell posts a private answer to somebody's own chat. It reports whether it could not,
// and may later.
func (a *Adapter) tell(ctx context.Context, where spot, card chat.Card) (left bool) {
	return a.deliver(ctx, "private", func() error {
		_, err := a.client.postAt(ctx, where, card, platform.PriorityNow)
		return err
	})
}

const (
	// answerTries is how often an answer is posted, and answerPause is after the first
	// try; each further pause is twice as long. Together they are half a minute.
	answerTries = 6
	answerPause = time.Second
)

// deliver posts an answer, and again where that may help. Where the connector failed
// nobody can know whether it is there: rather twice than not at all. It reports whether
// it could not, and may later.
func (a *Adapter) deliver(ctx context.Context, what string, post func() error) (left bool) {
	err := a.again(ctx, post)
	if err == nil {
		return false
	}
	a.meter.Count(CountDropped, what)
	a.log.WarnContext(ctx, "teams answer could not be delivered", "error", err)
	return chat.KindOf(err) == chat.ErrorRetry
}

// again calls what may fail for a moment, as the outbox does with messages, and returns
// its last error. Whoever stops does not wait for that.
func (a *Adapter) again(ctx context.Context, call func() error) error {
	pause := answerPause
	for try := 1; ; try++ {
		err := call()
		if err == nil {
			return nil
		}
		kind, wait := chat.KindOf(err), max(pause, chat.RetryAfterOf(err))
		until, ok := ctx.Deadline()
		may := try < answerTries && (kind == chat.ErrorRetry || kind == chat.ErrorUnknown) && (!ok || time.Until(until) >= wait)
		if !may || !a.pause(ctx, wait) {
			return err
		}
		pause *= 2
	}
}

// pause waits; false: the adapter stops.
func (a *Adapter) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-a.stopped:
	}
	return false
}

// redrawn is the card of a request as it is now for whoever clicked.
func (a *Adapter) redrawn(ctx context.Context, click chat.Click) (card chat.Card, ok bool) {
	if r, is := a.handler.(chat.Redrawer); is {
		a.guard(ctx, "redraw", func() { card, ok = r.Redraw(ctx, click) })
	}
	return card, ok
}

// refresh answers a client that has a card in view. It changes nothing.
func (a *Adapter) refresh(ctx context.Context, got received, w wire) response {
	target, err := w.Target.chat()
	if err != nil {
		return response{status: http.StatusBadRequest}
	}
	out := toast("There is nothing new here for you.")
	if card, ok := a.redrawn(ctx, chat.Click{User: user(got.Activity), Target: target, At: time.Now().UTC()}); ok {
		out = cardAnswer(RenderCard(card, got.From.ID).Card)
	}
	same := out
	out.again = func() response { return same }
	return out
}

// toast is a short answer that the client shows to the clicker.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model#response-format
func toast(sentence string) response {
	return answerWith(obj{"statusCode": http.StatusOK, "type": "application/vnd.microsoft.activity.message", "value": sentence})
}

func cardAnswer(card obj) response {
	return answerWith(obj{"statusCode": http.StatusOK, "type": cardType, "value": card})
}
