package flows

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
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
	// text is what a search looks through, in small letters: for each resource
	// begin, name, break, id, break, path, end.
	text   string
	starts []int32 // of each resource in text
}

const (
	beginMark = "\x01"
	breakMark = "\x00"
)

// arrange sorts and indexes. It comes once, when all resources are known.
func (s *shelf) arrange() {
	slices.SortStableFunc(s.resources, func(a, b *Resource) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	s.names, s.parents, s.tags = make(map[string][]int32, len(s.resources)), map[string][]int32{}, map[Tag][]int32{}
	s.starts = make([]int32, len(s.resources))
	var text strings.Builder
	clean := strings.NewReplacer(beginMark, "", breakMark, "")
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
		s.starts[i] = int32(text.Len())
		text.WriteString(beginMark)
		for _, word := range []string{r.Name, r.ID, strings.Join(r.Path, "/")} {
			text.WriteString(clean.Replace(strings.ToLower(word)))
			text.WriteString(breakMark)
		}
	}
	s.text = text.String()
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

// search finds up to limit places (limit <= 0: all) that has allows and whose name, id
// or path holds the query: first those whose name begins with it, then those in which a
// word does, then the others, each in order.
func (s *shelf) search(query string, limit int, has func(place int) bool) (found []int) {
	query = strings.ToLower(query)
	if strings.ContainsAny(query, beginMark+breakMark) {
		return nil
	}
	full := func(n int) bool { return limit > 0 && n >= limit }
	s.each(beginMark+query, func(place, _ int) (enough bool) {
		if has(place) {
			found = append(found, place)
		}
		return full(len(found))
	})
	if full(len(found)) || query == "" {
		return found
	}
	var words, rest []int
	s.each(query, func(place, at int) (enough bool) {
		switch {
		case strings.HasPrefix(s.text[int(s.starts[place])+1:], query) || !has(place):
		case s.wordIn(query, place, at):
			words = append(words, place)
		case !full(len(rest)):
			rest = append(rest, place)
		}
		return full(len(found) + len(words))
	})
	found = append(append(found, words...), rest...)
	if full(len(found)) {
		found = found[:limit]
	}
	return found
}

// wordIn reports whether a word of a resource begins with the query, which is in its text
// first at at.
func (s *shelf) wordIn(query string, place, at int) bool {
	end := len(s.text)
	if place+1 < len(s.starts) {
		end = int(s.starts[place+1])
	}
	for {
		if r, _ := utf8.DecodeLastRuneInString(s.text[:at]); !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return true
		}
		next := strings.Index(s.text[at+1:end], query)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
}

// each finds the places whose text holds needle, in order, and where, until yield says
// enough.
func (s *shelf) each(needle string, yield func(place, at int) (enough bool)) {
	place := 0
	for from := 0; from < len(s.text); {
		i := strings.Index(s.text[from:], needle)
		if i < 0 {
			return
		}
		at := from + i
		// The next is near where it is often found, and far where it seldom is.
		for step := 0; place+1 < len(s.starts) && int(s.starts[place+1]) <= at; step++ {
			if place++; step == 16 {
				place += sort.Search(len(s.starts)-place, func(n int) bool { return int(s.starts[place+n]) > at }) - 1
				break
			}
		}
		if yield(place, at) || place+1 == len(s.starts) {
			return
		}
		from = int(s.starts[place+1])
	}
}
