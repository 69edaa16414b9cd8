package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
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

// Many requests, small and large, go through their lives at once, while some presses
// are late, some people give up, and other operations fail after they have written, so
// that commits begin anew. Each call gets its own request, as it is on the disk.
func TestApply_GivesEachItsOwn(t *testing.T) {
	s := open(t)
	const people, each = 8, 8
	var wg sync.WaitGroup
	for p := range people {
		wg.Go(func() {
			for n := range each {
				units := []string{}
				for u := range 1 + n*n*6*(p%2) { // the largest are beyond what is kept of a step
					units = append(units, []string{"pg", "k8s"}[u%2], fmt.Sprintf("r%d-%d-%d", p, n, u))
				}
				r := submit(t, s, start, fmt.Sprint("k", p, "/", n), draft(fmt.Sprint("p", p), units...))[0]
				events := []flows.Event{approve("bob")}
				for _, g := range r.Groups {
					events = append(events, flows.Event{Kind: flows.EventGranted, Integration: g.Integration})
				}
				events = append(events, flows.Event{Kind: flows.EventRevoke, By: person("bob"), Reason: fmt.Sprint("reason of ", r.ID)})
				for i, ev := range events {
					ctx, cancel := context.WithCancel(t.Context())
					if (n+i)%3 == 0 {
						go cancel()
					}
					got, err := s.Apply(ctx, after(time.Minute), r.ID, ev)
					cancel()
					if errors.Is(err, context.Canceled) { // nothing of it was written
						got, err = s.Apply(t.Context(), after(time.Minute), r.ID, ev)
					}
					if err != nil {
						t.Errorf("%s of %s: %v", ev.Kind, r.ID, err)
						return
					}
					if _, err := s.Apply(t.Context(), after(time.Minute), r.ID, flows.Event{Kind: flows.EventWithdraw, By: person(fmt.Sprint("p", p))}); err == nil {
						t.Errorf("%s is withdrawn after it was approved", r.ID)
					}
					if diff := gocmp.Diff(must[flows.Request](t)(s.Request(r.ID)), got); diff != "" || got.ID != r.ID {
						t.Errorf("%s of %s: -on the disk +answered\n%s", ev.Kind, r.ID, diff)
					}
				}
			}
		})
		wg.Go(func() {
			boom := errors.New("boom")
			for n := range 4 * each {
				err := s.Op(t.Context(), func(raw bolt.Raw) error {
					return errors.Join(raw.Put("favorites", fmt.Sprint("x", p, n), []byte("{}")), boom)
				})
				if !errors.Is(err, boom) {
					t.Errorf("err = %v; want %v", err, boom)
				}
			}
		})
	}
	wg.Wait()
}
