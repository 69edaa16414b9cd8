package flows

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// The views of a plan: the two that are compared, and those that tell what of the
// two makes a difference.
const (
	viewBefore = iota
	viewAfter
	viewPolicy  // the new policy on the old context
	viewContext // the old policy on the new context
)

// planner compares two worlds.
type planner struct {
	views  [4]*view
	kinds  map[kind]*joint
	ids    map[string]int // of texts, so that they are compared fast
	texts  []string       // by id
	judged map[string]*flowDifference
}

// joint are the resources of a kind that either inventory has.
type joint struct {
	resources []*Resource      // by name, then id; of the new inventory where both have one
	at        map[bool][]int32 // by view.old: place in the inventory -> place here; nil: the same
	whole     map[bool]bitset  // all that the inventory has
}

// view is a world with what is found out about it over and over.
type view struct {
	w       World
	old     bool // the context is the old one
	c       *planner
	offers  map[string]offered
	boards  map[string]*board
	owners  map[string]int  // numbers by what resources say of them
	owner   map[string]bool // see owning
	bundles map[string]offered
	texts   map[string]string // terms by flow
}

// ground is what a flow offers: a permission on resources of a kind, by themselves or in
// a bundle.
type ground struct {
	kind
	permission, bundle string
}

// offered are places among the resources of joint.
type offered map[ground]bitset

func newPlanner(before, after World) *planner {
	c := &planner{kinds: map[kind]*joint{}, ids: map[string]int{}, judged: map[string]*flowDifference{}}
	c.views[viewBefore], c.views[viewAfter] = c.view(before, true), c.view(after, false)
	switch {
	case before.People == after.People && before.Inventory == after.Inventory:
		c.views[viewPolicy], c.views[viewContext] = c.views[viewAfter], c.views[viewBefore]
	case hashOf(before.Catalog.policy) == hashOf(after.Catalog.policy):
		c.views[viewPolicy], c.views[viewContext] = c.views[viewBefore], c.views[viewAfter]
	}
	return c
}

func (c *planner) view(w World, old bool) *view {
	return &view{w: w, old: old, c: c, offers: map[string]offered{}, boards: map[string]*board{}, owners: map[string]int{}, bundles: map[string]offered{}, texts: map[string]string{}}
}

// why returns the two views that tell what makes a difference. They are made when there
// is one.
func (c *planner) why() (policy, context *view) {
	before, after := c.views[viewBefore].w, c.views[viewAfter].w
	if c.views[viewPolicy] == nil {
		c.views[viewPolicy] = c.view(NewWorld(before.People, before.Inventory, after.Catalog), true)
		c.views[viewContext] = c.view(NewWorld(after.People, after.Inventory, before.Catalog), false)
	}
	return c.views[viewPolicy], c.views[viewContext]
}

// id numbers a text.
func (c *planner) id(text string) int {
	n, ok := c.ids[text]
	if !ok {
		n = len(c.texts)
		c.ids[text], c.texts = n, append(c.texts, text)
	}
	return n
}

// joint finds the resources of a kind that either inventory has.
func (c *planner) joint(k kind) *joint {
	if j := c.kinds[k]; j != nil {
		return j
	}
	old, fresh := c.views[viewBefore].w.Inventory, c.views[viewAfter].w.Inventory
	j := &joint{resources: fresh.Resources(k.integration, k.typ), at: map[bool][]int32{}, whole: map[bool]bitset{}}
	c.kinds[k] = j
	if old != fresh {
		j.resources = slices.Clone(j.resources)
		for _, r := range old.Resources(k.integration, k.typ) {
			if _, ok := fresh.Resource(k.integration, k.typ, r.ID); !ok {
				j.resources = append(j.resources, r)
			}
		}
		slices.SortStableFunc(j.resources, func(a, b *Resource) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
		ids := make(map[string]int32, len(j.resources))
		for i, r := range j.resources {
			ids[r.ID] = int32(i)
		}
		for which, inv := range map[bool]*Inventory{true: old, false: fresh} {
			rs := inv.Resources(k.integration, k.typ)
			j.at[which] = make([]int32, len(rs))
			for i, r := range rs {
				j.at[which][i] = ids[r.ID]
			}
		}
	}
	for _, which := range []bool{true, false} {
		if j.at[which] == nil {
			j.whole[which] = full(len(j.resources))
			continue
		}
		j.whole[which] = newBitset(len(j.resources))
		for _, place := range j.at[which] {
			j.whole[which].add(int(place))
		}
	}
	return j
}

// places translates what a part of the view's inventory holds.
func (v *view) places(j *joint, p *part) bitset {
	at := j.at[v.old]
	switch {
	case p.set == nil:
		return j.whole[v.old]
	case at == nil:
		return p.set
	}
	out := newBitset(len(j.resources))
	for place := range at {
		if p.set.has(place) {
			out.add(int(at[place]))
		}
	}
	return out
}

// add puts what targets reach together, by ground.
func (v *view) add(to offered, bundle string, rs []reach) {
	for _, r := range rs {
		for k, parts := range r {
			j := v.c.joint(k)
			for i := range parts {
				set := v.places(j, &parts[i])
				for _, id := range parts[i].permissions {
					if _, offered := v.w.Inventory.Permission(k.integration, k.typ, id); !offered {
						continue
					}
					g := ground{k, id, bundle}
					if to[g] == nil {
						to[g] = newBitset(len(j.resources))
					}
					to[g].include(set)
				}
			}
		}
	}
}

// offering is what a flow offers.
func (v *view) offering(f *Flow) offered {
	if out, ok := v.offers[f.Name]; ok {
		return out
	}
	out, rs := offered{}, v.w.reaches()
	v.add(out, "", rs.flows[f.Name])
	for _, name := range f.bundles() {
		maps.Copy(out, v.bundle(name))
	}
	v.offers[f.Name] = out
	return out
}

func (v *view) bundle(name string) offered {
	out, ok := v.bundles[name]
	if !ok {
		out = offered{}
		v.add(out, name, v.w.reaches().bundles[name])
		v.bundles[name] = out
	}
	return out
}

// terms are those of a flow.
func (v *view) terms(f *Flow) string {
	s, ok := v.texts[f.Name]
	if !ok {
		s = f.terms()
		v.texts[f.Name] = s
	}
	return s
}

// bundles names those that a flow targets, each once.
func (f *Flow) bundles() (out []string) {
	for i := range f.Targets {
		if b := f.Targets[i].Bundle; b != "" && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out
}

// board are the approvers of a flow, but for managers of requestors and for owners.
type board struct {
	groups [][]string // addresses by approver group, sorted; nil: it depends on who asks
	id     int        // of groups
	people map[string]bool
	varies bool // it depends on who asks
}

// board finds the approvers of a flow.
func (v *view) board(f *Flow) *board {
	if b := v.boards[f.Name]; b != nil {
		return b
	}
	b := &board{people: map[string]bool{}}
	v.boards[f.Name] = b
	if f.Approval == nil {
		return b
	}
	groups := append(slices.Clone(f.Approval.Groups), v.w.Catalog.policy.Fallback)
	for _, g := range groups {
		if slices.ContainsFunc(g.Approvers, func(c Condition) bool { return c.Attribute == AttrManager && len(c.Values) == 0 }) {
			b.varies, b.groups = true, append(b.groups, nil)
			continue
		}
		who := v.who(g, nil)
		for _, email := range who {
			b.people[email] = true
		}
		b.groups = append(b.groups, who)
	}
	b.id = v.c.id(textOfBoard(chosen(f, b.groups)))
	return b
}

// who meets an approver group, but for being an owner.
func (v *view) who(g ApproverGroup, about *Person) (out []string) {
	if slices.ContainsFunc(g.Approvers, isOwner) {
		g.Approvers = slices.DeleteFunc(slices.Clone(g.Approvers), isOwner)
	}
	out = []string{}
	if len(g.Approvers) == 0 {
		return out
	}
	for _, p := range v.w.People.likely(g, about) {
		if status, _ := v.w.join(g.Match, g.Approvers, p, about); status == Met && v.w.People.certain(p) {
			out = append(out, p.Ref().Email)
		}
	}
	slices.Sort(out)
	return out
}

// chosen puts the fallback approvers, which come last, where nobody is.
func chosen(f *Flow, groups [][]string) [][]string {
	last := len(groups) - 1
	out, fallback := slices.Clone(groups[:last]), groups[last]
	some := slices.ContainsFunc(out, func(g []string) bool { return len(g) > 0 })
	for i := range out {
		if len(out[i]) == 0 && (!some || f.Approval.Mode == ModeAllOf) {
			out[i] = fallback
		}
	}
	return out
}

func textOfBoard(groups [][]string) string {
	var parts []string
	for _, g := range groups {
		parts = append(parts, strings.Join(g, "\x00"))
	}
	return strings.Join(parts, "\x01")
}

// asked numbers the approvers of somebody who asks under a flow, whoever asks left out.
func (v *view) asked(f *Flow, p *Person) int {
	b := v.board(f)
	if !b.varies && (f.Settings.RequestorMayApproveSelf || !b.people[p.Ref().Email]) {
		return b.id
	}
	return v.c.id(textOfBoard(v.groupsFor(f, p)))
}

func (v *view) groupsFor(f *Flow, p *Person) [][]string {
	b := v.board(f)
	if f.Approval == nil {
		return nil
	}
	groups := slices.Clone(b.groups)
	all := append(slices.Clone(f.Approval.Groups), v.w.Catalog.policy.Fallback)
	for i := range groups {
		if groups[i] == nil {
			groups[i] = v.who(all[i], p)
		}
		if at, found := slices.BinarySearch(groups[i], p.Ref().Email); found && !f.Settings.RequestorMayApproveSelf {
			groups[i] = slices.Delete(slices.Clone(groups[i]), at, at+1)
		}
	}
	return chosen(f, groups)
}

// source is what a resource says of its owners: those of which it is the same have the
// same owners.
func (v *view) source(k kind, r *Resource) string {
	s := k.integration + "\x00" + strings.Join(r.Owners, "\x00")
	if m := v.w.Catalog.ownership(k.integration).Mapping; m != nil {
		s += "\x00\x00" + r.Tags[m.Tag]
	}
	return s
}

// ownersAt numbers the owners of a resource, with those of the integration, who count
// where a resource has none.
func (v *view) ownersAt(k kind, r *Resource) int {
	own, ok := v.w.Inventory.Resource(k.integration, k.typ, r.ID)
	if !ok {
		return v.c.id("")
	}
	source := v.source(k, own)
	out, known := v.owners[source]
	if !known {
		nobody := func(*Person) bool { return false }
		out = v.c.id(textOfBoard([][]string{v.w.ownersOf(k.integration, own, nobody), v.w.ownersOf(k.integration, &Resource{}, nobody)}))
		v.owners[source] = out
	}
	return out
}

// owning are the addresses of all who own something.
func (v *view) owning() map[string]bool {
	if v.owner != nil {
		return v.owner
	}
	v.owner = map[string]bool{}
	looked := map[string]bool{}
	look := func(k kind, r *Resource) {
		if source := v.source(k, r); !looked[source] {
			looked[source] = true
			for _, email := range v.w.ownersOf(k.integration, r, func(*Person) bool { return false }) {
				v.owner[email] = true
			}
		}
	}
	for k, s := range v.w.Inventory.shelves {
		look(k, &Resource{}) // of the integration
		for _, r := range s.resources {
			look(k, r)
		}
	}
	return v.owner
}

// resolved numbers who would be asked by somebody for one thing, of which the owners count.
func (v *view) resolved(f *Flow, p *Person, u Unit) int {
	a, err := v.w.Resolve(Case{Flow: f, Requestor: p, Grantee: p, Units: []Unit{u}})
	if err != nil {
		return v.c.id("")
	}
	groups := make([][]string, len(a.Groups))
	for i, g := range a.Groups {
		for _, c := range g.People {
			groups[i] = append(groups[i], c.Person.Ref().Email)
		}
		slices.Sort(groups[i])
	}
	return v.c.id(textOfBoard(groups))
}
