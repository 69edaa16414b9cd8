package flows

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// DefaultExtension is how much time an extension adds where a flow does not say.
const DefaultExtension = 30 * time.Minute

// ExtensionState is where one asking for more time stands.
type ExtensionState string

// Extension states.
const (
	ExtensionAsked   ExtensionState = "asked" // waits for a decision, at most until the access ends
	ExtensionGranted ExtensionState = "granted"
	ExtensionDenied  ExtensionState = "denied"
	ExtensionLapsed  ExtensionState = "lapsed" // the access ended before anybody decided
	// Nobody decided in time; the access goes on until its end.
	ExtensionTimedOut ExtensionState = "timed_out"
)

// Extension is one asking for more time while the access is live.
type Extension struct {
	By     PersonRef      `json:"by"`
	At     time.Time      `json:"at"`
	For    time.Duration  `json:"for"`
	Reason string         `json:"reason,omitempty"`
	State  ExtensionState `json:"state"`
	// Need, Asked and FlowHash are those of the flow when it was asked for.
	Need      Need       `json:"need"`
	Asked     []Asked    `json:"asked,omitempty"`
	FlowHash  string     `json:"flow_hash,omitempty"`
	Decisions []Decision `json:"decisions,omitempty"`
	DecidedAt time.Time  `json:"decided_at,omitzero"`
	// From and Until are the ends of the access before and after; zero unless granted.
	From  time.Time `json:"from,omitzero"`
	Until time.Time `json:"until,omitzero"`
	// Waiting for a decision.
	Waiting Waiting `json:"waiting,omitzero"`
}

// Extended counts the extensions that were granted.
func (r *Request) Extended() (n int) {
	for i := range r.Extensions {
		if r.Extensions[i].State == ExtensionGranted {
			n++
		}
	}
	return n
}

// OpenExtension is the number, from 1, of the extension that waits for a decision;
// 0: none does.
func (r *Request) OpenExtension() int {
	if n := len(r.Extensions); n > 0 && r.Extensions[n-1].State == ExtensionAsked {
		return n
	}
	return 0
}

// Extendable reports whether the record allows one more extension at this moment.
// Whether the policy still does, World.Extension judges.
func (r *Request) Extendable(now time.Time) bool {
	return r.State == StateActive && !r.Indefinite && now.Before(r.EndsAt) && r.OpenExtension() == 0 && r.Extended() < r.MaxExtensions
}

// ExtensionView is a request as those see it who decide on its n-th extension: what
// is needed, who was asked and who decided is of the extension alone. False if there
// is none.
func (r *Request) ExtensionView(n int) (Request, bool) {
	if n < 1 || n > len(r.Extensions) {
		return Request{}, false
	}
	e := r.Extensions[n-1]
	v := r.Clone()
	v.Need, v.Asked, v.Decisions, v.FlowHash = e.Need, slices.Clone(e.Asked), slices.Clone(e.Decisions), e.FlowHash
	v.DecidedAt = e.DecidedAt
	e.Waiting.show(&v, e.At)
	switch e.State {
	case ExtensionAsked:
		v.State = StatePending
	case ExtensionDenied:
		v.State = StateDenied
	case ExtensionTimedOut:
		v.State = StateTimedOut
	case ExtensionGranted, ExtensionLapsed:
	}
	return v, true
}

// ExtensionStanding says in one sentence where the n-th extension stands, to the person
// with an address, who may have decided it.
func (r *Request) ExtensionStanding(n int, reader string) string {
	v, ok := r.ExtensionView(n)
	if !ok {
		return "There is no such extension."
	}
	switch e := r.Extensions[n-1]; e.State {
	case ExtensionAsked:
		return "The extension of " + r.ID + " is waiting for approval."
	case ExtensionGranted:
		v.State = StateApproved
		return "The extension of " + r.ID + " was already approved" + cmp.Or(v.by(reader), " automatically") + "."
	case ExtensionDenied:
		return "The extension of " + r.ID + " was already denied" + v.by(reader) + "."
	case ExtensionTimedOut:
		return "The extension of " + r.ID + " timed out: nobody decided in time."
	case ExtensionLapsed:
	}
	return "The access of " + r.ID + " ended before anybody decided on the extension."
}

// Extension judges, on the policy and directory of this moment, whether a person may
// ask for more time, and draws up what is asked. Errors: CodeForbidden where it is
// not the person's access, CodeLate where it is not live, CodeRefused where the flow
// does not allow it (any more).
func (w World) Extension(r *Request, p *Person, now time.Time) (Extension, int, error) {
	f, ok := w.Catalog.Flow(r.Flow)
	switch {
	case p.Disabled || !w.Same(r.Requestor, p) && !w.Same(r.Grantee, p):
		return Extension{}, 0, Errorf(CodeForbidden, "Only the requester and the grantee can extend %s.", r.ID)
	case r.State != StateActive:
		return Extension{}, 0, Errorf(CodeLate, "%s", r.StandingFor(p.Email))
	case r.OpenExtension() > 0:
		return Extension{}, 0, Errorf(CodeLate, "%s", r.ExtensionStanding(r.OpenExtension(), p.Email))
	case r.Indefinite:
		return Extension{}, 0, Errorf(CodeRefused, "The access of %s has no end, so there is nothing to extend.", r.ID)
	case !ok || f.Settings.MaxExtensions == 0:
		return Extension{}, 0, Errorf(CodeRefused, "The access flow %s does not allow extensions. Please ask again with a new request.", r.Flow)
	case r.Extended() >= f.Settings.MaxExtensions:
		return Extension{}, 0, extendedOften(r, f.Settings.MaxExtensions)
	case !f.inFrame(now):
		return Extension{}, 0, Errorf(CodeRefused, "The access flow %s can be used at other times only, so %s cannot be extended now.", r.Flow, r.ID)
	}
	if loss, lost := w.Lost(r, true); lost {
		return Extension{}, 0, Errorf(CodeRefused, "%s So %s cannot be extended.", loss.Cause, r.ID)
	}
	var people [2]*Person
	for i, ref := range []PersonRef{r.Requestor, r.Grantee} {
		found, err := w.People.ByEmail(ref.Email)
		if err != nil {
			return Extension{}, 0, Errorf(CodeRefused, "%s is not an active person in the directory any more, so %s cannot be extended.", ref.DisplayName(), r.ID)
		}
		people[i] = found
	}
	a, err := w.Resolve(Case{Flow: f, Requestor: people[0], Grantee: people[1], Units: r.Units()})
	if err != nil {
		return Extension{}, 0, err
	}
	e := Extension{By: p.Ref(), For: f.Settings.extension(), Need: a.Need(f), Asked: a.Ask(), FlowHash: w.Catalog.hashes[f.Name]}
	e.Need.Fallback = !a.Automatic && len(w.Catalog.policy.Fallback.Approvers) > 0
	e.Waiting.Until = now.Add(w.Catalog.RequestTimeout()) // or until the end of the access, if that is sooner
	return e, f.Settings.MaxExtensions, nil
}

func extendedOften(r *Request, most int) error {
	times := "once"
	if most > 1 {
		times = strconv.Itoa(most) + " times"
	}
	return Errorf(CodeRefused, "%s was extended already; the access flow %s allows that %s. Please ask again with a new request.", r.ID, r.Flow, times)
}

func (s Settings) extension() time.Duration {
	if s.ExtensionDuration > 0 {
		return s.ExtensionDuration
	}
	return DefaultExtension
}

// extend asks for more time, or gets it at once where the flow is automatic.
func (t *transition) extend() error {
	e := t.ev.Extend
	switch {
	case e == nil || e.For <= 0 || !e.Need.Automatic && (len(e.Asked) == 0 || len(e.Need.Groups) == 0):
		return Errorf(CodeInternal, "An extension needs a time and somebody to approve it (this is a bug).")
	case t.timeUp():
		return Errorf(CodeLate, "The access of %s has expired.", t.r.ID)
	case t.r.EndsAt.IsZero():
		return Errorf(CodeRefused, "The access of %s has no end, so there is nothing to extend.", t.r.ID)
	case t.ev.Extension > 0 && t.ev.Extension <= len(t.r.Extensions):
		return Errorf(CodeLate, "%s", t.r.ExtensionStanding(t.ev.Extension, t.ev.By.Email))
	case t.r.OpenExtension() > 0:
		return Errorf(CodeLate, "%s", t.r.ExtensionStanding(t.r.OpenExtension(), t.ev.By.Email))
	case t.r.Extended() >= t.ev.Most:
		return extendedOften(&t.r, t.ev.Most)
	case utf8.RuneCountInString(t.ev.Reason) > MaxReason:
		return Errorf(CodeInvalid, "The reason is longer than %d characters.", MaxReason)
	}
	ask := *e
	ask.By, ask.At, ask.Reason, ask.State, ask.Decisions = t.ev.By, t.now, t.ev.Reason, ExtensionAsked, nil
	ask.Waiting = Waiting{}
	if until := e.Waiting.Until; !until.IsZero() {
		ask.Waiting.Until = stamp(until)
	}
	t.r.Extensions = append(t.r.Extensions, ask)
	if ask.Need.Automatic {
		t.prolong()
		return nil
	}
	t.onExtension(func(v *transition) bool { v.r.remindFrom(t.now); return true })
	var names []string
	for _, a := range ask.Asked {
		names = append(names, a.DisplayName())
	}
	t.fact(FactExtensionAsked, "More time was asked for: "+FormatDuration(ask.For)+". Asked: "+strings.Join(names, ", ")+".")
	return nil
}

// prolong moves the end of the access. Every target that ends access by itself has
// to be told, so all are asked.
func (t *transition) prolong() {
	e := &t.r.Extensions[len(t.r.Extensions)-1]
	e.State, e.DecidedAt, e.From, e.Until = ExtensionGranted, t.now, t.r.EndsAt, t.r.EndsAt.Add(e.For)
	t.r.EndsAt = e.Until
	t.r.soonFrom(t.now)
	for i := range t.r.Groups {
		if g := &t.r.Groups[i]; g.Status == GroupGranted {
			g.Extending, g.ExtendProblem = true, ""
			t.target(g.Integration)
		}
	}
	t.fact(FactExtended, "Extended by "+FormatDuration(e.For)+".")
}

// decideExtension is approve or deny while the access is live.
func (t *transition) decideExtension() error {
	n := t.ev.Extension
	v, ok := t.r.ExtensionView(n)
	switch {
	case !ok:
		return Errorf(CodeLate, "%s", t.r.StandingFor(t.ev.By.Email))
	case n != t.r.OpenExtension() || t.timeUp():
		return Errorf(CodeLate, "%s", t.r.ExtensionStanding(n, t.ev.By.Email))
	}
	check := transition{r: v, ev: t.ev, now: t.now}
	if err := check.checkDecision(); err != nil {
		return err
	}
	e := &t.r.Extensions[n-1]
	e.Decisions = slices.Clone(e.Decisions)
	verb := VerbApprove
	if t.ev.Kind == EventDeny {
		verb = VerbDeny
	} else if v.approvedBy(t.ev.By) {
		return Errorf(CodeLate, "You have already approved the extension of %s; it still waits for somebody else.", t.r.ID)
	}
	e.Decisions = append(e.Decisions, t.decision(verb, e.Asked))
	v.Decisions = e.Decisions
	switch {
	case verb == VerbDeny:
		e.State, e.DecidedAt = ExtensionDenied, t.now
		t.fact(FactExtensionDenied, "The access goes on until its end.")
	case v.Satisfied():
		t.prolong()
	default:
		t.fact(FactApproval, "Of the extension.")
	}
	return nil
}

// approvedBy reports whether somebody's approval is on record.
func (r *Request) approvedBy(p PersonRef) bool {
	return slices.ContainsFunc(r.Decisions, func(d Decision) bool { return d.By.Is(p.Email) && d.Verb == VerbApprove })
}

// lapse closes an extension that nobody decided on before the access ended.
func (t *transition) lapse() {
	if n := t.r.OpenExtension(); n > 0 {
		t.r.Extensions[n-1].State = ExtensionLapsed
	}
}

// dateTargets tells the end, which is fixed now, to targets that were granted before.
func (t *transition) dateTargets() {
	for i := range t.r.Groups {
		if g := &t.r.Groups[i]; g.Status == GroupGranted && g.Undated {
			t.target(g.Integration)
		}
	}
}

// prolonged: the target knows the end.
func (t *transition) prolonged() error {
	g, err := t.extending()
	if err != nil {
		return err
	}
	g.Extending, g.Undated, t.quiet = false, false, true
	if t.ev.Fresh { // it could only be told by another grant
		t.quiet = false
		t.handOver(g)
		t.fact(FactCredentials, "New credentials for "+g.Integration+" were issued with the extension.")
	}
	t.goOn(g)
	return nil
}

// extendFailed: the target keeps the end it had. The access is still the person's
// until the new one, but the target may end it before. Where the end was not moved, but
// fixed, the target ends it later than the bot does, and nobody has to know.
func (t *transition) extendFailed() error {
	g, err := t.extending()
	if err != nil {
		return err
	}
	if !g.Extending {
		g.Undated, t.quiet = false, true
		t.goOn(g)
		return nil
	}
	g.Extending, g.Undated, g.ExtendProblem = false, false, t.ev.Problem
	t.fact(FactAccessGroup, "It could not be extended in "+g.Integration+": "+g.ExtendProblem)
	t.goOn(g)
	return nil
}

func (t *transition) extending() (*AccessGroup, error) {
	g, err := t.group(GroupGranted)
	switch {
	case err != nil:
		return nil, err
	case !g.Extending && !g.Undated:
		return nil, Errorf(CodeLate, "Nobody waits for another end in %s.", g.Integration)
	case !t.ev.Until.IsZero() && !t.ev.Until.Equal(t.r.EndsAt):
		return nil, Errorf(CodeLate, "The access of %s has another end by now.", t.r.ID)
	}
	return g, nil
}

// goOn wants the target asked for what else is open there.
func (t *transition) goOn(g *AccessGroup) {
	if g.Resetting || g.Extending {
		t.target(g.Integration)
	}
}
