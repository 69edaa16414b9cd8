package bolt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
)

// ReplacedSuffix is added to the name of the database that Restore replaced.
const ReplacedSuffix = ".replaced"

// Restored says what a restore brought back, and what is not known any more.
type Restored struct {
	Requests int       // that are not over, in the backup
	Events   uint64    // in its audit trail
	Last     time.Time // of these events; zero without one
	Next     string    // id of the next request
	Replaced string    // where the old database is; empty: there was none
	// Read reports whether the old database could be read. If so, Unknown is
	// complete, and no id that it gave out is given out again.
	Read bool
	// Unknown are the requests of the old database that may hold access of which the
	// restored one does not know.
	Unknown []flows.Request
}

// Restore puts the backup in file in the place of the database at path. The
// backup is copied, migrated and checked first; only a sound one replaces the
// database, in one step. The old one is kept beside it, with ReplacedSuffix. A
// database that is open in another process is refused with store.ErrLocked.
//
// The restored database has an audit event that says so, posts all messages of
// requests that are not over again, as chat may show what it does not know of, and
// goes on with the ids after those of the old database if that can be read.
func Restore(ctx context.Context, now time.Time, file, path string) (out Restored, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return out, fmt.Errorf("restore %s: %w", path, err)
	}
	before, err := readReplaced(path) //nolint:contextcheck // opening takes none
	if err != nil {
		return out, err
	}
	unlock, err := lockFile(path)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	candidate := path + ".restoring"
	defer func() {
		if rmErr := os.Remove(candidate); !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}()
	if err := copyFile(file, candidate); err != nil {
		return out, fmt.Errorf("restore %s: %w", path, err)
	}
	if out, err = revive(ctx, now, candidate, before); err != nil {
		return Restored{}, fmt.Errorf("the backup %s is not usable, so nothing was changed: %w", file, err)
	}
	if out.Replaced, err = keepOld(path); err != nil {
		return Restored{}, fmt.Errorf("restore %s: keep the old database: %w", path, err)
	}
	if err := os.Rename(candidate, path); err != nil {
		return Restored{}, fmt.Errorf("restore %s: %w", path, err)
	}
	return out, syncDir(filepath.Dir(path))
}

// replaced is what a database knows that is about to be replaced.
type replaced struct {
	read bool
	last uint64 // number of its last request
	live []flows.Request
}

// readReplaced reads what it can; there may be nothing, or damage, or another schema.
func readReplaced(path string) (out replaced, err error) {
	s, err := Open(path, Options{ReadOnly: true, LockTimeout: time.Millisecond})
	if errors.Is(err, store.ErrLocked) {
		return out, err
	}
	if err != nil {
		return replaced{}, nil // it is replaced because it cannot be used
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	stats, statsErr := s.Stats()
	live, liveErr := s.Live()
	if statsErr == nil && liveErr == nil {
		out = replaced{read: true, last: stats.Requests, live: live}
	}
	return out, nil
}

// revive migrates, checks and prepares the copy of a backup.
func revive(ctx context.Context, now time.Time, path string, before replaced) (out Restored, err error) {
	s, err := Open(path, Options{}) //nolint:contextcheck // opening takes none
	if oe, ok := errors.AsType[*store.OpenError](err); ok && oe.Kind != nil {
		return out, errors.Join(oe.Unwrap()...) // without the advice to restore
	}
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if problems := s.check(true); problems != nil {
		return out, errors.Join(problems...)
	}
	live, err := s.Live()
	if err != nil {
		return out, err
	}
	out = Restored{Requests: len(live), Read: before.read}
	if err := s.lastEventOf(&out); err != nil {
		return out, err
	}
	if out.Unknown, err = s.unknown(before.live); err != nil {
		return out, err
	}
	text := fmt.Sprintf("The database was restored from a backup. What happened after audit event %d is not known to the bot any more; "+
		"accesses that were granted since are not ended by it.", out.Events)
	if err := s.Record(ctx, now, flows.Fact{Kind: flows.FactOperator, Text: text}); err != nil {
		return out, err
	}
	err = s.do(ctx, func(t *tx) error { return t.renew(now, live, before.last, &out) })
	return out, err
}

func (s *Store) lastEventOf(out *Restored) error {
	return s.view(func(btx *bolt.Tx) error {
		k, line := btx.Bucket(bucketAudit).Cursor().Last()
		if k == nil {
			return nil
		}
		ev, err := decode[flows.AuditEvent]("audit event", k, line)
		out.Events, out.Last = ev.Seq, ev.At
		return err
	})
}

// unknown are those requests that may hold access where the record of this store,
// if it has one, does not say so.
func (s *Store) unknown(live []flows.Request) (out []flows.Request, err error) {
	for i := range live {
		r, err := s.Request(live[i].ID)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return nil, err
		}
		for _, g := range live[i].Groups {
			mine, ok := r.Group(g.Integration)
			known := ok && r.Stamp == live[i].Stamp && mine.Status.MayHold()
			if g.Status.MayHold() && !known {
				out = append(out, live[i])
				break
			}
		}
	}
	return out, nil
}

// renew makes a restored database go on in a world that has seen more than it has:
// ids that the replaced database gave out are not used again, and every message of a
// request that is not over is drawn again, whatever it showed.
func (t *tx) renew(now time.Time, live []flows.Request, last uint64, out *Restored) error {
	b := t.bolt.Bucket(bucketRequests)
	if have := b.Sequence(); last > have {
		if err := t.put(bucketMeta, metaGaps, slices.Concat(t.get(bucketMeta, metaGaps), seqKey(have), seqKey(last+1))); err != nil {
			return err
		}
		if err := b.SetSequence(last); err != nil {
			return fmt.Errorf("number the requests: %w", err)
		}
	}
	out.Next = store.ID(b.Sequence() + 1)
	for i := range live {
		if err := t.redraw(now, &live[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) redraw(now time.Time, r *flows.Request) error {
	var posts []flows.Post
	for k, v := range scan(t.bolt.Bucket(bucketPosts), []byte(r.ID+"/")) {
		post, err := decode[flows.Post]("post", k, v)
		if err != nil {
			return err
		}
		if post.Message != "" {
			posts = append(posts, post)
		}
	}
	for _, post := range posts {
		post.Shows = ""
		raw, err := encode(post)
		if err != nil {
			return err
		}
		if err := t.put(bucketPosts, []byte(post.Key.String()), raw); err != nil {
			return err
		}
		if err := t.putTask(now, newTask(flows.Effect{Kind: flows.EffectPost, Request: r.ID, Post: post.Key})); err != nil {
			return err
		}
	}
	return nil
}

// numbers are gaps in the numbers of requests: the number after which one is, and
// the one that follows it.
type numbers map[uint64]uint64

func gaps(btx *bolt.Tx) numbers {
	out := numbers{}
	for v := btx.Bucket(bucketMeta).Get(metaGaps); len(v) >= 16; v = v[16:] {
		out[binary.BigEndian.Uint64(v)] = binary.BigEndian.Uint64(v[8:])
	}
	return out
}

// next is the number that follows n.
func (g numbers) next(n uint64) uint64 {
	for to, ok := g[n]; ok && to > n+1; to, ok = g[n] {
		n = to - 1 // where the next gap may begin
	}
	return n + 1
}

// keepOld gives the old database a second name. It keeps the first one until the
// new database takes it: a crash in between leaves a database under path.
func keepOld(path string) (old string, err error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	old = path + ReplacedSuffix
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if os.Link(path, old) == nil {
		return old, nil
	}
	return old, copyFile(path, old) // a file system without links
}

// copyFile writes a private copy and syncs it.
func copyFile(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

func syncDir(dir string) (err error) {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }() // it was only synced
	return d.Sync()
}

// locked is the error for a database that another process holds.
func locked(path string) error { return &store.OpenError{Path: path, Kind: store.ErrLocked} }
