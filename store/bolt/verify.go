package bolt

import (
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"apono/store"
)

// VerifyAudit recomputes the chain and returns the number of the last sound event.
// The error names the first one that is not: changed, missing in between, or
// missing at the end. Heads are what somebody noted elsewhere; the trail must
// still hold each of them.
func (s *Store) VerifyAudit(heads ...store.Head) (last uint64, err error) {
	v := verifier{heads: map[uint64]string{}}
	for _, h := range heads {
		if was, twice := v.heads[h.Seq]; twice && was != h.Hash {
			return 0, fmt.Errorf("two heads of audit event %d differ", h.Seq)
		}
		v.heads[h.Seq] = h.Hash
	}
	for {
		before := v.last
		if err := s.view(v.page); err != nil {
			return v.last, err
		}
		if v.last == before {
			break
		}
	}
	for _, h := range heads {
		if h.Seq > v.last {
			return v.last, fmt.Errorf("audit event %d is missing: the trail ends with event %d, and the head %s was noted", v.last+1, v.last, h)
		}
	}
	return v.last, nil
}

// verifier is where a look at the trail stands.
type verifier struct {
	heads map[uint64]string
	last  uint64
	hash  string // of last
}

// page looks at the next events, in a transaction of its own.
func (v *verifier) page(btx *bolt.Tx) error {
	c := btx.Bucket(bucketAudit).Cursor()
	k, line := c.Seek(seqKey(v.last + 1))
	for n := 0; k != nil && n < auditPage; n++ {
		if len(k) != 8 || binary.BigEndian.Uint64(k) != v.last+1 {
			return fmt.Errorf("audit event %d is missing", v.last+1)
		}
		ev, err := store.Verify(line, v.hash, v.last+1)
		if err != nil {
			return err
		}
		if want, noted := v.heads[ev.Seq]; noted && want != ev.Hash {
			return fmt.Errorf("audit event %d or one before it was changed: its hash is not the one that was noted", ev.Seq)
		}
		v.last, v.hash = ev.Seq, ev.Hash
		k, line = c.Next()
	}
	if written := btx.Bucket(bucketAudit).Sequence(); k == nil && written != v.last {
		return fmt.Errorf("audit event %d is missing: %d were written", v.last+1, written)
	}
	return nil
}

// Head is the number and hash of the newest event; ok is false where there is none.
func (s *Store) Head() (h store.Head, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		h.Seq, h.Hash, err = lastEvent(btx)
		return err
	})
	return h, h.Seq > 0 && err == nil, err
}

// countEvents is a migration: the trail counts what was written to it.
func countEvents(tx *bolt.Tx) error {
	b := tx.Bucket(bucketAudit)
	k, _ := b.Cursor().Last()
	if k == nil {
		return nil
	}
	if len(k) != 8 {
		return fmt.Errorf("%w: an audit event has the number %q", store.ErrCorrupt, k)
	}
	return b.SetSequence(binary.BigEndian.Uint64(k))
}
