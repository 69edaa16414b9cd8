package flows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// World is the context of one decision: people, what there is, and the policy,
// each a snapshot of one moment.
type World struct {
	People    *Directory
	Inventory *Inventory
	Catalog   *Catalog
	// Delegations are those that hold at this moment; nil: none does.
	Delegations *Delegations

	prepared *reaches // nil: see NewWorld
}

// Question is what somebody asks for.
type Question struct {
	Requestor *Person
	Grantee   *Person
	Bundle    string        // set: the whole bundle, or Units of it
	Units     []Unit        // without a bundle: what is asked for
	Duration  time.Duration // 0: the flow's default
	// Justification as it was typed.
	Justification string
	Now           time.Time
}

// Subject of a check: the part of a question it is about.
type Subject string

// Subjects.
const (
	AboutPerson        Subject = "person"
	AboutTarget        Subject = "target"
	AboutTime          Subject = "time"
	AboutDuration      Subject = "duration"
	AboutJustification Subject = "justification"
	AboutApprovers     Subject = "approvers"
)

// Check is one rule that was looked at.
type Check struct {
	About  Subject
	Status Status
	Reason string // a sentence for the person
}

// Part is one request that the submission would become.
type Part struct {
	Flow       *Flow
	FlowHash   string
	Units      []Unit
	Duration   time.Duration // what would be granted; 0: indefinite
	Indefinite bool
	Approvers  Approvers
}

// Verdict is the answer to a question.
type Verdict struct {
	Parts  []Part // one for each request; empty where no flow covers everything
	Checks []Check
}

// Allowed reports whether the submission would be taken.
func (v Verdict) Allowed() bool { return len(v.Parts) > 0 && len(v.Problems()) == 0 }

// Problems are the checks that are not met.
func (v Verdict) Problems() []Check {
	return slices.DeleteFunc(slices.Clone(v.Checks), func(c Check) bool { return c.Status == Met })
}

func (v *Verdict) check(about Subject, s Status, format string, args ...any) {
	v.Checks = append(v.Checks, Check{About: about, Status: s, Reason: fmt.Sprintf(format, args...)})
}

// Evaluate answers a question under the policy and context of this moment. It is
// what the form's hint, the submission and a what-if all call.
func (w World) Evaluate(q Question) Verdict {
	var v Verdict
	units, ok := w.unitsOf(q, &v)
	if !ok {
		return v
	}
	open, closed := w.eligible(q, &v)
	if len(open)+len(closed) == 0 {
		return v
	}
	for _, c := range w.split(open, closed, q, units, &v) {
		w.addPart(&v, q, c)
	}
	w.checkJustification(&v, q)
	return v
}

// unitsOf resolves what is asked for.
func (w World) unitsOf(q Question, v *Verdict) ([]Unit, bool) {
	units := slices.Clone(q.Units)
	if q.Bundle != "" {
		if _, ok := w.Catalog.Bundle(q.Bundle); !ok {
			v.check(AboutTarget, Unmet, "There is no bundle %s.", q.Bundle)
			return nil, false
		}
		if len(units) == 0 {
			units = w.BundleUnits(q.Bundle, MaxUnits+1)
			if len(units) > MaxUnits {
				v.check(AboutTarget, Unmet, "This bundle holds more than %d objects, so it cannot be asked for as a whole. Please pick what you need.", MaxUnits)
				return nil, false
			}
		}
	}
	slices.SortFunc(units, Unit.Compare)
	units = slices.Compact(units)
	switch {
	case len(units) == 0 && q.Bundle != "":
		v.check(AboutTarget, Unmet, "The bundle %s holds nothing at the moment.", q.Bundle)
		return nil, false
	case len(units) == 0:
		v.check(AboutTarget, Unmet, "Please choose what you need access to.")
		return nil, false
	case len(units) > MaxUnits:
		v.check(AboutTarget, Unmet, "That is %d objects; one request may hold at most %d.", len(units), MaxUnits)
		return nil, false
	}
	return units, true
}

// open reports whether a person may ask for anything under a flow, at the times
// at which it may be used.
func (w World) open(f *Flow, p *Person) bool {
	if !f.Active || f.Trigger == TriggerAutomatic {
		return false
	}
	status, _ := w.Matches(f.Requestors, p, p)
	return status == Met
}

// eligible finds the flows under which the requestor may ask for the grantee,
// those apart that are closed at this moment.
func (w World) eligible(q Question, v *Verdict) (open, closed []*Flow) {
	if q.Requestor.Disabled || q.Grantee.Disabled {
		v.check(AboutPerson, Unmet, "A deactivated person cannot ask for or get access.")
		return nil, nil
	}
	asks, why := false, ""
	for _, f := range w.likelyFlows(q.Requestor) {
		if !w.open(f, q.Requestor) {
			continue
		}
		asks = true
		switch status, reason := w.mayGet(f, q.Requestor, q.Grantee); {
		case status != Met:
			why = cmp.Or(why, reason)
		case f.inFrame(q.Now):
			open = append(open, f)
		default:
			closed = append(closed, f)
		}
	}
	switch {
	case len(open)+len(closed) > 0:
	case asks && samePerson(q.Requestor, q.Grantee):
		v.check(AboutPerson, Unmet, "No access flow lets you ask for yourself at the moment: %s.", why)
	case asks:
		v.check(AboutPerson, Unmet, "No access flow lets you ask for %s at the moment: %s.", q.Grantee.Ref().DisplayName(), why)
	default:
		v.check(AboutPerson, Unmet, "No access flow lets you ask for anything at the moment.")
	}
	return open, closed
}

func (w World) addPart(v *Verdict, q Question, c cover) {
	f := c.flow
	p := Part{Flow: f, FlowHash: w.Catalog.hashes[f.Name], Units: c.units, Duration: q.Duration}
	if q.Duration == 0 {
		p.Duration, p.Indefinite = f.Duration.Max, f.Duration.Indefinite
	}
	if f.Duration.Allows(q.Duration) {
		v.check(AboutDuration, Met, "The longest under the access flow %s is %s.", f.Name, f.Duration)
	} else {
		v.check(AboutDuration, Unmet, "The longest under the access flow %s is %s.", f.Name, f.Duration)
	}
	approvers, err := w.Resolve(Case{Flow: f, Requestor: q.Requestor, Grantee: q.Grantee, Units: c.units})
	p.Approvers = approvers
	if err != nil {
		v.check(AboutApprovers, Unmet, "%s", ErrorMessage(err))
	} else {
		v.check(AboutApprovers, Met, "Asked: %s.", approvers.Summary(q.Requestor))
	}
	v.Parts = append(v.Parts, p)
}

// JustificationRequired reports whether it must be said why when asking. Who
// breaks the glass says it afterwards.
func (f *Flow) JustificationRequired() bool {
	return f.Settings.JustificationRequired && !f.Settings.BreakGlass
}

func (w World) checkJustification(v *Verdict, q Question) {
	text := strings.TrimSpace(q.Justification)
	required := slices.ContainsFunc(v.Parts, func(p Part) bool { return p.Flow.JustificationRequired() })
	switch n := utf8.RuneCountInString(text); {
	case n > MaxReason:
		v.check(AboutJustification, Unmet, "The justification has %d characters; at most %d fit.", n, MaxReason)
	case n == 0 && required:
		v.check(AboutJustification, Unmet, "Please say why you need this.")
	}
}

// String says a grant duration to a person: "4 hours", "no limit".
func (g GrantDuration) String() string {
	if g.Indefinite {
		return "without limit"
	}
	return FormatDuration(g.Max)
}

// FormatDuration says a duration to a person: "1 hour 30 minutes", "5 days".
func FormatDuration(d time.Duration) string {
	if d <= 0 {
		return "no time"
	}
	var parts []string
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "day"}, {time.Hour, "hour"}, {time.Minute, "minute"}, {time.Second, "second"}} {
		if n := int64(d / u.size); n > 0 {
			d %= u.size
			s := fmt.Sprintf("%d %s", n, u.name)
			if n > 1 {
				s += "s"
			}
			parts = append(parts, s)
		}
	}
	if len(parts) == 0 {
		return d.String()
	}
	return strings.Join(parts, " ")
}

// Drafts turns an allowed verdict into the requests it stands for.
func (w World) Drafts(q Question, v Verdict) []Request {
	var out []Request
	for _, p := range v.Parts {
		r := Request{
			Trigger: TriggerSelfServe, Requestor: q.Requestor.Ref(), Grantee: q.Grantee.Ref(),
			Flow: p.Flow.Name, FlowHash: p.FlowHash, Bundle: q.Bundle, Justification: strings.TrimSpace(q.Justification),
			Duration: p.Duration, Indefinite: p.Indefinite, Need: p.Approvers.Need(p.Flow), Asked: p.Approvers.Ask(),
			ReportLostRight: p.Flow.Settings.ReportLostRight, MaxExtensions: p.Flow.Settings.MaxExtensions, BreakGlass: p.Flow.Settings.BreakGlass,
		}
		if !p.Approvers.Automatic {
			r.Need.Fallback = len(w.Catalog.policy.Fallback.Approvers) > 0
			r.PendingUntil = q.Now.Add(w.Catalog.RequestTimeout())
		}
		r.Part = q.Bundle != "" && len(w.BundleUnits(q.Bundle, len(p.Units)+1)) > len(p.Units)
		for _, u := range p.Units {
			if n := len(r.Groups); n == 0 || r.Groups[n-1].Integration != u.Integration {
				r.Groups = append(r.Groups, AccessGroup{Integration: u.Integration})
			}
			g := &r.Groups[len(r.Groups)-1]
			g.Items = append(g.Items, w.Inventory.Describe(u))
		}
		out = append(out, r)
	}
	return out
}
