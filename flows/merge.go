package flows

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Conflict is a fact about a person on which two sources do not agree.
type Conflict struct {
	Person string // e-mail address
	Fact   string // "manager", "slack_id", …
	// Counts is the source whose word counts, Other the one that says otherwise.
	Counts, Other string
}

// String is a sentence for the operator.
func (c Conflict) String() string {
	return fmt.Sprintf("%s and %s do not agree on the %s of %s; the word of %s counts", c.Counts, c.Other, c.Fact, c.Person, c.Counts)
}

// merger is MergePeople under way.
type merger struct {
	people    []Person
	at        map[string]int    // address -> index into people
	from      []map[string]bool // which sources said something of each
	word      []map[string]string
	conflicts []Conflict
}

// PeopleOf is what a source says of people.
type PeopleOf struct {
	Source string
	People []Person
}

// MergePeople makes one person of what several sources say about the one with an
// address. The rules:
//
//   - Sources count in the order of the configuration. Two entries are one person
//     where an address of the one, aliases included, is an address of the other.
//   - Groups, aliases and the values of attributes are the union of what all say.
//   - Of name, manager, time zone and bound accounts the first source that knows one
//     counts; of manager and accounts, another word is a conflict.
//   - Whoever one source says is disabled is disabled; that too is a conflict.
//   - Two entries of one source are never made one, and neither are two people who
//     were told apart before: an address that both claim then belongs to neither, as
//     NewDirectory has it.
//
// Conflicts are on what they do not agree. What is given is not changed.
func MergePeople(sources []PeopleOf) ([]Person, []Conflict) {
	m := &merger{at: map[string]int{}}
	for _, s := range sources {
		m.add(s.Source, s.People)
	}
	return m.people, m.conflicts
}

func addressesOf(p *Person) []string {
	out := []string{NormalizeEmail(p.Email)}
	for _, a := range p.Aliases {
		out = append(out, NormalizeEmail(a))
	}
	return slices.DeleteFunc(out, func(a string) bool { return a == "" })
}

// add takes what a source says of all people.
func (m *merger) add(source string, people []Person) {
	for i := range people {
		m.one(source, &people[i])
	}
}

func (m *merger) one(source string, p *Person) {
	if i, ok := m.same(source, p); ok {
		m.join(i, source, p)
		return
	}
	i := len(m.people)
	fresh := *p // what it points at is not written to
	fresh.Email = NormalizeEmail(p.Email)
	m.people = append(m.people, fresh)
	m.from = append(m.from, map[string]bool{source: true})
	m.word = append(m.word, map[string]string{"manager": source, "slack_id": source, "teams_id": source, "deactivation": source})
	m.index(i)
}

func (m *merger) index(i int) {
	for _, a := range addressesOf(&m.people[i]) {
		if _, taken := m.at[a]; !taken {
			m.at[a] = i
		}
	}
}

// same finds the one person that the entry is about; none where two could be meant.
func (m *merger) same(source string, p *Person) (found int, ok bool) {
	for _, a := range addressesOf(p) {
		i, known := m.at[a]
		switch {
		case !known, ok && i == found:
		case ok || m.from[i][source]:
			return 0, false
		default:
			found, ok = i, true
		}
	}
	return found, ok
}

func (m *merger) join(i int, source string, p *Person) {
	into := &m.people[i]
	m.from[i][source] = true
	into.Name, into.TimeZone = cmp.Or(into.Name, p.Name), cmp.Or(into.TimeZone, p.TimeZone)
	m.single(i, source, "manager", &into.Manager, NormalizeEmail(p.Manager))
	m.single(i, source, "slack_id", &into.SlackID, p.SlackID)
	m.single(i, source, "teams_id", &into.TeamsID, p.TeamsID)
	if into.Disabled != p.Disabled {
		counts, other := m.word[i]["deactivation"], source
		if p.Disabled {
			counts, other = source, counts
		}
		m.conflicts = append(m.conflicts, Conflict{Person: into.Email, Fact: "deactivation", Counts: counts, Other: other})
		into.Disabled, m.word[i]["deactivation"] = true, counts
	}
	into.Groups = withAll(into.Groups, p.Groups)
	into.Aliases = withAll(into.Aliases, slices.DeleteFunc(addressesOf(p), func(a string) bool { return a == into.Email }))
	if len(p.Attributes) > 0 {
		all := maps.Clone(into.Attributes)
		if all == nil {
			all = map[string][]string{}
		}
		for name, values := range p.Attributes {
			all[name] = withAll(all[name], values)
		}
		into.Attributes = all
	}
	m.index(i)
}

// single keeps the first word on a fact that has one value.
func (m *merger) single(i int, source, fact string, have *string, says string) {
	switch {
	case says == "" || strings.EqualFold(*have, says):
	case *have == "":
		*have, m.word[i][fact] = says, source
	default:
		m.conflicts = append(m.conflicts, Conflict{Person: m.people[i].Email, Fact: fact, Counts: m.word[i][fact], Other: source})
	}
}

// withAll is a and what of b is not in it. It never writes into a.
func withAll(a, b []string) []string {
	out := slices.Clone(a)
	for _, v := range b {
		if !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
