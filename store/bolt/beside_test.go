package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"apono/flows"
	"apono/store"
)

// A crowd presses at once: as many decide as there are processors, whoever gives up
// while waiting for one is told so and nothing of theirs is written, and the rest
// is decided, each once.
func TestApply_OfACrowd(t *testing.T) {
	limit := runtime.GOMAXPROCS(0)
	crowd := 8 * limit
	s := open(t)
	for i := range crowd + 1 {
		submit(t, s, start, fmt.Sprint("k", i), draft(fmt.Sprint("p", i), "pg", "orders"))
	}
	var mu sync.Mutex
	at, most := 0, 0
	full, release := make(chan struct{}), make(chan struct{})
	fullOnce := sync.OnceFunc(func() { close(full) })
	s.SetNext(func(r flows.Request, ev flows.Event, now time.Time) (flows.Request, []flows.Effect, error) {
		mu.Lock()
		at++
		if most = max(most, at); at == limit {
			fullOnce()
		}
		mu.Unlock()
		defer func() { mu.Lock(); at--; mu.Unlock() }()
		<-release
		return flows.Next(r, ev, now)
	})
	var wg sync.WaitGroup
	for i := range crowd {
		wg.Go(func() {
			if _, err := s.Apply(context.Background(), after(time.Minute), fmt.Sprintf("AR-%d", i+1), approve("bob")); err != nil {
				t.Error(err)
			}
		})
	}
	<-full
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := s.Apply(ctx, after(time.Minute), store.ID(uint64(crowd)+1), approve("bob")); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v; want that of the context", err)
	}
	close(release)
	wg.Wait()
	if most > limit {
		t.Errorf("%d decided at once; want %d at most", most, limit)
	}
	for i := range crowd + 1 {
		want := flows.StateApproved
		if i == crowd {
			want = flows.StatePending
		}
		if r := must[flows.Request](t)(s.Request(store.ID(uint64(i) + 1))); r.State != want {
			t.Errorf("%s is %s; want %s", r.ID, r.State, want)
		}
	}
}
