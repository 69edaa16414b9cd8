package flows

import (
	"cmp"
	"slices"
	"strings"
)

// Satisfied reports whether the approvals on record are enough. It counts stored
// facts only: who could count for which seat was judged at each click.
func (r *Request) Satisfied() bool {
	if r.Need.Automatic {
		return true
	}
	counted := r.Counted()
	if r.Need.All() {
		return len(r.Need.Groups) > 0 && len(counted) == len(r.Need.Groups)
	}
	// Any group will do, and all seats of it.
	missing := map[int]bool{}
	for s := range r.Need.Groups {
		if _, filled := counted[s]; !filled {
			missing[r.Need.group(s)] = true
		}
	}
	for s := range r.Need.Groups {
		if !missing[r.Need.group(s)] {
			return true
		}
	}
	return false
}

// group is the approver group of the policy that a seat belongs to.
func (n *Need) group(seat int) int {
	if seat < len(n.Of) {
		return n.Of[seat]
	}
	return seat
}

// sameSeats reports whether seats still mean what they meant: owners may come and
// go, but which resources they speak for together must not have changed.
func (n *Need) sameSeats(o *Need) bool {
	if n.Automatic || o.Automatic {
		return true
	}
	if len(n.Groups) != len(o.Groups) || !slices.Equal(n.Of, o.Of) {
		return false
	}
	for i, label := range n.Groups {
		if label != o.Groups[i] && (strings.Contains(label, ownerLabel) || strings.Contains(o.Groups[i], ownerLabel)) {
			return false
		}
	}
	return true
}

// All reports whether every seat must be filled: by all_of, or because the one
// group there is has several.
func (n *Need) All() bool {
	return n.Mode == ModeAllOf || (len(n.Of) > 0 && !slices.ContainsFunc(n.Of, func(g int) bool { return g != n.Of[0] }))
}

// Counted assigns approvals to seats, as many as possible: index into
// Need.Groups -> approver. With ModeAllOf one person counts for one approver
// group only, unless the flow lifts that, and there for every seat they can fill.
// A later approval may move an earlier one to another group of that person, so
// nobody can step over the number that is needed.
func (r *Request) Counted() map[int]PersonRef {
	var yes []Decision
	for _, d := range r.Decisions {
		if d.Verb == VerbApprove {
			yes = append(yes, d)
		}
	}
	counted := map[int]PersonRef{}
	if r.Need.SamePersonMayCount || (r.Need.Mode != ModeAllOf && len(r.Need.Of) > 0) {
		for _, d := range yes {
			for _, s := range d.Groups {
				if _, taken := counted[s]; !taken {
					counted[s] = d.By
				}
			}
		}
		return counted
	}
	fill := func() map[int]int { return r.Need.fillStanding(yes) }
	if !slices.ContainsFunc(yes, func(d Decision) bool { return len(d.For) > 0 }) {
		choices := make([][]int, len(yes))
		for i, d := range yes {
			choices[i] = d.Groups
		}
		fill = func() map[int]int { return r.Need.fill(choices) }
	}
	for s, i := range fill() {
		counted[s] = yes[i].By
	}
	return counted
}

// fill lets different people fill the seats, as many as possible: seat ->
// chooser. choices are the seats that each of them could fill.
func (n *Need) fill(choices [][]int) map[int]int {
	if len(n.Of) == 0 {
		return assign(choices, len(n.Groups))
	}
	f := filling{need: n, by: make([][]int, len(n.Groups)), in: map[int]int{}, filled: map[int]int{}, budget: maxFillings}
	for chooser, seats := range choices {
		for _, s := range seats {
			if s >= 0 && s < len(n.Groups) {
				f.by[s] = append(f.by[s], chooser)
			}
		}
	}
	for s := range n.Groups {
		f.order = append(f.order, s)
	}
	slices.SortStableFunc(f.order, func(a, b int) int { return cmp.Compare(len(f.by[a]), len(f.by[b])) })
	if f.rest(0) {
		return f.filled
	}
	return f.some()
}

// maxFillings bounds the search for a way to fill all seats.
const maxFillings = 100_000

// filling is the search for people who fill all seats, each in one group.
type filling struct {
	need   *Need
	by     [][]int // seat -> those who could fill it
	order  []int   // of the seats: the hardest first
	in     map[int]int
	filled map[int]int
	budget int
}

// rest fills the seats from the i-th on.
func (f *filling) rest(i int) bool {
	if i == len(f.order) {
		return true
	}
	s := f.order[i]
	group := f.need.group(s)
	for _, chooser := range f.by[s] {
		if f.budget--; f.budget < 0 {
			return false
		}
		before, elsewhere := f.in[chooser]
		if elsewhere && before != group {
			continue
		}
		f.in[chooser], f.filled[s] = group, chooser
		if f.rest(i + 1) {
			return true
		}
		delete(f.filled, s)
		if !elsewhere {
			delete(f.in, chooser)
		}
	}
	return false
}

// some fills what can be filled where not everything can: the first who could
// fill a seat does.
func (f *filling) some() map[int]int {
	f.in, f.filled = map[int]int{}, map[int]int{}
	for _, s := range f.order {
		for _, chooser := range f.by[s] {
			if group, elsewhere := f.in[chooser]; !elsewhere || group == f.need.group(s) {
				f.in[chooser], f.filled[s] = f.need.group(s), chooser
				break
			}
		}
	}
	return f.filled
}

// assign matches each of the choosers to at most one of n groups, as many
// groups as possible: group -> chooser. Earlier choosers keep a place.
func assign(choices [][]int, n int) map[int]int {
	owner := make(map[int]int, n)
	var place func(chooser int, tried map[int]bool) bool
	place = func(chooser int, tried map[int]bool) bool {
		for _, g := range choices[chooser] {
			if g < 0 || g >= n || tried[g] {
				continue
			}
			tried[g] = true
			holder, taken := owner[g]
			if !taken || place(holder, tried) {
				owner[g] = chooser
				return true
			}
		}
		return false
	}
	for chooser := range choices {
		if len(owner) == n {
			break // nobody can be placed any more
		}
		place(chooser, map[int]bool{})
	}
	return owner
}
