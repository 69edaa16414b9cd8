// Package storetest opens stores for tests and checks them.
package storetest

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"apono/store/bolt"
)

// Open opens a new store in a directory of its own. After the test it is checked
// and closed; what Check finds fails the test.
func Open(t testing.TB) *bolt.Store {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true})
}

// OpenAt is Open for a path and options.
func OpenAt(t testing.TB, path string, opts bolt.Options) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(path, opts)
	if err != nil {
		t.Fatalf("open the store: %v", err)
	}
	t.Cleanup(func() { finish(t, s) })
	return s
}

// finish checks and closes. A store that the test closed itself is opened again
// to be checked. It reports with Errorf, so that all clean-ups run.
func finish(t testing.TB, s *bolt.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close the store: %v", err)
	}
	if _, err := os.Stat(s.Path()); err != nil {
		t.Errorf("the database is gone: %v", err)
		return
	}
	r, err := bolt.Open(s.Path(), bolt.Options{ReadOnly: true})
	if err != nil {
		t.Errorf("open the store again to check it: %v", err)
		return
	}
	for _, problem := range r.Check() {
		t.Errorf("check: %v", problem)
	}
	if err := r.Close(); err != nil {
		t.Errorf("close the store: %v", err)
	}
}

// Crash copies what is committed at this moment and opens the copy, as a process
// does that starts after this one was killed. The copy is checked like a store of
// Open.
func Crash(t testing.TB, s *bolt.Store) *bolt.Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bot.db")
	Copy(t, s, path)
	return OpenAt(t, path, bolt.Options{NoSync: true})
}

// Copy writes what is on the disk at this moment to path. Call it from
// bolt.Options.OnCommit, or while nothing writes.
func Copy(t testing.TB, s *bolt.Store, path string) {
	t.Helper()
	if err := copyUsed(s, path); err != nil {
		t.Fatalf("copy the store: %v", err)
	}
}

// copyUsed leaves out what the file has in reserve.
func copyUsed(s *bolt.Store, path string) (err error) {
	size, err := s.Size()
	if err != nil {
		return err
	}
	in, err := os.Open(s.Path())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	raw, err := io.ReadAll(io.LimitReader(in, size))
	if err != nil {
		return err
	}
	return os.WriteFile(path, raw, 0o600)
}
