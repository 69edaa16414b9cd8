package bolt_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
	"apono/store/storetest"
)

// crowd runs the operations at the same moment: while the committer is held up
// they gather, and then share one transaction. It returns their errors in order.
func crowd(t *testing.T, s *bolt.Store, ops ...func(bolt.Raw) error) []error {
	t.Helper()
	gate := make(chan struct{})
	errs := make([]error, len(ops))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Op(t.Context(), func(bolt.Raw) error { <-gate; return nil }); err != nil {
			t.Errorf("the operation at the gate: %v", err)
		}
	})
	synctest.Wait()
	for i, op := range ops {
		wg.Go(func() { errs[i] = s.Op(t.Context(), op) })
		synctest.Wait()
	}
	close(gate)
	wg.Wait()
	return errs
}

func put(key string) func(bolt.Raw) error {
	return func(r bolt.Raw) error { return r.Put("meta", key, []byte("x")) }
}

func has(t *testing.T, s *bolt.Store, key string) (ok bool) {
	t.Helper()
	if err := s.Op(t.Context(), func(r bolt.Raw) error { ok = r.Get("meta", key) != nil; return nil }); err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestOperationsThatWaitShareOneCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		commits := 0
		s := storetest.OpenAt(t, filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true, OnCommit: func() { commits++ }})
		var ops []func(bolt.Raw) error
		for i := range 50 {
			ops = append(ops, put(fmt.Sprint("k", i)))
		}
		for i, err := range crowd(t, s, ops...) {
			if err != nil {
				t.Errorf("operation %d: %v", i, err)
			}
		}
		if commits != 1 {
			t.Errorf("50 operations made %d commits", commits)
		}
	})
}

func TestOneOperationsTroubleIsItsOwn(t *testing.T) {
	broken := errors.New("broken")
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		errs := crowd(t, s,
			put("a"),
			func(bolt.Raw) error { return broken },
			put("b"),
			func(r bolt.Raw) error { return errors.Join(put("half")(r), broken) },
			func(bolt.Raw) error { panic("before it wrote") },
			put("c"),
			func(r bolt.Raw) error { _ = put("half too")(r); panic("after it wrote") },
			func(r bolt.Raw) error { return r.Put("meta", "", nil) },
			put("d"),
		)
		var got []string
		for _, err := range errs {
			switch {
			case err == nil:
				got = append(got, "ok")
			case errors.Is(err, broken):
				got = append(got, "broken")
			case strings.Contains(err.Error(), "panic"):
				got = append(got, "panic")
			default:
				got = append(got, "other")
			}
		}
		want := []string{"ok", "broken", "ok", "broken", "panic", "ok", "panic", "other", "ok"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("outcomes (-want +got):\n%s", diff)
		}
		for _, key := range []string{"a", "b", "c", "d"} {
			if !has(t, s, key) {
				t.Errorf("%s was acknowledged and is not there", key)
			}
		}
		for _, key := range []string{"half", "half too"} {
			if has(t, s, key) {
				t.Errorf("%s was written by an operation that failed", key)
			}
		}
	})
}

func TestAnOperationSeesTheOnesBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		submit(t, s, start, "k", draft("alice", "pg", "orders"))
		// Both clicks look at the pending request before either is committed.
		gate := make(chan struct{})
		go func() { _ = s.Op(t.Context(), func(bolt.Raw) error { <-gate; return nil }) }()
		synctest.Wait()
		errs := make([]error, 2)
		var wg sync.WaitGroup
		for i, who := range []string{"bob", "carol"} {
			wg.Go(func() { _, errs[i] = s.Apply(t.Context(), start, "AR-1", approve(who)) })
			synctest.Wait()
		}
		close(gate)
		wg.Wait()
		if errs[0] != nil {
			t.Errorf("first click: %v", errs[0])
		}
		wantCode(t, errs[1], flows.CodeLate)
		if got := flows.ErrorMessage(errs[1]); !strings.Contains(got, "already approved by bob") {
			t.Errorf("the second clicker reads %q", got)
		}
	})
}

func TestAnIdleStoreAnswersAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		before := time.Now()
		submit(t, s, start, "k", draft("alice", "pg", "orders"))
		if waited := time.Since(before); waited != 0 {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestNothingToWriteIsNoCommit(t *testing.T) {
	commits := 0
	s := storetest.OpenAt(t, filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true, OnCommit: func() { commits++ }})
	if err := s.Done(t.Context(), "post/none", 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context(), "none"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PruneDeliveries(t.Context(), start, 0); err != nil {
		t.Fatal(err)
	}
	if commits != 0 {
		t.Errorf("%d commits", commits)
	}
}

// A context that ends takes back what waits, and waits for what is under way: an
// error means that nothing was written.
func TestContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		begun, gate := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			first <- s.Op(ctx, func(r bolt.Raw) error { close(begun); <-gate; return put("first")(r) })
		}()
		<-begun
		go func() {
			_, err := s.Submit(ctx, start, "k", one(draft("alice", "pg", "orders")))
			second <- err
		}()
		synctest.Wait()
		cancel()
		wantIs(t, <-second, context.Canceled)
		synctest.Wait()
		select {
		case err := <-first:
			t.Errorf("answered %v before its commit ended", err)
		default:
		}
		close(gate)
		if err := <-first; err != nil {
			t.Errorf("what was under way: %v", err)
		}
		if !has(t, s, "first") {
			t.Error("it was acknowledged and is not there")
		}
		if got := ids(must[[]flows.Request](t)(s.Requests(0, 10))); len(got) != 0 {
			t.Errorf("what was taken back made %v", got)
		}
		_, err := s.Submit(ctx, start, "k", one(draft("alice", "pg", "orders")))
		wantIs(t, err, context.Canceled)
		submit(t, s, start, "k", draft("alice", "pg", "orders"))
		if got := ids(must[[]flows.Request](t)(s.Requests(0, 10))); len(got) != 1 {
			t.Errorf("the repeat made %v", got)
		}
	})
}

func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		gate := make(chan struct{})
		go func() { _ = s.Op(context.Background(), func(bolt.Raw) error { <-gate; return nil }) }()
		synctest.Wait()
		var late error
		go func() { late = s.Op(context.Background(), put("waits")) }()
		synctest.Wait()
		closed := make(chan error, 2)
		for range 2 {
			go func() { closed <- s.Close() }()
		}
		synctest.Wait()
		wantIs(t, s.Op(t.Context(), put("too late")), store.ErrClosed)
		close(gate)
		for range 2 {
			if err := <-closed; err != nil {
				t.Errorf("close: %v", err)
			}
		}
		synctest.Wait()
		if late != nil {
			t.Errorf("the operation that waited when the store was closed: %v", late)
		}
		_, err := s.Request("AR-1")
		wantIs(t, err, store.ErrClosed)
		_, err = s.Apply(t.Context(), start, "AR-1", approve("bob"))
		wantIs(t, err, store.ErrClosed)
	})
}

func TestAFailedStoreTakesNoWrites(t *testing.T) {
	s, err := bolt.Open(filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	submit(t, s, start, "k", draft("alice", "pg", "orders"))
	err = s.Op(t.Context(), func(r bolt.Raw) error { r.Spoil(); return put("a")(r) })
	wantIs(t, err, store.ErrCorrupt)
	wantIs(t, s.Op(t.Context(), put("b")), store.ErrFailed)
	wantIs(t, s.Err(), store.ErrFailed)
	if stats := must[store.Stats](t)(s.Stats()); !stats.Failed {
		t.Error("the metrics do not say that the store failed")
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	again := storetest.OpenAt(t, s.Path(), bolt.Options{NoSync: true})
	if got := ids(must[[]flows.Request](t)(again.Requests(0, 10))); !slices.Equal(got, []string{"AR-1"}) {
		t.Errorf("after the restart: %v", got)
	}
}

func TestManyClickersAtOnce(t *testing.T) {
	s := open(t)
	const requests, people = 40, 8
	for i := range requests {
		d := draft("alice", "pg", fmt.Sprint("db", i))
		d.Asked = nil
		for p := range people {
			d.Asked = append(d.Asked, flows.Asked{PersonRef: person(fmt.Sprint("p", p)), Groups: []int{0}})
		}
		submit(t, s, start, fmt.Sprint("k", i), d)
	}
	var wins, late atomic.Int64
	var wg sync.WaitGroup
	for p := range people {
		wg.Go(func() {
			for i := range requests {
				_, err := s.Apply(t.Context(), start, fmt.Sprintf("AR-%d", i+1), approve(fmt.Sprint("p", p)))
				switch flows.ErrorCode(err) {
				case "":
					wins.Add(1)
				case flows.CodeLate:
					late.Add(1)
				case flows.CodeInvalid, flows.CodeNotFound, flows.CodeAmbiguous, flows.CodeForbidden, flows.CodeRefused, flows.CodeInternal:
					t.Errorf("click: %v", err)
				}
			}
		})
		wg.Go(func() {
			for range requests {
				if _, err := s.Live(); err != nil {
					t.Errorf("read: %v", err)
				}
				if _, err := s.Tasks(flows.LaneChat, start, 10, nil); err != nil {
					t.Errorf("read: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if wins.Load() != requests || late.Load() != requests*(people-1) {
		t.Errorf("%d clicks won and %d came late, of %d requests and %d people", wins.Load(), late.Load(), requests, people)
	}
}

func TestNoBucketHasTheEmptyKey(t *testing.T) {
	s := open(t)
	err := s.Op(t.Context(), func(r bolt.Raw) error {
		for _, bucket := range []string{"favorites", "meta"} { // with nothing in it, and with something
			if got := r.Get(bucket, ""); got != nil {
				t.Errorf("%s has %q for the empty key", bucket, got)
			}
			if err := r.Del(bucket, ""); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
