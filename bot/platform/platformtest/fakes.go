package platformtest

import (
	"bytes"
	"context"
	"maps"
	"sync"
	"time"
)

// Inbox is a platform.Inbox in memory, which survives a restart of the adapter.
type Inbox struct {
	mu      sync.Mutex
	order   []string
	payload map[string][]byte
	done    map[string]bool
	fail    error
	delay   time.Duration
}

// NewInbox makes an empty one.
func NewInbox() *Inbox { return &Inbox{payload: map[string][]byte{}, done: map[string]bool{}} }

// Fail lets Receive fail from now on; nil: no more.
func (i *Inbox) Fail(err error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.fail = err
}

// Delay lets Receive take that long from now on.
func (i *Inbox) Delay(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.delay = d
}

// Receive implements platform.Inbox. It never forgets a key.
func (i *Inbox) Receive(ctx context.Context, _ time.Time, key string, payload []byte) (bool, error) {
	i.mu.Lock()
	delay, fail := i.delay, i.fail
	i.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	if fail == nil {
		fail = ctx.Err()
	}
	if fail != nil {
		return false, fail
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, known := i.payload[key]; known {
		return false, nil
	}
	i.payload[key] = bytes.Clone(payload)
	i.order = append(i.order, key)
	return true, nil
}

// Finish implements platform.Inbox.
func (i *Inbox) Finish(_ context.Context, key string) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.done[key] = true
	return nil
}

// Undone implements platform.Inbox.
func (i *Inbox) Undone(context.Context) ([][]byte, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	var out [][]byte
	for _, k := range i.order {
		if !i.done[k] {
			out = append(out, i.payload[k])
		}
	}
	return out, nil
}

// Left is how many were received and not finished.
func (i *Inbox) Left() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	n := 0
	for _, k := range i.order {
		if !i.done[k] {
			n++
		}
	}
	return n
}

// Received is how many came in.
func (i *Inbox) Received() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return len(i.order)
}

// Counts is a platform.Meter. The zero value is ready.
type Counts struct {
	mu sync.Mutex
	n  map[string]int
}

// Count implements platform.Meter.
func (c *Counts) Count(name, detail string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = map[string]int{}
	}
	c.n[name+" "+detail]++
}

// Of is how often "name detail" was counted.
func (c *Counts) Of(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n[name]
}

// All is what was counted.
func (c *Counts) All() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.n)
}

// Journal is a log that can be read. The zero value is ready.
type Journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write implements io.Writer.
func (j *Journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

// String is all that was written.
func (j *Journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}
