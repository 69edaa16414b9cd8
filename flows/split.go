package flows

import (
	"slices"
	"time"
)

// cover is the part of a submission that one flow covers.
type cover struct {
	flow  *Flow
	units []Unit
}

// candidate is a flow with the set of units it covers.
type candidate struct {
	flow *Flow
	set  bitset
}

// split covers the units by the fewest flows. Between flows that cover the same
// the first wins by: it can hold the asked duration; automatic approval; the
// order in the file.
//
// Flows that are closed at this moment cover nothing; they are told where they
// would.
func (w World) split(flows, closed []*Flow, q Question, units []Unit, v *Verdict) []cover {
	cs := w.candidates(flows, q, units)
	uncovered := full(len(units))
	for _, c := range cs {
		uncovered = uncovered.without(c.set)
	}
	if n := uncovered.count(); n > 0 {
		if !w.explainClosed(w.candidates(closed, q, units), q, uncovered, v) {
			w.explainUncovered(units, uncovered, v)
		}
		return nil
	}
	slices.SortStableFunc(cs, func(a, b candidate) int { return rank(a.flow, q) - rank(b.flow, q) })
	if q.Bundle != "" {
		// A bundle request is always one request.
		i := slices.IndexFunc(cs, func(c candidate) bool { return c.set.count() == len(units) })
		if i < 0 {
			if !w.explainClosed(w.candidates(closed, q, units), q, full(len(units)), v) {
				v.check(AboutTarget, Unmet, "No single access flow covers all of this bundle for you.")
			}
			return nil
		}
		return []cover{{flow: cs[i].flow, units: units}}
	}
	return assignUnits(fewest(undominated(cs), len(units)), units)
}

// undominated drops candidates that a better ranked one can stand in for. That
// changes neither the number of requests nor the preference.
func undominated(cs []candidate) []candidate {
	var out []candidate
	for _, c := range cs {
		if !slices.ContainsFunc(out, func(better candidate) bool { return c.set.without(better.set).count() == 0 }) {
			out = append(out, c)
		}
	}
	return out
}

func (w World) candidates(flows []*Flow, q Question, units []Unit) []candidate {
	places, byKind := make([]int, len(units)), map[kind][]int{}
	for i, u := range units {
		if place, ok := w.Inventory.place(u); ok {
			k := kind{u.Integration, u.ResourceType}
			places[i], byKind[k] = place, append(byKind[k], i)
		}
	}
	rs := w.reaches()
	var out []candidate
	for _, f := range flows {
		set := newBitset(len(units))
		for _, r := range rs.of(f, q.Bundle) {
			for k, indexes := range byKind {
				for pi := range r[k] {
					p := &r[k][pi]
					for _, i := range indexes {
						if p.has(places[i]) && slices.Contains(p.permissions, units[i].Permission) {
							set.add(i)
						}
					}
				}
			}
		}
		if set.count() > 0 {
			out = append(out, candidate{f, set})
		}
	}
	return out
}

func rank(f *Flow, q Question) int {
	r := 0
	if !f.Duration.Allows(q.Duration) {
		r += 2
	}
	if f.Approval != nil {
		r++
	}
	return r
}

// explainClosed names the flow that opens first of those that would cover what
// is left.
func (w World) explainClosed(cs []candidate, q Question, left bitset, v *Verdict) bool {
	var closed []*Flow
	for _, c := range cs {
		if left.without(c.set).count() == 0 {
			closed = append(closed, c.flow)
		}
	}
	sentence := soonest(closed, q.Now)
	if sentence != "" {
		v.check(AboutTime, Unmet, "%s", sentence)
	}
	return sentence != ""
}

// soonest says when the flow opens that opens first of those that are closed; empty:
// there are none.
func soonest(closed []*Flow, now time.Time) string {
	var best *Flow
	var opens time.Time
	for _, f := range closed {
		at, ok := f.Timeframe.NextOpen(now)
		if best == nil || (ok && (opens.IsZero() || at.Before(opens))) {
			best, opens = f, at
		}
	}
	if best == nil {
		return ""
	}
	return "The access flow " + best.Name + " " + best.Timeframe.closed(now) + "."
}

func (w World) explainUncovered(units []Unit, uncovered bitset, v *Verdict) {
	i := uncovered.first()
	it := w.Inventory.Describe(units[i])
	what := it.PermissionName + " on " + it.ResourceName + " in " + it.Integration
	switch n := uncovered.count(); {
	case !w.Inventory.Has(units[i]):
		v.check(AboutTarget, Unmet, "%s does not exist any more.", what)
	case n == 1:
		v.check(AboutTarget, Unmet, "No access flow lets you ask for %s.", what)
	default:
		v.check(AboutTarget, Unmet, "No access flow lets you ask for %s and %d more.", what, n-1)
	}
}

// maxCombinations bounds the exact search; beyond it flows are taken greedily.
const maxCombinations = 100_000

// fewest finds a smallest set of candidates that covers all n units, preferring
// earlier ones.
func fewest(cs []candidate, n int) []candidate {
	budget := maxCombinations
	// rest[i] is what the candidates from i on cover together, most[i] the most
	// that one of them covers: what cannot succeed is not tried.
	rest, most := make([]bitset, len(cs)+1), make([]int, len(cs)+1)
	rest[len(cs)] = newBitset(n)
	for i := len(cs) - 1; i >= 0; i-- {
		rest[i], most[i] = rest[i+1].union(cs[i].set), max(most[i+1], cs[i].set.count())
	}
	var search func(start, left int, covered bitset, chosen []candidate) []candidate
	search = func(start, left int, covered bitset, chosen []candidate) []candidate {
		if covered.count() == n {
			return slices.Clone(chosen)
		}
		for i := start; i < len(cs) && budget > 0; i++ {
			budget--
			if left*most[i] < n-covered.count() || covered.union(rest[i]).count() < n {
				return nil
			}
			if found := search(i+1, left-1, covered.union(cs[i].set), append(chosen, cs[i])); found != nil {
				return found
			}
		}
		return nil
	}
	for size := 1; size <= len(cs) && budget > 0; size++ {
		if found := search(0, size, newBitset(n), nil); found != nil {
			return found
		}
	}
	return greedy(cs, n)
}

func greedy(cs []candidate, n int) []candidate {
	var out []candidate
	left := full(n)
	for left.count() > 0 {
		best := slices.MaxFunc(cs, func(a, b candidate) int { return a.set.and(left).count() - b.set.and(left).count() })
		out = append(out, best)
		left = left.without(best.set)
	}
	return out
}

func assignUnits(chosen []candidate, units []Unit) []cover {
	out := make([]cover, len(chosen))
	for i, c := range chosen {
		out[i].flow = c.flow
	}
	for ui, u := range units {
		for i, c := range chosen {
			if c.set.has(ui) {
				out[i].units = append(out[i].units, u)
				break
			}
		}
	}
	return slices.DeleteFunc(out, func(c cover) bool { return len(c.units) == 0 })
}
