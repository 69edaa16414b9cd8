package bolt

import (
	"bytes"
	"context"
	"os"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// Tests compare ids of grants, so requests have no stamp unless the test wants one.
func init() { newStamp = func() string { return "" } }

// WithStamps gives requests stamps until the test ends.
func WithStamps(t testing.TB) {
	old := newStamp
	newStamp = store.NewStamp
	t.Cleanup(func() { newStamp = old })
}

// CheckAlone is Check with the list of free pages; no operation may be under way.
func (s *Store) CheckAlone() []error { return s.check(true) }

// Raw writes without any rule.
type Raw struct{ t *tx }

func (r Raw) Put(bucket, key string, value []byte) error {
	return r.t.put([]byte(bucket), []byte(key), value)
}

func (r Raw) Del(bucket, key string) error { return r.t.del([]byte(bucket), []byte(key)) }

func (r Raw) Get(bucket, key string) []byte { return r.t.get([]byte(bucket), []byte(key)) }

func (r Raw) SetSequence(bucket string, n uint64) error {
	r.t.wrote = true
	return r.t.bolt.Bucket([]byte(bucket)).SetSequence(n)
}

// Op runs an operation of the test in the committer.
func (s *Store) Op(ctx context.Context, run func(Raw) error) error {
	return s.do(ctx, func(t *tx) error { return run(Raw{t}) })
}

// Trace tells of every write from now on; no operation may be under way.
func (s *Store) Trace(fn func(put bool, bucket, key, value []byte)) { s.trace = fn }

// SetNext replaces the state machine; no operation may be under way.
func (s *Store) SetNext(fn func(flows.Request, flows.Event, time.Time) (flows.Request, []flows.Effect, error)) {
	s.next = fn
}

// File is the open file of the database.
func (s *Store) File() *os.File { return s.file }

// Migrate runs other migrations than the package's own.
func Migrate(path string, readOnly bool, steps []func(*bolt.Tx) error) error {
	db, _, err := openDB(path, Options{ReadOnly: readOnly})
	if err != nil {
		return err
	}
	defer db.Close()
	return migrate(db, path, readOnly, steps)
}

// Steps is how many migrations there are.
var Steps = len(migrations)

// CreateBuckets is the first migration.
var CreateBuckets = createBuckets

// Fill stores a record with its indexes, and nothing else.
func (r Raw) Fill(q flows.Request) error {
	raw, err := encode(q)
	if err != nil {
		return err
	}
	if err := r.t.put(bucketRequests, seqKey(q.Seq), raw); err != nil {
		return err
	}
	for _, row := range rowsOf(&q) {
		if err := r.t.put(row.bucket, row.key, row.value); err != nil {
			return err
		}
	}
	return nil
}

// Spoil makes the commit panic after it is on the disk.
func (r Raw) Spoil() { r.t.bolt.OnCommit(func() { panic("spoiled") }) }

// SeqKey is the key of a number.
func SeqKey(seq uint64) string { return string(seqKey(seq)) }

// Key is the only key of the bucket that holds both parts.
func (r Raw) Key(bucket, part, other string) string {
	found := ""
	for k := range scan(r.t.bolt.Bucket([]byte(bucket)), nil) {
		if bytes.Contains(k, []byte(part)) && bytes.Contains(k, []byte(other)) {
			if found != "" {
				panic("two keys in " + bucket + " hold " + part)
			}
			found = string(k)
		}
	}
	return found
}

// Task encodes a target task.
func (r Raw) Task(id, integration string) []byte {
	e := newTask(flows.Effect{Kind: flows.EffectTarget, Request: id, Integration: integration})
	copy(e.raw, seqKey(1))
	return e.raw
}

// Recode encodes a task as it is kept, and decodes it.
func Recode(task flows.Task) (flows.Task, error) {
	e := encodeTask(task)
	copy(e.raw, seqKey(task.Rev))
	copy(e.raw[taskSince:], appendTime(nil, task.Since))
	copy(e.raw[taskDue:], appendTime(nil, task.Due))
	return decodeTask(e.key, e.raw)
}
