package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// delivery is how one is kept. Once finished, the payload is gone and the key
// stays to recognise repeats.
type delivery struct {
	flows.Delivery
	Finished bool `json:"finished,omitempty"`
}

// Receive keeps a delivery until Finish. fresh is false if its key was received
// before; then nothing is written. A zero At means now.
func (s *Store) Receive(ctx context.Context, now time.Time, d flows.Delivery) (fresh bool, err error) {
	if d.Key == "" {
		return false, errors.New("a delivery needs a key")
	}
	if d.At.IsZero() {
		d.At = now
	}
	d.At = d.At.UTC().Round(0)
	raw, err := encode(delivery{Delivery: d})
	if err != nil {
		return false, err
	}
	return update(ctx, s, func(t *tx) (bool, error) {
		if t.get(bucketInbox, []byte(d.Key)) != nil {
			return false, nil
		}
		if err := t.put(bucketInbox, []byte(d.Key), raw); err != nil {
			return false, err
		}
		return true, t.put(bucketInboxUndone, append(appendTime(nil, d.At), d.Key...), nil)
	})
}

// Undone returns up to limit deliveries that were received and not finished, the
// oldest first. One that cannot be read is passed over.
func (s *Store) Undone(limit int) ([]flows.Delivery, error) {
	return s.UndoneAfter(flows.Delivery{}, limit)
}

// UndoneAfter is Undone for those that come after a delivery, the last of an
// earlier answer. Fewer than limit are the end.
func (s *Store) UndoneAfter(after flows.Delivery, limit int) ([]flows.Delivery, error) {
	var out []flows.Delivery
	from := append(appendTime(nil, after.At), after.Key...)
	err := s.view(func(btx *bolt.Tx) error {
		c := btx.Bucket(bucketInboxUndone).Cursor()
		for k, _ := c.Seek(from); k != nil && len(out) < limit; k, _ = c.Next() {
			if bytes.Equal(k, from) {
				continue
			}
			d, ok, err := getDelivery(btx, k[8:])
			switch {
			case err != nil:
				s.passOver(bucketInbox, string(k[8:]), err)
			case !ok:
				s.passOver(bucketInboxUndone, string(k), fmt.Errorf("%w: there is no such delivery", store.ErrCorrupt))
			default:
				out = append(out, d.Delivery)
			}
		}
		return nil
	})
	return out, err
}

// Finish marks a delivery as handled and forgets its payload. One that is
// unknown or finished already is left as it is.
func (s *Store) Finish(ctx context.Context, key string) error {
	return s.do(ctx, func(t *tx) error {
		d, ok, err := getDelivery(t.bolt, []byte(key))
		if err != nil || !ok || d.Finished {
			return err
		}
		d.Finished, d.Payload = true, nil
		raw, err := encode(d)
		if err != nil {
			return err
		}
		if err := t.put(bucketInbox, []byte(key), raw); err != nil {
			return err
		}
		if err := t.del(bucketInboxUndone, append(appendTime(nil, d.At), key...)); err != nil {
			return err
		}
		return t.put(bucketInboxDone, append(appendTime(nil, d.At), key...), nil)
	})
}

func getDelivery(btx *bolt.Tx, key []byte) (delivery, bool, error) {
	raw := btx.Bucket(bucketInbox).Get(key)
	if raw == nil {
		return delivery{}, false, nil
	}
	d, err := decode[delivery]("delivery", key, raw)
	return d, err == nil, err
}

// MinDeliveryAge is the least time for which finished deliveries are remembered;
// it is longer than any platform repeats one.
const MinDeliveryAge = time.Hour

// pruneBatch bounds what one transaction deletes.
const pruneBatch = 1000

// PruneDeliveries forgets finished deliveries that were received longer than
// olderThan ago, MinDeliveryAge at least. Keys of submissions of that age go too, unless a
// delivery as old is unfinished: it may be the one that submits again. It returns
// how many deliveries went.
func (s *Store) PruneDeliveries(ctx context.Context, now time.Time, olderThan time.Duration) (removed int, err error) {
	cut := now.Add(-max(olderThan, MinDeliveryAge))
	for {
		old, err := s.oldKeys(bucketInboxDone, cut)
		if err != nil || len(old) == 0 {
			return removed, errors.Join(err, s.pruneSubmits(ctx, cut))
		}
		if err := s.do(ctx, func(t *tx) error { return t.delPairs(bucketInboxDone, bucketInbox, old) }); err != nil {
			return removed, err
		}
		removed += len(old)
	}
}

func (s *Store) pruneSubmits(ctx context.Context, cut time.Time) error {
	if undone, err := s.Undone(1); err != nil {
		return err
	} else if len(undone) > 0 && undone[0].At.Before(cut) {
		cut = undone[0].At
	}
	for {
		old, err := s.oldKeys(bucketSubmitsAt, cut)
		if err != nil || len(old) == 0 {
			return err
		}
		if err := s.do(ctx, func(t *tx) error { return t.delPairs(bucketSubmitsAt, bucketSubmits, old) }); err != nil {
			return err
		}
	}
}

// oldKeys returns keys of a bucket ordered by time that are before cut.
func (s *Store) oldKeys(bucket []byte, cut time.Time) ([][]byte, error) {
	var out [][]byte
	until := appendTime(nil, cut)
	err := s.view(func(btx *bolt.Tx) error {
		for k := range scan(btx.Bucket(bucket), nil) {
			if bytes.Compare(k[:8], until) >= 0 || len(out) == pruneBatch {
				return nil
			}
			out = append(out, bytes.Clone(k))
		}
		return nil
	})
	return out, err
}

// delPairs deletes entries of a bucket ordered by time and what they point to.
func (t *tx) delPairs(byTime, byKey []byte, keys [][]byte) error {
	for _, k := range keys {
		if err := t.del(byTime, k); err != nil {
			return err
		}
		if err := t.del(byKey, k[8:]); err != nil {
			return err
		}
	}
	return nil
}
