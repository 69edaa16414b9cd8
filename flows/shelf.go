package flows

import (
	"cmp"
	"slices"
	"strings"
)

// kind is a resource type of an integration.
type kind struct{ integration, typ string }

// shelf holds the resources of one kind, indexed by everything a selector can
// name them by, and searchable. A place is an index into resources.
type shelf struct {
	resources []*Resource // by name, then id
	byID      map[string]int32
	names     map[string][]int32 // by name and by id
	parents   map[string][]int32
	tags      map[Tag][]int32
	lookup    // of name, id and path
}

// arrange sorts and indexes. It comes once, when all resources are known.
func (s *shelf) arrange() {
	slices.SortStableFunc(s.resources, func(a, b *Resource) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	s.names, s.parents, s.tags = make(map[string][]int32, len(s.resources)), map[string][]int32{}, map[Tag][]int32{}
	var look lookupBuilder
	for i, r := range s.resources {
		place := int32(i)
		s.byID[r.ID] = place
		s.names[r.Name] = append(s.names[r.Name], place)
		if r.ID != r.Name {
			s.names[r.ID] = append(s.names[r.ID], place)
		}
		for k, v := range r.Tags {
			s.tags[Tag{k, v}] = append(s.tags[Tag{k, v}], place)
		}
		for j, p := range r.Path {
			if !slices.Contains(r.Path[:j], p) {
				s.parents[p] = append(s.parents[p], place)
			}
		}
		look.add(r.Name, r.ID, strings.Join(r.Path, "/"))
	}
	s.lookup = look.done()
}

// find returns the places that a selector names.
func (s *shelf) find(sel *Selector) bitset {
	set := newBitset(len(s.resources))
	add := func(places []int32) {
		for _, p := range places {
			set.add(int(p))
		}
	}
	for _, n := range sel.Names {
		add(s.names[n])
	}
	for _, t := range sel.Tags {
		add(s.tags[t])
	}
	for _, p := range sel.Parents {
		add(s.parents[p])
	}
	return set
}

// selected finds the places that selectors mean; nil means all of them.
func (s *shelf) selected(include, exclude *Selector) (set bitset, some bool) {
	switch {
	case s == nil:
		return nil, false
	case include == nil && exclude == nil:
		return nil, len(s.resources) > 0
	case include == nil:
		set = full(len(s.resources))
	default:
		set = s.find(include)
	}
	if exclude != nil {
		set = set.without(s.find(exclude))
	}
	return set, set.count() > 0
}
