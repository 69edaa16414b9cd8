package provisiontest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/provision"
)

// conformExtras proves the interfaces that a driver may have or not. A subtest
// of one it lacks is not run, so that a list of subtests tells what it can do.
func conformExtras(t *testing.T, h *Harness) {
	t.Helper()
	driver := h.Connect(t)
	defer driver.Close()
	if _, ok := driver.(provision.Pinger); ok {
		h.run(t, "Ping", ping)
	}
	if _, ok := driver.(provision.Discoverer); ok {
		h.run(t, "Discover", discover)
	}
	if _, ok := driver.(provision.Lister); ok {
		h.run(t, "List", list)
	}
	if _, ok := driver.(provision.Identifier); ok {
		h.run(t, "Identity", identity)
	}
	if _, ok := driver.(provision.Extender); ok {
		h.run(t, "Extend", extend)
		h.run(t, "ExtendUnknown", extendUnknown)
	}
	if _, ok := driver.(provision.Rotator); ok {
		h.run(t, "Rotate", rotate)
		h.run(t, "RotateUnknown", rotateUnknown)
	}
}

// extend leaves the credentials as they are, twice, and for a new process; to a later
// end, and to one that is earlier than the target was told at first.
func extend(s *story) {
	g := s.grant(0)
	c := s.mustGrant(g)
	for _, by := range []time.Duration{time.Hour, 0, -30 * time.Minute, 0} {
		g.NotAfter = g.NotAfter.Add(by)
		if err := s.driver.(provision.Extender).Extend(s.context(), g); err != nil {
			s.Fatal(err)
		}
		s.wantHeld(g)
		s.wantChecked(g, true)
		s.wantLogin(c, true)
		s.connect()
	}
	s.mustRevoke(g)
	s.wantGone(g)
}

// extendUnknown makes nothing of what is not there.
func extendUnknown(s *story) {
	g := s.grant(0)
	for range 2 {
		err := s.driver.(provision.Extender).Extend(s.context(), g)
		if provision.KindOf(err) != provision.KindRefused {
			s.Errorf("extended what is not there: %v", err)
		}
		s.wantGone(g)
		s.mustGrant(g)
		s.mustRevoke(g)
	}
}

func ping(s *story) {
	if err := s.driver.(provision.Pinger).Ping(s.context()); err != nil {
		s.Error(err)
	}
}

// identity is the same before and after a grant, and for another connection.
func identity(s *story) {
	ask := func(d provision.Driver) string {
		id, err := d.(provision.Identifier).Identity(s.context())
		if err != nil || id == "" || len(id) > 200 {
			s.Fatalf("identity %q, %v", id, err)
		}
		for _, secret := range s.Secrets {
			if strings.Contains(id, secret.Reveal()) {
				s.Error("the identity holds a secret")
			}
		}
		return id
	}
	before := ask(s.driver)
	g := s.grant(0)
	s.mustGrant(g)
	other := s.Connect(s.T)
	defer other.Close()
	if after := ask(other); after != before {
		s.Errorf("identity %q became %q", before, after)
	}
	s.mustRevoke(g)
}

func discover(s *story) {
	d := s.driver.(provision.Discoverer)
	first, err := d.Discover(s.context())
	if err != nil {
		s.Fatal(err)
	}
	if want := s.Items[0].Integration; first.Integration != want {
		s.Errorf("holdings of integration %q, want %q", first.Integration, want)
	}
	for _, item := range slices.Concat(s.Items, s.Hostile) {
		if !offers(first, item) {
			s.Errorf("%v is not offered", item.Unit)
		}
	}
	g := s.grant(0)
	s.mustGrant(g)
	again, err := d.Discover(s.context())
	if err != nil {
		s.Fatal(err)
	}
	if diff := cmp.Diff(first, again); diff != "" { // also: a stable order
		s.Errorf("a grant changed what is offered (-before +after):\n%s", diff)
	}
	s.mustRevoke(g)
}

func list(s *story) {
	ids := func() []string {
		out, err := s.driver.(provision.Lister).List(s.context())
		if err != nil {
			s.Fatal(err)
		}
		return out
	}
	before := ids()
	a, b := s.grant(0), s.grant(1)
	s.mustGrant(a)
	s.mustGrant(b)
	s.mustGrant(b)
	want := slices.Sorted(slices.Values(append(slices.Clone(before), a.ID, b.ID)))
	s.connect()
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(ids()))); diff != "" {
		s.Errorf("listed ids (-want +got):\n%s", diff)
	}
	s.mustRevoke(a)
	s.mustRevoke(b)
	if diff := cmp.Diff(slices.Sorted(slices.Values(before)), slices.Sorted(slices.Values(ids()))); diff != "" {
		s.Errorf("listed ids after the end (-want +got):\n%s", diff)
	}
}

func rotate(s *story) {
	g := s.grant(0)
	first := s.mustGrant(g)
	r := s.driver.(provision.Rotator)
	second, err := r.Rotate(s.context(), g)
	if len(secretsOf(first)) == 0 && provision.KindOf(err) == provision.KindRefused {
		s.mustRevoke(g) // a target without credentials of its own says so
		return
	}
	if err != nil {
		s.Fatal(err)
	}
	s.keep(second)
	if len(secretsOf(second)) == 0 || slices.Equal(secretsOf(first), secretsOf(second)) {
		s.Error("the credentials are not new")
	}
	s.wantHeld(g)
	s.wantLogin(second, true)
	s.wantLogin(first, false)
	third, err := r.Rotate(s.context(), g) // a later act, not a repeat
	if err != nil {
		s.Fatal(err)
	}
	if slices.Equal(secretsOf(second), secretsOf(third)) {
		s.Error("the credentials are not new the second time")
	}
	s.wantLogin(third, true)
	s.wantLogin(second, false)
	s.mustRevoke(g)
	s.wantGone(g)
	s.wantLogin(third, false)
}

// rotateUnknown wants that nobody comes in by way of new credentials. Whether the
// driver answers with an error is its own affair.
func rotateUnknown(s *story) {
	g := s.grant(0)
	c, err := s.driver.(provision.Rotator).Rotate(s.context(), g)
	if err != nil {
		s.wantError("rotate", err)
	}
	s.wantGone(g)
	if err == nil {
		s.wantLogin(c, false)
	}
	s.mustRevoke(g)
	s.wantGone(g)
}

func secretsOf(c provision.Credentials) []string {
	var out []string
	for _, f := range c.Fields {
		if f.Secret {
			out = append(out, f.Value.Reveal())
		}
	}
	return out
}

// wantUncertain wants an error after which the caller tries again.
func (s *story) wantUncertain(op string, err error) {
	s.Helper()
	s.wantError(op, err)
	if err != nil && provision.KindOf(err) == provision.KindRefused {
		s.Errorf("%s: a target that did not answer counts as one that refused: %v", op, err)
	}
}

// wantError wants an error that can be shown and logged.
func (s *story) wantError(op string, err error) {
	s.Helper()
	if err == nil {
		s.Errorf("%s: no error", op)
		return
	}
	for _, leak := range leaks(err, s.secrets()) {
		s.Errorf("%s: %s", op, leak)
	}
	if m := provision.MessageOf(err); m == "" || strings.ContainsFunc(m, func(r rune) bool { return r < ' ' }) {
		s.Errorf("%s: %q is no sentence for a person", op, m)
	}
}

func (s *story) secrets() []string {
	out := slices.Clone(s.issued)
	for _, secret := range s.Secrets {
		out = append(out, secret.Reveal())
	}
	return out
}

// leaks says where the text of an error, or of one that it wraps, holds a secret.
func leaks(err error, secrets []string) []string {
	var out []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v", e), fmt.Sprintf("%#v", e), provision.MessageOf(e)} {
			for i, secret := range secrets {
				if secret != "" && strings.Contains(text, secret) {
					out = append(out, fmt.Sprintf("secret %d appears in a text of %T", i, e))
				}
			}
		}
	}
	return out
}
