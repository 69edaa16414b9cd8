package bolt

import (
	"context"
	"errors"
	"fmt"
	"time"

	"apono/flows"
	"apono/store"
)

// Submit makes requests out of drafts, all or none, in one transaction. key
// names the submission: a repeat with the same key returns the requests that the
// first one made, as they are now, and writes nothing. The drafts have no ID,
// Seq, Version or State. Errors are those of flows.Next.
func (s *Store) Submit(ctx context.Context, now time.Time, key string, drafts []flows.Request) ([]flows.Request, error) {
	if key == "" || len(drafts) == 0 {
		return nil, errors.New("a submission needs a key and at least one draft")
	}
	return update(ctx, s, func(t *tx) ([]flows.Request, error) {
		if raw := t.get(bucketSubmits, []byte(key)); raw != nil {
			return t.submitted([]byte(key), raw)
		}
		steps := make([]step, len(drafts))
		row := submitRow{At: now.UTC()}
		last := t.bolt.Bucket(bucketRequests).Sequence()
		for i, draft := range drafts {
			draft.Seq = last + uint64(i) + 1
			draft.ID, draft.Version, draft.State = store.ID(draft.Seq), 0, ""
			st, err := s.step(draft, flows.Event{Kind: flows.EventSubmit, By: draft.Requestor}, now)
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

type submitRow struct {
	At  time.Time `json:"at"`
	IDs []string  `json:"ids"`
}

func (t *tx) submitted(key, raw []byte) ([]flows.Request, error) {
	row, err := decode[submitRow]("submission", key, raw)
	if err != nil {
		return nil, err
	}
	out := make([]flows.Request, len(row.IDs))
	for i, id := range row.IDs {
		if out[i], err = t.request(id); err != nil {
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
	return update(ctx, s, func(t *tx) (flows.Request, error) {
		r, err := t.request(id)
		if err != nil {
			return flows.Request{}, err
		}
		st, err := s.step(r, ev, now)
		if err != nil {
			return flows.Request{}, err
		}
		return st.to, t.write(now, st)
	})
}

// step is a decided transition, encoded and ready to be written.
type step struct {
	from, to flows.Request // from is a draft for a new request
	record   []byte
	effects  []flows.Effect // without tasks
	tasks    map[string]flows.Effect
	order    []string // keys of tasks
}

// step decides. It writes nothing, so that whatever goes wrong is alone to fail.
func (s *Store) step(from flows.Request, ev flows.Event, now time.Time) (step, error) {
	to, effects, err := s.next(from, ev, now)
	if err != nil {
		return step{}, err
	}
	if to.ID != from.ID || to.Seq != from.Seq || to.Version != from.Version+1 {
		return step{}, fmt.Errorf("%s version %d became %s version %d by %s (this is a bug)", from.ID, from.Version, to.ID, to.Version, ev.Kind)
	}
	st := step{from: from, to: to, tasks: map[string]flows.Effect{}}
	if st.record, err = encode(&to); err != nil {
		return step{}, err
	}
	for _, e := range effects {
		switch e.Kind {
		case flows.EffectAudit, flows.EffectSeal:
			if e.Kind == flows.EffectAudit && e.Fact == nil {
				return step{}, fmt.Errorf("%s: an audit effect of %s without a fact (this is a bug)", to.ID, ev.Kind)
			}
			st.effects = append(st.effects, e)
		case flows.EffectTarget, flows.EffectPost, flows.EffectAuditChannel:
			key := e.Key()
			if _, dup := st.tasks[key]; !dup {
				st.order = append(st.order, key)
			}
			st.tasks[key] = e
		}
	}
	return st, nil
}

// write stores a transition: record, indexes, secrets, audit trail, tasks.
func (t *tx) write(now time.Time, st step) error {
	if err := t.put(bucketRequests, seqKey(st.to.Seq), st.record); err != nil {
		return err
	}
	if err := t.reindex(&st.from, &st.to); err != nil {
		return err
	}
	for _, e := range st.effects {
		var err error
		if e.Kind == flows.EffectAudit {
			err = t.appendFact(now, *e.Fact)
		} else {
			err = t.seal(st.to.GrantID(e.Integration), e.Sealed)
		}
		if err != nil {
			return err
		}
	}
	for _, key := range st.order {
		if err := t.putTask(now, key, st.tasks[key]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) seal(grant string, sealed []byte) error {
	if sealed == nil {
		return t.del(bucketSealed, []byte(grant))
	}
	return t.put(bucketSealed, []byte(grant), sealed)
}

func (t *tx) request(id string) (flows.Request, error) { return getRequest(t.bolt, id) }
