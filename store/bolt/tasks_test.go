package bolt_test

import (
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/store/bolt"
)

func keys(tasks []flows.Task) []string {
	var out []string
	for _, task := range tasks {
		out = append(out, task.Key)
	}
	return out
}

func tasksAt(t testing.TB, s *bolt.Store, lane flows.Lane, now time.Time) []flows.Task {
	t.Helper()
	return must[[]flows.Task](t)(s.Tasks(lane, now, 100, nil))
}

func TestTasksGoByPriorityThenByDue(t *testing.T) {
	s := open(t)
	submit(t, s, start, "k1", draft("alice", "pg", "orders"))
	submit(t, s, after(-time.Minute), "k2", draft("dave", "pg", "orders"))
	want := []string{
		"post/AR-2/approver/bob@example.com/request", "post/AR-2/approver/carol@example.com/request",
		"post/AR-1/approver/bob@example.com/request", "post/AR-1/approver/carol@example.com/request",
		"post/AR-2/requester/dave@example.com/asked", "post/AR-1/requester/alice@example.com/asked",
		"audit_channel",
	}
	if diff := cmp.Diff(want, keys(tasksAt(t, s, flows.LaneChat, start))); diff != "" {
		t.Errorf("chat (-want +got):\n%s", diff)
	}
	if got := tasksAt(t, s, flows.LaneTarget, start); got != nil {
		t.Errorf("target: %v", keys(got))
	}
	early := keys(tasksAt(t, s, flows.LaneChat, after(-1)))
	if diff := cmp.Diff([]string{want[0], want[1], want[4], want[6]}, early); diff != "" {
		t.Errorf("a nanosecond before the others are due (-want +got):\n%s", diff)
	}
	some := must[[]flows.Task](t)(s.Tasks(flows.LaneChat, start, 2, func(key string) bool { return key == want[0] || key == want[2] }))
	if diff := cmp.Diff([]string{want[1], want[3]}, keys(some)); diff != "" {
		t.Errorf("with limit and skip (-want +got):\n%s", diff)
	}
	if got := must[[]flows.Task](t)(s.Tasks(flows.LaneChat, start, 0, nil)); got != nil {
		t.Errorf("limit 0: %v", keys(got))
	}
	count, oldest, err := s.Backlog(flows.LaneChat)
	if err != nil || count != 7 || !oldest.Equal(after(-time.Minute)) {
		t.Errorf("backlog is %d since %v, %v", count, oldest, err)
	}
	count, oldest, err = s.Backlog(flows.LaneTarget)
	if err != nil || count != 0 || !oldest.IsZero() {
		t.Errorf("backlog of targets is %d since %v, %v", count, oldest, err)
	}
}

func TestATaskThatIsWantedAnew(t *testing.T) {
	s := open(t)
	submit(t, s, start, "k1", draft("alice", "pg", "orders"))
	first := tasksAt(t, s, flows.LaneChat, start)[0]
	if err := s.Retry(t.Context(), first.Key, first.Rev, after(time.Hour), "slack is down"); err != nil {
		t.Fatal(err)
	}
	waiting := tasksAt(t, s, flows.LaneChat, after(time.Hour))
	put, _ := find(waiting, first.Key)
	want := first
	want.Due, want.Tries, want.Problem = after(time.Hour), 1, "slack is down"
	if diff := cmp.Diff(want, put); diff != "" {
		t.Errorf("put off (-want +got):\n%s", diff)
	}
	apply(t, s, after(time.Minute), "AR-1", approve("bob"))
	anew, _ := find(tasksAt(t, s, flows.LaneChat, after(time.Minute)), first.Key)
	want = first
	want.Rev, want.Due = anew.Rev, after(time.Minute)
	if diff := cmp.Diff(want, anew); diff != "" {
		t.Errorf("wanted anew (-want +got):\n%s", diff)
	}
	if anew.Rev <= first.Rev {
		t.Errorf("revision %d after %d", anew.Rev, first.Rev)
	}
	// The worker that read the first revision finishes late.
	for _, stale := range []error{
		s.Done(t.Context(), first.Key, first.Rev),
		s.Retry(t.Context(), first.Key, first.Rev, after(time.Hour), "late"),
	} {
		if stale != nil {
			t.Error(stale)
		}
	}
	got, _ := find(tasksAt(t, s, flows.LaneChat, after(time.Minute)), first.Key)
	if diff := cmp.Diff(anew, got); diff != "" {
		t.Errorf("after a late finish (-want +got):\n%s", diff)
	}
}

func find(tasks []flows.Task, key string) (flows.Task, bool) {
	for _, task := range tasks {
		if task.Key == key {
			return task, true
		}
	}
	return flows.Task{}, false
}

// A task that was done and is wanted later is another one to a worker that still
// holds the first.
func TestRevisionsAreNeverUsedTwice(t *testing.T) {
	s := open(t)
	record := func() flows.Task {
		if err := s.Record(t.Context(), start, flows.Fact{Kind: flows.FactOperator, Text: "started"}); err != nil {
			t.Fatal(err)
		}
		return tasksAt(t, s, flows.LaneChat, start)[0]
	}
	first := record()
	if err := s.Done(t.Context(), first.Key, first.Rev); err != nil {
		t.Fatal(err)
	}
	if got := tasksAt(t, s, flows.LaneChat, start); got != nil {
		t.Errorf("done, and still there: %v", keys(got))
	}
	second := record()
	if err := s.Done(t.Context(), first.Key, first.Rev); err != nil {
		t.Fatal(err)
	}
	if got := tasksAt(t, s, flows.LaneChat, start); !cmp.Equal(got, []flows.Task{second}) {
		t.Errorf("the first worker took the second task: %v", got)
	}
}

func TestNextDue(t *testing.T) {
	s := open(t)
	if _, ok, err := s.NextDue(flows.LaneChat); ok || err != nil {
		t.Errorf("an empty lane: %v, %v", ok, err)
	}
	submit(t, s, start, "k1", draft("alice", "pg", "orders"))
	for i, task := range tasksAt(t, s, flows.LaneChat, start) {
		if err := s.Retry(t.Context(), task.Key, task.Rev, after(time.Duration(9-i)*time.Hour), ""); err != nil {
			t.Fatal(err)
		}
	}
	at, ok, err := s.NextDue(flows.LaneChat)
	if err != nil || !ok || !at.Equal(after(6*time.Hour)) {
		t.Errorf("next due is %v, %v, %v", at, ok, err)
	}
	if _, ok, err := s.NextDue(flows.LaneTarget); ok || err != nil {
		t.Errorf("the other lane: %v, %v", ok, err)
	}
}

func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		woken := map[flows.Lane]*atomic.Int64{flows.LaneChat: {}, flows.LaneTarget: {}}
		stop := make(chan struct{})
		for _, lane := range []flows.Lane{flows.LaneChat, flows.LaneTarget} {
			go func() {
				for {
					select {
					case <-s.Wake(lane):
						woken[lane].Add(1)
					case <-stop:
						return
					}
				}
			}()
		}
		want := func(when string, chat, target int64) {
			t.Helper()
			synctest.Wait()
			if got := [2]int64{woken[flows.LaneChat].Load(), woken[flows.LaneTarget].Load()}; got != [2]int64{chat, target} {
				t.Errorf("%s: woken %v times, want %v", when, got, [2]int64{chat, target})
			}
		}
		want("at first", 0, 0)
		submit(t, s, start, "k1", draft("alice", "pg", "orders"))
		want("submitted", 1, 0)
		apply(t, s, start, "AR-1", approve("bob"))
		want("approved", 2, 1)
		task := tasksAt(t, s, flows.LaneTarget, start)[0]
		if err := s.Retry(t.Context(), task.Key, task.Rev, after(time.Hour), ""); err != nil {
			t.Fatal(err)
		}
		want("put off", 2, 2)
		if err := s.Done(t.Context(), "post/none", 1); err != nil {
			t.Fatal(err)
		}
		want("nothing done", 2, 2)
		_, err := s.Apply(t.Context(), start, "AR-1", approve("bob"))
		wantCode(t, err, flows.CodeLate)
		want("refused", 2, 2)
		close(stop)
	})
}

func TestDoingTasksEmptiesTheLanes(t *testing.T) {
	s := open(t)
	for i := range 20 {
		submit(t, s, after(time.Duration(i)), fmt.Sprint("k", i), draft("alice", "pg", "orders"))
		apply(t, s, after(time.Duration(i)), fmt.Sprintf("AR-%d", i+1), approve("bob"))
		apply(t, s, after(time.Duration(i)), fmt.Sprintf("AR-%d", i+1), flows.Event{Kind: flows.EventGrantFailed, Integration: "pg", Problem: "no"})
		apply(t, s, after(time.Duration(i)), fmt.Sprintf("AR-%d", i+1), flows.Event{Kind: flows.EventGone, Integration: "pg"})
	}
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		for _, task := range must[[]flows.Task](t)(s.Tasks(lane, after(time.Hour), 1000, nil)) {
			if task.Effect.Kind == flows.EffectPost {
				if err := s.SavePost(t.Context(), flows.Post{Key: task.Effect.Post, Message: "m"}); err != nil {
					t.Fatal(err)
				}
			}
			if task.Effect.Kind == flows.EffectAuditChannel {
				events := must[[]flows.AuditEvent](t)(s.Audit(1, 1000))
				if err := s.AdvanceAudit(t.Context(), uint64(len(events))); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Done(t.Context(), task.Key, task.Rev); err != nil {
				t.Fatal(err)
			}
		}
		if count, _, err := s.Backlog(lane); count != 0 || err != nil {
			t.Errorf("%s: %d tasks are left, %v", lane, count, err)
		}
	}
}

// A task keeps every part of its effect but the fact and the seal, which no task
// has. A new field of an effect fails here until effectParts knows it.
func TestTasksKeepTheirEffect(t *testing.T) {
	var e flows.Effect
	n := 0
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		for i := range v.NumField() {
			switch f := v.Field(i); {
			case v.Type() == reflect.TypeFor[flows.Effect]() && slices.Contains([]string{"Kind", "Fact", "Sealed"}, v.Type().Field(i).Name):
			case f.Kind() == reflect.String:
				n++
				f.SetString(fmt.Sprint("part ", n))
			case f.Kind() == reflect.Struct:
				fill(f)
			default:
				t.Errorf("a task cannot keep %s", v.Type().Field(i).Name)
			}
		}
	}
	fill(reflect.ValueOf(&e).Elem())
	for _, kind := range []flows.EffectKind{flows.EffectTarget, flows.EffectPost} {
		e.Kind = kind
		want := flows.Task{Key: e.Key(), Effect: e, Rev: 7, Since: start, Due: start, Tries: 3, Problem: "no"}
		if diff := cmp.Diff(want, must[flows.Task](t)(bolt.Recode(want))); diff != "" {
			t.Errorf("kept (-want +got):\n%s", diff)
		}
	}
}
