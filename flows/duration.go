package flows

import (
	"fmt"
	"regexp"
	"strconv"
	"time"
)

var (
	durationText = regexp.MustCompile(`^(0|((\d+(\.\d+)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d|w))+)$`)
	dayOrWeek    = regexp.MustCompile(`[\d.]+[dw]`)
)

// ParseDuration reads a duration as people write it: what time.ParseDuration
// reads without a sign, and `d` for 24 hours and `w` for 7 days: "90m", "8h",
// "5d", "1w2d". It is never negative; what does not fit a time.Duration
// (292 years) is an error, which quotes no more than s.
func ParseDuration(s string) (time.Duration, error) {
	broken := fmt.Errorf("%q is not a duration", s)
	if !durationText.MatchString(s) {
		return 0, broken
	}
	hours := dayOrWeek.ReplaceAllStringFunc(s, func(part string) string {
		n, err := strconv.ParseFloat(part[:len(part)-1], 64)
		if err != nil { // out of range: not a unit that time knows, and refused below
			return part
		}
		n *= 24
		if part[len(part)-1] == 'w' {
			n *= 7
		}
		return strconv.FormatFloat(n, 'f', -1, 64) + "h"
	})
	d, err := time.ParseDuration(hours)
	if err != nil {
		return 0, broken
	}
	return d, nil
}
