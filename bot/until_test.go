package bot_test

import (
	"flag"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"apono/bot"
	"apono/flows"
)

// The same cases are drawn in every run; -rapid.seed draws others, -rapid.seed=0 ever new ones.
var _ = flag.Set("rapid.seed", "1")

func zoneOf(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatal(err)
	}
	return zone
}

// TestParseUntil reads phrases on a Wednesday in Berlin, 25 November 2026, 10:00.
func TestParseUntil(t *testing.T) {
	berlin := zoneOf(t, "Europe/Berlin")
	now := time.Date(2026, 11, 25, 10, 0, 0, 0, berlin)
	for text, want := range map[string]string{
		"until friday":                     "2026-11-27T23:59:59+01:00",
		"until FRI":                        "2026-11-27T23:59:59+01:00",
		"till  friday.":                    "2026-11-27T23:59:59+01:00",
		"until wednesday":                  "2026-12-02T23:59:59+01:00",
		"until tuesday":                    "2026-12-01T23:59:59+01:00",
		"until today":                      "2026-11-25T23:59:59+01:00",
		"until tomorrow":                   "2026-11-26T23:59:59+01:00",
		"until tomorrow 9:30":              "2026-11-26T09:30:00+01:00",
		"until friday at 6pm":              "2026-11-27T18:00:00+01:00",
		"until friday 6 pm":                "2026-11-27T18:00:00+01:00",
		"until fri noon":                   "2026-11-27T12:00:00+01:00",
		"until 18:00":                      "2026-11-25T18:00:00+01:00",
		"until 24:00":                      "2026-11-26T00:00:00+01:00",
		"until 12pm":                       "2026-11-25T12:00:00+01:00",
		"until 2026-12-01":                 "2026-12-01T23:59:59+01:00",
		"until 2026-12-01 18:00":           "2026-12-01T18:00:00+01:00",
		"until 2026-12-01T18:00":           "2026-12-01T18:00:00+01:00",
		"until 2026-12-01T18:00:00Z":       "2026-12-01T19:00:00+01:00",
		"for 3 days":                       "2026-11-28T10:00:00+01:00",
		"for 2w":                           "2026-12-09T10:00:00+01:00",
		"for a week":                       "2026-12-02T10:00:00+01:00",
		"for an hour":                      "2026-11-25T11:00:00+01:00",
		"for 90m":                          "2026-11-25T11:30:00+01:00",
		"for 1h30m":                        "2026-11-25T11:30:00+01:00",
		"until 9:00":                       "! 9:00 is past already. For tomorrow, write: until tomorrow 9:00",
		"until 12am":                       "! 12am is past already",
		"until 2026-11-24":                 "! is past",
		"until today 9:00":                 "! is past",
		"until":                            "! cannot read",
		"for":                              "! cannot read",
		"":                                 "! cannot read",
		"until 9":                          "! cannot read",
		"until 25:00":                      "! cannot read",
		"until 13pm":                       "! cannot read",
		"until 2026-02-30":                 "! cannot read",
		"until someday":                    "! cannot read",
		"until next friday":                "! cannot read",
		"until 1.12.2026":                  "! cannot read",
		"until friday because":             "! cannot read",
		"for ages":                         "! cannot read",
		"for -3 days":                      "! cannot read",
		"for 0 days":                       "! is past",
		"friday":                           "! cannot read",
		"until friday 18:00 and then some": "! cannot read",
	} {
		at, err := bot.ParseUntil(text, now, berlin)
		if part, bad := strings.CutPrefix(want, "! "); bad {
			if flows.ErrorCode(err) != flows.CodeInvalid || !strings.Contains(flows.ErrorMessage(err), part) {
				t.Errorf("%q: %s, %v; want %s", text, at, err, want)
			}
			continue
		}
		if got := at.In(berlin).Format(time.RFC3339); err != nil || got != want {
			t.Errorf("%q is %s, %v; want %s", text, got, err, want)
		}
	}
}

// TestParseUntilWhereClocksChange: forward over a moment, back over it, and at midnight.
func TestParseUntilWhereClocksChange(t *testing.T) {
	for _, tt := range []struct{ zone, now, text, want string }{
		// 2:00 becomes 3:00.
		{"Europe/Berlin", "2026-03-28T10:00:00+01:00", "until tomorrow 2:30", "2026-03-29T03:00:00+02:00"},
		{"Europe/Berlin", "2026-03-28T10:00:00+01:00", "until tomorrow 3:30", "2026-03-29T03:30:00+02:00"},
		{"Europe/Berlin", "2026-03-28T10:00:00+01:00", "until tomorrow", "2026-03-29T23:59:59+02:00"},
		{"Europe/Berlin", "2026-03-28T10:00:00+01:00", "for 1 day", "2026-03-29T10:00:00+02:00"},
		{"Europe/Berlin", "2026-03-28T10:00:00+01:00", "for 24h", "2026-03-29T11:00:00+02:00"},
		// 3:00 becomes 2:00.
		{"Europe/Berlin", "2026-10-24T10:00:00+02:00", "until tomorrow 2:30", "2026-10-25T02:30:00+01:00"},
		{"Europe/Berlin", "2026-10-24T10:00:00+02:00", "until tomorrow 1:30", "2026-10-25T01:30:00+02:00"},
		{"Europe/Berlin", "2026-10-24T10:00:00+02:00", "until sunday", "2026-10-25T23:59:59+01:00"},
		{"Europe/Berlin", "2026-10-24T10:00:00+02:00", "for 1 day", "2026-10-25T10:00:00+01:00"},
		// Midnight becomes 1:00: that Friday begins at 1:00.
		{"Africa/Cairo", "2026-04-22T10:00:00+02:00", "until thursday", "2026-04-23T23:59:59+02:00"},
		{"Africa/Cairo", "2026-04-22T10:00:00+02:00", "until friday 0:30", "2026-04-24T01:00:00+03:00"},
		// 1:00 becomes midnight: it is midnight twice, and both are of the new day.
		{"America/Havana", "2026-10-31T10:00:00-04:00", "until today", "2026-10-31T23:59:59-04:00"},
		// Midnight becomes 23:00: the last hour of the day comes twice.
		{"America/Sao_Paulo", "2018-02-17T10:00:00-02:00", "until today", "2018-02-17T23:59:59-03:00"},
		// Half an hour.
		{"Australia/Lord_Howe", "2026-10-03T10:00:00+10:30", "until tomorrow 2:15", "2026-10-04T02:30:00+11:00"},
	} {
		now, err := time.Parse(time.RFC3339, tt.now)
		if err != nil {
			t.Fatal(err)
		}
		zone := zoneOf(t, tt.zone)
		at, err := bot.ParseUntil(tt.text, now, zone)
		if got := at.In(zone).Format(time.RFC3339); err != nil || got != tt.want {
			t.Errorf("%s, %s at %s: %s, %v; want %s", tt.zone, tt.text, tt.now, got, err, tt.want)
		}
	}
}

// TestUntilADayIsToItsEnd, in every zone and at every moment: what is read is on the
// day that was named, to come, and the next second is on another day.
func TestUntilADayIsToItsEnd(t *testing.T) {
	zones := []*time.Location{
		time.UTC, zoneOf(t, "Europe/Berlin"), zoneOf(t, "America/New_York"), zoneOf(t, "Africa/Cairo"), zoneOf(t, "America/Havana"),
		zoneOf(t, "Australia/Lord_Howe"), zoneOf(t, "Pacific/Kiritimati"), zoneOf(t, "Asia/Kathmandu"), zoneOf(t, "America/Santiago"),
	}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		now := time.Unix(rapid.Int64Range(1767225600, 1893456000).Draw(t, "now"), 0).In(zone) // 2026 to 2029
		ahead := rapid.IntRange(1, 7).Draw(t, "days")
		y, m, d := now.Date()
		day := time.Date(y, m, d+ahead, 12, 0, 0, 0, zone)
		for _, text := range []string{"until " + day.Weekday().String(), "until " + day.Format(time.DateOnly)} {
			at, err := bot.ParseUntil(text, now, zone)
			if err != nil {
				t.Fatalf("%s at %s: %v", text, now, err)
			}
			next := at.Add(time.Second).In(zone)
			if at.In(zone).Format(time.DateOnly) != day.Format(time.DateOnly) || next.Day() == day.Day() || !at.After(now) {
				t.Fatalf("%s at %s is %s", text, now, at.In(zone))
			}
		}
	})
}

func FuzzParseUntil(f *testing.F) {
	for _, text := range []string{"until friday", "until 2026-12-01T18:00", "for 3 days", "until 6pm", "for 999 weeks", "until 9999-12-31", "until 0001-01-01", "for 2540400h"} {
		f.Add(text, int64(1795600000), 0)
	}
	zones := []string{"UTC", "Europe/Berlin", "Africa/Cairo", "Pacific/Apia", "America/Havana"}
	f.Fuzz(func(t *testing.T, text string, sec int64, zone int) {
		if sec < 0 || sec > 1<<33 || zone < 0 || zone >= len(zones) {
			return
		}
		now := time.Unix(sec, 0)
		at, err := bot.ParseUntil(text, now, zoneOf(t, zones[zone]))
		switch {
		case err == nil && !at.After(now):
			t.Errorf("%q is %s, which is past", text, at)
		case err != nil && (flows.ErrorCode(err) != flows.CodeInvalid || flows.ErrorMessage(err) == ""):
			t.Errorf("%q: %v", text, err)
		}
	})
}
