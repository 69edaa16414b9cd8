package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"

	"apono/flows"
	"apono/store"
)

// DefaultLockTimeout is how long Open waits for another process to let go.
const DefaultLockTimeout = 2 * time.Second

// Options of Open. The zero value is good for production.
type Options struct {
	// LockTimeout: 0 means DefaultLockTimeout.
	LockTimeout time.Duration
	// ReadOnly leaves the file byte-identical. Several processes may read, but
	// none while another one writes.
	ReadOnly bool
	// Log is told of what the operator should know; nil: nobody is.
	Log *slog.Logger
	// OnCommit is called after each commit and before the callers in it are
	// answered, from the committing goroutine: what it sees is what a crash at
	// that moment leaves. It must not write to the store.
	OnCommit func()
	// NoSync leaves out the sync of the disk. A crash of the machine then loses
	// commits, or the database. For tests only.
	NoSync bool
}

// Store is an open database. All methods may be called from many goroutines.
type Store struct {
	db   *bolt.DB
	file *os.File
	path string
	opts Options
	log  *slog.Logger
	next func(flows.Request, flows.Event, time.Time) (flows.Request, []flows.Effect, error)

	mu         sync.Mutex
	waiting    []*op
	closing    bool
	failed     error
	stuck      atomic.Bool // bbolt holds its writer's lock for ever
	counts     struct{ commits, operations, panics uint64 }
	unreadable map[rowName]bool
	lost       func(...slog.Attr) // tells the operator of an unreadable row
	defect     func(...slog.Attr) // tells the operator of a panic in a decision

	kick    chan struct{} // an operation waits, or the store closes
	stopped chan struct{} // closed by the committer as it ends
	decides chan *op      // taken by the deciders
	wake    map[flows.Lane]chan struct{}
	trace   func(put bool, bucket, key, value []byte) // tests only
}

// Open opens the database, makes it where there is none (mode 0600, missing
// parent directories 0700), and migrates an older one. A file that others may
// read is tightened to 0600, with a warning. Errors are *store.OpenError.
func Open(path string, opts Options) (*Store, error) {
	s := &Store{
		path: path, opts: opts, log: opts.Log, next: flows.Next,
		kick: make(chan struct{}, 1), stopped: make(chan struct{}), decides: make(chan *op), wake: map[flows.Lane]chan struct{}{}, unreadable: map[rowName]bool{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.lost = func(attrs ...slog.Attr) {
		s.log.LogAttrs(context.Background(), slog.LevelError, "a row of the database cannot be read and is passed over; run bot db check", attrs...)
	}
	for _, lane := range lanes {
		s.wake[lane] = make(chan struct{}, 1)
	}
	s.defect = func(attrs ...slog.Attr) {
		s.panicked()
		s.log.LogAttrs(context.Background(), slog.LevelError, "a decision panicked; nothing was changed (this is a bug)", attrs...)
	}
	if err := prepareFile(path, opts.ReadOnly, s.log); err != nil {
		open := &store.OpenError{Path: path, Err: err}
		if errors.Is(err, errEmpty) {
			open.Kind = store.ErrCorrupt
		}
		return nil, open
	}
	db, file, err := openDB(path, opts)
	if err != nil {
		return nil, err
	}
	if err := migrate(db, path, opts.ReadOnly, migrations); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s.db, s.file = db, file
	if opts.ReadOnly {
		close(s.stopped)
		return s, nil
	}
	go s.commitLoop()
	for range runtime.GOMAXPROCS(0) {
		go s.decideLoop()
	}
	return s, nil
}

// Close lets the operations that wait finish and closes the file. It waits for
// reads that are under way. A second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	already := s.closing
	s.closing = true
	s.mu.Unlock()
	if already {
		<-s.stopped
		return nil
	}
	select {
	case s.kick <- struct{}{}:
	default:
	}
	<-s.stopped
	if s.stuck.Load() {
		return s.file.Close() // and with it the lock of the file
	}
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close the database %s: %w", s.path, err)
	}
	return nil
}

// Path of the database file.
func (s *Store) Path() string { return s.path }

// errEmpty: what once held grants may not be taken for new.
var errEmpty = errors.New("it is empty (if the bot never ran with it, delete it)")

func prepareFile(path string, readOnly bool, log *slog.Logger) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !readOnly:
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return fmt.Errorf("make its directory: %w", err)
		}
		return nil
	case err != nil:
		return err
	case info.IsDir():
		return errors.New("it is a directory")
	case info.Size() == 0:
		return errEmpty
	case info.Mode().Perm()&0o077 == 0 || readOnly:
		return nil
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return fmt.Errorf("others may read it, and that cannot be changed: %w", err)
	}
	log.LogAttrs(context.Background(), slog.LevelWarn, "database file was open to others, tightened to 0600",
		slog.String("path", path), slog.String("mode", info.Mode().Perm().String()))
	return nil
}

// openDB opens the file and turns every way in which bbolt reports damage, a
// panic or a fault among them, into an error.
func openDB(path string, opts Options) (db *bolt.DB, file *os.File, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			// bbolt never got to hand out what it opened; the lock goes with the file.
			err = errors.Join(&store.OpenError{Path: path, Kind: store.ErrCorrupt, Err: fmt.Errorf("%v", p)}, file.Close())
		}
	}()
	made := false // by us, and nothing was ever in it
	o := &bolt.Options{
		Timeout: opts.LockTimeout, ReadOnly: opts.ReadOnly, NoSync: opts.NoSync, PreLoadFreelist: true,
		FreelistType: bolt.FreelistMapType, InitialMmapSize: initialMmap,
		OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
			if f, err = os.OpenFile(name, flag, mode); err != nil {
				return nil, err
			}
			if err := whileUnlocked(f, func() error { return preflight(f) }); err != nil {
				return nil, errors.Join(damage{err}, f.Close())
			}
			info, err := f.Stat()
			file, made = f, err == nil && info.Size() == 0
			return f, nil
		},
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultLockTimeout
	}
	if runtime.GOOS == "windows" {
		o.InitialMmapSize = 0 // it would make the file that large
	}
	db, err = bolt.Open(path, 0o600, o)
	if found, ok := errors.AsType[damage](err); ok {
		return nil, nil, &store.OpenError{Path: path, Kind: store.ErrCorrupt, Err: found.error}
	}
	if err != nil {
		if made && !opts.ReadOnly && !errors.Is(err, berrors.ErrTimeout) {
			// Half a head, on a full disk for example, would look like damage next time.
			err = errors.Join(err, os.Remove(path))
			return nil, nil, &store.OpenError{Path: path, Err: err}
		}
		return nil, nil, &store.OpenError{Path: path, Kind: openKind(path, err), Err: err}
	}
	if now, err := os.Stat(path); err == nil && !sameFile(now, file) {
		return nil, nil, errors.Join(&store.OpenError{Path: path, Err: errors.New("it was replaced meanwhile")}, db.Close())
	}
	return db, file, nil
}

func sameFile(now fs.FileInfo, file *os.File) bool {
	info, err := file.Stat()
	return err == nil && os.SameFile(now, info)
}

// damage is what preflight found.
type damage struct{ error }

// initialMmap is address space, not memory: below it a growing file never has to
// wait for a reader.
const initialMmap = 1 << 30

func openKind(path string, err error) error {
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return store.ErrLocked
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return store.ErrCorrupt
	}
	// A file too short for its own head has no error of its own in bbolt.
	if info, statErr := os.Stat(path); statErr == nil && info.Size() > 0 && info.Size() < 2*int64(os.Getpagesize()) {
		return store.ErrCorrupt
	}
	return nil
}
