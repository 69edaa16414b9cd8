package flows

import (
	"slices"
	"time"
)

// StandIns is what to apply where a request waits, or its open extension does, and who
// stands in for whom has changed since people were asked; false where nothing has.
func (w World) StandIns(r *Request) (Event, bool) {
	n := r.OpenExtension()
	v, ok := *r, r.State == StatePending
	if n > 0 {
		v, ok = r.ExtensionView(n)
	}
	if !ok || !w.concernsStands(v.Asked) {
		return Event{}, false
	}
	a := w.approversOf(&v)
	c := standChange{world: w, approvers: a, r: &v, asked: slices.Clone(v.Asked)}
	c.endOver()
	c.standIn()
	return Event{Kind: EventStandIn, Ask: c.changed, Extension: n}, len(c.changed) > 0
}

// concernsStands reports whether any of those who were asked stands in for somebody,
// or has handed over.
func (w World) concernsStands(asked []Asked) bool {
	return slices.ContainsFunc(asked, func(a Asked) bool {
		if len(a.For) > 0 {
			return true
		}
		p, err := w.People.ByEmail(a.Email)
		if err != nil {
			return false
		}
		_, away := w.DelegationOf(p)
		return away
	})
}

// approversOf resolves the flow of a request. What cannot be resolved knows nobody.
func (w World) approversOf(r *Request) Approvers {
	f, ok := w.Catalog.Flow(r.Flow)
	requestor, err := w.People.ByEmail(r.Requestor.Email)
	grantee, errGrantee := w.People.ByEmail(r.Grantee.Email)
	if !ok || err != nil || errGrantee != nil {
		return Approvers{}
	}
	a, _ := w.Resolve(Case{Flow: f, Requestor: requestor, Grantee: grantee, Units: r.Units(), Escalated: r.Escalated}) // that nobody can approve ends no stand
	return a
}

// standChange brings what is on record about those who were asked up to date.
type standChange struct {
	world     World
	approvers Approvers
	r         *Request
	asked     []Asked
	changed   []Asked
}

func (c *standChange) put(a Asked) {
	same := func(o Asked) bool { return o.Is(a.Email) }
	if i := slices.IndexFunc(c.asked, same); i >= 0 {
		c.asked[i] = a
	} else {
		c.asked = append(c.asked, a)
	}
	if i := slices.IndexFunc(c.changed, same); i >= 0 {
		c.changed[i] = a
	} else {
		c.changed = append(c.changed, a)
	}
}

func (c *standChange) find(ref PersonRef) (Asked, bool) {
	i := slices.IndexFunc(c.asked, func(a Asked) bool { return a.Is(ref.Email) })
	if i < 0 {
		return Asked{}, false
	}
	return c.asked[i], true
}

// holds reports whether somebody still stands in for another.
func (c *standChange) holds(by, of PersonRef) bool {
	return slices.ContainsFunc(c.approvers.delegates, func(d delegate) bool {
		return c.world.Same(by, d.to) && c.world.Same(of, d.from)
	})
}

// endOver ends the stands whose delegation is over, and asks whom they were for.
func (c *standChange) endOver() {
	for _, a := range slices.Clone(c.asked) {
		own := ownSeats(a.Groups, a.For)
		var kept, over []Stand
		for _, s := range a.For {
			if c.holds(a.PersonRef, s.For) {
				kept = append(kept, s)
			} else {
				over = append(over, s)
			}
		}
		if len(over) == 0 {
			continue
		}
		a.For, a.Groups, a.Stood = kept, union(own, standing(kept)), slices.Clone(a.Stood)
		for _, s := range over {
			if !slices.ContainsFunc(a.Stood, func(p PersonRef) bool { return p.Is(s.For.Email) }) {
				a.Stood = append(a.Stood, s.For)
			}
		}
		if len(own) == 0 && len(kept) > 0 {
			a.Why, a.Ground = kept[0].Why, kept[0].Ground
		}
		c.put(a)
		for _, s := range over {
			c.askAgain(s.For, a.Tier)
		}
	}
}

// askAgain asks somebody who has not handed over any more.
func (c *standChange) askAgain(ref PersonRef, tier int) {
	p, err := c.world.People.ByEmail(ref.Email)
	if err != nil || c.decided(ref) {
		return
	}
	had, asked := c.find(p.Ref())
	if asked && len(ownSeats(had.Groups, had.For)) > 0 {
		return
	}
	if to, away := c.approvers.delegateOf(p); away {
		c.askFor(to, tier)
		return
	}
	if right, ok := c.approvers.Of(p); ok {
		a := right.asked(p)
		a.Tier, a.Stood = tier, had.Stood
		c.put(a)
	}
}

// decided reports whether the right of somebody was exercised, by whomever.
func (c *standChange) decided(ref PersonRef) bool {
	return slices.ContainsFunc(c.r.Decisions, func(d Decision) bool {
		return d.Verb == VerbApprove && (d.By.Is(ref.Email) || slices.ContainsFunc(d.For, func(s Stand) bool { return s.For.Is(ref.Email) }))
	})
}

// standIn asks who stands in for somebody who was asked.
func (c *standChange) standIn() {
	for _, a := range slices.Clone(c.asked) {
		p, err := c.world.People.ByEmail(a.Email)
		if err != nil || len(ownSeats(a.Groups, a.For)) == 0 || c.decided(a.PersonRef) {
			continue
		}
		if to, away := c.approvers.delegateOf(p); away {
			c.askFor(to, a.Tier)
		}
	}
}

// askFor asks somebody under every right that they have now.
func (c *standChange) askFor(to *Person, tier int) {
	right, ok := c.approvers.Of(to)
	had, asked := c.find(to.Ref())
	if !ok || len(right.For) == 0 || asked && sameStands(had.For, right.For) {
		return
	}
	a := right.asked(to)
	a.Tier = tier
	if asked {
		a.Tier, a.Unreached = had.Tier, had.Unreached
		a.Stood = slices.DeleteFunc(slices.Clone(had.Stood), func(p PersonRef) bool {
			return slices.ContainsFunc(a.For, func(s Stand) bool { return s.For.Is(p.Email) })
		})
	}
	c.put(a)
}

func sameStands(a, b []Stand) bool {
	return slices.EqualFunc(a, b, func(s, t Stand) bool {
		return s.For.Email == t.For.Email && slices.Equal(s.Groups, t.Groups) && s.Until.Equal(t.Until)
	})
}

// standIn takes over who is asked now, where the record has not moved on meanwhile.
func (t *transition) standIn() error {
	asked, pending := &t.r.Asked, t.r.State == StatePending
	switch n := t.ev.Extension; {
	case n == 0 && (!pending || !t.now.Before(t.r.PendingUntil)), n > 0 && (n != t.r.OpenExtension() || t.timeUp()):
		return Errorf(CodeLate, "%s", t.r.Standing())
	case n > 0:
		asked = &t.r.Extensions[n-1].Asked
		*asked = slices.Clone(*asked)
	}
	var before []Asked
	acted := false
	for _, a := range t.ev.Ask {
		i := slices.IndexFunc(*asked, func(b Asked) bool { return b.Is(a.Email) })
		if i < 0 {
			*asked, acted = append(*asked, a), true
			continue
		}
		old := (*asked)[i]
		a.Unreached = old.Unreached
		if !slices.Equal(old.Groups, a.Groups) || !sameStands(old.For, a.For) || !slices.Equal(old.Stood, a.Stood) {
			before, acted = append(before, old), true
			(*asked)[i] = a
		}
	}
	if !acted {
		return Errorf(CodeLate, "Nobody else stands in for anybody on %s.", t.r.ID)
	}
	t.fact(FactStandIn, standText(before, t.ev.Ask))
	return nil
}

// standText says what has changed, to an auditor.
func standText(before, now []Asked) string {
	text := Stands(now)
	for _, a := range now {
		var over []string
		for _, p := range a.Stood {
			was := slices.ContainsFunc(before, func(b Asked) bool {
				return b.Is(a.Email) && slices.ContainsFunc(b.For, func(s Stand) bool { return s.For.Is(p.Email) })
			})
			if was {
				over = append(over, p.DisplayName())
			}
		}
		for _, name := range over {
			if text != "" {
				text += " "
			}
			text += a.DisplayName() + " no longer stands in for " + name + "."
		}
	}
	return text
}

// askThose asks whom somebody stands in for who cannot be reached.
func (t *transition) askThose(a Asked) {
	for _, s := range a.For {
		if !slices.ContainsFunc(t.r.Asked, func(b Asked) bool { return b.Is(s.For.Email) }) {
			t.r.Asked = append(t.r.Asked, Asked{
				PersonRef: s.For, Groups: s.Groups, Tier: a.Tier,
				Why:    a.DisplayName() + " stands in for you, and cannot be reached.",
				Ground: Ground{Role: s.Ground.Role, Late: s.Ground.Late},
			})
		}
	}
}

// DelegationFact is what the audit trail keeps of a delegation that begins.
func DelegationFact(d Delegation) Fact {
	return Fact{
		Kind: FactDelegated, Actor: d.From, Delegation: &d,
		Text: d.From.DisplayName() + " handed their approvals to " + d.To.DisplayName() + " until " + d.Until.UTC().Format(time.DateTime) + " UTC.",
	}
}

// DelegationOverFact is what the trail keeps of one that ends: by somebody, or at its
// time where by is zero.
func DelegationOverFact(d Delegation, by PersonRef) Fact {
	text := d.To.DisplayName() + " does not stand in for " + d.From.DisplayName() + " any more: "
	if by == (PersonRef{}) {
		text += "the time is up."
	} else {
		text += by.DisplayName() + " ended it."
	}
	return Fact{Kind: FactDelegationOver, Actor: by, Delegation: &d, Text: text}
}
