package bolt_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	bbolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
	"apono/store/storetest"
)

// story makes a database with a bit of everything and closes it.
func story(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bot.db")
	s := storetest.OpenAt(t, path, bolt.Options{NoSync: true})
	submit(t, s, start, "k1", draft("alice", "pg", "orders"), draft("alice", "k8s", "prod"))
	activate(t, s, start, "AR-1")
	if _, err := s.Receive(t.Context(), start, flows.Delivery{Key: "d1", Source: "slack", Payload: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if err := s.SavePost(t.Context(), flows.Post{Key: flows.PostKey{Request: "AR-1", Audience: flows.AudienceRequester, Person: "alice@example.com", Topic: flows.TopicAsked}, Message: "1"}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenMakesPrivateFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "bot.db")
	storetest.OpenAt(t, path, bolt.Options{})
	for name, want := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700, filepath.Dir(filepath.Dir(path)): 0o700} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %v, want %v", name, got, want)
		}
	}
}

func TestOpenTightensAFileThatOthersMayRead(t *testing.T) {
	path := story(t)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	storetest.OpenAt(t, path, bolt.Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode is %v", got)
	}
	if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), "tightened") {
		t.Errorf("the operator is told %q", log.String())
	}
}

func TestOpenRefusesALockedDatabase(t *testing.T) {
	path := story(t)
	storetest.OpenAt(t, path, bolt.Options{})
	for _, readOnly := range []bool{false, true} {
		_, err := bolt.Open(path, bolt.Options{LockTimeout: 1, ReadOnly: readOnly})
		wantIs(t, err, store.ErrLocked)
		want := "the database " + path + " is in use by another process (is the bot already running?)"
		if err == nil || err.Error() != want {
			t.Errorf("the operator reads %v, want %s", err, want)
		}
	}
	backup := story(t)
	wantIs(t, restored(t, backup, path), store.ErrLocked)
}

func TestReadOnlyLeavesTheFileAlone(t *testing.T) {
	path := story(t)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	before := read(t, path)
	s := storetest.OpenAt(t, path, bolt.Options{ReadOnly: true})
	if _, err := s.Request("AR-1"); err != nil {
		t.Error(err)
	}
	if problems := s.CheckAlone(); problems != nil {
		t.Errorf("check: %v", problems)
	}
	_, err := s.Submit(t.Context(), start, "k", one(draft("alice", "pg", "x")))
	wantIs(t, err, store.ErrReadOnly)
	wantIs(t, s.Done(t.Context(), "audit_channel", 1), store.ErrReadOnly)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, read(t, path)) {
		t.Error("the file has changed")
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o640 {
		t.Errorf("the mode is %v now", info.Mode().Perm())
	}
	_, err = bolt.Open(filepath.Join(t.TempDir(), "none.db"), bolt.Options{ReadOnly: true})
	wantIs(t, err, fs.ErrNotExist)
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestMigrations(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	var ran []string
	mark := func(name string) func(*bbolt.Tx) error {
		return func(tx *bbolt.Tx) error {
			ran = append(ran, name)
			return tx.Bucket([]byte("meta")).Put([]byte(name), []byte("x"))
		}
	}
	failing := errors.New("failing")
	first := func(tx *bbolt.Tx) error { ran = append(ran, "buckets"); return bolt.CreateBuckets(tx) }
	half := func(tx *bbolt.Tx) error { return errors.Join(mark("half")(tx), failing) }
	wantIs(t, bolt.Migrate(path, false, []func(*bbolt.Tx) error{first, mark("two"), half, mark("four")}), failing)
	// The third step was rolled back whole; the first two are not repeated.
	steps := []func(*bbolt.Tx) error{first, mark("two"), mark("three"), mark("four")}
	for len(steps) <= bolt.Steps {
		steps = append(steps, mark(fmt.Sprint(len(steps)+1)))
	}
	wantIs(t, bolt.Migrate(path, true, steps), store.ErrSchemaOlder)
	if err := bolt.Migrate(path, false, steps); err != nil {
		t.Fatal(err)
	}
	if err := bolt.Migrate(path, false, steps); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"buckets", "two", "half", "three", "four"}, ran[:5]); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	_, err := bolt.Open(path, bolt.Options{})
	wantIs(t, err, store.ErrSchemaNewer)
	if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("schema %d, this version knows %d", bolt.Steps+1, bolt.Steps)) {
		t.Errorf("the operator reads %v", err)
	}
}

func TestOpenRefusesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	other := filepath.Join(dir, "other.db")
	db, err := bbolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
	if err = errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	_, err = bolt.Open(other, bolt.Options{})
	wantIs(t, err, store.ErrForeign)
	_, err = bolt.Open(dir, bolt.Options{})
	if err == nil || !strings.Contains(err.Error(), "it is a directory") {
		t.Errorf("a directory: %v", err)
	}
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, bytes.Repeat([]byte("not a database\n"), 2000), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = bolt.Open(text, bolt.Options{})
	wantIs(t, err, store.ErrCorrupt)
	for _, part := range []string{text, "is damaged", "`bot db restore FILE`"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the operator reads %v, without %q", err, part)
		}
	}
}

// A file that was cut off or overwritten in places is refused, found by Check, or
// not hurt where it matters. It never takes the process with it.
func TestDamageIsAnError(t *testing.T) {
	path := story(t)
	whole := read(t, path)
	s := storetest.OpenAt(t, path, bolt.Options{ReadOnly: true})
	used := int(must[int64](t)(s.Size()))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	whole = whole[:used]
	rnd := rand.New(rand.NewPCG(1, 2))
	found := 0
	for i := range 400 {
		raw := bytes.Clone(whole)
		if i%4 == 0 {
			raw = raw[:1+rnd.IntN(used-1)]
		} else {
			page := (2 + rnd.IntN(used/4096-2)) * 4096
			for range 1 + rnd.IntN(8) {
				raw[page+rnd.IntN(64)] = byte(rnd.Uint32())
			}
		}
		for _, readOnly := range []bool{true, false} {
			if poke(t, raw, readOnly) {
				found++
			}
		}
	}
	if found < 400 {
		t.Errorf("of 800 damaged files %d were found", found)
	}
}

// poke opens a database and reports whether damage was found, by Open or by
// Check. What neither finds must work.
func poke(t *testing.T, raw []byte, readOnly bool) (found bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bot.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(path, bolt.Options{ReadOnly: readOnly, NoSync: true})
	if err != nil {
		return true
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}()
	if s.CheckAlone() != nil {
		return true
	}
	for _, read := range []func() error{
		func() error { _, err := s.Live(); return err },
		func() error { _, err := s.Tasks(flows.LaneChat, start, 100, nil); return err },
		func() error { _, err := s.Undone(10); return err },
	} {
		if err := read(); err != nil {
			t.Errorf("check finds nothing, yet %v", err)
		}
	}
	if readOnly {
		return false
	}
	submit(t, s, start, "k9", draft("dave", "pg", "orders"))
	if problems := s.CheckAlone(); problems != nil {
		t.Errorf("check found nothing, but after a write %v", problems)
	}
	return false
}

func TestACutFileIsMetWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.db")
	if err := os.WriteFile(path, read(t, story(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 2*4096); err != nil {
		t.Fatal(err)
	}
	_, err = s.Request("AR-1")
	wantIs(t, err, store.ErrCorrupt)
	_, err = s.Submit(t.Context(), start, "k9", one(draft("alice", "pg", "orders")))
	wantIs(t, err, store.ErrCorrupt)
	if problems := s.CheckAlone(); len(problems) == 0 {
		t.Error("check finds nothing")
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	_, err = bolt.Open(path, bolt.Options{})
	wantIs(t, err, store.ErrCorrupt)
	if err == nil || !strings.Contains(err.Error(), "it is cut off: 8192 bytes long") {
		t.Errorf("the operator reads %v", err)
	}
}

// A file that something emptied held grants once: nobody may start anew over it.
func TestAnEmptyFileIsNotANewDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "empty.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{false, true} {
		_, err := bolt.Open(path, bolt.Options{ReadOnly: readOnly})
		wantIs(t, err, store.ErrCorrupt)
		if err == nil || !strings.Contains(err.Error(), "bot db restore") || !strings.Contains(err.Error(), "it is empty") {
			t.Errorf("read-only %v: the operator reads %v", readOnly, err)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 {
		t.Errorf("the file was changed: %v, %v", info, err)
	}
}

// A crash in the middle of a commit leaves its last page, the head of the
// database, torn: the commit before it counts.
func TestATornCommitNeverHappened(t *testing.T) {
	path := story(t)
	s := storetest.OpenAt(t, path, bolt.Options{NoSync: true})
	before := must[[]flows.Request](t)(s.Requests(0, 10))
	apply(t, s, after(1), "AR-2", approve("bob"))
	clone := filepath.Join(t.TempDir(), "bot.db")
	storetest.Copy(t, s, clone)
	raw := read(t, clone)
	newest := 0
	txid := func(page int) uint64 { return binary.LittleEndian.Uint64(raw[page*4096+16+48:]) }
	if txid(1) > txid(0) {
		newest = 1
	}
	for i := range 32 {
		raw[newest*4096+16+32+i] ^= 0x5a
	}
	if err := os.WriteFile(clone, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	torn := storetest.OpenAt(t, clone, bolt.Options{NoSync: true})
	if diff := cmp.Diff(before, must[[]flows.Request](t)(torn.Requests(0, 10))); diff != "" {
		t.Errorf("after the crash (-before +after):\n%s", diff)
	}
	apply(t, torn, after(1), "AR-2", approve("bob"))
}
