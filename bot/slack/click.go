package slack

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// click takes a press on a card: commit, ack, handle, answer, finish, in this order.
func (a *Adapter) click(ctx context.Context, d delivery, in interaction) {
	if in.User.ID == "" {
		a.unreadable(ctx, d, errors.New("no user in it"))
		return
	}
	p, err := in.press(d.arrived)
	if err != nil {
		a.pressedUnknown(ctx, d, in, err)
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
	if !onHome {
		a.client.presses.put(in.messageAt())
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
		user: p.Click.User, channel: p.Channel, responseURL: p.ResponseURL, trigger: in.TriggerID, haste: priorityNow, arrived: d.arrived,
		again: "Please press the button again.", onHome: onHome,
	}
	if a.opens(p.Click) {
		at.moment = a.oneMoment(ctx, at)
	}
	if onHome { // the change of the page is the answer
		at.after = func(ctx context.Context) { a.showHome(ctx, at.user, in.View.Metadata, in.View.Hash) }
	}
	a.press(ctx, "click", p, at)
}

// opens reports whether a press is to open a dialog.
func (a *Adapter) opens(c chat.Click) bool {
	if f, ok := a.handler.(chat.Foreteller); ok {
		return f.ForetellClick(c) == chat.MannerOpens
	}
	return c.Action.Opens()
}

// pressedUnknown answers a press that this version cannot read. There is nothing to commit.
func (a *Adapter) pressedUnknown(ctx context.Context, d delivery, in interaction, err error) {
	a.ack(ctx, d, nil)
	a.log.WarnContext(ctx, "slack button cannot be read", "error", err)
	at := place{
		user: in.user(), channel: cmp.Or(in.Channel.ID, in.Container.ChannelID), responseURL: in.ResponseURL,
		trigger: in.TriggerID, arrived: d.arrived, onHome: in.View.Type == "home",
	}
	a.background(ctx, "click", func(ctx context.Context) { a.answer(ctx, at, chat.Say(chat.OtherVersion)) })
}

// waitLimit bounds telling somebody that their press is kept.
const waitLimit = 5 * time.Second

// press handles what was committed, until it could be done and its answer was read. It
// stays undone meanwhile, so that a restart does not lose it.
func (a *Adapter) press(ctx context.Context, kind string, p press, at place) {
	handled := a.soothe(ctx, at)
	k := &platform.Kept{
		Start: func(again bool, f func(context.Context)) {
			if !again || !a.ends() {
				a.background(ctx, kind, f)
			}
		},
		At: p.Click.At,
		Handle: func(ctx context.Context) chat.Answer {
			defer handled()
			return a.handle(ctx, p)
		},
		Show: func(ctx context.Context, answer chat.Answer) *chat.Card {
			left := a.answer(ctx, at, answer)
			if at.after != nil {
				at.after(ctx)
			}
			return left
		},
		Tell:  func(ctx context.Context, left chat.Card) *chat.Card { return a.tell(ctx, at, left) },
		Delay: func(ctx context.Context, pause time.Duration) { a.delay(ctx, &p, &at, pause) },
		Finish: func(ctx context.Context, lost bool) {
			if lost {
				a.meter.Count(CountDropped, "private")
				a.log.WarnContext(ctx, "slack answer is given up")
			}
			a.finish(ctx, p.Key)
		},
	}
	k.Begin()
}

// soothePause is how long after a press nothing may happen before its person is told.
const soothePause = 2500 * time.Millisecond

// soothe tells whoever pressed that it is kept, once, unless what is returned is called
// before or they look at a dialog.
func (a *Adapter) soothe(ctx context.Context, at place) (handled func()) {
	if at.replayed {
		return func() {}
	}
	timer := time.AfterFunc(time.Until(at.arrived.Add(soothePause)), func() {
		a.working.add(1)
		defer a.working.add(-1)
		if at.moment.view() != "" || at.moment.opening() {
			return
		}
		ctx, cancel := context.WithTimeout(ctx, waitLimit)
		defer cancel()
		at.onHome = false // a message reaches them
		a.tell(ctx, at, *chat.Say(soothing).Private)
	})
	return func() { timer.Stop() }
}

// soothing is what they are told.
const soothing = "This takes a moment. It is kept and will be done, so you need not do it again."

// ends reports whether the adapter stops.
func (a *Adapter) ends() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.stopping
}

// delay notes that a press is kept, and says so once to whoever pressed.
func (a *Adapter) delay(ctx context.Context, p *press, at *place, pause time.Duration) {
	a.log.InfoContext(ctx, "slack press is kept and tried again", "again_in", pause)
	p.Click.Replayed, p.Click.Delayed = true, true
	at.replayed, at.delayed, at.onHome = true, true, false // the page may be closed; a message reaches them
	if pause == platform.KeptSilence {
		ctx, cancel := context.WithTimeout(ctx, waitLimit)
		defer cancel()
		a.tell(ctx, *at, *platform.KeptWait.Private)
	}
}

// handle does what was committed asks for.
func (a *Adapter) handle(ctx context.Context, p press) chat.Answer {
	return platform.Guarding(a.guard).Answer(ctx, "click", a.handler, p.Command, p.Click)
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
