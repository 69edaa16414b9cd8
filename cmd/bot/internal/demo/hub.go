package demo

import (
	"reflect"
	"sync"
)

// hub wakes the event streams.
type hub struct {
	mu      sync.Mutex
	streams map[chan struct{}]bool
}

func (h *hub) join() (wake chan struct{}, leave func()) {
	wake = make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.streams == nil {
		h.streams = map[chan struct{}]bool{}
	}
	h.streams[wake] = true
	return wake, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.streams, wake)
	}
}

// poke wakes all streams. It never blocks.
func (h *hub) poke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for wake := range h.streams {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// seen is up to where each person has read each conversation.
type seen struct {
	mu sync.Mutex
	ts map[[2]string]string
}

func (s *seen) upTo(person, conversation string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ts[[2]string{person, conversation}]
}

func (s *seen) read(person, conversation, ts string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ts == nil {
		s.ts = map[[2]string]string{}
	}
	if at := [2]string{person, conversation}; ts > s.ts[at] {
		s.ts[at] = ts
	}
}

func (f facts) equal(g facts) bool { return reflect.DeepEqual(f, g) }
