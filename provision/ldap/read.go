package ldap

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"apono/flows"
)

// reading is what one sync has found.
type reading struct {
	config   config
	people   []*ldap.Entry
	disabled map[string]bool // by DN
	groups   []*ldap.Entry
}

func (d *directory) read(conn *ldap.Conn) (*reading, error) {
	c := d.config
	r := &reading{config: c, disabled: map[string]bool{}}
	wanted := []string{c.People.Email, c.People.Name, c.People.User, c.People.Manager, c.People.TimeZone, c.People.SlackID}
	wanted = append(wanted, slices.Sorted(maps.Values(c.People.Attributes))...)
	wanted = slices.DeleteFunc(wanted, func(a string) bool { return a == "" })
	var err error
	if r.people, err = d.search(conn, c.People.Base, c.People.Filter, wanted); err != nil {
		return nil, err
	}
	if c.People.Disabled != "" {
		off, err := d.search(conn, c.People.Base, "(&"+c.People.Filter+c.People.Disabled+")", []string{"1.1"}) // no attributes: RFC 4511, 4.5.1.8
		if err != nil {
			return nil, err
		}
		for _, e := range off {
			r.disabled[normalDN(e.DN)] = true
		}
	}
	if c.Groups.Base != "" {
		if r.groups, err = d.search(conn, c.Groups.Base, c.Groups.Filter, append([]string{c.Groups.Name}, c.Groups.Member...)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// normalDN is equal for DNs that are.
func normalDN(dn string) string {
	parsed, err := ldap.ParseDN(dn)
	if err != nil {
		return strings.ToLower(dn)
	}
	return strings.ToLower(parsed.String())
}

// result makes people and names of groups.
func (r *reading) result() (people []flows.Person, groups []string) {
	memberships, groups := r.memberships()
	emails := map[string]string{} // by DN
	for _, e := range r.people {
		if all := addresses(e, r.config.People.Email); len(all) > 0 {
			emails[normalDN(e.DN)] = all[0]
		}
	}
	for _, e := range r.people {
		all := addresses(e, r.config.People.Email)
		if len(all) == 0 {
			continue
		}
		dn := normalDN(e.DN)
		p := flows.Person{
			Email: all[0], Name: r.value(e, r.config.People.Name), Disabled: r.disabled[dn],
			TimeZone: zone(r.value(e, r.config.People.TimeZone)), SlackID: r.value(e, r.config.People.SlackID), Groups: memberships[dn],
		}
		if len(all) > 1 {
			p.Aliases = all[1:]
		}
		if boss := r.value(e, r.config.People.Manager); boss != "" {
			p.Manager = emails[normalDN(boss)]
		}
		for name, attribute := range r.config.People.Attributes {
			// An attribute that the entry lacks is not known; LDAP has none without values.
			if values := e.GetEqualFoldAttributeValues(attribute); len(values) > 0 {
				if p.Attributes == nil {
					p.Attributes = map[string][]string{}
				}
				p.Attributes[name] = clean(values)
			}
		}
		people = append(people, p)
	}
	return people, groups
}

func (*reading) value(e *ldap.Entry, attribute string) string {
	if attribute == "" {
		return ""
	}
	return strings.ToValidUTF8(strings.TrimSpace(e.GetEqualFoldAttributeValue(attribute)), "\uFFFD")
}

func clean(values []string) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = strings.ToValidUTF8(v, "\uFFFD")
	}
	return out
}

// zone leaves out what is no time zone: a directory often holds free text.
func zone(name string) string {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		return ""
	}
	return name
}

func addresses(e *ldap.Entry, attribute string) (out []string) {
	for _, a := range clean(e.GetEqualFoldAttributeValues(attribute)) {
		if a = flows.NormalizeEmail(a); a != "" && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// memberships are the groups of each person by DN, and the names of all groups.
func (r *reading) memberships() (of map[string][]string, names []string) {
	users := map[string]string{} // DN by user name
	for _, e := range r.people {
		if u := r.value(e, r.config.People.User); u != "" {
			users[strings.ToLower(u)] = normalDN(e.DN)
		}
	}
	members := map[string][]string{} // DNs of people and groups, by DN of the group
	for _, g := range r.groups {
		dn := normalDN(g.DN)
		for _, attribute := range r.config.Groups.Member {
			for _, m := range g.GetEqualFoldAttributeValues(attribute) {
				if user, ok := users[strings.ToLower(m)]; ok {
					m = user
				}
				members[dn] = append(members[dn], normalDN(m))
			}
		}
	}
	of = map[string][]string{}
	known := map[string]bool{}
	for _, g := range r.groups {
		name := r.value(g, r.config.Groups.Name)
		if name == "" {
			continue
		}
		if !known[name] {
			known[name], names = true, append(names, name)
		}
		for _, dn := range r.reached(normalDN(g.DN), members) {
			if !slices.Contains(of[dn], name) {
				of[dn] = append(of[dn], name)
			}
		}
	}
	for _, groups := range of {
		slices.Sort(groups)
	}
	slices.Sort(names)
	return of, names
}

// reached are all members of a group, each once, those of groups within it too where
// that is configured.
func (r *reading) reached(group string, members map[string][]string) (out []string) {
	if !r.config.Groups.Nested {
		return members[group]
	}
	seen, todo := map[string]bool{group: true}, []string{group}
	for len(todo) > 0 {
		next := todo[0]
		todo = todo[1:]
		for _, m := range members[next] {
			if !seen[m] {
				seen[m] = true
				out, todo = append(out, m), append(todo, m)
			}
		}
	}
	return out
}
