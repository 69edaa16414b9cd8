package flows

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Timeframe is when a flow may be used: on some days of the week, from one time
// of the day to another, by the clock on the wall of a time zone. The zero value
// is never open.
type Timeframe struct {
	// Days on which a window begins; one that crosses midnight belongs to the day
	// on which it begins.
	Days []time.Weekday `json:"days"`
	// From and To are minutes after midnight, From included and To not; 1440 is the
	// end of the day. To before From is a time on the next day.
	From     int    `json:"from"`
	To       int    `json:"to"`
	TimeZone string `json:"time_zone"` // IANA name, for people
	// Zone is the time zone; nil: never open.
	Zone *time.Location `json:"-"`
}

// minutesADay is the To of a window that ends at midnight.
const minutesADay = 24 * 60

// ParseClock reads a time of the day, "08:00" to "24:00", as minutes after
// midnight.
func ParseClock(s string) (int, error) {
	bad := fmt.Errorf("%q is not a time of the day", s)
	if len(s) != 5 || s[2] != ':' {
		return 0, bad
	}
	n := 0
	for i, unit := range []int{600, 60, 0, 10, 1} {
		if unit == 0 {
			continue
		}
		if s[i] < '0' || s[i] > '9' {
			return 0, bad
		}
		n += int(s[i]-'0') * unit
	}
	if n > minutesADay || s[3] > '5' {
		return 0, bad
	}
	return n, nil
}

// ParseWeekday reads a day of the week: "mon" or "monday", in any case.
func ParseWeekday(s string) (time.Weekday, error) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); strings.EqualFold(s, name) || strings.EqualFold(s, name[:3]) {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is not a day of the week", s)
}

// Open reports whether the moment lies in the frame. The clock on the wall
// decides: an hour that a change of the clock skips is not there, one that it
// repeats is there twice.
func (f *Timeframe) Open(now time.Time) bool {
	if f.Zone == nil {
		return false
	}
	local := now.In(f.Zone)
	today, minute := local.Weekday(), local.Hour()*60+local.Minute()
	if f.From < f.To {
		return minute >= f.From && minute < f.To && slices.Contains(f.Days, today)
	}
	if f.From == f.To {
		return false
	}
	return (minute >= f.From && slices.Contains(f.Days, today)) || (minute < f.To && slices.Contains(f.Days, (today+6)%7))
}

// NextOpen is the first moment at or after now, to the minute, that lies in the
// frame. ok is false where there is none within three weeks, as for a window
// that holds no time at all.
func (f *Timeframe) NextOpen(now time.Time) (at time.Time, ok bool) {
	if f.Open(now) {
		return now, true
	}
	if f.Zone == nil {
		return time.Time{}, false
	}
	// A clock changes by at most some hours: near the time at which a window should
	// begin, every minute is looked at.
	const near = 4 * time.Hour
	soon := now.Truncate(time.Minute).Add(time.Minute)
	local := now.In(f.Zone)
	for day := -1; day <= 21; day++ {
		begin := time.Date(local.Year(), local.Month(), local.Day()+day, f.From/60, f.From%60, 0, 0, f.Zone)
		for t := later(begin.Add(-near), soon); !t.After(begin.Add(near)); t = t.Add(time.Minute) {
			if f.Open(t) {
				return t, true
			}
		}
	}
	return time.Time{}, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// String says the frame to a person: "Mon, Tue, Wed 08:00 to 18:00 (Europe/Berlin)".
func (f *Timeframe) String() string {
	var days []string
	for i := range 7 { // a week begins on Monday
		if d := time.Weekday((i + 1) % 7); slices.Contains(f.Days, d) {
			days = append(days, d.String()[:3])
		}
	}
	list := strings.Join(days, ", ")
	switch list {
	case "Mon, Tue, Wed, Thu, Fri":
		list = "Mon to Fri"
	case "Mon, Tue, Wed, Thu, Fri, Sat, Sun":
		list = "every day"
	}
	return fmt.Sprintf("%s %s to %s (%s)", list, clock(f.From), clock(f.To), f.TimeZone)
}

func clock(minute int) string { return fmt.Sprintf("%02d:%02d", minute/60, minute%60) }

// closed says when a flow that is closed now can be used: a part of a sentence.
func (f *Timeframe) closed(now time.Time) string {
	s := "is open " + f.String()
	if at, ok := f.NextOpen(now); ok {
		return s + ", next on " + at.In(f.Zone).Format("Monday, 2 January at 15:04")
	}
	return s + ", which is never"
}

// inFrame reports whether a flow may be used at this moment.
func (f *Flow) inFrame(now time.Time) bool { return f.Timeframe == nil || f.Timeframe.Open(now) }
