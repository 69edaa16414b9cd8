package main

import (
	"context"

	"apono/bot/sweep"
	"apono/flows"
)

// judged is the world in which rights are judged. settled says that every source
// of people has answered under its present settings, before the last restart maybe.
func (a *App) judged() (w flows.World, settled bool) {
	settled = a.living.Settled()
	return a.living.World(), settled
}

// rights ends the access of those who lost the right to it.
func (a *App) rights() sweep.Job {
	return sweep.Rights(sweep.RightsOptions{
		Requests: a.counted(), World: a.judged, Log: a.log, Now: a.now,
		HoldAbove: func() int { return a.current.Load().Sync.HoldWhenShrinkingBy },
	})
}

// follow makes people hold what automatic flows give.
func (a *App) follow() *sweep.Follower {
	return sweep.Automatic(sweep.AutomaticOptions{
		Requests: a.counted(), Discards: a.store, World: a.judged, Log: a.log, Now: a.now,
		HoldAbove: func() int { return a.current.Load().Sync.HoldWhenShrinkingBy },
		Raise: func(ctx context.Context, name, text, details string) {
			a.raiseHold(ctx, flows.Fact{Kind: flows.FactOperator, Text: text, Reason: details, Hold: holdPlan + name})
		},
	})
}

// lost says why an approved request may not be granted any more.
func (a *App) lost(r *flows.Request) (cause string, lost bool) {
	w, settled := a.judged()
	if w.People.Size() == 0 {
		settled = false
	}
	loss, lost := w.Lost(r, settled)
	return loss.Cause, lost
}

// raise tells the admins of overdue revokes.
func (a *App) raise() sweep.Job {
	return sweep.Raise(a.counted(), func() []flows.PersonRef { return a.living.World().Admins() }, a.now)
}

// unreached records that no platform delivers to an approver: that is silence at once.
func (a *App) unreached(ctx context.Context, key flows.PostKey) error {
	_, err := a.store.Apply(ctx, a.now(), key.Request, flows.Event{
		Kind: flows.EventUnreached, By: flows.PersonRef{Email: key.Person}, Extension: key.Number(),
	})
	return err
}
