package flows

import (
	"slices"
	"strings"
	"time"
)

// Escalation asks further people where nobody decides: after each Interval those
// of the next group. Whoever was asked before may still decide, and each of them
// may stand in for any approver.
type Escalation struct {
	Interval time.Duration   `json:"interval"` // >= a minute
	Groups   []ApproverGroup `json:"groups"`   // tiers, at most MaxTiers
}

// MaxTiers is how often a request can be escalated.
const MaxTiers = 5

// DefaultEscalation is the interval where none is written.
const DefaultEscalation = 30 * time.Minute

// escalatesAt is when a request that waits is escalated next.
func (r *Request) escalatesAt() (at time.Time, ok bool) {
	last := r.Need.Tiers
	if r.Need.Fallback && (last > 0 || r.Silent()) {
		last++
	}
	switch {
	case r.State != StatePending || r.Escalated >= last:
		return time.Time{}, false
	case r.Silent():
		return r.SilentAt, r.SilentAt.Before(r.PendingUntil)
	case r.Need.TierEvery <= 0:
		return time.Time{}, false
	}
	at = r.CreatedAt.Add(time.Duration(r.Escalated+1) * r.Need.TierEvery)
	return at, at.Before(r.PendingUntil)
}

// DueEvent is what to apply to a request that time changes. Where a request is
// or an extension is escalated it says whom to ask, as the directory is at this moment; while that
// knows nobody, as at a start, it does not escalate.
func (w World) DueEvent(r *Request, now time.Time) Event {
	ev := Event{Kind: EventDue}
	if v, waits := r.ExtensionView(r.OpenExtension()); waits {
		r = &v
	}
	at, ok := r.escalatesAt()
	if !ok || now.Before(at) || w.People.Size() == 0 {
		return ev
	}
	ev.Tier = r.Escalated + 1
	f, found := w.Catalog.Flow(r.Flow)
	requestor, err := w.People.ByEmail(r.Requestor.Email)
	grantee, errGrantee := w.People.ByEmail(r.Grantee.Email)
	if !found || err != nil || errGrantee != nil {
		return ev
	}
	c := Case{Flow: f, Requestor: requestor, Grantee: grantee, Units: r.Units(), Escalated: ev.Tier}
	approvers, _ := w.Resolve(c) // that nobody can approve takes nobody from the tier
	for _, p := range w.tier(c, ev.Tier-1) {
		a := Asked{PersonRef: p.Person.Ref(), Groups: r.Need.all(), Why: p.You(), Ground: p.Ground}
		if to, away := approvers.delegateOf(p.Person); away {
			right, _ := approvers.Of(to)
			a = right.asked(to)
		}
		a.Tier = ev.Tier
		if r.Silent() {
			a.Ground.Late = LateUnreached
			a.Why = a.Ground.You()
		}
		ev.Ask = append(ev.Ask, a)
	}
	return ev
}

// all seats.
func (n *Need) all() []int {
	out := make([]int, len(n.Groups))
	for i := range out {
		out[i] = i
	}
	return out
}

// Units of all access groups.
func (r *Request) Units() []Unit {
	var out []Unit
	for _, it := range r.Items() {
		out = append(out, it.Unit)
	}
	return out
}

// tier finds the people of one tier of a flow's escalation.
func (w World) tier(c Case, i int) []Candidate {
	tiers := slices.Clone(c.Flow.Approval.escalation().Groups)
	tiers = append(tiers, w.Catalog.policy.Fallback) // the last; see Need.Fallback
	if i < 0 || i >= len(tiers) || len(tiers[i].Approvers) == 0 {
		return nil
	}
	var out []Candidate
	for _, g := range w.resolveGroups(c, tiers[i:i+1]) {
		for _, p := range g.People {
			if !slices.ContainsFunc(out, func(o Candidate) bool { return samePerson(o.Person, p.Person) }) {
				p.Late = LateUndecided
				out = append(out, p)
			}
		}
	}
	return out
}

func (a *Approval) escalation() Escalation {
	if a == nil || a.Escalation == nil {
		return Escalation{}
	}
	return *a.Escalation
}

// standIn adds the people of the tiers that a request has reached to every seat.
func (w World) standIn(c Case, groups []ResolvedGroup) {
	for i := range c.Escalated {
		for _, p := range w.tier(c, i) {
			for gi := range groups {
				g := &groups[gi]
				if !slices.ContainsFunc(g.People, func(o Candidate) bool { return samePerson(o.Person, p.Person) }) {
					g.People = append(slices.Clip(g.People), p)
				}
			}
		}
	}
}

// escalate asks further people where that is due and the event says whom.
func (t *transition) escalate() bool {
	at, ok := t.r.escalatesAt()
	if !ok || t.now.Before(at) || t.ev.Tier != t.r.Escalated+1 {
		return false
	}
	why := LateUndecided.sentence()
	if t.r.Silent() {
		why = "Not enough of those who were asked can be reached"
	}
	t.r.Escalated++
	t.r.remindFrom(t.now)
	var names []string
	for _, a := range t.ev.Ask {
		switch i := slices.IndexFunc(t.r.Asked, func(b Asked) bool { return b.Is(a.Email) }); {
		case i < 0:
			t.r.Asked = append(t.r.Asked, a)
			names = append(names, a.DisplayName())
		case len(a.For) > 0: // asked before, and now also in the place of somebody
			a.Tier, a.Unreached, a.Stood = t.r.Asked[i].Tier, t.r.Asked[i].Unreached, t.r.Asked[i].Stood
			t.r.Asked[i] = a
		}
	}
	text := why + "; nobody further could be asked."
	if len(names) > 0 {
		text = why + "; asked now: " + strings.Join(names, ", ") + "."
	}
	t.fact(FactEscalated, text)
	return true
}
