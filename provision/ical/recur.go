package ical

import (
	"context"
	"errors"
	"time"

	"github.com/teambition/rrule-go"
)

// Whoever may write into a calendar must not be able to keep the bot busy for ever:
// the expansion of some rules never ends, or takes all memory.
const (
	// expansion bounds how long one look at a calendar may compute.
	expansion = 20 * time.Second
	// maxADay is how often a rule may recur in a day.
	maxADay = 96
)

var (
	errOften = errors.New("it recurs more often than every hour, or at more than 96 times of a day, as no shift does")
	errLong  = errors.New("its recurrences take too long to find")
)

// tame refuses rules that no shift has and whose expansion has no bound.
func tame(set *rrule.Set) error {
	if set == nil || set.GetRRule() == nil {
		return nil
	}
	o := set.GetRRule().OrigOptions
	switch {
	case o.Freq > rrule.HOURLY, o.Freq == rrule.HOURLY && rruleParts(o) > 0:
		return errOften
	case max(1, len(o.Byhour))*max(1, len(o.Byminute))*max(1, len(o.Bysecond)) > maxADay:
		return errOften
	}
	return nil
}

// rruleParts counts what narrows a rule: an hourly one that nothing can meet is looked
// for hour by hour, or for ever.
func rruleParts(o rrule.ROption) int {
	n := len(o.Byweekday)
	for _, part := range [][]int{o.Bysetpos, o.Bymonth, o.Bymonthday, o.Byyearday, o.Byweekno, o.Byhour, o.Byminute, o.Bysecond, o.Byeaster} {
		n += len(part)
	}
	return n
}

// between are the beginnings of instances in a period, both ends included.
func between(ctx context.Context, set *rrule.Set, after, before time.Time) (out []time.Time, err error) {
	for next := set.Iterator(); ; {
		start, ok := next()
		switch {
		case ctx.Err() != nil:
			return nil, errLong
		case !ok || start.After(before):
			return out, nil
		case !start.Before(after):
			out = append(out, start)
		}
	}
}
