package bolt

import (
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
	run  func(*tx) error
	done chan error
}

// tx is the transaction as one operation sees it.
type tx struct {
	bolt  *bolt.Tx
	wrote bool // since the running operation began
	woken map[flows.Lane]bool
	last  struct{ hash string } // of the audit trail; empty: not read yet
	trace func(put bool, bucket, key, value []byte)
}

// fill is how full bbolt makes a page before it begins the next one; without an
// entry it is half, room for keys in between. Audit events are appended and never
// change; messages come in the order of their requests and grow a little.
var fill = map[string]float64{string(bucketAudit): 1, string(bucketPosts): 0.8}

func (t *tx) get(bucket, key []byte) []byte { return t.bolt.Bucket(bucket).Get(key) }

func (t *tx) put(bucket, key, value []byte) error {
	t.wrote = true
	if t.trace != nil {
		t.trace(true, bucket, key, value)
	}
	b := t.bolt.Bucket(bucket)
	if f, ok := fill[string(bucket)]; ok {
		b.FillPercent = f
	}
	if err := b.Put(key, value); err != nil {
		return fmt.Errorf("write to %s: %w", bucket, err)
	}
	return nil
}

func (t *tx) del(bucket, key []byte) error {
	t.wrote = true
	if t.trace != nil {
		t.trace(false, bucket, key, nil)
	}
	if err := t.bolt.Bucket(bucket).Delete(key); err != nil {
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
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.opts.ReadOnly {
		return store.ErrReadOnly
	}
	o := &op{run: run, done: make(chan error, 1)}
	s.mu.Lock()
	if s.closing {
		s.mu.Unlock()
		return store.ErrClosed
	}
	s.waiting = append(s.waiting, o)
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
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
