package flows

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// MaxDelegation is how long one delegation may last.
const MaxDelegation = 90 * 24 * time.Hour

// Delegation lets one person decide in the place of another for a while: [Since,
// Until). A person gives at most one at a time.
type Delegation struct {
	ID    string    `json:"id"` // no other has it
	From  PersonRef `json:"from"`
	To    PersonRef `json:"to"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// Delegations is an immutable snapshot of those that are on record. nil holds none.
type Delegations struct {
	all    []Delegation
	byFrom map[string]Delegation
}

// NewDelegations indexes delegations. Of several of one person the last counts.
func NewDelegations(all []Delegation) *Delegations {
	if len(all) == 0 {
		return nil
	}
	d := &Delegations{byFrom: map[string]Delegation{}}
	for _, one := range all {
		d.byFrom[one.From.Email] = one
	}
	for _, one := range d.byFrom {
		d.all = append(d.all, one)
	}
	slices.SortFunc(d.all, func(a, b Delegation) int {
		return cmp.Or(a.Since.Compare(b.Since), strings.Compare(a.From.Email, b.From.Email))
	})
	return d
}

// All delegations, the oldest first.
func (d *Delegations) All() []Delegation {
	if d == nil {
		return nil
	}
	return slices.Clone(d.all)
}

// At are those that hold at a moment: the same snapshot where all do.
func (d *Delegations) At(now time.Time) *Delegations {
	held := slices.DeleteFunc(d.All(), func(one Delegation) bool { return now.Before(one.Since) || !now.Before(one.Until) })
	if d != nil && len(held) == len(d.all) {
		return d
	}
	return NewDelegations(held)
}

// DelegationOf is what a person has handed over, under any of their addresses.
func (w World) DelegationOf(p *Person) (Delegation, bool) {
	if w.Delegations == nil {
		return Delegation{}, false
	}
	for _, address := range w.People.addresses(p) {
		if d, ok := w.Delegations.byFrom[address]; ok {
			return d, true
		}
	}
	return Delegation{}, false
}

// DelegatedTo are the delegations to a person, the oldest first.
func (w World) DelegatedTo(p *Person) []Delegation {
	return slices.DeleteFunc(w.Delegations.All(), func(d Delegation) bool { return !w.Same(d.To, p) })
}

// CheckDelegation judges whether a person may hand their approvals to another until a
// moment. Errors: CodeInvalid with a sentence that says what would be right.
func (w World) CheckDelegation(from, to *Person, until, now time.Time) error {
	name := to.Ref().DisplayName()
	switch other, away := w.DelegationOf(to); {
	case samePerson(from, to):
		return Errorf(CodeInvalid, "You cannot hand your approvals to yourself. Please name somebody else.")
	case to.Disabled:
		return Errorf(CodeInvalid, "%s is deactivated in the directory. Please name somebody else.", name)
	case !w.People.certain(to):
		return Errorf(CodeInvalid, "The address of %s belongs to two people in the directory, so I cannot tell them apart. Please name somebody else.", name)
	case !until.After(now):
		return Errorf(CodeInvalid, "That moment is past. Please name one that is to come.")
	case until.Sub(now) > MaxDelegation:
		return Errorf(CodeInvalid, "That is too long: approvals can be handed over for %s at most.", FormatDuration(MaxDelegation))
	case away && now.Before(other.Until):
		return Errorf(CodeInvalid, "%s has handed their own approvals to %s, and yours would not be passed on. Please name somebody else.", name, other.To.DisplayName())
	}
	return nil
}

// Stand is the right of another that somebody is asked for, or decides by.
type Stand struct {
	For    PersonRef `json:"for"`
	Groups []int     `json:"groups"` // seats that they could fill, and the one who stands in could not
	Until  time.Time `json:"until,omitzero"`
	Why    string    `json:"why,omitempty"` // the right, said to the one who stands in
	Ground Ground    `json:"ground,omitzero"`
}

// standing are the seats that somebody could fill for others only.
func standing(stands []Stand) (seats []int) {
	for _, s := range stands {
		seats = append(seats, s.Groups...)
	}
	return seats
}

// ownSeats are those of groups that no stand is needed for.
func ownSeats(groups []int, stands []Stand) []int {
	others := standing(stands)
	return slices.DeleteFunc(slices.Clone(groups), func(s int) bool { return slices.Contains(others, s) })
}

// union of seats, sorted.
func union(a, b []int) []int {
	out := slices.Concat(a, b)
	slices.Sort(out)
	return slices.Compact(out)
}

// Own reports whether a decision counts by a right of the person's own, beside those
// of whom they stand in for.
func (d Decision) Own() bool { return len(ownSeats(d.Groups, d.For)) > 0 }

// delegate is somebody who decides in the place of a candidate.
type delegate struct {
	from, to *Person
	until    time.Time
}

// delegates finds who stands in for the candidates at this moment. Nobody does so on
// what they ask for or get themselves, whatever the flow allows: then the candidate is
// asked. A delegation is not passed on.
func (w World) delegates(c Case, groups []ResolvedGroup) (out []delegate) {
	if w.Delegations == nil {
		return nil
	}
	seen := map[*Person]bool{}
	for _, g := range groups {
		for _, candidate := range g.People {
			from := candidate.Person
			if seen[from] {
				continue
			}
			seen[from] = true
			d, ok := w.DelegationOf(from)
			if !ok {
				continue
			}
			to, err := w.People.ByEmail(d.To.Email)
			if err != nil || to.Disabled || samePerson(to, from) || samePerson(to, c.Requestor) || samePerson(to, c.Grantee) {
				continue
			}
			out = append(out, delegate{from, to, d.Until})
		}
	}
	return out
}

// delegateOf is who stands in for a candidate.
func (a Approvers) delegateOf(p *Person) (*Person, bool) {
	for _, d := range a.delegates {
		if samePerson(d.from, p) {
			return d.to, true
		}
	}
	return nil, false
}

// standFor is the right of a candidate for who stands in for them.
func (c Candidate) standFor() Ground {
	return Ground{Role: c.Role, For: c.Person.Ref().DisplayName(), Late: c.Late}
}

// withStands adds to the own right of a person those of whom they stand in for. A seat
// that they could fill themselves needs no stand, and where any one seat will do,
// neither does another.
func (a Approvers) withStands(p *Person, own Right) Right {
	if len(own.Groups) > 0 && a.Mode != ModeAllOf && !a.several() {
		return own
	}
	out := own
	for _, d := range a.delegates {
		if !samePerson(d.to, p) {
			continue
		}
		theirs := a.own(d.from)
		ground := a.candidate(d.from).standFor()
		s := Stand{For: d.from.Ref(), Until: d.until, Why: ground.You(), Ground: ground}
		s.Groups = slices.DeleteFunc(slices.Clone(theirs.Groups), func(seat int) bool { return slices.Contains(own.Groups, seat) })
		if len(s.Groups) == 0 {
			continue
		}
		out.For = append(out.For, s)
		if out.Why == "" {
			out.Why, out.Ground = s.Why, s.Ground
		}
		out.Groups = union(out.Groups, s.Groups)
	}
	return out
}

// several reports whether an approver group has more than one seat.
func (a Approvers) several() bool {
	for i, g := range a.Groups {
		if g.of != i {
			return true
		}
	}
	return false
}

func (a Approvers) candidate(p *Person) Candidate {
	for _, g := range a.Groups {
		for _, c := range g.People {
			if samePerson(c.Person, p) {
				return c
			}
		}
	}
	return Candidate{Person: p}
}

// askDelegates asks in the place of those who are away who stands in for them. Where
// those are not enough, as where somebody is needed twice, the ones away are asked too.
func (a Approvers) askDelegates(all []Asked) []Asked {
	for _, keep := range []bool{false, true} {
		var out []Asked
		ask := func(p *Person) {
			if slices.ContainsFunc(out, func(o Asked) bool { return o.Is(p.Email) }) {
				return
			}
			if right, ok := a.Of(p); ok {
				out = append(out, right.asked(p))
			}
		}
		for _, candidate := range all {
			p := a.personOf(candidate.Email)
			to, away := a.delegateOf(p)
			if away {
				ask(to)
			}
			if !away || keep {
				ask(p)
			}
		}
		with := Request{Need: a.Need(a.flow), Asked: out}
		if keep || with.WithinReach() {
			return out
		}
	}
	return all
}

func (a Approvers) personOf(email string) *Person {
	for _, g := range a.Groups {
		for _, c := range g.People {
			if c.Person.Ref().Is(email) {
				return c.Person
			}
		}
	}
	return &Person{Email: email}
}

func (r Right) asked(p *Person) Asked {
	return Asked{PersonRef: p.Ref(), Groups: r.Groups, Why: r.Why, Ground: r.Ground, For: r.For}
}

// fillStanding is Need.fill for approvals of which some stand for others: a person
// acts in one approver group only, and the right of each counts in one only, whoever
// exercises it.
func (n *Need) fillStanding(yes []Decision) map[int]int {
	f := standingFill{need: n, options: make([][]standingOption, len(n.Groups)), acts: map[string]int{}, rights: map[string]int{}, filled: map[int]int{}, budget: maxFillings}
	for i, d := range yes {
		for _, s := range d.Groups {
			if s < 0 || s >= len(n.Groups) {
				continue
			}
			own := true
			for _, st := range d.For {
				if slices.Contains(st.Groups, s) {
					f.options[s] = append(f.options[s], standingOption{i, d.By.Email, st.For.Email})
					own = false
				}
			}
			if own {
				f.options[s] = append(f.options[s], standingOption{i, d.By.Email, d.By.Email})
			}
		}
	}
	f.rest(0)
	return f.best
}

// standingOption is one way to fill a seat: the approval, who acts, and by whose right.
type standingOption struct {
	approval   int
	act, right string
}

type standingFill struct {
	need         *Need
	options      [][]standingOption
	acts, rights map[string]int // -> approver group
	filled, best map[int]int
	budget       int
}

// rest tries the seats from the i-th on, and keeps the way that fills the most.
func (f *standingFill) rest(i int) {
	if f.budget--; len(f.filled)+len(f.options)-i <= len(f.best) || f.budget < 0 {
		return
	}
	if i == len(f.options) {
		f.best = maps.Clone(f.filled)
		return
	}
	group := f.need.group(i)
	for _, o := range f.options[i] {
		act, acts := f.acts[o.act]
		right, counts := f.rights[o.right]
		if acts && act != group || counts && right != group {
			continue
		}
		f.acts[o.act], f.rights[o.right], f.filled[i] = group, group, o.approval
		f.rest(i + 1)
		delete(f.filled, i)
		if !acts {
			delete(f.acts, o.act)
		}
		if !counts {
			delete(f.rights, o.right)
		}
	}
	f.rest(i + 1)
}

// Openly is who was asked as the requestor and the grantee read it: those whom the
// policy means. Who stands in for them is not theirs to know.
func Openly(asked []Asked) (out []Asked) {
	tell := func(a Asked) {
		if !slices.ContainsFunc(out, func(o Asked) bool { return o.Is(a.Email) }) {
			out = append(out, a)
		}
	}
	for _, a := range asked {
		for _, s := range a.For {
			tell(Asked{PersonRef: s.For, Groups: s.Groups, Tier: a.Tier, Unreached: a.Unreached})
		}
		own := ownSeats(a.Groups, a.For)
		if len(own) > 0 || len(a.For) == 0 && len(a.Stood) == 0 {
			a.Groups, a.For, a.Stood = own, nil, nil
			tell(a)
		}
	}
	return out
}

// Stands says who stands in for whom among those who were asked: "Bob stands in for
// Alice." Empty: nobody does.
func Stands(asked []Asked) string {
	var out []string
	for _, a := range asked {
		if who := namesFor(a.For); who != "" {
			out = append(out, a.DisplayName()+" stands in for "+who+".")
		}
	}
	return strings.Join(out, " ")
}

func namesFor(stands []Stand) string {
	var names []string
	for _, s := range stands {
		names = append(names, s.For.DisplayName())
	}
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}
