package bolt

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// VerifyAudit recomputes the chain and returns the number of the last sound event.
// The error names the first one that is not: changed, missing in between, or
// missing at the beginning or end. Heads are what somebody noted elsewhere; the
// trail must still hold each of them.
func (s *Store) VerifyAudit(heads ...store.Head) (last uint64, err error) {
	v := verifier{heads: map[uint64]string{}}
	for _, h := range heads {
		if was, twice := v.heads[h.Seq]; twice && was != h.Hash {
			return 0, fmt.Errorf("two heads of audit event %d differ", h.Seq)
		}
		v.heads[h.Seq] = h.Hash
	}
	if err := s.verifyWith(&v); err != nil {
		return v.last, err
	}
	if v.attested.Seq < v.pruned.Seq || v.attested.Seq == v.pruned.Seq && v.attested.Hash != v.pruned.Hash {
		return v.last, fmt.Errorf("audit event %d is missing: the trail begins with event %d, and no event in it says that the earlier ones were removed",
			v.attested.Seq+1, v.pruned.Seq+1)
	}
	for _, h := range heads {
		if h.Seq > v.last {
			return v.last, fmt.Errorf("audit event %d is missing: the trail ends with event %d, and the head %s was noted", v.last+1, v.last, h)
		}
		if h.Seq < v.pruned.Seq {
			return v.last, fmt.Errorf("the head %s cannot be compared: audit events up to %d are older than is kept; the chain after them is sound", h, v.pruned.Seq)
		}
	}
	return v.last, nil
}

func (s *Store) verifyWith(v *verifier) error {
	for {
		before := v.last
		if err := s.view(v.page); err != nil {
			return err
		}
		if v.last == before || v.done {
			return nil
		}
	}
}

// verifier is where a look at the trail stands.
type verifier struct {
	heads map[uint64]string
	// until, if set, ends the look before the first event for which it holds.
	until    func(flows.AuditEvent) bool
	pruned   store.Head // the last event that was removed
	attested store.Head // the last that the trail says is removed
	last     uint64
	hash     string // of last
	done     bool
}

// page looks at the next events, in a transaction of its own.
func (v *verifier) page(btx *bolt.Tx) error {
	if err := v.begin(btx); err != nil {
		return err
	}
	c := btx.Bucket(bucketAudit).Cursor()
	if first, _ := c.First(); first != nil && bytes.Compare(first, seqKey(v.pruned.Seq+1)) < 0 {
		return fmt.Errorf("audit event %d is not the first, but there is one before it, %x", v.pruned.Seq+1, first)
	}
	k, line := c.Seek(seqKey(v.last + 1))
	for n := 0; k != nil && n < auditPage; n++ {
		if len(k) != 8 || binary.BigEndian.Uint64(k) != v.last+1 {
			return fmt.Errorf("audit event %d is missing", v.last+1)
		}
		ev, err := store.Verify(line, v.hash, v.last+1)
		if err != nil {
			return err
		}
		if v.done = v.until != nil && v.until(ev); v.done {
			return nil
		}
		if err := v.take(ev); err != nil {
			return err
		}
		k, line = c.Next()
	}
	if written := btx.Bucket(bucketAudit).Sequence(); k == nil && written != v.last {
		return fmt.Errorf("audit event %d is missing: %d were written", v.last+1, written)
	}
	return nil
}

// begin starts after what was removed. That may become more while a look lasts.
func (v *verifier) begin(btx *bolt.Tx) error {
	if raw := btx.Bucket(bucketMeta).Get(metaAuditPruned); raw != nil && len(raw) != 8+sha256.Size*2 {
		return fmt.Errorf("%w: where the audit trail begins cannot be read", store.ErrCorrupt)
	}
	v.pruned = metaHead(btx, metaAuditPruned)
	if want, noted := v.heads[v.pruned.Seq]; noted && want != v.pruned.Hash {
		return fmt.Errorf("audit event %d or one before it was changed: its hash is not the one that was noted", v.pruned.Seq)
	}
	if v.last < v.pruned.Seq {
		v.last, v.hash = v.pruned.Seq, v.pruned.Hash
	}
	return nil
}

func (v *verifier) take(ev flows.AuditEvent) error {
	if want, noted := v.heads[ev.Seq]; noted && want != ev.Hash {
		return fmt.Errorf("audit event %d or one before it was changed: its hash is not the one that was noted", ev.Seq)
	}
	if c := ev.Fact.Checkpoint; ev.Fact.Kind == flows.FactPruned && c != nil && c.Seq < ev.Seq {
		v.attested = store.Head{Seq: c.Seq, Hash: c.Hash}
	}
	v.last, v.hash = ev.Seq, ev.Hash
	return nil
}

// Pruned is the last audit event that was removed because of its age; ok is false
// where none was.
func (s *Store) Pruned() (h store.Head, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error { h = metaHead(btx, metaAuditPruned); return nil })
	return h, h.Seq > 0 && err == nil, err
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
