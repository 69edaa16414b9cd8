package teams

import (
	"context"
	"sync"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

const (
	// newcomersAtOnce is how many new people are asked about at once, and newcomerLimit
	// how long one of them waits for a turn: an admin may have installed the app for
	// everybody.
	newcomersAtOnce = 8
	newcomerLimit   = time.Hour
)

// newcomers are the people who got the app and are not known yet.
type newcomers struct {
	mu    sync.Mutex
	under map[string]bool // way, by account
	// turns to be asked about, and to be greeted: nobody who can be known waits for
	// greetings.
	asked, greeted turns
}

func newNewcomers() *newcomers {
	return &newcomers{under: map[string]bool{}, asked: make(turns, newcomersAtOnce), greeted: make(turns, newcomersAtOnce)}
}

// turns are taken by a few at a time.
type turns chan struct{}

// take does f in its turn; it does nothing where ctx ends before.
func (t turns) take(ctx context.Context, f func()) {
	select {
	case t <- struct{}{}:
		defer func() { <-t }()
		f()
	case <-ctx.Done():
	}
}

// begin reports whether somebody is not under way yet: several events tell of one.
func (n *newcomers) begin(account string) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.under[account] {
		return false
	}
	n.under[account] = true
	return true
}

func (n *newcomers) end(account string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.under, account)
}

// arriving goes on with those whom an earlier run did not get to.
func (a *Adapter) arriving(ctx context.Context) {
	all, err := a.client.contacts.Arriving()
	if err != nil {
		a.log.ErrorContext(ctx, "new people in teams could not be read; they are left for the next start", "error", err)
	}
	for _, c := range all {
		a.welcome(ctx, chat.User{Platform: Platform, ID: c.Account, Team: a.client.tenantID})
	}
}

// welcome asks who a new person is, so that cards that are for their address find
// them, and greets them. Both come after what people wait for, a few at a time. Whoever
// stops does not wait for it: the next run goes on.
func (a *Adapter) welcome(ctx context.Context, who chat.User) {
	if !a.newcomers.begin(who.ID) {
		return
	}
	if !a.backgroundFor(ctx, newcomerLimit, "installationUpdate", func(ctx context.Context) {
		defer a.newcomers.end(who.ID)
		ctx, cancel := platform.Until(ctx, a.stopped)
		defer cancel()
		known, done := false, false
		a.newcomers.asked.take(ctx, func() { known, done = a.asked(ctx, who) })
		if known {
			a.newcomers.greeted.take(ctx, func() { done = a.greet(ctx, who) })
		}
		if !done {
			return
		}
		if err := a.client.arrived(ctx, who.ID); err != nil {
			a.log.WarnContext(ctx, "teams contact could not be kept", "error", err)
		}
	}) {
		a.newcomers.end(who.ID)
	}
}

// asked asks who a new person is, and reports whether Teams said it, and whether asking
// again is of no use.
func (a *Adapter) asked(ctx context.Context, who chat.User) (known, done bool) {
	err := a.again(ctx, func() error {
		_, err := a.client.Account(ctx, who, chat.PriorityStale)
		return err
	})
	if err == nil {
		return true, false
	}
	a.log.WarnContext(ctx, "teams did not say who installed the app", "error", err)
	return false, chat.KindOf(err) == chat.ErrorGone
}

// greet says to a new person what the bot is for, and reports whether that is done, if
// only because they are none to be greeted.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages
func (a *Adapter) greet(ctx context.Context, who chat.User) (done bool) {
	g, ok := a.handler.(chat.Greeter)
	if !ok {
		return true
	}
	card, ok := g.Greet(ctx, who)
	if !ok {
		return ctx.Err() == nil
	}
	to, ok := a.client.toGreet(ctx, who.ID)
	if !ok {
		return ctx.Err() == nil
	}
	_, err := a.client.postAt(ctx, to, card, chat.PriorityRedraw)
	if err == nil {
		return true
	}
	a.log.InfoContext(ctx, "teams did not take a greeting", "error", err)
	if chat.KindOf(err) != chat.ErrorRetry { // it may be there
		return true
	}
	if err := a.client.notGreeted(context.WithoutCancel(ctx), who.ID); err != nil {
		a.log.WarnContext(ctx, "teams contact could not be kept", "error", err)
	}
	return false
}
