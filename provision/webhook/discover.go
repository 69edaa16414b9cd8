package webhook

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"apono/flows"
	"apono/provision"
)

// listedResource is a resource in an answer.
type listedResource struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Type   string            `json:"type"`
	Path   []string          `json:"path"`
	Tags   map[string]string `json:"tags"`
	Owners []string          `json:"owners"`
}

// Discover implements provision.Discoverer.
//
// One call without a type tells which types there are. If there is one, the
// permissions of that answer are its permissions. If there are several, each is
// asked about by a call of its own, and resources and permissions of a type are
// those of the answer about it. A type's name is its id.
func (c *connection) Discover(ctx context.Context) (flows.Holdings, error) {
	h := flows.Holdings{Integration: c.name}
	all, err := c.list(ctx, "")
	if err != nil {
		return flows.Holdings{}, err
	}
	var types []string
	for _, r := range all.Resources {
		if !slices.Contains(types, r.Type) {
			types = append(types, r.Type)
		}
	}
	for _, typ := range types {
		a := all
		if len(types) > 1 {
			if a, err = c.list(ctx, typ); err != nil {
				return flows.Holdings{}, err
			}
		}
		h.Types = append(h.Types, flows.ResourceType{ID: typ, Name: typ, Permissions: a.Permissions})
		for _, r := range a.Resources {
			if r.Type == typ {
				h.Resources = append(h.Resources, flows.Resource{Type: typ, ID: r.ID, Name: r.Name, Path: r.Path, Tags: r.Tags, Owners: r.Owners})
			}
		}
	}
	return h, nil
}

// list asks about one type, or all. What has no id cannot be granted, and an
// answer with such a thing in it is believed in nothing.
func (c *connection) list(ctx context.Context, typ string) (answer, error) {
	const op = "discover"
	a, err := c.call(ctx, op, "", eventList, params{ResourceType: typ})
	if err != nil {
		return answer{}, err
	}
	for i := range a.Resources {
		r := &a.Resources[i]
		if r.ID == "" || r.Type == "" {
			return answer{}, c.failure(op, provision.KindUnknown, "The system lists a resource without an id or a type.", errors.New("list-resources"))
		}
		r.Name = cmp.Or(r.Name, r.ID)
	}
	for i := range a.Permissions {
		p := &a.Permissions[i]
		if p.ID == "" {
			return answer{}, c.failure(op, provision.KindUnknown, "The system lists a permission without an id.", errors.New("list-resources"))
		}
		p.Name = cmp.Or(p.Name, p.ID)
	}
	return a, nil
}
