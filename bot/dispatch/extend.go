package dispatch

import (
	"context"

	"apono/flows"
	"apono/provision"
)

// extend tells the target the end of the access, where it ends access by itself: a later
// one, or the one that was not known when it was granted. Everywhere else the bot's own
// revoke comes later, and nobody has to be told.
func (a *act) extend(ctx context.Context) outcome {
	ev := flows.Event{Kind: flows.EventProlonged, Integration: a.group.Integration, Until: a.r.EndsAt}
	if !a.found {
		return a.notExtended(ctx, errNotConnected)
	}
	native, ok := a.in.Driver.(provision.NativeExpiry)
	if !ok || !native.ExpiresNatively() {
		return a.apply(ctx, ev, ResultDone, nil)
	}
	if err := a.elsewhere(ctx); err != nil {
		return a.notExtended(ctx, err)
	}
	g := a.base("extend/" + a.r.EndsAt.UTC().Format("20060102T150405.999999999"))
	g.NotAfter = a.r.EndsAt.Add(expirySlack)
	if d, ok := a.in.Driver.(provision.Extender); ok {
		if _, err := call(ctx, a, func(ctx context.Context) (struct{}, error) { return struct{}{}, d.Extend(ctx, g) }); err != nil {
			return a.notExtended(ctx, err)
		}
		return a.apply(ctx, ev, ResultDone, nil)
	}
	if !a.group.Extending { // what it knows is late enough, and other credentials would help nobody
		return a.apply(ctx, ev, ResultDone, nil)
	}
	credentials, err := call(ctx, a, func(ctx context.Context) (provision.Credentials, error) { return a.in.Driver.Grant(ctx, g) })
	if err == nil {
		ev.Access, err = a.accessOf(a.in, credentials, a.Now())
	}
	if err != nil {
		return a.notExtended(ctx, err)
	}
	ev.Fresh = len(credentials.Fields) > 0
	return a.apply(ctx, ev, ResultDone, nil)
}

// notExtended tries again until the access ends, unless the target said no.
func (a *act) notExtended(ctx context.Context, err error) outcome {
	switch {
	case ended(ctx, err):
		return stopped(err)
	case provision.KindOf(err) != provision.KindRefused:
		due := a.Now().Add(grantBackoff.delay(a.task.Key, a.task.Tries, provision.RetryAfterOf(err)))
		return again(resultOf(err), due, err)
	}
	ev := flows.Event{Kind: flows.EventExtendFailed, Integration: a.group.Integration, Until: a.r.EndsAt, Problem: cut(provision.MessageOf(err), maxProblem)}
	return a.apply(ctx, ev, ResultRefused, err)
}
