package bolt_test

import (
	"fmt"
	"path/filepath"
	"testing"

	bbolt "go.etcd.io/bbolt"

	"apono/flows"
	"apono/store/bolt"
)

// TestDiskIsUsed: what comes in order fills its pages, as it stays for years. Of the
// audit trail two events are in a page of 4 KiB whatever is asked of bbolt.
func TestDiskIsUsed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	const n = 300
	for i := range n {
		id := submit(t, s, start, fmt.Sprint(i), draft("alice", "pg", "orders"))[0].ID
		apply(t, s, start, id, flows.Event{Kind: flows.EventDeny, By: person("bob"), CountsFor: []int{0}, Reason: "Not today."})
		for _, task := range tasksAt(t, s, flows.LaneChat, start) {
			if task.Effect.Kind == flows.EffectPost {
				for _, shows := range []string{"", "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQ"} { // before and after the act
					post := flows.Post{Key: task.Effect.Post, Platform: "slack", Channel: "D0123456789", Message: "1772355600.000100", Shows: shows, At: start}
					if err := s.SavePost(t.Context(), post); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := s.Done(t.Context(), task.Key, task.Rev); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(func(tx *bbolt.Tx) error {
		for name, want := range map[string]float64{"posts": 0.6, "requests": 0.5} {
			st := tx.Bucket([]byte(name)).Stats()
			used := float64(st.LeafInuse) / float64(st.LeafAlloc)
			t.Logf("%s: %d bytes a request, %.0f %% of its pages", name, st.LeafAlloc/n, 100*used)
			if used < want {
				t.Errorf("%s uses %.0f %% of its pages, want %.0f", name, 100*used, 100*want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
