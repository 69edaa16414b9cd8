package dispatch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"apono/flows"
	"apono/provision"

	"github.com/google/go-cmp/cmp"
)

func TestGrantHandsOverWhatTheTargetGaveOut(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.fields = []provision.Field{
			{Name: "Host", Value: "db.example.com"}, {Name: "Password", Value: "hunter2", Secret: true},
		}
		s.targets["db"] = &rotating{target: db}
		r := s.submit(s, ask(unit("db", "orders")))
		began := time.Now()
		s.start()

		r = s.get(s, r.ID)
		if r.State != flows.StateActive || !r.EndsAt.Equal(began.Add(time.Hour)) {
			t.Errorf("state %s, ends %s", r.State, r.EndsAt)
		}
		want := flows.AccessGroup{
			Integration: "db", Items: []flows.Item{unit("db", "orders")}, Status: flows.GroupGranted, BegunAt: began.UTC(), GrantedAt: began.UTC(),
			Details: []flows.Detail{{Name: "Host", Value: "db.example.com"}}, Instructions: "Connect with psql.\nUse the VPN.",
			Secret: flows.SecretAvailable, SecretUntil: began.Add(time.Hour).UTC(), CanReset: true, Issue: 1,
		}
		if diff := cmp.Diff(want, r.Groups[0]); diff != "" {
			t.Errorf("access group (-want +got):\n%s", diff)
		}
		if got := string(s.sealed["AR-1/db"]); got != `sealed:[{"name":"Password","value":"hunter2"}]` {
			t.Errorf("sealed %s", got)
		}
		g := db.last()
		if g.ID != "AR-1/db" || g.Request != "AR-1" || g.Person != alice || g.Call != "AR-1/db/grant" {
			t.Errorf("the grant was %+v", g)
		}
		if late := g.NotAfter.Sub(r.EndsAt); late != expirySlack {
			t.Errorf("the target may end it %s after the end", late)
		}
		if left := s.waiting(flows.LaneTarget); left != nil {
			t.Errorf("tasks left: %v", left)
		}
		if diff := cmp.Diff([]Result{ResultDone}, s.results()); diff != "" {
			t.Error(diff)
		}
		if strings.Contains(s.text(), "hunter2") {
			t.Error("the log holds a secret")
		}
	})
}

func TestNotAfterNeverComesBeforeTheEnd(t *testing.T) {
	tests := []struct {
		name   string
		draft  flows.Request
		bounds [2]time.Duration // of NotAfter after the submission
	}{
		{"one group", ask(unit("db", "a")), [2]time.Duration{time.Hour, time.Hour + expirySlack}},
		{"two groups", ask(unit("db", "a"), unit("hang", "b")), [2]time.Duration{time.Hour + GrantDeadline, time.Hour + GrantDeadline + 5*time.Minute}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				db, hang := s.target("db"), s.target("hang")
				hang.onGrant = func(context.Context, int) error { return retryErr(0) }
				s.targets["db"], s.targets["hang"] = db, hang
				began := time.Now()
				r := s.submit(s, tt.draft)
				s.start()
				if got := db.last().NotAfter.Sub(began); got < tt.bounds[0] || got > tt.bounds[1] {
					t.Errorf("NotAfter %s after the submission, want within %s", got, tt.bounds)
				}
				s.after(GrantDeadline + time.Minute)
				if r = s.get(s, r.ID); db.last().NotAfter.Before(r.EndsAt) {
					t.Errorf("NotAfter %s is before the end %s", db.last().NotAfter, r.EndsAt)
				}
			})
		})
	}
	t.Run("indefinite", func(t *testing.T) {
		tell(t, func(s *story) {
			db := s.target("db")
			s.targets["db"] = db
			draft := ask(unit("db", "a"))
			draft.Indefinite, draft.Duration = true, 0
			s.submit(s, draft)
			s.start()
			if got := db.last().NotAfter; !got.IsZero() {
				t.Errorf("NotAfter %s, want none", got)
			}
		})
	})
}

// TestGrantErrors tells what becomes of a grant after each kind of error.
func TestGrantErrors(t *testing.T) {
	fail := func(errs ...error) func(context.Context, int) error {
		return func(_ context.Context, n int) error {
			if n <= len(errs) {
				return errs[n-1]
			}
			return nil
		}
	}
	tests := []struct {
		name    string
		onGrant func(context.Context, int) error
		wait    time.Duration
		state   flows.State
		problem string
		calls   []string
		results []Result
	}{
		{
			name: "refused is taken back and not tried again", onGrant: fail(refusedErr()), wait: time.Hour,
			state: flows.StateFailed, problem: "There is no such role.",
			calls: []string{"grant AR-1/db orders", "revoke AR-1/db orders"}, results: []Result{ResultRefused, ResultDone},
		},
		{
			name: "busy is tried again", onGrant: fail(retryErr(0), retryErr(0)), wait: 3 * time.Second, state: flows.StateActive,
			calls: []string{"grant AR-1/db orders", "grant AR-1/db orders", "grant AR-1/db orders"}, results: []Result{ResultRetry, ResultRetry, ResultDone},
		},
		{
			name: "unknown is tried again", onGrant: fail(unknownErr()), wait: time.Second, state: flows.StateActive,
			calls: []string{"grant AR-1/db orders", "grant AR-1/db orders"}, results: []Result{ResultUnknown, ResultDone},
		},
		{
			name: "an error of no kind is unknown", onGrant: fail(errors.New("boom")), wait: time.Second, state: flows.StateActive,
			calls: []string{"grant AR-1/db orders", "grant AR-1/db orders"}, results: []Result{ResultUnknown, ResultDone},
		},
		{
			name: "a panic is unknown",
			onGrant: func(_ context.Context, n int) error {
				if n == 1 {
					panic("index out of range")
				}
				return nil
			},
			wait: time.Second, state: flows.StateActive,
			calls: []string{"grant AR-1/db orders", "grant AR-1/db orders"}, results: []Result{ResultPanic, ResultDone},
		},
		{
			name: "a time-out is unknown",
			onGrant: func(ctx context.Context, n int) error {
				if n == 1 {
					<-ctx.Done()
					return ctx.Err()
				}
				return nil
			},
			wait: DefaultCallTimeout + time.Second, state: flows.StateActive,
			calls: []string{"grant AR-1/db orders", "grant AR-1/db orders"}, results: []Result{ResultUnknown, ResultDone},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				db := s.target("db")
				db.onGrant = tt.onGrant
				s.targets["db"] = db
				r := s.submit(s, ask(unit("db", "orders")))
				s.start()
				s.after(tt.wait)
				r = s.get(s, r.ID)
				if r.State != tt.state || r.Groups[0].Problem != tt.problem {
					t.Errorf("state %s, problem %q", r.State, r.Groups[0].Problem)
				}
				if diff := cmp.Diff(tt.calls, db.log()); diff != "" {
					t.Errorf("calls (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.results, s.results()); diff != "" {
					t.Errorf("results (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestUnknownGrantIsLookedUp(t *testing.T) {
	tell(t, func(s *story) {
		db := &checking{target: s.target("db")}
		db.fields = []provision.Field{{Name: "Password", Value: "pw", Secret: true}}
		db.onGrant = func(_ context.Context, n int) error {
			if n == 1 {
				db.held["AR-1/db orders"] = true // it took effect; the answer was lost
				return unknownErr()
			}
			return nil
		}
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.start() // no time passes: the target is not backed off from
		if got := s.status(r.ID, "db"); got != flows.GroupGranted || db.checks != 1 || len(db.log()) != 2 {
			t.Errorf("%s after %d checks and %v", got, db.checks, db.log())
		}
		if len(s.sealed["AR-1/db"]) == 0 {
			t.Error("the credentials were lost with the answer")
		}
	})
	tell(t, func(s *story) {
		db := &checking{target: s.target("db")}
		db.onGrant = func(_ context.Context, n int) error { return map[int]error{1: unknownErr()}[n] }
		s.targets["db"] = db
		s.submit(s, ask(unit("db", "orders")))
		s.start()
		if len(db.log()) != 1 || db.checks != 1 {
			t.Errorf("a grant that did not take was repeated at once: %v", db.log())
		}
	})
}

func TestGrantBacksOffUntilTheDeadline(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		var at []time.Time
		db.onGrant = func(context.Context, int) error { at = append(at, time.Now()); return retryErr(0) }
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		decided := time.Now()
		s.start()
		s.after(2 * time.Second)
		if task, _ := s.task("target/AR-1/db"); task.Tries != 2 || task.Problem == "" {
			t.Errorf("after two tries the task is %+v", task)
		}
		s.after(GrantDeadline - 2*time.Second - time.Nanosecond)
		if got := s.status(r.ID, "db"); got != flows.GroupGranting {
			t.Errorf("%s before the deadline", got)
		}
		s.after(time.Nanosecond)
		r = s.get(s, r.ID)
		if r.State != flows.StateFailed || r.Groups[0].Problem != "db could not be reached for 30 minutes." {
			t.Errorf("%s, %q at the deadline", r.State, r.Groups[0].Problem)
		}
		for i := 1; i < len(at)-1; i++ {
			full := min(5*time.Minute, time.Second<<(i-1))
			if gap := at[i].Sub(at[i-1]); gap > full || gap < full*3/4 {
				t.Errorf("try %d came after %s, want up to a quarter less than %s", i+1, gap, full)
			}
		}
		if last := at[len(at)-1].Sub(decided); last >= GrantDeadline {
			t.Errorf("a grant was begun %s after the decision", last)
		}
		if len(at) < 12 {
			t.Errorf("only %d tries in half an hour", len(at))
		}
	})
}

func TestGrantWaitsAsLongAsTheTargetAsks(t *testing.T) {
	for _, tt := range []struct{ asked, want time.Duration }{
		{42 * time.Second, 42 * time.Second}, {24 * time.Hour, maxRetryAfter},
	} {
		tell(t, func(s *story) {
			db := s.target("db")
			db.onGrant = func(_ context.Context, n int) error {
				if n == 1 {
					return retryErr(tt.asked)
				}
				return nil
			}
			s.targets["db"] = db
			s.submit(s, ask(unit("db", "orders")))
			s.start()
			s.after(tt.want - time.Nanosecond)
			if n := len(db.log()); n != 1 {
				t.Errorf("asked %s: %d calls too early", tt.asked, n)
			}
			s.after(time.Nanosecond)
			if n := len(db.log()); n != 2 {
				t.Errorf("asked %s: %d calls in time, want 2", tt.asked, n)
			}
		})
	}
}

func TestGrantIsNotBegunAfterTheDeadline(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		s.targets["db"] = db
		r := s.submit(s, ask(unit("db", "orders")))
		s.after(GrantDeadline) // the bot is down
		s.start()
		if diff := cmp.Diff([]string{"revoke AR-1/db orders"}, db.log()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
		if r = s.get(s, r.ID); r.State != flows.StateFailed || r.Groups[0].Problem != "db was not reached within 30 minutes of the decision." {
			t.Errorf("%s, %q", r.State, r.Groups[0].Problem)
		}
	})
}

func TestGrantInWhatIsNotConnectedFails(t *testing.T) {
	tell(t, func(s *story) {
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		r = s.get(s, r.ID)
		if r.Groups[0].Status != flows.GroupUndoing || r.Groups[0].Problem != "db is not connected any more." {
			t.Errorf("%s, %q", r.Groups[0].Status, r.Groups[0].Problem)
		}
		s.after(10 * time.Minute) // what it may hold is revoked once it is back
		s.restart(func() { s.targets["db"] = s.target("db") })
		if r = s.get(s, r.ID); r.State != flows.StateFailed {
			t.Errorf("%s once the integration is back", r.State)
		}
	})
}

func TestCredentialsThatCannotBeSealedAreAskedForAgain(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		db.fields = []provision.Field{{Name: "Password", Value: "hunter2", Secret: true}}
		s.targets["db"] = db
		s.options.Sealer = wrap{err: errors.New("no key")}
		r := s.submit(s, ask(unit("db", "orders")))
		s.start()
		if got := s.status(r.ID, "db"); got != flows.GroupGranting {
			t.Errorf("%s without credentials", got)
		}
		task, _ := s.task("target/AR-1/db")
		if !strings.Contains(task.Problem, "no key") || strings.Contains(task.Problem+s.text(), "hunter2") {
			t.Errorf("the operator reads %q", task.Problem)
		}
	})
}

// restart changes the world while no worker runs.
func (s *story) restart(change func()) {
	s.end()
	change()
	s.start()
	s.after(time.Minute)
}

func person(n int) flows.PersonRef {
	return flows.PersonRef{Email: fmt.Sprintf("p%d@example.com", n), Name: fmt.Sprintf("P%d", n)}
}

// TestGrantOfALostRight: what lost its right after the decision is not granted.
func TestGrantOfALostRight(t *testing.T) {
	tell(t, func(s *story) {
		db := s.target("db")
		s.targets["db"] = db
		s.options.Lost = func(r *flows.Request) (string, bool) {
			return "The access flow Read was switched off.", r.ID == "AR-1"
		}
		lost, kept := s.submit(s, ask(unit("db", "a"))), s.submit(s, ask(unit("db", "b")))
		s.start()
		if r := s.get(s, lost.ID); r.State != flows.StateRevoked || r.Ending.Reason != "The access flow Read was switched off." {
			t.Errorf("%s, %+v", r.State, r.Ending)
		}
		if r := s.get(s, kept.ID); r.State != flows.StateActive {
			t.Errorf("the other is %s", r.State)
		}
		if diff := cmp.Diff([]string{"AR-2/db b"}, db.holds()); diff != "" {
			t.Errorf("held (-want +got):\n%s", diff)
		}
		for _, call := range db.log() {
			if call == "grant AR-1/db a" {
				t.Error("the target was asked to grant it")
			}
		}
	})
}

// TestTimeCountsFromTheFirstTry that may have taken, and every try says the same end.
func TestTimeCountsFromTheFirstTry(t *testing.T) {
	tests := []struct {
		name  string
		first error // of the first try; nil: the bot dies in it
		ends  time.Duration
		state flows.State
		wait  time.Duration // before the bot is there again
	}{
		{"the bot died in it", nil, time.Hour, flows.StateActive, 20 * time.Minute},
		{"nobody knows what became of it", unknownErr(), time.Hour, flows.StateActive, 0},
		{"the target says it took nothing", retryErr(0), time.Hour + grantBackoff.delay("target/AR-1/db", 0, 0), flows.StateActive, 0},
		{"the bot was dead for the whole time", nil, 0, flows.StateFailed, 90 * time.Minute},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tell(t, func(s *story) {
				db := s.target("db")
				s.targets["db"] = db
				db.onGrant = func(_ context.Context, n int) error {
					if n == 1 && tt.first == nil {
						s.breakDown(errDown)
					}
					if n == 1 {
						return tt.first
					}
					return nil
				}
				began := time.Now()
				r := s.submit(s, ask(unit("db", "orders")))
				s.start()
				if tt.first == nil {
					s.end()
					time.Sleep(tt.wait)
					s.breakDown(nil)
					s.start()
				}
				s.after(2 * time.Second)
				r = s.get(s, r.ID)
				if got := r.EndsAt.Sub(began); r.State != tt.state || tt.ends > 0 && got != tt.ends {
					t.Errorf("%s, ends %s after the first try, want %s", r.State, got, tt.ends)
				}
				for _, g := range db.grants {
					if late := g.NotAfter.Sub(r.EndsAt); tt.ends > 0 && g.Call == "AR-1/db/grant" && late > expirySlack {
						t.Errorf("a try may last until %s after the end", late)
					}
				}
				if tt.state == flows.StateFailed && (len(db.holds()) > 0 || r.Groups[0].Problem == "") {
					t.Errorf("held %v, problem %q", db.holds(), r.Groups[0].Problem)
				}
			})
		})
	}
}
