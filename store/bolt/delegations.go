package bolt

import (
	"context"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// Delegations returns all that are on record, also those whose time is up.
func (s *Store) Delegations() (out []flows.Delegation, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		for k, raw := range scan(btx.Bucket(bucketDelegations), nil) {
			d, err := decode[flows.Delegation]("delegation", k, raw)
			if err != nil {
				return err
			}
			out = append(out, d)
		}
		return nil
	})
	return out, err
}

// Delegate keeps a delegation and appends the fact of it, in one transaction. It takes
// the place of the one that the person had given before. A repeat with the same ID
// writes nothing.
func (s *Store) Delegate(ctx context.Context, now time.Time, d flows.Delegation) error {
	if d.ID == "" || d.From.Email == "" || d.To.Email == "" {
		return errors.New("a delegation needs an id and two people")
	}
	raw, err := encode(d)
	if err != nil {
		return err
	}
	fact, err := encodeFact(flows.DelegationFact(d))
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error {
		key := []byte(flows.NormalizeEmail(d.From.Email))
		if before := t.get(bucketDelegations, key); before != nil {
			if old, err := decode[flows.Delegation]("delegation", key, before); err == nil && old.ID == d.ID {
				return nil
			}
		}
		if err := t.put(bucketDelegations, key, raw); err != nil {
			return err
		}
		return t.record(now, fact)
	})
}

// EndDelegation forgets a delegation and appends the fact of that; by is zero where its
// time is up. Error: CodeLate where it is over.
func (s *Store) EndDelegation(ctx context.Context, now time.Time, id string, by flows.PersonRef) (flows.Delegation, error) {
	return update(ctx, s, func(t *tx) (flows.Delegation, error) {
		for k, raw := range scan(t.bolt.Bucket(bucketDelegations), nil) {
			d, err := decode[flows.Delegation]("delegation", k, raw)
			if err != nil {
				return d, err
			}
			if d.ID != id {
				continue
			}
			fact, err := encodeFact(flows.DelegationOverFact(d, by))
			if err != nil {
				return d, err
			}
			if err := t.del(bucketDelegations, []byte(flows.NormalizeEmail(d.From.Email))); err != nil {
				return d, err
			}
			return d, t.record(now, fact)
		}
		return flows.Delegation{}, flows.Errorf(flows.CodeLate, "That is over already.")
	})
}
