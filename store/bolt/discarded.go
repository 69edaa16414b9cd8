package bolt

import (
	"context"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// RecordDiscarded is Record of a fact, and keeps in the same transaction the name of the
// plan that it says was discarded, in place of another one.
func (s *Store) RecordDiscarded(ctx context.Context, now time.Time, plan string, fact flows.Fact) error {
	encoded, err := encodeFact(fact)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error {
		if err := t.put(bucketMeta, metaDiscarded, []byte(plan)); err != nil {
			return err
		}
		return t.record(now, encoded)
	})
}

// Discarded names the plan that was discarded last; empty: none, or it is forgotten.
func (s *Store) Discarded() (plan string, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		plan = string(btx.Bucket(bucketMeta).Get(metaDiscarded))
		return nil
	})
	return plan, err
}

// ForgetDiscarded forgets the plan that was discarded.
func (s *Store) ForgetDiscarded(ctx context.Context) error {
	return s.do(ctx, func(t *tx) error { return t.del(bucketMeta, metaDiscarded) })
}
