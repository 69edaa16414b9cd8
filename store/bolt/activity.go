package bolt

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// Requests are numbered in the order of their times, but for a clock that is set
// back and for requests that were made at the same moment. What is off by less than
// this is found.
const (
	clockSlack  = time.Hour
	numberSlack = 1000
)

// Activity returns up to limit requests that meet the conditions, newest first, from
// the one numbered below before; 0: from the newest. It goes along all indexes that
// the conditions have at once and reads no record that one of them rules out: the
// cost is that of the condition that fewest requests meet.
func (s *Store) Activity(a flows.Activity, before uint64, limit int) (out []flows.Request, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		at := before - 1 // 0 wraps to the highest
		if !a.To.IsZero() {
			at = min(at, madeBefore(btx, a.To))
		}
		sets := indexesOf(btx, a)
		for len(out) < limit {
			seq, ok := common(sets, at)
			if !ok {
				return nil
			}
			r, readable := s.readable(btx, store.ID(seq))
			if readable && r.CreatedAt.Before(a.From.Add(-clockSlack)) {
				return nil
			}
			if readable && a.Takes(&r) {
				out = append(out, r)
			}
			if seq == 1 {
				return nil
			}
			at = seq - 1
		}
		return nil
	})
	return out, err
}

// numbered is a set of request numbers: those that follow one of the prefixes in
// the keys of a bucket.
type numbered struct {
	cursor   *bolt.Cursor
	prefixes [][]byte
}

func indexesOf(btx *bolt.Tx, a flows.Activity) (sets []numbered) {
	add := func(bucket []byte, prefixes ...[]byte) {
		sets = append(sets, numbered{btx.Bucket(bucket).Cursor(), prefixes})
	}
	if len(a.People) > 0 {
		prefixes := make([][]byte, len(a.People))
		for i, email := range a.People {
			prefixes[i] = personPrefix(email)
		}
		add(bucketByPerson, prefixes...)
	}
	if a.Integration != "" {
		add(bucketByIntegration, appendString(nil, a.Integration))
	}
	if a.State != "" {
		add(bucketByState, statePrefix(a.State))
	}
	if len(sets) == 0 {
		add(bucketRequests, nil)
	}
	return sets
}

// upTo is the highest number of the set that is at most at.
func (n numbered) upTo(at uint64) (seq uint64, ok bool) {
	for _, prefix := range n.prefixes {
		bound := append(bytes.Clone(prefix), seqKey(at)...)
		k, _ := n.cursor.Seek(bound)
		switch {
		case k == nil:
			k, _ = n.cursor.Last()
		case !bytes.Equal(k, bound):
			k, _ = n.cursor.Prev()
		}
		if hasSeq(k, prefix) {
			seq, ok = max(seq, binary.BigEndian.Uint64(k[len(prefix):])), true
		}
	}
	return seq, ok
}

// common is the highest number up to at that all sets have.
func common(sets []numbered, at uint64) (uint64, bool) {
	for agreed := 0; agreed < len(sets); {
		for i := range sets {
			seq, ok := sets[i].upTo(at)
			if !ok {
				return 0, false
			}
			if seq < at {
				at, agreed = seq, 0 // the others have to look again, and this one has it
			}
			agreed++
		}
	}
	return at, true
}

// madeBefore is a number that no request made before t is above.
func madeBefore(btx *bolt.Tx, t time.Time) uint64 {
	c := btx.Bucket(bucketRequests).Cursor()
	low, high := uint64(1), btx.Bucket(bucketRequests).Sequence()+1
	for low < high {
		mid := low + (high-low)/2
		k, raw := c.Seek(seqKey(mid))
		if k == nil || len(k) != 8 {
			high = mid
			continue
		}
		made, err := decode[struct {
			CreatedAt time.Time `json:"created_at"`
		}]("request", k, raw)
		if err == nil && !made.CreatedAt.Before(t.Add(clockSlack)) {
			high = mid
		} else {
			low = binary.BigEndian.Uint64(k) + 1
		}
	}
	return min(low, math.MaxUint64-numberSlack) + numberSlack
}

// indexIntegrations is a migration: by_integration.
func indexIntegrations(tx *bolt.Tx) error {
	if err := createBuckets(tx); err != nil {
		return err
	}
	for k, raw := range scan(tx.Bucket(bucketRequests), nil) {
		r, err := decode[flows.Request]("request", k, raw)
		if err != nil {
			continue // `bot db check` names it; nobody can read it
		}
		for i := range r.Groups {
			if err := tx.Bucket(bucketByIntegration).Put(integrationKey(nil, &r, i), nil); err != nil {
				return fmt.Errorf("index %s: %w", r.ID, err)
			}
		}
	}
	return nil
}

func integrationKey(b []byte, r *flows.Request, group int) []byte {
	return appendSeq(appendString(b, r.Groups[group].Integration), r.Seq)
}
