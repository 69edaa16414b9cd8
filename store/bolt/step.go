package bolt

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"apono/flows"
	"apono/store"
)

// step is a decided transition, encoded and ready to be written. What is written lies
// in one slab of bytes, and entries say where; neither has a pointer. A thousand steps
// that wait for their commit are next to nothing to the garbage collector.
type step struct {
	to      flows.Request
	bytes   []byte
	was     span // the record that was decided on
	entries []entry
	dropped []row // of other requests: deleted last, see part
	kept    []row // put last, in place of what the record itself wants
}

// span is a part of a step's bytes.
type span struct{ from, to uint32 }

func (st *step) at(s span) []byte { return st.bytes[s.from:s.to:s.to] }

// entry is one thing that a step writes: what a row is for an index and an encodedTask
// for the outbox, without a pointer.
type entry struct {
	kind   entryKind
	bucket uint8 // its place in buckets: of a put and a deletion
	key    span
	value  span
	index  span // in tasks_due: of a task
}

type entryKind uint8

const (
	entryPut entryKind = iota
	entryDelete
	entryFact // the value is an encoded flows.Fact
	entryTask
)

var stepPool = sync.Pool{New: func() any { return &step{bytes: make([]byte, 0, 8<<10), entries: make([]entry, 0, 32)} }}

// free has the next decision use the memory of the step. Nobody may use the step, or
// what it wrote, any more: the commit is over, whatever came of it.
func (st *step) free() {
	if st == nil || cap(st.bytes) > maxKept {
		return
	}
	*st = step{bytes: st.bytes[:0], entries: st.entries[:0]}
	stepPool.Put(st)
}

// maxKept bounds the memory that is kept of a step: few requests are that large.
const maxKept = 64 << 10

// scratch is what a decision needs only while it decides.
type scratch struct {
	*step
	from   flows.Request // what is decided on; a draft for a new request
	json   *json.Encoder // writes to the bytes of the step
	before rowList       // the index entries of both versions of the record
	after  rowList
}

var scratchPool = sync.Pool{New: func() any {
	x := &scratch{}
	x.json = json.NewEncoder(x)
	return x
}}

// free has the next decision use the scratch, unless this one failed or panicked as it
// encoded: then nobody knows what it left in there. One that was refused left nothing.
func (x *scratch) free(err error) {
	if err != nil && x.step != nil {
		return
	}
	x.step, x.from = nil, flows.Request{}
	scratchPool.Put(x)
}

// Write appends to the bytes.
func (x *scratch) Write(p []byte) (int, error) {
	x.bytes = append(x.bytes, p...)
	return len(p), nil
}

// decideOn decides and encodes. It writes nothing, so that whatever goes wrong is
// alone to fail. It reads nothing of the file either, so a panic is no damage. was is
// the record of what is decided on; nil for a new request.
func (s *Store) decideOn(x *scratch, was []byte, ev flows.Event, now time.Time) (st *step, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.defect(slog.String("request", x.from.ID), slog.String("event", string(ev.Kind)), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			st, err = nil, store.Defect(x.from.ID, p)
		}
	}()
	to, effects, err := s.next(x.from, ev, now)
	if err != nil {
		return nil, err
	}
	if from := &x.from; to.ID != from.ID || to.Seq != from.Seq || to.Version != from.Version+1 {
		return nil, fmt.Errorf("%s version %d became %s version %d by %s (this is a bug)", from.ID, from.Version, to.ID, to.Version, ev.Kind)
	}
	x.step = stepPool.Get().(*step)
	x.to = to
	if err := x.encode(was, effects); err != nil {
		return nil, err
	}
	return x.step, nil
}

func (x *scratch) encode(was []byte, effects []flows.Effect) error {
	x.was = x.append(was)
	key := x.appended(appendSeq(x.bytes, x.to.Seq))
	record, err := x.encoded(&x.to)
	if err != nil {
		return err
	}
	x.entries = append(x.entries, entry{kind: entryPut, bucket: placeOf(bucketRequests), key: key, value: record})
	x.indexes()
	for i := range effects {
		if err := x.effect(&effects[i]); err != nil {
			return err
		}
	}
	return nil
}

// append adds bytes and says where they are.
func (x *scratch) append(p []byte) span { return x.appended(append(x.bytes, p...)) }

// appended takes b, the bytes of the step with something behind them, in their place, and
// says where that something is.
func (x *scratch) appended(b []byte) span {
	s := span{uint32(len(x.bytes)), uint32(len(b))}
	x.bytes = b
	return s
}

// encoded appends what encode gives.
func (x *scratch) encoded(v any) (span, error) {
	from := len(x.bytes)
	if err := x.json.Encode(v); err != nil {
		return span{}, fmt.Errorf("encode %T: %w", v, err)
	}
	x.bytes = x.bytes[:len(x.bytes)-1] // the end of the line
	return span{uint32(from), uint32(len(x.bytes))}, nil
}

func (x *scratch) row(kind entryKind, bucket, key, value []byte) {
	x.entries = append(x.entries, entry{kind: kind, bucket: placeOf(bucket), key: x.append(key), value: x.append(value)})
}

func (x *scratch) effect(e *flows.Effect) error {
	switch e.Kind {
	case flows.EffectSeal:
		kind := entryPut
		if e.Sealed == nil {
			kind = entryDelete
		}
		x.row(kind, bucketSealed, []byte(x.to.GrantID(e.Integration)), e.Sealed)
	case flows.EffectAudit:
		if e.Fact == nil {
			return fmt.Errorf("%s: an audit effect without a fact (this is a bug)", x.to.ID)
		}
		fact, err := x.encoded(e.Fact)
		if err != nil {
			return err
		}
		x.entries = append(x.entries, entry{kind: entryFact, value: fact})
	case flows.EffectTarget, flows.EffectPost, flows.EffectAuditChannel:
		x.task(e)
	}
	return nil
}

// task adds what encodeTask makes, unless the same is wanted already.
func (x *scratch) task(e *flows.Effect) {
	key, index, value, b := appendTask(x.bytes, &flows.Task{Effect: *e})
	task := entry{kind: entryTask, key: key, index: index, value: value}
	for _, o := range x.entries {
		if o.kind == entryTask && bytes.Equal(x.at(o.key), b[key.from:key.to]) {
			return
		}
	}
	x.bytes, x.entries = b, append(x.entries, task)
}

// indexes adds what is different between the index entries of both versions of the record.
func (x *scratch) indexes() {
	old, rows := x.before.of(&x.from), x.after.of(&x.to)
	for len(old) > 0 || len(rows) > 0 {
		switch c := compareFirst(old, rows); {
		case c < 0:
			x.row(entryDelete, old[0].bucket, old[0].key, nil)
			old = old[1:]
		case c > 0:
			x.row(entryPut, rows[0].bucket, rows[0].key, rows[0].value)
			rows = rows[1:]
		default:
			if !bytes.Equal(old[0].value, rows[0].value) {
				x.row(entryPut, rows[0].bucket, rows[0].key, rows[0].value)
			}
			old, rows = old[1:], rows[1:]
		}
	}
}

func compareFirst(from, to []row) int {
	switch {
	case len(to) == 0:
		return -1
	case len(from) == 0:
		return 1
	}
	return from[0].compare(&to[0])
}

// write stores a transition: record, indexes, secrets, audit trail, tasks.
func (t *tx) write(now time.Time, st *step) error {
	for _, e := range st.entries {
		if err := t.enter(now, st, e); err != nil {
			return err
		}
	}
	for _, r := range st.dropped {
		if err := t.del(r.bucket, r.key); err != nil {
			return err
		}
	}
	for _, r := range st.kept {
		if err := t.put(r.bucket, r.key, r.value); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) enter(now time.Time, st *step, e entry) error {
	switch e.kind {
	case entryPut:
		return t.put(buckets[e.bucket], st.at(e.key), st.at(e.value))
	case entryDelete:
		return t.del(buckets[e.bucket], st.at(e.key))
	case entryFact:
		return t.appendFact(now, st.at(e.value))
	case entryTask:
		return t.putTask(now, encodedTask{key: st.at(e.key), index: st.at(e.index), raw: st.at(e.value)})
	}
	panic("unknown entry of a step (this is a bug)")
}
