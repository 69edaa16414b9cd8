package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"apono/bot/cards"
	"apono/bot/sweep"
	"apono/flows"
)

// delegations keeps who decides in whose place: in the store, and in memory for every
// judgement.
type delegations struct {
	app     *App
	mu      sync.Mutex // of loading
	current atomic.Pointer[flows.Delegations]
}

func newDelegations(a *App) (*delegations, error) {
	d := &delegations{app: a}
	return d, d.load()
}

// load reads what is on record.
func (d *delegations) load() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	all, err := d.app.store.Delegations()
	if err != nil {
		return fmt.Errorf("read the delegations: %w", err)
	}
	d.current.Store(flows.NewDelegations(all))
	return nil
}

// Delegate implements bot.Delegations.
func (d *delegations) Delegate(ctx context.Context, now time.Time, one flows.Delegation) error {
	before, replaces := d.of(func(o flows.Delegation) bool { return o.From.Is(one.From.Email) })
	err := d.app.store.Delegate(ctx, now, one)
	d.app.wrote(err)
	if err == nil {
		err = d.load()
	}
	if err != nil || replaces && before.ID == one.ID {
		return err
	}
	if replaces && !before.To.Is(one.To.Email) {
		d.app.write(ctx, before.To.Email, cards.DelegationOver(before, before.To, one.From))
	}
	d.app.write(ctx, one.To.Email, cards.StandsIn(one))
	d.app.touchPeople(one.From.Email, one.To.Email)
	return nil
}

// EndDelegation implements bot.Delegations. Whoever ends it knows; the other is told,
// and where its time is up both are.
func (d *delegations) EndDelegation(ctx context.Context, now time.Time, id string, by flows.PersonRef) error {
	one, err := d.app.store.EndDelegation(ctx, now, id, by)
	d.app.wrote(err)
	if err == nil {
		err = d.load()
	}
	if err != nil {
		return err
	}
	for _, p := range []flows.PersonRef{one.From, one.To} {
		if !p.Is(by.Email) {
			d.app.write(ctx, p.Email, cards.DelegationOver(one, p, by))
		}
	}
	d.app.touchPeople(one.From.Email, one.To.Email)
	return nil
}

func (d *delegations) of(which func(flows.Delegation) bool) (flows.Delegation, bool) {
	for _, one := range d.current.Load().All() {
		if which(one) {
			return one, true
		}
	}
	return flows.Delegation{}, false
}

// job ends delegations at their time, and asks about what waits.
func (d *delegations) job() sweep.Job {
	a := d.app
	return sweep.Delegations(sweep.DelegationOptions{
		Requests: a.counted(), OnRecord: d.current.Load, Now: a.now,
		End: func(ctx context.Context, now time.Time, id string) error {
			return d.EndDelegation(ctx, now, id, flows.PersonRef{})
		},
		World: func() (flows.World, bool) {
			_, settled := a.judged()
			return a.world(), settled
		},
	})
}

// world is the context of decisions at this moment.
func (a *App) world() flows.World {
	w := a.living.World()
	w.Delegations = a.standing.current.Load().At(a.now())
	return w
}

// touchPeople has the homes of people drawn again.
func (a *App) touchPeople(emails ...string) {
	if a.adapter != nil {
		a.adapter.Touch(emails...)
	}
}
