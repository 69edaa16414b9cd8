package ical_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
	"apono/provision/ical"
	"apono/provision/provisiontest"
)

func connect(t *testing.T, config string) provision.Connection {
	t.Helper()
	c, issues := ical.Type().New(t.Context(), provision.Spec{Name: "on-call", Decode: provisiontest.Decode(config)})
	if len(issues) > 0 {
		t.Fatalf("issues: %+v", issues)
	}
	return c
}

// calendar is a file of events; each is its lines.
func calendar(events ...string) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//test//EN\r\n")
	for _, e := range events {
		b.WriteString("BEGIN:VEVENT\r\nDTSTAMP:20000101T000000Z\r\n" + strings.ReplaceAll(strings.TrimSpace(e), "\n", "\r\n") + "\r\nEND:VEVENT\r\n")
	}
	return b.String() + "END:VCALENDAR\r\n"
}

const (
	carol = "ATTENDEE:mailto:Carol@Example.com"
	dan   = "ATTENDEE;PARTSTAT=ACCEPTED:MAILTO:dan@example.com"
	// From Monday evening to the next morning, every day, by the clock in Berlin.
	nights = "UID:n\nDTSTART;TZID=Europe/Berlin:20000103T180000\nDTEND;TZID=Europe/Berlin:20000104T090000\nRRULE:FREQ=DAILY\n"
	once   = "UID:o\nDTSTART:20000110T080000Z\nDTEND:20000110T120000Z\n"
)

// TestWhoIsOn is who is on the shift at a moment. The year is 2000; clocks in Berlin
// go forward on 26 March at 01:00 UTC, and back on 29 October.
func TestWhoIsOn(t *testing.T) {
	for name, tt := range map[string]struct {
		events []string
		at     string // UTC
		want   []string
	}{
		"before":                    {[]string{once + carol}, "2000-01-10T07:59:59Z", nil},
		"from the start":            {[]string{once + carol}, "2000-01-10T08:00:00Z", []string{"carol@example.com"}},
		"not at the end":            {[]string{once + carol}, "2000-01-10T12:00:00Z", nil},
		"two at once":               {[]string{once + carol, "UID:p\nDTSTART:20000110T100000Z\nDURATION:PT1H\n" + dan}, "2000-01-10T10:30:00Z", []string{"carol@example.com", "dan@example.com"}},
		"declined":                  {[]string{once + "ATTENDEE;PARTSTAT=DECLINED:mailto:carol@example.com\n" + dan}, "2000-01-10T09:00:00Z", []string{"dan@example.com"}},
		"by a name":                 {[]string{once + "SUMMARY:On call: Eve B. (primary)"}, "2000-01-10T09:00:00Z", []string{"eve@example.com"}},
		"not by half a name":        {[]string{once + "SUMMARY:On call: Eveline B."}, "2000-01-10T09:00:00Z", nil},
		"cancelled":                 {[]string{once + "STATUS:CANCELLED\n" + carol}, "2000-01-10T09:00:00Z", nil},
		"a whole day":               {[]string{"UID:d\nDTSTART;VALUE=DATE:20000110\nDTEND;VALUE=DATE:20000111\n" + carol}, "2000-01-10T23:59:00Z", []string{"carol@example.com"}},
		"after midnight":            {[]string{nights + carol}, "2000-02-01T07:59:00Z", []string{"carol@example.com"}},
		"in the morning":            {[]string{nights + carol}, "2000-02-01T08:00:00Z", nil},
		"in the evening, in summer": {[]string{nights + carol}, "2000-06-01T16:00:00Z", []string{"carol@example.com"}},
		"too early, in summer":      {[]string{nights + carol}, "2000-06-01T15:59:00Z", nil},
		"the short night, to nine":  {[]string{nights + carol}, "2000-03-26T06:59:00Z", []string{"carol@example.com"}},
		"the short night, from it":  {[]string{nights + carol}, "2000-03-26T07:00:00Z", nil},
		"the long night, to nine":   {[]string{nights + carol}, "2000-10-29T07:59:00Z", []string{"carol@example.com"}},
		"the long night, from it":   {[]string{nights + carol}, "2000-10-29T08:00:00Z", nil},
		"an exception":              {[]string{nights + "EXDATE;TZID=Europe/Berlin:20000201T180000\n" + carol}, "2000-02-01T20:00:00Z", nil},
		"somebody stands in": {
			[]string{nights + carol, "UID:n\nRECURRENCE-ID;TZID=Europe/Berlin:20000201T180000\nDTSTART;TZID=Europe/Berlin:20000201T180000\nDTEND;TZID=Europe/Berlin:20000202T090000\n" + dan},
			"2000-02-01T20:00:00Z",
			[]string{"dan@example.com"},
		},
		"one night is cancelled": {
			[]string{nights + carol, "UID:n\nRECURRENCE-ID;TZID=Europe/Berlin:20000201T180000\nSTATUS:CANCELLED\nDTSTART;TZID=Europe/Berlin:20000201T180000\nDTEND;TZID=Europe/Berlin:20000202T090000\n" + dan},
			"2000-02-01T20:00:00Z", nil,
		},
		"the rule is over": {[]string{strings.Replace(nights, "DAILY", "DAILY;COUNT=2", 1) + carol}, "2000-02-01T20:00:00Z", nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "c.ics")
			if err := os.WriteFile(path, []byte(calendar(tt.events...)), 0o600); err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				at, err := time.Parse(time.RFC3339, tt.at)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Until(at))
				c := connect(t, fmt.Sprintf("calendars: [{shift: primary, file: %q}]\nnames: {eve b.: Eve@example.com}", path))
				people, shifts, err := c.(provision.Directory).People(t.Context())
				if err != nil || people != nil {
					t.Fatalf("people %v, %v", people, err)
				}
				if diff := cmp.Diff([]flows.Shift{{Name: "primary", Members: tt.want}}, shifts); diff != "" {
					t.Errorf("shifts (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestServer: unchanged calendars are not sent again, and what cannot be read is an
// error that does not tell the URL, which is a secret.
func TestServer(t *testing.T) {
	sent, answer := 0, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	always := "UID:a\nDTSTART:20000101T000000Z\nDTEND:21000101T000000Z\n" + carol
	whole := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent++
		fmt.Fprint(w, calendar(always))
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer(w, r) }))
	defer server.Close()
	c := connect(t, "calendars: [{shift: primary, url: '"+server.URL+"/private-7f3a.ics'}]")
	read := func() error {
		t.Helper()
		_, shifts, err := c.(provision.Directory).People(t.Context())
		if err != nil {
			if provision.KindOf(err) != provision.KindRetry || strings.Contains(err.Error(), "7f3a") {
				t.Errorf("error %v", err)
			}
			return err
		}
		if diff := cmp.Diff([]flows.Shift{{Name: "primary", Members: []string{"carol@example.com"}}}, shifts); diff != "" {
			t.Errorf("shifts (-want +got):\n%s", diff)
		}
		return nil
	}
	for name, body := range map[string]string{
		"no calendar": "hello", "cut off": calendar(always)[:120], "no such zone": calendar("UID:z\nDTSTART;TZID=Mars/Base:20000101T000000\nDTEND;TZID=Mars/Base:20000102T000000\n" + carol),
		"a rule that is none": calendar("UID:z\nDTSTART:20000101T000000Z\nDTEND:20000102T000000Z\nRRULE:FREQ=NEVER\n" + carol),
	} {
		answer = func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) }
		if read() == nil {
			t.Errorf("%s is read", name)
		}
	}
	answer = whole
	for range 3 {
		if err := read(); err != nil {
			t.Fatal(err)
		}
	}
	if sent != 1 {
		t.Errorf("sent %d times", sent)
	}
	server.Close()
	if read() == nil {
		t.Error("a server that is gone is read")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestConfig is one mistake each.
func TestConfig(t *testing.T) {
	for name, tt := range map[string]struct{ config, path, code string }{
		"fine":            {"calendars: [{shift: a, url: 'https://x.example.com/a.ics'}, {shift: b, file: /etc/b.ics}]", "", ""},
		"nothing":         {"{}", "calendars", "missing_key"},
		"no shift":        {"calendars: [{file: /x}]", "calendars[0].shift", "missing_key"},
		"neither":         {"calendars: [{shift: a}]", "calendars[0]", "missing_key"},
		"both":            {"calendars: [{shift: a, file: /x, url: 'https://x/y'}]", "calendars[0]", "missing_key"},
		"no URL":          {"calendars: [{shift: a, url: calendar}]", "calendars[0].url", "invalid_url"},
		"in the clear":    {"calendars: [{shift: a, url: 'http://x.example.com/a.ics'}]", "calendars[0].url", "insecure_url"},
		"nobody's name":   {"calendars: [{shift: a, file: /x}]\nnames: {'': a@x}", "names", "invalid_value"},
		"no address at a": {"calendars: [{shift: a, file: /x}]\nnames: {Carol: carol}", "names", "invalid_value"},
	} {
		t.Run(name, func(t *testing.T) {
			_, got := ical.Type().New(t.Context(), provision.Spec{Name: "on-call", Decode: provisiontest.Decode(tt.config)})
			var want []flows.Issue
			if tt.code != "" {
				want = []flows.Issue{{Path: tt.path, Severity: flows.SeverityError, Code: tt.code}}
			}
			for i := range got {
				got[i].Message, got[i].Hint = "", ""
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
		})
	}
	if _, got := ical.Type().New(t.Context(), provision.Spec{Decode: func(any) error { return errors.New("config.yaml:6:5: no") }}); len(got) != 1 || got[0].Code != "invalid_config" {
		t.Errorf("issues: %v", got)
	}
}
