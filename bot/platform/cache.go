package platform

import (
	"sync"
	"time"
)

// maxCached bounds a cache; a full one is emptied.
const maxCached = 50_000

// Cache remembers values for a while. Copies share what is remembered. It is safe for
// concurrent use.
type Cache[V any] struct {
	life time.Duration
	mu   *sync.Mutex
	all  map[string]cached[V]
}

type cached[V any] struct {
	value V
	until time.Time
}

// NewCache makes one that forgets a value when it is as old as life.
func NewCache[V any](life time.Duration) Cache[V] {
	return Cache[V]{life: life, mu: new(sync.Mutex), all: map[string]cached[V]{}}
}

// Get returns what was put under a key and is not too old.
func (c Cache[V]) Get(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.all[key]
	if !ok || !time.Now().Before(e.until) {
		var zero V
		return zero, false
	}
	return e.value, true
}

// Put remembers a value from now on.
func (c Cache[V]) Put(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.all) >= maxCached {
		clear(c.all)
	}
	c.all[key] = cached[V]{v, time.Now().Add(c.life)}
}

// Drop forgets a value.
func (c Cache[V]) Drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.all, key)
}
