package bolt

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// anchor is what meta keeps of the last one: the day it was made on, and its number in
// the trail; 0 before the first.
type anchor struct{ day, seq uint64 }

func anchorOf(btx *bolt.Tx) (a anchor, ok bool) {
	v := btx.Bucket(bucketMeta).Get(metaAuditAnchored)
	if len(v) != 16 {
		return anchor{}, false
	}
	return anchor{binary.BigEndian.Uint64(v), binary.BigEndian.Uint64(v[8:])}, true
}

// Anchor appends a flows.FactAnchored, with the head that the trail has until then, at
// the first call on a day (UTC) if anything else was appended since the last anchor. It
// reports whether it did. The first day of a database is over before the first anchor.
func (s *Store) Anchor(ctx context.Context, now time.Time) (made bool, err error) {
	today := uint64(max(0, now.Unix()) / int64(24*time.Hour/time.Second))
	due := func(btx *bolt.Tx) (a anchor, due bool) {
		a, ok := anchorOf(btx)
		return a, !ok || a.day < today
	}
	wanted := false
	if err := s.view(func(btx *bolt.Tx) error { _, wanted = due(btx); return nil }); err != nil || !wanted {
		return false, err
	}
	err = s.do(ctx, func(t *tx) error {
		made = false // the operation may be run again
		last, wanted := due(t.bolt)
		if !wanted {
			return nil
		}
		_, known := anchorOf(t.bolt)
		seq, hash, err := lastEvent(t.bolt)
		if err != nil {
			return err
		}
		next := anchor{today, last.seq}
		if known && seq > last.seq {
			fact := flows.Anchored(flows.Checkpoint{Seq: seq, Hash: hash})
			raw, err := encode(fact)
			if err != nil {
				return err
			}
			if err := t.appendFact(now, raw); err != nil {
				return err
			}
			if next.seq, _, err = lastEvent(t.bolt); err != nil {
				return err
			}
			if err := t.putTask(now, newTask(flows.Effect{Kind: flows.EffectAuditChannel})); err != nil {
				return err
			}
			made = true
		}
		return t.put(bucketMeta, metaAuditAnchored, append(seqKey(next.day), seqKey(next.seq)...))
	})
	return made && err == nil, err
}

// Anchored is the last event that Anchor appended; ok is false where there is none, or
// retention has removed it.
func (s *Store) Anchored() (ev flows.AuditEvent, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		a, _ := anchorOf(btx)
		line := btx.Bucket(bucketAudit).Get(seqKey(a.seq))
		if line == nil {
			return nil
		}
		ok = true
		ev, err = decode[flows.AuditEvent]("audit event", seqKey(a.seq), line)
		return err
	})
	if err != nil {
		return flows.AuditEvent{}, false, fmt.Errorf("read the last anchor: %w", err)
	}
	return ev, ok, nil
}
