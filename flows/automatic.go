package flows

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// AutomaticAgain is how long automatic access that a person ended stays away, unless what
// its flow covers changes.
const AutomaticAgain = 24 * time.Hour

// AutomaticRetry is how long automatic access of which nothing could be granted is left
// alone.
const AutomaticRetry = 15 * time.Minute

// Automatic is what an automatic flow gives at this moment, and to whom.
type Automatic struct {
	Flow *Flow
	Hash string // of the flow and all that it uses; see Catalog.HashOf
	// Units in order, without doubles. Over MaxUnits they are cut off after one more,
	// and nothing is granted.
	Units  []Unit
	Digest string // of Units; see UnitsDigest
	People []*Person
}

// TooMuch reports whether the flow covers more than one request may.
func (a *Automatic) TooMuch() bool { return len(a.Units) > MaxUnits }

// Automatics lists the active automatic flows, in the order of the file. Its cost
// grows with the people and units that the flows mean, not with all there are: where
// a flow names groups, shifts or people, an index finds them.
func (w World) Automatics() []Automatic {
	var out []Automatic
	for _, f := range w.Catalog.Flows() {
		if !f.Active || f.Trigger != TriggerAutomatic {
			continue
		}
		a := Automatic{Flow: f, Hash: w.Catalog.wholes[f.Name], Units: w.automaticUnits(f)}
		a.Digest = UnitsDigest(a.Units)
		for _, p := range w.People.likely(ApproverGroup{Match: f.Requestors.Match, Approvers: f.Requestors.Conditions}, nil) {
			if status, _ := w.Matches(f.Requestors, p, p); status == Met && !p.Disabled && w.People.certain(p) {
				a.People = append(a.People, p)
			}
		}
		out = append(out, a)
	}
	return out
}

func (w World) automaticUnits(f *Flow) []Unit {
	rs := w.reaches()
	all := slices.DeleteFunc(slices.Clone(rs.flows[f.Name]), func(r reach) bool { return r == nil })
	for i := range f.Targets {
		if b := f.Targets[i].Bundle; b != "" {
			all = append(all, rs.bundles[b]...)
		}
	}
	units := w.units(all, MaxUnits+1)
	slices.SortFunc(units, Unit.Compare)
	return units
}

// UnitsDigest is equal for the same units in the same order.
func UnitsDigest(units []Unit) string {
	h := sha256.New()
	for _, u := range units {
		for _, part := range []string{u.Integration, u.ResourceType, u.Resource, u.Permission} {
			fmt.Fprintf(h, "%d:%s", len(part), part)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// automaticDraft is the request that gives somebody what the flow covers.
func (w World) automaticDraft(a *Automatic, p *Person) Request {
	r := Request{
		Trigger: TriggerAutomatic, Requestor: p.Ref(), Grantee: p.Ref(), Flow: a.Flow.Name, FlowHash: a.Hash, Indefinite: true, Need: Need{Automatic: true},
	}
	for _, u := range a.Units {
		if n := len(r.Groups); n == 0 || r.Groups[n-1].Integration != u.Integration {
			r.Groups = append(r.Groups, AccessGroup{Integration: u.Integration})
		}
		g := &r.Groups[len(r.Groups)-1]
		g.Items = append(g.Items, w.Inventory.Describe(u))
	}
	return r
}

// Holding is what an approved or active request of an automatic flow gives.
type Holding struct {
	ID, Flow, Hash string
	Seq            uint64
	Person         PersonRef
	Digest         string // of its units
	Integrations   []string
	Units          []Unit
	// Partly: it is active, and a part of it could not be granted.
	Partly bool
}

// HoldingOf sums up a request.
func HoldingOf(r *Request) Holding {
	h := Holding{ID: r.ID, Flow: r.Flow, Hash: r.FlowHash, Seq: r.Seq, Person: r.Grantee, Partly: r.PartlyGranted()}
	for _, g := range r.Groups {
		h.Integrations = append(h.Integrations, g.Integration)
		for _, it := range g.Items {
			h.Units = append(h.Units, it.Unit)
		}
	}
	slices.SortFunc(h.Units, Unit.Compare)
	h.Digest = UnitsDigest(h.Units)
	return h
}

// AutomaticStep is what happens to what one person has under one automatic flow.
// A request that is replaced goes after its successor was made, so that units of both
// are held all the time.
type AutomaticStep struct {
	Flow, Person string
	Draft        *Request // to be made; nil: none
	Ends         []AutomaticEnd
}

// AutomaticEnd is a request that ends.
type AutomaticEnd struct {
	ID    string
	Cause string // a sentence for people
	// Policy says that the flow, or a bundle or access scope that it uses, was changed
	// since, and the person loses something: a mistake in a policy looks like many of
	// these at once.
	Policy bool
	// Loses says that the person loses something, whatever made it so.
	Loses bool
}

// AutomaticPlan is what makes everybody hold what automatic flows give, and nobody else.
type AutomaticPlan struct {
	Steps []AutomaticStep // in the order of the file and of the directory; those that only end last
	// Keep are the holdings that agree with their flow.
	Keep []Holding
	// Again are holdings of Keep of which a part could not be granted, each to be replaced
	// by the same once it is time to try again.
	Again []AutomaticStep
	// TooMuch names flows that cover more than MaxUnits units. Nothing is granted under
	// them, and what was stays.
	TooMuch []string
}

type automaticKey struct{ flow, person string }

// PlanAutomatic compares what automatic flows give with what is held. What cannot be
// seen is not judged: units in an integration that is not in the inventory.
func (w World) PlanAutomatic(held []Holding) AutomaticPlan {
	var plan AutomaticPlan
	by := map[automaticKey][]Holding{}
	for _, h := range held {
		k := automaticKey{h.Flow, h.Person.Email}
		by[k] = append(by[k], h)
	}
	flows := map[string]*Automatic{}
	for _, a := range w.Automatics() {
		flows[a.Flow.Name] = &a
		if a.TooMuch() {
			plan.TooMuch = append(plan.TooMuch, a.Flow.Name)
		}
		for _, p := range a.People {
			k := automaticKey{a.Flow.Name, NormalizeEmail(p.Email)}
			w.follow(&plan, &a, p, by[k])
			delete(by, k)
		}
	}
	for _, h := range held { // of those who do not match any more, in the order of the requests
		k := automaticKey{h.Flow, h.Person.Email}
		if _, left := by[k]; !left {
			continue
		}
		step := AutomaticStep{Flow: h.Flow, Person: h.Person.Email}
		for _, h := range by[k] {
			step.Ends = append(step.Ends, ended(flows[h.Flow], h))
		}
		plan.Steps = append(plan.Steps, step)
		delete(by, k)
	}
	return plan
}

// follow plans for somebody who matches a flow.
func (w World) follow(plan *AutomaticPlan, a *Automatic, p *Person, held []Holding) {
	slices.SortFunc(held, func(g, h Holding) int { return cmp.Compare(h.Seq, g.Seq) })
	step := AutomaticStep{Flow: a.Flow.Name, Person: NormalizeEmail(p.Email)}
	kept := ""
	for _, h := range held {
		if kept == "" && (a.TooMuch() || h.Digest == a.Digest || w.unseen(h)) {
			plan.Keep, kept = append(plan.Keep, h), h.ID
			if h.Partly && h.Digest == a.Digest && !a.TooMuch() {
				draft := w.automaticDraft(a, p)
				plan.Again = append(plan.Again, AutomaticStep{
					Flow: step.Flow, Person: step.Person, Draft: &draft, Ends: []AutomaticEnd{{ID: h.ID, Cause: "A part of it could not be granted, and is tried again."}},
				})
			}
		}
	}
	for _, h := range held {
		if h.ID == kept {
			continue
		}
		end := AutomaticEnd{ID: h.ID, Cause: "What the automatic access flow " + a.Flow.Name + " covers has changed."}
		if kept != "" {
			end.Cause = kept + " gives the same."
		} else {
			end.Loses = loses(h.Units, a.Units)
			end.Policy = end.Loses && h.Hash != a.Hash
		}
		step.Ends = append(step.Ends, end)
	}
	if kept == "" && len(a.Units) > 0 && !a.TooMuch() {
		draft := w.automaticDraft(a, p)
		step.Draft = &draft
	}
	if step.Draft != nil || len(step.Ends) > 0 {
		plan.Steps = append(plan.Steps, step)
	}
}

// ended says why somebody does not hold what a flow gives any more; a is nil where
// there is no such flow.
func ended(a *Automatic, h Holding) AutomaticEnd {
	if a == nil {
		return AutomaticEnd{ID: h.ID, Cause: "The automatic access flow " + h.Flow + " is not in force any more.", Policy: true, Loses: true}
	}
	return AutomaticEnd{
		ID: h.ID, Cause: h.Person.DisplayName() + " does not match the automatic access flow " + h.Flow + " any more.", Policy: a.Hash != h.Hash, Loses: true,
	}
}

// unseen reports whether an integration of the holding is not in the inventory.
func (w World) unseen(h Holding) bool {
	return slices.ContainsFunc(h.Integrations, func(in string) bool { return !slices.Contains(w.Inventory.integrations, in) })
}

// loses reports whether something of was is not in is. Both are in order.
func loses(was, is []Unit) bool {
	for _, u := range was {
		if _, found := slices.BinarySearchFunc(is, u, Unit.Compare); !found {
			return true
		}
	}
	return false
}

// PolicyEnds lists the requests that would end because of a changed policy.
func (p *AutomaticPlan) PolicyEnds() (ids []string) {
	for _, s := range p.Steps {
		for _, e := range s.Ends {
			if e.Policy {
				ids = append(ids, e.ID)
			}
		}
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b)) })
	return ids
}
