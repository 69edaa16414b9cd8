package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"apono/cmd/bot/internal/config"
	"apono/flows"
	"apono/store/bolt"
	"apono/store/bolt/bolttest"
)

var past = flag.Int("past", 100_000, "requests that are over, for BenchmarkStart")

// BenchmarkClickToAck is what a person waits for after a press: from Slack, over a
// socket of the bot's process, to the disk and back. Slack allows three seconds.
func BenchmarkClickToAck(b *testing.B) {
	binary := built(b)
	for _, together := range []int{1, 64} {
		b.Run(fmt.Sprint(together), func(b *testing.B) {
			people := demoPeople()
			people.NoRateLimits = true
			w := newTown(b, binary, people)
			w.start().ready()
			card, bob := w.asked("AR-1", "INC-12"), w.ws.As(slackBob)
			took := make([]time.Duration, b.N)
			b.ResetTimer()
			inParallel(b, together, b.N, func(i int) error {
				began := time.Now()
				err := bob.ClickStale(w.ctx, card, "Approve")
				took[i] = time.Since(began)
				return err
			})
			b.StopTimer()
			slices.Sort(took)
			b.ReportMetric(ms(took[len(took)/2]), "p50-ms")
			b.ReportMetric(ms(took[len(took)*99/100]), "p99-ms")
		})
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// inParallel calls fn for 0 … n-1 from some goroutines.
func inParallel(b *testing.B, together, n int, fn func(i int) error) {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(together, n) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := fn(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// archive opens the store of a town for filling, without waiting for the disk.
func (w *town) archive() *bolt.Store {
	w.t.Helper()
	s, err := bolt.Open(w.storePath(), bolt.Options{NoSync: true})
	w.must(err)
	return s
}

// grants adds n grants of an access each for d to the store, as of now.
func (w *town) grants(b *testing.B, s *bolt.Store, n int, now time.Time, d time.Duration) (ids []string) {
	b.Helper()
	const together = 500
	for len(ids) < n {
		drafts := make([]flows.Request, min(together, n-len(ids)))
		for i := range drafts {
			drafts[i] = draftOf(len(ids)+i, d)
		}
		made, err := s.Submit(b.Context(), now, fmt.Sprint(now, d, len(ids)), drafts)
		w.must(err)
		for _, r := range made {
			ids = append(ids, r.ID)
		}
	}
	w.each(b, s, ids, now, flows.Event{Kind: flows.EventGranted, Integration: "support-desk"})
	return ids
}

func draftOf(i int, d time.Duration) flows.Request {
	who := flows.PersonRef{Email: fmt.Sprintf("person%d@example.com", i%5000), Name: fmt.Sprintf("Person %d", i%5000)}
	queue := fmt.Sprintf("q-%d", i)
	return flows.Request{
		Trigger: flows.TriggerSelfServe, Requestor: who, Grantee: who, Flow: "Developers help support", FlowHash: "1", Bundle: "ticket-rush",
		Justification: "INC-12: the refunds queue is burning", Duration: d, Need: flows.Need{Automatic: true},
		Groups: []flows.AccessGroup{{Integration: "support-desk", Items: []flows.Item{{
			Unit:         flows.Unit{Integration: "support-desk", ResourceType: "queue", Resource: queue, Permission: "read"},
			ResourceName: queue, TypeName: "Queue", PermissionName: "Read",
		}}}},
	}
}

func (w *town) each(b *testing.B, s *bolt.Store, ids []string, now time.Time, ev flows.Event) {
	b.Helper()
	inParallel(b, 256, len(ids), func(i int) error {
		_, err := s.Apply(b.Context(), now, ids[i], ev)
		return err
	})
}

// settled does what is in the outbox without anybody seeing it.
func (w *town) settled(b *testing.B, s *bolt.Store) {
	b.Helper()
	for _, lane := range []flows.Lane{flows.LaneTarget, flows.LaneChat} {
		for {
			tasks, err := s.Tasks(lane, time.Now().Add(time.Hour), 2000, nil)
			w.must(err)
			if len(tasks) == 0 {
				break
			}
			inParallel(b, 256, len(tasks), func(i int) error { return s.Done(b.Context(), tasks[i].Key, tasks[i].Rev) })
		}
	}
	stats, err := s.Stats()
	w.must(err)
	w.must(s.AdvanceAudit(b.Context(), stats.Events))
}

// application is the bot of a town in this process. Nothing runs yet.
func (w *town) application(b *testing.B) *App {
	b.Helper()
	reg, err := registry()
	w.must(err)
	cfg, report := config.Load(b.Context(), config.Options{Path: w.configPath(), Registry: reg, LookupEnv: func(name string) (string, bool) {
		for _, kv := range w.env {
			if value, ok := strings.CutPrefix(kv, name+"="); ok {
				return value, true
			}
		}
		return "", false
	}})
	w.must(report.Err())
	app, err := New(Options{Config: cfg, Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	return app
}

// BenchmarkLateness is how late the bot begins to end an access on a store with
// 10,000 live grants, ten of which run out at one moment.
func BenchmarkLateness(b *testing.B) {
	const live, ending = 10_000, 10
	var worst, sum time.Duration
	n := 0
	for b.Loop() {
		w := newTown(b, "", demoPeople())
		s := w.archive()
		w.grants(b, s, live, time.Now(), time.Hour)
		w.settled(b, s)
		ids := w.grants(b, s, ending, time.Now(), 3*time.Second) // the bot is there before
		w.settled(b, s)
		w.must(s.Close())
		app := w.application(b)
		ctx, cancel := context.WithCancel(b.Context())
		done := make(chan error, 1)
		go func() { done <- app.sweeper.Run(ctx) }()
		for _, id := range ids {
			w.soon(id+" ends", func() bool {
				r, err := app.store.Request(id)
				w.must(err)
				if r.State != flows.StateRevoking {
					return false
				}
				n, sum, worst = n+1, sum+r.EndingAt.Sub(r.EndsAt), max(worst, r.EndingAt.Sub(r.EndsAt))
				return true
			})
		}
		cancel()
		w.must(<-done)
		app.Stop()
	}
	b.ReportMetric(ms(sum)/float64(n), "mean-ms")
	b.ReportMetric(ms(worst), "worst-ms")
}

// BenchmarkDueAtOnce is how long the first sweep takes when 100,000 grants ran out
// while the bot was away.
func BenchmarkDueAtOnce(b *testing.B) {
	const due = 100_000
	var took time.Duration
	n := 0
	for b.Loop() {
		w := newTown(b, "", demoPeople())
		s := w.archive()
		w.grants(b, s, due, time.Now().Add(-time.Hour), time.Minute)
		w.settled(b, s)
		w.must(s.Close())
		app := w.application(b)
		began := time.Now()
		w.must(app.sweeper.RunNow(b.Context()))
		took += time.Since(began)
		n++
		if left, err := app.store.ByState(flows.StateActive, 0, 1); err != nil || len(left) > 0 {
			b.Errorf("left active: %v, %v", left, err)
		}
		app.Stop()
	}
	b.ReportMetric(took.Seconds()/float64(n), "s/sweep")
	b.ReportMetric(due*float64(n)/took.Seconds(), "grants/s")
}

// BenchmarkScrape is what a look at /metrics costs with 10,000 live grants.
func BenchmarkScrape(b *testing.B) {
	w := newTown(b, "", demoPeople())
	s := w.archive()
	w.grants(b, s, 10_000, time.Now(), time.Hour)
	w.settled(b, s)
	w.must(s.Close())
	app := w.application(b)
	defer app.Stop()
	for b.Loop() {
		if _, err := app.metrics.Registry.Gather(); err != nil {
			b.Fatal(err)
		}
	}
}

var residue = regexp.MustCompile(`(?m)^Vm(RSS|HWM):\s+(\d+) kB$`)

// BenchmarkStart is how long a start takes and what memory it needs with many
// requests that are over: the time until the bot is ready, and its resident memory.
func BenchmarkStart(b *testing.B) {
	binary := built(b)
	w := newTown(b, binary, demoPeople())
	began := time.Now()
	bolttest.Past(b, w.storePath(), *past, began.Add(-30*24*time.Hour))
	s := w.archive()
	stats, err := s.Stats()
	w.must(err)
	w.must(s.Close())
	info, err := os.Stat(w.storePath())
	w.must(err)
	b.Logf("%d past requests made in %s, %d bytes, of which %d are free", *past, time.Since(began).Round(time.Second), info.Size(), stats.FreeBytes)
	var took time.Duration
	var kib float64
	n := 0
	for b.Loop() {
		began := time.Now()
		p := w.start().ready()
		took += time.Since(began)
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		w.must(err)
		for _, m := range residue.FindAllStringSubmatch(string(raw), -1) {
			if m[1] == "HWM" {
				size, err := strconv.ParseFloat(m[2], 64)
				w.must(err)
				kib = max(kib, size)
			}
		}
		n++
		p.terminate()
	}
	b.ReportMetric(ms(took)/float64(n), "ready-ms")
	b.ReportMetric(kib/1024, "peak-MiB")
	b.ReportMetric(float64(info.Size()-stats.FreeBytes)/float64(*past), "B/request")
}
