package bolt

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// A task is kept as revision, since and due (8 bytes each), the number of tries,
// str(problem), and the strings of its effect: a transition makes many of them, and
// one that wants an effect anew has nothing to decode.
const (
	taskSince = 8
	taskDue   = 16
	taskHead  = 24
)

// encodedTask is a task whose head is filled in by the transaction.
type encodedTask struct {
	key   []byte
	index []byte // in bucket tasks_due: lane 0 priority, due, key
	raw   []byte // in bucket tasks
}

func newTask(e flows.Effect) encodedTask { return encodeTask(flows.Task{Effect: e}) }

func encodeTask(task flows.Task) encodedTask {
	key, index, raw, b := appendTask(nil, &task)
	return encodedTask{key: b[key.from:key.to], index: b[index.from:index.to], raw: b[raw.from:raw.to]}
}

// appendTask encodes a task behind b, and says where its three parts are.
func appendTask(b []byte, task *flows.Task) (key, index, raw span, _ []byte) {
	e := &task.Effect
	begin := func() uint32 { return uint32(len(b)) }
	key.from = begin()
	b = e.AppendKey(b)
	key.to = begin()
	index.from = begin()
	b = append(append(b, e.Lane()...), 0, e.Priority())
	b = append(append(b, zeros[:8]...), b[key.from:key.to]...)
	index.to = begin()
	raw.from = begin()
	b = binary.AppendUvarint(append(b, zeros[:taskHead]...), uint64(task.Tries))
	b = appendString(b, task.Problem)
	for _, part := range effectParts(e) {
		b = appendString(b, *part)
	}
	raw.to = begin()
	return key, index, raw, b
}

var zeros [taskHead]byte

// effectParts are the fields of an effect that a task keeps, in the order in which
// it keeps them. New ones go to the end.
func effectParts(e *flows.Effect) [10]*string {
	return [...]*string{
		(*string)(&e.Kind), &e.Request, &e.Integration,
		&e.Post.Request, (*string)(&e.Post.Audience), &e.Post.Person, (*string)(&e.Post.Topic), &e.Post.Integration,
		&e.Post.Platform, &e.Post.N,
	}
}

// firstParts is how many parts every task has, however old.
const firstParts = 8

// at is the key in tasks_due; the next call changes it.
func (e *encodedTask) at(due []byte) []byte {
	copy(e.index[len(e.index)-len(e.key)-8:], due)
	return e.index
}

func (e *encodedTask) lane() flows.Lane {
	lane, _, _ := bytes.Cut(e.index, zeros[:1])
	for _, l := range lanes {
		if string(l) == string(lane) {
			return l
		}
	}
	panic("a task of no lane (this is a bug)")
}

// channelKey is of the one task that nearly every transition wants.
var channelKey = []byte(flows.Effect{Kind: flows.EffectAuditChannel}.Key())

// putTask makes the effect due now. If it waits already, it is wanted anew: in a
// new revision, with no tries, waiting since the same moment.
func (t *tx) putTask(now time.Time, e encodedTask) error {
	if bytes.Equal(e.key, channelKey) {
		if t.channel {
			return nil // nobody can have read of it since
		}
		t.channel = true
	}
	due := appendTime(nil, now)
	since, indexed := due, false
	if old := t.get(bucketTasks, e.key); len(old) >= taskHead {
		since = bytes.Clone(old[taskSince:taskDue])
		switch was := old[taskDue:taskHead]; {
		case bytes.Compare(was, due) <= 0: // due already
			due, indexed = bytes.Clone(was), true
		default:
			if err := t.del(bucketTasksDue, e.at(was)); err != nil {
				return err
			}
		}
	}
	t.wrote = true
	// Revisions are never used twice: a worker that finishes late cannot take the
	// task of a later transition for its own.
	rev, err := t.open(bucketTasks).bucket.NextSequence()
	if err != nil {
		return fmt.Errorf("number a task: %w", err)
	}
	return t.saveTask(e, rev, since, due, indexed)
}

// saveTask fills in the head in place; an operation that is run again fills it in again.
func (t *tx) saveTask(e encodedTask, rev uint64, since, due []byte, indexed bool) error {
	binary.BigEndian.PutUint64(e.raw, rev)
	copy(e.raw[taskSince:], since)
	copy(e.raw[taskDue:], due)
	t.woken[e.lane()] = true
	if err := t.put(bucketTasks, e.key, e.raw); err != nil || indexed {
		return err
	}
	return t.put(bucketTasksDue, e.at(due), since)
}

func decodeTask(key, raw []byte) (task flows.Task, err error) {
	damaged := fmt.Errorf("%w: task %q", store.ErrCorrupt, key)
	if len(raw) < taskHead {
		return task, damaged
	}
	task = flows.Task{
		Key: string(key), Rev: binary.BigEndian.Uint64(raw), Since: timeOf(raw[taskSince:]), Due: timeOf(raw[taskDue:]),
	}
	rest := raw[taskHead:]
	tries, n := binary.Uvarint(rest)
	if n <= 0 {
		return task, damaged
	}
	task.Tries, rest = int(tries), rest[n:]
	var ok bool
	if task.Problem, rest, ok = cutString(rest); !ok {
		return task, damaged
	}
	for i, part := range effectParts(&task.Effect) {
		if i >= firstParts && len(rest) == 0 {
			break // written before there was this part
		}
		if *part, rest, ok = cutString(rest); !ok {
			return task, damaged
		}
	}
	switch task.Effect.Kind {
	case flows.EffectTarget, flows.EffectPost, flows.EffectAuditChannel:
		if task.Effect.Key() == task.Key {
			return task, nil
		}
	case flows.EffectAudit, flows.EffectSeal:
	}
	return task, damaged // whoever did it would do something else than was wanted
}

func getTask(btx *bolt.Tx, key string) (flows.Task, bool, error) {
	raw := btx.Bucket(bucketTasks).Get([]byte(key))
	if raw == nil {
		return flows.Task{}, false, nil
	}
	task, err := decodeTask([]byte(key), raw)
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
// may be nil. Reading a task does not claim it. One that cannot be read is passed
// over.
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
				task, ok, err := getTask(btx, key)
				switch {
				case err != nil:
					s.passOver(bucketTasks, key, err)
				case !ok || !bytes.Equal(taskDueKey(task), k):
					s.passOver(bucketTasksDue, string(k), fmt.Errorf("%w: no task is due then", store.ErrCorrupt))
				default:
					out = append(out, task)
				}
			}
			return nil
		})
	})
	if err != nil && !errors.Is(err, errStop) {
		return nil, err
	}
	return out, nil
}

// NextDue is when the next task of the lane is due, maybe in the past. Tasks that
// were passed over do not count.
func (s *Store) NextDue(lane flows.Lane) (at time.Time, ok bool, err error) {
	err = s.view(func(btx *bolt.Tx) error {
		return perPriority(btx, lane, func(prefix []byte) error {
			for k := range scan(btx.Bucket(bucketTasksDue), prefix) {
				if s.passedOver(bucketTasks, string(k[len(prefix)+8:])) || s.passedOver(bucketTasksDue, string(k)) {
					continue
				}
				if due := timeOf(k[len(prefix):]); !ok || due.Before(at) {
					at, ok = due, true
				}
				return nil
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
		task.Problem = problem
		task.Tries++
		return t.saveTask(encodeTask(task), rev, appendTime(nil, task.Since), appendTime(nil, due), false)
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
