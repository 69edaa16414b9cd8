package flows

import (
	"slices"
	"strings"
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

// offers judges whether a target includes the unit, whose resource is r, now and
// for resources that appear later.
func (w World) offers(t *Target, u Unit, r *Resource) bool {
	switch {
	case t.Bundle != "" || (len(t.Permissions) > 0 && !slices.Contains(t.Permissions, u.Permission)):
		return false
	case t.AccessScope != "":
		q, ok := w.Catalog.Scope(t.AccessScope)
		p, known := w.Inventory.Permission(u.Integration, u.ResourceType, u.Permission)
		return ok && known && q.matches(&subject{integration: u.Integration, resource: r, path: strings.Join(r.Path, "/"), permission: p})
	}
	return t.Integration == u.Integration && t.ResourceType == r.Type && len(t.Permissions) > 0 &&
		(t.Include == nil || t.Include.matches(r)) && (t.Exclude == nil || !t.Exclude.matches(r))
}

// covers reports whether one of the targets offers the unit.
func (w World) covers(targets []Target, u Unit) bool {
	r, ok := w.Inventory.Resource(u.Integration, u.ResourceType, u.Resource)
	if !ok || !w.Inventory.Has(u) {
		return false
	}
	for i := range targets {
		if w.offers(&targets[i], u, r) {
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
