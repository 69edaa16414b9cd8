package bolt_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
	"apono/store/bolt/bolttest"
	"apono/store/storetest"
)

const year = 365 * 24 * time.Hour

// told does all that waits for chat: messages are posted, the audit channel knows.
func told(t testing.TB, s *bolt.Store) {
	t.Helper()
	h, _, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.AdvanceAudit(t.Context(), h.Seq); err != nil {
		t.Fatal(err)
	}
	for _, task := range tasksAt(t, s, flows.LaneChat, start.Add(100*year)) {
		if task.Effect.Kind == flows.EffectPost {
			if err := s.SavePost(t.Context(), flows.Post{Key: task.Effect.Post}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Done(t.Context(), task.Key, task.Rev); err != nil {
			t.Fatal(err)
		}
	}
}

func targetsDone(t testing.TB, s *bolt.Store) {
	t.Helper()
	for _, task := range tasksAt(t, s, flows.LaneTarget, start.Add(100*year)) {
		if err := s.Done(t.Context(), task.Key, task.Rev); err != nil {
			t.Fatal(err)
		}
	}
}

func prune(t testing.TB, s *bolt.Store, now time.Time, age time.Duration) (events, requests int) {
	t.Helper()
	events, requests, err := s.Prune(t.Context(), now, age)
	if err != nil {
		t.Fatalf("prune: %v", err)
	}
	return events, requests
}

func sound(t testing.TB, s *bolt.Store) {
	t.Helper()
	for _, problem := range s.CheckAlone() {
		t.Errorf("check: %v", problem)
	}
}

// aged has, all of long ago: AR-1 denied; AR-2 over, its unit held by AR-3, which
// is indefinite; AR-4 over, its delivery unfinished; AR-5 pending; AR-6 over with a
// message to draw. Of now: AR-7, denied; AR-8 was made long ago and ended now.
func aged(t testing.TB, s *bolt.Store, now time.Time) {
	t.Helper()
	ctx := t.Context()
	deny := flows.Event{Kind: flows.EventDeny, By: person("bob"), CountsFor: []int{0}, Reason: "no"}
	forever := draft("alice", "pg", "orders")
	forever.Duration, forever.Indefinite = 0, true
	receive(t, s, "d4", start)
	early := start.Add(-2 * time.Hour)
	submit(t, s, early, "k1", draft("alice", "pg", "orders"))
	submit(t, s, early, "k2", draft("alice", "pg", "orders"), forever)
	submit(t, s, start, "d4", draft("alice", "pg", "orders"))
	apply(t, s, start, "AR-1", deny)
	activate(t, s, start, "AR-2")
	activate(t, s, start, "AR-3")
	apply(t, s, start, "AR-2", flows.Event{Kind: flows.EventRevoke, By: person("bob")})
	if _, err := s.ApplyGone(ctx, start, "AR-2", "pg", []flows.Unit{unit("pg", "orders")}, nil); err != nil {
		t.Fatal(err)
	}
	apply(t, s, start, "AR-4", deny)
	submit(t, s, early, "k5", draft("carol", "pg", "orders"), draft("carol", "pg", "orders"))
	apply(t, s, start, "AR-6", deny)
	submit(t, s, now, "k7", draft("carol", "pg", "orders"))
	apply(t, s, now, "AR-7", deny)
	targetsDone(t, s)
	told(t, s)
	withdrawn := apply(t, s, now, "AR-5", flows.Event{Kind: flows.EventDue}) // times out, years late
	if withdrawn.State != flows.StateTimedOut {
		t.Fatalf("AR-5 is %s", withdrawn.State)
	}
	if _, err := s.PruneDeliveries(ctx, now, 0); err != nil {
		t.Fatal(err)
	}
}

func TestPrune(t *testing.T) {
	s := open(t)
	now := start.Add(4 * year)
	aged(t, s, now)
	sound(t, s)
	before := must[uint64](t)(s.VerifyAudit())
	head, _, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	if events, requests := prune(t, s, now, 0); events+requests != 0 {
		t.Errorf("without an age %d events and %d requests went", events, requests)
	}
	events, requests := prune(t, s, now, 3*year)
	if diff := cmp.Diff([]string{"AR-7", "AR-5", "AR-4", "AR-3", "AR-2"}, ids(must[[]flows.Request](t)(s.Requests(0, 100)))); diff != "" || requests != 2 {
		t.Errorf("%d requests went, left (-want +got):\n%s", requests, diff)
	}
	first := must[[]flows.AuditEvent](t)(s.Audit(0, 1))[0]
	if first.At.Before(now) || int(first.Seq) != events+1 {
		t.Errorf("%d events went, the first is number %d of %s", events, first.Seq, first.At)
	}
	if last := must[uint64](t)(s.VerifyAudit(head)); last != before+1 {
		t.Errorf("verified up to %d, want %d and the event that says what was removed", last, before+1)
	}
	last := must[[]flows.AuditEvent](t)(s.Audit(before+1, 1))[0].Fact
	if last.Kind != flows.FactPruned || last.Checkpoint == nil || last.Checkpoint.Seq != first.Seq-1 || last.Checkpoint.Hash != first.Prev {
		t.Errorf("the trail says %+v", last)
	}
	if posts := must[[]flows.Post](t)(s.Posts("AR-1")); len(posts) != 0 {
		t.Errorf("of AR-1 the messages %v are left", posts)
	}
	_, err = s.Request("AR-1")
	wantIs(t, err, store.ErrNotFound)
	sound(t, s)
	if events, requests := prune(t, s, now, 3*year); events+requests != 0 {
		t.Errorf("the second time %d events and %d requests went", events, requests)
	}
	// Everything goes on: what was needed is not any more, and numbers are not used twice.
	if err := s.Finish(t.Context(), "d4"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PruneDeliveries(t.Context(), now, 0); err != nil {
		t.Fatal(err)
	}
	apply(t, s, now, "AR-3", flows.Event{Kind: flows.EventRevoke, By: person("bob")})
	if _, err = s.ApplyGone(t.Context(), now, "AR-3", "pg", nil, []string{"AR-2/pg"}); err != nil {
		t.Fatal(err)
	}
	targetsDone(t, s)
	told(t, s)
	prune(t, s, now.Add(4*year), 3*year)
	if got := submit(t, s, now, "k9", draft("dan", "pg", "orders"))[0].ID; got != "AR-8" {
		t.Errorf("the next request is %s", got)
	}
	sound(t, s)
}

// What the audit channel was not told of stays, and so does a trail that does not verify.
func TestPruneKeepsWhatIsNotKnownElsewhere(t *testing.T) {
	s := open(t)
	for i := range 5 {
		record(t, s, start, fmt.Sprint(i))
	}
	if err := s.AdvanceAudit(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	if events, _ := prune(t, s, start.Add(4*year), 3*year); events != 3 {
		t.Errorf("%d events went, want the 3 that the channel knows", events)
	}
	broken, err := bolt.Open(filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer broken.Close()
	for i := range 5 {
		record(t, broken, start, fmt.Sprint(i))
	}
	told(t, broken)
	err = broken.Op(t.Context(), func(r bolt.Raw) error {
		return r.Put("audit", bolt.SeqKey(2), []byte(strings.Replace(string(r.Get("audit", bolt.SeqKey(2))), `"1"`, `"7"`, 1)))
	})
	if err != nil {
		t.Fatal(err)
	}
	events, requests, err := broken.Prune(t.Context(), start.Add(4*year), 3*year)
	if events+requests != 0 || err == nil || !strings.Contains(err.Error(), "is kept as it is: audit event 2 was changed") {
		t.Errorf("of a forged trail %d events and %d requests went: %v", events, requests, err)
	}
}

// TestABeginningThatIsCutOffIsFound: only the bot's own word in the trail explains a
// trail that does not begin with the first event, and every byte of where it begins counts.
func TestABeginningThatIsCutOffIsFound(t *testing.T) {
	make3 := func(t *testing.T, pruned bool) *bolt.Store {
		s, err := bolt.Open(filepath.Join(t.TempDir(), "bot.db"), bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		for i := range 6 {
			record(t, s, start.Add(time.Duration(i/3)*4*year), fmt.Sprint(i))
		}
		told(t, s)
		if pruned {
			prune(t, s, start.Add(5*year), 3*year)
			sound(t, s)
		}
		return s
	}
	fails := func(s *bolt.Store, what string, tamper func(bolt.Raw) error, want string) {
		t.Helper()
		if err := s.Op(t.Context(), tamper); err != nil {
			t.Fatal(err)
		}
		if _, err := s.VerifyAudit(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: verify says %v, want %s", what, err, want)
		}
	}
	fails(make3(t, false), "two are taken", func(r bolt.Raw) error {
		hash, _ := store.HashOf(r.Get("audit", bolt.SeqKey(2)))
		return firstOf(r.Del("audit", bolt.SeqKey(1)), r.Del("audit", bolt.SeqKey(2)), r.Put("meta", "audit_pruned", []byte(bolt.SeqKey(2)+hash)))
	}, "audit event 1 is missing: the trail begins with event 3, and no event in it says")
	fails(make3(t, true), "one more is taken", func(r bolt.Raw) error {
		hash, _ := store.HashOf(r.Get("audit", bolt.SeqKey(4)))
		return firstOf(r.Del("audit", bolt.SeqKey(4)), r.Put("meta", "audit_pruned", []byte(bolt.SeqKey(4)+hash)))
	}, "audit event 4 is missing: the trail begins with event 5")
	fails(make3(t, true), "one is put before", func(r bolt.Raw) error {
		return r.Put("audit", bolt.SeqKey(2), r.Get("audit", bolt.SeqKey(4)))
	}, "audit event 4 is not the first")
	s := make3(t, true)
	old := store.Head{Seq: 1, Hash: strings.Repeat("0", 64)}
	if _, err := s.VerifyAudit(old); err == nil || !strings.Contains(err.Error(), "cannot be compared") {
		t.Errorf("of a head that is older than is kept verify says %v", err)
	}
	var where []byte
	if err := s.Op(t.Context(), func(r bolt.Raw) error { where = append(where, r.Get("meta", "audit_pruned")...); return nil }); err != nil {
		t.Fatal(err)
	}
	for i := range where {
		flipped := append([]byte(nil), where...)
		flipped[i] ^= 1 << (i % 8)
		fails(s, fmt.Sprintf("byte %d of where it begins", i), func(r bolt.Raw) error { return r.Put("meta", "audit_pruned", flipped) }, "audit event")
	}
}

// TestPruneSurvivesCrashes stops after every commit of a large pruning: what is left is
// sound each time, and the next run ends where an undisturbed one does.
func TestPruneSurvivesCrashes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	bolttest.Past(t, path, 450, start)
	var s *bolt.Store
	var copies []string
	taking := false
	dir := t.TempDir()
	s = storetest.OpenAt(t, path, bolt.Options{NoSync: true, OnCommit: func() {
		if taking {
			copies = append(copies, filepath.Join(dir, fmt.Sprint(len(copies))))
			storetest.Copy(t, s, copies[len(copies)-1])
		}
	}})
	now := start.Add(4 * year)
	submit(t, s, now, "k", draft("alice", "pg", "orders"))
	taking = true
	events, requests := prune(t, s, now, 3*year)
	taking = false
	if requests != 450 || events < 3000 || len(copies) < 8 {
		t.Fatalf("%d events and %d requests went in %d commits", events, requests, len(copies))
	}
	want := must[[]flows.AuditEvent](t)(s.Audit(0, 1))[0].Seq
	for i, file := range copies {
		c, err := bolt.Open(file, bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		sound(t, c)
		prune(t, c, now.Add(time.Hour), 3*year)
		sound(t, c)
		if got := must[[]flows.AuditEvent](t)(c.Audit(0, 1))[0].Seq; got != want {
			t.Errorf("after a crash at commit %d the trail begins with %d, want %d", i+1, got, want)
		}
		if got := ids(must[[]flows.Request](t)(c.Requests(0, 10))); !cmp.Equal(got, []string{"AR-451"}) {
			t.Errorf("after a crash at commit %d there are %v", i+1, got)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCompact(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bot.db")
	bolttest.Past(t, path, 1000, start)
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	submit(t, s, start.Add(4*year), "k", draft("alice", "pg", "orders"))
	prune(t, s, start.Add(4*year), 3*year)
	_, _, err = bolt.Compact(t.Context(), path)
	wantIs(t, err, store.ErrLocked)
	head, _, err := s.Head()
	if err := firstOf(err, s.Close()); err != nil {
		t.Fatal(err)
	}
	before, after, err := bolt.Compact(t.Context(), path)
	if err != nil || after*4 > before {
		t.Errorf("compacted from %d to %d bytes, %v", before, after, err)
	}
	s = storetest.OpenAt(t, path, bolt.Options{NoSync: true}) // and is checked
	if _, err := s.VerifyAudit(head); err != nil {
		t.Errorf("the trail of the copy: %v", err)
	}
	if got := submit(t, s, start.Add(4*year), "k2", draft("alice", "pg", "orders"))[0].ID; got != "AR-1002" {
		t.Errorf("the next request is %s", got)
	}
	if left := must[[]string](t)(filepath.Glob(path + ".*")); len(left) != 0 {
		t.Errorf("left beside the database: %v", left)
	}
	_, _, err = bolt.Compact(t.Context(), path+".none")
	if err == nil {
		t.Error("a database that is not there was compacted")
	}
}
