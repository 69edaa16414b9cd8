package main

import (
	"context"
	"sync/atomic"
	"time"

	"apono/bot/sweep"
	"apono/flows"
)

// tempoOf is how many of the latest requests tell how long grants take.
const tempoOf = 500

// tempo is how long grants usually take in the integrations that are slow. It is read
// from the records, so that a restart and another process know the same.
type tempo struct {
	requests func(before uint64, limit int) ([]flows.Request, error)
	slow     atomic.Pointer[map[string]time.Duration]
}

func (t *tempo) job() sweep.Job {
	return sweep.Job{Name: "tempo", Spec: "@every 1m", Run: func(context.Context) error { return t.read() }}
}

func (t *tempo) read() error {
	requests, err := t.requests(0, tempoOf)
	if err != nil {
		return err
	}
	slow := flows.SlowTargets(requests)
	t.slow.Store(&slow)
	return nil
}

// all of the slow ones, by name.
func (t *tempo) all() map[string]time.Duration {
	if slow := t.slow.Load(); slow != nil {
		return *slow
	}
	return nil
}

func (t *tempo) usual(integration string) time.Duration { return t.all()[integration] }
