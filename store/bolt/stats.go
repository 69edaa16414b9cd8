package bolt

import (
	bolt "go.etcd.io/bbolt"

	"apono/store"
)

// Size of the database in bytes, free pages included.
func (s *Store) Size() (n int64, err error) {
	err = s.view(func(btx *bolt.Tx) error { n = btx.Size(); return nil })
	return n, err
}

// Stats are numbers for metrics. They cost no scan.
func (s *Store) Stats() (store.Stats, error) {
	var out store.Stats
	err := s.view(func(btx *bolt.Tx) error {
		out.FileBytes = btx.Size()
		out.Requests = btx.Bucket(bucketRequests).Sequence()
		last, _, err := lastEvent(btx)
		out.Events = last
		return err
	})
	if err != nil {
		return store.Stats{}, err
	}
	pages := s.db.Stats()
	out.FreeBytes = int64(pages.FreeAlloc)
	s.mu.Lock()
	defer s.mu.Unlock()
	out.Commits, out.Operations, out.Panics = s.counts.commits, s.counts.operations, s.counts.panics
	out.Waiting, out.Failed, out.Unreadable = len(s.waiting), s.failed != nil, len(s.unreadable)
	return out, nil
}
