package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
)

// putTask makes the effect due now. If it waits already, it is wanted anew: in a
// new revision, with no tries, waiting since the same moment.
func (t *tx) putTask(now time.Time, key string, e flows.Effect) error {
	now = now.UTC().Round(0)
	task := flows.Task{Key: key, Effect: e, Since: now, Due: now}
	old, ok, err := getTask(t.bolt, key)
	if err != nil {
		return err
	}
	if ok {
		task.Since = old.Since
		if err := t.del(bucketTasksDue, taskDueKey(old)); err != nil {
			return err
		}
	}
	t.wrote = true
	// Revisions are never used twice: a worker that finishes late cannot take the
	// task of a later transition for its own.
	if task.Rev, err = t.bolt.Bucket(bucketTasks).NextSequence(); err != nil {
		return err
	}
	return t.saveTask(task)
}

func (t *tx) saveTask(task flows.Task) error {
	raw, err := encode(task)
	if err != nil {
		return err
	}
	if err := t.put(bucketTasks, []byte(task.Key), raw); err != nil {
		return err
	}
	t.woken[task.Effect.Lane()] = true
	return t.put(bucketTasksDue, taskDueKey(task), appendTime(nil, task.Since))
}

func getTask(btx *bolt.Tx, key string) (flows.Task, bool, error) {
	raw := btx.Bucket(bucketTasks).Get([]byte(key))
	if raw == nil {
		return flows.Task{}, false, nil
	}
	task, err := decode[flows.Task]("task", []byte(key), raw)
	return task, err == nil, err
}

func lanePrefix(lane flows.Lane) []byte { return append([]byte(lane), 0) }

func taskDueKey(task flows.Task) []byte {
	b := append(lanePrefix(task.Effect.Lane()), task.Effect.Priority())
	b = appendTime(b, task.Due)
	return append(b, task.Key...)
}

// perPriority calls fn with the prefix of each priority that waits in the lane,
// the first to go first.
func perPriority(btx *bolt.Tx, lane flows.Lane, fn func(prefix []byte) error) error {
	prefix := lanePrefix(lane)
	c := btx.Bucket(bucketTasksDue).Cursor()
	k, _ := c.Seek(prefix)
	for bytes.HasPrefix(k, prefix) {
		priority := k[len(prefix)]
		if err := fn(append(bytes.Clone(prefix), priority)); err != nil {
			return err
		}
		if priority == 0xff {
			return nil
		}
		k, _ = c.Seek(append(bytes.Clone(prefix), priority+1))
	}
	return nil
}

var errStop = errors.New("stop")

// Tasks returns up to limit tasks of the lane that are due, by priority and then
// by the time they are due. Those that skip reports (by key) are left out; skip
// may be nil. Reading a task does not claim it.
func (s *Store) Tasks(lane flows.Lane, now time.Time, limit int, skip func(key string) bool) ([]flows.Task, error) {
	var out []flows.Task
	err := s.view(func(btx *bolt.Tx) error {
		until := appendTime(nil, now)
		return perPriority(btx, lane, func(prefix []byte) error {
			for k := range scan(btx.Bucket(bucketTasksDue), prefix) {
				due, key := k[len(prefix):len(prefix)+8], string(k[len(prefix)+8:])
				if len(out) >= limit {
					return errStop
				}
				if bytes.Compare(due, until) > 0 {
					return nil
				}
				if skip != nil && skip(key) {
					continue
				}
				task, _, err := getTask(btx, key)
				if err != nil {
					return err
				}
				out = append(out, task)
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	return out, nil
}

// NextDue is when the next task of the lane is due, maybe in the past.
func (s *Store) NextDue(lane flows.Lane) (at time.Time, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		return perPriority(btx, lane, func(prefix []byte) error {
			k, _ := btx.Bucket(bucketTasksDue).Cursor().Seek(prefix)
			if due := timeOf(k[len(prefix):]); !ok || due.Before(at) {
				at, ok = due, true
			}
			return nil
		})
	})
	return at, ok, err
}

// Wake receives a value after tasks of the lane were added or changed. Values do
// not add up, and one reader gets each: a lane has one reader, who looks at Tasks
// after each value and after NextDue.
func (s *Store) Wake(lane flows.Lane) <-chan struct{} { return s.wake[lane] }

// Done forgets the task, unless it was wanted anew since rev was read: then it
// stays and is due now. A task that is gone is none to worry about.
func (s *Store) Done(ctx context.Context, key string, rev uint64) error {
	return s.do(ctx, func(t *tx) error {
		task, ok, err := getTask(t.bolt, key)
		if err != nil || !ok || task.Rev != rev {
			return err
		}
		if err := t.del(bucketTasksDue, taskDueKey(task)); err != nil {
			return err
		}
		return t.del(bucketTasks, []byte(key))
	})
}

// Retry puts the task off until due, counts a try and keeps the problem for the
// operator, unless the task was wanted anew since rev was read: then it stays as
// it is, due now.
func (s *Store) Retry(ctx context.Context, key string, rev uint64, due time.Time, problem string) error {
	return s.do(ctx, func(t *tx) error {
		task, ok, err := getTask(t.bolt, key)
		if err != nil || !ok || task.Rev != rev {
			return err
		}
		if err := t.del(bucketTasksDue, taskDueKey(task)); err != nil {
			return err
		}
		task.Due, task.Problem = due.UTC().Round(0), problem
		task.Tries++
		return t.saveTask(task)
	})
}

// Backlog is how many tasks wait in the lane, due or not, and since when the
// oldest of them does.
func (s *Store) Backlog(lane flows.Lane) (count int, oldest time.Time, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		var first []byte
		for _, since := range scan(btx.Bucket(bucketTasksDue), lanePrefix(lane)) {
			if count == 0 || bytes.Compare(since, first) < 0 {
				first = since
			}
			count++
		}
		if count > 0 && len(first) == binary.Size(uint64(0)) {
			oldest = timeOf(first)
		}
		return nil
	})
	return count, oldest, err
}
