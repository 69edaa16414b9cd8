package platformtest

import (
	"slices"
	"sync"
	"time"
)

// Entries records who got through a gate, and when.
type Entries struct {
	mu    sync.Mutex
	start time.Time
	who   []string
	at    []time.Duration
}

// NewEntries counts the time from now.
func NewEntries() *Entries { return &Entries{start: time.Now()} }

// Add records that somebody got through now.
func (e *Entries) Add(who string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.who, e.at = append(e.who, who), append(e.at, time.Since(e.start))
}

// All are who got through, in order, and how long after the start each did.
func (e *Entries) All() (who []string, at []time.Duration) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.who), slices.Clone(e.at)
}
