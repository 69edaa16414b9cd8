package flows

import (
	"slices"
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
	if r.State != StatePending || r.Escalated >= r.Need.Tiers || r.Need.TierEvery <= 0 {
		return time.Time{}, false
	}
	at = r.CreatedAt.Add(time.Duration(r.Escalated+1) * r.Need.TierEvery)
	return at, at.Before(r.PendingUntil)
}

// DueEvent is what to apply to a request that time changes. Where a request is
// escalated it says whom to ask, as the directory is at this moment; while that
// knows nobody, as at a start, it does not escalate.
func (w World) DueEvent(r *Request, now time.Time) Event {
	ev := Event{Kind: EventDue}
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
	for _, p := range w.tier(c, ev.Tier-1) {
		ev.Ask = append(ev.Ask, Asked{PersonRef: p.Person.Ref(), Groups: r.Need.all(), Why: p.WhyYou(), Tier: ev.Tier})
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
	e := c.Flow.Approval.escalation()
	if i < 0 || i >= len(e.Groups) {
		return nil
	}
	var out []Candidate
	for _, g := range w.resolveGroups(c, e.Groups[i:i+1]) {
		for _, p := range g.People {
			if !slices.ContainsFunc(out, func(o Candidate) bool { return samePerson(o.Person, p.Person) }) {
				p.Why = "Nobody decided in time, and you are " + p.Role + "."
				if p.Role == namedInPerson {
					p.Why = "Nobody decided in time, and you are named as an approver then."
				}
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
