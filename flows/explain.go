package flows

import (
	"fmt"
	"slices"
	"strings"
)

// Explanation is a verdict with what every flow has to say about the question.
type Explanation struct {
	Verdict Verdict
	Flows   []FlowAnswer // in the order of the file
}

// FlowAnswer is what one flow says about a question.
type FlowAnswer struct {
	Flow string
	// Chosen says that a request would be made under it.
	Chosen bool
	// Covers is how many of the units it covers, Of how many there are. Both are 0
	// where the question names none.
	Covers, Of int
	Longest    string // of an automatic flow there is none: "without limit"
	// Asked says who would be asked, "Automatic" where nobody is; empty where the
	// flow is no answer.
	Asked string
	// Against are the reasons why it is not the answer; empty: it would do.
	Against []string
}

// Explain answers a question like Evaluate, and says for each flow why it is the
// answer or is not. Without a bundle and without units it says under which flows
// the requestor may ask at all.
func (w World) Explain(q Question) Explanation {
	e := Explanation{}
	var units []Unit
	if q.Bundle != "" || len(q.Units) > 0 {
		e.Verdict = w.Evaluate(q)
		var unused Verdict
		units, _ = w.unitsOf(q, &unused)
	}
	chosen := ""
	for _, p := range e.Verdict.Parts {
		chosen = p.Flow.Name
	}
	for _, f := range w.Catalog.Flows() {
		a := w.answer(f, q, units)
		a.Chosen = slices.ContainsFunc(e.Verdict.Parts, func(p Part) bool { return p.Flow == f })
		if !a.Chosen && len(a.Against) == 0 && chosen != "" {
			a.Against = append(a.Against, "another goes first: it can hold the duration, is automatic, covers more, or is named earlier in the file")
		}
		e.Flows = append(e.Flows, a)
	}
	return e
}

// MayUse reports whether a person may ask for anything under a flow, for
// themselves or others, at the times at which it may be used.
func (w World) MayUse(f *Flow, p *Person) bool { return w.open(f, p) }

// Gives reports whether an automatic flow gives a person what it covers.
func (w World) Gives(f *Flow, p *Person) bool {
	status, _ := w.Matches(f.Requestors, p, p)
	return f.Active && f.Trigger == TriggerAutomatic && status == Met && w.People.certain(p)
}

// asksOwners reports whether who approves depends on what is asked for.
func (a *Approval) asksOwners() bool {
	return a != nil && slices.ContainsFunc(a.Groups, func(g ApproverGroup) bool { return slices.ContainsFunc(g.Approvers, isOwner) })
}

func (w World) answer(f *Flow, q Question, units []Unit) FlowAnswer {
	a := FlowAnswer{Flow: f.Name, Longest: f.Duration.String(), Of: len(units)}
	against := func(format string, args ...any) { a.Against = append(a.Against, fmt.Sprintf(format, args...)) }
	if !f.Active {
		against("it is switched off")
	}
	who := q.Requestor.Ref().DisplayName()
	status, why := w.Matches(f.Requestors, q.Requestor, q.Requestor)
	if f.Trigger == TriggerAutomatic {
		a.Longest = GrantDuration{Indefinite: true}.String()
		says := "it gives access by itself; nobody asks under it"
		if w.Gives(f, q.Requestor) {
			says = "it gives access by itself, to " + who + " too; nobody asks under it"
		}
		against("%s", says)
	}
	switch status {
	case Unmet:
		against("%s is not %s", who, why)
	case Broken:
		against("it cannot be judged for %s: %s", who, why)
	case Met:
	}
	if status, why := w.mayGet(f, q.Requestor, q.Grantee); status != Met && f.Trigger != TriggerAutomatic {
		against("it is not for %s: %s", q.Grantee.Ref().DisplayName(), why)
	}
	if !f.inFrame(q.Now) {
		against("it %s", f.Timeframe.closed(q.Now))
	}
	if len(units) > 0 {
		for _, c := range w.candidates([]*Flow{f}, q, units) {
			a.Covers = c.set.count()
		}
		switch {
		case a.Covers == 0:
			against("it offers nothing of what is asked for")
		case a.Covers < a.Of && q.Bundle != "":
			against("it covers %d of %d, and a bundle is asked for under one flow", a.Covers, a.Of)
		}
	}
	if f.Trigger != TriggerAutomatic && !f.Duration.Allows(q.Duration) {
		against("the longest is %s", f.Duration)
	}
	if len(a.Against) > 0 {
		return a
	}
	if len(units) == 0 && f.Approval.asksOwners() {
		a.Asked = strings.ReplaceAll(f.Approval.text(), "their manager", "your manager")
		return a
	}
	approvers, err := w.Resolve(Case{Flow: f, Requestor: q.Requestor, Grantee: q.Grantee, Units: units})
	if err != nil {
		against("%s", ErrorMessage(err))
		return a
	}
	a.Asked = approvers.Summary(q.Requestor)
	return a
}
