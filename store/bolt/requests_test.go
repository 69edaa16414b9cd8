package bolt_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

func TestLifeOfARequest(t *testing.T) {
	s := open(t)
	made := submit(t, s, start, "k1", draft("alice", "pg", "orders", "pg", "users", "k8s", "prod"))
	if diff := cmp.Diff([]string{"AR-1"}, ids(made)); diff != "" {
		t.Fatalf("made (-want +got):\n%s", diff)
	}
	again := submit(t, s, after(time.Second), "k1", draft("alice", "pg", "orders"))
	if diff := cmp.Diff(made, again); diff != "" {
		t.Errorf("the same key made something else (-first +second):\n%s", diff)
	}
	for _, who := range []string{"bob", "Carol"} {
		got := must[[]flows.Request](t)(s.AskedOf(who+"@Example.com", 0, 10))
		if diff := cmp.Diff(made, got); diff != "" {
			t.Errorf("asked of %s (-want +got):\n%s", who, diff)
		}
	}
	r := activate(t, s, after(time.Minute), "AR-1")
	if r.State != flows.StateActive {
		t.Fatalf("state is %s", r.State)
	}
	stored := must[flows.Request](t)(s.Request("AR-1"))
	if diff := cmp.Diff(r, stored); diff != "" {
		t.Errorf("stored (-returned +stored):\n%s", diff)
	}
	if got := must[[]flows.Request](t)(s.AskedOf("bob@example.com", 0, 10)); got != nil {
		t.Errorf("decided, but still asked of bob: %v", ids(got))
	}
	if due := must[[]string](t)(s.Due(r.SoonAt.Add(-1), 10)); due != nil {
		t.Errorf("due one nanosecond early: %v", due)
	}
	if diff := cmp.Diff([]string{"AR-1"}, must[[]string](t)(s.Due(r.SoonAt, 10))); diff != "" {
		t.Errorf("due (-want +got):\n%s", diff)
	}
	apply(t, s, r.EndsAt, "AR-1", flows.Event{Kind: flows.EventDue})
	for _, integration := range []string{"pg", "k8s"} {
		r = apply(t, s, r.EndsAt, "AR-1", flows.Event{Kind: flows.EventGone, Integration: integration})
	}
	if r.State != flows.StateExpired {
		t.Errorf("state is %s", r.State)
	}
	_, err := s.Apply(t.Context(), r.EndsAt, "AR-1", approve("bob"))
	wantCode(t, err, flows.CodeLate)
	_, err = s.Apply(t.Context(), r.EndsAt, "AR-99", approve("bob"))
	wantCode(t, err, flows.CodeNotFound)
	wantIs(t, err, store.ErrNotFound)
	if got := flows.ErrorMessage(err); got != "There is no request AR-99." {
		t.Errorf("the person reads %q", got)
	}
}

func TestSubmission(t *testing.T) {
	s := open(t)
	if made, ok, err := s.Submission("k"); ok || err != nil || made != nil {
		t.Errorf("before there is one: %v, %t, %v", made, ok, err)
	}
	submit(t, s, start, "k", draft("alice", "pg", "orders"), draft("alice", "k8s", "prod"))
	apply(t, s, start, "AR-2", approve("bob"))
	made, ok, err := s.Submission("k")
	if err != nil || !ok || len(made) != 2 || made[1].State != flows.StateApproved {
		t.Errorf("made %v, %t, %v", ids(made), ok, err)
	}
}

// TestPendingRequestsAreBounded: one person cannot fill the chats of all approvers.
// What is decided, automatic, somebody else's, or a repeat does not count.
func TestPendingRequestsAreBounded(t *testing.T) {
	s := open(t)
	for i := range flows.MaxPending {
		submit(t, s, start, fmt.Sprint("k", i), draft("alice", "pg", "orders"))
	}
	_, err := s.Submit(t.Context(), start, "more", []flows.Request{draft("alice", "pg", "orders")})
	wantCode(t, err, flows.CodeRefused)
	if got, want := flows.ErrorMessage(err), "You have 50 requests waiting; withdraw some first."; got != want {
		t.Errorf("the person reads %q, want %q", got, want)
	}
	submit(t, s, start, "k0", draft("alice", "pg", "orders"))
	submit(t, s, start, "dave", draft("dave", "pg", "orders"))
	auto := draft("alice", "pg", "orders")
	auto.Need, auto.Asked = flows.Need{Automatic: true}, nil
	submit(t, s, start, "auto", auto)

	apply(t, s, start, "AR-7", flows.Event{Kind: flows.EventWithdraw, By: auto.Requestor})
	submit(t, s, start, "one", draft("alice", "pg", "orders"))
	apply(t, s, start, "AR-8", flows.Event{Kind: flows.EventWithdraw, By: auto.Requestor})
	_, err = s.Submit(t.Context(), start, "two", []flows.Request{draft("alice", "pg", "orders"), draft("alice", "k8s", "prod")})
	wantCode(t, err, flows.CodeRefused)
	if got, want := flows.ErrorMessage(err), "You have 49 requests waiting and this would be 2 more; at most 50 may wait. Withdraw some first."; got != want {
		t.Errorf("the person reads %q, want %q", got, want)
	}
}

// TestWithdrawnRequestsAreBounded: nobody writes to approvers without end by asking and
// withdrawing. It is judged on what is committed, so an ask that is on its way while
// another one is withdrawn is refused too.
func TestWithdrawnRequestsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, now := open(t), start
		for i := range 2 * flows.MaxWithdrawn { // decided by others: no matter
			r := submit(t, s, now, fmt.Sprint("denied", i), draft("alice", "pg", "orders"))[0]
			apply(t, s, now, r.ID, flows.Event{Kind: flows.EventDeny, By: person("bob"), CountsFor: []int{0}, Why: "You lead.", Reason: "No."})
		}
		var last flows.Request
		for i := range flows.MaxWithdrawn {
			now = now.Add(time.Second)
			if last = submit(t, s, now, fmt.Sprint("k", i), draft("alice", "pg", "orders"))[0]; i < flows.MaxWithdrawn-1 {
				apply(t, s, now, last.ID, withdraw("alice"))
			}
		}
		gate := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Op(t.Context(), func(bolt.Raw) error { <-gate; return nil }) })
		synctest.Wait()
		wg.Go(func() {
			if _, err := s.Apply(t.Context(), now, last.ID, withdraw("alice")); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		asks := make([]error, 2)
		for i := range asks {
			wg.Go(func() {
				_, asks[i] = s.Submit(t.Context(), now, fmt.Sprint("at once", i), []flows.Request{draft("alice", "pg", "orders")})
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		const want = "You have asked for and withdrawn 30 requests within 10 minutes, and each was in somebody's chat. You can ask again in 10 minutes."
		for _, err := range asks {
			if flows.ErrorCode(err) != flows.CodeRefused || flows.ErrorMessage(err) != want {
				t.Errorf("an ask at that moment: %v, want %q", err, want)
			}
		}
		submit(t, s, now, "k0", draft("alice", "pg", "orders")) // a repeat
		submit(t, s, now, "dave", draft("dave", "pg", "orders"))
		auto := draft("alice", "pg", "orders")
		auto.Need, auto.Asked = flows.Need{Automatic: true}, nil
		submit(t, s, now, "auto", auto)
		submit(t, s, start.Add(time.Second+flows.WithdrawnWithin), "later", draft("alice", "pg", "orders"))
	})
}

// TestACrowdOfAsksAndWithdrawals: whatever the order, none was made after the last that
// may be withdrawn.
func TestACrowdOfAsksAndWithdrawals(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	for c := range 6 {
		wg.Go(func() {
			for i := 0; ; i++ {
				made, err := s.Submit(t.Context(), start, fmt.Sprint(c, "/", i), []flows.Request{draft("alice", "pg", "orders")})
				if flows.ErrorCode(err) == flows.CodeRefused {
					return
				}
				if err == nil {
					_, err = s.Apply(t.Context(), start, made[0].ID, withdraw("alice"))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	withdrawn := 0
	for _, ev := range must[[]flows.AuditEvent](t)(s.Audit(1, 1000)) {
		if ev.Fact.Kind == flows.FactWithdrawn {
			withdrawn++
		} else if ev.Fact.Kind == flows.FactAsked && withdrawn >= flows.MaxWithdrawn {
			t.Errorf("%s was asked for after %d withdrawals", ev.Fact.Request, withdrawn)
		}
	}
	if withdrawn < flows.MaxWithdrawn {
		t.Errorf("%d were withdrawn; want %d at least", withdrawn, flows.MaxWithdrawn)
	}
}

func withdraw(by string) flows.Event {
	return flows.Event{Kind: flows.EventWithdraw, By: person(by)}
}

// TestPendingRequestsAreBoundedAtOnce: those that share a commit count too.
func TestPendingRequestsAreBoundedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		asks := make([]error, flows.MaxPending+2)
		gate := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() { _ = s.Op(t.Context(), func(bolt.Raw) error { <-gate; return nil }) })
		synctest.Wait()
		for i := range asks {
			wg.Go(func() {
				_, asks[i] = s.Submit(t.Context(), start, fmt.Sprint("k", i), []flows.Request{draft("alice", "pg", "orders")})
			})
		}
		synctest.Wait()
		close(gate)
		wg.Wait()
		refused := 0
		for _, err := range asks {
			if flows.ErrorCode(err) == flows.CodeRefused {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if refused != 2 {
			t.Errorf("%d of %d asks were refused; want 2", refused, len(asks))
		}
	})
}
