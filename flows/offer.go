package flows

import (
	"slices"
	"strings"
	"time"
)

// Offer is what one person may ask for, for one grantee, at one moment.
type Offer struct {
	w         World
	requestor *Person
	flows     []*Flow
	closed    []*Flow // by their time frame, and the person could ask under them else
	now       time.Time
	bundles   map[string]bool
	parts     map[kind][]*part // of targets that are no bundles
	toOthers  []*Flow          // under which the requestor may ask for somebody else
	self      bool             // there is one under which they may ask for themselves
}

// OfferTo finds the flows under which a person may ask for anything for a
// grantee now; a nil grantee means the requestor.
func (w World) OfferTo(requestor, grantee *Person, now time.Time) Offer {
	if grantee == nil {
		grantee = requestor
	}
	o := Offer{w: w, requestor: requestor, now: now, bundles: map[string]bool{}, parts: map[kind][]*part{}}
	rs := w.reaches()
	for _, f := range w.likelyFlows(requestor) {
		if !w.open(f, requestor) {
			continue
		}
		status, _ := w.mayGet(f, requestor, grantee)
		if !f.inFrame(now) {
			if status == Met || f.forOthers() && grantee == requestor {
				o.closed = append(o.closed, f)
			}
			continue
		}
		if f.forOthers() {
			o.toOthers = append(o.toOthers, f)
		}
		o.self = o.self || f.RequestFor == nil || f.RequestFor.Self
		if status == Met {
			o.add(f, rs)
		}
	}
	return o
}

func (o *Offer) add(f *Flow, rs *reaches) {
	o.flows = append(o.flows, f)
	for i := range f.Targets {
		if name := f.Targets[i].Bundle; name != "" {
			o.bundles[name] = true
		}
	}
	for _, r := range rs.flows[f.Name] {
		for k, parts := range r {
			for i := range parts {
				o.parts[k] = append(o.parts[k], &parts[i])
			}
		}
	}
}

// Empty reports whether there is nothing to ask for.
func (o Offer) Empty() bool { return len(o.Bundles()) == 0 && len(o.Integrations()) == 0 }

// Later says when the person can ask for something of a bundle, or of an integration,
// that their flows do not offer at this moment because of their time frames; without
// either, for anything. Empty: there is no such flow.
func (o Offer) Later(bundle, integration string) string {
	return soonest(slices.DeleteFunc(slices.Clone(o.closed), func(f *Flow) bool { return !o.targets(f, bundle, integration) }), o.now)
}

func (o Offer) targets(f *Flow, bundle, integration string) bool {
	switch {
	case bundle != "":
		return slices.ContainsFunc(f.Targets, func(t Target) bool { return t.Bundle == bundle })
	case integration != "":
		return slices.ContainsFunc(o.w.reaches().flows[f.Name], func(r reach) bool {
			for k := range r {
				if k.integration == integration {
					return true
				}
			}
			return false
		})
	}
	return true
}

// Flows under which the person may ask, in the order of the file.
func (o Offer) Flows() []*Flow { return slices.Clone(o.flows) }

// Bundles the person may ask for, in the order of the file.
func (o Offer) Bundles() []string {
	var out []string
	for i := range o.w.Catalog.policy.Bundles {
		if name := o.w.Catalog.policy.Bundles[i].Name; o.bundles[name] {
			out = append(out, name)
		}
	}
	return out
}

// Integrations in which the person may ask for at least one resource.
func (o Offer) Integrations() []string {
	var out []string
	for _, name := range o.w.Inventory.integrations {
		if slices.ContainsFunc(o.w.Inventory.types[name], func(t ResourceType) bool { return o.any(name, t.ID) }) {
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

func (o Offer) any(integration, typ string) bool { return len(o.parts[kind{integration, typ}]) > 0 }

// Has reports whether the person may ask for a resource with some permission.
func (o Offer) Has(integration string, r *Resource) bool {
	k := kind{integration, r.Type}
	place, ok := o.place(k, r.ID)
	return ok && slices.ContainsFunc(o.parts[k], func(p *part) bool { return p.has(place) })
}

func (o Offer) place(k kind, id string) (int, bool) {
	s := o.w.Inventory.shelves[k]
	if s == nil {
		return 0, false
	}
	place, ok := s.byID[id]
	return int(place), ok
}

// offered joins what all targets reach of a kind; nil means all of it.
func (o Offer) offered(k kind, n int) bitset {
	set := newBitset(n)
	for _, p := range o.parts[k] {
		if p.set == nil {
			return nil
		}
		set.include(p.set)
	}
	return set
}

// Resources the person may ask for whose name, id or path holds the query,
// best first: those whose name starts with it, then those in which a word does, then
// the others. limit > 0 stops after that many.
func (o Offer) Resources(integration, typ, query string, limit int) []*Resource {
	k := kind{integration, typ}
	s := o.w.Inventory.shelves[k]
	if s == nil || !o.any(integration, typ) {
		return nil
	}
	all := part{set: o.offered(k, len(s.resources))}
	var out []*Resource
	for _, place := range s.search(strings.TrimSpace(query), limit, all.has) {
		out = append(out, s.resources[place])
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
	k := kind{integration, typ}
	reaches := func(p *part) bool {
		return len(resources) == 0 || slices.ContainsFunc(resources, func(id string) bool {
			place, ok := o.place(k, id)
			return ok && p.has(place)
		})
	}
	var out []Permission
	for _, perm := range t.Permissions {
		if slices.ContainsFunc(o.parts[k], func(p *part) bool { return slices.Contains(p.permissions, perm.ID) && reaches(p) }) {
			out = append(out, perm)
		}
	}
	return out
}
