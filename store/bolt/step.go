package bolt

import (
	"bytes"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"

	"apono/flows"
	"apono/store"
)

// step is a decided transition, encoded and ready to be written.
type step struct {
	was      []byte         // the record that was decided on
	from, to *flows.Request // from is a draft for a new request
	record   []byte
	puts     []row
	dels     []row
	kept     []row // put after puts, in place of what the record itself wants
	dropped  []row // deleted with dels
	seals    []flows.Effect
	facts    []encodedFact
	tasks    []*encodedTask
}

type encodedFact struct {
	fact flows.Fact
	raw  []byte
}

// step decides and encodes. It writes nothing, so that whatever goes wrong is
// alone to fail. It reads nothing of the file either, so a panic is no damage.
func (s *Store) step(from *flows.Request, ev flows.Event, now time.Time) (st *step, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.defect(slog.String("request", from.ID), slog.String("event", string(ev.Kind)), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			st, err = nil, store.Defect(from.ID, p)
		}
	}()
	to, effects, err := s.next(*from, ev, now)
	if err != nil {
		return nil, err
	}
	st = &step{from: from, to: &to}
	if to.ID != from.ID || to.Seq != from.Seq || to.Version != from.Version+1 {
		return nil, fmt.Errorf("%s version %d became %s version %d by %s (this is a bug)", from.ID, from.Version, to.ID, to.Version, ev.Kind)
	}
	if st.record, err = encode(st.to); err != nil {
		return nil, err
	}
	for _, e := range effects {
		if err := st.add(e); err != nil {
			return nil, err
		}
	}
	st.puts, st.dels = diff(rowsOf(from), rowsOf(st.to))
	return st, nil
}

func (st *step) add(e flows.Effect) error {
	switch e.Kind {
	case flows.EffectSeal:
		st.seals = append(st.seals, e)
	case flows.EffectAudit:
		if e.Fact == nil {
			return fmt.Errorf("%s: an audit effect without a fact (this is a bug)", st.to.ID)
		}
		raw, err := encode(e.Fact)
		if err != nil {
			return err
		}
		st.facts = append(st.facts, encodedFact{*e.Fact, raw})
	case flows.EffectTarget, flows.EffectPost, flows.EffectAuditChannel:
		task := newTask(e)
		if !slices.ContainsFunc(st.tasks, func(o *encodedTask) bool { return bytes.Equal(o.key, task.key) }) {
			st.tasks = append(st.tasks, task)
		}
	}
	return nil
}

// diff compares the index entries of two versions of a record, as rowsOf gives them.
func diff(from, to []row) (puts, dels []row) {
	for len(from) > 0 || len(to) > 0 {
		switch c := compareFirst(from, to); {
		case c < 0:
			dels, from = append(dels, from[0]), from[1:]
		case c > 0:
			puts, to = append(puts, to[0]), to[1:]
		default:
			if !bytes.Equal(from[0].value, to[0].value) {
				puts = append(puts, to[0])
			}
			from, to = from[1:], to[1:]
		}
	}
	return puts, dels
}

func compareFirst(from, to []row) int {
	switch {
	case len(to) == 0:
		return -1
	case len(from) == 0:
		return 1
	}
	return from[0].compare(to[0])
}

func (r row) compare(o row) int {
	if c := bytes.Compare(r.bucket, o.bucket); c != 0 {
		return c
	}
	return bytes.Compare(r.key, o.key)
}

// write stores a transition: record, indexes, secrets, audit trail, tasks.
func (t *tx) write(now time.Time, st *step) error {
	if err := t.put(bucketRequests, seqKey(st.to.Seq), st.record); err != nil {
		return err
	}
	for _, rows := range [][]row{st.dels, st.dropped} {
		for _, r := range rows {
			if err := t.del(r.bucket, r.key); err != nil {
				return err
			}
		}
	}
	for _, rows := range [][]row{st.puts, st.kept} {
		for _, r := range rows {
			if err := t.put(r.bucket, r.key, r.value); err != nil {
				return err
			}
		}
	}
	for _, e := range st.seals {
		if err := t.seal(st.to.GrantID(e.Integration), e.Sealed); err != nil {
			return err
		}
	}
	for _, f := range st.facts {
		if err := t.appendFact(now, f); err != nil {
			return err
		}
	}
	for _, task := range st.tasks {
		if err := t.putTask(now, task); err != nil {
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
