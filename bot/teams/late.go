package teams

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// keepAfter is how long a submission is worked on before it is committed, so that it is
// when whoever waits is told that it takes longer.
const keepAfter = 3 * time.Second

// submission is a form that somebody filled in, as it is kept in the inbox.
type submission struct {
	Wire  wire                       `json:"wire"`
	Typed map[string]json.RawMessage `json:"typed"`
}

// pressOf is a submission as a press; false for another invoke.
func pressOf(got received) (press, bool) {
	if got.Name != "task/submit" {
		return press{}, false
	}
	w, typed, err := taskData(got)
	if err != nil || w.Do != doForm {
		return press{}, false
	}
	return press{
		Key:        strings.Join([]string{"teams", got.From.AadObjectID, "submit", got.ID}, "/"),
		Click:      chat.Click{User: user(got.Activity), At: time.Now().UTC()},
		Submission: &submission{w, typed},
		Where:      spot{got.Conversation.ID, got.ServiceURL, got.From.ID}.String(),
	}, true
}

// keep commits a submission once it has taken long, for one. What is returned has to be
// called when it is done: it reports whether the inbox has it.
func (a *Adapter) keep(ctx context.Context, got received, one *repeat) (end func() (kept bool)) {
	p, ok := pressOf(got)
	if !ok {
		return func() bool { return false }
	}
	var (
		mu   sync.Mutex
		over bool
	)
	timer := time.AfterFunc(keepAfter, func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		if _, err := a.commit(ctx, p); err != nil {
			a.log.WarnContext(ctx, "teams submission that takes long could not be kept", "error", err)
			return
		}
		one.kept.Store(true)
	})
	return func() bool {
		timer.Stop()
		mu.Lock()
		defer mu.Unlock()
		over = true
		return one.kept.Load()
	}
}

// late answers an invoke whose handler is not done.
func (a *Adapter) late(got received, one *repeat) response {
	const (
		longer = "This takes longer than usual. "
		press  = longer + "You need not press again: I go on, and I write to you where there is something to say or to open."
		kept   = longer + "What you filled in is kept, and I go on: I write to you what became of it."
		unkept = longer + "I go on, and I write to you what became of it. If nothing comes within a few minutes, please do it again."
	)
	switch got.Name {
	case "adaptiveCard/action":
		return toast(press)
	case "application/search":
		return results(nil)
	case "task/fetch":
		return taskMessage(press)
	}
	if one.kept.Load() {
		return taskMessage(kept)
	}
	return taskMessage(unkept)
}

// outcome tells somebody whose dialog is gone what became of what they submitted: next is
// what the dialog would show. It goes on until they were told.
func (a *Adapter) outcome(ctx context.Context, p press, handle func(ctx context.Context) (next *dialog)) *platform.Kept {
	var next *dialog
	tell := func(ctx context.Context) *chat.Card {
		if a.outcomeTold(ctx, p, next) {
			return nil
		}
		return chat.Say("left").Private // next holds what is
	}
	k := a.keptFor(ctx, p)
	k.Handle = func(ctx context.Context) chat.Answer {
		next = handle(ctx)
		return chat.Answer{Private: new(chat.Card)} // it was handled, whatever became of it
	}
	k.Show = func(ctx context.Context, _ chat.Answer) *chat.Card { return tell(ctx) }
	k.Tell = func(ctx context.Context, _ chat.Card) *chat.Card { return tell(ctx) }
	k.Delay = func(context.Context, time.Duration) {}
	return k
}

// outcomeTold reports whether it was told, or cannot be.
func (a *Adapter) outcomeTold(ctx context.Context, p press, next *dialog) bool {
	const longer = "What you submitted took longer than Teams waits. "
	where, ok := parseSpot(p.Where)
	switch {
	case !ok:
		return true
	case next == nil:
		return !a.tell(ctx, where, *chat.Say(longer + "It is done.").Private)
	}
	form := *next
	form.notice = strings.TrimSpace(longer + "This is what became of it. " + form.notice)
	return !a.postForm(ctx, where, form)
}
