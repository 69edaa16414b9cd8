package sweep_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/robfig/cron/v3"

	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

// press delivers reports to a platform that shows each file once and may fail.
type press struct {
	*bolt.Store
	t       *testing.T
	now     time.Time
	waiting map[string]string // file -> the occurrence it tells of
	shown   []string
	told    []flows.Fact
	files   int
	fail    func(step string) (err error, took bool)
}

var errDown = errors.New("the platform is down")

func (p *press) failing(step string) (error, bool) { //nolint:revive // took goes with err
	if p.fail == nil {
		return nil, true
	}
	return p.fail(step)
}

func (p *press) SaveReportRun(ctx context.Context, run flows.ReportRun) error {
	err, took := p.failing("save")
	if err != nil && !took {
		return err
	}
	return errors.Join(p.Store.SaveReportRun(ctx, run), err)
}

func (p *press) Upload(_ context.Context, run flows.ReportRun) (string, error) {
	if err, _ := p.failing("upload"); err != nil {
		return "", err
	}
	p.files++
	id := fmt.Sprintf("F%d", p.files)
	p.waiting[id] = run.From.Format("02T15") + "-" + run.At.Format("02T15")
	return id, nil
}

func (p *press) Share(_ context.Context, run flows.ReportRun) (sweep.Shared, error) {
	what, waits := p.waiting[run.File]
	if !waits {
		return sweep.SharedTwin, errors.New("file_not_found")
	}
	err, took := p.failing("share")
	if took {
		delete(p.waiting, run.File)
		p.shown = append(p.shown, what)
	}
	switch {
	case err == nil:
		return sweep.SharedYes, nil
	case took:
		return sweep.SharedMust, err
	}
	return []sweep.Shared{sweep.SharedNot, sweep.SharedMust}[p.files%2], err
}

func (p *press) Tell(_ context.Context, f flows.Fact) error {
	p.told = append(p.told, f)
	return nil
}

func newPress(t *testing.T) *press {
	return &press{Store: storetest.Open(t), t: t, now: time.Date(2026, 3, 2, 7, 30, 0, 0, time.UTC), waiting: map[string]string{}}
}

// job is what a process runs that has just started.
func (p *press) job(spec string) sweep.Job {
	p.t.Helper()
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		p.t.Fatal(err)
	}
	return sweep.Reports(sweep.ReportOptions{
		Runs: p, Reporter: p, Now: func() time.Time { return p.now },
		Reports: func() []sweep.Report { return []sweep.Report{{Name: "daily", Schedule: schedule}} },
	})
}

func (p *press) run(job sweep.Job, d time.Duration) error {
	p.now = p.now.Add(d)
	return job.Run(p.t.Context())
}

func TestReportsAreDeliveredOnce(t *testing.T) {
	p := newPress(t)
	job := p.job("0 8 * * *")
	step := func(d time.Duration) {
		t.Helper()
		if err := p.run(job, d); err != nil {
			t.Fatal(err)
		}
	}
	step(0) // it counts from here
	step(29 * time.Minute)
	step(time.Minute)
	step(time.Minute)
	job = p.job("0 8 * * *") // a restart
	step(time.Minute)
	step(3 * 24 * time.Hour) // down for three days
	step(time.Minute)
	step(24 * time.Hour)
	want := []string{"02T07-02T08", "02T08-05T08", "05T08-06T08"}
	if diff := cmp.Diff(want, p.shown); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

// A schedule is that of the clock on the wall of its zone.
func TestReportsInATimeZone(t *testing.T) {
	p := newPress(t)
	p.now = time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC) // the clocks change in the night
	job := p.job("CRON_TZ=Europe/Berlin 0 8 * * *")
	for range 48 {
		if err := p.run(job, time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"28T13-29T06", "29T06-30T06"}, p.shown); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	run, _, err := p.ReportRun("daily")
	if want := time.Date(2026, 3, 30, 6, 0, 0, 0, time.UTC); err != nil || !run.At.Equal(want) {
		t.Errorf("the last was due at %s, want %s; %v", run.At, want, err)
	}
}

// TestAdminsAreToldOfAFailingReport once an occurrence, and it is delivered after all.
func TestAdminsAreToldOfAFailingReport(t *testing.T) {
	p := newPress(t)
	job := p.job("0 8 * * *")
	p.fail = func(string) (error, bool) { return nil, true }
	if err := p.run(job, 0); err != nil {
		t.Fatal(err)
	}
	tries := 0
	p.fail = func(step string) (error, bool) {
		if step != "upload" {
			return nil, true
		}
		tries++
		return errDown, false
	}
	for range 12 * 60 {
		if err := p.run(job, time.Minute); err != nil && !errors.Is(err, errDown) {
			t.Fatal(err)
		}
	}
	want := []flows.Fact{{
		Kind: flows.FactOperator, Text: `The report "daily" could not be delivered.`,
		Reason: "It was due at 2026-03-02 08:00 UTC, and is tried again every hour. What went wrong: the platform is down",
		Times:  []time.Time{time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)},
	}}
	if diff := cmp.Diff(want, p.told); diff != "" || tries > 20 {
		t.Errorf("%d tries, the admins are told (-want +got):\n%s", tries, diff)
	}
	p.fail = nil
	if err := p.run(job, 2*time.Hour); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"02T07-02T08"}, p.shown); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
}

// TestReportsInAnyWeather: whatever fails, before or after it took effect, and
// wherever the process is stopped, no occurrence is shown twice and no time is left out.
func TestReportsInAnyWeather(t *testing.T) {
	for seed := range uint64(40) {
		p := newPress(t)
		rnd := rand.New(rand.NewPCG(seed, 2))
		job := p.job("0 */6 * * *")
		if err := p.run(job, 0); err != nil {
			t.Fatal(err)
		}
		p.fail = func(string) (error, bool) {
			switch rnd.IntN(3) {
			case 0:
				return errDown, rnd.IntN(2) == 0
			}
			return nil, true
		}
		for range 400 {
			if rnd.IntN(4) == 0 {
				job = p.job("0 */6 * * *")
			}
			if err := p.run(job, time.Duration(rnd.IntN(60))*time.Minute); err != nil && !errors.Is(err, errDown) && !strings.Contains(err.Error(), "file_not_found") {
				t.Fatal(err)
			}
		}
		p.fail = nil
		for range 30 {
			_ = p.run(job, 20*time.Minute)
		}
		if len(p.shown) < 5 {
			t.Fatalf("seed %d: only %d were shown", seed, len(p.shown))
		}
		if twice := len(p.shown) - len(slices.Compact(slices.Clone(p.shown))); twice > 0 {
			t.Errorf("seed %d: %d were shown twice: %v", seed, twice, p.shown)
		}
		for i := 1; i < len(p.shown); i++ {
			_, ended, _ := strings.Cut(p.shown[i-1], "-")
			if began, _, _ := strings.Cut(p.shown[i], "-"); began != ended {
				t.Errorf("seed %d: %s does not follow %s", seed, p.shown[i], p.shown[i-1])
			}
		}
	}
}
