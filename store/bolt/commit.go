package bolt

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"apono/flows"
	"apono/store"
)

// maxBatch bounds how many operations share a commit, and so how long the first
// of them waits.
const maxBatch = 1000

// op is one operation that waits for the committer. run may be called more than
// once; only the last call counts.
type op struct {
	decide func() error // called by a decider, before it waits; may be nil
	run    func(*tx) error
	ended  func() error // the error of its context
	done   chan error   // told once
}

// tx is the transaction as one operation sees it.
type tx struct {
	bolt  *bolt.Tx
	wrote bool // since the running operation began
	woken map[flows.Lane]bool
	last  struct{ hash string } // of the audit trail; empty: not read yet
	trace func(put bool, bucket, key, value []byte)

	opened  []opened
	channel bool // a look at the audit channel is wanted by one of the operations
}

// opened is a bucket, found once for all operations, and a cursor in it for single
// keys: whoever seeks next moves it.
type opened struct {
	name   *byte // where its name is in memory, which is quicker to compare than the name
	bucket *bolt.Bucket
	cursor *bolt.Cursor
}

// fill is how full bbolt makes a page before it begins the next one; without an
// entry it is half, room for keys in between. Audit events are appended and never
// change; messages come in the order of their requests and grow a little.
var fill = map[string]float64{string(bucketAudit): 1, string(bucketPosts): 0.8}

func (t *tx) open(name []byte) opened {
	for _, o := range t.opened {
		if o.name == &name[0] {
			return o
		}
	}
	b := t.bolt.Bucket(name)
	if f, ok := fill[string(name)]; ok {
		b.FillPercent = f
	}
	t.opened = append(t.opened, opened{&name[0], b, b.Cursor()})
	return t.opened[len(t.opened)-1]
}

// get gives what the bucket has for the key; nil only where it has not the key.
func (t *tx) get(bucket, key []byte) []byte {
	switch k, v := t.open(bucket).cursor.Seek(key); {
	case k == nil, !bytes.Equal(k, key): // nil equals an empty key
		return nil
	case v == nil:
		return []byte{}
	default:
		return v
	}
}

func (t *tx) put(bucket, key, value []byte) error {
	t.wrote = true
	if t.trace != nil {
		t.trace(true, bucket, key, value)
	}
	if err := t.open(bucket).bucket.Put(key, value); err != nil {
		return fmt.Errorf("write to %s: %w", bucket, err)
	}
	return nil
}

func (t *tx) del(bucket, key []byte) error {
	t.wrote = true
	if t.trace != nil {
		t.trace(false, bucket, key, nil)
	}
	c := t.open(bucket).cursor
	if k, _ := c.Seek(key); k == nil || !bytes.Equal(k, key) {
		return nil
	}
	if err := c.Delete(); err != nil {
		return fmt.Errorf("delete from %s: %w", bucket, err)
	}
	return nil
}

// update runs one operation and waits for its commit. The operation reads and
// decides first and writes last.
func update[T any](ctx context.Context, s *Store, run func(*tx) (T, error)) (T, error) {
	var out, zero T
	if err := s.do(ctx, func(t *tx) (err error) { out, err = run(t); return err }); err != nil {
		return zero, err // out may still be written to
	}
	return out, nil
}

func (s *Store) do(ctx context.Context, run func(*tx) error) error {
	return s.await(ctx, &op{run: run})
}

// await has an operation decided and committed.
func (s *Store) await(ctx context.Context, o *op) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.opts.ReadOnly {
		return store.ErrReadOnly
	}
	o.ended, o.done = ctx.Err, make(chan error, 1)
	if o.decide == nil {
		s.enqueue(o)
	} else {
		select {
		case s.decides <- o:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.stopped:
			return store.ErrClosed
		}
	}
	select {
	case err := <-o.done:
		return err
	case <-ctx.Done():
	}
	if s.withdraw(o) {
		return ctx.Err()
	}
	return <-o.done // it is being committed; whoever is told of an error must be able to rely on it
}

// enqueue has the operation wait for the committer, or tells it why it will not be
// run. It looks at the context under the lock that withdraw needs: one that ends later
// finds the operation among those that wait.
func (s *Store) enqueue(o *op) {
	s.mu.Lock()
	err := o.ended()
	if s.closing {
		err = store.ErrClosed
	}
	if err == nil {
		s.waiting = append(s.waiting, o)
	}
	s.mu.Unlock()
	if err != nil {
		o.done <- err
		return
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// decideLoop is a decider. They are as many as the processors, so that a crowd neither
// crowds out the committer nor has each of its goroutines grow the stack that a
// decision needs.
func (s *Store) decideLoop() {
	for {
		select {
		case o := <-s.decides:
			if err := o.decide(); err != nil {
				o.done <- err
			} else {
				s.enqueue(o)
			}
		case <-s.stopped:
			return
		}
	}
}

// withdraw takes an operation back that no commit has begun with.
func (s *Store) withdraw(o *op) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.Index(s.waiting, o)
	if i < 0 {
		return false
	}
	s.waiting = append(s.waiting[:i:i], s.waiting[i+1:]...)
	return true
}

func (s *Store) commitLoop() {
	defer close(s.stopped)
	for range s.kick {
		for {
			s.mu.Lock()
			n := min(len(s.waiting), maxBatch)
			batch := s.waiting[:n:n]
			s.waiting = s.waiting[n:]
			closing := s.closing
			s.mu.Unlock()
			if n > 0 {
				s.commit(batch)
				clear(batch) // what comes later lies behind it, in the same memory
				continue
			}
			if closing {
				return
			}
			break
		}
	}
}

// commit runs the operations in one transaction and answers all of them.
func (s *Store) commit(batch []*op) {
	results := make([]error, len(batch))
	out := make([]bool, len(batch)) // failed after its first write: not run again
	for {
		again, err := s.attempt(batch, results, out)
		if again {
			continue
		}
		if err == nil {
			break
		}
		for i := range results {
			if !out[i] {
				results[i] = err
			}
		}
		break
	}
	for i, o := range batch {
		o.done <- results[i]
	}
}

// attempt is one try at a batch. again means that an operation failed after it
// had begun to write: it is out now, nothing was committed, the others are to be
// run again.
func (s *Store) attempt(batch []*op, results []error, out []bool) (again bool, err error) {
	if err := s.Err(); err != nil {
		return false, err
	}
	btx, err := s.db.Begin(true)
	if err != nil {
		return false, fmt.Errorf("begin: %w", err)
	}
	id := btx.ID()
	t := &tx{bolt: btx, woken: map[flows.Lane]bool{}, trace: s.trace}
	changed := false
	for i, o := range batch {
		if out[i] {
			continue
		}
		t.wrote = false
		results[i] = s.runOp(o, t)
		if results[i] != nil && t.wrote {
			out[i] = true
			return true, s.rollback(btx)
		}
		changed = changed || t.wrote
	}
	if !changed {
		return false, s.rollback(btx)
	}
	if err := s.commitTx(btx, id); err != nil {
		return false, err
	}
	s.committed(t, len(batch))
	return false, nil
}

func (s *Store) runOp(o *op, t *tx) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.panicked()
			s.log.LogAttrs(context.Background(), slog.LevelError, "panic in a database operation", slog.Any("panic", p),
				slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("panic in a database operation (this is a bug, or the database is damaged): %v", p)
			if _, fault := p.(interface{ Addr() uintptr }); fault {
				err = fmt.Errorf("%w: %v", store.ErrCorrupt, p)
			}
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return o.run(t)
}

func (s *Store) panicked() {
	s.mu.Lock()
	s.counts.panics++
	s.mu.Unlock()
}

// commitTx commits. An error means that nothing was written, unless the store
// is failed afterwards: then only a restart tells.
func (s *Store) commitTx(btx *bolt.Tx, id int) error {
	panicked := true
	err := guard(func() error {
		err := btx.Commit()
		panicked = false
		return err
	})
	if err == nil {
		return nil
	}
	err = fmt.Errorf("commit: %w", err)
	// After a failed sync the new pages can be visible and yet not on the disk,
	// and a later sync would not tell. Nobody may build on them.
	visible := panicked
	if !panicked {
		readErr := guard(func() error {
			return s.db.View(func(now *bolt.Tx) error { visible = now.ID() >= id; return nil })
		})
		visible = visible || readErr != nil
	}
	if visible {
		s.fail(err)
	}
	if panicked {
		return errors.Join(err, s.rollback(btx))
	}
	return err
}

func (s *Store) rollback(btx *bolt.Tx) error {
	if err := guard(btx.Rollback); err != nil && !errors.Is(err, berrors.ErrTxClosed) {
		err = fmt.Errorf("roll back: %w", err)
		s.stuck.Store(true) // bbolt keeps its lock now
		s.fail(err)
		return err
	}
	return nil
}

func (s *Store) fail(err error) {
	s.log.LogAttrs(context.Background(), slog.LevelError, "the database failed; restart the bot", slog.Any("error", err))
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed == nil {
		s.failed = fmt.Errorf("%w: %w", store.ErrFailed, err)
	}
}

// Err is nil while the store takes writes, and wraps store.ErrFailed from the
// moment on at which the process has to stop and start again.
func (s *Store) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *Store) committed(t *tx, operations int) {
	s.mu.Lock()
	s.counts.commits++
	s.counts.operations += uint64(operations)
	s.mu.Unlock()
	for lane := range t.woken {
		select {
		case s.wake[lane] <- struct{}{}:
		default:
		}
	}
	if s.opts.OnCommit != nil {
		s.opts.OnCommit()
	}
}

// view runs a read. Damage met on the way is an error, not a panic.
func (s *Store) view(run func(*bolt.Tx) error) error {
	err := guard(func() error { return s.db.View(run) })
	if errors.Is(err, berrors.ErrDatabaseNotOpen) {
		return store.ErrClosed
	}
	return err
}

// guard turns a panic or a memory fault, bbolt's ways of reporting damage, into
// store.ErrCorrupt.
func guard(run func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", store.ErrCorrupt, p)
		}
	}()
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return run()
}
