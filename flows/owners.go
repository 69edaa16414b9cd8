package flows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Ownership says who owns the resources of an integration.
type Ownership struct {
	Integration string
	// Owner are the people who own what has no owner of its own; nil: nobody.
	Owner *Condition
	// Mapping finds owners of a resource by one of its tags; nil: only those that the
	// integration itself names.
	Mapping *OwnersMapping
	// Path says where it is written, as in "integrations[1]"; see Policy.Check.
	Path string
}

// OwnersMapping finds the owners of a resource: people with an attribute whose
// value is one of those in the tag, separated by commas or semicolons.
type OwnersMapping struct {
	Tag       string // key
	Attribute string // user, group, shift, or a synced attribute
}

// MaxOwnerSeats is how many different owners may have to agree to one request.
const MaxOwnerSeats = 20

// seat is a place that one approver must fill. Owners of different resources
// have seats of their own in the same approver group.
type seat struct {
	group      int // of the policy
	label      string
	conditions []Condition // with attrOwners instead of AttrOwner
	role       string      // of an owner
}

// ownedBy are resources that the same people own.
type ownedBy struct {
	emails    []string // sorted
	resources []string // names, in order
}

// ownersOf finds who owns a resource, people who must not count left out: those
// it names, those of its tag, else those of its integration.
func (w World) ownersOf(integration string, r *Resource, excluded func(*Person) bool) []string {
	var out []string
	add := func(p *Person) {
		if !p.Disabled && w.People.certain(p) && !excluded(p) {
			out = append(out, p.Ref().Email)
		}
	}
	own := w.Catalog.ownership(integration)
	for _, email := range r.Owners {
		if p, err := w.People.ByEmail(email); err == nil {
			add(p)
		}
	}
	if own.Mapping != nil {
		values := strings.FieldsFunc(r.Tags[own.Mapping.Tag], func(c rune) bool { return c == ',' || c == ';' })
		for i, v := range values {
			values[i] = strings.TrimSpace(v)
		}
		c := Condition{Attribute: own.Mapping.Attribute, Values: values}
		for _, p := range w.whoMeets(c) {
			add(p)
		}
	}
	if len(out) == 0 && own.Owner != nil {
		for _, p := range w.whoMeets(*own.Owner) {
			add(p)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// whoMeets lists the people who meet a condition.
func (w World) whoMeets(c Condition) []*Person {
	var out []*Person
	for _, p := range w.People.likely(ApproverGroup{Approvers: []Condition{c}}, nil) {
		if status, _ := w.Meets(c, p, nil); status == Met {
			out = append(out, p)
		}
	}
	return out
}

func (c *Catalog) ownership(integration string) Ownership {
	i := slices.IndexFunc(c.policy.Owners, func(o Ownership) bool { return o.Integration == integration })
	if i < 0 {
		return Ownership{}
	}
	return c.policy.Owners[i]
}

// owned groups the resources of a request by their owners. Where everybody who
// owns one also owns another, the one speaks for both.
func (w World) owned(units []Unit, excluded func(*Person) bool) []ownedBy {
	var sets []ownedBy
	index := map[string]int{}
	var last Unit
	known := map[string][]string{} // of resources that say the same about their owners
	for _, u := range units {
		if u.Integration == last.Integration && u.ResourceType == last.ResourceType && u.Resource == last.Resource {
			continue // another permission on the same
		}
		last = u
		r, ok := w.Inventory.Resource(u.Integration, u.ResourceType, u.Resource)
		if !ok {
			r = &Resource{ID: u.Resource}
		}
		source := u.Integration + "\x00" + strings.Join(r.Owners, "\x00")
		if m := w.Catalog.ownership(u.Integration).Mapping; m != nil {
			source += "\x00\x00" + r.Tags[m.Tag]
		}
		emails, seen := known[source]
		if !seen {
			emails = w.ownersOf(u.Integration, r, excluded)
			known[source] = emails
		}
		key := strings.Join(emails, "\x00")
		if _, seen := index[key]; !seen {
			index[key] = len(sets)
			sets = append(sets, ownedBy{emails: emails})
		}
		s := &sets[index[key]]
		s.resources = append(s.resources, shown(cmp.Or(r.Name, r.ID)))
	}
	return smallest(sets)
}

// smallest drops sets of owners that hold all of another one.
func smallest(sets []ownedBy) []ownedBy {
	slices.SortStableFunc(sets, func(a, b ownedBy) int { return cmp.Compare(len(a.emails), len(b.emails)) })
	var out []ownedBy
	for _, s := range sets {
		i := slices.IndexFunc(out, func(o ownedBy) bool {
			return len(o.emails) > 0 && !slices.ContainsFunc(o.emails, func(e string) bool { return !slices.Contains(s.emails, e) })
		})
		if i >= 0 {
			out[i].resources = append(out[i].resources, s.resources...)
			continue
		}
		out = append(out, s)
	}
	for i := range out {
		slices.Sort(out[i].resources)
		out[i].resources = slices.Compact(out[i].resources)
	}
	slices.SortStableFunc(out, func(a, b ownedBy) int { return slices.Compare(a.resources, b.resources) })
	return out
}

// of names the resources in a few words.
func (o *ownedBy) of() string {
	const few = 3
	if n := len(o.resources); n > few {
		return fmt.Sprintf("%s and %d more", strings.Join(o.resources[:few], ", "), n-few)
	}
	return strings.Join(o.resources, ", ")
}

// seats are the places that the approver groups of a flow mean for a request.
func (w World) seats(c Case, groups []ApproverGroup, excluded func(*Person) bool) []seat {
	var out []seat
	for gi, g := range groups {
		at := slices.IndexFunc(g.Approvers, isOwner)
		if at < 0 {
			out = append(out, seat{group: gi, label: w.label(g, c.Requestor), conditions: g.Approvers})
			continue
		}
		for _, o := range w.owned(c.Units, excluded) {
			s := seat{group: gi, conditions: slices.Clone(g.Approvers), role: "an owner of " + o.of()}
			named := ApproverGroup{Match: g.Match, Approvers: slices.Clone(g.Approvers)}
			for i, a := range s.conditions {
				if isOwner(a) {
					s.conditions[i] = Condition{Attribute: attrOwners, Values: o.emails}
					named.Approvers[i].Values = []string{o.of()}
				}
			}
			s.label = w.label(named, c.Requestor)
			out = append(out, s)
		}
	}
	return out
}

func isOwner(c Condition) bool { return c.Attribute == AttrOwner }

// attrOwners stands in a resolved group for AttrOwner. Its values are the
// addresses of the owners. No policy can say it.
const attrOwners = "\x00owners"

// ownerLabel begins the label of a seat of owners.
const ownerLabel = "owner of "

// ownerOfAll stands for the role of an owner until it is known of what.
const ownerOfAll = "an owner of what is asked for"

func (w World) isOneOf(p *Person, owners []string) (Status, string) {
	if len(owners) == 0 {
		return Broken, "what is asked for has no owner who could be asked"
	}
	if slices.Contains(owners, p.Ref().Email) {
		return Met, ownerOfAll
	}
	return Unmet, ownerOfAll
}
