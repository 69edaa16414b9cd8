package bolt

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"apono/store"
)

// ReplacedSuffix is added to the name of the database that Restore replaced.
const ReplacedSuffix = ".replaced"

// Backup writes a copy of the database as it is at this moment. The store stays
// in use meanwhile.
func (s *Store) Backup(w io.Writer) error {
	return s.view(func(btx *bolt.Tx) error {
		if _, err := btx.WriteTo(w); err != nil {
			return fmt.Errorf("copy the database: %w", err)
		}
		return nil
	})
}

// Restore puts the backup in file in the place of the database at path. The
// backup is copied, migrated and checked first; only a sound one replaces the
// database, in one step. The old one is kept beside it, with ReplacedSuffix. A
// database that is open in another process is refused with store.ErrLocked.
func Restore(file, path string) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("restore %s: %w", path, err)
	}
	unlock, err := lockFile(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	candidate := path + ".restoring"
	defer func() {
		if rmErr := os.Remove(candidate); !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}()
	if err := copyFile(file, candidate); err != nil {
		return fmt.Errorf("restore %s: %w", path, err)
	}
	if err := verify(candidate); err != nil {
		return fmt.Errorf("the backup %s is not usable, so nothing was changed: %w", file, err)
	}
	if err := keepOld(path); err != nil {
		return fmt.Errorf("restore %s: keep the old database: %w", path, err)
	}
	if err := os.Rename(candidate, path); err != nil {
		return fmt.Errorf("restore %s: %w", path, err)
	}
	return syncDir(filepath.Dir(path))
}

// verify opens the copy for writing, so that an old schema is migrated.
func verify(path string) error {
	s, err := Open(path, Options{})
	if oe, ok := errors.AsType[*store.OpenError](err); ok && oe.Kind != nil {
		return errors.Join(oe.Unwrap()...) // without the advice to restore
	}
	if err != nil {
		return err
	}
	problems := s.Check()
	return errors.Join(errors.Join(problems...), s.Close())
}

// keepOld gives the old database a second name. It keeps the first one until the
// new database takes it: a crash in between leaves a database under path.
func keepOld(path string) error {
	old := path + ReplacedSuffix
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := os.Remove(old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.Link(path, old) == nil {
		return nil
	}
	return copyFile(path, old) // a file system without links
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
