package provisiontest

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"apono/flows"
	"apono/provision"
)

// Harness is one target and a way to reach it. The fields up to Items are
// required; what an optional one leaves out is said beside it.
type Harness struct {
	// Connect makes a new connection to the target, as a new process would: it
	// shares nothing with connections made before. The suite closes it.
	Connect func(t *testing.T) provision.Driver
	// Holds looks at the target, past the driver, and reports whether the person
	// has every item of the grant. Where grants are not Shared it looks for this
	// grant, not for another one of the same person.
	Holds func(t *testing.T, g provision.Grant) bool
	// Down makes the target unreachable for all connections until up is called.
	Down func(t *testing.T) (up func())
	// Hang makes the target take calls and not answer them until release is
	// called. Reached is closed when a call is being held; what is held then
	// either has had its effect or never will.
	Hang func(t *testing.T) (reached <-chan struct{}, release func())
	// Items are what an ordinary grant holds. Two or more prove more than one.
	Items []flows.Item

	// Left names what the target still holds that the driver made. It must be empty
	// once everything is revoked. Nil: only Holds is asked.
	Left func(t *testing.T) []string
	// Login uses credentials at the target. Nil: the target has none of its own.
	Login func(t *testing.T, c provision.Credentials) error
	// Hostile are items with names that break careless drivers: quotes, other
	// scripts, great length. They exist at the target and are not among Items. Nil:
	// only people have such names.
	Hostile []flows.Item
	// Refused are items that the target says no to. Nil: it refuses nothing.
	Refused []flows.Item
	// People may be given access; the first two play in most stories. Nil: People().
	People []flows.PersonRef
	// Secrets must appear in no error. Those in credentials are added by the suite.
	Secrets []flows.Secret
	// Timeout is the longest that a call may take; 0: 30 s.
	Timeout time.Duration
}

// People are the people of the suite: two plain ones, and addresses that quote,
// escape, format, collide when cleaned of punctuation, and collide when cut.
func People() []flows.PersonRef {
	long := strings.Repeat("a", 64) + "@" + strings.Repeat("long-label.", 16)
	return []flows.PersonRef{
		{Email: "alice@example.com", Name: "Alice"},
		{Email: "bob@example.com", Name: "Bob"},
		{Email: `o'brien"; drop role postgres; --@example.com`, Name: `Robert'); DROP TABLE people;--`},
		{Email: `back\slash$(id)` + "`id`" + `@example.com`, Name: "${HOME} {{.}} <b>"},
		{Email: "per%cent%s%n%00@example.com", Name: "%!s(MISSING)"},
		{Email: "søren.żółć.李雷+🙂@exämple.com", Name: "\u202eSøren 李雷 🙂"},
		{Email: "a.b@example.com", Name: "A"},
		{Email: "a-b@example.com", Name: "A"},
		{Email: "a_b@example.com", Name: "A"},
		{Email: long + "one.example", Name: strings.Repeat("Long ", 60)},
		{Email: long + "two.example", Name: strings.Repeat("Long ", 60)},
	}
}

func (h *Harness) check(t *testing.T) {
	t.Helper()
	for name, missing := range map[string]bool{
		"Connect": h.Connect == nil, "Holds": h.Holds == nil, "Down": h.Down == nil, "Hang": h.Hang == nil, "Items": len(h.Items) == 0,
	} {
		if missing {
			t.Fatalf("the harness lacks %s", name)
		}
	}
	if h.People == nil {
		h.People = People()
	}
	if len(h.People) < 2 {
		t.Fatal("the harness needs two people")
	}
	h.Timeout = cmp.Or(h.Timeout, 30*time.Second)
}

// requests numbers the grants of all suites of a process, so that two suites on
// one target do not meet.
var requests atomic.Int64

// grant makes a grant that nobody has made before.
func (h *Harness) grant(person int, items ...flows.Item) provision.Grant {
	if items == nil {
		items = h.Items
	}
	request := fmt.Sprintf("AR-%d", 9000+requests.Add(1))
	return provision.Grant{
		ID: request + "/" + items[0].Integration, Request: request, Person: h.People[person],
		Items: items, NotAfter: time.Now().Add(time.Hour).Truncate(time.Second),
	}
}

// story is one connection in one subtest.
type story struct {
	*testing.T
	*Harness
	driver provision.Driver
	issued []string // secrets of credentials
}

func (h *Harness) run(t *testing.T, name string, tell func(s *story)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		s := &story{T: t, Harness: h}
		s.connect()
		tell(s)
		if h.Left == nil {
			return
		}
		if left := h.Left(t); len(left) > 0 {
			t.Errorf("the target still holds %q", left)
		}
	})
}

// connect goes on as a new process.
func (s *story) connect() {
	s.Helper()
	driver := s.Connect(s.T)
	s.driver = driver
	s.Cleanup(func() {
		if err := driver.Close(); err != nil {
			s.Errorf("close: %v", err)
		}
	})
}

func (s *story) context() context.Context {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.Context()), s.Timeout)
	s.Cleanup(cancel)
	return ctx
}

func (s *story) mustGrant(g provision.Grant) provision.Credentials {
	s.Helper()
	c, err := s.driver.Grant(s.context(), g)
	if err != nil {
		s.Fatalf("grant %s to %s: %v", g.ID, g.Person.Email, err)
	}
	s.keep(c)
	return c
}

// keep remembers the secrets of credentials, and wants them nowhere else in there.
func (s *story) keep(c provision.Credentials) {
	s.Helper()
	for _, secret := range secretsOf(c) {
		s.issued = append(s.issued, secret)
		if strings.Contains(c.Instructions, secret) {
			s.Error("the instructions hold a secret")
		}
		for _, f := range c.Fields {
			if !f.Secret && strings.Contains(f.Value.Reveal(), secret) {
				s.Errorf("field %q is not secret and holds a secret", f.Name)
			}
		}
	}
}

func (s *story) mustRevoke(g provision.Grant) {
	s.Helper()
	if err := s.driver.Revoke(s.context(), g); err != nil {
		s.Fatalf("revoke %s from %s: %v", g.ID, g.Person.Email, err)
	}
}

func (s *story) wantHeld(g provision.Grant) {
	s.Helper()
	if !s.Holds(s.T, g) {
		s.Errorf("%s does not hold grant %s", g.Person.Email, g.ID)
	}
	s.wantChecked(g, true)
}

// wantGone wants no item of the grant held.
func (s *story) wantGone(g provision.Grant) {
	s.Helper()
	for _, item := range g.Items {
		one := g
		one.Items = []flows.Item{item}
		if s.Holds(s.T, one) {
			s.Errorf("%s still holds %s on %s of grant %s", g.Person.Email, item.Permission, item.Resource, g.ID)
		}
	}
	s.wantChecked(g, false)
}

// wantChecked wants the driver's own view to agree with the target.
func (s *story) wantChecked(g provision.Grant, want bool) {
	s.Helper()
	c, ok := s.driver.(provision.Checker)
	if !ok {
		return
	}
	got, err := c.Check(s.context(), g)
	if err != nil || got != want {
		s.Errorf("Check of %s = %t, %v; want %t", g.ID, got, err, want)
	}
}

func (s *story) wantLogin(c provision.Credentials, want bool) {
	s.Helper()
	if s.Login == nil {
		return
	}
	if err := s.Login(s.T, c); (err == nil) != want {
		s.Errorf("login: %v; want success: %t", err, want)
	}
}

func (s *story) shared() bool {
	sh, ok := s.driver.(provision.Sharer)
	return ok && sh.Shared()
}
