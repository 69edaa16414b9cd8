package main

import (
	"context"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
)

// The numbers are those of a list of defects that another team had to mend in a
// service like this one.

// inWorld tells a story in a bubble, under a policy. It begins with a bot that Slack
// can reach.
func inWorld(t *testing.T, policy string, tell func(r *crashRun)) {
	t.Helper()
	inWorldOf(t, readFile(t, filepath.Join("testdata", "world.yaml")), policy, tell)
}

// inWorldOf tells a story where the bot is connected as base says.
func inWorldOf(t *testing.T, base, policy string, tell func(r *crashRun)) {
	t.Helper()
	dir := memory(t)
	synctest.Test(t, func(t *testing.T) {
		r := &crashRun{t: t, ctx: context.Background(), world: newWorld(t, dir, base+policy)}
		defer r.world.end()
		if err := r.world.start(); err != nil {
			t.Fatal(err)
		}
		if !r.world.ready() {
			t.Fatal("Slack cannot reach the bot")
		}
		tell(r)
	})
}

func (r *crashRun) approve() {
	r.t.Helper()
	r.click("bob", "Access request AR-1", "Approve", func() bool { return r.dm("alice", "AR-1 granted") })
}

// slowEyes is a store between whose look at what is due and its writes something
// happens.
type slowEyes struct {
	*bolt.Store
	between func()
}

func (s slowEyes) Due(now time.Time, limit int) ([]string, error) {
	ids, err := s.Store.Due(now, limit)
	s.between()
	return ids, err
}

// TestDefect02_StaleListOverwritesWithdrawal: a request is withdrawn after the
// sweep has listed it as timed out. What comes first stays.
func TestDefect02_StaleListOverwritesWithdrawal(t *testing.T) {
	inWorld(t, crashFlows, func(r *crashRun) {
		r.ask()
		store := r.world.current().app.store
		req, err := store.Request("AR-1")
		if err != nil {
			t.Fatal(err)
		}
		// The sweeper's own clock stands at the moment of the time-out; the withdrawal
		// was made just before and is committed in between.
		if err := r.world.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(req.PendingUntil))
		reopened, err := bolt.Open(r.world.path, bolt.Options{NoSync: true})
		if err != nil {
			t.Fatal(err)
		}
		listed := 0
		eyes := slowEyes{reopened, func() {
			if listed++; listed > 1 {
				return
			}
			ev := flows.Event{Kind: flows.EventWithdraw, By: req.Requestor}
			if _, err := reopened.Apply(r.ctx, req.PendingUntil.Add(-time.Second), req.ID, ev); err != nil {
				t.Errorf("withdraw: %v", err)
			}
		}}
		sweeper, err := sweep.New(sweep.Options{Requests: eyes, Inbox: reopened, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := sweeper.RunNow(r.ctx); err != nil {
			t.Errorf("sweep: %v", err)
		}
		if got, err := reopened.Request(req.ID); err != nil || got.State != flows.StateWithdrawn {
			t.Errorf("the request is %s, %v; want withdrawn", got.State, err)
		}
		if err := reopened.Close(); err != nil {
			t.Error(err)
		}
		if err := r.world.start(); err != nil {
			t.Fatal(err)
		}
		r.wait("both are told", time.Minute, func() bool { return r.dm("alice", "AR-1 withdrawn") && r.dm("bob", "Withdrawn by Alice") })
	})
}

// TestDefect21_StopWhileASystemHangs: whoever stops the bot does not wait for a
// system that never answers, and the end of the access is not forgotten.
func TestDefect21_StopWhileASystemHangs(t *testing.T) {
	inWorld(t, crashFlows, func(r *crashRun) {
		r.ask()
		r.approve()
		_, release := r.world.systems["support-desk"].Hang()
		defer release()
		time.Sleep(62 * time.Second) // the revoke is under way
		begun := time.Now()
		if err := r.world.stop(); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took > stopWithin {
			t.Errorf("stopping took %s; want at most %s", took, stopWithin)
		}
		r.world.current().app.running.Wait()
		release()
		if err := r.world.start(); err != nil {
			t.Fatal(err)
		}
		r.wait("the access ends", 10*time.Second, func() bool { return len(r.world.systems["support-desk"].All()) == 0 })
		r.wait("alice is told", time.Minute, func() bool { return r.dm("alice", "AR-1 expired") })
	})
}

// TestDefect24_EveryMetricIsSet: each metric that is registered says something
// else than zero at some moment of a story in which everything happens.
func TestDefect24_EveryMetricIsSet(t *testing.T) {
	inWorld(t, crashFlows, func(r *crashRun) {
		said := map[string]bool{}
		look := func() {
			families, err := r.world.current().app.metrics.Registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				for _, m := range f.GetMetric() {
					said[f.GetName()] = said[f.GetName()] ||
						m.GetCounter().GetValue()+m.GetGauge().GetValue()+float64(m.GetHistogram().GetSampleCount()) != 0
				}
			}
		}
		r.ask()
		look()
		r.approve()
		_, release := r.world.systems["support-desk"].Hang()
		time.Sleep(62 * time.Second)
		look() // a revoke is under way
		time.Sleep(6 * time.Minute)
		look() // and overdue
		release()
		r.wait("it ends", 5*time.Minute, func() bool { return r.dm("alice", "AR-1 expired") })
		look()
		own := 0
		for name, ok := range said {
			if strings.HasPrefix(name, "apono_") {
				if own++; !ok && name != "apono_store_unreadable_rows" && name != "apono_store_panics_total" && name != "apono_preflight_problems" { // which TestProcess/metrics, tests of the store and TestPreflight see
					t.Errorf("%s never said anything but zero", name)
				}
			}
		}
		if own < 15 {
			t.Errorf("only %d metrics of our own were seen", own)
		}
	})
}
