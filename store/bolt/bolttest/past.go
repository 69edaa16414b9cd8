// Package bolttest makes large databases for benchmarks and tests.
package bolttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	bbolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

const (
	pastPeople = 1000 // different requestors
	pastPart   = 2000 // requests in a transaction
)

// Past makes a database at path with n requests that are over, together with
// their messages and audit trail, as if each had been approved, granted at began
// and expired. It is what a bot has after years; bolt.Store.Check finds nothing
// wrong with it. A million take about a minute and several gigabytes.
func Past(t testing.TB, path string, n int, began time.Time) {
	t.Helper()
	if err := past(t.Context(), path, n, began); err != nil {
		t.Fatalf("make a database of %d past requests: %v", n, err)
	}
}

func past(ctx context.Context, path string, n int, began time.Time) error {
	dir, err := os.MkdirTemp(filepath.Dir(path), "life")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the test's own directory
	one := filepath.Join(dir, "one.db")
	if err := live(ctx, one, began); err != nil {
		return err
	}
	life, err := readLife(one)
	if err != nil || n == 0 {
		return err
	}
	if err := os.Rename(one, path); err != nil {
		return err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{NoSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return err
	}
	db.AllocSize = 256 << 20
	for next := 2; next <= n && err == nil; next += pastPart {
		err = db.Update(func(tx *bbolt.Tx) error { return life.write(tx, next, min(next+pastPart, n+1)) })
	}
	return errors.Join(err, db.Sync(), db.Close())
}

// live takes one request through its life.
func live(ctx context.Context, path string, began time.Time) (err error) {
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	const pg = "prod-postgres"
	alice := flows.PersonRef{Email: pastPerson, Name: "Alice"}
	bob := flows.PersonRef{Email: "bob@example.com", Name: "Bob"}
	draft := flows.Request{
		Trigger: flows.TriggerSelfServe, Requestor: alice, Grantee: alice, Flow: "Developers read production", FlowHash: "f",
		Justification: "Orders of yesterday are counted twice.", Duration: time.Hour,
		Need:  flows.Need{Mode: flows.ModeAnyOf, Groups: []string{"leads"}},
		Asked: []flows.Asked{{PersonRef: bob, Groups: []int{0}, Why: "You are in group leads."}},
		Groups: []flows.AccessGroup{{Integration: pg, Items: []flows.Item{{
			Unit:         flows.Unit{Integration: pg, ResourceType: "database", Resource: "orders", Permission: "read_only"},
			ResourceName: "orders", TypeName: "Database", PermissionName: "Read only",
		}}}},
	}
	if _, err := s.Submit(ctx, began, "submission", []flows.Request{draft}); err != nil {
		return err
	}
	ends := began.Add(time.Hour)
	for _, x := range []struct {
		at time.Time
		ev flows.Event
	}{
		{began, flows.Event{Kind: flows.EventApprove, By: bob, CountsFor: []int{0}, Why: "You are in group leads."}},
		{began, flows.Event{Kind: flows.EventGranted, Integration: pg}},
		{ends, flows.Event{Kind: flows.EventDue}},
		{ends, flows.Event{Kind: flows.EventGone, Integration: pg}},
	} {
		if _, err := s.Apply(ctx, x.at, pastID, x.ev); err != nil {
			return err
		}
	}
	return settle(ctx, s, ends)
}

// settle does all tasks and forgets the submission.
func settle(ctx context.Context, s *bolt.Store, now time.Time) error {
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		tasks, err := s.Tasks(lane, now, 1000, nil)
		if err != nil {
			return err
		}
		for _, task := range tasks {
			if task.Effect.Kind == flows.EffectPost {
				post := flows.Post{
					Key: task.Effect.Post, Platform: "slack", Channel: "D0123456789", Message: "1772355600.000100",
					Shows: "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ", Version: 5, At: now,
				}
				if err := s.SavePost(ctx, post); err != nil {
					return err
				}
			}
			if err := s.Done(ctx, task.Key, task.Rev); err != nil {
				return err
			}
		}
	}
	_, err := s.PruneDeliveries(ctx, now.AddDate(1, 0, 0), 0)
	return err
}

// What stands for one request in the rows of a life.
const (
	pastID     = "AR-1"
	pastPerson = "alice000@example.com"
)

// life is every row of one request, to be written again for others.
type life struct {
	rows  []lifeRow
	facts []flows.AuditEvent // in the order of the trail
	raw   [][]byte           // the facts as they are encoded
}

type lifeRow struct{ bucket, key, value []byte }

func readLife(path string) (l life, err error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		return l, err
	}
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				switch string(name) {
				case "meta":
					return nil
				case "audit":
					return l.fact(v)
				}
				l.rows = append(l.rows, lifeRow{bytes.Clone(name), bytes.Clone(k), bytes.Clone(v)})
				return nil
			})
		})
	})
	return l, errors.Join(err, db.Close())
}

func (l *life) fact(line []byte) error {
	prev := ""
	if n := len(l.facts); n > 0 {
		prev = l.facts[n-1].Hash
	}
	ev, err := store.Verify(line, prev, uint64(len(l.facts))+1)
	if err != nil {
		return err
	}
	_, raw, ok := bytes.Cut(line, []byte(`,"fact":`))
	end := bytes.LastIndex(raw, []byte(`,"prev":"`))
	if !ok || end < 0 {
		return fmt.Errorf("audit event %d holds no fact", ev.Seq)
	}
	l.facts, l.raw = append(l.facts, ev), append(l.raw, bytes.Clone(raw[:end]))
	return nil
}

// write writes the life for the requests from and up to, not including, to.
func (l *life) write(tx *bbolt.Tx, from, to int) error {
	for _, r := range l.rows {
		b := tx.Bucket(r.bucket)
		b.FillPercent = 0.95
		for seq := from; seq < to; seq++ {
			v := other(r.value, seq)
			if string(r.bucket) == "requests" {
				v = bytes.Replace(v, []byte(`"seq":1,`), fmt.Appendf(nil, `"seq":%d,`, seq), 1)
			}
			if err := b.Put(otherKey(r.key, seq), v); err != nil {
				return err
			}
		}
	}
	audit := tx.Bucket([]byte("audit"))
	audit.FillPercent = 1
	k, line := audit.Cursor().Last()
	last := binary.BigEndian.Uint64(k)
	hash, ok := store.HashOf(line)
	if !ok {
		return errors.New("the last audit event has no hash")
	}
	for seq := from; seq < to; seq++ {
		for i, f := range l.facts {
			last++
			hash, line = store.ChainEncoded(hash, last, f.At, other(l.raw[i], seq))
			if err := audit.Put(number(last), line); err != nil {
				return err
			}
		}
	}
	if err := tx.Bucket([]byte("meta")).Put([]byte("audit_cursor"), number(last)); err != nil {
		return err
	}
	return errors.Join(audit.SetSequence(last), tx.Bucket([]byte("requests")).SetSequence(uint64(to)-1))
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// other is a value of the life for another request.
func other(value []byte, seq int) []byte {
	v := bytes.ReplaceAll(value, []byte(pastID), []byte(store.ID(uint64(seq))))
	return bytes.ReplaceAll(v, []byte(pastPerson), fmt.Appendf(nil, "alice%03d@example.com", seq%pastPeople))
}

// otherKey is a key of the life for another request. The address keeps its
// length, which may stand before it.
func otherKey(key []byte, seq int) []byte {
	if head, ok := bytes.CutSuffix(key, number(1)); ok {
		key = append(bytes.Clone(head), number(uint64(seq))...)
	}
	return other(key, seq)
}
