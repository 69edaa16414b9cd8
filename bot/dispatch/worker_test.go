package dispatch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"apono/flows"
	"apono/provision"
)

func askAs(p flows.PersonRef, items ...flows.Item) flows.Request {
	r := ask(items...)
	r.Requestor, r.Grantee = p, p
	return r
}

func TestWorkerKeepsRoomForOthers(t *testing.T) {
	tell(t, func(s *story) {
		hang, quick := s.target("hang"), s.target("quick")
		hang.onGrant = func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
		s.targets["hang"], s.targets["quick"] = hang, quick
		for n := range 300 { // more than are read at once
			s.submit(s, askAs(person(n), unit("hang", "x")))
		}
		last := s.submit(s, askAs(person(999), unit("quick", "x")))
		s.start()
		if got := s.status(last.ID, "quick"); got != flows.GroupGranted {
			t.Errorf("%s behind an integration that hangs", got)
		}
		if hang.together() != DefaultPerIntegration {
			t.Errorf("%d at once in one integration, want %d", hang.together(), DefaultPerIntegration)
		}
		if s.given > 2*prefetch {
			t.Errorf("%d tasks read to begin %d", s.given, DefaultPerIntegration+1)
		}
		// Each of those that hang gets its turn.
		s.after(300 / DefaultPerIntegration * DefaultCallTimeout / 10)
		if n := len(hang.log()); n < 28 {
			t.Errorf("%d calls", n)
		}
	})
}

// TestFullPoolIsNotLeftIdle: tasks that were passed over while their integration
// was full follow without a pause.
func TestFullPoolIsNotLeftIdle(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.took = 100 * time.Millisecond
		s.targets["db"] = db
		const n = 300
		for i := range n {
			s.submit(s, askAs(person(i), unit("db", "x")))
		}
		s.start()
		s.after(n / DefaultPerIntegration * db.took)
		if left := s.waiting(flows.LaneTarget); left != nil {
			t.Errorf("%d tasks left", len(left))
		}
	})
}

func TestWorkerLimits(t *testing.T) {
	tests := []struct {
		name string
		busy func(s *story) *target // submits, and returns what is watched
		want int
	}{
		{"one integration", func(s *story) *target {
			db := s.target("db")
			db.took = time.Second
			s.targets["db"] = db
			for n := range 20 {
				s.submit(s, askAs(person(n), unit("db", "x")))
			}
			return db
		}, DefaultPerIntegration},
		{"all integrations", func(s *story) *target {
			db := s.target("all")
			db.took = time.Second
			for n := range 20 {
				name := fmt.Sprintf("db%d", n)
				s.targets[name] = db
				s.submit(s, askAs(person(n), unit(name, "x")))
			}
			return db
		}, DefaultTargets},
		{"one person in one integration", func(s *story) *target {
			db := s.target("db")
			db.took = time.Second
			s.targets["db"] = db
			for range 10 {
				s.submit(s, ask(unit("db", "x")))
			}
			return db
		}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				db := tt.busy(s)
				s.start()
				s.after(time.Minute)
				if db.together() != tt.want {
					t.Errorf("%d at once, want %d", db.together(), tt.want)
				}
				if left := s.waiting(flows.LaneTarget); left != nil {
					t.Errorf("tasks left: %v", left)
				}
			})
		})
	}
}

func TestWorkerWakes(t *testing.T) {
	tell(t, func(s *story) {
		s.targets["db"] = s.target("db")
		s.start()
		s.after(3*idlePoll + time.Second)
		r := s.submit(s, ask(unit("db", "x")))
		s.after(0)
		if got := s.status(r.ID, "db"); got != flows.GroupGranted {
			t.Errorf("%s though the worker was woken", got)
		}
	})
}

// TestWorkerLooksWithoutAWake: a lost wake delays and loses nothing.
func TestWorkerLooksWithoutAWake(t *testing.T) {
	tell(t, func(s *story) {
		s.targets["db"] = s.target("db")
		s.memory.wake[flows.LaneTarget] = make(chan struct{})
		s.start()
		r := s.submit(s, ask(unit("db", "x")))
		s.after(idlePoll)
		if got := s.status(r.ID, "db"); got != flows.GroupGranted {
			t.Errorf("%s after a poll", got)
		}
	})
}

// TestIdleWorkerIsQuiet: nothing to do costs next to nothing.
func TestIdleWorkerIsQuiet(t *testing.T) {
	tell(t, func(s *story) {
		s.start()
		s.wants(time.Now().Add(time.Hour), flows.Effect{Kind: flows.EffectTarget, Request: "AR-1", Integration: "db"})
		s.after(59 * time.Minute)
		if s.reads > int(time.Hour/idlePoll)*2 {
			t.Errorf("%d looks at one task in an hour", s.reads)
		}
	})
}

// TestClockSetBack: a task that was put off before the clock was set back is done
// at once, not hours later.
func TestClockSetBack(t *testing.T) {
	tell(t, func(s *story) {
		s.targets["db"] = s.target("db")
		r := s.submit(s, ask(unit("db", "x")))
		task := s.tasks["target/AR-1/db"]
		task.Due = time.Now().Add(5 * time.Hour)
		s.tasks[task.Key] = task
		s.start()
		if got := s.status(r.ID, "db"); got != flows.GroupGranted {
			t.Errorf("%s", got)
		}
		if !strings.Contains(s.text(), "clock_was_set_back") {
			t.Error("nobody is told")
		}
	})
}

func TestManyDueAtOnce(t *testing.T) {
	tell(t, func(s *story) {
		const integrations, n = 10, 2000
		var all []*target
		for i := range integrations {
			d := s.target(fmt.Sprintf("db%d", i))
			d.took = 10 * time.Millisecond
			s.targets[d.name] = d
			all = append(all, d)
		}
		s.options.Log = nil
		for i := range n {
			s.submit(s, askAs(person(i), unit(all[i%integrations].name, "x")))
		}
		began := time.Now()
		s.start()
		for len(s.waiting(flows.LaneTarget)) > 0 && time.Since(began) < time.Minute {
			s.after(100 * time.Millisecond)
		}
		took := time.Since(began)
		if ideal := n / DefaultTargets * 10 * time.Millisecond; took > ideal*11/10 {
			t.Errorf("took %s, ideal is %s", took, ideal)
		}
		for _, r := range s.requests {
			if r.State != flows.StateActive {
				t.Fatalf("%s is %s", r.ID, r.State)
			}
		}
		for _, d := range all {
			if len(d.log()) != n/integrations {
				t.Errorf("%s was asked %d times", d.name, len(d.log()))
			}
		}
	})
}

func TestStopLetsTheActFinish(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.took = 5 * time.Second
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "x")))
		for range 3 {
			s.submit(s, ask(unit("db", "x")))
		}
		s.start()
		s.end()
		if got := s.status(r.ID, "db"); got != flows.GroupGranted {
			t.Errorf("%s", got)
		}
		if n := len(db.log()); n != 1 {
			t.Errorf("%d grants, want none begun after the stop", n)
		}
	})
}

func TestStopCutsOffAfterTheGrace(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.onGrant = func(ctx context.Context, _ int) error { <-ctx.Done(); return ctx.Err() }
		s.targets["db"] = db
		s.submit(s, ask(unit("db", "x")))
		s.start()
		began := time.Now()
		s.end()
		if took := time.Since(began); took != DefaultGrace {
			t.Errorf("stopped after %s", took)
		}
		if task, _ := s.task("target/AR-1/db"); task.Tries != 0 || task.Due.After(time.Now()) {
			t.Errorf("the end of the bot counts against the target: %+v", task)
		}
		if got := s.results(); !slices.Equal(got, []Result{ResultStopped}) {
			t.Errorf("results %v", got)
		}
	})
}

func TestStopDoesNotWaitForEver(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		release := make(chan struct{})
		db.onGrant = func(context.Context, int) error { <-release; return nil }
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "x")))
		s.start()
		began := time.Now()
		if err := s.stop(); err == nil || !strings.Contains(err.Error(), "1 tasks did not end") {
			t.Errorf("stopping said %v", err)
		}
		s.stop = nil
		if took := time.Since(began); took != DefaultGrace+cutOffGrace {
			t.Errorf("stopped after %s", took)
		}
		s.breakDown(errDown) // closed
		close(release)
		s.after(time.Minute)
		if got := s.status(r.ID, "db"); got != flows.GroupGranting {
			t.Errorf("%s was recorded after the end", got)
		}
	})
}

func TestPanicOutsideDriversIsContained(t *testing.T) {
	tell(t, func(s *story) {
		s.targets["db"] = nil // a bug in the wiring
		s.targets["ok"] = s.target("ok")
		s.submit(s, ask(unit("db", "x")))
		r := s.submit(s, ask(unit("ok", "x")))
		s.start()
		if got := s.status(r.ID, "ok"); got != flows.GroupGranted {
			t.Errorf("%s", got)
		}
		if task, ok := s.task("target/AR-1/db"); !ok || !strings.Contains(task.Problem, "panic") {
			t.Errorf("the operator sees %+v", task)
		}
	})
}

func TestHooksCount(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.took = time.Second
		db.onGrant = func(_ context.Context, n int) error { return map[int]error{1: retryErr(time.Minute)}[n] }
		s.targets["db"] = db
		most := 0
		s.options.Hooks.Running = func(_ flows.Lane, n int) { most = max(most, n) }
		s.submit(s, ask(unit("db", "x")))
		s.start()
		s.after(2 * time.Minute)
		want := []Try{
			{Lane: flows.LaneTarget, Kind: flows.EffectTarget, Integration: "db", Result: ResultRetry, Took: time.Second},
			{
				Lane: flows.LaneTarget, Kind: flows.EffectTarget, Integration: "db", Result: ResultDone, Took: time.Second,
				Waited: time.Minute + time.Second, Tries: 1,
			},
		}
		if !slices.Equal(s.tries, want) || most != 1 {
			t.Errorf("%+v, at most %d running", s.tries, most)
		}
	})
}

func TestProblemIsCutByRunes(t *testing.T) {
	long := strings.Repeat("ü", 400)
	got := problemOf(&provision.Error{Integration: "db", Op: "grant", Kind: provision.KindRetry, Message: long})
	if len(got) > maxProblem || strings.ContainsRune(got, '�') || !strings.HasSuffix(got, "…") {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	if got := cut("a\xffb", 10); got != "a�b" {
		t.Errorf("%q", got)
	}
}

func TestBackoffSpreads(t *testing.T) {
	seen := map[time.Duration]bool{}
	for i := range 50 {
		d := revokeBackoff.delay(fmt.Sprintf("target/AR-%d/db", i), 20, 0)
		if d > time.Minute || d < 45*time.Second {
			t.Errorf("delay %s", d)
		}
		seen[d] = true
	}
	if len(seen) < 25 {
		t.Errorf("50 tasks come back at %d moments", len(seen))
	}
	if d := grantBackoff.delay("k", 1<<20, 0); d > 5*time.Minute {
		t.Errorf("delay %s after many tries", d)
	}
}
