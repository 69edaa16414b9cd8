package bolt

import (
	"fmt"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// Count is how many requests are in a state. It reads an index and no request.
func (s *Store) Count(state flows.State) (n int, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		for range scan(btx.Bucket(bucketByState), statePrefix(state)) {
			n++
		}
		return nil
	})
	return n, err
}

// Ending returns, each once and in no order, the requests with an access group that
// is being taken back. Those are few, and no others are read.
func (s *Store) Ending() (out []flows.Request, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		seen := map[string]bool{}
		for k, v := range scan(btx.Bucket(bucketHolders), nil) {
			if len(v) != 1 || v[0] != holderEnding {
				continue
			}
			id, _, ok := store.SplitGrantID(grantOf(k))
			if !ok {
				s.passOver(bucketHolders, string(k), fmt.Errorf("%w: it names no grant", store.ErrCorrupt))
				continue
			}
			if seen[id] {
				continue
			}
			seen[id] = true
			if r, ok := s.readable(btx, id); ok {
				out = append(out, r)
			}
		}
		return nil
	})
	return out, err
}

// grantOf is the grant of a holder key; empty: it is none.
func grantOf(key []byte) string {
	rest := key
	for range 5 { // person, integration, resource type, resource, permission
		_, after, ok := cutString(rest)
		if !ok {
			return ""
		}
		rest = after
	}
	return string(rest)
}
