package main

import (
	"testing"
	"time"

	"apono/cmd/bot/internal/config"
	"apono/flows"
)

// TestAReportSaysWhatItIs: its time, its filter, and whether it is empty.
func TestAReportSaysWhatItIs(t *testing.T) {
	s := exporting(t)
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name   string
		report config.ScheduledReport
		day    int
		want   string
	}{
		{
			"something",
			config.ScheduledReport{Name: "Daily", Format: "csv", TimeZone: "Europe/Berlin"},
			0,
			`Report "Daily": the audit trail from 2026-03-01 01:00 to 2026-03-02 01:00 CET.`,
		},
		{
			"nothing",
			config.ScheduledReport{Name: "Daily", Format: "jsonl"},
			5,
			`Report "Daily": the audit trail from 2026-03-06 00:00 to 2026-03-07 00:00 UTC. It is empty: nothing happened in this time.`,
		},
		{
			"something of a filter",
			config.ScheduledReport{Name: "Daily", Statuses: []flows.FactKind{flows.FactAsked}},
			0,
			`Report "Daily": the audit trail from 2026-03-01 00:00 to 2026-03-02 00:00 UTC. Only what is asked.`,
		},
		{
			"nothing of a filter",
			config.ScheduledReport{Name: "Daily", Integrations: []string{"pg", "k8s"}, Statuses: []flows.FactKind{flows.FactTimedOut}},
			0,
			`Report "Daily": the audit trail from 2026-03-01 00:00 to 2026-03-02 00:00 UTC. Only what is in pg, k8s; timed out. It is empty: nothing of that happened in this time.`,
		},
	} {
		e := exportOf(tc.report, flows.ReportRun{From: day.AddDate(0, 0, tc.day), At: day.AddDate(0, 0, tc.day+1)})
		empty, err := e.nothing(s)
		if got := comment(tc.report, e, empty); err != nil || got != tc.want {
			t.Errorf("%s: error %v, %q, want %q", tc.name, err, got, tc.want)
		}
	}
}
