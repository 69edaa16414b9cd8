package teams

import (
	"context"
	"encoding/json"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// press is a click, a command that acts, or a submission that takes long, as it is kept
// in the inbox until it is answered.
type press struct {
	Key     string        `json:"key"`
	Click   chat.Click    `json:"click"`             // of another: who and when
	Command *chat.Command `json:"command,omitempty"` // nil: it is none
	Where   string        `json:"where"`             // the chat of the person, as a spot

	Submission *submission `json:"submission,omitempty"` // nil: it is none
}

// commit writes a press down; fresh is false for one that was written down before.
func (a *Adapter) commit(ctx context.Context, p press) (fresh bool, err error) {
	payload, err := json.Marshal(p)
	if err != nil {
		return false, err // (this is a bug)
	}
	return a.inbox.Receive(ctx, p.Click.At, p.Key, payload)
}

// handle does what was committed asks for.
func (a *Adapter) handle(ctx context.Context, p press) chat.Answer {
	return platform.Guarding(a.guard).Answer(ctx, "click", a.handler, p.Command, p.Click)
}

// now does what was committed while its person waits, and returns what they see. What
// cannot be done now is kept, and they are told what became of it.
func (a *Adapter) now(ctx context.Context, p press) chat.Answer {
	var seen chat.Answer
	k := a.kept(ctx, p, true)
	show, delay := k.Show, k.Delay
	k.Show = func(_ context.Context, answer chat.Answer) *chat.Card { seen = answer; return nil }
	k.Delay = func(ctx context.Context, pause time.Duration) {
		seen = platform.KeptWait
		delay(ctx, pause)
	}
	through := k.Try(ctx, time.Now(), platform.KeptPause)
	k.Show, k.Delay = show, delay // they wait no longer
	if !through {
		k.Again(platform.KeptPause)
	}
	return seen
}

// kept is a press whose person waits no longer: answers come as messages. told: they
// know that it is kept.
func (a *Adapter) kept(ctx context.Context, p press, told bool) *platform.Kept {
	k := a.keptFor(ctx, p)
	k.Handle = func(ctx context.Context) chat.Answer { return a.handle(ctx, p) }
	k.Show = func(ctx context.Context, answer chat.Answer) *chat.Card { return a.write(ctx, p, answer) }
	k.Tell = func(ctx context.Context, left chat.Card) *chat.Card {
		return a.write(ctx, p, chat.Answer{Private: &left})
	}
	k.Delay = func(ctx context.Context, pause time.Duration) {
		a.log.InfoContext(ctx, "teams press is kept and tried again", "again_in", pause)
		p.Click.Replayed, p.Click.Delayed = true, true
		if !told && pause == platform.KeptSilence {
			told = true
			a.write(ctx, p, platform.KeptWait)
		}
	}
	return k
}

// keptFor is the part that is alike for all that is in the inbox.
func (a *Adapter) keptFor(ctx context.Context, p press) *platform.Kept {
	return &platform.Kept{
		Start: func(_ bool, f func(context.Context)) { a.background(ctx, "kept", f) },
		At:    p.Click.At,
		Finish: func(ctx context.Context, lost bool) {
			if lost {
				a.meter.Count(CountDropped, "private")
				a.log.WarnContext(ctx, "teams answer is given up")
			}
			a.finish(ctx, p.Key)
		},
	}
}

// write shows an answer to whoever pressed, as a message. It returns what could not be
// delivered and may be later.
func (a *Adapter) write(ctx context.Context, p press, answer chat.Answer) *chat.Card {
	where, ok := parseSpot(p.Where)
	switch {
	case !ok:
	case answer.Open != nil:
		w, about := wire{Do: doClick, Action: string(p.Click.Action), Target: wireTarget(p.Click.Target)}, "what you asked for"
		if p.Command != nil {
			w = wire{Do: doCommand, Text: p.Command.Text}
		} else if p.Click.Target.Request != "" {
			about = "what you pressed for " + p.Click.Target.Request
		}
		if a.offer(ctx, where, "I can open now "+about+".", *answer.Open, w) {
			return chat.Say("I can open now " + about + ". Please do it again.").Private
		}
	case answer.Private != nil && a.tell(ctx, where, *answer.Private):
		return answer.Private
	}
	return nil
}

// replay handles what an earlier run committed and did not finish. Its clients do not
// wait any more.
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
		if s := p.Submission; s != nil {
			a.outcome(ctx, p, func(ctx context.Context) *dialog {
				next, _ := a.filled(ctx, p.Click.User, s.Wire, s.Typed)
				return next
			}).Begin()
			continue
		}
		p.Click.Replayed = true
		a.kept(ctx, p, false).Begin()
	}
}
