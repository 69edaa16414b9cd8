package flows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Candidate is a person who could approve, and the right to it.
type Candidate struct {
	Person *Person
	Ground
}

// Case is what approvers are resolved for.
type Case struct {
	Flow               *Flow
	Requestor, Grantee *Person
	Units              []Unit // whose owners count
	Escalated          int    // tiers of the escalation that were reached
}

// ResolvedGroup is a seat of an approver group with the people it means at this
// moment. A group has one seat, but one for each set of owners where it asks the
// owners of several resources.
type ResolvedGroup struct {
	Label    string // "Alice's manager", "dba"
	People   []Candidate
	Fallback bool   // People are the fallback approvers, because the group itself means nobody
	Problem  string // why the group itself means nobody
	named    bool   // Label is the name of a group of people
	of       int    // approver group of the policy
}

// Approvers is who must approve, resolved at one moment.
type Approvers struct {
	Automatic bool
	Mode      ModeOf
	Distinct  bool // one person counts for one group only
	Groups    []ResolvedGroup
	flow      *Flow
	delegates []delegate // who decides in whose place
}

// Resolve finds who can approve a request under a flow. It is the one rule by
// which people are asked, and by which a click is judged. The error, CodeRefused,
// says why nobody can; nobody is ever skipped.
func (w World) Resolve(c Case) (Approvers, error) {
	f := c.Flow
	if f.Approval == nil {
		return Approvers{Automatic: true}, nil
	}
	a := Approvers{Mode: f.Approval.Mode, Distinct: !f.Approval.SamePersonMayCount}
	if a.Mode == "" {
		a.Mode = ModeAnyOf
	}
	if a.Groups = w.resolveGroups(c, f.Approval.Groups); len(a.Groups) > len(f.Approval.Groups)+MaxOwnerSeats {
		return a, Errorf(CodeRefused, "That has more than %d different owners who would all have to approve. Please ask for less at once.", MaxOwnerSeats)
	}
	w.fillWithFallback(&a, c)
	w.standIn(c, a.Groups)
	// Whoever stands in exercises the right of another, so that makes nothing possible.
	err := a.possible(f)
	a.flow, a.delegates = f, w.delegates(c, a.Groups)
	return a, err
}

// resolveGroups finds the people of approver groups, seat by seat.
func (w World) resolveGroups(c Case, groups []ApproverGroup) []ResolvedGroup {
	excluded := func(p *Person) bool {
		return !c.Flow.Settings.RequestorMayApproveSelf && (samePerson(p, c.Requestor) || samePerson(p, c.Grantee))
	}
	var out []ResolvedGroup
	for _, s := range w.seats(c, groups, excluded) {
		out = append(out, w.resolveSeat(s, groups[s.group].Match, c, excluded))
	}
	return out
}

func samePerson(p, q *Person) bool {
	return p == q || NormalizeEmail(p.Email) == NormalizeEmail(q.Email)
}

func (w World) resolveSeat(s seat, match Match, c Case, excluded func(*Person) bool) ResolvedGroup {
	g := ApproverGroup{Match: match, Approvers: s.conditions}
	out := ResolvedGroup{Label: s.label, of: s.group, named: len(s.conditions) == 1 && s.conditions[0].Attribute == AttrGroup}
	for _, p := range w.People.likely(g, c.Requestor) {
		if status, why := w.join(g.Match, g.Approvers, p, c.Requestor); status == Met && w.People.certain(p) && !excluded(p) {
			out.People = append(out.People, Candidate{Person: p, Ground: Ground{Role: strings.Replace(why, ownerOfAll, s.role, 1)}})
		}
	}
	if len(out.People) == 0 {
		out.Problem = w.whyNobody(g, out.Label, c.Requestor)
	}
	return out
}

// whyNobody says why an approver group means nobody.
func (w World) whyNobody(g ApproverGroup, label string, requestor *Person) string {
	if label == "" {
		return "no approvers are named"
	}
	problem := ""
	for _, p := range w.People.all {
		switch status, why := w.joinAll(g.Match, g.Approvers, p, requestor); {
		case status == Met && !w.People.certain(p):
			problem = "the address " + p.Email + " belongs to two people in the directory"
		case status == Met && p.Disabled:
			problem = p.Ref().DisplayName() + ", " + why + ", is deactivated"
		case status == Met:
			return "the only approver would be the requestor"
		case status == Broken && problem == "":
			problem = why
		}
	}
	return cmp.Or(problem, "nobody is "+label)
}

// likely returns, in the order of the directory, everybody who can meet the
// conditions of an approver group, and others: an index, not a judgement.
func (d *Directory) likely(g ApproverGroup, about *Person) []*Person {
	var out []*Person
	found := false
	for _, c := range g.Approvers {
		people, indexed := d.indexed(c, about)
		switch {
		case !indexed && g.Match == MatchAny:
			return d.all
		case !indexed:
		case g.Match == MatchAny:
			out, found = append(out, people...), true
		case !found || len(people) < len(out):
			out, found = people, true
		}
	}
	if !found {
		return d.all
	}
	out = slices.Clone(out)
	slices.SortFunc(out, func(p, q *Person) int { return cmp.Compare(d.place[p], d.place[q]) })
	return slices.Compact(out)
}

// indexed finds the people whom a condition can mean without asking everybody.
func (d *Directory) indexed(c Condition, about *Person) (people []*Person, ok bool) {
	if c.Operator != OpIs && c.Operator != "" {
		return nil, false
	}
	one := func(email string) {
		if p, err := d.ByEmail(email); err == nil {
			people = append(people, p)
		}
	}
	switch {
	case c.Attribute == AttrGroup:
		for _, v := range c.Values {
			people = append(people, d.inGroup[fold(v)]...)
		}
	case c.Attribute == AttrShift:
		for _, v := range c.Values {
			people = append(people, d.onCall[fold(v)]...)
		}
	case c.Attribute == AttrUser, c.Attribute == attrOwners:
		for _, v := range c.Values {
			one(v)
		}
	case c.Attribute == AttrManager && len(c.Values) == 0 && about != nil:
		one(about.Manager)
	default:
		return nil, false
	}
	return people, true
}

// fillWithFallback puts the fallback approvers where a seat that is needed means
// nobody. Where any group will do, that is all seats of the first.
func (w World) fillWithFallback(a *Approvers, c Case) {
	if a.Mode == ModeAnyOf && a.some() {
		return
	}
	var people []Candidate
	for _, g := range w.resolveGroups(c, []ApproverGroup{w.Catalog.policy.Fallback}) {
		people = append(people, g.People...)
	}
	if len(people) == 0 {
		return
	}
	for i := range people {
		people[i].Role = "a fallback approver, because nobody else could be asked"
	}
	for i := range a.Groups {
		g := &a.Groups[i]
		if a.Mode == ModeAnyOf && g.of != a.Groups[0].of {
			break
		}
		if len(g.People) == 0 {
			g.People, g.Fallback = people, true
		}
	}
}

// some reports whether there is a group all of whose seats can be filled.
func (a Approvers) some() bool {
	empty := map[int]bool{}
	for _, g := range a.Groups {
		empty[g.of] = empty[g.of] || len(g.People) == 0
	}
	return slices.ContainsFunc(a.Groups, func(g ResolvedGroup) bool { return !empty[g.of] })
}

// possible reports whether enough different people exist.
func (a Approvers) possible(f *Flow) error {
	if len(a.Groups) == 0 {
		return Errorf(CodeRefused, "The access flow %s names no approvers.", f.Name)
	}
	if a.Mode == ModeAnyOf {
		if a.some() {
			return nil
		}
		return Errorf(CodeRefused, "Nobody can approve this under the access flow %s: %s.", f.Name, a.problems())
	}
	for _, g := range a.Groups {
		if len(g.People) == 0 {
			return Errorf(CodeRefused, "Nobody can approve this under the access flow %s: %s.", f.Name, a.problems())
		}
	}
	if !a.Distinct {
		return nil
	}
	byPerson := a.byPerson()
	choices := make([][]int, len(byPerson))
	for i, c := range byPerson {
		choices[i] = c.Groups
	}
	if need := a.Need(f); len(need.fill(choices)) < len(a.Groups) {
		return Errorf(CodeRefused, "The access flow %s needs %d different approvers, and there are not enough people for that.", f.Name, len(a.Groups))
	}
	return nil
}

func (a Approvers) problems() string {
	var out []string
	for _, g := range a.Groups {
		if g.Problem != "" {
			out = append(out, g.Problem)
		}
	}
	return strings.Join(out, "; ")
}

// byPerson turns groups of people into people with their groups.
func (a Approvers) byPerson() []Asked {
	var out []Asked
	index := map[*Person]int{}
	for gi, g := range a.Groups {
		for _, c := range g.People {
			i, ok := index[c.Person]
			if !ok {
				i = len(out)
				index[c.Person] = i
				out = append(out, Asked{PersonRef: c.Person.Ref(), Why: c.You(), Ground: c.Ground})
			}
			out[i].Groups = append(out[i].Groups, gi)
		}
	}
	return out
}

// Ask lists everybody who is asked, each once, with the right to it.
func (a Approvers) Ask() []Asked {
	if len(a.delegates) == 0 {
		return a.byPerson()
	}
	return a.askDelegates(a.byPerson())
}

// Right is what lets a person decide on a request.
type Right struct {
	Groups []int  // approver groups the person counts for
	Why    string // Ground, said to the person
	Ground Ground
	// By is who the record knows the person as: somebody whose address has changed
	// is still the one who asked, or who has already approved.
	By PersonRef
	// NeedsReason says that the flow asks approvers for a reason at this moment.
	NeedsReason bool
	// For are those whose right it is, where it is not the person's own.
	For []Stand
}

// Of finds the right of one person, be it their own or that of whom they stand in for.
func (a Approvers) Of(p *Person) (Right, bool) {
	out := a.withStands(p, a.own(p))
	return out, len(out.Groups) > 0
}

func (a Approvers) own(p *Person) (out Right) {
	for gi, g := range a.Groups {
		i := slices.IndexFunc(g.People, func(c Candidate) bool { return samePerson(c.Person, p) })
		if i < 0 {
			continue
		}
		if out.Why == "" {
			out.Why, out.Ground = g.People[i].You(), g.People[i].Ground
		}
		out.Groups = append(out.Groups, gi)
	}
	return out
}

// Need is what the record of a request keeps.
func (a Approvers) Need(f *Flow) Need {
	n := Need{
		Automatic: a.Automatic, Mode: a.Mode, SamePersonMayCount: !a.Automatic && !a.Distinct,
		RequireReason: f.Settings.RequireApproverReason, SelfAllowed: f.Settings.RequestorMayApproveSelf,
	}
	several := false
	for i, g := range a.Groups {
		n.Groups, n.Of = append(n.Groups, g.Label), append(n.Of, g.of)
		several = several || g.of != i
	}
	if !several {
		n.Of = nil // each seat is a group of its own
	}
	if e := f.Approval.escalation(); !a.Automatic {
		n.Tiers = len(e.Groups)
		if n.Tiers > 0 {
			n.TierEvery = e.Interval
		}
	}
	return n
}

// Summary says to the requestor who will be asked: "Automatic",
// "Bob (your manager)", "one of 4 in dba".
func (a Approvers) Summary(requestor *Person) string {
	if a.Automatic {
		return "Automatic"
	}
	var parts []string
	for _, g := range a.Groups {
		if s := g.summary(requestor); s != "" {
			parts = append(parts, s)
		}
	}
	if a.Mode == ModeAllOf {
		return strings.Join(parts, ", and ")
	}
	return a.alternatives(requestor)
}

// alternatives says who is asked where any group will do: all seats of one that
// can be filled.
func (a Approvers) alternatives(requestor *Person) string {
	empty, seats := map[int]bool{}, map[int][]string{}
	var order []int
	for _, g := range a.Groups {
		if _, seen := seats[g.of]; !seen {
			order = append(order, g.of)
		}
		empty[g.of] = empty[g.of] || len(g.People) == 0
		seats[g.of] = append(seats[g.of], g.summary(requestor))
	}
	var out []string
	for _, of := range order {
		if !empty[of] {
			out = append(out, strings.Join(seats[of], " and "))
		}
	}
	return strings.Join(out, ", or ")
}

func (g ResolvedGroup) summary(requestor *Person) string {
	label := OwnLabel(g.Label, requestor.Ref())
	if g.Fallback {
		label = "fallback approver, because " + g.Problem
	}
	switch len(g.People) {
	case 0:
		return ""
	case 1:
		name := g.People[0].Person.Ref().DisplayName()
		if label == name {
			return name
		}
		return fmt.Sprintf("%s (%s)", name, label)
	}
	if g.named && !g.Fallback {
		return fmt.Sprintf("one of %d in %s", len(g.People), label)
	}
	return fmt.Sprintf("one of %d people (%s)", len(g.People), label)
}

// OwnLabel is the label of an approver group as the requestor reads it: their
// manager, alone or beside others, is "your manager".
func OwnLabel(label string, requestor PersonRef) string {
	own := requestor.DisplayName() + "'s manager"
	for _, joint := range []string{" or ", " and "} {
		parts := strings.Split(label, joint)
		for i, part := range parts {
			if part == own {
				parts[i] = "your manager"
			}
		}
		label = strings.Join(parts, joint)
	}
	return label
}

// label names an approver group in a few words.
func (w World) label(g ApproverGroup, requestor *Person) string {
	var parts []string
	for _, c := range g.Approvers {
		parts = append(parts, w.conditionLabel(c, requestor))
	}
	if g.Match == MatchAny {
		return strings.Join(parts, " or ")
	}
	return strings.Join(parts, " and ")
}

func (w World) conditionLabel(c Condition, requestor *Person) string {
	exact := c.Operator == OpIs || c.Operator == ""
	switch {
	case c.Attribute == AttrOwner && len(c.Values) > 0:
		return ownerLabel + c.Values[0]
	case c.Attribute == AttrManager && len(c.Values) == 0:
		return requestor.Ref().DisplayName() + "'s manager"
	case c.Attribute == AttrGroup && exact:
		return strings.Join(c.Values, " or ")
	case c.Attribute == AttrShift && exact:
		return "on-call " + strings.Join(c.Values, " or ")
	case c.Attribute == AttrUser && exact:
		var names []string
		for _, v := range c.Values {
			if p, err := w.People.ByEmail(v); err == nil {
				names = append(names, p.Ref().DisplayName())
			} else {
				names = append(names, v)
			}
		}
		return strings.Join(names, " or ")
	}
	return describeCondition(c)
}
