package bolt_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

// trail is a closed database with a few audit events.
func trail(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bot.db")
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	record(t, s, start, "started <&> \u2028")
	submit(t, s, start, "k", draft("alice", "pg", "orders"))
	apply(t, s, start, "AR-1", flows.Event{Kind: flows.EventDeny, By: person("bob"), CountsFor: []int{0}, Reason: "no"})
	record(t, s, start, "ended")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// verdict opens the database as it is and verifies the trail.
func verdict(t *testing.T, path string) error {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.VerifyAudit()
	return err
}

// stored is the trail as it is kept.
func stored(t *testing.T, path string) (keys, lines [][]byte) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte("audit")).ForEach(func(k, v []byte) error {
			keys, lines = append(keys, bytes.Clone(k)), append(lines, bytes.Clone(v))
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return keys, lines
}

// TestAnyFlippedByteIsFound flips one bit of every byte of every event and of its key, in the file
// itself: the first broken event is named each time.
func TestAnyFlippedByteIsFound(t *testing.T) {
	path := trail(t)
	keys, lines := stored(t, path)
	raw := read(t, path)
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for i := range lines {
		entry := append(bytes.Clone(keys[i]), lines[i]...)
		var places []int // the page in use, and the copies that bbolt left behind
		for at := bytes.Index(raw, entry); at >= 0; {
			places = append(places, at)
			next := bytes.Index(raw[at+1:], entry)
			if next < 0 {
				break
			}
			at += 1 + next
		}
		if len(places) == 0 {
			t.Fatalf("event %d is not in the file", i+1)
		}
		for at := range entry {
			flip := func(bit byte) {
				for _, place := range places {
					if _, err := file.WriteAt([]byte{entry[at] ^ bit}, int64(place+at)); err != nil {
						t.Fatal(err)
					}
				}
			}
			flip(1 << (at % 8))
			want, named := fmt.Sprintf("audit event %d", i+1), verdict(t, path)
			if named == nil || !strings.Contains(named.Error(), want) {
				t.Fatalf("byte %d of event %d is flipped: verify says %v", at, i+1, named)
			}
			flip(0)
		}
	}
	if err := verdict(t, path); err != nil {
		t.Fatalf("put right again: %v", err)
	}
}

// TestATrailThatIsCutOffIsFound: events that are taken from the end are missed, also
// once the bot has written further ones.
func TestATrailThatIsCutOffIsFound(t *testing.T) {
	for gone := 1; gone <= 4; gone++ {
		path := trail(t)
		cut := func(tx *bbolt.Tx) error {
			b := tx.Bucket([]byte("audit"))
			for range gone {
				k, _ := b.Cursor().Last()
				if err := b.Delete(k); err != nil {
					return err
				}
			}
			return nil
		}
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Update(cut); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("audit event %d is missing", 5-gone)
		if err := verdict(t, path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d are gone: verify says %v, want %s", gone, err, want)
		}
		s, err := bolt.Open(path, bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, start, "later")
		if _, err := s.VerifyAudit(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%d are gone and one came: verify says %v, want %s", gone, err, want)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A trail of a version that did not count is counted when it is opened.
func TestOldTrailsAreCounted(t *testing.T) {
	path := trail(t)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := tx.Bucket([]byte("audit")).SetSequence(0); err != nil {
			return err
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint64(nil, 3))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	record(t, s, start, "goes on")
	if last, err := s.VerifyAudit(); last != 5 || err != nil {
		t.Errorf("verified up to event %d, %v", last, err)
	}
}

func TestHeads(t *testing.T) {
	s := open(t)
	if h, ok, err := s.Head(); ok || err != nil {
		t.Errorf("the head of nothing is %v, %v", h, err)
	}
	record(t, s, start, "x")
	h, ok, err := s.Head()
	again, parseErr := store.ParseHead(" " + strings.ToUpper(h.String()) + "\n")
	if !ok || err != nil || h.Seq != 1 || again != h || parseErr != nil {
		t.Errorf("the head is %v, %v; parsed %v, %v", h, err, again, parseErr)
	}
	for _, bad := range []string{"", "1", "1:", "0:" + h.Hash, "1:" + h.Hash[1:], "x:" + h.Hash, "1:" + strings.Repeat("g", 64)} {
		if got, err := store.ParseHead(bad); err == nil {
			t.Errorf("%q is taken for %v", bad, got)
		}
	}
	if _, err := s.VerifyAudit(h, store.Head{Seq: 1, Hash: strings.Repeat("0", 64)}); err == nil || !strings.Contains(err.Error(), "two heads") {
		t.Errorf("of heads that differ verify says %v", err)
	}
}
