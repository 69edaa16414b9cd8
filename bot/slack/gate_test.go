package slack

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/slack/slacksim"
)

// entries records who got through the gate, and when.
type entries struct {
	mu    sync.Mutex
	start time.Time
	who   []string
	at    []time.Duration
}

func (e *entries) add(who string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.who, e.at = append(e.who, who), append(e.at, time.Since(e.start))
}

func (e *entries) all() ([]string, []time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.who), slices.Clone(e.at)
}

func TestGateServesByPriorityThenArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, e := newGate(), &entries{start: time.Now()}
		must := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		must(g.wait(t.Context(), postMessage, "C", chat.PriorityAudit))
		g.done(postMessage, "C")
		for i := range 3 {
			for _, p := range []chat.Priority{chat.PriorityAudit, chat.PriorityRequester, chat.PriorityApprover} {
				go func() {
					must(g.wait(t.Context(), postMessage, "C", p))
					e.add(fmt.Sprintf("%d/%d", p, i))
					g.done(postMessage, "C")
				}()
				synctest.Wait()
			}
		}
		time.Sleep(time.Minute)
		order, times := e.all()
		if want := strings.Fields("1/0 1/1 1/2 2/0 2/1 2/2 3/0 3/1 3/2"); !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		for i, at := range times {
			if want := time.Duration(i+1) * time.Second; at < want || at > want+time.Millisecond {
				t.Errorf("message %d went after %v, want %v", i, at, want)
			}
		}
	})
}

func TestGateKeepsEveryMinuteWithinTheTier(t *testing.T) {
	for _, m := range []method{updateMessage, openView, listConversations, lookupByEmail, postMessage} {
		synctest.Test(t, func(t *testing.T) {
			g, e := newGate(), &entries{start: time.Now()}
			for i := range 3 * m.perMinute {
				go func() {
					if g.wait(t.Context(), m, fmt.Sprint(i), chat.PriorityApprover) == nil {
						e.add("")
					}
				}()
			}
			time.Sleep(time.Hour)
			_, times := e.all()
			if len(times) != 3*m.perMinute {
				t.Fatalf("%s: %d of %d calls were made", m.name, len(times), 3*m.perMinute)
			}
			for i := range times {
				if j := i + m.perMinute; j < len(times) && times[j]-times[i] < time.Minute {
					t.Fatalf("%s: %d calls within %v", m.name, m.perMinute+1, times[j]-times[i])
				}
			}
			if last := times[len(times)-1]; last > 10*time.Minute {
				t.Errorf("%s: the queue took %v", m.name, last)
			}
		})
	}
}

func TestGateRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		start := time.Now()
		g.rest(postMessage, "C", 30*time.Second)
		g.rest(postMessage, "C", 10*time.Second) // a shorter rest does not end a longer one
		if err := g.wait(t.Context(), updateMessage, "", chat.PriorityApprover); err != nil || time.Since(start) > 0 {
			t.Errorf("another method waited %v, %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := g.wait(ctx, postMessage, "C", chat.PriorityApprover); err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("the context ended after %v with %v", time.Since(start), err)
		}
		if err := g.wait(t.Context(), postMessage, "D", chat.PriorityApprover); err != nil || time.Since(start) < 30*time.Second {
			t.Errorf("the method was used after %v, %v", time.Since(start), err)
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.waiting) != 0 {
			t.Errorf("%d are still waiting", len(g.waiting))
		}
	})
}

func TestGateForgetsIdleChannels(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for i := range 20_000 {
			if err := g.wait(t.Context(), postMessage, fmt.Sprint(i), chat.PriorityApprover); err != nil {
				t.Fatal(err)
			}
			g.done(postMessage, fmt.Sprint(i))
		}
		if len(g.lanes) > 5001 {
			t.Errorf("%d lanes are kept", len(g.lanes))
		}
	})
}

func TestWhoWaitsForAChannelKeepsHisPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for i := range postMessage.burst - 1 { // one call is left
			if err := g.wait(t.Context(), postMessage, fmt.Sprint(i), chat.PriorityRequester); err != nil {
				t.Fatal(err)
			}
		}
		waited := make(chan time.Duration, 2)
		start := time.Now()
		go func() {
			_ = g.wait(t.Context(), postMessage, "0", chat.PriorityApprover)
			waited <- time.Since(start)
		}()
		synctest.Wait()
		if err := g.wait(t.Context(), postMessage, "other", chat.PriorityAudit); err != nil || time.Since(start) == 0 {
			t.Errorf("an audit message took the last call from an approver: %v", err)
		}
		g.done(postMessage, "0")
		<-waited
	})
}

func TestOneMessageAtATimeToAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		start := time.Now()
		if err := g.wait(t.Context(), postMessage, "C", chat.PriorityApprover); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Second, func() { g.done(postMessage, "C") }) // a slow answer
		if err := g.wait(t.Context(), postMessage, "C", chat.PriorityApprover); err != nil || time.Since(start) != 11*time.Second {
			t.Errorf("the second message went after %v, %v", time.Since(start), err)
		}
	})
}

func TestQueueForOneChannelHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGate()
		for range 200 {
			go func() {
				if g.wait(t.Context(), postMessage, "busy", chat.PriorityApprover) == nil {
					g.done(postMessage, "busy")
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		if err := g.wait(t.Context(), postMessage, "quiet", chat.PriorityAudit); err != nil || time.Since(start) > 0 {
			t.Errorf("an audit message waited %v for another channel's queue: %v", time.Since(start), err)
		}
		time.Sleep(5 * time.Minute)
	})
}

// TestRateLimitsAreNeverHit sends a burst at the simulated Slack, which counts strictly.
func TestRateLimitsAreNeverHit(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		var done sync.WaitGroup
		var refs [30]chat.MessageRef
		for i := range refs {
			done.Go(func() {
				ref, err := r.client.Post(r.ctx, chat.Recipient{Email: []string{"alice@example.com", "bob@example.com", "carol@example.com"}[i%3]}, approval(), chat.PriorityRequester)
				r.note(err)
				refs[i] = ref
				_, err = r.client.PostAudit(r.ctx, approval())
				r.note(err)
			})
		}
		done.Wait()
		for range 4 {
			for _, ref := range refs {
				done.Go(func() { r.note(r.client.Update(r.ctx, ref, approval(), chat.PriorityApprover)) })
			}
		}
		done.Wait()
		if limited := r.RateLimited(); len(limited) > 0 {
			t.Errorf("429 answers: %v", limited)
		}
		if n := len(r.Messages("C0AUDIT001")); n != 30 {
			t.Errorf("%d audit messages", n)
		}
	})
}

func TestRetryAfterIsKept(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		r.Faults().RateLimit("chat.postMessage", 1, 42*time.Second)
		start := time.Now()
		_, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
		if chat.KindOf(err) != chat.ErrorRetry || chat.RetryAfterOf(err) != 42*time.Second {
			t.Fatalf("%v", err)
		}
		_, err = r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
		r.must(err)
		if waited := time.Since(start); waited < 42*time.Second || waited > 43*time.Second {
			t.Errorf("the next message went after %v", waited)
		}
		if r.meter.of("slack_call chat.postMessage retry") != 1 || r.meter.of("slack_call chat.postMessage ok") != 1 {
			t.Errorf("counted %v", r.meter.n)
		}
	})
}

// TestOutageOfAnHour has a worker that repeats what it is told to repeat.
func TestOutageOfAnHour(t *testing.T) {
	quiet(t, world(), func(r *rig) {
		ref, err := r.client.Post(r.ctx, chat.Recipient{ID: bob}, approval(), chat.PriorityApprover)
		r.must(err)
		r.Faults().Outage(slacksim.ServerError, time.Hour)
		start := time.Now()
		for pause := time.Second; ; pause = min(2*pause, time.Minute) {
			if err = r.client.Update(r.ctx, ref, approval(), chat.PriorityApprover); err == nil {
				break
			}
			if chat.KindOf(err) != chat.ErrorRetry {
				t.Fatal(err)
			}
			time.Sleep(pause)
		}
		if d := time.Since(start); d < time.Hour || d > time.Hour+2*time.Minute {
			t.Errorf("the card was redrawn after %v", d)
		}
	})
}
