package flows

import (
	"slices"
)

// matches reports whether the selector names the resource.
func (s *Selector) matches(r *Resource) bool {
	if slices.Contains(s.Names, r.Name) || slices.Contains(s.Names, r.ID) {
		return true
	}
	for _, t := range s.Tags {
		if v, ok := r.Tags[t.Key]; ok && v == t.Value {
			return true
		}
	}
	return slices.ContainsFunc(s.Parents, func(p string) bool { return slices.Contains(r.Path, p) })
}

// reaches reports whether an integration target includes the resource, now and
// for resources that appear later.
func (t *Target) reaches(integration string, r *Resource) bool {
	if t.Bundle != "" || t.Integration != integration || t.ResourceType != r.Type {
		return false
	}
	return (t.Include == nil || t.Include.matches(r)) && (t.Exclude == nil || !t.Exclude.matches(r))
}

// offers reports whether the target includes the unit, whose resource is r.
func (t *Target) offers(u Unit, r *Resource) bool {
	return t.reaches(u.Integration, r) && slices.Contains(t.Permissions, u.Permission)
}

// covers reports whether one of the targets offers the unit.
func (w World) covers(targets []Target, u Unit) bool {
	r, ok := w.Inventory.Resource(u.Integration, u.ResourceType, u.Resource)
	if !ok || !w.Inventory.Has(u) {
		return false
	}
	for i := range targets {
		if targets[i].offers(u, r) {
			return true
		}
	}
	return false
}

// targets of the flow that cover units asked for one by one, or as part of a bundle.
func (w World) targetsFor(f *Flow, bundle string) []Target {
	if bundle == "" {
		return f.Targets
	}
	if !slices.ContainsFunc(f.Targets, func(t Target) bool { return t.Bundle == bundle }) {
		return nil
	}
	b, ok := w.Catalog.Bundle(bundle)
	if !ok {
		return nil
	}
	return b.Targets
}

// BundleUnits lists what a bundle holds at this moment, in order, without
// doubles. limit > 0 stops after that many.
func (w World) BundleUnits(name string, limit int) []Unit {
	b, ok := w.Catalog.Bundle(name)
	if !ok {
		return nil
	}
	var out []Unit
	seen := map[Unit]bool{}
	for i := range b.Targets {
		t := &b.Targets[i]
		for _, r := range w.Inventory.Resources(t.Integration, t.ResourceType) {
			if !t.reaches(t.Integration, r) {
				continue
			}
			for _, p := range t.Permissions {
				u := Unit{Integration: t.Integration, ResourceType: t.ResourceType, Resource: r.ID, Permission: p}
				if seen[u] || !w.Inventory.Has(u) {
					continue
				}
				if limit > 0 && len(out) == limit {
					return out
				}
				seen[u] = true
				out = append(out, u)
			}
		}
	}
	return out
}
