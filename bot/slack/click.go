package slack

import (
	"context"
	"encoding/json"
	"errors"
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
	if p.Click.Action.Opens() {
		at.moment = a.oneMoment(ctx, at)
	}
	if onHome { // the change of the page is the answer
		at.after = func(ctx context.Context) { a.showHome(ctx, at.user, in.View.Metadata, in.View.Hash) }
	}
	a.press(ctx, "click", p, at)
}

// What was committed and cannot be done, because Slack or the store cannot be asked, is
// kept and tried again, at first after a second and then ever more rarely. So is an
// answer that cannot be delivered.
const (
	pressPatience  = 24 * time.Hour   // since it arrived
	answerPatience = 30 * time.Minute // since it was done
	pressPause     = time.Minute      // between two tries, at most
	pressSilence   = 4 * time.Second  // the pause from which on whoever pressed is told to wait
	waitLimit      = 5 * time.Second  // of telling that
)

// keep runs f in the background until it reports that it need not run again. What was
// not done when the adapter stops is left to the next start.
func (a *Adapter) keep(ctx context.Context, kind string, pause time.Duration, f func(ctx context.Context, pause time.Duration) bool) {
	a.background(ctx, kind, func(bounded context.Context) {
		if f(bounded, pause) {
			return
		}
		time.AfterFunc(pause, func() {
			a.mu.Lock()
			stopping := a.stopping
			a.mu.Unlock()
			if !stopping {
				a.keep(ctx, kind, min(2*pause, pressPause), f)
			}
		})
	})
}

// press handles what was committed, until it could be done and its answer was read. It
// stays undone meanwhile, so that a restart does not lose it.
func (a *Adapter) press(ctx context.Context, kind string, p press, at place) {
	var left *chat.Card // of an answer
	var done time.Time
	a.keep(ctx, kind, time.Second, func(ctx context.Context, pause time.Duration) bool {
		switch {
		case !done.IsZero():
			left = a.tell(ctx, at, *left)
		default:
			answer := a.handle(ctx, p)
			if answer.Later && (ctx.Err() != nil || time.Since(p.Click.At) < pressPatience) {
				a.delay(ctx, &p, &at, pause)
				return false
			}
			left, done = a.answer(ctx, at, answer), time.Now()
			if at.after != nil {
				at.after(ctx)
			}
		}
		if left != nil && errors.Is(ctx.Err(), context.Canceled) {
			return true // the process ends; whoever pressed is told after the next start
		}
		if left != nil && time.Since(done) < answerPatience {
			return false
		}
		if left != nil {
			a.meter.Count(CountDropped, "private")
			a.log.WarnContext(ctx, "slack answer is given up")
		}
		a.finish(ctx, p.Key)
		return true
	})
}

// delay notes that a press is kept, and says so once to whoever pressed.
func (a *Adapter) delay(ctx context.Context, p *press, at *place, pause time.Duration) {
	a.log.InfoContext(ctx, "slack press is kept and tried again", "again_in", pause)
	p.Click.Replayed, p.Click.Delayed = true, true
	at.replayed, at.delayed, at.onHome = true, true, false // the page may be closed; a message reaches them
	if pause == pressSilence {
		ctx, cancel := context.WithTimeout(ctx, waitLimit)
		defer cancel()
		a.tell(ctx, *at, *chat.Say("I cannot do that at the moment. It is kept and tried again, so you need not do it again.").Private)
	}
}

// handle does what was committed asks for. One that was cut off by the end of the
// process is for later.
func (a *Adapter) handle(ctx context.Context, p press) chat.Answer {
	answer := sorry
	a.guard(ctx, "click", func() {
		if p.Command != nil {
			answer = a.handler.Command(ctx, *p.Command)
		} else {
			answer = a.handler.Click(ctx, p.Click)
		}
	})
	if ctx.Err() != nil && answer.Private == nil && answer.Open == nil {
		answer.Later = true
	}
	return answer
}

// replay handles what an earlier run committed and did not finish. Its triggers are
// gone, so nothing can be opened for it.
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
		a.press(work, "replay", p, at)
	}
}
