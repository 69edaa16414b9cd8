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
	Kind   ChangeKind
	People []PersonRef // who ask; sorted by address
	// For says for whom they may ask: "their direct reports", "others who are group
	// developers"; empty: for themselves.
	For                                   string
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

// PlanFor compares the policies of two worlds for the people and things of the second:
// what people may ask for themselves and for others, and what they hold by automatic
// flows.
func PlanFor(before, after World) Plan {
	before = NewWorld(after.People, after.Inventory, before.Catalog)
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
		for _, c := range differences(before.terms(groups[key][0]), after.terms(groups[key][0]), after.Inventory) {
			id := fmt.Sprintf("%q", []string{string(c.Kind), c.For, c.Bundle, c.Integration, c.ResourceType, c.Permission, c.Before, c.After, strings.Join(c.Resources, "\x00")})
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
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.For, b.For), cmp.Compare(a.Bundle, b.Bundle), cmp.Compare(a.Integration, b.Integration),
			cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.Permission, b.Permission), slices.Compare(a.Resources, b.Resources))
	})
	return p
}

func kindOrder(k ChangeKind) int {
	return slices.Index([]ChangeKind{ChangeLoses, ChangeGains, ChangeOther}, k)
}

// use is a flow that means something to a person at some time, and for whom; see
// Change.For.
type use struct {
	*Flow
	whom string
}

// usable lists the flows under which a person may ask, and those that give by
// themselves.
func (w World) usable(p *Person) []use {
	var out []use
	for _, f := range w.likelyFlows(p) {
		if !f.Active {
			continue
		}
		if status, _ := w.Matches(f.Requestors, p, p); status != Met {
			continue
		}
		if status, _ := w.mayGet(f, p, p); status == Met || f.Trigger == TriggerAutomatic {
			out = append(out, use{f, ""})
		}
		if r := f.RequestFor; r != nil && f.Trigger != TriggerAutomatic {
			if r.DirectReports && len(w.People.reportsOf(p)) > 0 {
				out = append(out, use{f, "their direct reports"})
			}
			if r.Others {
				out = append(out, use{f, "others who are " + textOf(r.Grantees.Match, r.Grantees.Conditions)})
			}
		}
	}
	// What is held beats what is asked for; what is automatic beats what is approved.
	slices.SortStableFunc(out, func(a, b use) int { return cmp.Compare(a.ease(), b.ease()) })
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
		out = append(out, f.Name+"\x02"+f.whom)
	}
	return out
}

// grants are the terms of one permission on the resources of a kind.
type grants struct {
	kind
	permission, whom string
}

// bundled is a bundle for somebody.
type bundled struct{ bundle, whom string }

// allTerms says on what terms a person gets what: for each permission the terms by
// place, and for each bundle.
type allTerms struct {
	of      map[grants][]string
	bundles map[bundled]string
}

func (w World) terms(p *Person) allTerms {
	all := allTerms{map[grants][]string{}, map[bundled]string{}}
	rs := w.reaches()
	for _, f := range w.usable(p) {
		terms := f.terms()
		for _, t := range f.Targets {
			if b := (bundled{t.Bundle, f.whom}); t.Bundle != "" && all.bundles[b] == "" {
				all.bundles[b] = terms
			}
		}
		for _, r := range rs.flows[f.Name] {
			for k, parts := range r {
				for i := range parts {
					w.fillIn(all.of, k, f.whom, &parts[i], terms)
				}
			}
		}
	}
	return all
}

func (w World) fillIn(of map[grants][]string, k kind, whom string, p *part, terms string) {
	n := len(w.Inventory.Resources(k.integration, k.typ))
	for _, perm := range p.permissions {
		g := grants{k, perm, whom}
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
		groups = append(groups, textOf(g.Match, g.Approvers))
	}
	if a.Mode == ModeAllOf {
		return "all of (" + strings.Join(groups, "; ") + ")"
	}
	return strings.Join(groups, " or ")
}

// textOf says what conditions mean.
func textOf(match Match, conditions []Condition) string {
	var parts []string
	for _, c := range conditions {
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
	if match == MatchAny {
		join = " or "
	}
	return strings.Join(parts, join)
}

func differences(before, after allTerms, inv *Inventory) []Change {
	var out []Change
	for g := range keysOf(before.of, after.of) {
		byTerms := map[[2]string][]string{}
		for place, r := range inv.Resources(g.integration, g.typ) {
			was, is := at(before.of[g], place), at(after.of[g], place)
			if was != is {
				byTerms[[2]string{was, is}] = append(byTerms[[2]string{was, is}], cmp.Or(r.Name, r.ID))
			}
		}
		for terms, resources := range byTerms {
			out = append(out, Change{
				Kind: kindOf(terms[0], terms[1]), For: g.whom, Integration: g.integration, ResourceType: g.typ, Permission: g.permission,
				Resources: resources, Before: terms[0], After: terms[1],
			})
		}
	}
	for b := range keysOf(before.bundles, after.bundles) {
		if was, is := before.bundles[b], after.bundles[b]; was != is {
			out = append(out, Change{Kind: kindOf(was, is), For: b.whom, Bundle: b.bundle, Before: was, After: is})
		}
	}
	return out
}

// keysOf are the keys of both.
func keysOf[K comparable, V any](a, b map[K]V) map[K]bool {
	all := map[K]bool{}
	for k := range a {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
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
