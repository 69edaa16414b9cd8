package sweep_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

var (
	_ sweep.Requests = (*bolt.Store)(nil)
	_ sweep.Inbox    = (*bolt.Store)(nil)
)

// TestTenThousandDueAtOnce drains the real store before chat is connected. Each commit takes the
// disk a while, so that all who wait meanwhile are there when the next begins.
func TestTenThousandDueAtOnce(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := storetest.OpenAt(t, filepath.Join(dir, "bot.db"), bolt.Options{NoSync: true, OnCommit: func() { time.Sleep(time.Millisecond) }})
		const n = 10000
		bob := flows.PersonRef{Email: "bob@example.com"}
		for i := range n / 500 {
			drafts := make([]flows.Request, 500)
			for j := range drafts {
				asks := flows.PersonRef{Email: fmt.Sprintf("p%d@example.com", i*500+j)}
				drafts[j] = flows.Request{
					Requestor: asks, Grantee: asks, Duration: time.Hour, Need: flows.Need{Groups: []string{"Bob"}},
					Asked:        []flows.Asked{{PersonRef: bob, Groups: []int{0}}},
					PendingUntil: time.Now().Add(time.Hour + time.Duration(j)*time.Second),
					Groups:       []flows.AccessGroup{{Integration: "db", Items: []flows.Item{{Unit: flows.Unit{Integration: "db", Resource: "x"}}}}},
				}
			}
			if _, err := s.Submit(t.Context(), time.Now(), fmt.Sprintf("form-%d", i), drafts); err != nil {
				t.Fatal(err)
			}
		}
		sweeper, err := sweep.New(sweep.Options{Requests: s, Inbox: s})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(24 * time.Hour) // the bot is down
		before := commits(t, s)
		if err := sweeper.RunNow(t.Context()); err != nil {
			t.Fatal(err)
		}
		over, err := s.ByState(flows.StateTimedOut, 0, n+1)
		if err != nil || len(over) != n {
			t.Errorf("%d of %d timed out, %v", len(over), n, err)
		}
		if commits := commits(t, s) - before; commits > n/100 {
			t.Errorf("%d commits for %d requests: they do not share any", commits, n)
		}
		if ids, err := s.Due(time.Now(), 1); len(ids) != 0 || err != nil {
			t.Errorf("still due: %v, %v", ids, err)
		}
	})
}

func commits(t *testing.T, s *bolt.Store) uint64 {
	t.Helper()
	stats, err := s.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return stats.Commits
}
