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
	return update(ctx, s, func(t *tx) ([]flows.Request, error) {
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
		for i, draft := range drafts {
			draft.Seq = last + uint64(i) + 1
			draft.ID, draft.Stamp, draft.Version, draft.State = store.ID(draft.Seq), newStamp(), 0, ""
			st, err := s.step(&draft, flows.Event{Kind: flows.EventSubmit, By: draft.Requestor}, now)
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
			out[i] = *st.to
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

// apply decides on the record as it is committed, beside the committer. In the
// transaction it decides again if the record has changed meanwhile. An error of the
// first decision is as good as one of the second: it was the answer at a moment
// during the call.
func (s *Store) apply(ctx context.Context, now time.Time, id string, ev flows.Event, also func(*tx, *step) error) (flows.Request, error) {
	var decided *step
	err := s.beside(ctx, func() error {
		return s.view(func(btx *bolt.Tx) (err error) { decided, err = s.decide(btx, id, ev, now); return err })
	})
	if err != nil {
		return flows.Request{}, err
	}
	to, err := update(ctx, s, func(t *tx) (*flows.Request, error) {
		st := decided // a repeat of this operation starts from here again
		if !bytes.Equal(st.was, t.get(bucketRequests, seqKey(st.from.Seq))) {
			var err error
			if st, err = s.decide(t.bolt, id, ev, now); err != nil {
				return nil, err
			}
		}
		if err := also(t, st); err != nil {
			return nil, err
		}
		return st.to, t.write(now, st)
	})
	if err != nil {
		return flows.Request{}, err
	}
	return *to, nil
}

// beside has one of the deciders run a decision. They are as many as the processors,
// so that a crowd neither crowds out the committer nor has each of its goroutines
// grow the stack that a decision needs.
func (s *Store) beside(ctx context.Context, decide func() error) error {
	if s.opts.ReadOnly {
		return store.ErrReadOnly
	}
	done := make(chan error, 1)
	select {
	case s.decides <- func() { done <- decide() }:
		return <-done
	case <-ctx.Done():
		return ctx.Err()
	case <-s.stopped:
		return store.ErrClosed
	}
}

func (s *Store) decideLoop() {
	for {
		select {
		case decide := <-s.decides:
			decide()
		case <-s.stopped:
			return
		}
	}
}

func (s *Store) decide(btx *bolt.Tx, id string, ev flows.Event, now time.Time) (*step, error) {
	raw, err := recordOf(btx, id)
	if err != nil {
		return nil, err
	}
	r, err := decode[flows.Request]("request", []byte(id), raw)
	if err != nil {
		return nil, err
	}
	st, err := s.step(&r, ev, now)
	if err != nil {
		return nil, err
	}
	st.was = bytes.Clone(raw)
	return st, nil
}
