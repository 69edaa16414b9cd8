package ical_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apono/provision"
)

// fine is an event that goes on for ever.
const fine = "UID:a\nDTSTART:20000101T000000Z\nDTEND:21000101T000000Z\n" + carol

// people is whoever a calendar in a file names, or the error of reading it.
func people(t *testing.T, body string) ([]string, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.ics")
	if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
		t.Fatal(err)
	}
	_, shifts, err := connect(t, "calendars: [{shift: primary, file: '"+path+"'}]").(provision.Directory).People(t.Context())
	if err != nil {
		return nil, err
	}
	return shifts[0].Members, nil
}

// TestRulesThatNeverEnd: whoever may write into a calendar cannot keep the bot busy. Each
// rule was expanded for minutes, for ever, or into all memory.
func TestRulesThatNeverEnd(t *testing.T) {
	const day = "UID:b\nDTSTART:19700101T000000Z\nDTEND:19700101T080000Z\nRRULE:"
	numbers := "0"
	for i := 1; i < 60; i++ {
		numbers += fmt.Sprintf(",%d", i)
	}
	for _, rule := range []string{
		"FREQ=SECONDLY", "FREQ=MINUTELY", "FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=1", "FREQ=HOURLY;INTERVAL=24;BYHOUR=1",
		"FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=YEARLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYMINUTE=" + numbers + ";BYSECOND=" + numbers,
	} {
		on, err := people(t, calendar(fine, day+rule+"\n"+dan))
		if err == nil || !strings.Contains(err.Error(), "recurs more often") {
			t.Errorf("%.40s: %v, %v", rule, on, err)
		}
	}
	for _, rule := range []string{"FREQ=HOURLY;INTERVAL=12", "FREQ=DAILY;BYHOUR=0,8,16", "FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=8;BYMINUTE=0;BYSECOND=0"} {
		if on, err := people(t, calendar(fine, day+rule+"\n"+dan)); err != nil || len(on) == 0 {
			t.Errorf("%s: %v, %v", rule, on, err)
		}
	}
}

// TestManyRules: rules that are found in a moment each take no longer together than one
// look may.
func TestManyRules(t *testing.T) {
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(50*time.Millisecond))
	defer cancel()
	var never []string
	for range 200 { // there is no such day, which is known after half a second
		never = append(never, "UID:n\nDTSTART:20000101T000000Z\nDTEND:20000101T080000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30\n"+dan)
	}
	path := filepath.Join(t.TempDir(), "a.ics")
	if err := os.WriteFile(path, []byte(calendar(never...)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := connect(t, "calendars: [{shift: primary, file: '"+path+"'}]").(provision.Directory)
	began := time.Now()
	if _, shifts, err := c.People(ctx); err == nil || time.Since(began) > 30*time.Second {
		t.Errorf("%v, %v, after %v", shifts, err, time.Since(began))
	}
}

// TestRedirectsDoNotTellTheURL: of published calendars it is the secret, and browsers'
// Referer would tell it to whomever a server names.
func TestRedirectsDoNotTellTheURL(t *testing.T) {
	told := "nobody came"
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		told = r.Header.Get("Referer")
		fmt.Fprint(w, calendar(fine))
	}))
	defer other.Close()
	server := httptest.NewServer(http.RedirectHandler(other.URL+"/b.ics", http.StatusFound))
	defer server.Close()
	c := connect(t, "calendars: [{shift: primary, url: '"+server.URL+"/private-7f3a.ics'}]")
	if _, _, err := c.(provision.Directory).People(t.Context()); err != nil || told != "" {
		t.Errorf("told %q, %v", told, err)
	}
}
