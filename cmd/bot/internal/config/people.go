package config

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"apono/flows"
	"apono/provision"
)

// somebody is a person as one integration tells of them.
type somebody struct {
	flows.Person
	integration int // index
	name        string
	path        string
}

// peopleTwice warns where two static integrations claim what people are recognised by and
// they cannot be made one, so that they are refused; and where the two do not agree on one
// person. What one integration says twice it warns of itself.
func (l *loader) peopleTwice(ctx context.Context, c *Config) {
	t := twice{loader: l, addresses: map[string]somebody{}, slack: map[string]somebody{}, teams: map[string]somebody{}}
	var all []flows.PeopleOf
	var entries []somebody
	for i, in := range c.Integrations {
		d, ok := in.Connection.(provision.Directory)
		if !ok || in.Type != staticType {
			continue
		}
		people, _, err := d.People(ctx)
		if err != nil {
			continue // it is read from memory
		}
		all = append(all, flows.PeopleOf{Source: in.Name, People: people})
		for j, p := range people {
			entries = append(entries, somebody{p, i, in.Name, fmt.Sprintf("integrations[%d].config.people[%d]", i, j)})
		}
	}
	merged, conflicts := flows.MergePeople(all)
	t.people = flows.NewDirectory(merged, nil)
	for _, who := range entries {
		t.once(t.addresses, who, flows.NormalizeEmail(who.Email), ".email", "duplicate_person", "the address")
		for k, alias := range who.Aliases {
			t.once(t.addresses, who, flows.NormalizeEmail(alias), fmt.Sprintf(".aliases[%d]", k), "duplicate_person", "the address")
		}
		t.once(t.slack, who, who.SlackID, ".slack_id", "duplicate_account", "the Slack account")
		t.once(t.teams, who, who.TeamsID, ".teams_id", "duplicate_account", "the Teams account")
		for _, x := range conflicts {
			if x.Other == who.name && t.one(who.Email) == t.one(x.Person) {
				l.p.warn(who.path+"."+x.Fact, "people_disagree", x.String(), "leave it out in one of them, or write the same in both")
			}
		}
	}
}

// twice looks for what people are recognised by.
type twice struct {
	*loader
	people                  *flows.Directory // of all static integrations, made one
	addresses, slack, teams map[string]somebody
}

// one finds who has an address; nil: nobody, or it is not clear who.
func (t *twice) one(email string) *flows.Person {
	p, err := t.people.ByEmail(email)
	if err != nil {
		return nil
	}
	return p
}

func (t *twice) once(first map[string]somebody, who somebody, key, at, code, what string) {
	other, taken := first[key]
	is := t.one(who.Email)
	switch {
	case key == "":
	case !taken:
		first[key] = who
	case other.integration == who.integration:
	case is != nil && is == t.one(other.Email): // they are made one
	case code == "duplicate_account":
		t.p.warn(who.path+at, code, fmt.Sprintf("%s %s belongs to %s in the integration %q too: both are refused until one is removed",
			what, key, other.Email, other.name), "")
	default:
		t.p.warn(who.path+at, code, fmt.Sprintf("%s %s is in the integration %q too%s: both are refused until one is removed",
			what, key, other.name, differing(other.Person, who.Person)), "")
	}
}

// differing says what two entries contradict each other in: ", with another
// manager and other groups".
func differing(a, b flows.Person) string {
	var out []string
	for _, x := range []struct {
		differ bool
		what   string
	}{
		{flows.NormalizeEmail(a.Email) != flows.NormalizeEmail(b.Email), "another address"},
		{a.Name != b.Name, "another name"},
		{flows.NormalizeEmail(a.Manager) != flows.NormalizeEmail(b.Manager), "another manager"},
		{!sameSet(a.Groups, b.Groups), "other groups"},
		{a.SlackID != b.SlackID, "another Slack account"},
		{a.TeamsID != b.TeamsID, "another Teams account"},
	} {
		if x.differ {
			out = append(out, x.what)
		}
	}
	switch len(out) {
	case 0:
		return ""
	case 1:
		return ", with " + out[0]
	}
	return ", with " + strings.Join(out[:len(out)-1], ", ") + " and " + out[len(out)-1]
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// groupsOf are the groups that a source knows beside those of its people.
func groupsOf(ctx context.Context, d provision.Directory) ([]string, error) {
	g, ok := d.(provision.Grouper)
	if !ok {
		return nil, nil
	}
	return g.Groups(ctx)
}
