package bolt_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

func record(t testing.TB, s *bolt.Store, now time.Time, text string) {
	t.Helper()
	if err := s.Record(t.Context(), now, flows.Fact{Kind: flows.FactOperator, Text: text}); err != nil {
		t.Fatal(err)
	}
}

func texts(events []flows.AuditEvent) []string {
	var out []string
	for _, ev := range events {
		out = append(out, fmt.Sprint(ev.Seq, " ", ev.Fact.Kind, " ", ev.Fact.Text))
	}
	return out
}

func TestAuditTrail(t *testing.T) {
	s := open(t)
	record(t, s, start, "started")
	submit(t, s, after(time.Minute), "k", draft("alice", "pg", "orders"))
	apply(t, s, after(2*time.Minute), "AR-1", flows.Event{Kind: flows.EventDeny, By: person("bob"), CountsFor: []int{0}, Reason: "no"})
	want := []string{"1 operator started", "2 asked ", "3 denied "}
	all := must[[]flows.AuditEvent](t)(s.Audit(0, 100))
	if diff := cmp.Diff(want, texts(all)); diff != "" {
		t.Errorf("trail (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[1:2], texts(must[[]flows.AuditEvent](t)(s.Audit(2, 1)))); diff != "" {
		t.Errorf("from 2, one (-want +got):\n%s", diff)
	}
	if got := all[2].Fact.Decisions; len(got) != 1 || got[0].Reason != "no" {
		t.Errorf("the fact of the denial has the decisions %v", got)
	}
	var between []flows.AuditEvent
	err := s.AuditBetween(after(time.Minute), after(2*time.Minute), func(ev flows.AuditEvent) error {
		between = append(between, ev)
		record(t, s, start, "reading the trail keeps nobody from writing it")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want[1:2], texts(between)); diff != "" {
		t.Errorf("between, the end excluded (-want +got):\n%s", diff)
	}
	enough := errors.New("enough")
	wantIs(t, s.AuditBetween(time.Time{}, time.Time{}, func(flows.AuditEvent) error { return enough }), enough)
	if n, err := s.VerifyAudit(); n != 4 || err != nil {
		t.Errorf("verified %d events, %v", n, err)
	}
}

func TestAuditTrailOverManyPages(t *testing.T) {
	s := open(t)
	const n = 1203
	for i := range n {
		record(t, s, after(time.Duration(i)*time.Second), "x")
	}
	if got, err := s.VerifyAudit(); got != n || err != nil {
		t.Errorf("verified %d events, %v", got, err)
	}
	seen := uint64(0)
	err := s.AuditBetween(time.Time{}, time.Time{}, func(ev flows.AuditEvent) error {
		if seen++; ev.Seq != seen {
			return fmt.Errorf("event %d came as number %d", ev.Seq, seen)
		}
		return nil
	})
	if seen != n || err != nil {
		t.Errorf("read %d events, %v", seen, err)
	}
}

// Whoever changes the trail behind the bot's back is found out, at the event.
func TestVerifyNamesTheFirstBrokenEvent(t *testing.T) {
	key := func(seq uint64) string { return string(binary.BigEndian.AppendUint64(nil, seq)) }
	change := func(old, with string) func(bolt.Raw) error {
		return func(r bolt.Raw) error {
			line := r.Get("audit", key(3))
			return r.Put("audit", key(3), []byte(strings.Replace(string(line), old, with, 1)))
		}
	}
	for name, c := range map[string]struct {
		tamper func(bolt.Raw) error
		want   string
	}{
		"a word is changed":        {change("third", "thurd"), "audit event 3 was changed: its content does not agree with its hash"},
		"a field is added":         {change(`"fact":{`, `"fact":{"reason":"x",`), "audit event 3 was changed: its content does not agree with its hash"},
		"white space is added":     {change(`,"prev"`, `, "prev"`), "audit event 3 was changed: its content does not agree with its hash"},
		"another time":             {change(`T09:00`, `T09:01`), "audit event 3 was changed: its content does not agree with its hash"},
		"something after the hash": {change(`"}`, `","x":1}`), "audit event 3"},
		"not JSON":                 {change(`{`, ``), "audit event 3 cannot be read"},
		"one is missing":           {func(r bolt.Raw) error { return r.Del("audit", key(3)) }, "audit event 3 is missing"},
		"one is doubled": {
			func(r bolt.Raw) error { return r.Put("audit", key(3), r.Get("audit", key(2))) },
			"audit event 3 was changed: it does not follow the event before it",
		},
		"one is chained anew, the next is not": {func(r bolt.Raw) error {
			old, err := store.Verify(r.Get("audit", key(2)), hashOf(r, key(1)), 2)
			if err != nil {
				return err
			}
			_, line, err := store.Chain(old.Hash, 3, start, flows.Fact{Kind: flows.FactOperator, Text: "another"})
			return errors.Join(err, r.Put("audit", key(3), line))
		}, "audit event 4 was changed: it does not follow the event before it"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := bolt.Open(t.TempDir()+"/bot.db", bolt.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			for _, text := range []string{"first", "second", "third", "fourth"} {
				record(t, s, start, text)
			}
			if err := s.Op(t.Context(), c.tamper); err != nil {
				t.Fatal(err)
			}
			if _, err := s.VerifyAudit(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("verify says %v, want %s", err, c.want)
			}
			if problems := s.Check(); len(problems) == 0 {
				t.Error("check finds nothing")
			}
		})
	}
}

func hashOf(r bolt.Raw, key string) string {
	hash, _ := store.HashOf(r.Get("audit", key))
	return hash
}

func TestAuditCursor(t *testing.T) {
	s := open(t)
	for range 5 {
		record(t, s, start, "x")
	}
	want := func(when string, cursor, posting uint64) {
		t.Helper()
		at := must[uint64](t)(s.AuditCursor())
		to, ok, err := s.AuditPosting()
		if at != cursor || to != posting || ok != (posting > 0) || err != nil {
			t.Errorf("%s: cursor %d, in flight %d %v, %v; want %d and %d", when, at, to, ok, err, cursor, posting)
		}
	}
	step := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	want("at first", 0, 0)
	step(s.SetAuditPosting(t.Context(), 2))
	want("about to post", 0, 2)
	step(s.AdvanceAudit(t.Context(), 2))
	want("posted", 2, 0)
	step(s.AdvanceAudit(t.Context(), 1))
	want("never back", 2, 0)
	if err := s.AdvanceAudit(t.Context(), 6); err == nil {
		t.Error("the channel was told of what has not happened")
	}
	if err := s.SetAuditPosting(t.Context(), 0); err == nil {
		t.Error("a post of nothing was begun")
	}
	want("after refusals", 2, 0)
	step(s.AdvanceAudit(t.Context(), 5))
	step(s.Done(t.Context(), "audit_channel", tasksAt(t, s, flows.LaneChat, start)[0].Rev))
	record(t, s, start, "new")
	if got := keys(tasksAt(t, s, flows.LaneChat, start)); !cmp.Equal(got, []string{"audit_channel"}) {
		t.Errorf("a new fact made the tasks %v", got)
	}
}
