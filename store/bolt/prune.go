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

const (
	pruneEvents   = 1000 // audit events that one transaction removes
	pruneRequests = 100  // requests that one transaction looks at
)

// Prune removes what is older than olderThan: audit events, and the records and
// messages of requests that ended then. A request that is not over is never
// removed, nor one whose unit others hold, that has a task left, or that a
// submission may still ask for. The audit events of a live one are, once they are old: its record
// says who decided, and why.
//
// Before events are removed the trail says so, and it stays verifiable from the
// first that is left. A part that does not verify, or that the audit channel was
// not told of, is kept. Every transaction is bounded, and what a crash leaves
// undone the next call does. A zero olderThan removes nothing.
func (s *Store) Prune(ctx context.Context, now time.Time, olderThan time.Duration) (events, requests int, err error) {
	if olderThan <= 0 {
		return 0, 0, nil
	}
	cut := now.Add(-olderThan)
	if err := s.planPruning(ctx, now, cut); err != nil {
		return 0, 0, fmt.Errorf("the audit trail is kept as it is: %w", err)
	}
	for ctx.Err() == nil {
		n, err := update(ctx, s, (*tx).pruneEvents)
		if err != nil {
			return events, 0, err
		}
		if n == 0 {
			break
		}
		events += n
	}
	for _, state := range flows.States() {
		if !state.Terminal() {
			continue
		}
		n, err := s.pruneState(ctx, state, cut)
		requests += n
		if err != nil {
			return events, requests, err
		}
	}
	return events, requests, ctx.Err()
}

// Where the trail begins, and up to where it is being removed: number and hash of
// an event, as a value of meta.
func encodeHead(h store.Head) []byte { return append(seqKey(h.Seq), h.Hash...) }

func metaHead(btx *bolt.Tx, name []byte) store.Head {
	v := btx.Bucket(bucketMeta).Get(name)
	if len(v) < 8 {
		return store.Head{}
	}
	return store.Head{Seq: binary.BigEndian.Uint64(v), Hash: string(v[8:])}
}

// planPruning writes down, in the trail too, up to where it will be removed.
func (s *Store) planPruning(ctx context.Context, now, cut time.Time) error {
	var pruned, pending store.Head
	var told uint64
	err := s.view(func(btx *bolt.Tx) error {
		pruned, pending = metaHead(btx, metaAuditPruned), metaHead(btx, metaAuditPruning)
		told = metaNumber(btx, metaAuditCursor)
		return nil
	})
	if err != nil || pending.Seq > pruned.Seq {
		return err // what was begun goes first
	}
	v := verifier{until: func(ev flows.AuditEvent) bool { return ev.Seq > told || !ev.At.Before(cut) }}
	if err := s.verifyWith(&v); err != nil {
		return err
	}
	through := store.Head{Seq: v.last, Hash: v.hash}
	if through.Seq <= pruned.Seq {
		return nil
	}
	fact := flows.Fact{
		Kind: flows.FactPruned, Checkpoint: &flows.Checkpoint{Seq: through.Seq, Hash: through.Hash},
		Text: fmt.Sprintf("Audit events up to %d, and requests that ended before %s, are removed: they are older than is to be kept.",
			through.Seq, cut.UTC().Format(time.RFC3339)),
	}
	raw, err := encode(fact)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error {
		if metaHead(t.bolt, metaAuditPruned) != pruned {
			return store.ErrStale
		}
		if err := t.appendFact(now, raw); err != nil {
			return err
		}
		return t.put(bucketMeta, metaAuditPruning, encodeHead(through))
	})
}

// pruneEvents removes the next events of what was planned.
func (t *tx) pruneEvents() (n int, err error) {
	end, at := metaHead(t.bolt, metaAuditPruning), metaHead(t.bolt, metaAuditPruned)
	for ; n < pruneEvents && at.Seq < end.Seq; n++ {
		key := seqKey(at.Seq + 1)
		hash, ok := store.HashOf(t.get(bucketAudit, key))
		if !ok {
			return 0, fmt.Errorf("%w: audit event %d has no hash", store.ErrCorrupt, at.Seq+1)
		}
		at = store.Head{Seq: at.Seq + 1, Hash: hash}
		if err := t.del(bucketAudit, key); err != nil {
			return 0, err
		}
	}
	if n == 0 {
		return 0, nil
	}
	return n, t.put(bucketMeta, metaAuditPruned, encodeHead(at))
}

// pruneState removes the requests in a state that ended before cut.
func (s *Store) pruneState(ctx context.Context, state flows.State, cut time.Time) (removed int, err error) {
	for after := uint64(0); ctx.Err() == nil; {
		old, last, err := s.oldRequests(state, after, cut)
		if err != nil || last == 0 {
			return removed, err
		}
		n, err := update(ctx, s, func(t *tx) (n int, err error) {
			for _, seq := range old {
				gone, err := t.pruneRequest(seq)
				if err != nil {
					return 0, err
				}
				if gone {
					n++
				}
			}
			return n, nil
		})
		if err != nil {
			return removed, err
		}
		removed, after = removed+n, last
	}
	return removed, ctx.Err()
}

// oldRequests looks at the next requests in a state after a number, and returns
// those that ended before cut, and the last it looked at; 0: there are none that
// were made before cut. One that cannot be read is passed over.
func (s *Store) oldRequests(state flows.State, after uint64, cut time.Time) (old []uint64, last uint64, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		wanted, err := submittedBefore(btx, cut)
		if err != nil {
			return err
		}
		prefix := statePrefix(state)
		c := btx.Bucket(bucketByState).Cursor()
		k, _ := c.Seek(append(statePrefix(state), seqKey(after+1)...))
		for n := 0; n < pruneRequests && hasSeq(k, prefix); n++ {
			seq := binary.BigEndian.Uint64(k[len(prefix):])
			if r, ok := s.readable(btx, store.ID(seq)); ok {
				if !r.CreatedAt.Before(cut) {
					return nil
				}
				if !r.EndedAt.IsZero() && r.EndedAt.Before(cut) && !wanted[r.ID] {
					old = append(old, seq)
				}
			}
			last = seq
			k, _ = c.Next()
		}
		return nil
	})
	return old, last, err
}

// submittedBefore are the requests that a submission made which is remembered for
// so long: its delivery is not finished yet.
func submittedBefore(btx *bolt.Tx, cut time.Time) (map[string]bool, error) {
	out := map[string]bool{}
	for k := range scan(btx.Bucket(bucketSubmitsAt), nil) {
		if len(k) < 8 || !timeOf(k).Before(cut) {
			break
		}
		row, err := decode[submitRow]("submission", k[8:], btx.Bucket(bucketSubmits).Get(k[8:]))
		if err != nil {
			return nil, err
		}
		for _, id := range row.IDs {
			out[id] = true
		}
	}
	return out, nil
}

// pruneRequest removes one with everything that belongs to it, unless something
// still needs it.
func (t *tx) pruneRequest(seq uint64) (gone bool, err error) {
	r, err := getRequest(t.bolt, store.ID(seq))
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return false, nil
		}
		return false, err
	}
	if !r.State.Terminal() || t.needed(&r) {
		return false, nil
	}
	for _, row := range rowsOf(&r) {
		if err := t.del(row.bucket, row.key); err != nil {
			return false, err
		}
	}
	var posts [][]byte
	for k := range scan(t.bolt.Bucket(bucketPosts), []byte(r.ID+"/")) {
		posts = append(posts, append([]byte(nil), k...))
	}
	for _, k := range posts {
		if err := t.del(bucketPosts, k); err != nil {
			return false, err
		}
	}
	if seq > metaNumber(t.bolt, metaRequestsPruned) {
		if err := t.put(bucketMeta, metaRequestsPruned, seqKey(seq)); err != nil {
			return false, err
		}
	}
	return true, t.del(bucketRequests, seqKey(seq))
}

// needed reports whether a request that is over has a task left, or left a unit to
// others who hold it.
func (t *tx) needed(r *flows.Request) bool {
	for _, kind := range []string{"post/", "target/"} {
		for range scan(t.bolt.Bucket(bucketTasks), []byte(kind+r.ID+"/")) {
			return true
		}
	}
	for i := range r.Groups {
		for _, it := range r.Groups[i].Items {
			if t.get(bucketHolders, holderKey(r, it.Unit)) != nil {
				return true
			}
		}
	}
	return false
}
