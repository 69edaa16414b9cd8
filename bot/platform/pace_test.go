package platform

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/chat"
)

// calls are what went through a gate: when each began, and when it was answered.
type calls struct {
	mu              sync.Mutex
	begun, answered []time.Time
	waited          map[chat.Priority][]time.Duration
}

// make waits for its turn, calls, and is answered after took.
func (c *calls) make(t *testing.T, g *Gate, p chat.Priority, took time.Duration, lanes ...Lane) {
	asked := time.Now()
	if err := g.Wait(t.Context(), p, lanes...); err != nil {
		t.Error(err)
	}
	c.mu.Lock()
	c.begun = append(c.begun, time.Now())
	if c.waited == nil {
		c.waited = map[chat.Priority][]time.Duration{}
	}
	c.waited[p] = append(c.waited[p], time.Since(asked))
	c.mu.Unlock()
	time.Sleep(took)
	c.mu.Lock()
	c.answered = append(c.answered, time.Now())
	c.mu.Unlock()
	g.Done(lanes...)
}

// over wants that no more than most calls arrive in a minute, wherever between its beginning
// and its answer each arrives. Answers are in the order of the calls.
func (c *calls) over(t *testing.T, most int) {
	t.Helper()
	for i := range c.begun {
		if j := i + most; j < len(c.begun) && c.begun[j].Sub(c.answered[i]) <= time.Minute {
			t.Fatalf("%d calls within %s", most+1, c.begun[j].Sub(c.answered[i]))
		}
	}
}

// used is the share of what most a minute allow that was used until a call began.
func (c *calls) used(from time.Time, last, most int) float64 {
	first, _ := slices.BinarySearchFunc(c.begun, from, time.Time.Compare)
	return float64(last-first) / (float64(most) * c.begun[last].Sub(from).Minutes())
}

var paced = Lane{Name: "post", Window: time.Minute, Most: 300, Burst: 60, Reserve: 10, Yields: chat.PriorityRequester}

// TestAllOfAMinuteIsUsedWhileCallsWait: while calls wait at least 95 % of what is allowed is used,
// and no minute holds more than all of it, however long answers take, whatever went
// before, and where some calls wait for a second lane.
func TestAllOfAMinuteIsUsedWhileCallsWait(t *testing.T) {
	const n = 700
	for _, took := range []time.Duration{50 * time.Millisecond, 800 * time.Millisecond} {
		for before, at := range map[string][]time.Duration{
			"nothing":       nil,
			"one":           {0},
			"a burst":       slices.Repeat([]time.Duration{20 * time.Second}, 50),
			"four a second": every(250*time.Millisecond, 55*time.Second),
		} {
			t.Run(fmt.Sprint(before, " before, ", took), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g, c := NewGate(), &calls{}
					rush := time.Now().Add(59 * time.Second)
					var all sync.WaitGroup
					for i := range len(at) + n {
						all.Go(func() {
							lanes := []Lane{paced}
							if i < len(at) {
								time.Sleep(at[i])
							} else {
								time.Sleep(time.Until(rush))
							}
							if i%5 == 0 {
								lanes = append(lanes, Lane{Name: fmt.Sprint(i % 150), Pause: time.Second})
							}
							c.make(t, g, chat.PriorityRequester, took, lanes...)
						})
					}
					all.Wait()
					c.over(t, paced.Most)
					if used := c.used(rush, len(c.begun)-100, paced.Most); used < 0.95 {
						t.Errorf("%.1f %% of what is allowed was used", used*100)
					}
				})
			})
		}
	}
}

// every is each moment from the beginning to an end, so far apart.
func every(step, end time.Duration) (at []time.Duration) {
	for d := time.Duration(0); d < end; d += step {
		at = append(at, d)
	}
	return at
}

// TestApproversNeverWaitForOthers: however many messages to others wait, and for how long, an
// approver's card waits for moments, though two of three that Slack takes are such cards,
// at moments that nobody knows before.
func TestApproversNeverWaitForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const minutes = 6
		g, c := NewGate(), &calls{}
		chance := rand.New(rand.NewPCG(1, 2))
		var all sync.WaitGroup
		for range 150 * minutes {
			all.Go(func() { c.make(t, g, chat.PriorityRequester, 50*time.Millisecond, paced) })
		}
		for range 200 * minutes {
			at := time.Duration(chance.Float64() * minutes * float64(time.Minute))
			all.Go(func() {
				time.Sleep(at)
				c.make(t, g, chat.PriorityApprover, 50*time.Millisecond, paced)
			})
		}
		start := time.Now()
		all.Wait()
		c.over(t, paced.Most)
		if used := c.used(start, len(c.begun)-100, paced.Most); used < 0.95 {
			t.Errorf("%.1f %% of what is allowed was used", used*100)
		}
		waited := c.waited[chat.PriorityApprover]
		slices.Sort(waited)
		if p99 := waited[len(waited)*99/100]; p99 > 2*time.Second {
			t.Errorf("the p99 of approvers is %s", p99)
		}
		t.Logf("approvers waited p50 %s, p99 %s, at most %s", waited[len(waited)/2], waited[len(waited)*99/100], waited[len(waited)-1])
	})
}

// TestAFloodOfCardsStarvesNobody: after a flood of approvers' cards, which go at once, what is
// left of the minute goes to others before it ends.
func TestAFloodOfCardsStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, c := NewGate(), &calls{}
		start := time.Now()
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() { c.make(t, g, chat.PriorityApprover, 0, paced) })
		}
		synctest.Wait()
		if len(c.begun) != 200 || time.Since(start) > 0 {
			t.Errorf("%d of 200 cards went at once", len(c.begun))
		}
		for range 80 {
			all.Go(func() { c.make(t, g, chat.PriorityRequester, 0, paced) })
		}
		all.Wait()
		c.over(t, paced.Most)
		if took := time.Since(start); took > time.Minute {
			t.Errorf("the others took %s", took)
		}
	})
}
