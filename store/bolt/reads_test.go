package bolt_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store"
	"apono/store/bolt"
)

func TestListsAndPaging(t *testing.T) {
	s := open(t)
	for i := range 12 {
		who := "alice"
		if i%3 == 0 {
			who = "dave"
		}
		d := draft(who, "pg", "orders")
		if i == 4 {
			d.Grantee = person("dave")
		}
		submit(t, s, start, fmt.Sprint("k", i), d)
	}
	apply(t, s, start, "AR-2", approve("bob"))
	activate(t, s, start, "AR-6")
	apply(t, s, start, "AR-12", flows.Event{Kind: flows.EventDeny, By: person("bob"), CountsFor: []int{0}})
	type page = func() ([]flows.Request, error)
	for name, c := range map[string]struct {
		read page
		want []string
	}{
		"newest":              {func() ([]flows.Request, error) { return s.Requests(0, 3) }, []string{"AR-12", "AR-11", "AR-10"}},
		"the page after":      {func() ([]flows.Request, error) { return s.Requests(10, 2) }, []string{"AR-9", "AR-8"}},
		"the last page":       {func() ([]flows.Request, error) { return s.Requests(3, 9) }, []string{"AR-2", "AR-1"}},
		"below the first":     {func() ([]flows.Request, error) { return s.Requests(1, 9) }, []string{}},
		"above all":           {func() ([]flows.Request, error) { return s.Requests(999, 1) }, []string{"AR-12"}},
		"none wanted":         {func() ([]flows.Request, error) { return s.Requests(0, 0) }, []string{}},
		"dave's, also for":    {func() ([]flows.Request, error) { return s.ByPerson("Dave@example.com ", 0, 9) }, []string{"AR-10", "AR-7", "AR-5", "AR-4", "AR-1"}},
		"dave's, page":        {func() ([]flows.Request, error) { return s.ByPerson("dave@example.com", 7, 2) }, []string{"AR-5", "AR-4"}},
		"a beginning of dave": {func() ([]flows.Request, error) { return s.ByPerson("dave", 0, 9) }, []string{}},
		"approved":            {func() ([]flows.Request, error) { return s.ByState(flows.StateApproved, 0, 9) }, []string{"AR-2"}},
		"denied":              {func() ([]flows.Request, error) { return s.ByState(flows.StateDenied, 0, 9) }, []string{"AR-12"}},
		"pending, page":       {func() ([]flows.Request, error) { return s.ByState(flows.StatePending, 4, 2) }, []string{"AR-3", "AR-1"}},
		"expired":             {func() ([]flows.Request, error) { return s.ByState(flows.StateExpired, 0, 9) }, []string{}},
		"asked of bob, page":  {func() ([]flows.Request, error) { return s.AskedOf("bob@example.com", 9, 3) }, []string{"AR-8", "AR-7", "AR-5"}},
		"asked of alice":      {func() ([]flows.Request, error) { return s.AskedOf("alice@example.com", 0, 3) }, []string{}},
		"live": {s.Live, []string{
			"AR-1", "AR-3", "AR-4", "AR-5", "AR-7", "AR-8", "AR-9", "AR-10", "AR-11", "AR-2", "AR-6",
		}},
	} {
		if diff := cmp.Diff(c.want, ids(must[[]flows.Request](t)(c.read()))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	for _, id := range []string{"AR-99", "AR-0", "AR-01", "AR-", "ar-1", "AR-1x", "AR--1", "AR-+1", "", "AR-18446744073709551616"} {
		_, err := s.Request(id)
		wantCode(t, err, flows.CodeNotFound)
		wantIs(t, err, store.ErrNotFound)
	}
}

func TestDueIndex(t *testing.T) {
	s := open(t)
	if _, ok, err := s.NextDueRequest(); ok || err != nil {
		t.Errorf("an empty store: %v, %v", ok, err)
	}
	for i, d := range []time.Duration{3 * time.Hour, time.Hour, 2 * time.Hour, time.Hour} {
		q := draft("alice", "pg", "orders")
		q.PendingUntil = after(2 * d) // those who are silent are reminded halfway
		submit(t, s, start, fmt.Sprint("k", i), q)
	}
	never := draft("alice", "pg", "orders")
	never.PendingUntil = start.AddDate(500, 0, 0) // beyond what a key can hold
	submit(t, s, start, "never", never)
	due := func(at time.Time, limit int, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, must[[]string](t)(s.Due(at, limit))); diff != "" {
			t.Errorf("due at %v (-want +got):\n%s", at, diff)
		}
	}
	due(after(time.Hour-1), 9)
	due(after(time.Hour), 9, "AR-2", "AR-4")
	due(after(time.Hour), 1, "AR-2")
	due(after(9*time.Hour), 9, "AR-2", "AR-4", "AR-3", "AR-1")
	at, ok, err := s.NextDueRequest()
	if err != nil || !ok || !at.Equal(after(time.Hour)) {
		t.Errorf("next is due at %v, %v, %v", at, ok, err)
	}
	apply(t, s, after(time.Hour), "AR-2", flows.Event{Kind: flows.EventDue})
	due(after(time.Hour), 9, "AR-4")
	_, err = s.Apply(t.Context(), after(time.Hour), "AR-3", flows.Event{Kind: flows.EventDue})
	wantCode(t, err, flows.CodeLate)
}

func TestSubmitIsAllOrNone(t *testing.T) {
	s := open(t)
	refused := draft("alice", "pg", "orders")
	refused.Asked = nil // nobody can approve it
	_, err := s.Submit(t.Context(), start, "k", []flows.Request{draft("alice", "pg", "orders"), refused})
	wantCode(t, err, flows.CodeRefused)
	if got := must[[]flows.Request](t)(s.Requests(0, 9)); got != nil {
		t.Errorf("refused, and yet %v", ids(got))
	}
	if events := must[[]flows.AuditEvent](t)(s.Audit(0, 9)); events != nil {
		t.Errorf("refused, and yet %v", texts(events))
	}
	if got := ids(submit(t, s, start, "k", draft("alice", "pg", "orders"), draft("alice", "k8s", "prod"))); !cmp.Equal(got, []string{"AR-1", "AR-2"}) {
		t.Errorf("the same key with what can be made: %v", got)
	}
	for _, c := range []struct {
		key    string
		drafts []flows.Request
	}{{"", one(draft("alice", "pg", "orders"))}, {"k3", nil}} {
		if _, err := s.Submit(t.Context(), start, c.key, c.drafts); err == nil {
			t.Errorf("key %q with %d drafts was taken", c.key, len(c.drafts))
		}
	}
}

// A state machine that breaks the contract of a record is stopped at the store.
func TestApplyDoesNotTrustNext(t *testing.T) {
	for name, next := range map[string]func(flows.Request, flows.Event, time.Time) (flows.Request, []flows.Effect, error){
		"another id": func(r flows.Request, ev flows.Event, now time.Time) (flows.Request, []flows.Effect, error) {
			to, effects, err := flows.Next(r, ev, now)
			to.ID = "AR-7"
			return to, effects, err
		},
		"no new version": func(r flows.Request, ev flows.Event, now time.Time) (flows.Request, []flows.Effect, error) {
			to, effects, err := flows.Next(r, ev, now)
			to.Version = r.Version
			return to, effects, err
		},
		"a fact without content": func(r flows.Request, ev flows.Event, now time.Time) (flows.Request, []flows.Effect, error) {
			to, effects, err := flows.Next(r, ev, now)
			return to, append(effects, flows.Effect{Kind: flows.EffectAudit}), err
		},
	} {
		s := open(t)
		submit(t, s, start, "k", draft("alice", "pg", "orders"))
		before := must[flows.Request](t)(s.Request("AR-1"))
		s.SetNext(next)
		if _, err := s.Apply(t.Context(), start, "AR-1", approve("bob")); err == nil {
			t.Errorf("%s: was written", name)
		}
		if diff := cmp.Diff(before, must[flows.Request](t)(s.Request("AR-1"))); diff != "" {
			t.Errorf("%s: the record has changed (-want +got):\n%s", name, diff)
		}
	}
}

// Opening and the first questions cost the same however many requests are past.
func TestPastRequestsCostNothingAtTheStart(t *testing.T) {
	cost := func(past int) float64 {
		path := pastRequests(t, past)
		return testing.AllocsPerRun(5, func() { ready(t, path) })
	}
	few, many := cost(10), cost(5000)
	if many > few*1.5+50 {
		t.Errorf("ready with %v allocations for 10 past requests, %v for 5,000", few, many)
	}
}

// ready opens a store and asks what a process asks first.
func ready(t testing.TB, path string) {
	t.Helper()
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	if due := must[[]string](t)(s.Due(start.AddDate(9, 0, 0), 100)); due != nil {
		t.Errorf("due: %v", due)
	}
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		if tasks := must[[]flows.Task](t)(s.Tasks(lane, start, 100, nil)); tasks != nil {
			t.Errorf("tasks: %v", keys(tasks))
		}
		if _, _, err := s.Backlog(lane); err != nil {
			t.Error(err)
		}
	}
	if got := must[[]flows.Delivery](t)(s.Undone(100)); got != nil {
		t.Errorf("undone: %v", got)
	}
	if _, err := s.Live(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// pastRequests makes a database with n requests that are over.
func pastRequests(t testing.TB, n int) string {
	t.Helper()
	path := t.TempDir() + "/past.db"
	s, err := bolt.Open(path, bolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	submit(t, s, start, "k", draft("alice", "pg", "orders", "k8s", "prod"))
	apply(t, s, start, "AR-1", approve("bob"))
	for _, g := range []string{"pg", "k8s"} {
		apply(t, s, start, "AR-1", flows.Event{Kind: flows.EventGrantFailed, Integration: g, Problem: "no"})
	}
	for _, g := range []string{"pg", "k8s"} {
		apply(t, s, start, "AR-1", flows.Event{Kind: flows.EventGone, Integration: g})
	}
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		for _, task := range tasksAt(t, s, lane, after(time.Hour)) {
			if err := s.Done(t.Context(), task.Key, task.Rev); err != nil {
				t.Fatal(err)
			}
		}
	}
	r := must[flows.Request](t)(s.Request("AR-1"))
	for r.Seq < uint64(n) {
		err := s.Op(t.Context(), func(raw bolt.Raw) error {
			for range 1000 {
				r.Seq++
				r.ID = store.ID(r.Seq)
				if err := raw.Fill(r); err != nil {
					return err
				}
			}
			return raw.SetSequence("requests", r.Seq)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}
