package flows_test

import (
	"testing"

	"apono/flows"
)

// TestNoLetterBecomesAnother: small letters make nobody somebody else.
func TestNoLetterBecomesAnother(t *testing.T) {
	for address, want := range map[string]string{
		" Kim@Example.COM\n": "kim@example.com", "J\u00DCRGEN@example.com": "j\u00FCrgen@example.com",
		"\u212Aim@example.com": "\u212Aim@example.com", "k\u0130m@example.com": "k\u0130m@example.com",
	} {
		if got := flows.NormalizeEmail(address); got != want {
			t.Errorf("%q is %q, want %q", address, got, want)
		}
	}
	w := flows.World{People: flows.NewDirectory([]flows.Person{
		{Email: "kim@example.com", Groups: []string{"Links"}, Attributes: map[string][]string{"team": {"Kiel"}}},
		{Email: "\u212Aim@example.com", Groups: []string{"lin\u212As"}, Attributes: map[string][]string{"team": {"\u212Aiel"}}},
	}, nil), Catalog: flows.NewCatalog(flows.Policy{})}
	for i, want := range []flows.Status{flows.Met, flows.Unmet} {
		p := w.People.Everybody()[i]
		for _, c := range []flows.Condition{
			{Attribute: "user", Values: []string{"KIM@example.com"}}, {Attribute: "group", Values: []string{"links"}}, {Attribute: "team", Values: []string{"kiel"}},
		} {
			if got, why := w.Meets(c, p, nil); got != want {
				t.Errorf("%s by %s: %s, want %s: %s", p.Email, c.Attribute, got, want, why)
			}
		}
	}
}
