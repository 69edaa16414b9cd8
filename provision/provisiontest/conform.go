package provisiontest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"apono/flows"
	"apono/provision"
)

// Conform runs the suite. Every subtest uses people and grants of its own and
// leaves the target as it was.
func Conform(t *testing.T, h Harness) {
	t.Helper()
	h.check(t)
	h.run(t, "GrantTwice", grantTwice)
	h.run(t, "RevokeTwice", revokeTwice)
	h.run(t, "RevokeUnknown", revokeUnknown)
	h.run(t, "NewProcess", newProcess)
	h.run(t, "TwoPeople", twoPeople)
	h.run(t, "TwoGrantsOfOnePerson", twoGrants)
	h.run(t, "PartOfAGrant", partOfAGrant)
	h.run(t, "AtTheSameTime", atTheSameTime)
	h.run(t, "HostileNames", hostileNames)
	h.run(t, "CancelGrant", cancelGrant)
	h.run(t, "CancelRevoke", cancelRevoke)
	h.run(t, "AlreadyCancelled", alreadyCancelled)
	h.run(t, "Down", down)
	if h.Refused != nil {
		h.run(t, "Refused", refused)
	}
	conformExtras(t, &h)
}

func grantTwice(s *story) {
	g := s.grant(0)
	s.wantGone(g)
	first := s.mustGrant(g)
	s.wantHeld(g)
	s.wantLogin(first, true)
	again := s.mustGrant(g)
	s.wantHeld(g)
	s.wantLogin(again, true)
	s.mustRevoke(g)
	s.wantGone(g)
	s.wantLogin(first, false)
	s.wantLogin(again, false)
}

func revokeTwice(s *story) {
	g := s.grant(0)
	s.mustGrant(g)
	s.mustRevoke(g)
	s.mustRevoke(g)
	s.wantGone(g)
	c := s.mustGrant(g) // a revoke is not a ban
	s.wantHeld(g)
	s.wantLogin(c, true)
	s.mustRevoke(g)
	s.wantGone(g)
}

func revokeUnknown(s *story) {
	other := s.grant(1)
	s.mustGrant(other)
	unknown := s.grant(0)
	s.mustRevoke(unknown)
	s.wantGone(unknown)
	s.wantHeld(other)
	s.mustRevoke(other)
}

func newProcess(s *story) {
	g := s.grant(0)
	s.mustGrant(g)
	s.connect()
	s.wantHeld(g)
	c := s.mustGrant(g) // the former process died before it could record the grant
	s.wantHeld(g)
	s.wantLogin(c, true)
	s.connect()
	s.mustRevoke(g)
	s.wantGone(g)
	s.connect()
	s.mustRevoke(g)
	s.wantGone(g)
}

func twoPeople(s *story) {
	a, b := s.grant(0), s.grant(1)
	s.mustGrant(a)
	s.wantGone(b)
	c := s.mustGrant(b)
	s.mustRevoke(a)
	s.wantGone(a)
	s.wantHeld(b)
	s.wantLogin(c, true)
	s.mustRevoke(b)
	s.wantGone(b)
}

func twoGrants(s *story) {
	a, b := s.grant(0), s.grant(0)
	ca := s.mustGrant(a)
	s.mustGrant(b)
	s.wantHeld(a)
	s.wantHeld(b)
	if s.shared() {
		s.mustRevoke(b) // the service has found that nobody holds on to it
		s.mustRevoke(a)
		s.wantGone(a)
		s.wantGone(b)
		return
	}
	s.mustRevoke(b)
	s.wantGone(b)
	s.wantHeld(a)
	s.wantLogin(ca, true)
	s.mustRevoke(a)
	s.wantGone(a)
}

// partOfAGrant revokes some items of a shared grant, as the service does where
// others hold on to the rest.
func partOfAGrant(s *story) {
	g := s.grant(0)
	s.mustGrant(g)
	s.wantHeld(g)
	part, rest := g, g
	part.Items, part.Held = g.Items[:1], g.Items[1:]
	rest.Items = g.Items[1:]
	if s.shared() && len(rest.Items) > 0 {
		s.mustRevoke(part)
		s.wantGone(part)
		s.wantHeld(rest)
		s.wantChecked(g, false)
	}
	s.mustRevoke(g)
	s.wantGone(g)
}

// atTheSameTime lets several people come and go, and two processes take up the
// same grant.
func atTheSameTime(s *story) {
	grants := make([]provision.Grant, 8)
	for i := range grants {
		grants[i] = s.grant(i % 2)
		if s.shared() {
			grants[i] = s.grant(i % len(s.People))
		}
	}
	each := func(act func(g provision.Grant) error) {
		var wg sync.WaitGroup
		for _, g := range grants {
			wg.Go(func() {
				if err := act(g); err != nil {
					s.Errorf("%s: %v", g.ID, err)
				}
			})
		}
		wg.Wait()
	}
	grant := func(g provision.Grant) error { _, err := s.driver.Grant(s.context(), g); return err }
	each(grant)
	for _, g := range grants {
		s.wantHeld(g)
	}
	same := s.grant(0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := grant(same); err != nil && provision.KindOf(err) == provision.KindRefused {
				s.Errorf("the same grant at the same time was refused: %v", err)
			}
		})
	}
	wg.Wait()
	s.mustGrant(same)
	s.wantHeld(same)
	s.mustRevoke(same)
	each(func(g provision.Grant) error { return s.driver.Revoke(s.context(), g) })
	for _, g := range append(grants, same) {
		s.wantGone(g)
	}
}

func hostileNames(s *story) {
	var grants []provision.Grant
	for person := range s.People { // names of people are the same in every item
		grants = append(grants, s.grant(person, s.Items[0]))
	}
	for _, item := range s.Hostile {
		grants = append(grants, s.grant(0, item))
	}
	for _, g := range grants {
		s.wantGone(g)
	}
	credentials := make([]provision.Credentials, len(grants))
	for i, g := range grants {
		credentials[i] = s.mustGrant(g)
	}
	for i, g := range grants {
		s.wantHeld(g)
		s.wantLogin(credentials[i], true)
	}
	for _, g := range slices.Backward(grants) {
		s.wantHeld(g) // whatever was revoked before it: no name was taken for another
		s.mustRevoke(g)
		s.wantGone(g)
	}
}

// cancelled calls act on a target that does not answer, and cancels it.
func (s *story) cancelled(act func(ctx context.Context) error) {
	s.Helper()
	reached, release := s.Hang(s.T)
	defer release()
	ctx, cancel := context.WithCancel(s.context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- act(ctx) }()
	select {
	case <-reached:
	case err := <-done:
		s.Fatalf("the call ended on a target that does not answer: %v", err)
	case <-s.context().Done():
		s.Fatal("the call did not reach the target")
	}
	cancel()
	select {
	case err := <-done:
		s.wantUncertain("cancelled", err)
	case <-s.context().Done():
		s.Fatal("the call goes on after it was cancelled")
	}
}

func cancelGrant(s *story) {
	g := s.grant(0)
	s.cancelled(func(ctx context.Context) error { _, err := s.driver.Grant(ctx, g); return err })
	s.mustGrant(g) // the repeat finds whatever the first call left
	s.wantHeld(g)
	s.mustRevoke(g)
	s.wantGone(g)

	g = s.grant(1)
	s.cancelled(func(ctx context.Context) error { _, err := s.driver.Grant(ctx, g); return err })
	s.connect()
	s.mustRevoke(g) // taken back without a repeat, by a new process
	s.wantGone(g)
}

func cancelRevoke(s *story) {
	g := s.grant(0)
	s.mustGrant(g)
	s.cancelled(func(ctx context.Context) error { return s.driver.Revoke(ctx, g) })
	s.connect()
	s.mustRevoke(g)
	s.wantGone(g)
}

func alreadyCancelled(s *story) {
	g := s.grant(0)
	ctx, cancel := context.WithCancel(s.context())
	cancel()
	_, err := s.driver.Grant(ctx, g)
	s.wantUncertain("grant", err)
	s.wantGone(g)
	s.mustGrant(g)
	s.wantUncertain("revoke", s.driver.Revoke(ctx, g))
	s.wantHeld(g)
	s.mustRevoke(g)
	s.wantGone(g)
}

func refused(s *story) {
	g := s.grant(0, s.Refused...)
	_, err := s.driver.Grant(s.context(), g)
	s.wantError("grant", err)
	if kind := provision.KindOf(err); kind != provision.KindRefused {
		s.Errorf("kind %q, want %q: %v", kind, provision.KindRefused, err)
	}
	s.wantGone(g)
	s.mustRevoke(g) // what is undone may never have been there
	both := s.grant(0, append(slices.Clone(s.Items), s.Refused...)...)
	_, err = s.driver.Grant(s.context(), both)
	s.wantError("grant", err)
	s.mustRevoke(both)
	s.wantGone(both)
}

func down(s *story) {
	g, held := s.grant(0), s.grant(1)
	s.mustGrant(held)
	up := s.Down(s.T)
	var wg sync.WaitGroup
	for op, act := range s.acts(g, held) {
		wg.Go(func() {
			err := act(s.context())
			s.wantUncertain(op, err)
			if e, ok := errors.AsType[*provision.Error](err); !ok || e.Integration == "" || e.Op == "" || e.Message == "" {
				s.Errorf("%s: %#v is not a whole *provision.Error", op, err)
			}
		})
	}
	wg.Wait()
	up()
	s.wantHeld(held)
	s.mustRevoke(held)
	s.wantGone(held)
	s.mustGrant(g)
	s.wantHeld(g)
	s.mustRevoke(g)
	s.wantGone(g)
}

// acts are all calls that the driver can make, by name.
func (s *story) acts(g, held provision.Grant) map[string]func(context.Context) error {
	acts := map[string]func(context.Context) error{
		"grant":  func(ctx context.Context) error { _, err := s.driver.Grant(ctx, g); return err },
		"revoke": func(ctx context.Context) error { return s.driver.Revoke(ctx, held) },
	}
	if d, ok := s.driver.(provision.Discoverer); ok {
		acts["discover"] = func(ctx context.Context) error { _, err := d.Discover(ctx); return err }
	}
	if d, ok := s.driver.(provision.Pinger); ok {
		acts["ping"] = d.Ping
	}
	if d, ok := s.driver.(provision.Checker); ok {
		acts["check"] = func(ctx context.Context) error { _, err := d.Check(ctx, held); return err }
	}
	if d, ok := s.driver.(provision.Lister); ok {
		acts["list"] = func(ctx context.Context) error { _, err := d.List(ctx); return err }
	}
	if d, ok := s.driver.(provision.Extender); ok {
		acts["extend"] = func(ctx context.Context) error { return d.Extend(ctx, held) }
	}
	if d, ok := s.driver.(provision.Rotator); ok {
		acts["rotate"] = func(ctx context.Context) error { _, err := d.Rotate(ctx, held); return err }
	}
	return acts
}

// offers reports whether the item can be asked for.
func offers(h flows.Holdings, item flows.Item) bool {
	return flows.NewInventory([]flows.Holdings{h}).Has(item.Unit)
}
