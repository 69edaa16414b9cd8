package slack

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
	"apono/bot/slack/slacksim"
)

func TestGateKeepsEveryMinuteWithinTheTier(t *testing.T) {
	for _, m := range []method{updateMessage, openView, listConversations, lookupByEmail, postMessage, usersInfo, respond} {
		synctest.Test(t, func(t *testing.T) {
			g, e := newGate(), platformtest.NewEntries()
			for i := range 3 * m.perMinute {
				go func() {
					if g.wait(t.Context(), m, fmt.Sprint(i), chat.PriorityRequester) == nil {
						e.Add("")
						g.done(m, fmt.Sprint(i))
					}
				}()
			}
			time.Sleep(time.Hour)
			_, times := e.All()
			if len(times) != 3*m.perMinute {
				t.Fatalf("%s: %d of %d calls were made", m.name, len(times), 3*m.perMinute)
			}
			for i := range times {
				if j := i + m.perMinute; j < len(times) && times[j]-times[i] < time.Minute {
					t.Fatalf("%s: %d calls within %v", m.name, m.perMinute+1, times[j]-times[i])
				}
			}
			// Three minutes, were all of each used.
			if last := times[len(times)-1]; last > 3*time.Minute*100/95 {
				t.Errorf("%s: the queue took %v", m.name, last)
			}
		})
	}
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

// TestAllThatSlackTakesIsSent: while messages wait at least 95 % of what Slack takes are sent, it
// never says that they are too many, and an approver's card does not wait.
func TestAllThatSlackTakesIsSent(t *testing.T) {
	const messages, cards, minutes = 420, 260, 2
	o, crowd := peopled(200)
	quiet(t, o, func(r *rig) {
		begun := time.Now()
		var all sync.WaitGroup
		var mu sync.Mutex
		var waited []time.Duration
		post := func(to string, p chat.Priority) {
			_, err := r.client.Post(r.ctx, chat.Recipient{ID: to}, approval(), p)
			r.note(err)
		}
		for i := range messages {
			all.Go(func() { post(crowd[i%150], chat.PriorityRequester) })
		}
		for i := range cards {
			all.Go(func() {
				time.Sleep(time.Duration(i) * minutes * time.Minute / cards)
				asked := time.Now()
				post(crowd[150+i%50], chat.PriorityApprover)
				mu.Lock()
				defer mu.Unlock()
				waited = append(waited, time.Since(asked))
			})
		}
		time.Sleep(minutes * time.Minute)
		if sent := len(r.Calls(postMessage.name)); sent < minutes*postMessage.perMinute*95/100 {
			t.Errorf("%d messages were sent within %d minutes", sent, minutes)
		}
		all.Wait()
		if most := slices.Max(waited); most > 2*time.Second {
			t.Errorf("an approver's card came after %s", most)
		}
		if limited := r.RateLimited(); len(limited) > 0 {
			t.Errorf("429 answers after %s: %v", time.Since(begun), limited)
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
		if r.meter.Of("slack_call chat.postMessage retry") != 1 || r.meter.Of("slack_call chat.postMessage ok") != 1 {
			t.Errorf("counted %v", r.meter.All())
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
