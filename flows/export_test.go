package flows

// BoundSearches sets how many bytes the indexes for searches in bundles may take.
func (w World) BoundSearches(bytes int) { w.prepared.searches.most = bytes }

// KeptSearches are the bundles that have an index, and what all take, in bytes.
func (w World) KeptSearches() (bundles []string, bytes int) {
	s := &w.prepared.searches
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.kept {
		bundles, bytes = append(bundles, b.bundle), bytes+b.size
	}
	return bundles, bytes
}
