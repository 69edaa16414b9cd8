package flows

import (
	"cmp"
	"slices"
	"strings"
)

// Unit is the smallest thing that is granted.
type Unit struct {
	Integration  string `json:"integration"`
	ResourceType string `json:"resource_type"`
	Resource     string `json:"resource"` // resource id, unique within its type
	Permission   string `json:"permission"`
}

// Compare orders units by integration, type, resource, permission.
func (u Unit) Compare(v Unit) int {
	return cmp.Or(cmp.Compare(u.Integration, v.Integration), cmp.Compare(u.ResourceType, v.ResourceType),
		cmp.Compare(u.Resource, v.Resource), cmp.Compare(u.Permission, v.Permission))
}

// Permission is a level of access that a resource type offers.
type Permission struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// ResourceType is a kind of resource of one integration.
type ResourceType struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Permissions []Permission `json:"permissions"`
}

// Resource is one thing to which access is granted.
type Resource struct {
	Type   string            `json:"type"`
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Path   []string          `json:"path,omitempty"` // parents, outermost first
	Tags   map[string]string `json:"tags,omitempty"`
	Owners []string          `json:"owners,omitempty"`
}

// Holdings is what one integration offers at the moment of a sync.
type Holdings struct {
	Integration string         `json:"integration"`
	Types       []ResourceType `json:"types"`
	Resources   []Resource     `json:"resources"`
}

// Inventory is an immutable, indexed snapshot of what all integrations offer.
type Inventory struct {
	integrations []string
	types        map[string][]ResourceType // by integration
	resources    map[[2]string][]*Resource // by (integration, type), sorted by name
	byID         map[[3]string]*Resource   // by (integration, type, id)
	permissions  map[[3]string]Permission  // by (integration, type, permission id)
	words        map[[2]string][]words     // of resources, in their order
	named        map[[2]string]*named
}

// named is everything by which a selector can name resources of a type.
type named struct {
	names, parents map[string]bool
	tags           map[Tag]bool
}

// words of a resource that a search looks through, folded.
type words struct{ name, id, path string }

func wordsOf(r *Resource) words {
	return words{name: strings.ToLower(r.Name), id: strings.ToLower(r.ID), path: strings.ToLower(strings.Join(r.Path, "/"))}
}

// rank: 2 the name starts with the query, 1 it is somewhere, 0 nowhere.
func (w *words) rank(query string) int {
	switch {
	case strings.HasPrefix(w.name, query):
		return 2
	case strings.Contains(w.name, query), strings.Contains(w.id, query), strings.Contains(w.path, query):
		return 1
	}
	return 0
}

// NewInventory builds the snapshot. Of two resources with the same type and id
// in one integration the first stays.
func NewInventory(holdings []Holdings) *Inventory {
	inv := &Inventory{
		types: map[string][]ResourceType{}, resources: map[[2]string][]*Resource{},
		byID: map[[3]string]*Resource{}, permissions: map[[3]string]Permission{},
		words: map[[2]string][]words{}, named: map[[2]string]*named{},
	}
	for _, h := range holdings {
		if !slices.Contains(inv.integrations, h.Integration) {
			inv.integrations = append(inv.integrations, h.Integration)
		}
		inv.types[h.Integration] = append(inv.types[h.Integration], h.Types...)
		for _, t := range h.Types {
			for _, p := range t.Permissions {
				inv.permissions[[3]string{h.Integration, t.ID, p.ID}] = p
			}
		}
		for i := range h.Resources {
			r := &h.Resources[i]
			key := [3]string{h.Integration, r.Type, r.ID}
			if _, dup := inv.byID[key]; dup {
				continue
			}
			inv.byID[key] = r
			kt := [2]string{h.Integration, r.Type}
			inv.resources[kt] = append(inv.resources[kt], r)
			inv.name(kt, r)
		}
	}
	for kt, rs := range inv.resources {
		slices.SortStableFunc(rs, func(a, b *Resource) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
		inv.words[kt] = make([]words, len(rs))
		for i, r := range rs {
			inv.words[kt][i] = wordsOf(r)
		}
	}
	return inv
}

// name indexes a resource by everything a selector can name it by.
func (inv *Inventory) name(kt [2]string, r *Resource) {
	n := inv.named[kt]
	if n == nil {
		n = &named{names: map[string]bool{}, parents: map[string]bool{}, tags: map[Tag]bool{}}
		inv.named[kt] = n
	}
	n.names[r.Name], n.names[r.ID] = true, true
	for k, v := range r.Tags {
		n.tags[Tag{k, v}] = true
	}
	for _, p := range r.Path {
		n.parents[p] = true
	}
}

// reached reports whether a target reaches at least one resource.
func (inv *Inventory) reached(t *Target) bool {
	switch {
	case t.Exclude != nil:
		return slices.ContainsFunc(inv.Resources(t.Integration, t.ResourceType), func(r *Resource) bool { return t.reaches(t.Integration, r) })
	case t.Include == nil:
		return len(inv.Resources(t.Integration, t.ResourceType)) > 0
	}
	n := inv.named[[2]string{t.Integration, t.ResourceType}]
	return n != nil && (slices.ContainsFunc(t.Include.Names, func(s string) bool { return n.names[s] }) ||
		slices.ContainsFunc(t.Include.Tags, func(s Tag) bool { return n.tags[s] }) ||
		slices.ContainsFunc(t.Include.Parents, func(s string) bool { return n.parents[s] }))
}

// Integrations in the order they were given.
func (inv *Inventory) Integrations() []string { return slices.Clone(inv.integrations) }

// Types of an integration.
func (inv *Inventory) Types(integration string) []ResourceType { return inv.types[integration] }

// Type finds one resource type.
func (inv *Inventory) Type(integration, id string) (ResourceType, bool) {
	i := slices.IndexFunc(inv.types[integration], func(t ResourceType) bool { return t.ID == id })
	if i < 0 {
		return ResourceType{}, false
	}
	return inv.types[integration][i], true
}

// Resources of a type, sorted by name. The slice must not be changed.
func (inv *Inventory) Resources(integration, typ string) []*Resource {
	return inv.resources[[2]string{integration, typ}]
}

// Resource finds one resource.
func (inv *Inventory) Resource(integration, typ, id string) (*Resource, bool) {
	r, ok := inv.byID[[3]string{integration, typ, id}]
	return r, ok
}

// Permission finds one permission of a type.
func (inv *Inventory) Permission(integration, typ, id string) (Permission, bool) {
	p, ok := inv.permissions[[3]string{integration, typ, id}]
	return p, ok
}

// Has reports whether the unit exists at this moment.
func (inv *Inventory) Has(u Unit) bool {
	_, r := inv.Resource(u.Integration, u.ResourceType, u.Resource)
	_, p := inv.Permission(u.Integration, u.ResourceType, u.Permission)
	return r && p
}

// Describe adds the names that people read to a unit.
func (inv *Inventory) Describe(u Unit) Item {
	it := Item{Unit: u, ResourceName: u.Resource, TypeName: u.ResourceType, PermissionName: u.Permission}
	if r, ok := inv.Resource(u.Integration, u.ResourceType, u.Resource); ok {
		it.ResourceName, it.Path = cmp.Or(r.Name, r.ID), r.Path
	}
	if t, ok := inv.Type(u.Integration, u.ResourceType); ok {
		it.TypeName = cmp.Or(t.Name, t.ID)
	}
	if p, ok := inv.Permission(u.Integration, u.ResourceType, u.Permission); ok {
		it.PermissionName = cmp.Or(p.Name, p.ID)
	}
	return it
}

// Item is a unit with the names that were true when it was asked for.
type Item struct {
	Unit
	ResourceName   string   `json:"resource_name"`
	Path           []string `json:"path,omitempty"`
	TypeName       string   `json:"type_name"`
	PermissionName string   `json:"permission_name"`
}
