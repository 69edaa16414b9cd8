package platform

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
)

// posting is sixty calls a minute, ten of them at once, and one a second to each channel.
func posting(channel string) []Lane {
	return []Lane{{Name: "post", Rate: 50. / 60, Burst: 10}, {Name: "post " + channel, Pause: time.Second}}
}

var updating = Lane{Name: "update", Rate: 1, Burst: 2}

func TestGateServesByPriorityThenArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, e := NewGate(), platformtest.NewEntries()
		must := func(err error) {
			if err != nil {
				t.Error(err)
			}
		}
		must(g.Wait(t.Context(), chat.PriorityAudit, posting("C")...))
		g.Done(posting("C")...)
		for i := range 3 {
			for _, p := range []chat.Priority{chat.PriorityAudit, chat.PriorityRequester, chat.PriorityApprover} {
				go func() {
					must(g.Wait(t.Context(), p, posting("C")...))
					e.Add(fmt.Sprintf("%d/%d", p, i))
					g.Done(posting("C")...)
				}()
				synctest.Wait()
			}
		}
		time.Sleep(time.Minute)
		order, times := e.All()
		if want := strings.Fields("2/0 2/1 2/2 3/0 3/1 3/2 4/0 4/1 4/2"); !slices.Equal(order, want) {
			t.Errorf("order %v, want %v", order, want)
		}
		for i, at := range times {
			if want := time.Duration(i+1) * time.Second; at < want || at > want+time.Millisecond {
				t.Errorf("message %d went after %v, want %v", i, at, want)
			}
		}
	})
}

func TestGateRests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate()
		start := time.Now()
		g.Rest(30*time.Second, posting("C")...)
		g.Rest(10*time.Second, posting("C")...) // a shorter rest does not end a longer one
		if err := g.Wait(t.Context(), chat.PriorityApprover, updating); err != nil || time.Since(start) > 0 {
			t.Errorf("another lane waited %v, %v", time.Since(start), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := g.Wait(ctx, chat.PriorityApprover, posting("C")...); err == nil || time.Since(start) != 5*time.Second {
			t.Errorf("the context ended after %v with %v", time.Since(start), err)
		}
		if err := g.Wait(t.Context(), chat.PriorityApprover, posting("D")...); err != nil || time.Since(start) < 30*time.Second {
			t.Errorf("the lane was used after %v, %v", time.Since(start), err)
		}
		if n := g.Waiting(); n != 0 {
			t.Errorf("%d are still waiting", n)
		}
	})
}

func TestGateForgetsIdleLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate()
		for i := range 20_000 {
			if err := g.Wait(t.Context(), chat.PriorityApprover, posting(fmt.Sprint(i))...); err != nil {
				t.Fatal(err)
			}
			g.Done(posting(fmt.Sprint(i))...)
		}
		if len(g.lanes) > 5001 {
			t.Errorf("%d lanes are kept", len(g.lanes))
		}
	})
}

func TestWhoWaitsForAChannelKeepsHisPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate()
		for i := range 9 { // one call is left
			if err := g.Wait(t.Context(), chat.PriorityRequester, posting(fmt.Sprint(i))...); err != nil {
				t.Fatal(err)
			}
		}
		waited := make(chan time.Duration, 2)
		start := time.Now()
		go func() {
			_ = g.Wait(t.Context(), chat.PriorityApprover, posting("0")...)
			waited <- time.Since(start)
		}()
		synctest.Wait()
		if err := g.Wait(t.Context(), chat.PriorityAudit, posting("other")...); err != nil || time.Since(start) == 0 {
			t.Errorf("an audit message took the last call from an approver: %v", err)
		}
		g.Done(posting("0")...)
		<-waited
	})
}

func TestOneMessageAtATimeToAChannel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate()
		start := time.Now()
		if err := g.Wait(t.Context(), chat.PriorityApprover, posting("C")...); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(10*time.Second, func() { g.Done(posting("C")...) }) // a slow answer
		if err := g.Wait(t.Context(), chat.PriorityApprover, posting("C")...); err != nil || time.Since(start) != 11*time.Second {
			t.Errorf("the second message went after %v, %v", time.Since(start), err)
		}
	})
}

func TestQueueForOneChannelHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate()
		for range 200 {
			go func() {
				if g.Wait(t.Context(), chat.PriorityApprover, posting("busy")...) == nil {
					g.Done(posting("busy")...)
				}
			}()
		}
		synctest.Wait()
		start := time.Now()
		if err := g.Wait(t.Context(), chat.PriorityAudit, posting("quiet")...); err != nil || time.Since(start) > 0 {
			t.Errorf("an audit message waited %v for another channel's queue: %v", time.Since(start), err)
		}
		time.Sleep(5 * time.Minute)
	})
}

func TestAColdLaneHasNoBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, start := NewGate(), time.Now()
		cold := Lane{Name: "cold", Rate: 2, Burst: 4, Cold: true}
		for i := range 3 {
			if err := g.Wait(t.Context(), chat.PriorityApprover, cold); err != nil {
				t.Fatal(err)
			}
			if at, want := time.Since(start), time.Duration(i+1)*time.Second/2; at < want || at > want+time.Millisecond {
				t.Errorf("call %d went after %v, want %v", i, at, want)
			}
		}
	})
}
