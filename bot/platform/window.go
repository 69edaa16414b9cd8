package platform

import (
	"math"
	"time"

	"apono/bot/chat"
)

// window counts the calls that the platform still counts.
type window struct {
	length               time.Duration
	most, burst, reserve int
	yields               chat.Priority
	flying               int
	answered             []time.Time // in order
	// known is what turn said last, for the others who wait at the same moment.
	known struct {
		at       time.Time
		reserved int
		delay    time.Duration
	}
}

func newWindow(l Lane) *window {
	return &window{length: l.Window, most: l.Most, burst: l.Burst, reserve: l.Reserve, yields: l.Yields}
}

// delay is how long until there is room for one more call after those reserved.
func (w *window) delay(now time.Time, reserved int, p chat.Priority) time.Duration {
	w.forget(now)
	most, counted := w.most, len(w.answered)+w.flying+reserved
	if p >= w.yields {
		most -= w.reserve
	}
	over := counted + 1 - most
	switch {
	case over > len(w.answered):
		return longest // an answer admits who waits
	case over > 0:
		// A microsecond more, so that rounding never wakes anybody too early.
		return w.answered[over-1].Add(w.length + time.Microsecond).Sub(now)
	case p < w.yields || w.burst <= 0 || w.burst >= most:
		return 0
	}
	if w.known.at != now || w.known.reserved != reserved {
		w.known.at, w.known.reserved, w.known.delay = now, reserved, w.turn(now, most, reserved)
	}
	return w.known.delay
}

// turn is how long until a call that yields goes, where there is room for it. What is not
// the burst goes at a pace that lasts for a whole window. A call goes at once where
// that pace can be kept after it, at every moment until all that is counted today is
// forgotten: when little was called for long, and when what went in a burst is forgotten. A
// call without an answer counts as one of this moment.
func (w *window) turn(now time.Time, most, reserved int) time.Duration {
	left := most - len(w.answered) - w.flying - reserved
	pace := float64(most-w.burst) / float64(w.length) // calls in a nanosecond
	spare := float64(w.burst - w.flying - reserved)
	for i, at := range w.answered {
		spare = min(spare, float64(left+i)-pace*float64(at.Add(w.length).Sub(now)))
	}
	if spare >= 1 {
		return 0
	}
	return time.Duration(math.Ceil((1-spare)/pace)) + time.Microsecond
}

// use counts a call that begins.
func (w *window) use() {
	w.flying++
	w.known.at = time.Time{}
}

// done counts the call from its answer on.
func (w *window) done(now time.Time) {
	w.flying--
	w.known.at = time.Time{}
	w.answered = append(w.answered, now)
}

func (w *window) forget(now time.Time) {
	for len(w.answered) > 0 && now.Sub(w.answered[0]) > w.length {
		w.answered = w.answered[1:]
	}
}

// empty reports whether the platform counts no call any more.
func (w *window) empty() bool { return len(w.answered)+w.flying == 0 }
