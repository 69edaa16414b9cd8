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

// press is a click as it is kept in the inbox until it is answered.
type press struct {
	Key   string     `json:"key"`
	Click chat.Click `json:"click"`
	Where string     `json:"where"` // the chat of the clicker, as a spot
}

const done = "Done. The message above is brought up to date in a moment."

var sorry = chat.Say("Something went wrong here. Please try again; if it happens twice, tell an admin.")

// committed writes a click down, handles it and returns the answer. The first of its
// errors is that it could not be written down; then nothing was done.
func (a *Adapter) committed(ctx context.Context, got received, w wire) (chat.Click, chat.Answer, error) {
	target, err := w.Target.chat()
	if err != nil {
		return chat.Click{}, chat.Answer{}, errUnreadable
	}
	p := press{
		Key:   strings.Join([]string{"teams", got.From.AadObjectID, got.ReplyToID, w.Action, got.ID}, "/"),
		Click: chat.Click{User: user(got.Activity), Action: chat.ActionID(w.Action), Target: target, At: time.Now().UTC()},
		Where: spot{got.Conversation.ID, got.ServiceURL, got.From.ID}.String(),
	}
	payload, err := json.Marshal(p)
	if err != nil {
		return p.Click, chat.Answer{}, err // (this is a bug)
	}
	fresh, err := a.inbox.Receive(ctx, p.Click.At, p.Key, payload)
	if err != nil {
		return p.Click, chat.Answer{}, err
	}
	if !fresh {
		a.meter.Count(CountDuplicate, "click")
		return p.Click, chat.Say("This press has arrived before, and is being handled."), nil
	}
	answer := sorry
	a.guard(ctx, "click", func() { answer = a.handler.Click(ctx, p.Click) })
	a.finish(ctx, p.Key)
	return p.Click, answer, nil
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
	click, answer, err := a.committed(ctx, got, w)
	switch {
	case errors.Is(err, errUnreadable):
		return toast("This button is from another version of the bot. Please open the latest message.")
	case err != nil:
		return response{status: http.StatusInternalServerError, err: err}
	case answer.Open != nil:
		return cardAnswer(asking(*answer.Open, click, w))
	case answer.Private != nil:
		return a.say(ctx, got, *answer.Private)
	}
	if card, ok := a.redrawn(ctx, click); ok {
		return cardAnswer(RenderCard(card).Card)
	}
	return toast(done)
}

// asking is a card for the clicker alone, with the button that opens the dialog that
// is needed now: Teams opens none for an Action.Execute.
func asking(form chat.Form, click chat.Click, w wire) obj {
	m := RenderCard(chat.Card{Title: form.Title, Body: chat.T("One thing more is needed for " + click.Target.Request + "."), Fallback: form.Title})
	m.Card["actions"] = []any{obj{"type": "Action.Submit", "title": label(form.Submit, form.Title), "style": "positive", "data": w.fetch()}}
	return m.Card
}

// say shows a private answer: as a toast, and where that cannot hold it, as a message
// in the person's own chat.
func (a *Adapter) say(ctx context.Context, got received, card chat.Card) response {
	words := sentence(card)
	if card.Title != "" || len(card.Sections) > 0 || len(card.Notes) > 0 || len(card.Actions) > 0 {
		a.tell(ctx, spot{got.Conversation.ID, got.ServiceURL, got.From.ID}, card)
	}
	return toast(words)
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

// tell posts a private answer to somebody's own chat.
func (a *Adapter) tell(ctx context.Context, where spot, card chat.Card) {
	if _, err := a.client.postAt(ctx, where, card, platform.PriorityNow); err != nil {
		a.meter.Count(CountDropped, "private")
		a.log.WarnContext(ctx, "teams answer could not be delivered", "error", err)
	}
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
	card, ok := a.redrawn(ctx, chat.Click{User: user(got.Activity), Target: target, At: time.Now().UTC()})
	if !ok {
		return toast("There is nothing new here for you.")
	}
	return cardAnswer(RenderCard(card, got.From.ID).Card)
}

// replay handles the clicks that an earlier run committed and did not finish. Their
// clients do not wait any more, so answers come as messages.
func (a *Adapter) replay(ctx context.Context) {
	undone, err := a.inbox.Undone(ctx)
	if err != nil {
		a.log.ErrorContext(ctx, "undone teams deliveries could not be read; they are left for the next start", "error", err)
		return
	}
	for _, payload := range undone {
		var p press
		if err := json.Unmarshal(payload, &p); err != nil || p.Click.User.Platform != Platform {
			continue
		}
		p.Click.Replayed = true
		a.background(ctx, "replay", func(ctx context.Context) {
			answer := sorry
			a.guard(ctx, "click", func() { answer = a.handler.Click(ctx, p.Click) })
			where, ok := parseSpot(p.Where)
			switch {
			case !ok:
			case answer.Open != nil:
				a.tell(ctx, where, *chat.Say("The bot was restarted before it could open that. Please press the button again.").Private)
			case answer.Private != nil:
				a.tell(ctx, where, *answer.Private)
			}
			a.finish(ctx, p.Key)
		})
	}
}

// toast is a short answer that the client shows to the clicker.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/universal-action-model#response-format
func toast(sentence string) response {
	return answerWith(obj{"statusCode": http.StatusOK, "type": "application/vnd.microsoft.activity.message", "value": sentence})
}

func cardAnswer(card obj) response {
	return answerWith(obj{"statusCode": http.StatusOK, "type": cardType, "value": card})
}
