package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// auditPage is how many events are read in one transaction.
const auditPage = 500

// appendFact adds the next event, of an encoded flows.Fact, to the chain.
func (t *tx) appendFact(now time.Time, encoded []byte) error {
	if t.last.hash == "" {
		_, hash, err := lastEvent(t.bolt)
		if err != nil {
			return err
		}
		t.last.hash = hash
	}
	t.wrote = true
	// The bucket counts, not its last key: an event that somebody took from the end
	// leaves a gap that nothing closes.
	seq, err := t.open(bucketAudit).bucket.NextSequence()
	if err != nil {
		return fmt.Errorf("number an audit event: %w", err)
	}
	hash, line := store.ChainEncoded(t.last.hash, seq, now, encoded)
	t.last.hash = hash
	return t.put(bucketAudit, seqKey(seq), line)
}

// lastEvent is the number and hash of the newest event; 0 and "" without one.
func lastEvent(btx *bolt.Tx) (seq uint64, hash string, err error) {
	k, v := btx.Bucket(bucketAudit).Cursor().Last()
	if k == nil {
		return 0, "", nil
	}
	hash, ok := store.HashOf(v)
	if !ok {
		return 0, "", fmt.Errorf("%w: the last audit event has no hash", store.ErrCorrupt)
	}
	return binary.BigEndian.Uint64(k), hash, nil
}

// Record appends a fact that belongs to no request.
func (s *Store) Record(ctx context.Context, now time.Time, fact flows.Fact) error {
	encoded, err := encodeFact(fact)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error { return t.record(now, encoded) })
}

type encodedFact struct {
	kind flows.FactKind
	raw  []byte
}

func encodeFact(f flows.Fact) (encodedFact, error) {
	raw, err := encode(f)
	return encodedFact{f.Kind, raw}, err
}

// record appends a fact that belongs to no request, and wants the audit channel told
// where it is told of such.
func (t *tx) record(now time.Time, f encodedFact) error {
	if err := t.appendFact(now, f.raw); err != nil || !f.kind.Told() {
		return err
	}
	return t.putTask(now, newTask(flows.Effect{Kind: flows.EffectAuditChannel}))
}

// Audit returns up to limit events, the first being the one numbered from.
func (s *Store) Audit(from uint64, limit int) ([]flows.AuditEvent, error) {
	var out []flows.AuditEvent
	err := s.auditLines(from, limit, func(k, line []byte) error {
		ev, err := decode[flows.AuditEvent]("audit event", k, line)
		if err != nil {
			return err
		}
		out = append(out, ev)
		return nil
	})
	return out, err
}

// auditLines calls fn, inside a transaction, with the encoded events.
func (s *Store) auditLines(from uint64, limit int, fn func(key, line []byte) error) error {
	return s.view(func(btx *bolt.Tx) error {
		c := btx.Bucket(bucketAudit).Cursor()
		k, v := c.Seek(seqKey(from))
		for ; k != nil && limit > 0; limit-- {
			if err := fn(k, v); err != nil {
				return err
			}
			k, v = c.Next()
		}
		return nil
	})
}

// AuditBetween calls fn with all events at or after from and before to, in the
// order of the chain, with no transaction open. A zero from or to is no bound. It
// reads the whole trail. An error of fn ends it and is returned.
func (s *Store) AuditBetween(from, to time.Time, fn func(flows.AuditEvent) error) error {
	for next := uint64(1); ; {
		events, err := s.Audit(next, auditPage)
		if err != nil {
			return err
		}
		if len(events) == 0 {
			return nil
		}
		for _, ev := range events {
			if ev.At.Before(from) || (!to.IsZero() && !ev.At.Before(to)) {
				continue
			}
			if err := fn(ev); err != nil {
				return err
			}
		}
		next = events[len(events)-1].Seq + 1
	}
}

// AuditCursor is the number of the last event the audit channel was told of, or
// need not be told of; 0 at first.
func (s *Store) AuditCursor() (seq uint64, err error) {
	err = s.view(func(btx *bolt.Tx) error { seq = metaNumber(btx, metaAuditCursor); return nil })
	return seq, err
}

func metaNumber(btx *bolt.Tx, name []byte) uint64 {
	if v := btx.Bucket(bucketMeta).Get(name); len(v) == 8 {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// AdvanceAudit moves the cursor on to seq and forgets the post in flight. It
// never moves back.
func (s *Store) AdvanceAudit(ctx context.Context, seq uint64) error {
	return s.do(ctx, func(t *tx) error {
		last, _, err := lastEvent(t.bolt)
		if err != nil {
			return err
		}
		if seq > last {
			return fmt.Errorf("the audit channel cannot have been told of event %d, the last is %d", seq, last)
		}
		if t.get(bucketMeta, metaAuditPosting) != nil {
			if err := t.del(bucketMeta, metaAuditPosting); err != nil {
				return err
			}
		}
		if seq <= metaNumber(t.bolt, metaAuditCursor) {
			return nil
		}
		return t.put(bucketMeta, metaAuditCursor, seqKey(seq))
	})
}

// AuditPosting is the post to the audit channel that was begun and not confirmed
// by AdvanceAudit: it may or may not be there. It tells of the events from the
// cursor up to and including to.
func (s *Store) AuditPosting() (to uint64, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		to = metaNumber(btx, metaAuditPosting)
		ok = to > 0
		return nil
	})
	return to, ok, err
}

// SetAuditPosting records, before the act, that the events up to and including
// to are about to be posted.
func (s *Store) SetAuditPosting(ctx context.Context, to uint64) error {
	if to == 0 {
		return errors.New("a post to the audit channel tells of one event at least")
	}
	return s.do(ctx, func(t *tx) error { return t.put(bucketMeta, metaAuditPosting, seqKey(to)) })
}
