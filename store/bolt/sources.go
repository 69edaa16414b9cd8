package bolt

import (
	"bytes"
	"context"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// Keys of sources: a short row that every sync writes, and what the source said,
// which is written when it says something else.
var (
	sourceHead = []byte("head/")
	sourceData = []byte("data/")
)

func sourceKey(prefix []byte, name string) []byte { return append(bytes.Clone(prefix), name...) }

// SaveSource keeps what a source said, in place of what was kept of it.
func (s *Store) SaveSource(ctx context.Context, snap flows.SourceSnapshot) error {
	return s.saveSource(ctx, snap, func(*tx) error { return nil })
}

// SaveSourceTold is SaveSource and Record in one transaction.
func (s *Store) SaveSourceTold(ctx context.Context, now time.Time, snap flows.SourceSnapshot, fact flows.Fact) error {
	encoded, err := encodeFact(fact)
	if err != nil {
		return err
	}
	return s.saveSource(ctx, snap, func(t *tx) error { return t.record(now, encoded) })
}

func (s *Store) saveSource(ctx context.Context, snap flows.SourceSnapshot, also func(t *tx) error) error {
	if snap.Name == "" {
		return errors.New("a source needs a name")
	}
	head, err := encode(snap)
	if err != nil {
		return err
	}
	return s.do(ctx, func(t *tx) error {
		if snap.Data != nil {
			if err := t.put(bucketSources, sourceKey(sourceData, snap.Name), snap.Data); err != nil {
				return err
			}
		}
		if err := t.put(bucketSources, sourceKey(sourceHead, snap.Name), head); err != nil {
			return err
		}
		return also(t)
	})
}

// ForgetSource removes what is kept of a source. One that is not known is no error.
func (s *Store) ForgetSource(ctx context.Context, name string) error {
	return s.do(ctx, func(t *tx) error {
		if err := t.del(bucketSources, sourceKey(sourceData, name)); err != nil {
			return err
		}
		return t.del(bucketSources, sourceKey(sourceHead, name))
	})
}

// Sources returns what is kept of all sources, by name in order.
func (s *Store) Sources() (out []flows.SourceSnapshot, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		b := btx.Bucket(bucketSources)
		for k, v := range scan(b, sourceHead) {
			snap, err := decode[flows.SourceSnapshot]("source", k, v)
			if err != nil {
				return err
			}
			snap.Data = bytes.Clone(b.Get(sourceKey(sourceData, snap.Name)))
			out = append(out, snap)
		}
		return nil
	})
	return out, err
}
