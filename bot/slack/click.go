package slack

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"apono/bot/chat"
)

// click takes a press on a card: commit, ack, handle, answer, finish, in this order.
func (a *Adapter) click(ctx context.Context, d delivery, in interaction) {
	p, err := in.press(d.arrived)
	if err != nil {
		a.unreadable(ctx, d, err)
		return
	}
	onHome := in.View.Type == "home"
	if onHome && p.Click.Action == chat.ActionPage {
		a.turnHome(ctx, d, in, p.Click.Target.Item)
		return
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
	if !fresh {
		return
	}
	at := place{
		user: p.Click.User, channel: p.Channel, responseURL: p.ResponseURL, trigger: in.TriggerID, arrived: d.arrived,
		again: "Please press the button again.", onHome: onHome,
	}
	if onHome { // the change of the page is the answer
		at.after = func(ctx context.Context) { a.showHome(ctx, at.user, in.View.Metadata, in.View.Hash) }
	}
	a.press(ctx, "click", p, at, time.Second)
}

// A press that cannot be judged, because Slack does not say who pressed, is kept and
// tried again, at first after a second and then ever more rarely.
const (
	pressPatience = 24 * time.Hour // since it arrived
	pressPause    = time.Minute    // between two tries, at most
)

// press handles a committed press, and once more after the pause if it could not be
// judged. It stays undone meanwhile, so that a restart does not lose it.
func (a *Adapter) press(ctx context.Context, kind string, p press, at place, pause time.Duration) {
	a.background(ctx, kind, func(bounded context.Context) {
		if a.handle(bounded, p, at) {
			if at.after != nil {
				at.after(bounded)
			}
			return
		}
		a.log.InfoContext(ctx, "slack press is kept until slack says who pressed", "again_in", pause)
		p.Click.Replayed, p.Click.Delayed = true, true
		at.replayed, at.delayed, at.onHome = true, true, false // the page may be closed; a message reaches them
		time.AfterFunc(pause, func() {
			a.mu.Lock()
			stopping := a.stopping
			a.mu.Unlock()
			if !stopping { // else it is left for the next start
				a.press(ctx, kind, p, at, min(2*pause, pressPause))
			}
		})
	})
}

// handle does what a committed press asks for. A press whose answer could not be
// delivered is done all the same; one that was cut off by the end of the process is
// not, and is handled again at the next start. false: it could not be judged yet.
func (a *Adapter) handle(ctx context.Context, p press, at place) bool {
	answer := sorry
	a.guard(ctx, "click", func() { answer = a.handler.Click(ctx, p.Click) })
	if ctx.Err() != nil && answer.Private == nil && answer.Open == nil {
		return true
	}
	if answer.Later && time.Since(p.Click.At) < pressPatience {
		return false
	}
	if !a.answer(ctx, at, answer) && errors.Is(ctx.Err(), context.Canceled) {
		return true // the process ends; whoever pressed is told after the next start
	}
	a.finish(ctx, p.Key)
	return true
}

// replay handles the presses that an earlier run committed and did not finish. Their
// triggers are gone, so nothing can be opened for them.
func (a *Adapter) replay(ctx, work context.Context) {
	undone, err := a.inbox.Undone(ctx)
	if err != nil {
		a.log.ErrorContext(ctx, "undone slack deliveries could not be read; they are left for the next start", "error", err)
		return
	}
	for _, payload := range undone {
		var p press
		if err := json.Unmarshal(payload, &p); err != nil || p.Key == "" {
			continue // an event; there is nothing to do for it
		}
		p.Click.Replayed = true
		at := place{user: p.Click.User, channel: p.Channel, responseURL: p.ResponseURL, arrived: p.Click.At, replayed: true}
		a.press(work, "replay", p, at, time.Second)
	}
}

// busy is the answer where too many wait.
var busy = chat.Say("Too many people want something at once. Please try again in a moment.")

// sorry is the answer of a handler that panicked.
var sorry = chat.Say("Something went wrong here. Please try again; if it happens twice, tell an admin.")

// place is where an answer goes.
type place struct {
	user        chat.User
	channel     string
	responseURL string
	trigger     string
	arrived     time.Time
	again       string // what to do if a form could not be opened
	replayed    bool
	onHome      bool // where no message can be shown
	delayed     bool // see chat.Click
	after       func(ctx context.Context)
}

// Limits of what Slack hands out for an answer.
const (
	responseURLLife = 30 * time.Minute
	deliveryTries   = 6 // within about half a minute
)

// answer shows an answer. Its order matters: Then runs only when the form is on the
// screen, because what it fetches may be shown once only. It reports whether the
// person was reached.
func (a *Adapter) answer(ctx context.Context, at place, answer chat.Answer) bool {
	reached := true
	if at.onHome && answer.Private != nil && answer.Open == nil {
		form := inDialog(*answer.Private)
		return a.open(ctx, at, chat.Answer{Open: &form})
	}
	if answer.Open != nil {
		reached = a.open(ctx, at, answer)
	}
	if answer.Private != nil {
		reached = a.tell(ctx, at, *answer.Private) && reached
	}
	return reached
}

// inDialog shows a private answer where there is no conversation to show it in.
func inDialog(c chat.Card) chat.Form {
	f := chat.Form{ID: chat.FormNotice, Title: c.Title, Close: "Close"}
	if f.Title == "" || length(f.Title) > maxViewTitle {
		f.Title = "Please note"
	}
	add := func(t chat.Text) {
		if strings.TrimSpace(plain(t)) != "" {
			f.Parts = append(f.Parts, chat.Part{Kind: chat.PartText, Text: t})
		}
	}
	add(c.Status)
	add(c.Body)
	for _, s := range c.Sections {
		add(chat.Text{chat.Bold(s.Title)})
		for _, field := range s.Fields {
			add(append(chat.Text{chat.Bold(field.Label), chat.Plain("\n")}, field.Value...))
		}
	}
	for _, n := range c.Notes {
		f.Parts = append(f.Parts, chat.Part{Kind: chat.PartNote, Text: n})
	}
	return f
}

func (a *Adapter) open(ctx context.Context, at place, answer chat.Answer) bool {
	if at.delayed {
		return a.tell(ctx, at, *chat.Say("That took too long to open. Please press the button again.").Private)
	}
	if at.replayed {
		return a.tell(ctx, at, *chat.Say("The bot was restarted before it could open that. Please press the button again.").Private)
	}
	viewID, err := a.client.openForm(ctx, at.trigger, *answer.Open)
	if chat.KindOf(err) == chat.ErrorRetry && chat.RetryAfterOf(err) == 0 && ctx.Err() == nil && err != nil {
		viewID, err = a.client.openForm(ctx, at.trigger, *answer.Open)
	}
	if err != nil {
		a.meter.Count(CountDropped, "form")
		a.log.WarnContext(ctx, "slack form could not be opened", "form", string(answer.Open.ID), "after", time.Since(at.arrived), "error", err)
		sentence := "That could not be opened. " + at.again
		if chat.KindOf(err) == chat.ErrorGone {
			sentence = "That took too long to open. " + at.again
		}
		return a.tell(ctx, at, *chat.Say(sentence).Private)
	}
	if answer.Then == nil {
		return true
	}
	var next *chat.Form
	a.guard(ctx, "then", func() { next = answer.Then(ctx) })
	if next != nil {
		err = a.persist(ctx, func() error { _, err := a.client.redrawForm(ctx, viewID, *next); return err })
	}
	if answer.Shown != nil {
		a.guard(ctx, "shown", func() { answer.Shown(ctx, next != nil && err == nil) })
	}
	if err != nil {
		a.meter.Count(CountDropped, "form")
		a.log.WarnContext(ctx, "slack form could not be filled in", "form", string(next.ID), "error", err)
		return a.tell(ctx, at, *chat.Say("The dialog could not be filled in. " + at.again).Private)
	}
	return true
}

// tell shows a card to one person: through the response URL, else in the channel,
// else in the direct chat. Another way is tried where Slack refuses one, not where
// Slack cannot be reached. Better told twice than not at all. It reports whether the
// person may have read it.
func (a *Adapter) tell(ctx context.Context, at place, card chat.Card) bool {
	var ways []func() error
	if at.responseURL != "" && time.Since(at.arrived) < responseURLLife {
		ways = append(ways, func() error { return a.client.respond(ctx, at.responseURL, card) })
	}
	if at.channel != "" {
		ways = append(ways, func() error { return a.client.ephemeral(ctx, at.channel, at.user.ID, card) })
	}
	ways = append(ways, func() error {
		_, err := a.client.Post(ctx, chat.Recipient{ID: at.user.ID}, card, chat.PriorityApprover)
		return err
	})
	var err error
	for _, way := range ways {
		if err = a.persist(ctx, way); err == nil || chat.KindOf(err) == chat.ErrorUnknown {
			return true
		}
		if chat.KindOf(err) == chat.ErrorRetry {
			break
		}
	}
	a.meter.Count(CountDropped, "private")
	a.log.WarnContext(ctx, "slack answer could not be delivered", "error", err)
	return false
}

// persist repeats f while its error says that this helps.
func (a *Adapter) persist(ctx context.Context, f func() error) error {
	for try := 1; ; try++ {
		err := f()
		if err == nil || chat.KindOf(err) != chat.ErrorRetry || try == deliveryTries || ctx.Err() != nil {
			return err
		}
		sleep(ctx, max(chat.RetryAfterOf(err), time.Second<<(try-1)))
	}
}
