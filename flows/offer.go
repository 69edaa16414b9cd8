package flows

import (
	"slices"
	"strings"
)

// Offer is what one person may ask for at one moment.
type Offer struct {
	w       World
	flows   []*Flow
	targets map[[2]string][]*Target // by (integration, type), no bundles
}

// OfferTo finds the flows under which a person may ask for anything now.
func (w World) OfferTo(p *Person) Offer {
	o := Offer{w: w, targets: map[[2]string][]*Target{}}
	for _, f := range w.Catalog.Flows() {
		if w.open(f, p) {
			o.add(f)
		}
	}
	return o
}

func (o *Offer) add(f *Flow) {
	o.flows = append(o.flows, f)
	for i := range f.Targets {
		if t := &f.Targets[i]; t.Bundle == "" {
			key := [2]string{t.Integration, t.ResourceType}
			o.targets[key] = append(o.targets[key], t)
		}
	}
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
		if o.any(integration, t.ID) {
			out = append(out, t)
		}
	}
	return out
}

func (o Offer) any(integration, typ string) bool {
	return slices.ContainsFunc(o.targets[[2]string{integration, typ}], func(t *Target) bool {
		return o.w.Inventory.reached(t)
	})
}

// Has reports whether the person may ask for a resource with some permission.
func (o Offer) Has(integration string, r *Resource) bool {
	return slices.ContainsFunc(o.targets[[2]string{integration, r.Type}], func(t *Target) bool { return t.reaches(integration, r) })
}

// Resources the person may ask for whose name, id or path holds the query,
// those whose name starts with it first. limit > 0 stops after that many.
func (o Offer) Resources(integration, typ, query string, limit int) []*Resource {
	if len(o.targets[[2]string{integration, typ}]) == 0 {
		return nil
	}
	words := o.w.Inventory.words[[2]string{integration, typ}]
	query = strings.ToLower(strings.TrimSpace(query))
	var first, rest []*Resource
	for i, r := range o.w.Inventory.Resources(integration, typ) {
		if limit > 0 && len(first) >= limit {
			break
		}
		rank := words[i].rank(query)
		if rank == 0 || (limit > 0 && rank == 1 && len(rest) >= limit) || !o.Has(integration, r) {
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

// Permissions the person may ask for on at least one of the resources (on any
// of the type where none is given).
func (o Offer) Permissions(integration, typ string, resources []string) []Permission {
	t, ok := o.w.Inventory.Type(integration, typ)
	if !ok {
		return nil
	}
	targets := o.targets[[2]string{integration, typ}]
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
