package platform

import (
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
)

// TestAWindowIsUsedAtOnce: as many calls as the platform takes go at once, the next when
// the first of them is a minute old; one that is under way counts, and its minute
// begins with its answer.
func TestAWindowIsUsedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, l := NewGate(), Lane{Name: "update", Window: time.Minute, Most: 5, Reserve: 2, Yields: chat.PriorityRedraw}
		start := time.Now()
		for range 5 {
			if err := g.Wait(t.Context(), chat.PriorityStale, l); err != nil || time.Since(start) > 0 {
				t.Fatalf("a call waited %v, %v", time.Since(start), err)
			}
		}
		waited := make(chan time.Duration)
		go func() {
			_ = g.Wait(t.Context(), PriorityNow, l)
			waited <- time.Since(start)
		}()
		time.Sleep(90 * time.Second)
		if g.Waiting() != 1 {
			t.Error("calls that nobody has answered are not counted any more")
		}
		for range 5 {
			g.Done(l)
		}
		if got := <-waited; got < 150*time.Second || got > 151*time.Second {
			t.Errorf("the next went after %v", got)
		}
	})
}

// TestRedrawsLeaveTheReserve: however many messages only read old, there is room for
// one that somebody can press in vain, and it goes first.
func TestRedrawsLeaveTheReserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, l := NewGate(), Lane{Name: "update", Window: time.Minute, Most: 5, Reserve: 2, Yields: chat.PriorityRedraw}
		start := time.Now()
		went := make(chan time.Duration, 10)
		for range 6 {
			go func() {
				_ = g.Wait(t.Context(), chat.PriorityRedraw, l)
				went <- time.Since(start)
				g.Done(l)
			}()
		}
		synctest.Wait()
		if len(went) != 3 {
			t.Fatalf("%d redraws went at once", len(went))
		}
		for range 2 {
			if err := g.Wait(t.Context(), chat.PriorityStale, l); err != nil || time.Since(start) > 0 {
				t.Fatalf("a stale card waited %v, %v", time.Since(start), err)
			}
			g.Done(l)
		}
		time.Sleep(time.Hour)
		for range 3 {
			<-went
		}
		for range 3 {
			if at := <-went; at < time.Minute || at > 61*time.Second {
				t.Errorf("a redraw went after %v", at)
			}
		}
	})
}
