package bolt_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
)

// spoil replaces rows by something that cannot be read, and leaves their indexes.
func spoil(t *testing.T, s *bolt.Store, rows ...[2]string) {
	t.Helper()
	err := s.Op(t.Context(), func(r bolt.Raw) error {
		for _, row := range rows {
			if r.Get(row[0], row[1]) == nil {
				return fmt.Errorf("%s has no %q", row[0], row[1])
			}
			if err := r.Put(row[0], row[1], []byte("\x00gone")); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUnreadableRowsKeepNobodyUp(t *testing.T) {
	var log bytes.Buffer
	s, err := bolt.Open(t.TempDir()+"/bot.db", bolt.Options{NoSync: true, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, who := range []string{"alice", "dave"} {
		id := submit(t, s, start, who, draft(who, "pg", "orders"))[0].ID
		apply(t, s, start, id, approve("bob"))
		key := flows.PostKey{Request: id, Audience: flows.AudienceRequester, Person: who + "@example.com", Topic: flows.TopicAsked}
		for _, topic := range []flows.Topic{flows.TopicAsked, flows.TopicApproved} {
			key.Topic = topic
			if err := s.SavePost(t.Context(), flows.Post{Key: key}); err != nil {
				t.Fatal(err)
			}
		}
		receive(t, s, "click of "+who, start)
	}
	post := flows.PostKey{Request: "AR-1", Audience: flows.AudienceRequester, Person: "alice@example.com", Topic: flows.TopicAsked}
	rows := [][2]string{
		{"tasks", "target/AR-1/pg"},
		{"tasks", "post/AR-1/approver/bob@example.com/request"},
		{"inbox", "click of alice"},
		{"posts", post.String()},
		{"requests", bolt.SeqKey(1)},
	}
	spoil(t, s, rows...)

	for range 2 {
		if diff := cmp.Diff([]string{"target/AR-2/pg"}, keys(tasksAt(t, s, flows.LaneTarget, start))); diff != "" {
			t.Errorf("target tasks (-want +got):\n%s", diff)
		}
		if chat := keys(tasksAt(t, s, flows.LaneChat, start)); len(chat) == 0 || strings.Contains(fmt.Sprint(chat), "AR-1/approver/bob") {
			t.Errorf("chat tasks: %v", chat)
		}
		if diff := cmp.Diff([]string{"click of dave"}, undone(t, s)); diff != "" {
			t.Errorf("undone (-want +got):\n%s", diff)
		}
		if posts := must[[]flows.Post](t)(s.Posts("AR-1")); len(posts) != 1 || posts[0].Key.Topic != flows.TopicApproved {
			t.Errorf("messages: %v", posts)
		}
		if _, ok, err := s.Post(post); ok || err != nil {
			t.Errorf("an unreadable message is found: %t, %v; it must be posted anew", ok, err)
		}
		if live := must[[]flows.Request](t)(s.Live()); cmp.Diff([]string{"AR-2"}, ids(live)) != "" {
			t.Errorf("live requests: %v", ids(live))
		}
		if all := must[[]flows.Request](t)(s.Requests(0, 9)); cmp.Diff([]string{"AR-2"}, ids(all)) != "" {
			t.Errorf("requests: %v", ids(all))
		}
	}
	if err := s.Done(t.Context(), "target/AR-2/pg", tasksAt(t, s, flows.LaneTarget, start)[0].Rev); err != nil {
		t.Fatal(err)
	}
	if at, ok, err := s.NextDue(flows.LaneTarget); ok || err != nil {
		t.Errorf("the next target task is due at %v, %t, %v; nobody could do it", at, ok, err)
	}
	if stats := must[int](t)(unreadable(s)); stats != len(rows) {
		t.Errorf("%d unreadable rows are counted, want %d", stats, len(rows))
	}
	problems := fmt.Sprint(s.Check())
	for _, row := range rows {
		if row[0] == "requests" {
			row[1] = "AR-1"
		}
		if n := strings.Count(log.String(), fmt.Sprintf("bucket=%s key=%s", row[0], logged(row[1]))); n != 1 {
			t.Errorf("%s %q is logged %d times:\n%s", row[0], row[1], n, &log)
		}
		if !strings.Contains(problems, fmt.Sprintf("%q", row[1])) {
			t.Errorf("the check does not name %s %q: %s", row[0], row[1], problems)
		}
	}
}

func unreadable(s *bolt.Store) (int, error) {
	stats, err := s.Stats()
	return stats.Unreadable, err
}

// logged is a key as the log shows it.
func logged(key string) string {
	if strings.Contains(key, " ") {
		return fmt.Sprintf("%q", key)
	}
	return key
}

// A task is done as what it says. One that says something else than its key does,
// or nothing that is known, must not be done.
func TestATaskThatIsNotItsKeyIsUnreadable(t *testing.T) {
	s := open(t)
	submit(t, s, start, "k", draft("alice", "pg", "orders"))
	apply(t, s, start, "AR-1", approve("bob"))
	for _, damage := range []string{"other_kind", "target"} {
		err := s.Op(t.Context(), func(r bolt.Raw) error {
			raw := bytes.Replace(r.Get("tasks", "audit_channel"), []byte("\raudit_channel"), append([]byte{byte(len(damage))}, damage...), 1)
			return r.Put("tasks", "audit_channel", raw)
		})
		if err != nil {
			t.Fatal(err)
		}
		if chat := keys(tasksAt(t, s, flows.LaneChat, start)); slices.Contains(chat, "audit_channel") {
			t.Errorf("chat tasks: %v", chat)
		}
		if problems := fmt.Sprint(s.Check()); !strings.Contains(problems, `task "audit_channel"`) {
			t.Errorf("the check says %s", problems)
		}
	}
	if _, err := s.Apply(t.Context(), start, "AR-1", flows.Event{Kind: flows.EventGranted, Integration: "pg"}); err != nil {
		t.Fatal(err) // which wants the task anew, and with that mends it
	}
}

func TestUndoneInPages(t *testing.T) {
	s := open(t)
	for i := range 25 {
		receive(t, s, fmt.Sprintf("d%02d", i), after(time.Duration(i/10)*time.Second)) // many at one moment
	}
	var got []string
	var last flows.Delivery
	for page := must[[]flows.Delivery](t)(s.UndoneAfter(last, 4)); len(page) > 0; page = must[[]flows.Delivery](t)(s.UndoneAfter(last, 4)) {
		for _, d := range page {
			got = append(got, d.Key)
		}
		last = page[len(page)-1]
		if len(got) == 8 { // what is finished meanwhile confuses nobody
			if err := s.Finish(t.Context(), last.Key); err != nil {
				t.Fatal(err)
			}
		}
	}
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("d%02d", i))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("undone in pages (-want +got):\n%s", diff)
	}
}
