package storetest_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// recorder is a test that fails without failing this one.
type recorder struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (r *recorder) Helper()           {}
func (r *recorder) TempDir() string   { return r.TB.TempDir() }
func (r *recorder) Cleanup(fn func()) { r.cleanups = append(r.cleanups, fn) }
func (r *recorder) Errorf(format string, args ...any) {
	r.errors = append(r.errors, fmt.Sprintf(format, args...))
}

func (r *recorder) finish() {
	for _, fn := range r.cleanups {
		fn()
	}
}

func record(t *testing.T, s *bolt.Store) {
	t.Helper()
	if err := s.Record(t.Context(), time.Unix(0, 0), flows.Fact{Kind: flows.FactOperator, Text: "x"}); err != nil {
		t.Fatal(err)
	}
}

func TestASoundStorePasses(t *testing.T) {
	r := &recorder{TB: t}
	s := storetest.Open(r)
	record(t, s)
	crashed := storetest.Crash(r, s)
	if events, err := crashed.Audit(1, 9); err != nil || len(events) != 1 {
		t.Errorf("after the crash: %v, %v", events, err)
	}
	if err := s.Close(); err != nil { // a test may close its store itself
		t.Fatal(err)
	}
	if r.finish(); r.errors != nil {
		t.Errorf("the test failed: %v", r.errors)
	}
}

func TestAnUnsoundStoreFailsTheTest(t *testing.T) {
	r := &recorder{TB: t}
	s := storetest.Open(r)
	record(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(s.Path(), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { return tx.Bucket([]byte("tasks")).Delete([]byte("audit_channel")) })
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	r.finish()
	if all := strings.Join(r.errors, "\n"); !strings.Contains(all, "the audit channel was not told of event 1") {
		t.Errorf("the test is told %q", all)
	}
}

func TestAStoreThatIsGoneFailsTheTest(t *testing.T) {
	r := &recorder{TB: t}
	path := filepath.Join(t.TempDir(), "bot.db")
	storetest.OpenAt(r, path, bolt.Options{})
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r.finish()
	if all := strings.Join(r.errors, "\n"); !strings.Contains(all, "the database is gone") {
		t.Errorf("the test is told %q", all)
	}
}
