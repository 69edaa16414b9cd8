package flows

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Less is what an approval leaves out of what was asked for.
type Less struct {
	Without  []Unit        `json:"without,omitempty"`
	Duration time.Duration `json:"duration,omitempty"` // 0: as long as was asked
}

// Wanted is what was asked for, where less was approved.
type Wanted struct {
	Items      []Item        `json:"items"`
	Duration   time.Duration `json:"duration,omitempty"`
	Indefinite bool          `json:"indefinite,omitempty"`
}

// Rest is what is left of a request when every approval on record counts: what none
// of them leaves out, for the shortest of their times.
func (r *Request) Rest() (items []Item, d time.Duration, indefinite bool) {
	d, indefinite = r.Duration, r.Indefinite
	if !r.lessApproved() {
		return r.Items(), d, indefinite
	}
	without := map[Unit]bool{}
	for _, a := range r.Decisions {
		if a.Less == nil || a.Verb != VerbApprove {
			continue
		}
		for _, u := range a.Less.Without {
			without[u] = true
		}
		if l := a.Less.Duration; l > 0 && (indefinite || l < d) {
			d, indefinite = l, false
		}
	}
	for _, it := range r.Items() {
		if !without[it.Unit] {
			items = append(items, it)
		}
	}
	return items, d, indefinite
}

// lessApproved reports whether an approval leaves something out.
func (r *Request) lessApproved() bool {
	return slices.ContainsFunc(r.Decisions, func(d Decision) bool { return d.Less != nil && d.Verb == VerbApprove })
}

// checkLess refuses to approve more than was asked for, or nothing.
func (r *Request) checkLess(l *Less) error {
	if l == nil {
		return nil
	}
	asked := r.Units()
	for _, u := range l.Without {
		if !slices.Contains(asked, u) {
			return Errorf(CodeInvalid, "%s does not ask for everything that you leave out.", r.ID)
		}
	}
	switch {
	case l.Duration < 0, l.Duration > 0 && l.Duration < time.Second:
		return Errorf(CodeInvalid, "Please write for how long at least.")
	case !r.Indefinite && l.Duration > r.Duration:
		return Errorf(CodeInvalid, "%s asks for %s; you can only shorten that.", r.ID, FormatDuration(r.Duration))
	}
	return nil
}

// narrow makes of the request what was approved of it. What was asked for is kept.
// Items stay as they are until then: who has to approve may depend on them.
func (t *transition) narrow() (text string) {
	if !t.r.lessApproved() {
		return ""
	}
	items, d, indefinite := t.r.Rest()
	all := t.r.Items()
	if len(items) == len(all) && d == t.r.Duration && indefinite == t.r.Indefinite {
		return ""
	}
	t.r.Wanted = &Wanted{Items: all, Duration: t.r.Duration, Indefinite: t.r.Indefinite}
	t.r.Duration, t.r.Indefinite = d, indefinite
	var groups []AccessGroup
	for _, g := range t.r.Groups {
		g.Items = slices.DeleteFunc(slices.Clone(g.Items), func(it Item) bool {
			return !slices.ContainsFunc(items, func(o Item) bool { return o.Unit == it.Unit })
		})
		if len(g.Items) > 0 {
			groups = append(groups, g)
		}
	}
	t.r.Groups = groups
	return "Less was approved than was asked for: " + t.r.LeftOut() + "."
}

// LeftOut says what was asked for and not approved: "without Write on users in
// prod-postgres, for 30 minutes instead of 1 hour". Empty: nothing is.
func (r *Request) LeftOut() string {
	if r.Wanted == nil {
		return ""
	}
	have := map[Unit]bool{}
	for _, it := range r.Items() {
		have[it.Unit] = true
	}
	var without []Item
	for _, it := range r.Wanted.Items {
		if !have[it.Unit] {
			without = append(without, it)
		}
	}
	now, before := lasts(r.Duration, r.Indefinite), lasts(r.Wanted.Duration, r.Wanted.Indefinite)
	parts := namesOf(without)
	if now != before {
		parts = append(parts, "for "+now+" instead of "+before)
	}
	return strings.Join(parts, ", ")
}

// Words says what an approval leaves out, in the words of the request it is of.
func (l *Less) Words(r *Request) string {
	if l == nil {
		return ""
	}
	items := r.Items()
	if r.Wanted != nil {
		items = r.Wanted.Items
	}
	parts := namesOf(slices.DeleteFunc(slices.Clone(items), func(it Item) bool { return !slices.Contains(l.Without, it.Unit) }))
	if l.Duration > 0 {
		parts = append(parts, "for "+FormatDuration(l.Duration))
	}
	return strings.Join(parts, ", ")
}

// fewNames is how many items are named before the rest is counted.
const fewNames = 5

func namesOf(without []Item) (parts []string) {
	for i, it := range without {
		if i == fewNames && len(without) > fewNames+1 {
			parts = append(parts, "and "+strconv.Itoa(len(without)-i)+" more")
			break
		}
		name := it.PermissionName + " on " + it.ResourceName + " in " + it.Integration
		if i == 0 {
			name = "without " + name
		}
		parts = append(parts, name)
	}
	return parts
}

func lasts(d time.Duration, indefinite bool) string {
	if indefinite {
		return "no limit"
	}
	return FormatDuration(d)
}
