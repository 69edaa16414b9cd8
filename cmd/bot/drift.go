package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"apono/bot/dispatch"
	"apono/bot/sweep"
	"apono/cmd/bot/internal/living"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/provision"
)

// drift compares what integrations hold in the name of the bot with its records.
func (a *App) drift() sweep.Job {
	return sweep.Drift(sweep.DriftOptions{
		Records: a.store, Targets: holdings{a.living}, Log: a.log, Now: a.now,
		Every: func() time.Duration { return a.current.Load().Sync.DriftInterval },
	})
}

// holdings are the integrations that can list what they hold.
type holdings struct{ living *living.Context }

func (h holdings) Listers() (names []string) {
	for _, health := range h.living.Health() {
		s, done, ok := h.living.Use(health.Name)
		if !ok {
			continue
		}
		_, lists := s.Connection.(provision.Lister)
		_, grants := s.Connection.(provision.Driver)
		done()
		if lists && grants {
			names = append(names, health.Name)
		}
	}
	return names
}

func (h holdings) List(ctx context.Context, integration string) ([]string, error) {
	s, done, ok := h.living.Use(integration)
	if !ok {
		return nil, fmt.Errorf("%s is not connected any more", integration)
	}
	defer done()
	l, ok := s.Connection.(provision.Lister)
	if !ok {
		return nil, fmt.Errorf("%s does not list any more what it holds", integration)
	}
	ctx, cancel := context.WithTimeout(ctx, dispatch.DefaultCallTimeout)
	defer cancel()
	return l.List(ctx)
}

func (h holdings) TakeBack(ctx context.Context, r flows.Request, integration string) error {
	in, ok := integrations(h).Integration(integration)
	if !ok {
		return fmt.Errorf("%s is not connected any more", integration)
	}
	defer in.Done()
	return dispatch.TakeBack(ctx, in.Driver, r, integration)
}

// drifts are for /metrics, of the integrations that can be asked.
func (a *App) drifts() (out []ops.Drift) {
	all, err := a.store.Drifts()
	if err != nil {
		a.log.WarnContext(context.Background(), "could not count orphans", "err", err)
		return nil
	}
	for _, name := range (holdings{a.living}).Listers() {
		d := ops.Drift{Integration: name}
		if i := slices.IndexFunc(all, func(d flows.Drift) bool { return d.Integration == name }); i >= 0 {
			d.Orphans, d.Missing = len(all[i].Orphans), len(all[i].Missing)
		}
		out = append(out, d)
	}
	return out
}
