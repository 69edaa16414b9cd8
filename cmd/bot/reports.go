package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/bot/slack"
	"apono/bot/sweep"
	"apono/cmd/bot/internal/config"
	"apono/flows"
)

// reports is the job that delivers what the configuration of the moment asks for.
func (a *App) reports() sweep.Job {
	return sweep.Reports(sweep.ReportOptions{
		Runs: a.store, Reporter: reporter{a}, Log: a.log, Now: a.now,
		Reports: func() (out []sweep.Report) {
			if a.client == nil {
				return nil // the configuration was checked: it has none
			}
			for _, r := range a.current.Load().Reports {
				if schedule, err := r.Schedule(); err == nil { // it was checked
					out = append(out, sweep.Report{Name: r.Name, Schedule: schedule})
				}
			}
			return out
		},
	})
}

// reporter makes reports of the audit trail and shows them in Slack.
type reporter struct{ *App }

var errNoReport = errors.New("it is not in the configuration any more")

func (a reporter) find(name string) (config.ScheduledReport, error) {
	all := a.current.Load().Reports
	i := slices.IndexFunc(all, func(r config.ScheduledReport) bool { return r.Name == name })
	if i < 0 {
		return config.ScheduledReport{}, errNoReport
	}
	return all[i], nil
}

// period is what is in a report, the end excluded.
func period(r config.ScheduledReport, run flows.ReportRun) (from, to time.Time) {
	if r.Period > 0 {
		return run.At.Add(-r.Period), run.At
	}
	return run.From, run.At
}

// exportOf is what is in a report.
func exportOf(r config.ScheduledReport, run flows.ReportRun) export {
	e := export{format: r.Format, users: r.Users, integrations: r.Integrations, statuses: r.Statuses}
	e.from, e.to = period(r, run)
	return e
}

// comment says what a report is, and whether it is empty.
func comment(r config.ScheduledReport, e export, empty bool) string {
	text := fmt.Sprintf("Report %q: the audit trail from %s to %s.", r.Name, local(e.from, r).Format("2006-01-02 15:04"), local(e.to, r).Format("2006-01-02 15:04 MST"))
	only := e.only()
	if only != "" {
		text += " Only what is " + only + "."
	}
	switch {
	case !empty:
	case only != "":
		text += " It is empty: nothing of that happened in this time."
	default:
		text += " It is empty: nothing happened in this time."
	}
	return text
}

func (a reporter) Upload(ctx context.Context, run flows.ReportRun) (string, error) {
	r, err := a.find(run.Report)
	if err != nil {
		return "", err
	}
	e := exportOf(r, run)
	var data bytes.Buffer
	if e.format == "csv" {
		data.WriteString(byteOrderMark)
	}
	if err := writeExport(&data, a.store, e); err != nil {
		return "", err
	}
	if data.Len() == 0 {
		data.WriteByte('\n') // Slack takes no empty file
	}
	name := strings.ReplaceAll(strings.ToLower(r.Name), " ", "-") + "-" + local(run.At, r).Format(time.DateOnly) + "." + r.Format
	return a.client.UploadFile(ctx, name, data.Bytes())
}

func local(at time.Time, r config.ScheduledReport) time.Time {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return at.UTC()
	}
	return at.In(zone)
}

func (a reporter) Share(ctx context.Context, run flows.ReportRun) (sweep.Shared, error) {
	r, err := a.find(run.Report)
	if err != nil {
		return sweep.SharedNot, err
	}
	var to chat.Recipient
	if r.Person != "" {
		if to, err = (people{a.living}).Recipient(slack.Platform, r.Person); err != nil {
			return sweep.SharedNot, err
		}
	}
	e := exportOf(r, run)
	empty, err := e.nothing(a.store)
	if err != nil {
		return sweep.SharedNot, err
	}
	err = a.client.ShareFile(ctx, run.File, r.Name, r.Channel, to, comment(r, e, empty))
	failed, _ := errors.AsType[*chat.Error](err)
	switch {
	case err == nil:
		return sweep.SharedYes, nil
	case failed != nil && failed.Code == slack.CodeFileUnknown:
		return sweep.SharedTwin, err
	case failed == nil || failed.Kind == chat.ErrorUnknown:
		return sweep.SharedMust, err
	}
	return sweep.SharedNot, err
}

// Tell writes it to the trail and the audit channel, and to every admin who can be
// reached.
func (a reporter) Tell(ctx context.Context, f flows.Fact) error {
	if err := a.store.Record(ctx, a.now(), f); err != nil {
		return err
	}
	card := cards.Held(f)
	card.Tone = chat.ToneBad
	for _, admin := range a.living.World().Admins() {
		to, err := (people{a.living}).Recipient(slack.Platform, admin.Email)
		if err == nil {
			_, err = a.client.Post(ctx, to, card, chat.PriorityRequester)
		}
		if err != nil {
			a.log.WarnContext(ctx, "an admin could not be told of a report that failed", "admin", admin.Email, "err", err)
		}
	}
	return nil
}
