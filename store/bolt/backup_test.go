package bolt_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
	"apono/store/storetest"
)

func backup(t *testing.T, s *bolt.Store) string {
	t.Helper()
	var raw bytes.Buffer
	if err := s.Backup(&raw); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "backup.db")
	if err := os.WriteFile(file, raw.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBackupAndRestore(t *testing.T) {
	s := open(t)
	submit(t, s, start, "k1", draft("alice", "pg", "orders"))
	file := backup(t, s)
	want := must[[]flows.Request](t)(s.Requests(0, 10))
	submit(t, s, start, "k2", draft("alice", "pg", "users"))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := restored(t, file, s.Path()); err != nil {
		t.Fatal(err)
	}
	restored := storetest.OpenAt(t, s.Path(), bolt.Options{})
	if diff := cmp.Diff(want, must[[]flows.Request](t)(restored.Requests(0, 10))); diff != "" {
		t.Errorf("restored (-want +got):\n%s", diff)
	}
	old := storetest.OpenAt(t, s.Path()+bolt.ReplacedSuffix, bolt.Options{ReadOnly: true})
	if got := ids(must[[]flows.Request](t)(old.Requests(0, 10))); !cmp.Equal(got, []string{"AR-2", "AR-1"}) {
		t.Errorf("the database that was replaced holds %v", got)
	}
	if info, err := os.Stat(s.Path()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

func TestRestoreInPlaceOfNothingAndOfDamage(t *testing.T) {
	s := open(t)
	submit(t, s, start, "k1", draft("alice", "pg", "orders"))
	file := backup(t, s)
	dir := t.TempDir()
	damaged := filepath.Join(dir, "damaged.db")
	if err := os.WriteFile(damaged, []byte("gone"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "new", "bot.db"), damaged} {
		if err := restored(t, file, path); err != nil {
			t.Fatal(err)
		}
		restored := storetest.OpenAt(t, path, bolt.Options{})
		if _, err := restored.Request("AR-1"); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestRestoreRefusesAnUnsoundBackup(t *testing.T) {
	path := story(t)
	before := read(t, path)
	s := open(t)
	submit(t, s, start, "k1", draft("alice", "pg", "orders"))
	wrong := backup(t, s)
	broken, err := bolt.Open(wrong, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = broken.Op(t.Context(), func(r bolt.Raw) error { return r.Del("tasks", "audit_channel") })
	if err = errors.Join(err, broken.Close()); err != nil {
		t.Fatal(err)
	}
	cut := filepath.Join(t.TempDir(), "cut.db")
	if err := os.WriteFile(cut, before[:9000], 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{wrong, cut} {
		err := restored(t, file, path)
		if err == nil || !strings.Contains(err.Error(), "nothing was changed") || strings.Contains(err.Error(), "bot db restore") {
			t.Errorf("restore of %s: %v", file, err)
		}
	}
	wantIs(t, restored(t, cut, path), store.ErrCorrupt)
	wantIs(t, restored(t, filepath.Join(t.TempDir(), "none"), path), fs.ErrNotExist)
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the database has changed")
	}
	for _, left := range []string{".restoring", bolt.ReplacedSuffix} {
		if _, err := os.Stat(path + left); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is left behind: %v", left, err)
		}
	}
}

func TestBackupWhileBusy(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 200 {
			submit(t, s, start, strings.Repeat("k", i+1), draft(fmt.Sprint("p", i), "pg", "orders"))
		}
	})
	for range 5 {
		b := storetest.OpenAt(t, backup(t, s), bolt.Options{})
		if problems := b.Check(); problems != nil {
			t.Errorf("a backup is unsound: %v", problems)
		}
	}
	wg.Wait()
}
