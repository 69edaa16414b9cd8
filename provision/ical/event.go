package ical

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-ical"
	"github.com/teambition/rrule-go"

	"apono/flows"
)

// event is one VEVENT. Times without a zone are in UTC.
type event struct {
	uid        string
	start      time.Time
	length     time.Duration
	recurs     *rrule.Set // nil: once
	replaces   time.Time  // the instance of the same uid that this one stands for; zero: none
	cancelled  bool
	membership []string // e-mail addresses
}

func (s *source) event(e ical.Event) (out event, err error) {
	out.uid, _ = e.Props.Text(ical.PropUID)
	wrong := func(err error) (event, error) { return out, fmt.Errorf("event %q: %w", out.uid, err) }
	if out.start, err = e.DateTimeStart(time.UTC); err != nil {
		return wrong(err)
	}
	end, err := e.DateTimeEnd(time.UTC)
	if err != nil {
		return wrong(err)
	}
	out.length = end.Sub(out.start)
	if out.recurs, err = e.RecurrenceSet(time.UTC); err == nil {
		err = tame(out.recurs)
	}
	if err != nil {
		return wrong(err)
	}
	if p := e.Props.Get(ical.PropRecurrenceID); p != nil {
		if out.replaces, err = p.DateTime(time.UTC); err != nil {
			return wrong(err)
		}
	}
	status, _ := e.Props.Text(ical.PropStatus)
	out.cancelled = strings.EqualFold(status, "CANCELLED")
	out.membership = s.named(e)
	return out, nil
}

// named finds whom an event is about: attendees who have not declined, and the names
// of the configuration in its summary.
func (s *source) named(e ical.Event) (out []string) {
	add := func(address string) {
		if address = flows.NormalizeEmail(address); address != "" && !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	for _, p := range e.Props.Values(ical.PropAttendee) {
		const scheme = "mailto:"
		declined := strings.EqualFold(p.Params.Get(ical.ParamParticipationStatus), "DECLINED")
		if len(p.Value) > len(scheme) && strings.EqualFold(p.Value[:len(scheme)], scheme) && !declined {
			add(p.Value[len(scheme):])
		}
	}
	summary, _ := e.Props.Text(ical.PropSummary)
	for name, email := range s.config.Names {
		if mentions(summary, name) {
			add(email)
		}
	}
	slices.Sort(out)
	return out
}

// mentions finds a name as whole words, without case.
func mentions(summary, name string) bool {
	words := func(s string) string {
		return " " + strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" \t\n,;:()/|", r) }), " ") + " "
	}
	return strings.Contains(words(summary), words(name))
}

// members are those whom the events name for a moment. Error: errLong.
func members(ctx context.Context, events []event, now time.Time) (out []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, expansion)
	defer cancel()
	replaced := map[string][]time.Time{}
	for _, e := range events {
		if !e.replaces.IsZero() {
			replaced[e.uid] = append(replaced[e.uid], e.replaces)
		}
	}
	for _, e := range events {
		if e.cancelled {
			continue
		}
		on, err := e.at(ctx, now, replaced[e.uid])
		if err != nil {
			return nil, fmt.Errorf("event %q: %w", e.uid, err)
		}
		if !on {
			continue
		}
		for _, m := range e.membership {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// at reports whether an instance that is not replaced holds at a moment: from its
// start on, and not at its end.
func (e event) at(ctx context.Context, now time.Time, replaced []time.Time) (bool, error) {
	holds := func(start time.Time) bool { return !now.Before(start) && now.Before(e.end(start)) }
	if e.recurs == nil || !e.replaces.IsZero() {
		return holds(e.start), nil
	}
	const slack = 25 * time.Hour // a day on which the clocks change is longer
	starts, err := between(ctx, e.recurs, now.Add(-e.length-slack), now)
	return slices.ContainsFunc(starts, func(start time.Time) bool {
		return holds(start) && !slices.ContainsFunc(replaced, start.Equal)
	}), err
}

// end is by the clock on the wall: a shift from 18:00 to 09:00 ends at 09:00 also in
// the night in which the clocks change.
func (e event) end(start time.Time) time.Time {
	zone := e.start.Location()
	last := e.start.Add(e.length).In(zone)
	first := e.start
	y, m, d := last.Date()
	y0, m0, d0 := first.Date()
	days := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(time.Date(y0, m0, d0, 0, 0, 0, 0, time.UTC)).Hours() / 24)
	start = start.In(zone)
	return time.Date(start.Year(), start.Month(), start.Day()+days, last.Hour(), last.Minute(), last.Second(), 0, zone)
}
