package bolt_test

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

func restore(t *testing.T, file, path string) bolt.Restored {
	t.Helper()
	out, err := bolt.Restore(t.Context(), after(time.Hour), file, path)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// restored restores for the error alone.
func restored(t *testing.T, file, path string) error {
	t.Helper()
	_, err := bolt.Restore(t.Context(), start, file, path)
	return err
}

// lives makes a backup with AR-1, active and with a card, goes on to AR-2 and AR-3,
// and returns the grant of AR-2.
func lives(t *testing.T) (path, file, grant string) {
	t.Helper()
	bolt.WithStamps(t)
	s := open(t)
	submit(t, s, start, "k1", draft("alice", "pg", "orders"))
	activate(t, s, start, "AR-1")
	card := flows.PostKey{Request: "AR-1", Audience: flows.AudienceApprover, Person: "bob@example.com", Topic: flows.TopicRequest}
	if err := s.SavePost(t.Context(), flows.Post{Key: card, Message: "1.2", Shows: "what it showed then"}); err != nil {
		t.Fatal(err)
	}
	for _, task := range tasksAt(t, s, flows.LaneChat, after(time.Hour)) {
		if err := s.Done(t.Context(), task.Key, task.Rev); err != nil {
			t.Fatal(err)
		}
		if task.Effect.Kind == flows.EffectPost && task.Effect.Post != card {
			if err := s.SavePost(t.Context(), flows.Post{Key: task.Effect.Post}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.AdvanceAudit(t.Context(), uint64(len(must[[]flows.AuditEvent](t)(s.Audit(1, 99))))); err != nil {
		t.Fatal(err)
	}
	file = backup(t, s)
	submit(t, s, start, "k2", draft("dave", "pg", "users"), draft("erin", "pg", "users"))
	r := activate(t, s, start, "AR-2")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Path(), file, r.GrantID("pg")
}

func TestRestoreBeginsANewLife(t *testing.T) {
	path, file, grant := lives(t)
	out := restore(t, file, path)
	if len(out.Unknown) != 1 || out.Unknown[0].GrantID("pg") != grant {
		t.Errorf("unknown accesses: %+v", out.Unknown)
	}
	out.Unknown = nil
	want := bolt.Restored{Requests: 1, Events: out.Events, Last: start, Next: "AR-4", Replaced: path + bolt.ReplacedSuffix, Read: true}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("what is told (-want +got):\n%s", diff)
	}
	s := storetest.OpenAt(t, path, bolt.Options{})
	if got := keys(tasksAt(t, s, flows.LaneChat, after(time.Hour))); !slices.Contains(got, "post/AR-1/approver/bob@example.com/request") || !slices.Contains(got, "audit_channel") {
		t.Errorf("nobody draws the card again or tells the audit channel: %v", got)
	}
	for _, p := range must[[]flows.Post](t)(s.Posts("AR-1")) {
		if p.Message != "" && p.Shows != "" {
			t.Errorf("%s is thought to show %q", p.Key, p.Shows)
		}
	}
	events := must[[]flows.AuditEvent](t)(s.Audit(out.Events+1, 9))
	if len(events) != 1 || !strings.Contains(events[0].Fact.Text, "restored from a backup") || !events[0].At.Equal(after(time.Hour)) {
		t.Errorf("audit events since: %+v", events)
	}
	if got := submit(t, s, start, "k", draft("alice", "pg", "orders"))[0].ID; got != "AR-4" {
		t.Errorf("the next request is %s", got)
	}
}

func TestIDsGoOnAfterRestoresInARow(t *testing.T) {
	path, file, _ := lives(t)
	restore(t, file, path) // AR-2 and AR-3 are given out
	s := storetest.OpenAt(t, path, bolt.Options{})
	second := backup(t, s)
	submit(t, s, start, "k4", draft("alice", "pg", "orders")) // AR-4
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if out := restore(t, second, path); out.Next != "AR-5" {
		t.Errorf("the next request is %s", out.Next)
	}
	s = storetest.OpenAt(t, path, bolt.Options{})
	submit(t, s, start, "k5", draft("alice", "pg", "orders"), draft("alice", "pg", "orders"))
	if diff := cmp.Diff([]string{"AR-6", "AR-5", "AR-1"}, ids(must[[]flows.Request](t)(s.Requests(0, 9)))); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// Where the old database is lost, ids are given out again. What they stand for at
// the targets and in chat is another thing all the same.
func TestAnIDThatIsGivenOutAgainIsAnotherRequest(t *testing.T) {
	path, file, grant := lives(t)
	if err := os.WriteFile(path, []byte("gone"), 0o600); err != nil {
		t.Fatal(err)
	}
	out := restore(t, file, path)
	if out.Read || out.Unknown != nil || out.Next != "AR-2" {
		t.Errorf("what is told: %+v", out)
	}
	s := storetest.OpenAt(t, path, bolt.Options{})
	again := submit(t, s, start, "k2", draft("dave", "pg", "users"))[0]
	if again.ID != "AR-2" || again.GrantID("pg") == grant || !strings.HasPrefix(grant, "AR-2.") {
		t.Errorf("%s has the grant %s, and had %s", again.ID, again.GrantID("pg"), grant)
	}
}

// testdata/schema1.db.gz was written by the last version with schema 1, from rich.
func TestSchema1IsReadable(t *testing.T) {
	bolt.WithStamps(t)
	in, err := os.Open("testdata/schema1.db.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	z, err := gzip.NewReader(in)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "bot.db")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	s := storetest.OpenAt(t, path, bolt.Options{})
	r := must[flows.Request](t)(s.Request("AR-2"))
	if r.Stamp != "" || r.GrantID("pg") != "AR-2/pg" {
		t.Errorf("the grant of an old request is %s now", r.GrantID("pg"))
	}
	if sealed, ok, err := s.Sealed("AR-2", "pg"); err != nil || !ok || string(sealed) != "s" {
		t.Errorf("sealed credentials: %q, %t, %v", sealed, ok, err)
	}
	live, released, err := s.Holders("alice@example.com", unit("pg", "orders"))
	if err != nil || !slices.Equal(live, []string{"AR-2/pg", "AR-4/pg"}) || !slices.Equal(released, []string{"AR-1/pg"}) {
		t.Errorf("holders: %v, released %v, %v", live, released, err)
	}
	revoke(t, s, "AR-2")
	apply(t, s, start, "AR-4", flows.Event{Kind: flows.EventGrantFailed, Integration: "pg", Problem: "no"})
	fresh := activate(t, s, start, submit(t, s, start, "k9", draft("alice", "pg", "orders"))[0].ID)
	if fresh.ID != "AR-5" || fresh.Stamp == "" {
		t.Errorf("a new request is %s with the stamp %q", fresh.ID, fresh.Stamp)
	}
	kept := []flows.Unit{unit("pg", "orders")}
	if _, err := s.ApplyGone(t.Context(), start, "AR-2", "pg", kept, nil); err != nil {
		t.Errorf("an old grant leaves its unit to a new one: %v", err)
	}
}
