package static

import (
	"context"
	"maps"
	"slices"

	"apono/flows"
	"apono/provision"
)

// config is the `config` of an integration of this type.
type config struct {
	People []person `yaml:"people"`
	Shifts []shift  `yaml:"shifts"`
	// Groups are groups that exist, also while nobody is in them.
	Groups []string `yaml:"groups"`
}

type person struct {
	Email      string              `yaml:"email"`
	Name       string              `yaml:"name"`
	Aliases    []string            `yaml:"aliases"`
	Groups     []string            `yaml:"groups"`
	Manager    string              `yaml:"manager"`
	TimeZone   string              `yaml:"time_zone"`
	Attributes map[string][]string `yaml:"attributes"`
	SlackID    string              `yaml:"slack_id"`
	TeamsID    string              `yaml:"teams_id"`
}

type shift struct {
	Name    string   `yaml:"name"`
	Members []string `yaml:"members"`
}

// Type is the type "static". Its connections are a Directory and nothing else.
func Type() provision.Type { return provision.Type{Name: "static", New: connect} }

func connect(_ context.Context, spec provision.Spec) (provision.Connection, []flows.Issue) {
	var c config
	if err := spec.Decode(&c); err != nil {
		return nil, []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: err.Error()}}
	}
	issues := check(c)
	if slices.ContainsFunc(issues, func(i flows.Issue) bool { return i.Severity == flows.SeverityError }) {
		return nil, issues
	}
	return &directory{c}, issues
}

// directory is a configuration in which Check found no error. It never changes.
type directory struct{ config config }

var (
	_ provision.Directory = (*directory)(nil)
	_ provision.Grouper   = (*directory)(nil)
)

// Close implements provision.Connection.
func (*directory) Close() error { return nil }

// People implements provision.Directory. The caller owns what it gets.
func (d *directory) People(context.Context) ([]flows.Person, []flows.Shift, error) {
	people := make([]flows.Person, len(d.config.People))
	for i, p := range d.config.People {
		attributes := maps.Clone(p.Attributes)
		for name, values := range attributes {
			attributes[name] = slices.Clone(values)
		}
		people[i] = flows.Person{
			Email: flows.NormalizeEmail(p.Email), Name: p.Name, Aliases: normalized(p.Aliases), Groups: slices.Clone(p.Groups),
			Manager: flows.NormalizeEmail(p.Manager), TimeZone: p.TimeZone, Attributes: attributes, SlackID: p.SlackID, TeamsID: p.TeamsID,
		}
	}
	shifts := make([]flows.Shift, len(d.config.Shifts))
	for i, s := range d.config.Shifts {
		shifts[i] = flows.Shift{Name: s.Name, Members: normalized(s.Members)}
	}
	return people, shifts, nil
}

// Groups implements provision.Grouper: those that are declared. Those that people
// are in need no declaration.
func (d *directory) Groups(context.Context) ([]string, error) {
	return slices.Clone(d.config.Groups), nil
}

func normalized(addresses []string) []string {
	var out []string
	for _, a := range addresses {
		out = append(out, flows.NormalizeEmail(a))
	}
	return out
}
