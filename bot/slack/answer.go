package slack

import (
	"context"
	"strings"
	"time"

	"apono/bot/chat"
)

// busy is the answer where too many wait.
var busy = chat.Say("Too many people want something at once. Please try again in a moment.")

// tooLate begins the sentence for whoever gets no dialog, since its trigger is dead.
const tooLate = "That took too long to open. "

// place is where an answer goes.
type place struct {
	user        chat.User
	channel     string
	responseURL string
	trigger     string
	haste       chat.Priority // of the dialog that it opens
	arrived     time.Time
	again       string // what to do if a form could not be opened
	replayed    bool
	onHome      bool // where no message can be shown
	delayed     bool // see chat.Click
	after       func(ctx context.Context)
	moment      *ahead // nil: none is shown
}

// Limits of what Slack hands out for an answer.
const (
	responseURLLife = 30 * time.Minute
	deliveryTries   = 6 // within about half a minute
)

// answer shows an answer. Its order matters: Then runs only when the form is on the
// screen, because what it fetches may be shown once only. It returns what
// the person could not be told; nil: they may have read all.
func (a *Adapter) answer(ctx context.Context, at place, answer chat.Answer) (left *chat.Card) {
	waiting := at.moment.view() != ""
	switch {
	case answer.Open != nil:
		left = a.open(ctx, at, answer)
	case answer.Private != nil && (at.onHome || waiting):
		form := inDialog(*answer.Private)
		return a.open(ctx, at, chat.Answer{Open: &form, Private: answer.Private})
	case waiting:
		form := inDialog(*chat.Say("Done.").Private)
		return a.open(ctx, at, chat.Answer{Open: &form})
	}
	if answer.Private != nil {
		if untold := a.tell(ctx, at, *answer.Private); untold != nil {
			left = untold
		}
	}
	return left
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

// open shows a form. What stands in the way is told; it returns what could not be.
func (a *Adapter) open(ctx context.Context, at place, answer chat.Answer) (left *chat.Card) {
	say := func(sentence string) *chat.Card { return a.tell(ctx, at, *chat.Say(sentence).Private) }
	viewID := at.moment.view()
	var err error
	switch {
	case viewID != "":
		err = a.persist(ctx, func() error { _, err := a.client.redrawForm(ctx, viewID, *answer.Open); return err })
		if chat.KindOf(err) == chat.ErrorGone && err != nil { // they closed it
			if answer.Private != nil {
				return a.tell(ctx, at, *answer.Private)
			}
			return nil
		}
	case at.delayed:
		return say(tooLate + "Please press the button again.")
	case at.replayed:
		return say("The bot was restarted before it could open that. Please press the button again.")
	default:
		viewID, err = a.client.openForm(ctx, at, *answer.Open)
		if chat.KindOf(err) == chat.ErrorRetry && chat.CodeOf(err) != codeNotSent && chat.RetryAfterOf(err) == 0 && ctx.Err() == nil && err != nil {
			viewID, err = a.client.openForm(ctx, at, *answer.Open)
		}
	}
	if err != nil {
		a.meter.Count(CountDropped, "form")
		a.log.WarnContext(ctx, "slack form could not be opened", "form", string(answer.Open.ID), "after", time.Since(at.arrived), "error", err)
		sentence := "That could not be opened. " + at.again
		if chat.KindOf(err) == chat.ErrorGone || chat.CodeOf(err) == codeNotSent {
			sentence = tooLate + at.again
		}
		return say(sentence)
	}
	if answer.Then == nil {
		return nil
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
		return say("The dialog could not be filled in. " + at.again)
	}
	return nil
}

// tell shows a card to one person: through the response URL, else in the channel,
// else in the direct chat. Another way is tried where Slack refuses one, not where
// Slack cannot be reached. Better told twice than not at all. It returns nil if the
// person may have read it, else the card.
func (a *Adapter) tell(ctx context.Context, at place, card chat.Card) *chat.Card {
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
			return nil
		}
		if chat.KindOf(err) == chat.ErrorRetry {
			break
		}
	}
	a.log.WarnContext(ctx, "slack answer could not be delivered", "error", err)
	return &card
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
