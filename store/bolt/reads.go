package bolt

import (
	"bytes"
	"encoding/binary"
	"iter"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// scan yields the entries whose key begins with prefix, in order. The bytes are
// valid as long as the transaction.
func scan(b *bolt.Bucket, prefix []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(k, v []byte) bool) {
		c := b.Cursor()
		for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
			if !yield(k, v) {
				return
			}
		}
	}
}

// scanBack yields the numbers that follow prefix in the keys of an index, from
// the highest below before down; before 0 means from the top.
func scanBack(b *bolt.Bucket, prefix []byte, before uint64) iter.Seq[uint64] {
	return func(yield func(seq uint64) bool) {
		c := b.Cursor()
		bound := append(bytes.Clone(prefix), seqKey(before-1)...) // before 0 wraps to the highest
		k, _ := c.Seek(bound)
		switch {
		case k == nil:
			k, _ = c.Last()
		case !bytes.Equal(k, bound):
			k, _ = c.Prev()
		}
		for ; hasSeq(k, prefix); k, _ = c.Prev() {
			if !yield(binary.BigEndian.Uint64(k[len(prefix):])) {
				return
			}
		}
	}
}

// hasSeq reports whether a key is prefix and a number.
func hasSeq(key, prefix []byte) bool {
	return bytes.HasPrefix(key, prefix) && len(key) == len(prefix)+8
}

func recordOf(btx *bolt.Tx, id string) ([]byte, error) {
	seq, ok := store.ParseID(id)
	if !ok {
		return nil, store.NotFound(id)
	}
	raw := btx.Bucket(bucketRequests).Get(seqKey(seq))
	if raw == nil {
		return nil, store.NotFound(id)
	}
	return raw, nil
}

func getRequest(btx *bolt.Tx, id string) (flows.Request, error) {
	raw, err := recordOf(btx, id)
	if err != nil {
		return flows.Request{}, err
	}
	return decode[flows.Request]("request", []byte(id), raw)
}

// readable reads a request of a list; one that cannot be read is passed over.
func (s *Store) readable(btx *bolt.Tx, id string) (flows.Request, bool) {
	r, err := getRequest(btx, id)
	if err != nil {
		s.passOver(bucketRequests, id, err)
	}
	return r, err == nil
}

// Request finds one request. CodeNotFound if there is none.
func (s *Store) Request(id string) (r flows.Request, err error) {
	err = s.view(func(btx *bolt.Tx) error { r, err = getRequest(btx, id); return err })
	return r, err
}

// Requests returns up to limit requests, newest first, from the one numbered
// below before; 0 means from the newest. Like all lists it passes over a record
// that cannot be read.
func (s *Store) Requests(before uint64, limit int) ([]flows.Request, error) {
	return s.list(bucketRequests, nil, before, limit)
}

// ByState is Requests for one state.
func (s *Store) ByState(state flows.State, before uint64, limit int) ([]flows.Request, error) {
	return s.list(bucketByState, statePrefix(state), before, limit)
}

// ByPerson is Requests for those that the person made or that are for the person.
func (s *Store) ByPerson(email string, before uint64, limit int) ([]flows.Request, error) {
	return s.list(bucketByPerson, personPrefix(email), before, limit)
}

// Open is ByPerson for requests that are not over: what the person waits for, has, or
// is losing. Its cost does not grow with what the person had before.
func (s *Store) Open(email string, before uint64, limit int) ([]flows.Request, error) {
	return s.list(bucketByOpen, personPrefix(email), before, limit)
}

// AskedOf is Requests for those that wait for a decision and of which the person
// was asked.
func (s *Store) AskedOf(email string, before uint64, limit int) ([]flows.Request, error) {
	return s.list(bucketByAsked, personPrefix(email), before, limit)
}

func (s *Store) list(bucket, prefix []byte, before uint64, limit int) ([]flows.Request, error) {
	var out []flows.Request
	if before == 1 {
		return out, nil // there is nothing below the first
	}
	err := s.view(func(btx *bolt.Tx) error {
		for seq := range scanBack(btx.Bucket(bucket), prefix, before) {
			if len(out) >= limit {
				return nil
			}
			if r, ok := s.readable(btx, store.ID(seq)); ok {
				out = append(out, r)
			}
		}
		return nil
	})
	return out, err
}

// Live returns all requests that are not over, oldest first within each state,
// in the order of flows.States.
func (s *Store) Live() ([]flows.Request, error) {
	var out []flows.Request
	err := s.view(func(btx *bolt.Tx) error {
		for _, state := range flows.States() {
			if state.Terminal() {
				continue
			}
			prefix := statePrefix(state)
			for k := range scan(btx.Bucket(bucketByState), prefix) {
				if r, ok := s.readable(btx, store.ID(binary.BigEndian.Uint64(k[len(prefix):]))); ok {
					out = append(out, r)
				}
			}
		}
		return nil
	})
	return out, err
}

// Due returns the ids of up to limit requests that time changes at or before
// now, the longest due first; see flows.Request.DueAt.
func (s *Store) Due(now time.Time, limit int) ([]string, error) {
	var out []string
	until := appendTime(nil, now)
	err := s.view(func(btx *bolt.Tx) error {
		for k := range scan(btx.Bucket(bucketByDue), nil) {
			if len(out) >= limit || bytes.Compare(k[:8], until) > 0 {
				return nil
			}
			out = append(out, string(k[8:]))
		}
		return nil
	})
	return out, err
}

// NextDueRequest is when time changes a request next, maybe in the past.
func (s *Store) NextDueRequest() (at time.Time, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		if k, _ := btx.Bucket(bucketByDue).Cursor().First(); k != nil {
			at, ok = timeOf(k), true
		}
		return nil
	})
	return at, ok, err
}
