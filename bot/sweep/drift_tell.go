package sweep

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"apono/flows"
)

const (
	driftNamed = 10 // grants that are named in one message
	// maxGrantName bounds in runes how a grant is named: what a target says may be
	// anything.
	maxGrantName = 80
)

// facts are what the admins are told of a change.
func (j *drift) facts(was, is flows.Drift) (out []flows.Fact) {
	tell := func(reason string, format string, args ...any) {
		out = append(out, flows.Fact{Kind: flows.FactOperator, Text: fmt.Sprintf(format, args...), Reason: cutDetails(reason)})
	}
	var ends []time.Time // that are named
	if ids := without(is.Orphans, was.Orphans); len(ids) > 0 {
		tell(j.each(ids, is.Integration, j.orphan)+"\nThe bot takes back only what its own record proves to be over. What to do with the rest: docs/operations.md, Access that nobody can explain.",
			"%s holds access that no live request explains: %s.", is.Integration, named(ids))
	}
	if ids := without(is.Stuck, was.Stuck); len(ids) > 0 {
		tell("The bot does not try again: somebody may have made it by hand, under the name of a grant. Please look at it and remove it there.",
			"%s said that it took back %s, and holds it all the same.", is.Integration, named(ids))
	}
	if ids := without(is.Missing, was.Missing); len(ids) > 0 {
		missing := func(r *flows.Request, _ *flows.AccessGroup) string {
			if r != nil && !r.EndsAt.IsZero() {
				ends = append(ends, r.EndsAt.UTC())
			}
			return missing(r)
		}
		tell(j.each(ids, is.Integration, missing)+"\nSomebody may have removed it there, or the system was restored. Who needs it would find out by failing: end the request (/apono revoke) and have it asked for again.",
			"%s does not hold access that is live: %s.", is.Integration, named(ids))
		out[len(out)-1].Times = ends
	}
	if ids := append(without(was.Orphans, is.Orphans), without(was.Missing, is.Missing)...); len(ids) > 0 {
		tell("", "%s and the records agree again about %s.", is.Integration, named(ids))
	}
	return out
}

// without are those of a that are not in b.
func without(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

func named(ids []string) string {
	var names []string
	for _, id := range ids[:min(len(ids), driftNamed)] {
		names = append(names, grantName(id))
	}
	if more := len(ids) - driftNamed; more > 0 {
		names = append(names, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

func grantName(id string) string {
	id = strings.ToValidUTF8(id, "\uFFFD")
	if utf8.RuneCountInString(id) <= maxGrantName {
		return id
	}
	return string([]rune(id)[:maxGrantName-1]) + "…"
}

// each says a sentence about each grant.
func (j *drift) each(ids []string, integration string, say func(r *flows.Request, g *flows.AccessGroup) string) string {
	var lines []string
	for _, id := range ids[:min(len(ids), driftNamed)] {
		r, g, err := j.record(id, integration)
		if err != nil {
			continue
		}
		lines = append(lines, grantName(id)+": "+say(r, g))
	}
	return strings.Join(lines, "\n")
}

func (j *drift) orphan(r *flows.Request, g *flows.AccessGroup) string {
	switch {
	case r == nil:
		return "the bot has no record of it. It was granted after the backup that was restored, or by another installation, or its request is older than audit.retention."
	case over(r, g):
		return fmt.Sprintf("the access of %s is over; the bot takes it back now.", r.Grantee.DisplayName())
	}
	return fmt.Sprintf("%s is %s, and as far as the bot knows nothing was granted to %s.", r.ID, strings.ReplaceAll(string(r.State), "_", " "), r.Grantee.DisplayName())
}

func missing(r *flows.Request) string {
	if r == nil {
		return "the request is gone."
	}
	if r.EndsAt.IsZero() {
		return fmt.Sprintf("%s should have it.", r.Grantee.DisplayName())
	}
	return fmt.Sprintf("%s should have it until %s.", r.Grantee.DisplayName(), flows.StatedTime(r.EndsAt))
}

// cutDetails keeps what fits into a fact.
func cutDetails(s string) string {
	if r := []rune(s); len(r) > flows.MaxReason {
		return string(r[:flows.MaxReason-1]) + "…"
	}
	return s
}
