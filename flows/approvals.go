package flows

// Satisfied reports whether the approvals on record are enough. It counts stored
// facts only: who could count for which group was judged at each click.
func (r *Request) Satisfied() bool {
	if r.Need.Automatic {
		return true
	}
	counted := r.Counted()
	if r.Need.Mode == ModeAllOf {
		return len(r.Need.Groups) > 0 && len(counted) == len(r.Need.Groups)
	}
	return len(counted) > 0
}

// Counted assigns approvals to approver groups, as many groups as possible:
// group index -> approver. With ModeAllOf one person counts for one group only,
// unless the flow lifts that. A later approval may move an earlier one to another
// group of that person, so nobody can step over the number that is needed.
func (r *Request) Counted() map[int]PersonRef {
	var yes []Decision
	for _, d := range r.Decisions {
		if d.Verb == VerbApprove {
			yes = append(yes, d)
		}
	}
	counted := map[int]PersonRef{}
	if r.Need.SamePersonMayCount {
		for _, d := range yes {
			for _, g := range d.Groups {
				if _, taken := counted[g]; !taken {
					counted[g] = d.By
				}
			}
		}
		return counted
	}
	choices := make([][]int, len(yes))
	for i, d := range yes {
		choices[i] = d.Groups
	}
	for g, i := range assign(choices, len(r.Need.Groups)) {
		counted[g] = yes[i].By
	}
	return counted
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
