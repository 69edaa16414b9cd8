package teams

import (
	"context"
	"sync"
	"time"

	"apono/bot/chat"
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

// installed asks who a new person is, so that cards that are for their address find
// them, and greets them. Both come after what people wait for, a few at a time. Whoever
// stops does not wait for it.
func (a *Adapter) installed(ctx context.Context, got received) {
	account := got.From.AadObjectID
	if got.Conversation.ConversationType != personal || !a.newcomers.begin(account) {
		return
	}
	if !a.backgroundFor(ctx, newcomerLimit, "installationUpdate", func(ctx context.Context) {
		defer a.newcomers.end(account)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-a.stopped:
				cancel()
			case <-ctx.Done():
			}
		}()
		known := false
		a.newcomers.asked.take(ctx, func() { known = a.asked(ctx, got) })
		if known {
			a.newcomers.greeted.take(ctx, func() { a.greet(ctx, got) })
		}
	}) {
		a.newcomers.end(account)
	}
}

// asked asks who a new person is, and reports whether Teams said it.
func (a *Adapter) asked(ctx context.Context, got received) bool {
	err := a.again(ctx, func() error {
		_, err := a.client.Account(ctx, user(got.Activity), chat.PriorityStale)
		return err
	})
	if err != nil {
		a.log.WarnContext(ctx, "teams did not say who installed the app", "error", err)
	}
	return err == nil
}

// greet says to a new person what the bot is for.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/conversations/send-proactive-messages
func (a *Adapter) greet(ctx context.Context, got received) {
	g, ok := a.handler.(chat.Greeter)
	if !ok {
		return
	}
	card, ok := g.Greet(ctx, user(got.Activity))
	if !ok {
		return
	}
	to, ok := a.client.toGreet(ctx, got.From.AadObjectID)
	if !ok {
		return
	}
	if _, err := a.client.postAt(ctx, to, card, chat.PriorityRedraw); err != nil {
		a.log.InfoContext(ctx, "teams did not take a greeting", "error", err)
	}
}
