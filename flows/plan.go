package flows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// ChangeKind says what a new policy changes for people.
type ChangeKind string

// Kinds of changes.
const (
	ChangeGains ChangeKind = "gains" // they may ask for it now, or hold it
	ChangeLoses ChangeKind = "loses"
	ChangeOther ChangeKind = "other" // other approvers, another longest duration or time frame
)

// Change is what a new policy changes for some people. Either Bundle is set, or
// Integration, ResourceType, Permission and Resources.
type Change struct {
	Kind                                  ChangeKind
	People                                []PersonRef // sorted by address
	Bundle                                string
	Integration, ResourceType, Permission string
	Resources                             []string // names, in order
	Before, After                         string   // on what terms; empty: not at all
}

// Plan is what a new policy changes, for the same people and things.
type Plan struct {
	Added, Removed, Changed []string // flows
	Changes                 []Change
}

// PlanFor compares the policies of two worlds that know the same people and
// things. What people may ask for others is not compared.
func PlanFor(before, after World) Plan {
	p := Plan{}
	for _, f := range before.Catalog.Flows() {
		if g, ok := after.Catalog.Flow(f.Name); !ok {
			p.Removed = append(p.Removed, f.Name)
		} else if f.Hash() != g.Hash() {
			p.Changed = append(p.Changed, f.Name)
		}
	}
	for _, f := range after.Catalog.Flows() {
		if _, ok := before.Catalog.Flow(f.Name); !ok {
			p.Added = append(p.Added, f.Name)
		}
	}
	// People for whom the same flows are open are looked at together.
	groups := map[string][]*Person{}
	var order []string
	for _, person := range before.People.all {
		if person.Disabled || !before.People.certain(person) {
			continue
		}
		key := strings.Join(before.flowNamesFor(person), "\x00") + "\x01" + strings.Join(after.flowNamesFor(person), "\x00")
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], person)
	}
	index := map[string]int{}
	for _, key := range order {
		was, bundlesBefore := before.terms(groups[key][0])
		is, bundlesAfter := after.terms(groups[key][0])
		for _, c := range differences(was, bundlesBefore, is, bundlesAfter, after.Inventory) {
			id := fmt.Sprintf("%q", []string{string(c.Kind), c.Bundle, c.Integration, c.ResourceType, c.Permission, c.Before, c.After, strings.Join(c.Resources, "\x00")})
			at, seen := index[id]
			if !seen {
				at = len(p.Changes)
				index[id] = at
				p.Changes = append(p.Changes, c)
			}
			for _, person := range groups[key] {
				p.Changes[at].People = append(p.Changes[at].People, person.Ref())
			}
		}
	}
	for i := range p.Changes {
		slices.SortFunc(p.Changes[i].People, func(a, b PersonRef) int { return cmp.Compare(a.Email, b.Email) })
	}
	slices.SortStableFunc(p.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.Bundle, b.Bundle), cmp.Compare(a.Integration, b.Integration),
			cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.Permission, b.Permission), slices.Compare(a.Resources, b.Resources))
	})
	return p
}

func kindOrder(k ChangeKind) int {
	return slices.Index([]ChangeKind{ChangeLoses, ChangeGains, ChangeOther}, k)
}

// usable lists the flows that mean something to a person at some time: those
// under which they may ask for themselves, and those that give by themselves.
func (w World) usable(p *Person) []*Flow {
	var out []*Flow
	for _, f := range w.likelyFlows(p) {
		if !f.Active {
			continue
		}
		if status, _ := w.Matches(f.Requestors, p, p); status != Met {
			continue
		}
		if status, _ := w.mayGet(f, p, p); status == Met || f.Trigger == TriggerAutomatic {
			out = append(out, f)
		}
	}
	// What is held beats what is asked for; what is automatic beats what is approved.
	slices.SortStableFunc(out, func(a, b *Flow) int { return cmp.Compare(a.ease(), b.ease()) })
	return out
}

func (f *Flow) ease() int {
	switch {
	case f.Trigger == TriggerAutomatic:
		return 0
	case f.Approval == nil:
		return 1
	}
	return 2
}

func (w World) flowNamesFor(p *Person) []string {
	var out []string
	for _, f := range w.usable(p) {
		out = append(out, f.Name)
	}
	return out
}

// grants are the terms of one permission on the resources of a kind.
type grants struct {
	kind
	permission string
}

// terms says on what terms a person gets what: for each permission the terms by
// place, and for each bundle.
func (w World) terms(p *Person) (of map[grants][]string, bundles map[string]string) {
	of, bundles = map[grants][]string{}, map[string]string{}
	rs := w.reaches()
	for _, f := range w.usable(p) {
		terms := f.terms()
		for _, t := range f.Targets {
			if t.Bundle != "" && bundles[t.Bundle] == "" {
				bundles[t.Bundle] = terms
			}
		}
		for _, r := range rs.flows[f.Name] {
			for k, parts := range r {
				for i := range parts {
					w.fillIn(of, k, &parts[i], terms)
				}
			}
		}
	}
	return of, bundles
}

func (w World) fillIn(of map[grants][]string, k kind, p *part, terms string) {
	n := len(w.Inventory.Resources(k.integration, k.typ))
	for _, perm := range p.permissions {
		g := grants{k, perm}
		if of[g] == nil {
			of[g] = make([]string, n)
		}
		for place := range n {
			if of[g][place] == "" && p.has(place) {
				of[g][place] = terms
			}
		}
	}
}

// terms says on what terms a flow gives access, without its name.
func (f *Flow) terms() string {
	if f.Trigger == TriggerAutomatic {
		return "held without asking"
	}
	s := "at most " + f.Duration.String()
	if f.Duration.Indefinite {
		s = f.Duration.String()
	}
	if f.Approval == nil {
		s += ", automatic"
	} else {
		s += ", approved by " + f.Approval.text()
	}
	if f.Timeframe != nil {
		s += ", " + f.Timeframe.String()
	}
	return s
}

// text names the approvers of whoever asks.
func (a *Approval) text() string {
	var groups []string
	for _, g := range a.Groups {
		var parts []string
		for _, c := range g.Approvers {
			switch {
			case c.Attribute == AttrManager && len(c.Values) == 0:
				parts = append(parts, "their manager")
			case c.Attribute == AttrOwner:
				parts = append(parts, "the owner")
			default:
				words := []string{c.Attribute, strings.ReplaceAll(string(c.Operator), "_", " "), strings.Join(c.Values, " or ")}
				if c.Operator == OpIs || c.Operator == "" {
					words = slices.Delete(words, 1, 2)
				}
				parts = append(parts, strings.Join(words, " "))
			}
		}
		join := " and "
		if g.Match == MatchAny {
			join = " or "
		}
		groups = append(groups, strings.Join(parts, join))
	}
	if a.Mode == ModeAllOf {
		return "all of (" + strings.Join(groups, "; ") + ")"
	}
	return strings.Join(groups, " or ")
}

func differences(before map[grants][]string, bundlesBefore map[string]string, after map[grants][]string, bundlesAfter map[string]string, inv *Inventory) []Change {
	var out []Change
	all := map[grants]bool{}
	for g := range before {
		all[g] = true
	}
	for g := range after {
		all[g] = true
	}
	for g := range all {
		byTerms := map[[2]string][]string{}
		for place, r := range inv.Resources(g.integration, g.typ) {
			was, is := at(before[g], place), at(after[g], place)
			if was != is {
				byTerms[[2]string{was, is}] = append(byTerms[[2]string{was, is}], cmp.Or(r.Name, r.ID))
			}
		}
		for terms, resources := range byTerms {
			out = append(out, Change{
				Kind: kindOf(terms[0], terms[1]), Integration: g.integration, ResourceType: g.typ, Permission: g.permission,
				Resources: resources, Before: terms[0], After: terms[1],
			})
		}
	}
	names := map[string]bool{}
	for b := range bundlesBefore {
		names[b] = true
	}
	for b := range bundlesAfter {
		names[b] = true
	}
	for b := range names {
		if was, is := bundlesBefore[b], bundlesAfter[b]; was != is {
			out = append(out, Change{Kind: kindOf(was, is), Bundle: b, Before: was, After: is})
		}
	}
	return out
}

func at(terms []string, place int) string {
	if place < len(terms) {
		return terms[place]
	}
	return ""
}

func kindOf(was, is string) ChangeKind {
	switch {
	case was == "":
		return ChangeGains
	case is == "":
		return ChangeLoses
	}
	return ChangeOther
}

// WouldEnd says why a request that is under way would not go on under the policy
// of this world; empty: it would.
func (w World) WouldEnd(r *Request) string {
	if r.State == StatePending {
		f, ok := w.Catalog.Flow(r.Flow)
		if !ok || !f.Active {
			return "The access flow " + r.Flow + " is not in force."
		}
		if !f.Duration.fits(r) {
			return "The longest under the access flow " + r.Flow + " is " + f.Duration.String() + "."
		}
		if cause := w.uncovered(f, r); cause != "" {
			return cause
		}
		cause, _ := w.withoutRight(f, r)
		return cause
	}
	if loss, lost := w.Lost(r, true); lost && !loss.Report {
		return loss.Cause
	}
	return ""
}
