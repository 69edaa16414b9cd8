package dispatch

import (
	"context"
	"sync"
	"time"
)

// patient is a context whose deadline can be put off: by a call that goes on, and
// never beyond last.
type patient struct {
	context.Context
	cancel context.CancelCauseFunc
	step   time.Duration
	last   time.Time

	mu    sync.Mutex
	timer *time.Timer
	at    time.Time
}

// newPatient returns a context that ends after step, or that long after the last word
// that the call goes on.
func newPatient(ctx context.Context, step, longest time.Duration) *patient {
	now := time.Now()
	p := &patient{step: step, last: now.Add(longest), at: now.Add(step)}
	p.Context, p.cancel = context.WithCancelCause(ctx)
	p.timer = time.AfterFunc(step, func() { p.cancel(context.DeadlineExceeded) })
	return p
}

// goesOn puts the deadline off, unless it has passed.
func (p *patient) goesOn() {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := time.Now().Add(p.step)
	if at.After(p.last) {
		at = p.last
	}
	if at.After(p.at) && p.timer.Stop() {
		p.at = at
		p.timer.Reset(time.Until(at))
	}
}

func (p *patient) end() {
	p.timer.Stop()
	p.cancel(nil)
}

// Deadline is the one that is in force at this moment.
func (p *patient) Deadline() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at, ok := p.Context.Deadline(); ok && at.Before(p.at) {
		return at, true
	}
	return p.at, true
}

// Err is context.DeadlineExceeded where the deadline has passed.
func (p *patient) Err() error {
	err := p.Context.Err()
	if err != nil && context.Cause(p.Context) == context.DeadlineExceeded { //nolint:errorlint // this very value was set
		return context.DeadlineExceeded
	}
	return err
}
