package flows

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"
)

// NewWorld joins snapshots and prepares what many decisions on them need. A
// World that is put together by hand gives the same answers, slower.
func NewWorld(people *Directory, inventory *Inventory, catalog *Catalog) World {
	w := World{People: people, Inventory: inventory, Catalog: catalog}
	w.prepared = w.prepare()
	return w
}

// part is what a target reaches of one kind.
type part struct {
	permissions []string // ids that exist
	set         bitset   // places in Inventory.Resources of the kind; nil: all of them
}

// reach is what a target reaches at this moment. Only kinds of which it reaches
// something are in it.
type reach map[kind][]part

// reaches are the targets of a policy with what they reach.
type reaches struct {
	flows    map[string][]reach // by flow, one for each target; nil for a bundle
	bundles  map[string][]reach
	searches searches
}

func (w World) prepare() *reaches {
	out := &reaches{flows: map[string][]reach{}, bundles: map[string][]reach{}}
	scopes := map[string]reach{}
	of := func(targets []Target) []reach {
		var rs []reach
		for i := range targets {
			rs = append(rs, w.reachOf(&targets[i], scopes))
		}
		return rs
	}
	for _, f := range w.Catalog.Flows() {
		out.flows[f.Name] = of(f.Targets)
	}
	for i := range w.Catalog.policy.Bundles {
		b := &w.Catalog.policy.Bundles[i]
		out.bundles[b.Name] = of(b.Targets)
	}
	return out
}

// reaches returns what was prepared, or prepares it for this one decision.
func (w World) reaches() *reaches {
	if w.prepared != nil {
		return w.prepared
	}
	return w.prepare()
}

// of lists what a flow reaches for units asked for one by one, or as part of a
// bundle; nothing where the flow does not offer the bundle.
func (rs *reaches) of(f *Flow, bundle string) []reach {
	if bundle == "" {
		return rs.flows[f.Name]
	}
	if !slices.ContainsFunc(f.Targets, func(t Target) bool { return t.Bundle == bundle }) {
		return nil
	}
	return rs.bundles[bundle]
}

func (w World) reachOf(t *Target, scopes map[string]reach) reach {
	switch {
	case t.Bundle != "":
		return nil
	case t.AccessScope != "":
		key := t.AccessScope + "\x00" + strings.Join(t.Permissions, "\x00")
		r, ok := scopes[key]
		if !ok {
			r = w.reachOfScope(t)
			scopes[key] = r
		}
		return r
	}
	k := kind{t.Integration, t.ResourceType}
	set, some := w.Inventory.shelves[k].selected(t.Include, t.Exclude)
	if !some {
		return nil
	}
	return reach{k: []part{{permissions: t.Permissions, set: set}}}
}

// reachOfScope asks the query of a scope about everything there is.
func (w World) reachOfScope(t *Target) reach {
	q, ok := w.Catalog.Scope(t.AccessScope)
	if !ok {
		return nil
	}
	out := reach{}
	for _, integration := range w.Inventory.integrations {
		for _, rt := range w.Inventory.Types(integration) {
			k := kind{integration, rt.ID}
			var asked []Permission
			for _, p := range rt.Permissions {
				if len(t.Permissions) == 0 || slices.Contains(t.Permissions, p.ID) {
					asked = append(asked, p)
				}
			}
			if len(asked) == 0 {
				continue
			}
			if q.onPermission {
				for _, p := range asked {
					if set := w.Inventory.matching(k, q, p); set.count() > 0 {
						out[k] = append(out[k], part{permissions: []string{p.ID}, set: set})
					}
				}
				continue
			}
			if set := w.Inventory.matching(k, q, Permission{}); set.count() > 0 {
				p := part{set: set}
				for _, a := range asked {
					p.permissions = append(p.permissions, a.ID)
				}
				out[k] = []part{p}
			}
		}
	}
	return out
}

// matching asks a query about every resource of a kind.
func (inv *Inventory) matching(k kind, q *Query, p Permission) bitset {
	rs := inv.Resources(k.integration, k.typ)
	set := newBitset(len(rs))
	for i, r := range rs {
		if q.matches(&subject{integration: k.integration, resource: r, path: strings.Join(r.Path, "/"), permission: p}) {
			set.add(i)
		}
	}
	return set
}

// place of a unit among the resources of its kind; ok only where the unit exists.
func (inv *Inventory) place(u Unit) (place int, ok bool) {
	s := inv.shelves[kind{u.Integration, u.ResourceType}]
	if s == nil {
		return 0, false
	}
	p, found := s.byID[u.Resource]
	_, offered := inv.Permission(u.Integration, u.ResourceType, u.Permission)
	return int(p), found && offered
}

// has reports whether a part holds a place.
func (p *part) has(place int) bool { return p.set == nil || p.set.has(place) }

// BundleUnits lists what a bundle holds at this moment, in order, without
// doubles. limit > 0 stops after that many.
func (w World) BundleUnits(name string, limit int) []Unit {
	return w.units(w.reaches().bundles[name], limit)
}

// ScopeUnits is BundleUnits for an access scope.
func (w World) ScopeUnits(name string, limit int) []Unit {
	return w.units([]reach{w.reachOf(&Target{AccessScope: name}, map[string]reach{})}, limit)
}

func (w World) units(rs []reach, limit int) []Unit {
	var out []Unit
	var seen map[Unit]bool // only where something can be in it twice
	if len(rs) > 1 || len(rs) == 1 && slices.ContainsFunc(rs[0].kinds(), func(k kind) bool { return len(rs[0][k]) > 1 }) {
		seen = map[Unit]bool{}
	}
	for _, r := range rs {
		for _, k := range r.kinds() {
			for _, p := range r[k] {
				for place, res := range w.Inventory.shelves[k].resources {
					if !p.has(place) {
						continue
					}
					for _, id := range p.permissions {
						u := Unit{Integration: k.integration, ResourceType: k.typ, Resource: res.ID, Permission: id}
						if seen[u] || !w.Inventory.Has(u) {
							continue
						}
						if limit > 0 && len(out) == limit {
							return out
						}
						if seen != nil {
							seen[u] = true
						}
						out = append(out, u)
					}
				}
			}
		}
	}
	return out
}

// kinds in order.
func (r reach) kinds() []kind {
	out := make([]kind, 0, len(r))
	for k := range r {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b kind) int {
		return cmp.Or(cmp.Compare(a.integration, b.integration), cmp.Compare(a.typ, b.typ))
	})
	return out
}

type bitset []uint64

func newBitset(n int) bitset { return make(bitset, (n+63)/64) }

func full(n int) bitset {
	b := newBitset(n)
	for i := range n {
		b.add(i)
	}
	return b
}

func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) count() int {
	n := 0
	for _, x := range b {
		n += bits.OnesCount64(x)
	}
	return n
}

func (b bitset) first() int {
	for i, x := range b {
		if x != 0 {
			return i*64 + bits.TrailingZeros64(x)
		}
	}
	return -1
}

func (b bitset) combine(c bitset, op func(x, y uint64) uint64) bitset {
	out := make(bitset, len(b))
	for i := range b {
		out[i] = op(b[i], c[i])
	}
	return out
}

// include adds all of c to b.
func (b bitset) include(c bitset) {
	for i, x := range c {
		b[i] |= x
	}
}

func (b bitset) union(c bitset) bitset {
	return b.combine(c, func(x, y uint64) uint64 { return x | y })
}

func (b bitset) and(c bitset) bitset {
	return b.combine(c, func(x, y uint64) uint64 { return x & y })
}

func (b bitset) without(c bitset) bitset {
	return b.combine(c, func(x, y uint64) uint64 { return x &^ y })
}
