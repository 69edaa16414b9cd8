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

// Terms says on what terms the flow gives access; see Plan.
func (f *Flow) Terms() string { return f.terms() }

// Ease orders flows in a Plan.
func (f *Flow) Ease() int { return f.ease() }
