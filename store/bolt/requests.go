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

var newStamp = store.NewStamp // another one in tests that compare ids of grants

// Submit makes requests out of drafts, all or none, in one transaction. key
// names the submission: a repeat with the same key returns the requests that the
// first one made, as they are now, and writes nothing. The drafts have no ID,
// Seq, Stamp, Version or State. Errors are those of flows.Next, flows.CheckPending
// and flows.CheckWithdrawn.
func (s *Store) Submit(ctx context.Context, now time.Time, key string, drafts []flows.Request) ([]flows.Request, error) {
	if key == "" || len(drafts) == 0 {
		return nil, errors.New("a submission needs a key and at least one draft")
	}
	return update(ctx, s, func(t *tx) (made []flows.Request, err error) {
		if raw := t.get(bucketSubmits, []byte(key)); raw != nil {
			return submitted(t.bolt, []byte(key), raw)
		}
		if err := flows.CheckPending(drafts, t.pending); err != nil {
			return nil, err
		}
		withdrawn := func(email string, since time.Time) ([]flows.Request, error) {
			return s.withdrawn(t.bolt, email, since), nil
		}
		if err := flows.CheckWithdrawn(drafts, withdrawn, now); err != nil {
			return nil, err
		}
		steps := make([]*step, len(drafts))
		row := submitRow{At: now.UTC()}
		last := t.bolt.Bucket(bucketRequests).Sequence()
		x := scratchPool.Get().(*scratch)
		defer func() { x.free(err) }()
		for i, draft := range drafts {
			draft.Seq = last + uint64(i) + 1
			draft.ID, draft.Stamp, draft.Version, draft.State = store.ID(draft.Seq), newStamp(), 0, ""
			x.from = draft
			st, err := s.decideOn(x, nil, flows.Event{Kind: flows.EventSubmit, By: draft.Requestor}, now)
			if err != nil {
				return nil, err
			}
			steps[i] = st
			row.IDs = append(row.IDs, draft.ID)
		}
		raw, err := encode(row)
		if err != nil {
			return nil, err
		}
		t.wrote = true
		if err := t.bolt.Bucket(bucketRequests).SetSequence(last + uint64(len(drafts))); err != nil {
			return nil, fmt.Errorf("number the requests: %w", err)
		}
		if err := t.put(bucketSubmits, []byte(key), raw); err != nil {
			return nil, err
		}
		if err := t.put(bucketSubmitsAt, append(appendTime(nil, now), key...), nil); err != nil {
			return nil, err
		}
		out := make([]flows.Request, len(steps))
		for i, st := range steps {
			if err := t.write(now, st); err != nil {
				return nil, err
			}
			out[i] = st.to
		}
		return out, nil
	})
}

// Submission returns the requests that a submission made, as they are now; ok is
// false where none with this key did. Keys are remembered for MinDeliveryAge at least.
func (s *Store) Submission(key string) (made []flows.Request, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) (err error) {
		raw := btx.Bucket(bucketSubmits).Get([]byte(key))
		if ok = raw != nil; ok {
			made, err = submitted(btx, []byte(key), raw)
		}
		return err
	})
	return made, ok && err == nil, err
}

type submitRow struct {
	At  time.Time `json:"at"`
	IDs []string  `json:"ids"`
}

func submitted(btx *bolt.Tx, key, raw []byte) ([]flows.Request, error) {
	row, err := decode[submitRow]("submission", key, raw)
	if err != nil {
		return nil, err
	}
	out := make([]flows.Request, len(row.IDs))
	for i, id := range row.IDs {
		if out[i], err = getRequest(btx, id); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Apply makes the event happen to the request in one transaction and returns
// what it became. Errors are those of flows.Next, and CodeNotFound; they write
// nothing. For EventGone see ApplyGone.
func (s *Store) Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error) {
	if ev.Kind == flows.EventGone {
		return s.ApplyGone(ctx, now, id, ev.Integration, nil, nil)
	}
	if ev.Kind == flows.EventConfirmGone {
		return s.applyDeclared(ctx, now, id, ev)
	}
	return s.apply(ctx, now, id, ev, func(*tx, *step) error { return nil })
}

// apply has a decider decide on the record as it is committed, beside the committer.
// In the transaction it decides again if the record has changed meanwhile. An error of
// the first decision is as good as one of the second: it was the answer at a moment
// during the call.
func (s *Store) apply(ctx context.Context, now time.Time, id string, ev flows.Event, also func(*tx, *step) error) (flows.Request, error) {
	var st *step
	err := s.await(ctx, &op{
		decide: func() error {
			return s.view(func(btx *bolt.Tx) (err error) { st, err = s.decide(btx, id, ev, now); return err })
		},
		run: func(t *tx) error {
			if !bytes.Equal(st.at(st.was), t.get(bucketRequests, seqKey(st.to.Seq))) {
				again, err := s.decide(t.bolt, id, ev, now)
				if err != nil {
					return err
				}
				st = again
			}
			if err := also(t, st); err != nil {
				return err
			}
			return t.write(now, st)
		},
	})
	defer st.free() // its commit is over, or it is in none
	if err != nil {
		return flows.Request{}, err
	}
	return st.to, nil
}

func (s *Store) decide(btx *bolt.Tx, id string, ev flows.Event, now time.Time) (*step, error) {
	raw, err := recordOf(btx, id)
	if err != nil {
		return nil, err
	}
	x := scratchPool.Get().(*scratch)
	if err := decodeInto("request", []byte(id), raw, &x.from); err != nil {
		return nil, err
	}
	st, err := s.decideOn(x, raw, ev, now)
	x.free(err)
	return st, err
}
