package slack

import (
	"sync"
	"time"
)

// maxCached bounds a cache; a full one is emptied.
const maxCached = 50_000

// cache remembers values for a while.
type cache[V any] struct {
	ttl time.Duration
	mu  *sync.Mutex
	all map[string]cached[V]
}

type cached[V any] struct {
	value V
	until time.Time
}

func newCache[V any](ttl time.Duration) cache[V] {
	return cache[V]{ttl: ttl, mu: new(sync.Mutex), all: map[string]cached[V]{}}
}

func (c cache[V]) get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.all[key]
	if !ok || !time.Now().Before(e.until) {
		var zero V
		return zero, false
	}
	return e.value, true
}

func (c cache[V]) put(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxCached {
		clear(c.all)
	}
	c.all[key] = cached[V]{v, time.Now().Add(c.ttl)}
}

func (c cache[V]) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, key)
}
