package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"time"

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

// pending is how many requests of the person wait for a decision. What was made for
// the person by others does not count. It looks at no older key than the oldest
// request that waits.
func (t *tx) pending(email string) (n int, err error) {
	states, state := t.bolt.Bucket(bucketByState), statePrefix(flows.StatePending)
	first, _ := states.Cursor().Seek(state)
	if !bytes.HasPrefix(first, state) {
		return 0, nil
	}
	oldest := binary.BigEndian.Uint64(first[len(state):])
	for seq := range scanBack(t.bolt.Bucket(bucketByPerson), personPrefix(email), 0) {
		if seq < oldest {
			break
		}
		if !has(states, append(bytes.Clone(state), seqKey(seq)...)) {
			continue
		}
		r, err := getRequest(t.bolt, store.ID(seq))
		if err != nil {
			return 0, err
		}
		if r.Requestor.Is(email) {
			n++
		}
	}
	return n, nil
}

// has reports whether the bucket has the key. Get cannot tell of an entry without a
// value that the same transaction has put: it gives nil for it.
func has(b *bolt.Bucket, key []byte) bool {
	k, _ := b.Cursor().Seek(key)
	return bytes.Equal(k, key)
}

// withdrawn gives the requests that the person made since then and withdrew, newest
// first. Of the others it reads one in so many, to know when it is past that time.
func (s *Store) withdrawn(btx *bolt.Tx, email string, since time.Time) (out []flows.Request) {
	states, state := btx.Bucket(bucketByState), statePrefix(flows.StateWithdrawn)
	n := 0
	for seq := range scanBack(btx.Bucket(bucketByPerson), personPrefix(email), 0) {
		n++
		counts := has(states, append(bytes.Clone(state), seqKey(seq)...))
		if !counts && n%flows.MaxWithdrawn != 0 {
			continue
		}
		r, ok := s.readable(btx, store.ID(seq))
		if !ok {
			continue // whoever made it can ask for more all the same
		}
		if r.CreatedAt.Before(since) {
			break
		}
		if counts && r.Requestor.Is(email) {
			out = append(out, r)
		}
	}
	return out
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
