package bolt

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	bolt "go.etcd.io/bbolt"

	"apono/store"
)

// compactBytes is how much Compact copies in one transaction.
const compactBytes = 16 << 20

// Compact writes the database at path anew without its free pages and puts the copy
// in its place, in one step: a crash leaves one or the other. It needs room for the
// copy beside the database, and says how large the file was and is. Only a sound
// database is compacted; one that is open in another process is refused with
// store.ErrLocked.
func Compact(ctx context.Context, path string) (before, after int64, err error) {
	if _, err := os.Stat(path); err != nil {
		return 0, 0, &store.OpenError{Path: path, Err: err}
	}
	s, err := Open(path, Options{}) //nolint:contextcheck // opening takes none
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }() // the lock is held until the copy is in place
	if problems := s.check(true); problems != nil {
		return 0, 0, errors.Join(problems...)
	}
	candidate := path + ".compacting"
	defer func() {
		if rmErr := os.Remove(candidate); !errors.Is(rmErr, fs.ErrNotExist) {
			err = errors.Join(err, rmErr)
		}
	}()
	if err := os.Remove(candidate); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	if err := compactTo(s.db, candidate); err != nil { //nolint:contextcheck // opening takes none
		return 0, 0, fmt.Errorf("compact %s: %w", path, err)
	}
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	if before, after, err = sizes(path, candidate); err != nil {
		return 0, 0, err
	}
	if err := os.Rename(candidate, path); err != nil {
		return 0, 0, fmt.Errorf("compact %s: %w", path, err)
	}
	return before, after, syncDir(filepath.Dir(path))
}

// compactTo makes a copy and checks it.
func compactTo(db *bolt.DB, path string) error {
	to, err := bolt.Open(path, 0o600, &bolt.Options{FreelistType: bolt.FreelistMapType, NoSync: true})
	if err != nil {
		return err
	}
	err = guard(func() error { return bolt.Compact(to, db, compactBytes) })
	if err = errors.Join(err, to.Sync(), to.Close()); err != nil {
		return err
	}
	made, err := Open(path, Options{ReadOnly: true})
	if err != nil {
		return err
	}
	return errors.Join(errors.Join(made.Check()...), made.Close())
}

func sizes(a, b string) (int64, int64, error) {
	first, err := os.Stat(a)
	if err != nil {
		return 0, 0, err
	}
	second, err := os.Stat(b)
	if err != nil {
		return 0, 0, err
	}
	return first.Size(), second.Size(), nil
}
