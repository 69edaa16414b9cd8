package bolt_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"apono/flows"
	"apono/store/bolt"
)

// rich has a bit of everything: AR-1 is over and left a unit to AR-2, which is
// active and has credentials; AR-3 is pending; AR-4 is granting.
func rich(t *testing.T) *bolt.Store {
	t.Helper()
	s, err := bolt.Open(t.TempDir()+"/bot.db", bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	submit(t, s, start, "k1", draft("alice", "pg", "orders"), draft("alice", "pg", "orders"))
	submit(t, s, start, "k2", draft("alice", "pg", "orders"), draft("alice", "pg", "orders"))
	activate(t, s, start, "AR-1")
	apply(t, s, start, "AR-2", approve("bob"))
	apply(t, s, start, "AR-2", flows.Event{
		Kind: flows.EventGranted, Integration: "pg",
		Access: flows.Access{Sealed: []byte("s"), SealedUntil: after(time.Hour)},
	})
	revoke(t, s, "AR-1")
	if _, err := s.ApplyGone(t.Context(), start, "AR-1", "pg", []flows.Unit{unit("pg", "orders")}, nil); err != nil {
		t.Fatal(err)
	}
	apply(t, s, start, "AR-4", approve("bob"))
	receive(t, s, "d1", start)
	receive(t, s, "d2", start)
	if err := s.Finish(t.Context(), "d2"); err != nil {
		t.Fatal(err)
	}
	for _, task := range tasksAt(t, s, flows.LaneChat, after(time.Hour)) {
		if task.Effect.Kind != flows.EffectPost {
			continue
		}
		if err := s.SavePost(t.Context(), flows.Post{Key: task.Effect.Post}); err != nil {
			t.Fatal(err)
		}
		if err := s.Done(t.Context(), task.Key, task.Rev); err != nil {
			t.Fatal(err)
		}
	}
	if problems := s.CheckAlone(); problems != nil {
		t.Fatalf("before the damage: %v", problems)
	}
	return s
}

// edit changes a record and nothing else.
func edit(seq uint64, change func(*flows.Request)) func(bolt.Raw) error {
	return func(r bolt.Raw) error {
		var q flows.Request
		if err := json.Unmarshal(r.Get("requests", bolt.SeqKey(seq)), &q); err != nil {
			return err
		}
		change(&q)
		raw, err := json.Marshal(q)
		if err != nil {
			return err
		}
		return r.Put("requests", bolt.SeqKey(seq), raw)
	}
}

// drop deletes the only entry whose key holds both parts.
func drop(bucket, part, other string) func(bolt.Raw) error {
	return func(r bolt.Raw) error { return r.Del(bucket, r.Key(bucket, part, other)) }
}

func TestCheckFindsWhatMustNotBe(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(bolt.Raw) error
		want   string
	}{
		"a request is gone":         {func(r bolt.Raw) error { return r.Del("requests", bolt.SeqKey(3)) }, "stands where AR-3 should"},
		"the last request is gone":  {func(r bolt.Raw) error { return r.Del("requests", bolt.SeqKey(4)) }, "the last request has the number 3, but the last number given out is 4"},
		"numbers were given out":    {func(r bolt.Raw) error { return r.SetSequence("requests", 9) }, "the last number given out is 9"},
		"a record is no JSON":       {func(r bolt.Raw) error { return r.Put("requests", bolt.SeqKey(2), []byte("{")) }, "damaged: request"},
		"another id":                {edit(2, func(q *flows.Request) { q.ID = "AR-9" }), "AR-9: has the number 2"},
		"live without approval":     {edit(2, func(q *flows.Request) { q.Decisions = nil }), "AR-2: is active without the approvals it needs"},
		"approved by the requestor": {edit(2, func(q *flows.Request) { q.Decisions[0].By = q.Requestor }), "AR-2: was approved by alice@example.com, who asked for it or gets it"},
		"pending with approval": {edit(3, func(q *flows.Request) {
			q.Decisions = []flows.Decision{{By: person("bob"), Verb: flows.VerbApprove, Groups: []int{0}}}
		}), "AR-3: is pending though it has the approvals"},
		"pending and granted":        {edit(3, func(q *flows.Request) { q.Groups[0].Status = flows.GroupGranted }), "AR-3: is pending, but its access group in pg is granted"},
		"over and still held":        {edit(1, func(q *flows.Request) { q.Groups[0].Status = flows.GroupGranted }), "AR-1: is revoked, but pg may still hold access"},
		"active without an end":      {edit(2, func(q *flows.Request) { q.EndsAt = time.Time{}; q.Groups[0].Secret = "" }), "AR-2: is active without an end"},
		"another state":              {edit(3, func(q *flows.Request) { q.State = flows.StateWithdrawn }), "AR-3: by_state lacks its entry"},
		"not in its state":           {drop("by_state", "pending", ""), "AR-3: by_state lacks its entry"},
		"in a state too many":        {func(r bolt.Raw) error { return r.Put("by_state", "active\x00"+bolt.SeqKey(3), nil) }, "by_state has 5 entries, the records want 4"},
		"not in the due index":       {drop("by_due", "AR-2", ""), "AR-2: by_due lacks its entry"},
		"due without a record":       {func(r bolt.Raw) error { return r.Put("by_due", "12345678AR-9", nil) }, "by_due has 3 entries, the records want 2"},
		"a person does not find it":  {drop("by_person", "alice", bolt.SeqKey(4)), "AR-4: by_person lacks its entry"},
		"nor while it is not over":   {drop("by_open", "alice", bolt.SeqKey(4)), "AR-4: by_open lacks its entry"},
		"an approver does not":       {drop("by_asked", "bob", ""), "AR-3: by_asked lacks its entry"},
		"asked after the decision":   {func(r bolt.Raw) error { return r.Put("by_asked", "\x0fbob@example.com"+bolt.SeqKey(2), nil) }, "by_asked has 3 entries, the records want 2"},
		"a holder is gone":           {drop("holders", "AR-4", ""), "AR-4: holders lacks its entry"},
		"a holder is another":        {func(r bolt.Raw) error { return r.Put("holders", r.Key("holders", "AR-4", ""), []byte("E")) }, "AR-4: holders lacks its entry"},
		"a holder is released early": {func(r bolt.Raw) error { return r.Put("holders", r.Key("holders", "AR-4", ""), []byte("R")) }, "is released, but AR-4/pg is granting"},
		"released by nobody":         {func(r bolt.Raw) error { return r.Put("holders", "xAR-1/pg", []byte("R")) }, "is released, but no record has such a unit"},
		"released, held by nobody": {
			func(r bolt.Raw) error {
				return firstOf(r.Del("holders", r.Key("holders", "AR-2/", "")), r.Del("holders", r.Key("holders", "AR-4/", "")))
			}, "so nobody would revoke it",
		},
		"an odd value of a holder":  {func(r bolt.Raw) error { return r.Put("holders", "x", []byte("?")) }, `has the value "?"`},
		"no target task":            {drop("tasks", "target/AR-4/pg", ""), "AR-4: the target pg does not agree yet, and no task makes it"},
		"a task not in the index":   {drop("tasks_due", "target/AR-4/pg", ""), "task target/AR-4/pg: tasks_due lacks its entry"},
		"an index without a task":   {func(r bolt.Raw) error { return r.Put("tasks_due", "chat\x00\x0112345678x", nil) }, "tasks_due has"},
		"a task under another key":  {func(r bolt.Raw) error { return r.Put("tasks", "x", r.Get("tasks", "audit_channel")) }, `damaged: task "x"`},
		"a task is cut off":         {func(r bolt.Raw) error { return r.Put("tasks", "audit_channel", []byte("1234")) }, `damaged: task "audit_channel"`},
		"revisions start again":     {func(r bolt.Raw) error { return r.SetSequence("tasks", 1) }, "has revision"},
		"a task of no request":      {func(r bolt.Raw) error { return r.Put("tasks", "target/AR-9/pg", r.Task("AR-9", "pg")) }, "task target/AR-9/pg: not_found"},
		"a message is missing":      {drop("posts", "AR-3/approver/bob", ""), "AR-3: the message AR-3/approver/bob@example.com/request neither exists nor waits"},
		"a message of no request":   {func(r bolt.Raw) error { return r.Put("posts", "AR-9/x", []byte(`{"key":{"request":"AR-9"}}`)) }, "post AR-9/x: not_found"},
		"a message under a wrong":   {func(r bolt.Raw) error { return r.Put("posts", "x", []byte(`{"key":{"request":"AR-1"}}`)) }, `is kept as "x"`},
		"credentials are missing":   {func(r bolt.Raw) error { return r.Del("sealed", "AR-2/pg") }, "the credentials of AR-2/pg are said to be available, and are not"},
		"credentials are kept":      {func(r bolt.Raw) error { return r.Put("sealed", "AR-1/pg", []byte("s")) }, "sealed has 2 entries, the records want 1"},
		"a delivery is not undone":  {drop("inbox_undone", "d1", ""), "delivery d1: inbox_undone lacks its entry"},
		"a delivery is never gone":  {drop("inbox_done", "d2", ""), "delivery d2: inbox_done lacks its entry"},
		"a delivery is undone anew": {func(r bolt.Raw) error { return r.Put("inbox_undone", "12345678d2", nil) }, "inbox_undone has 2 entries"},
		"a submission is never gone": {
			drop("submits_at", "k1", ""), `submission "k1": submits_at lacks its entry`,
		},
		"a submission of nothing": {func(r bolt.Raw) error {
			return r.Put("submits", "k1", []byte(`{"at":"2026-03-01T09:00:00Z","ids":["AR-9"]}`))
		}, `submission "k1": not_found`},
		"an audit event is gone": {func(r bolt.Raw) error { return r.Del("audit", bolt.SeqKey(2)) }, "audit event 2 is missing"},
		"nobody tells the channel": {func(r bolt.Raw) error {
			return firstOf(r.Del("tasks", "audit_channel"), drop("tasks_due", "audit_channel", "")(r))
		}, "the audit channel was not told of event 1"},
		"the channel is ahead":         {func(r bolt.Raw) error { return r.Put("meta", "audit_cursor", []byte(bolt.SeqKey(99))) }, "was told up to event 99"},
		"the post in flight is ahead":  {func(r bolt.Raw) error { return r.Put("meta", "audit_posting", []byte(bolt.SeqKey(99))) }, "(in flight: 99)"},
		"two access groups of a kind":  {edit(3, func(q *flows.Request) { q.Groups = append(q.Groups, q.Groups[0]) }), "AR-3: has two access groups in pg"},
		"a draft among the records":    {edit(3, func(q *flows.Request) { q.Version = 0 }), "AR-3: is a draft"},
		"over and keeping credentials": {edit(1, func(q *flows.Request) { q.Groups[0].Secret = flows.SecretAvailable }), "AR-1: is revoked, but keeps credentials for pg"},
	} {
		t.Run(name, func(t *testing.T) {
			s := rich(t)
			if err := s.Op(t.Context(), c.damage); err != nil {
				t.Fatal(err)
			}
			var all strings.Builder
			for _, problem := range s.CheckAlone() {
				all.WriteString(problem.Error() + "\n")
			}
			if !strings.Contains(all.String(), c.want) {
				t.Errorf("check finds\n%swant %s", all.String(), c.want)
			}
		})
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// TestCheck_WhileTheStoreIsUsed: a sound database that is written to is sound at each
// moment, and nobody writes to what the check reads.
func TestCheck_WhileTheStoreIsUsed(t *testing.T) {
	s := open(t)
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(func() {
		defer close(done)
		for i := range 150 {
			r := submit(t, s, start, fmt.Sprint("k", i), draft(fmt.Sprint("p", i), "pg", "orders", "k8s", "prod"))[0]
			activate(t, s, after(time.Minute), r.ID)
		}
	})
	checks := 0
	for busy := true; busy; checks++ {
		select {
		case <-done:
			busy = false
		default:
		}
		for _, problem := range s.Check() {
			t.Error(problem)
		}
	}
	wg.Wait()
	t.Log(checks, "checks")
}
