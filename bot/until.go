package bot

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"apono/flows"
)

// ParseUntil reads the moment that people mean by "until friday", "until 18:00",
// "until tomorrow 9:00", "until 2026-12-01", "for 3 days" or "for 4h", in a time zone.
//
// A day means its end. The day of the week that it is now means the next one. A time
// alone is of today. Where clocks go forward over a moment, it is that at which they
// do; where they go back over it, the later one. Days and weeks that something is to
// last end at the time of day that it is now. Errors: flows.CodeInvalid, also for what
// is past.
func ParseUntil(text string, now time.Time, zone *time.Location) (time.Time, error) {
	u := untilReader{text: strings.Join(strings.Fields(strings.ToLower(text)), " "), now: now.In(zone)}
	word, rest := firstWord(strings.TrimRight(u.text, ".!"))
	var at time.Time
	var ok bool
	switch word {
	case "until", "till", "to":
		at, ok = u.moment(strings.Fields(rest))
	case "for":
		at, ok = u.lasting(rest)
	}
	switch {
	case u.problem != "":
		return time.Time{}, flows.Errorf(flows.CodeInvalid, "%s", u.problem)
	case !ok:
		return time.Time{}, flows.Errorf(flows.CodeInvalid, "I cannot read %q as a moment. Please write for example: until friday, until tomorrow 18:00, until 2026-12-01, or for 3 days.", firstRunes(text, 60))
	case !at.After(now):
		return time.Time{}, flows.Errorf(flows.CodeInvalid, "%q is past. Please name a moment that is to come.", firstRunes(text, 60))
	}
	return at.UTC(), nil
}

type untilReader struct {
	text    string
	now     time.Time // in the zone of the person
	problem string
}

var weekdays = map[string]time.Weekday{
	"monday": time.Monday, "mon": time.Monday, "tuesday": time.Tuesday, "tues": time.Tuesday, "tue": time.Tuesday,
	"wednesday": time.Wednesday, "wed": time.Wednesday, "thursday": time.Thursday, "thurs": time.Thursday, "thur": time.Thursday, "thu": time.Thursday,
	"friday": time.Friday, "fri": time.Friday, "saturday": time.Saturday, "sat": time.Saturday, "sunday": time.Sunday, "sun": time.Sunday,
}

// moment reads a day, a time, or both.
func (u *untilReader) moment(words []string) (time.Time, bool) {
	if len(words) == 0 {
		return time.Time{}, false
	}
	if at, err := time.Parse(time.RFC3339, strings.ToUpper(words[0])); err == nil && len(words) == 1 {
		return at, true
	}
	day, clock, _ := strings.Cut(words[0], "t") // 2026-12-01t18:00
	if _, err := time.Parse(time.DateOnly, day); err == nil && clock != "" {
		words = append([]string{day, clock}, words[1:]...)
	}
	y, m, d, named := u.day(words[0])
	if named {
		words = words[1:]
	}
	if len(words) > 1 && words[0] == "at" {
		words = words[1:]
	}
	if len(words) == 0 {
		return wall(y, m, d+1, 0, 0, u.now.Location(), false).Add(-time.Second), true
	}
	hour, minute, ok := clockTime(strings.Join(words, ""))
	if !ok || len(words) > 2 {
		return time.Time{}, false
	}
	if !named {
		y, m, d = u.now.Date()
	}
	at := wall(y, m, d, hour, minute, u.now.Location(), true)
	if !named && !at.After(u.now) {
		u.problem = strings.Join(words, "") + " is past already. For tomorrow, write: until tomorrow " + strings.Join(words, "")
	}
	return at, true
}

// day reads a day: a date, a day of the week, or one that is said from now.
func (u *untilReader) day(word string) (y int, m time.Month, d int, ok bool) {
	y, m, d = u.now.Date()
	if date, err := time.Parse(time.DateOnly, word); err == nil {
		y, m, d = date.Date()
		return y, m, d, true
	}
	switch word {
	case "today", "tonight":
		return y, m, d, true
	case "tomorrow":
		return y, m, d + 1, true
	}
	weekday, ok := weekdays[word]
	ahead := (int(weekday-u.now.Weekday()) + 7) % 7
	if ahead == 0 {
		ahead = 7
	}
	return y, m, d + ahead, ok
}

var clockForm = regexp.MustCompile(`^([0-9]{1,2})(?:[:.]([0-9]{2}))?(am|pm|h)?$`)

// clockTime reads a time of day: 18:00, 9:30, 6pm, noon. 24:00 is the end of the day.
func clockTime(text string) (hour, minute int, ok bool) {
	switch text {
	case "noon", "midday":
		return 12, 0, true
	case "midnight":
		return 24, 0, true
	}
	m := clockForm.FindStringSubmatch(text)
	if m == nil || m[2] == "" && m[3] == "" {
		return 0, 0, false
	}
	hour, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, 0, false
	}
	if m[2] != "" {
		if minute, err = strconv.Atoi(m[2]); err != nil {
			return 0, 0, false
		}
	}
	switch m[3] {
	case "am", "pm":
		if hour < 1 || hour > 12 {
			return 0, 0, false
		}
		if hour %= 12; m[3] == "pm" {
			hour += 12
		}
	}
	return hour, minute, hour < 24 && minute < 60 || hour == 24 && minute == 0
}

var wholeDays = regexp.MustCompile(`^([0-9]{1,3}|an?|one) ?(d|days?|w|weeks?)$`)

// lasting reads for how long.
func (u *untilReader) lasting(text string) (time.Time, bool) {
	if m := wholeDays.FindStringSubmatch(text); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			n = 1 // a, an, one
		}
		if m[2][0] == 'w' {
			n *= 7
		}
		y, month, d := u.now.Date()
		return wall(y, month, d+n, u.now.Hour(), u.now.Minute(), u.now.Location(), true), true
	}
	d, err := ParseDuration(text)
	if err != nil {
		return time.Time{}, false
	}
	return u.now.Add(d), true
}

// wall is the moment at which clocks in a zone show a day and a time. Where they show
// it twice it is the first, or the later one; where never, the moment at which they are
// put forward over it.
func wall(y int, m time.Month, d, hour, minute int, zone *time.Location, later bool) time.Time {
	shown := func(t time.Time) time.Time {
		_, offset := t.Zone()
		return t.UTC().Add(time.Duration(offset) * time.Second)
	}
	want := time.Date(y, m, d, hour, minute, 0, 0, time.UTC)
	near := time.Date(y, m, d, hour, minute, 0, 0, zone)
	begin, end := near.ZoneBounds()
	var found []time.Time
	for _, t := range []time.Time{begin.Add(-time.Second), near, end} {
		if t.Year() < 1900 { // no bound
			continue
		}
		_, offset := t.Zone()
		if at := want.Add(-time.Duration(offset) * time.Second).In(zone); shown(at).Equal(want) {
			found = append(found, at)
		}
	}
	switch {
	case len(found) == 0 && shown(near).After(want):
		return begin
	case len(found) == 0:
		return end
	}
	at := found[0]
	for _, other := range found[1:] {
		if other.After(at) == later {
			at = other
		}
	}
	return at
}
