package dispatch

import (
	"time"

	"apono/flows"
)

// Try is one try of one task.
type Try struct {
	Lane        flows.Lane
	Kind        flows.EffectKind
	Integration string // target tasks; else empty
	Result      Result
	Took        time.Duration
	Waited      time.Duration // from the moment the effect was wanted to the start of this try
	Tries       int           // failed tries before this one
}

// Hooks let somebody count. They are called from many goroutines, must not block,
// and may be nil.
type Hooks struct {
	// Tried is called after each try has been recorded.
	Tried func(Try)
	// Running is called whenever the number of tasks under way changes.
	Running func(lane flows.Lane, n int)
}

func (h Hooks) tried(t Try) {
	if h.Tried != nil {
		h.Tried(t)
	}
}

func (h Hooks) running(lane flows.Lane, n int) {
	if h.Running != nil {
		h.Running(lane, n)
	}
}
