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
	shelves      map[kind]*shelf
	permissions  map[[3]string]Permission // by (integration, type, permission id)
}

// NewInventory builds the snapshot. Of two resources with the same type and id
// in one integration the first stays.
func NewInventory(holdings []Holdings) *Inventory {
	inv := &Inventory{types: map[string][]ResourceType{}, shelves: map[kind]*shelf{}, permissions: map[[3]string]Permission{}}
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
			k := kind{h.Integration, r.Type}
			s := inv.shelves[k]
			if s == nil {
				s = &shelf{byID: map[string]int32{}}
				inv.shelves[k] = s
			}
			if _, dup := s.byID[r.ID]; !dup {
				s.byID[r.ID] = -1 // placed when all are known
				s.resources = append(s.resources, r)
			}
		}
	}
	for _, s := range inv.shelves {
		s.arrange()
	}
	return inv
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
	if s := inv.shelves[kind{integration, typ}]; s != nil {
		return s.resources
	}
	return nil
}

// Resource finds one resource.
func (inv *Inventory) Resource(integration, typ, id string) (*Resource, bool) {
	s := inv.shelves[kind{integration, typ}]
	if s == nil {
		return nil, false
	}
	place, ok := s.byID[id]
	if !ok {
		return nil, false
	}
	return s.resources[place], true
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

// Describe adds the names that people read to a unit, each in one line.
func (inv *Inventory) Describe(u Unit) Item {
	it := Item{Unit: u, ResourceName: u.Resource, TypeName: u.ResourceType, PermissionName: u.Permission}
	if r, ok := inv.Resource(u.Integration, u.ResourceType, u.Resource); ok {
		it.ResourceName, it.Path = cmp.Or(r.Name, r.ID), r.Path
		if slices.ContainsFunc(it.Path, func(s string) bool { return shown(s) != s }) {
			it.Path = slices.Clone(it.Path)
			for i, s := range it.Path {
				it.Path[i] = shown(s)
			}
		}
	}
	if t, ok := inv.Type(u.Integration, u.ResourceType); ok {
		it.TypeName = cmp.Or(t.Name, t.ID)
	}
	if p, ok := inv.Permission(u.Integration, u.ResourceType, u.Permission); ok {
		it.PermissionName = cmp.Or(p.Name, p.ID)
	}
	it.ResourceName, it.TypeName, it.PermissionName = shown(it.ResourceName), shown(it.TypeName), shown(it.PermissionName)
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

// Label is what a person reads: the resource and the permission.
func (it *Item) Label() string { return it.ResourceName + " · " + it.PermissionName }

// FullName names the resource with its parents: "orders (main / public)".
func (it *Item) FullName() string {
	if len(it.Path) == 0 {
		return it.ResourceName
	}
	return it.ResourceName + " (" + strings.Join(it.Path, " / ") + ")"
}

// Parents are what the resource is in, outermost first: integration, type, path.
func (it *Item) Parents() string {
	return strings.Join(append([]string{it.Integration, it.TypeName}, it.Path...), " / ")
}
