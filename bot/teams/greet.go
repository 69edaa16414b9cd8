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
	turns chan struct{}
}

func newNewcomers() *newcomers {
	return &newcomers{under: map[string]bool{}, turns: make(chan struct{}, newcomersAtOnce)}
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
// them, and greets them. Both come after everything else that is sent, a few at a time.
// Whoever stops does not wait for it.
func (a *Adapter) installed(ctx context.Context, got received) {
	account := got.From.AadObjectID
	if got.Conversation.ConversationType != personal || !a.newcomers.begin(account) {
		return
	}
	if !a.backgroundFor(ctx, newcomerLimit, "installationUpdate", func(ctx context.Context) {
		defer a.newcomers.end(account)
		select {
		case a.newcomers.turns <- struct{}{}:
			defer func() { <-a.newcomers.turns }()
		case <-a.stopped:
			return
		case <-ctx.Done():
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		go func() {
			select {
			case <-a.stopped:
				cancel()
			case <-ctx.Done():
			}
		}()
		a.welcome(ctx, got)
	}) {
		a.newcomers.end(account)
	}
}

func (a *Adapter) welcome(ctx context.Context, got received) {
	err := a.again(ctx, func() error {
		_, err := a.client.Account(ctx, user(got.Activity), chat.PriorityRedraw)
		return err
	})
	if err != nil {
		a.log.WarnContext(ctx, "teams did not say who installed the app", "error", err)
		return
	}
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
