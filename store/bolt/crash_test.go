package bolt_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// steps is a story in which every step may be repeated: what is already so
// answers CodeLate or does nothing.
func steps(t *testing.T) []func(s *bolt.Store) error {
	ctx := t.Context()
	at := func(minute int) time.Time { return after(time.Duration(minute) * time.Minute) }
	event := func(minute int, id string, ev flows.Event) func(s *bolt.Store) error {
		return func(s *bolt.Store) error { _, err := s.Apply(ctx, at(minute), id, ev); return err }
	}
	pg := unit("pg", "orders")
	return []func(s *bolt.Store) error{
		func(s *bolt.Store) error {
			_, err := s.Receive(ctx, at(0), flows.Delivery{Key: "d1", Source: "slack"})
			return err
		},
		func(s *bolt.Store) error {
			_, err := s.Submit(ctx, at(0), "d1", []flows.Request{draft("alice", "pg", "orders", "k8s", "prod"), draft("alice", "pg", "orders")})
			return err
		},
		func(s *bolt.Store) error { return s.Finish(ctx, "d1") },
		event(1, "AR-1", approve("bob")),
		event(2, "AR-1", flows.Event{Kind: flows.EventGranted, Integration: "pg", Access: flows.Access{Sealed: []byte("s"), SealedUntil: at(62)}}),
		event(3, "AR-1", flows.Event{Kind: flows.EventGrantFailed, Integration: "k8s", Problem: "no"}),
		event(4, "AR-1", flows.Event{Kind: flows.EventGone, Integration: "k8s"}),
		event(5, "AR-2", approve("carol")),
		event(6, "AR-2", flows.Event{Kind: flows.EventGranted, Integration: "pg"}),
		event(7, "AR-1", flows.Event{Kind: flows.EventView, Integration: "pg", By: person("alice")}),
		event(70, "AR-1", flows.Event{Kind: flows.EventDue}),
		func(s *bolt.Store) error {
			_, err := s.ApplyGone(ctx, at(71), "AR-1", "pg", []flows.Unit{pg}, nil)
			return err
		},
		event(80, "AR-2", flows.Event{Kind: flows.EventDue}),
		func(s *bolt.Store) error {
			_, err := s.ApplyGone(ctx, at(81), "AR-2", "pg", nil, []string{"AR-1/pg"})
			return err
		},
		func(s *bolt.Store) error { return s.SetAuditPosting(ctx, 3) },
		func(s *bolt.Store) error { return s.AdvanceAudit(ctx, 3) },
		func(s *bolt.Store) error { return doAll(t, s, at(90)) },
	}
}

// doAll does what a worker does.
func doAll(t *testing.T, s *bolt.Store, now time.Time) error {
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		tasks, err := s.Tasks(lane, now, 1000, nil)
		if err != nil {
			return err
		}
		for _, task := range tasks {
			switch task.Effect.Kind {
			case flows.EffectPost:
				err = s.SavePost(t.Context(), flows.Post{Key: task.Effect.Post, Message: task.Key})
			case flows.EffectAuditChannel:
				events := must[[]flows.AuditEvent](t)(s.Audit(1, 1000))
				err = s.AdvanceAudit(t.Context(), uint64(len(events)))
			case flows.EffectTarget, flows.EffectAudit, flows.EffectSeal:
			}
			if err == nil {
				err = s.Done(t.Context(), task.Key, task.Rev)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// state is everything of a store that a person or a target can notice.
func state(t *testing.T, s *bolt.Store) map[string]any {
	t.Helper()
	live, released, err := s.Holders("alice@example.com", unit("pg", "orders"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{
		"requests": must[[]flows.Request](t)(s.Requests(0, 100)), "audit": must[[]flows.AuditEvent](t)(s.Audit(1, 1000)),
		"undone": must[[]flows.Delivery](t)(s.Undone(100)), "cursor": must[uint64](t)(s.AuditCursor()),
		"due": must[[]string](t)(s.Due(after(99*time.Hour), 100)), "live": live, "released": released,
		"posts": must[[]flows.Post](t)(s.Posts("AR-1")), "target": keys(tasksAt(t, s, flows.LaneTarget, after(99*time.Hour))),
		"chat": keys(tasksAt(t, s, flows.LaneChat, after(99*time.Hour))),
	}
	_, out["sealed"], err = s.Sealed("AR-1", "pg")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func tell(t *testing.T, s *bolt.Store) {
	t.Helper()
	for i, step := range steps(t) {
		if err := step(s); err != nil && flows.ErrorCode(err) != flows.CodeLate {
			t.Fatalf("step %d: %v", i, err)
		}
	}
}

// The process is killed after every single commit. Whatever it had acknowledged
// is there, everything is in order (storetest checks), and telling the whole story
// again from the start ends where an undisturbed run ends.
func TestACrashAfterAnyCommit(t *testing.T) {
	dir := t.TempDir()
	var s *bolt.Store
	crashes := 0
	copyAt := func(i int) string { return filepath.Join(dir, fmt.Sprintf("crash%d.db", i)) }
	s = storetest.OpenAt(t, filepath.Join(dir, "bot.db"), bolt.Options{NoSync: true, OnCommit: func() {
		storetest.Copy(t, s, copyAt(crashes))
		crashes++
	}})
	tell(t, s)
	want := state(t, s)
	if crashes < 30 {
		t.Errorf("only %d commits", crashes)
	}
	for i := range crashes {
		again := storetest.OpenAt(t, copyAt(i), bolt.Options{NoSync: true})
		if problems := again.CheckAlone(); problems != nil {
			t.Errorf("crash after commit %d: %v", i+1, problems)
		}
		tell(t, again)
		if diff := cmp.Diff(want, state(t, again)); diff != "" {
			t.Errorf("crash after commit %d (-undisturbed +repeated):\n%s", i+1, diff)
		}
	}
}
