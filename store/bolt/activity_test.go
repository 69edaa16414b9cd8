package bolt_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	bbolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/bolt/bolttest"
	"apono/store/storetest"
)

// TestActivityAgainstAScan compares what the indexes find with what a look at every
// request finds, for many conditions and page by page.
func TestActivityAgainstAScan(t *testing.T) {
	s := open(t)
	rnd := rand.New(rand.NewPCG(5, 6))
	people, targets := []string{"alice", "bob2", "carol2", "dan"}, []string{"pg", "k8s", "desk"}
	pick := func(of []string) string { return of[rnd.IntN(len(of))] }
	at := start
	for i := range 120 {
		at = at.Add(time.Duration(rnd.IntN(50)-5) * time.Minute) // the clock is set back now and then
		d := draft(pick(people), pick(targets), "orders", pick(targets), "users")
		d.Grantee = person(pick(people))
		id := submit(t, s, at, fmt.Sprint(i), d)[0].ID
		switch rnd.IntN(3) {
		case 0:
			apply(t, s, at, id, flows.Event{Kind: flows.EventDeny, By: person("bob"), CountsFor: []int{0}, Reason: "no"})
		case 1:
			activate(t, s, at, id)
		}
	}
	all := must[[]flows.Request](t)(s.Requests(0, 1000))
	for range 300 {
		var a flows.Activity
		if rnd.IntN(2) == 0 {
			a.People = []string{person(pick(people)).Email}
			if rnd.IntN(3) == 0 {
				a.People = append(a.People, person(pick(people)).Email)
			}
		}
		if rnd.IntN(2) == 0 {
			a.Integration = pick(targets)
		}
		if rnd.IntN(2) == 0 {
			a.State = []flows.State{flows.StatePending, flows.StateActive, flows.StateDenied, flows.StateFailed}[rnd.IntN(4)]
		}
		if rnd.IntN(3) == 0 {
			a.From = start.Add(time.Duration(rnd.IntN(3000)) * time.Minute)
		}
		if rnd.IntN(3) == 0 {
			a.To = start.Add(time.Duration(rnd.IntN(3000)) * time.Minute)
		}
		var want, got []string
		for i := range all {
			if a.Takes(&all[i]) {
				want = append(want, all[i].ID)
			}
		}
		for before, size := uint64(0), 1+rnd.IntN(9); ; {
			page := must[[]flows.Request](t)(s.Activity(a, before, size))
			got = append(got, ids(page)...)
			if len(page) < size {
				break
			}
			before = page[len(page)-1].Seq
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", a, diff)
		}
	}
}

// TestActivityCostsWhatItAnswers: no record that a condition rules out is read. All
// but a few of the records cannot be.
func TestActivityCostsWhatItAnswers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	bolttest.Past(t, path, 3000, start)
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	later := start.Add(30 * 24 * time.Hour)
	submit(t, s, later, "k", draft("alice001", "prod-postgres", "orders"))
	mine := []uint64{1001, 2001}
	err = s.Op(t.Context(), func(r bolt.Raw) error {
		for seq := uint64(1); seq <= 3000; seq++ {
			if slices.Contains(mine, seq) {
				continue
			}
			if err := r.Put("requests", bolt.SeqKey(seq), []byte("{")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got := ids(must[[]flows.Request](t)(s.Activity(flows.Activity{
		People: []string{"alice001@example.com"}, Integration: "prod-postgres", State: flows.StateExpired,
	}, 0, 10)))
	if diff := cmp.Diff([]string{"AR-2001", "AR-1001"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	got = ids(must[[]flows.Request](t)(s.Activity(flows.Activity{State: flows.StatePending}, 0, 10)))
	if diff := cmp.Diff([]string{"AR-3001"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if stats, err := s.Stats(); err != nil || stats.Unreadable != 0 {
		t.Errorf("%d records were read for nothing, %v", stats.Unreadable, err)
	}
}

// The index is made for the requests that are there.
func TestIntegrationsAreIndexedAtTheMigration(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	bolttest.Past(t, path, 12, start)
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		if err := tx.DeleteBucket([]byte("by_integration")); err != nil {
			return err
		}
		return tx.Bucket([]byte("meta")).Put([]byte("schema"), binary.BigEndian.AppendUint64(nil, 6)) // the last without it
	})
	if err := firstOf(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	s := storetest.OpenAt(t, path, bolt.Options{NoSync: true}) // and is checked
	if got := must[[]flows.Request](t)(s.Activity(flows.Activity{Integration: "prod-postgres"}, 0, 100)); len(got) != 12 {
		t.Errorf("%d requests are found", len(got))
	}
}
