package webhooktest

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// faults are what goes wrong on order. The zero value breaks nothing.
type faults struct {
	mu      sync.Mutex
	queue   []http.HandlerFunc
	down    int
	hanging chan struct{} // closed on release; nil: not hanging
	reached chan struct{} // closed by the first call that is held
	slow    time.Duration
}

// Slow makes every grant-access take d before it acts.
func (t *Target) Slow(d time.Duration) {
	t.faults.mu.Lock()
	defer t.faults.mu.Unlock()
	t.faults.slow = d
}

// linger lets a call wait for as long as it takes; false: the caller gave up.
func (f *faults) linger(ctx context.Context, event string) bool {
	f.mu.Lock()
	d := f.slow
	f.mu.Unlock()
	if d == 0 || event != "grant-access" {
		return true
	}
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// FailNext answers the next n authentic calls with a status and nothing else;
// they have no effect.
func (t *Target) FailNext(n, status int) {
	t.AnswerNext(n, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
}

// AnswerNext answers the next n authentic calls with whatever the handler says
// instead of acting on them. Orders are worked off in turn.
func (t *Target) AnswerNext(n int, answer http.HandlerFunc) {
	t.faults.mu.Lock()
	defer t.faults.mu.Unlock()
	for range n {
		t.faults.queue = append(t.faults.queue, answer)
	}
}

// Down breaks off every connection without an answer or an effect, until up is
// called.
func (t *Target) Down() (up func()) {
	t.faults.mu.Lock()
	defer t.faults.mu.Unlock()
	t.faults.down++
	return sync.OnceFunc(func() {
		t.faults.mu.Lock()
		defer t.faults.mu.Unlock()
		t.faults.down--
	})
}

// Hang acts on calls and then keeps their answers back until release is called.
// Reached is closed when a call was acted on. A call that its caller gave up is
// never answered. A second Hang replaces the first.
func (t *Target) Hang() (reached <-chan struct{}, release func()) {
	hanging, arrived := make(chan struct{}), make(chan struct{})
	t.faults.mu.Lock()
	defer t.faults.mu.Unlock()
	t.faults.hanging, t.faults.reached = hanging, arrived
	return arrived, sync.OnceFunc(func() {
		t.faults.mu.Lock()
		defer t.faults.mu.Unlock()
		if t.faults.hanging == hanging {
			t.faults.hanging, t.faults.reached = nil, nil
		}
		close(hanging)
	})
}

func (f *faults) isDown() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.down > 0
}

func (f *faults) next() (http.HandlerFunc, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.queue) == 0 {
		return nil, false
	}
	fault := f.queue[0]
	f.queue = f.queue[1:]
	return fault, true
}

// hold keeps an answer back while the target hangs. It reports false where the
// caller has gone.
func (f *faults) hold(ctx context.Context) bool {
	f.mu.Lock()
	hanging := f.hanging
	if f.reached != nil {
		close(f.reached)
		f.reached = nil
	}
	f.mu.Unlock()
	if hanging == nil {
		return true
	}
	select {
	case <-hanging:
		return true
	case <-ctx.Done():
		return false
	}
}
