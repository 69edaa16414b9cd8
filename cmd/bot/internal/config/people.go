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

// peopleTwice warns of what people are recognised by and two static integrations
// claim: whoever cannot be told apart is refused. What one integration says twice
// it warns of itself.
func (l *loader) peopleTwice(ctx context.Context, c *Config) {
	addresses, slack, teams := map[string]somebody{}, map[string]somebody{}, map[string]somebody{}
	for i, in := range c.Integrations {
		d, ok := in.Connection.(provision.Directory)
		if !ok || in.Type != staticType {
			continue
		}
		people, _, err := d.People(ctx)
		if err != nil {
			continue // it is read from memory
		}
		for j, p := range people {
			who := somebody{p, i, in.Name, fmt.Sprintf("integrations[%d].config.people[%d]", i, j)}
			l.once(addresses, who, flows.NormalizeEmail(p.Email), ".email", "duplicate_person", "the address")
			for k, alias := range p.Aliases {
				l.once(addresses, who, flows.NormalizeEmail(alias), fmt.Sprintf(".aliases[%d]", k), "duplicate_person", "the address")
			}
			l.once(slack, who, p.SlackID, ".slack_id", "duplicate_account", "the Slack account")
			l.once(teams, who, p.TeamsID, ".teams_id", "duplicate_account", "the Teams account")
		}
	}
}

func (l *loader) once(first map[string]somebody, who somebody, key, at, code, what string) {
	other, taken := first[key]
	switch {
	case key == "":
	case !taken:
		first[key] = who
	case other.integration == who.integration:
	case code == "duplicate_account":
		l.p.warn(who.path+at, code, fmt.Sprintf("%s %s belongs to %s in the integration %q too: both are refused until one is removed",
			what, key, other.Email, other.name), "")
	default:
		l.p.warn(who.path+at, code, fmt.Sprintf("%s %s is in the integration %q too%s: both are refused until one is removed",
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
