package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/robfig/cron/v3"

	"apono/flows"
)

// JobReports is the name of the job that Reports makes.
const JobReports = "reports"

const (
	reportsSpec    = "@every 10s"
	firstReportTry = time.Minute // after a failure; doubled each time
	lastReportTry  = time.Hour
	// tellReportAfter is how many tries fail before admins are told: a hiccup is none
	// of their business.
	tellReportAfter = 3
)

// Report is one that is delivered again and again.
type Report struct {
	Name     string
	Schedule cron.Schedule
}

// ReportRuns is the durable state of reports.
type ReportRuns interface {
	ReportRun(name string) (run flows.ReportRun, ok bool, err error)
	SaveReportRun(ctx context.Context, run flows.ReportRun) error
}

// Shared is what became of showing a file.
type Shared int

// Outcomes of sharing.
const (
	SharedNot  Shared = iota // it is not there
	SharedYes                // it is
	SharedTwin               // the platform does not know the file as one that waits: it is there, or it is lost
	SharedMust               // nobody knows
)

// Reporter makes reports and shows them.
type Reporter interface {
	// Upload makes the report and hands the platform its bytes; nobody sees them yet.
	Upload(ctx context.Context, run flows.ReportRun) (file string, err error)
	// Share shows what was uploaded. An error goes with every outcome but SharedYes.
	Share(ctx context.Context, run flows.ReportRun) (Shared, error)
	// Tell tells the admins.
	Tell(ctx context.Context, f flows.Fact) error
}

// ReportOptions are what the job that delivers reports is made of.
type ReportOptions struct {
	Runs     ReportRuns
	Reporter Reporter
	Reports  func() []Report // of this moment
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now
}

// Reports is the job that delivers each occurrence of each report once. An
// occurrence is written down before anything is done for it, and each step before the
// next: after a crash the step that was under way is repeated, and a file that was
// shown already is not shown again. What came while the bot was down is
// delivered once, for all of the time since the one before. A report that is new
// begins to count when it is first seen.
func Reports(o ReportOptions) Job {
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	if o.Now == nil {
		o.Now = time.Now
	}
	return Job{Name: JobReports, Spec: reportsSpec, Run: func(ctx context.Context) error {
		var failed []error
		for _, r := range o.Reports() {
			if err := o.one(ctx, r); err != nil {
				failed = append(failed, fmt.Errorf("report %q: %w", r.Name, err))
			}
		}
		return errors.Join(failed...)
	}}
}

func (o *ReportOptions) one(ctx context.Context, r Report) error {
	now := o.Now()
	run, known, err := o.Runs.ReportRun(r.Name)
	switch {
	case err != nil:
		return err
	case !known:
		return o.Runs.SaveReportRun(ctx, flows.ReportRun{Report: r.Name, At: now, From: now, Done: true})
	case run.Done:
		at, due := latest(r.Schedule, run.At, now)
		if !due {
			return nil
		}
		run = flows.ReportRun{Report: r.Name, At: at, From: run.At}
		if err := o.Runs.SaveReportRun(ctx, run); err != nil {
			return err
		}
	case now.Before(run.Next):
		return nil
	}
	return o.deliver(ctx, run)
}

// latest is the last occurrence after a moment and not after now.
func latest(s cron.Schedule, after, now time.Time) (at time.Time, ok bool) {
	for next := s.Next(after); !next.IsZero() && !next.After(now); next = s.Next(next) {
		at, ok = next, true
	}
	return at, ok
}

func (o *ReportOptions) deliver(ctx context.Context, run flows.ReportRun) error {
	if run.File == "" {
		file, err := o.Reporter.Upload(ctx, run)
		if err != nil {
			return o.failed(ctx, run, err)
		}
		run.File = file
		if err := o.Runs.SaveReportRun(ctx, run); err != nil {
			return err
		}
	}
	before := run.Sharing
	if !before {
		run.Sharing = true
		if err := o.Runs.SaveReportRun(ctx, run); err != nil {
			return err
		}
	}
	outcome, err := o.Reporter.Share(ctx, run)
	switch {
	case outcome == SharedYes, outcome == SharedTwin && before:
		o.Log.InfoContext(ctx, "report_delivered", "report", run.Report, "at", run.At)
		return o.Runs.SaveReportRun(ctx, flows.ReportRun{Report: run.Report, At: run.At, From: run.From, Done: true})
	case outcome == SharedTwin:
		run.File, run.Sharing = "", false
	case outcome == SharedNot:
		run.Sharing = false
	case outcome == SharedMust: // the next try tells
	}
	return o.failed(ctx, run, err)
}

// failed puts the next try off, and tells the admins once of an occurrence that
// keeps failing.
func (o *ReportOptions) failed(ctx context.Context, run flows.ReportRun, cause error) error {
	if ctx.Err() != nil {
		return ctx.Err() // we stop; the next start goes on
	}
	run.Next = o.Now().Add(min(firstReportTry<<min(run.Tries, 10), lastReportTry))
	run.Tries++
	run.Problem = cause.Error()
	if run.Tries >= tellReportAfter && !run.Told {
		f := flows.Fact{
			Kind: flows.FactOperator, Text: fmt.Sprintf("The report %q could not be delivered.", run.Report),
			Reason: cutDetails(fmt.Sprintf("It was due at %s, and is tried again every hour. What went wrong: %s", flows.StatedTime(run.At), cause)),
			Times:  []time.Time{run.At.UTC()},
		}
		if err := o.Reporter.Tell(ctx, f); err != nil {
			o.Log.WarnContext(ctx, "report_failure_not_told", "report", run.Report, "error", err)
		} else {
			run.Told = true
		}
	}
	return errors.Join(cause, o.Runs.SaveReportRun(ctx, run))
}
