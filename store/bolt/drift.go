package bolt

import (
	"context"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// Drifts returns what was found at all integrations that were looked at, by name.
func (s *Store) Drifts() (out []flows.Drift, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		for k, v := range scan(btx.Bucket(bucketDrift), nil) {
			d, err := decode[flows.Drift]("drift", k, v)
			if err != nil {
				return err
			}
			out = append(out, d)
		}
		return nil
	})
	return out, err
}

// SaveDrift keeps what was found, in place of what was kept of the integration, and
// appends what the admins are told of it in the same transaction: it is told once.
func (s *Store) SaveDrift(ctx context.Context, now time.Time, d flows.Drift, told ...flows.Fact) error {
	if d.Integration == "" {
		return errors.New("a drift needs an integration")
	}
	raw, err := encode(d)
	if err != nil {
		return err
	}
	facts := make([][]byte, len(told))
	for i, f := range told {
		if facts[i], err = encode(f); err != nil {
			return err
		}
	}
	task := newTask(flows.Effect{Kind: flows.EffectAuditChannel})
	return s.do(ctx, func(t *tx) error {
		if err := t.put(bucketDrift, []byte(d.Integration), raw); err != nil {
			return err
		}
		for _, f := range facts {
			if err := t.appendFact(now, f); err != nil {
				return err
			}
		}
		if len(facts) == 0 {
			return nil
		}
		return t.putTask(now, task)
	})
}
