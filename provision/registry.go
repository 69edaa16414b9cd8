package provision

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"apono/flows"
)

// Spec is what a driver is made from.
type Spec struct {
	Name string // of the integration
	// Decode fills a struct with the integration's config, by its yaml tags.
	// Unknown keys and wrong types are errors that carry their position. Fields
	// of type flows.Secret arrive resolved.
	Decode func(into any) error
}

// Type is a kind of integration.
type Type struct {
	Name string // "postgresql"
	// New makes a connection from a valid spec. It must not touch the network:
	// a target that is down is met later, and the rest of the service goes on.
	// Problems are returned as issues whose paths are relative to the config.
	New func(ctx context.Context, spec Spec) (Connection, []flows.Issue)
}

// Registry knows the types of integrations there are.
type Registry struct{ types map[string]Type }

// NewRegistry makes a registry of an explicit list. A name that is given twice
// is an error.
func NewRegistry(types ...Type) (*Registry, error) {
	r := &Registry{types: map[string]Type{}}
	for _, t := range types {
		if _, dup := r.types[t.Name]; dup {
			return nil, fmt.Errorf("integration type %q is registered twice", t.Name)
		}
		r.types[t.Name] = t
	}
	return r, nil
}

// Type finds a type by name.
func (r *Registry) Type(name string) (Type, bool) { t, ok := r.types[name]; return t, ok }

// Names of all types, sorted.
func (r *Registry) Names() []string { return slices.Sorted(maps.Keys(r.types)) }
