package flows

import (
	"slices"
	"strings"
	"sync"
)

// maxSearches bounds, in bytes, what the indexes take that one snapshot keeps for
// searches in bundles. One of 100,000 units takes some 14 MB.
const maxSearches = 64 << 20

// searches are the indexes of the bundles of a snapshot. An index is made when a bundle
// is searched first; over the bound those go that nobody has asked for longest, and one
// that alone is over it is made for each search.
type searches struct {
	mu   sync.Mutex
	most int             // bytes; 0: maxSearches
	kept []*bundleSearch // who was asked last comes last
}

// bundleSearch finds units of one bundle.
type bundleSearch struct {
	bundle string
	once   sync.Once // who asks while it is made waits for it
	units  []Unit    // by place
	lookup lookup
	size   int // bytes, guarded by searches.mu; 0: it is being made
}

// of a bundle, made or to be made.
func (s *searches) of(bundle string) *bundleSearch {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &bundleSearch{bundle: bundle}
	if i := slices.IndexFunc(s.kept, func(k *bundleSearch) bool { return k.bundle == bundle }); i >= 0 {
		b = s.kept[i]
		s.kept = slices.Delete(s.kept, i, i+1)
	}
	s.kept = append(s.kept, b)
	return b
}

// bound drops what is too much, once b is made.
func (s *searches) bound(b *bundleSearch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	if most == 0 {
		most = maxSearches
	}
	if b.size = b.bytes(); b.size > most {
		s.kept = slices.DeleteFunc(s.kept, func(k *bundleSearch) bool { return k == b })
	}
	sum := 0
	for i, k := range slices.Backward(s.kept) {
		if sum += k.size; sum > most {
			s.kept = slices.Delete(s.kept, 0, i+1)
			return
		}
	}
}

func (b *bundleSearch) make(w World, targets []reach) {
	b.units = slices.Clone(w.units(targets, 0)) // in as much room as it needs
	var look lookupBuilder
	for _, u := range b.units {
		it := w.Inventory.Describe(u)
		look.add(it.Label(), it.Parents())
	}
	b.lookup = look.done()
}

// bytes it takes, but for what it shares with the inventory.
func (b *bundleSearch) bytes() int {
	const ofUnit, ofStart, ofItself = 4 * 16, 4, 128
	return ofItself + len(b.units)*ofUnit + len(b.lookup.starts)*ofStart + len(b.lookup.text)
}

// SearchBundle finds units of a bundle whose label or parents, as Item has them, hold the
// query in whatever letters, best first: those whose label begins with it, then those in
// which a word does, then the others, each in the order of the bundle. limit > 0 stops
// after that many. The first search in a bundle makes an index, which lives with the
// snapshot; a World that is put together by hand makes it each time.
func (w World) SearchBundle(name, query string, limit int) []Item {
	rs := w.reaches()
	targets, ok := rs.bundles[name]
	if !ok {
		return nil
	}
	b := rs.searches.of(name)
	b.once.Do(func() { b.make(w, targets) })
	rs.searches.bound(b)
	var out []Item
	for _, place := range b.lookup.search(strings.TrimSpace(query), limit, func(int) bool { return true }) {
		out = append(out, w.Inventory.Describe(b.units[place]))
	}
	return out
}
