package flows

import (
	"cmp"
	"slices"
	"strings"
)

// ChangeKind says what a new policy or context changes for people.
type ChangeKind string

// Kinds of changes.
const (
	ChangeGains ChangeKind = "gains" // they may ask for it now, or hold it
	ChangeLoses ChangeKind = "loses"
	ChangeOther ChangeKind = "other" // other approvers, another longest duration or time frame
)

// Because says what makes a change: the policy, or people and resources.
type Because string

// Reasons of a change. Each but BecauseBoth is so whatever the other does.
const (
	BecausePolicy  Because = "policy"
	BecauseContext Because = "context"
	// BecauseBoth: either alone would do it, or neither would.
	BecauseBoth Because = "policy and context"
	// BecauseAlready, of what would end: it would without any change.
	BecauseAlready Because = "already"
)

func because(policy, context bool) Because {
	switch {
	case policy && !context:
		return BecausePolicy
	case context && !policy:
		return BecauseContext
	}
	return BecauseBoth
}

// Change is what a plan changes for some people. Bundle is set, or Integration,
// ResourceType, Permission and Resources; or both, where that is what a bundle of
// unchanged terms holds more or less.
type Change struct {
	Kind    ChangeKind
	Because Because
	People  []PersonRef // who ask; sorted by address
	// For says for whom they may ask: "their direct reports", "others who are group
	// developers"; empty: for themselves.
	For                                   string
	Bundle                                string
	Integration, ResourceType, Permission string
	Resources                             []string // names, in order
	Before, After                         string   // on what terms; empty: not at all
}

// Plan is what a new policy changes on a new context.
type Plan struct {
	Added, Removed, Changed []string // flows; changed are those too that use a bundle or access scope that is
	Changes                 []Change
}

// PlanFor compares two worlds, each with its own policy, people and things: what people
// may ask for themselves and for others, on what terms and with whose approval, and what
// they hold by automatic flows. Cost grows with the people and flows, and with what is
// not the same. What of the context is the same in both, pass it as the same.
func PlanFor(before, after World) Plan {
	c := newPlanner(before, after)
	p := Plan{}
	for _, f := range before.Catalog.Flows() {
		if g, ok := after.Catalog.Flow(f.Name); !ok {
			p.Removed = append(p.Removed, f.Name)
		} else if before.Catalog.HashOf(f.Name) != after.Catalog.HashOf(g.Name) {
			p.Changed = append(p.Changed, f.Name)
		}
	}
	for _, f := range after.Catalog.Flows() {
		if _, ok := before.Catalog.Flow(f.Name); !ok {
			p.Added = append(p.Added, f.Name)
		}
	}
	p.Changes = c.changes()
	return p
}

// changes compares everybody. People for whom the same is the same are looked at
// together.
func (c *planner) changes() (out []Change) {
	alike := map[string][]*both{}
	var order []string
	for _, p := range c.everybody() {
		if key, differs := c.key(p); differs {
			if alike[key] == nil {
				order = append(order, key)
			}
			alike[key] = append(alike[key], p)
		}
	}
	index := map[string]int{}
	for _, key := range order {
		for _, found := range c.differences(alike[key][0]) {
			id := found.id()
			at, seen := index[id]
			if !seen {
				at = len(out)
				index[id], out = at, append(out, c.changeOf(&found))
			}
			for _, p := range alike[key] {
				out[at].People = append(out[at].People, p.ref())
			}
		}
	}
	for i := range out {
		slices.SortFunc(out[i].People, func(a, b PersonRef) int { return cmp.Compare(a.Email, b.Email) })
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(cmp.Compare(kindOrder(a.Kind), kindOrder(b.Kind)), cmp.Compare(a.For, b.For), cmp.Compare(a.Bundle, b.Bundle), cmp.Compare(a.Integration, b.Integration),
			cmp.Compare(a.ResourceType, b.ResourceType), cmp.Compare(a.Permission, b.Permission), slices.Compare(a.Resources, b.Resources),
			cmp.Compare(a.Before, b.Before), cmp.Compare(a.After, b.After), cmp.Compare(a.Because, b.Because))
	})
	return out
}

func kindOrder(k ChangeKind) int {
	return slices.Index([]ChangeKind{ChangeLoses, ChangeGains, ChangeOther}, k)
}

// both is a person as the two contexts know them; nil where one does not, or where they
// are deactivated, or cannot be told from somebody else.
type both struct {
	was, is *Person
	uses    [4][]use // by view
}

func (p *both) ref() PersonRef {
	if p.is != nil {
		return p.is.Ref()
	}
	return p.was.Ref()
}

// in is the person as a view knows them.
func (p *both) in(v *view) *Person {
	if v.old {
		return p.was
	}
	return p.is
}

// everybody pairs the people of the two contexts, by any of their addresses.
func (c *planner) everybody() (out []*both) {
	before, after := c.views[viewBefore].w.People, c.views[viewAfter].w.People
	usable := func(d *Directory, p *Person) *Person {
		if p == nil || p.Disabled || !d.certain(p) {
			return nil
		}
		return p
	}
	add := func(was, is *Person) {
		if p := (both{was: usable(before, was), is: usable(after, is)}); p.was != nil || p.is != nil {
			out = append(out, &p)
		}
	}
	if before == after {
		for _, p := range before.all {
			add(p, p)
		}
		return out
	}
	paired := map[*Person]bool{}
	for _, p := range before.all {
		q, err := after.ByEmail(p.Email)
		if err != nil {
			q = nil
		}
		paired[q] = true
		add(p, q)
	}
	for _, q := range after.all {
		if !paired[q] {
			add(nil, q)
		}
	}
	return out
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
	if p == nil {
		return nil
	}
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
