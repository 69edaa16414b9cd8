package flows

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// flowDifference is where a flow that both policies have is not the same, whoever asks.
type flowDifference struct {
	at     offered
	differ bool // also where at is empty: of a bundle that holds nothing
}

// flowDiffers compares a flow of both policies.
func (c *planner) flowDiffers(f, g *Flow) *flowDifference {
	if d := c.judged[f.Name]; d != nil {
		return d
	}
	v, w := c.views[viewBefore], c.views[viewAfter]
	was, is := v.offering(f), w.offering(g)
	d := &flowDifference{at: offered{}}
	c.judged[f.Name] = d
	owners := f.Approval.asksOwners()
	selves := owners && f.Settings.RequestorMayApproveSelf != g.Settings.RequestorMayApproveSelf
	if selves || v.terms(f) != w.terms(g) || f.ease() != g.ease() || !slices.Equal(slices.Sorted(slices.Values(f.bundles())), slices.Sorted(slices.Values(g.bundles()))) {
		d.differ = true
		d.at.include(was)
		d.at.include(is)
		return d
	}
	for g := range keysOf(was, is) {
		j := c.joint(g.kind)
		set := newBitset(len(j.resources))
		for place := range j.resources {
			before, after := was[g].holds(place), is[g].holds(place)
			if before != after || before && owners && v.ownersAt(g.kind, j.resources[place]) != w.ownersAt(g.kind, j.resources[place]) {
				set.add(place)
			}
		}
		if set.first() >= 0 {
			d.at[g], d.differ = set, true
		}
	}
	return d
}

// holds is has for a set that may be of nothing.
func (b bitset) holds(i int) bool { return b != nil && b.has(i) }

// include adds what is offered elsewhere.
func (c offered) include(d offered) {
	for g, set := range d {
		if c[g] == nil {
			c[g] = make(bitset, len(set))
		}
		c[g].include(set)
	}
}

// key says which people are alike in all that is compared; differs is false where nothing
// is other for this one.
func (c *planner) key(p *both) (key string, differs bool) {
	before, after := c.views[viewBefore], c.views[viewAfter]
	p.uses[viewBefore], p.uses[viewAfter] = before.w.usable(p.was), after.w.usable(p.is)
	was, is := p.uses[viewBefore], p.uses[viewAfter]
	differs = !slices.EqualFunc(was, is, func(a, b use) bool { return a.Name == b.Name && a.whom == b.whom })
	for _, u := range was {
		i := slices.IndexFunc(is, func(x use) bool { return x.Name == u.Name && x.whom == u.whom })
		if i < 0 {
			continue
		}
		a, b := before.asked(u.Flow, p.was), after.asked(is[i].Flow, p.is)
		differs = differs || a != b || c.flowDiffers(u.Flow, is[i].Flow).differ
	}
	if !differs {
		return "", false
	}
	policy, context := c.why()
	p.uses[viewPolicy], p.uses[viewContext] = policy.w.usable(p.in(policy)), context.w.usable(p.in(context))
	return c.keyOf(p), true
}

// keyOf is equal for people for whom differences are the same. Who approves counts by
// name only where that may be told; else by where it is the same.
func (c *planner) keyOf(p *both) string {
	var b strings.Builder
	named, texts, numbers := false, map[string]int{}, map[int]int{}
	var ids []int
	for i, uses := range p.uses {
		v := c.views[i]
		for _, u := range uses {
			id, text := v.asked(u.Flow, p.in(v)), v.terms(u.Flow)
			if other, known := texts[text]; known && other != id {
				named = true
			}
			if _, known := numbers[id]; !known {
				numbers[id] = len(numbers)
			}
			texts[text], ids = id, append(ids, id)
			b.WriteString(u.Name + "\x02" + u.whom + "\x02")
			if u.Approval.asksOwners() && !u.Settings.RequestorMayApproveSelf && v.owning()[p.in(v).Ref().Email] {
				b.WriteString(p.in(v).Ref().Email) // they are not asked about what is theirs
			}
		}
		b.WriteByte(1)
	}
	for _, id := range ids {
		if !named {
			id = numbers[id]
		}
		b.WriteString(strconv.Itoa(id) + " ")
	}
	return b.String()
}

// claim is a ground for somebody.
type claim struct {
	ground
	whom string
}

// term is on what terms something is given; the zero term: not at all.
type term struct {
	text  string
	asked int // who approves, as a number; see planner.id
}

// slice is where one term counts.
type slice struct {
	term
	set bitset
}

// candidates are the places at which something may be other for a person.
func (c *planner) candidates(p *both) map[claim]bitset {
	out := map[claim]bitset{}
	add := func(whom string, d offered) {
		for g, set := range d {
			k := claim{g, whom}
			if out[k] == nil {
				out[k] = make(bitset, len(set))
			}
			out[k].include(set)
		}
	}
	was, is := p.uses[viewBefore], p.uses[viewAfter]
	before, after := c.views[viewBefore], c.views[viewAfter]
	shared := func(of, in []use) (out []string) {
		for _, u := range of {
			if slices.ContainsFunc(in, func(x use) bool { return x.Name == u.Name && x.whom == u.whom }) {
				out = append(out, u.Name+"\x00"+u.whom)
			}
		}
		return out
	}
	ordered := slices.Equal(shared(was, is), shared(is, was))
	for _, u := range was {
		i := slices.IndexFunc(is, func(x use) bool { return x.Name == u.Name && x.whom == u.whom })
		switch {
		case i < 0:
			add(u.whom, before.offering(u.Flow))
		case !ordered || before.asked(u.Flow, p.was) != after.asked(is[i].Flow, p.is):
			add(u.whom, before.offering(u.Flow))
			add(u.whom, after.offering(is[i].Flow))
		default:
			add(u.whom, c.flowDiffers(u.Flow, is[i].Flow).at)
		}
	}
	for _, u := range is {
		if !slices.ContainsFunc(was, func(x use) bool { return x.Name == u.Name && x.whom == u.whom }) {
			add(u.whom, after.offering(u.Flow))
		}
	}
	return out
}

// slices says on what terms a person gets what of a claim in a view; places that no flow
// offers are in the slice of the zero term.
func (v *view) slices(p *Person, uses []use, k claim, of bitset) (out []slice) {
	left := slices.Clone(of)
	for _, u := range uses {
		if u.whom != k.whom || left.first() < 0 {
			continue
		}
		set := v.offering(u.Flow)[k.ground]
		if set == nil {
			continue
		}
		hit := left.and(set)
		if hit.first() < 0 {
			continue
		}
		left = left.without(hit)
		if u.Approval.asksOwners() {
			out = append(out, v.byOwner(u.Flow, p, k.ground, hit)...)
			continue
		}
		out = append(out, slice{term{v.terms(u.Flow), v.asked(u.Flow, p)}, hit})
	}
	if left.first() >= 0 {
		out = append(out, slice{set: left})
	}
	return out
}

// byOwner tells apart resources for which others are asked.
func (v *view) byOwner(f *Flow, p *Person, g ground, hit bitset) (out []slice) {
	j, asked, at := v.c.joint(g.kind), map[string]int{}, map[int]int{}
	for place := range hit.each {
		r, _ := v.w.Inventory.Resource(g.integration, g.typ, j.resources[place].ID)
		source := v.source(g.kind, r)
		id, known := asked[source]
		if !known {
			id = v.resolved(f, p, Unit{Integration: g.integration, ResourceType: g.typ, Resource: r.ID, Permission: g.permission})
			asked[source] = id
		}
		i, ok := at[id]
		if !ok {
			i = len(out)
			at[id] = i
			out = append(out, slice{term{v.terms(f), id}, make(bitset, len(hit))})
		}
		out[i].set.add(place)
	}
	return out
}

// each calls yield with every place, in order, until it says enough.
func (b bitset) each(yield func(int) bool) {
	for i := range len(b) * 64 {
		if b.has(i) && !yield(i) {
			return
		}
	}
}

// differences is what is other for a person.
func (c *planner) differences(p *both) (out []difference) {
	out, whole := c.bundleChanges(p)
	policy, context := c.why()
	in := func(v *view, i int, k claim, of bitset) []slice { return v.slices(p.in(v), p.uses[i], k, of) }
	for k, of := range c.candidates(p) {
		if whole[bundled{k.bundle, k.whom}] {
			continue
		}
		was, is := in(c.views[viewBefore], viewBefore, k, of), in(c.views[viewAfter], viewAfter, k, of)
		byPolicy, byContext := in(policy, viewPolicy, k, of), in(context, viewContext, k, of)
		for _, a := range was {
			for _, b := range is {
				set := a.set.and(b.set)
				if a.term == b.term || set.first() < 0 {
					continue
				}
				same := [2]bitset{at(byPolicy, b.term, set), at(byContext, b.term, set)}
				for _, x := range []struct {
					because Because
					set     bitset
				}{
					{BecausePolicy, same[0].without(same[1])},
					{BecauseContext, same[1].without(same[0])},
					{BecauseBoth, set.without(same[0].without(same[1])).without(same[1].without(same[0]))},
				} {
					if x.set.first() >= 0 {
						out = append(out, difference{claim: k, was: a.term, is: b.term, because: x.because, set: x.set})
					}
				}
			}
		}
	}
	return out
}

// at is where a term counts, of some places.
func at(in []slice, t term, of bitset) bitset {
	out := make(bitset, len(of))
	for _, s := range in {
		if s.term == t {
			out.include(s.set.and(of))
		}
	}
	return out
}

// difference is what is other for a person at some places; set is nil where it is a
// bundle as a whole.
type difference struct {
	claim
	was, is term
	because Because
	set     bitset
}

// id is equal for differences that are told as one.
func (d *difference) id() string {
	b := fmt.Appendf(nil, "%q %q", []string{d.integration, d.typ, d.permission, d.bundle, d.whom, d.was.text, d.is.text}, d.because)
	if d.was.text == d.is.text {
		b = fmt.Appendf(b, "%d %d ", d.was.asked, d.is.asked)
	}
	for _, x := range d.set {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	return string(b)
}

func (c *planner) changeOf(d *difference) Change {
	x := Change{
		Kind: kindOf(d.was, d.is), Because: d.because, For: d.whom, Bundle: d.bundle, Integration: d.integration, ResourceType: d.typ, Permission: d.permission,
	}
	if d.set != nil {
		j := c.joint(d.kind)
		for place := range d.set.each {
			x.Resources = append(x.Resources, cmp.Or(j.resources[place].Name, j.resources[place].ID))
		}
	}
	x.Before, x.After = c.tell(d.was, d.is)
	return x
}

// bundled is a bundle for somebody.
type bundled struct{ bundle, whom string }

// bundleTerms are the terms of the first flow that offers each bundle.
func (v *view) bundleTerms(p *Person, uses []use) map[bundled]term {
	out := map[bundled]term{}
	for _, u := range uses {
		for _, name := range u.bundles() {
			if b := (bundled{name, u.whom}); out[b] == (term{}) {
				out[b] = term{text: v.terms(u.Flow)}
				if !u.Approval.asksOwners() { // else it depends on what is asked for
					out[b] = term{v.terms(u.Flow), v.asked(u.Flow, p)}
				}
			}
		}
	}
	return out
}

// bundleChanges are the bundles that people get on other terms, as a whole.
func (c *planner) bundleChanges(p *both) (out []difference, whole map[bundled]bool) {
	c.why()
	var terms [4]map[bundled]term
	for i, v := range c.views {
		terms[i] = v.bundleTerms(p.in(v), p.uses[i])
	}
	whole = map[bundled]bool{}
	for b := range keysOf(terms[viewBefore], terms[viewAfter]) {
		was, is := terms[viewBefore][b], terms[viewAfter][b]
		if was == is {
			continue
		}
		whole[b] = true
		out = append(out, difference{
			claim: claim{ground{bundle: b.bundle}, b.whom}, was: was, is: is, because: because(terms[viewPolicy][b] == is, terms[viewContext][b] == is),
		})
	}
	return out, whole
}

// tell says terms to people; approvers by address only where nothing else is other.
func (c *planner) tell(was, is term) (before, after string) {
	if was.text != is.text {
		return was.text, is.text
	}
	people := func(t term) []string {
		out := strings.FieldsFunc(c.texts[t.asked], func(r rune) bool { return r < 2 })
		slices.Sort(out)
		return slices.Compact(out)
	}
	a, b := people(was), people(is)
	return was.text + ": " + few(a, b), is.text + ": " + few(b, a)
}

// few names some of many, those first who are not in others.
func few(names, others []string) string {
	const most = 4
	if len(names) == 0 {
		return "nobody"
	}
	names = slices.Clone(names)
	known := func(name string) int {
		if slices.Contains(others, name) {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(known(a), known(b)) })
	if n := len(names); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

// keysOf are the keys of both.
func keysOf[M ~map[K]V, K comparable, V any](a, b M) map[K]bool {
	all := map[K]bool{}
	for k := range maps.Keys(a) {
		all[k] = true
	}
	for k := range b {
		all[k] = true
	}
	return all
}

func kindOf(was, is term) ChangeKind {
	switch {
	case was == (term{}):
		return ChangeGains
	case is == (term{}):
		return ChangeLoses
	}
	return ChangeOther
}
