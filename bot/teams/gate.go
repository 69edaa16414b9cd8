package teams

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Limits of Teams: 7 messages in a second, 8 in two and 60 in thirty to one
// conversation, and 30 to 50 calls a second of one app in one tenant. The rates
// below stay under each of them in every window.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
const (
	conversationRate  = 1.8
	conversationBurst = 4
	tenantRate        = 25
	tenantBurst       = 5
	// restartPause is for how long after a start nobody gets a burst: an earlier run
	// may have spent one a moment ago.
	restartPause = 2 * time.Second
)

// gate lets calls through at the pace that Teams allows.
type gate struct {
	tenant *rate.Limiter
	born   time.Time

	mu            sync.Mutex
	conversations map[string]*rate.Limiter
}

func newGate() *gate {
	return &gate{tenant: rate.NewLimiter(tenantRate, tenantBurst), born: time.Now(), conversations: map[string]*rate.Limiter{}}
}

// wait returns when a call may be made; conversation is where a message goes, else
// empty. Any error is the context's.
func (g *gate) wait(ctx context.Context, conversation string) error {
	if conversation != "" {
		if err := g.of(conversation).Wait(ctx); err != nil {
			return err
		}
	}
	return g.tenant.Wait(ctx)
}

func (g *gate) of(conversation string) *rate.Limiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := g.conversations[conversation]
	if l == nil {
		now := time.Now()
		g.forget(now)
		l = rate.NewLimiter(conversationRate, conversationBurst)
		if now.Sub(g.born) < restartPause {
			l.AllowN(now, conversationBurst)
		}
		g.conversations[conversation] = l
	}
	return l
}

// forget drops conversations that are at rest, once there are many.
func (g *gate) forget(now time.Time) {
	if len(g.conversations) < 5000 {
		return
	}
	for id, l := range g.conversations {
		if l.TokensAt(now) >= conversationBurst {
			delete(g.conversations, id)
		}
	}
}
