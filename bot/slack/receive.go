package slack

import (
	"context"
	"encoding/json"
	"errors"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// delivery is an envelope on its way through the adapter.
type delivery struct {
	envelope
	socket  *socket
	arrived time.Time
	acked   *atomic.Bool
}

// receive takes an envelope from a socket. What arrives while the adapter stops is
// not acknowledged: Slack gives it to another connection or tells the person.
func (a *Adapter) receive(ctx context.Context, s *socket, e envelope) {
	d := delivery{e, s, time.Now(), new(atomic.Bool)}
	//nolint:contextcheck // what was received outlives its socket
	if !a.take(s.work, &a.receiving, a.receives, e.Type, func(ctx context.Context) { a.once(ctx, d, func() { a.dispatch(ctx, d) }) }) {
		a.meter.Count(CountUnacked, e.Type)
		a.log.InfoContext(ctx, "slack delivery is left unacknowledged: stopping", "type", e.Type)
	}
}

func (a *Adapter) dispatch(ctx context.Context, d delivery) {
	a.meter.Count(CountReceived, d.Type)
	switch d.Type {
	case "interactive":
		a.interactive(ctx, d)
	case "slash_commands":
		a.slash(ctx, d)
	case "events_api":
		a.event(ctx, d)
	default:
		a.log.WarnContext(ctx, "slack delivery of an unknown type is ignored", "type", d.Type)
		a.ack(ctx, d, nil)
	}
}

func (a *Adapter) interactive(ctx context.Context, d delivery) {
	var in interaction
	if err := json.Unmarshal(d.Payload, &in); err != nil {
		a.unreadable(ctx, d, err)
		return
	}
	switch in.Type {
	case "block_actions":
		if in.View.Type == "modal" {
			a.change(ctx, d, in)
		} else {
			a.click(ctx, d, in)
		}
	case "view_submission":
		a.submit(ctx, d, in)
	case "block_suggestion":
		a.search(ctx, d, in)
	case "shortcut", "message_action":
		a.shortcut(ctx, d, in)
	case "view_closed":
		a.lines.forget(in.View.ID)
		a.ack(ctx, d, nil)
	default:
		a.log.WarnContext(ctx, "slack interaction of an unknown type is ignored", "type", in.Type)
		a.ack(ctx, d, nil)
	}
}

// unreadable leaves a delivery without an ack, so that the person is told by Slack.
func (a *Adapter) unreadable(ctx context.Context, d delivery, err error) {
	a.meter.Count(CountUnacked, d.Type)
	a.log.ErrorContext(ctx, "slack delivery cannot be read", "type", d.Type, "error", err)
}

// ack acknowledges; it reports whether the answer was taken. Where no socket is open, one
// may be before Slack gives up.
func (a *Adapter) ack(ctx context.Context, d delivery, payload any) bool {
	err := a.acknowledge(d, payload)
	for err != nil && !errors.Is(err, errTooLong) && time.Since(d.arrived)+ackAgain < ackBudget && ctx.Err() == nil {
		sleep(ctx, ackAgain)
		err = a.acknowledge(d, payload)
	}
	if err != nil {
		a.meter.Count(CountUnacked, d.Type)
		a.log.WarnContext(ctx, "slack delivery could not be acknowledged", "type", d.Type, "error", err)
		return false
	}
	d.acked.Store(true)
	return true
}

// commit writes a delivery down before it is acknowledged. Without a commit there is
// no ack: the person sees Slack's warning and can press again.
func (a *Adapter) commit(ctx context.Context, d delivery, key string, payload []byte) (fresh, ok bool) {
	ctx, cancel := context.WithTimeout(ctx, ackBudget-time.Since(d.arrived))
	defer cancel()
	fresh, err := a.inbox.Receive(ctx, d.arrived, key, payload)
	if err != nil {
		a.meter.Count(CountUnacked, d.Type)
		a.log.ErrorContext(ctx, "slack delivery could not be committed and is not acknowledged", "type", d.Type, "error", err)
		return false, false
	}
	if !fresh {
		a.meter.Count(CountDuplicate, d.Type)
	}
	return fresh, true
}

func (a *Adapter) finish(ctx context.Context, key string) {
	if err := a.inbox.Finish(context.WithoutCancel(ctx), key); err != nil {
		a.log.ErrorContext(ctx, "slack delivery stays marked as undone", "error", err)
	}
}

// ephemeralReply answers a slash command within its ack.
// https://docs.slack.dev/interactivity/implementing-slash-commands#responding_to_commands
type ephemeralReply struct {
	ResponseType string        `json:"response_type"`
	Text         string        `json:"text"`
	Blocks       []slack.Block `json:"blocks"`
}

func reply(card chat.Card) ephemeralReply {
	m := RenderCard(card)
	return ephemeralReply{slack.ResponseTypeEphemeral, m.Text, m.Blocks}
}

// slash runs a command. One that acts is committed like a press. One that opens a form
// or shows a list is not; if the process dies, the person sees no answer.
func (a *Adapter) slash(ctx context.Context, d delivery) {
	var c slashCommand
	if err := json.Unmarshal(d.Payload, &c); err != nil || c.UserID == "" {
		a.unreadable(ctx, d, errors.Join(err, errors.New("a command without a user")))
		return
	}
	if c.Command != a.command {
		a.ack(ctx, d, reply(chat.Card{Body: chat.T("This bot answers to " + a.command + "."), Fallback: "This bot answers to " + a.command + "."}))
		return
	}
	at := place{
		user: c.user(), channel: c.ChannelID, responseURL: c.ResponseURL, trigger: c.TriggerID, haste: chat.PriorityForm, arrived: d.arrived,
		again: "Please type the command again.",
	}
	told := chat.Command{User: c.user(), Text: c.Text}
	switch a.foretell(told) {
	case chat.MannerActs:
		a.act(ctx, d, told, at)
	case chat.MannerOpens:
		at.moment = a.oneMoment(ctx, at)
		a.ask(ctx, d, told, at, whileOpen)
	case chat.MannerTells:
		a.ask(ctx, d, told, at, func(ctx context.Context, _ place) (context.Context, context.CancelFunc) {
			return context.WithCancel(ctx)
		})
	}
}

// ask answers a command that changes nothing, within the ack if that is possible. bound
// says how long it is worked on.
func (a *Adapter) ask(ctx context.Context, d delivery, told chat.Command, at place, bound func(context.Context, place) (context.Context, context.CancelFunc)) {
	working, stop := bound(ctx, at)
	answers := make(chan chat.Answer, 1)
	if !a.answering(working, a.commands, "command", func(ctx context.Context) {
		answers <- platform.Guarding(a.guard).Answer(ctx, "command", a.handler, &told, chat.Click{})
	}) {
		stop()
		a.meter.Count(CountDropped, "command")
		a.ack(ctx, d, reply(*busy.Private))
		if at.moment.opening() {
			a.background(ctx, "command", func(ctx context.Context) { a.answer(ctx, at, busy) })
		}
		return
	}
	budget := time.NewTimer(commandBudget - time.Since(d.arrived))
	defer budget.Stop()
	select {
	case answer := <-answers:
		stop()
		if answer.Open == nil && answer.Private != nil && d.Accepts && !at.moment.opening() && a.ackSmall(ctx, d, reply(*answer.Private)) {
			return
		}
		a.ack(ctx, d, nil)
		a.background(ctx, "command", func(ctx context.Context) { a.answer(ctx, at, answer) })
	case <-budget.C:
		a.ack(ctx, d, nil)
		a.awaiting(ctx, working, at, stop, answers)
	}
}

// awaiting answers as soon as the answer is there, or says that it came too late. While
// it waits it takes no room from those who have something to do.
func (a *Adapter) awaiting(ctx, working context.Context, at place, stop context.CancelFunc, answers <-chan chat.Answer) {
	a.working.add(1)
	go func() {
		defer a.working.add(-1)
		defer stop()
		var answer chat.Answer
		select {
		case answer = <-answers:
		case <-working.Done():
		}
		if errors.Is(context.Cause(working), errTooLate) {
			a.meter.Count(CountDropped, "form")
			answer = chat.Say(tooLate + at.again)
		} else if working.Err() != nil {
			return // the process ends
		}
		a.background(ctx, "command", func(ctx context.Context) { a.answer(ctx, at, answer) })
	}()
}

func (a *Adapter) foretell(c chat.Command) chat.Manner {
	if f, ok := a.handler.(chat.Foreteller); ok {
		return f.Foretell(c)
	}
	return chat.MannerTells
}

// act takes a command that changes something: commit, ack, handle, answer, finish.
func (a *Adapter) act(ctx context.Context, d delivery, c chat.Command, at place) {
	p := press{
		Key:   "command/" + c.User.ID + "/" + d.eventKey(),
		Click: chat.Click{User: c.User, At: d.arrived.UTC()}, Command: &c,
		Channel: at.channel, ResponseURL: at.responseURL,
	}
	payload, err := json.Marshal(p)
	if err != nil {
		a.unreadable(ctx, d, err) // (this is a bug)
		return
	}
	fresh, ok := a.commit(ctx, d, p.Key, payload)
	if !ok {
		return
	}
	a.ack(ctx, d, nil)
	if fresh {
		a.press(ctx, "command", p, at)
	}
}

// ackSmall acknowledges with an answer if the answer fits into an ack.
func (a *Adapter) ackSmall(ctx context.Context, d delivery, payload any) bool {
	b, err := json.Marshal(payload)
	if err != nil || len(b) > maxAck-512 {
		return false
	}
	return a.ack(ctx, d, payload)
}

// search answers what the person types into a menu.
func (a *Adapter) search(ctx context.Context, d delivery, in interaction) {
	ctx, cancel := context.WithTimeout(ctx, ackBudget-time.Since(d.arrived))
	defer cancel()
	found := make(chan []chat.Option, 1)
	taken := a.answering(ctx, a.searches, "search", func(ctx context.Context) {
		var options []chat.Option
		a.guard(ctx, "search", func() {
			options = a.handler.Search(ctx, chat.Search{
				User: in.user(), Form: chat.FormID(in.View.CallbackID), State: in.View.Metadata,
				Field: in.ActionID, Query: in.Value, Values: in.View.values(),
			})
		})
		found <- options
	})
	if !taken {
		a.meter.Count(CountDropped, "search")
		a.ack(ctx, d, suggest(nil))
		return
	}
	select {
	case options := <-found:
		a.ack(ctx, d, suggest(options))
	case <-ctx.Done():
		a.meter.Count(CountDropped, "search")
		a.log.WarnContext(ctx, "slack search took too long", "field", in.ActionID)
		a.ack(context.WithoutCancel(ctx), d, suggest(nil))
	}
}
