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

// reaches reports whether an integration target includes the resource, now and
// for resources that appear later.
func (t *Target) reaches(integration string, r *Resource) bool {
	if t.Bundle != "" || t.Integration != integration || t.ResourceType != r.Type {
		return false
	}
	if t.Include != nil {
		return t.Include.matches(r)
	}
	return t.Exclude == nil || !t.Exclude.matches(r)
}

// covers reports whether one of the targets offers the unit.
func (w World) covers(targets []Target, u Unit) bool {
	r, ok := w.Inventory.Resource(u.Integration, u.ResourceType, u.Resource)
	if !ok || !w.Inventory.Has(u) {
		return false
	}
	return slices.ContainsFunc(targets, func(t Target) bool {
		return t.reaches(u.Integration, r) && slices.Contains(t.Permissions, u.Permission)
	})
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

// Offer is what one person may ask for at one moment.
type Offer struct {
	w     World
	flows []*Flow
}

// OfferTo finds the flows under which a person may ask for anything now.
func (w World) OfferTo(p *Person) Offer {
	o := Offer{w: w}
	for _, f := range w.Catalog.Flows() {
		if ok, _ := w.open(f, p); ok {
			o.flows = append(o.flows, f)
		}
	}
	return o
}

// Empty reports whether there is nothing to ask for.
func (o Offer) Empty() bool { return len(o.Bundles()) == 0 && len(o.Integrations()) == 0 }

// Flows under which the person may ask, in the order of the file.
func (o Offer) Flows() []*Flow { return slices.Clone(o.flows) }

// Bundles the person may ask for, in the order of the file.
func (o Offer) Bundles() []string {
	var out []string
	for _, b := range o.w.Catalog.Bundles() {
		if slices.ContainsFunc(o.flows, func(f *Flow) bool {
			return slices.ContainsFunc(f.Targets, func(t Target) bool { return t.Bundle == b.Name })
		}) {
			out = append(out, b.Name)
		}
	}
	return out
}

// Integrations in which the person may ask for at least one resource.
func (o Offer) Integrations() []string {
	var out []string
	for _, name := range o.w.Inventory.Integrations() {
		if len(o.Types(name)) > 0 {
			out = append(out, name)
		}
	}
	return out
}

// Types of an integration of which the person may ask for at least one resource.
func (o Offer) Types(integration string) []ResourceType {
	var out []ResourceType
	for _, t := range o.w.Inventory.Types(integration) {
		if len(o.Resources(integration, t.ID, "", 1)) > 0 {
			out = append(out, t)
		}
	}
	return out
}

// Resources the person may ask for whose name, id or path holds the query,
// those whose name starts with it first. limit > 0 stops after that many.
func (o Offer) Resources(integration, typ, query string, limit int) []*Resource {
	targets := o.targets(integration, typ)
	if len(targets) == 0 {
		return nil
	}
	query = strings.ToLower(strings.TrimSpace(query))
	var first, rest []*Resource
	for _, r := range o.w.Inventory.Resources(integration, typ) {
		if limit > 0 && len(first) >= limit {
			break
		}
		rank := rankOf(r, query)
		if rank == 0 || (limit > 0 && rank == 1 && len(rest) >= limit) {
			continue
		}
		if !slices.ContainsFunc(targets, func(t *Target) bool { return t.reaches(integration, r) }) {
			continue
		}
		if rank == 2 {
			first = append(first, r)
		} else {
			rest = append(rest, r)
		}
	}
	out := append(first, rest...)
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// rankOf: 2 the name starts with the query, 1 it is somewhere, 0 nowhere.
func rankOf(r *Resource, query string) int {
	name := strings.ToLower(r.Name)
	switch {
	case strings.HasPrefix(name, query):
		return 2
	case strings.Contains(name, query), strings.Contains(strings.ToLower(r.ID), query),
		strings.Contains(strings.ToLower(strings.Join(r.Path, "/")), query):
		return 1
	}
	return 0
}

// Permissions the person may ask for on at least one of the resources (on any
// of the type where none is given).
func (o Offer) Permissions(integration, typ string, resources []string) []Permission {
	t, ok := o.w.Inventory.Type(integration, typ)
	if !ok {
		return nil
	}
	targets := o.targets(integration, typ)
	var out []Permission
	for _, p := range t.Permissions {
		if slices.ContainsFunc(targets, func(t *Target) bool {
			return slices.Contains(t.Permissions, p.ID) && o.reachesOne(t, integration, typ, resources)
		}) {
			out = append(out, p)
		}
	}
	return out
}

func (o Offer) reachesOne(t *Target, integration, typ string, resources []string) bool {
	if len(resources) == 0 {
		return true
	}
	return slices.ContainsFunc(resources, func(id string) bool {
		r, ok := o.w.Inventory.Resource(integration, typ, id)
		return ok && t.reaches(integration, r)
	})
}

func (o Offer) targets(integration, typ string) []*Target {
	var out []*Target
	for _, f := range o.flows {
		for i := range f.Targets {
			t := &f.Targets[i]
			if t.Bundle == "" && t.Integration == integration && t.ResourceType == typ {
				out = append(out, t)
			}
		}
	}
	return out
}
