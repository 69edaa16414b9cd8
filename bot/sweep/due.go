package sweep

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"apono/flows"
)

// Requests is the durable state that time changes.
type Requests interface {
	// Due returns the ids of at most limit requests that time changes at or before
	// now, the longest due first. It writes nothing.
	Due(now time.Time, limit int) ([]string, error)
	// Apply moves one request. Errors of flows.Next come back unchanged.
	Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error)
}

const (
	batch = 512 // requests looked up at once
	// together is how many are moved at once, so that a store which commits what
	// waits together writes few times.
	together = 512
	// rounds bounds how often one request is moved in one pass: several things may
	// be due, but one that stays due whatever is done must not be moved for ever.
	rounds = 8
)

// pass is one look at everything that is due.
type pass struct {
	requests Requests
	log      *slog.Logger
	now      func() time.Time

	mu     sync.Mutex
	moved  int
	failed int
	first  error
	turns  map[string]int
}

// run moves everything that is due. The error tells of the requests that could
// not be moved; the others were.
func (p *pass) run(ctx context.Context) error {
	p.turns = map[string]int{}
	stuck := map[string]bool{}
	for ctx.Err() == nil {
		// Those that are stuck stay in front; look past them.
		ids, err := p.requests.Due(p.now(), batch+len(stuck))
		if err != nil {
			return fmt.Errorf("look for what is due: %w", err)
		}
		var fresh []string
		for _, id := range ids {
			if !stuck[id] {
				fresh = append(fresh, id)
			}
		}
		if len(fresh) == 0 {
			break
		}
		for _, id := range p.apply(ctx, fresh) {
			stuck[id] = true
		}
	}
	if p.failed > 0 {
		return fmt.Errorf("%d requests are due and could not be moved, the first because of: %w", p.failed, p.first)
	}
	return ctx.Err()
}

// apply moves the requests and returns those that no further try in this pass can.
func (p *pass) apply(ctx context.Context, ids []string) (stuck []string) {
	atOnce(ids, func(id string) {
		if !p.one(ctx, id) {
			p.mu.Lock()
			defer p.mu.Unlock()
			stuck = append(stuck, id)
		}
	})
	return stuck
}

// atOnce calls f for all, together at a time, and returns when all have returned.
func atOnce[T any](all []T, f func(T)) {
	var wg sync.WaitGroup
	room := make(chan struct{}, together)
	for _, one := range all {
		room <- struct{}{}
		wg.Go(func() {
			defer func() { <-room }()
			f(one)
		})
	}
	wg.Wait()
}

var errStaysDue = errors.New("the request stays due whatever is done (this is a bug)")

func (p *pass) one(ctx context.Context, id string) (moved bool) {
	var err error
	defer func() {
		if v := recover(); v != nil {
			err, moved = fmt.Errorf("panic: %v", v), false
		}
		p.count(ctx, id, moved, err)
	}()
	p.mu.Lock()
	p.turns[id]++
	turn := p.turns[id]
	p.mu.Unlock()
	if turn > rounds {
		err = errStaysDue
		return false
	}
	_, err = p.requests.Apply(ctx, p.now(), id, flows.Event{Kind: flows.EventDue})
	return err == nil
}

func (p *pass) count(ctx context.Context, id string, moved bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case moved:
		p.moved++
	case flows.ErrorCode(err) == flows.CodeLate || ctx.Err() != nil:
		// Somebody else moved it between the look and the write, or we stop.
	default:
		p.failed++
		if p.first == nil {
			p.first = fmt.Errorf("%s: %w", id, err)
		}
		p.log.DebugContext(ctx, "request_not_moved", "request", id, "error", err)
	}
}
