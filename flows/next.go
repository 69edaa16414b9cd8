package flows

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Next is the only mutator of a Request: it returns what the request becomes
// through the event, and what must happen because of it. It never changes its
// argument. For EventSubmit the argument is a draft with ID and Seq set.
//
// Errors are *Error and change nothing: CodeLate where the request has moved on,
// CodeForbidden, CodeInvalid, CodeNotFound.
func Next(r Request, ev Event, now time.Time) (Request, []Effect, error) {
	step, ok := edges[r.State][ev.Kind]
	if !ok {
		return r, nil, Errorf(CodeLate, "%s", r.StandingFor(ev.By.Email))
	}
	t := &transition{r: r.Clone(), ev: ev.clean(), now: stamp(now), effects: make([]Effect, 0, len(r.Groups)+len(r.Asked)+6)}
	if err := step(t); err != nil {
		return r, nil, err
	}
	t.r.Version++
	return t.r, t.allEffects(), nil
}

// edges is the closed table of the state machine: what is not in it is refused.
// The empty state is a draft.
var edges = map[State]map[EventKind]func(*transition) error{
	"": {EventSubmit: (*transition).submit},
	StatePending: {
		EventApprove: (*transition).approve, EventDeny: (*transition).deny,
		EventWithdraw: (*transition).withdraw, EventDue: (*transition).due, EventUnreached: (*transition).unreached,
		EventStandIn: (*transition).standIn,
	},
	StateApproved: {
		EventBegun: (*transition).begun, EventNotBegun: (*transition).notBegun, EventProgress: (*transition).progress,
		EventGranted: (*transition).granted, EventGrantFailed: (*transition).grantFailed,
		EventGone: (*transition).gone, EventConfirmGone: (*transition).confirmGone, EventRevoke: (*transition).revoke, EventDue: (*transition).due,
		EventLostRight: (*transition).lostRight, EventRaised: (*transition).raised, EventRevokeFailed: (*transition).revokeFailed,
		EventExplain: (*transition).explain,
	},
	StateActive: {
		EventGone: (*transition).gone, EventConfirmGone: (*transition).confirmGone, EventRevoke: (*transition).revoke, EventDue: (*transition).due,
		EventView: (*transition).view, EventReset: (*transition).reset, EventRotated: (*transition).rotated,
		EventRotateFailed: (*transition).rotateFailed,
		EventLostRight:    (*transition).lostRight, EventExplain: (*transition).explain,
		EventExtend: (*transition).extend, EventApprove: (*transition).decideExtension, EventDeny: (*transition).decideExtension,
		EventProlonged: (*transition).prolonged, EventExtendFailed: (*transition).extendFailed,
		EventUnreached: (*transition).unreachedOfExtension,
		EventStandIn:   (*transition).standIn,
	},
	StateRevoking: {
		EventGone: (*transition).gone, EventConfirmGone: (*transition).confirmGone, EventDue: (*transition).due, EventRaised: (*transition).raised, EventRevokeFailed: (*transition).revokeFailed,
		EventExplain: (*transition).explain,
	},
	// What is over stays over; why the glass was broken is asked until it is told.
	StateExpired: {EventExplain: (*transition).explain, EventDue: (*transition).due},
	StateRevoked: {EventExplain: (*transition).explain, EventDue: (*transition).due},
}

// stamp is a moment as a record keeps it: in UTC, without the monotonic reading.
func stamp(t time.Time) time.Time { return t.UTC().Round(0) }

// clean makes what people and targets wrote fit for a record.
func (ev Event) clean() Event {
	ev.Reason = strings.TrimSpace(strings.ToValidUTF8(ev.Reason, "\uFFFD"))
	ev.Problem = strings.ToValidUTF8(ev.Problem, "\uFFFD")
	return ev
}

// fresh keeps of a draft what was asked for, and nothing that only happens later.
func (r Request) fresh(now time.Time) Request {
	f := Request{
		ID: r.ID, Seq: r.Seq, Stamp: r.Stamp, State: StatePending, Trigger: r.Trigger, Requestor: r.Requestor, Grantee: r.Grantee,
		Flow: r.Flow, FlowHash: r.FlowHash, Bundle: r.Bundle, Part: r.Part, Justification: strings.ToValidUTF8(r.Justification, "\uFFFD"),
		Duration: r.Duration, Indefinite: r.Indefinite, Need: r.Need, Asked: r.Asked, CreatedAt: now,
		ReportLostRight: r.ReportLostRight, MaxExtensions: r.MaxExtensions, BreakGlass: r.BreakGlass && r.Need.Automatic,
		TellGrantee: r.Trigger != TriggerAutomatic && r.Requestor.Email != r.Grantee.Email,
	}
	if !r.PendingUntil.IsZero() {
		f.PendingUntil = stamp(r.PendingUntil)
	}
	for _, g := range r.Groups {
		f.Groups = append(f.Groups, AccessGroup{Integration: g.Integration, Items: g.Items, Status: GroupWaiting})
	}
	return f
}

type transition struct {
	r       Request
	ev      Event
	now     time.Time
	effects []Effect
	told    bool
	quiet   bool // nothing that anybody reads has changed
}

func (t *transition) submit() error {
	switch {
	case t.r.ID == "" || len(t.r.Groups) == 0:
		return Errorf(CodeInternal, "A request needs an id and something to grant (this is a bug).")
	case utf8.RuneCountInString(t.r.Justification) > MaxReason:
		return Errorf(CodeInvalid, "The justification is longer than %d characters.", MaxReason)
	case t.r.Duration < 0 || (t.r.Duration == 0) != t.r.Indefinite:
		return Errorf(CodeInternal, "A request lasts for some time or without limit (this is a bug).")
	case !t.r.Need.Automatic && (len(t.r.Asked) == 0 || len(t.r.Need.Groups) == 0):
		return Errorf(CodeRefused, "Nobody can approve this request.")
	}
	t.r = t.r.fresh(t.now)
	if t.r.Need.Automatic {
		text := "Approved automatically by the access flow."
		if t.r.Trigger == TriggerAutomatic {
			text = "The automatic access flow gives this; nobody asked."
		} else {
			t.fact(FactAsked, "")
		}
		t.r.PendingUntil = time.Time{}
		if t.r.BreakGlass {
			t.r.ExplainBy = t.now.Add(ExplainWithin)
			t.r.ChaseAt = t.r.ExplainBy
			text = "The glass was broken: granted at once, nobody was asked. " + t.r.Requestor.DisplayName() + " has to explain it within " + FormatDuration(ExplainWithin) + "."
		}
		t.decide(text)
		return nil
	}
	if t.r.PendingUntil.IsZero() {
		t.r.PendingUntil = t.now.Add(DefaultRequestTimeout)
	}
	t.r.remindFrom(t.now)
	t.fact(FactAsked, Stands(t.r.Asked))
	return nil
}

func (t *transition) approve() error {
	if t.ev.Extension != 0 {
		return Errorf(CodeLate, "%s", t.r.StandingFor(t.ev.By.Email))
	}
	if err := t.checkDecision(); err != nil {
		return err
	}
	by := t.ev.By
	if t.r.approvedBy(by) {
		return Errorf(CodeLate, "You have already approved %s; it still waits for somebody else.", t.r.ID)
	}
	if err := t.r.checkLess(t.ev.Less); err != nil {
		return err
	}
	d := t.decision(VerbApprove, t.r.Asked)
	d.Less = t.ev.Less
	t.r.Decisions = append(t.r.Decisions, d)
	if rest, _, _ := t.r.Rest(); len(rest) == 0 {
		return Errorf(CodeInvalid, "Nothing would be left of %s. Use Deny instead.", t.r.ID)
	}
	if !t.r.Satisfied() {
		t.fact(FactApproval, "")
		return nil
	}
	t.decide("")
	return nil
}

func (t *transition) checkDecision() error {
	switch {
	case !t.now.Before(t.r.PendingUntil):
		return Errorf(CodeLate, "%s timed out: nobody decided in time.", t.r.ID)
	case !t.r.Need.SelfAllowed && (t.r.Requestor.Is(t.ev.By.Email) || t.r.Grantee.Is(t.ev.By.Email)):
		return Errorf(CodeForbidden, "You cannot decide on your own request.")
	case len(t.ev.For) > 0 && (t.r.Requestor.Is(t.ev.By.Email) || t.r.Grantee.Is(t.ev.By.Email)):
		return Errorf(CodeForbidden, "You cannot decide on your own request in the place of somebody else.")
	case t.ev.By.Email == "" || len(t.ev.CountsFor) == 0:
		return Errorf(CodeForbidden, "You are not an approver of %s.", t.r.ID)
	case t.r.Need.RequireReason && t.ev.Reason == "":
		return Errorf(CodeInvalid, "Please give a reason.")
	case utf8.RuneCountInString(t.ev.Reason) > MaxReason:
		return Errorf(CodeInvalid, "The reason is longer than %d characters.", MaxReason)
	}
	for _, g := range t.ev.CountsFor {
		if g < 0 || g >= len(t.r.Need.Groups) {
			return Errorf(CodeInternal, "There is no approver group %d (this is a bug).", g)
		}
	}
	return nil
}

func (t *transition) decide(text string) {
	t.r.State, t.r.DecidedAt = StateApproved, t.now
	text = cmp.Or(text, t.narrow())
	for i := range t.r.Groups {
		t.r.Groups[i].Status = GroupGranting
		t.target(t.r.Groups[i].Integration)
	}
	t.fact(FactApproved, text)
}

func (t *transition) deny() error {
	if t.ev.Extension != 0 {
		return Errorf(CodeLate, "%s", t.r.StandingFor(t.ev.By.Email))
	}
	if err := t.checkDecision(); err != nil {
		return err
	}
	t.r.Decisions = append(t.r.Decisions, t.decision(VerbDeny, t.r.Asked))
	t.r.DecidedAt = t.now
	t.close(StateDenied, FactDenied)
	return nil
}

func (t *transition) withdraw() error {
	if !t.r.Requestor.Is(t.ev.By.Email) {
		return Errorf(CodeForbidden, "Only %s can withdraw %s.", t.r.Requestor.DisplayName(), t.r.ID)
	}
	if !t.now.Before(t.r.PendingUntil) {
		return Errorf(CodeLate, "%s timed out: nobody decided in time.", t.r.ID)
	}
	t.r.Ending = Ending{State: StateWithdrawn, By: t.ev.By, Reason: t.ev.Reason}
	t.close(StateWithdrawn, FactWithdrawn)
	return nil
}

// close ends a request that was never granted.
func (t *transition) close(s State, k FactKind) {
	t.r.State, t.r.EndedAt = s, t.now
	t.fact(k, "")
}

func (t *transition) revoke() error {
	if t.timeUp() {
		t.beginEnding(Ending{State: StateExpired}, t.r.EndsAt)
		return nil
	}
	t.beginEnding(Ending{State: StateRevoked, By: t.ev.By, Reason: t.ev.Reason}, t.now)
	return nil
}

// lostRight ends what the right is gone of. What is active goes on where the flow
// only wants to be told; each cause is told once, and that it is over.
func (t *transition) lostRight() error {
	switch {
	case t.timeUp(), !t.ev.Report, t.r.State == StateApproved && t.ev.Reason != "":
		return t.revoke()
	case t.r.LostRight == t.ev.Reason:
		return Errorf(CodeLate, "That was told of %s already.", t.r.ID)
	}
	t.r.LostRight = t.ev.Reason
	if t.ev.Reason == "" {
		t.fact(FactRightBack, "The right behind the access is back.")
		return nil
	}
	t.fact(FactLostRight, "The access goes on, because the access flow says so.")
	return nil
}

// timeUp reports whether an active access is past its end, noticed or not.
func (t *transition) timeUp() bool {
	return t.r.State == StateActive && !t.r.EndsAt.IsZero() && !t.now.Before(t.r.EndsAt)
}

// beginEnding makes every target let go. since is when the access had to be gone.
func (t *transition) beginEnding(e Ending, since time.Time) {
	t.r.State, t.r.EndingAt, t.r.Ending = StateRevoking, t.now, e
	t.lapse()
	for i := range t.r.Groups {
		g := &t.r.Groups[i]
		g.Resetting, g.Extending, g.Undated = false, false, false
		t.eraseSecret(g, SecretExpired)
		if g.Status == GroupGranting || g.Status == GroupGranted {
			g.Status, g.RevokeSince = GroupRevoking, since
			t.target(g.Integration)
		}
	}
	t.fact(FactEnding, "")
	t.settle()
}

// due acts on everything whose time has come; see Request.DueAt.
func (t *transition) due() error {
	acted := false
	switch {
	case t.r.State == StatePending && !t.now.Before(t.r.PendingUntil):
		t.r.Ending = Ending{State: StateTimedOut}
		t.close(StateTimedOut, FactTimedOut)
		acted = true
	case t.timeUp():
		t.beginEnding(Ending{State: StateExpired}, t.r.EndsAt)
		acted = true
	}
	acted = t.escalate() || acted
	acted = t.remind() || acted
	acted = t.dueExtension() || acted
	acted = t.chase() || acted
	acted = t.warn() || acted
	for i := range t.r.Groups {
		g := &t.r.Groups[i]
		if g.Overdue(t.now) && g.OverdueAt.IsZero() {
			g.OverdueAt = t.now
			t.fact(FactOverdue, "The access in "+g.Integration+" should be gone, and the target has not confirmed it. The bot keeps trying; please look at the target.")
			acted = true
		}
		if g.Secret == SecretAvailable && !t.now.Before(g.SecretUntil) {
			t.eraseSecret(g, SecretExpired)
			t.fact(FactCredentials, "The credentials for "+g.Integration+" were erased because nobody looked at them in time.")
			acted = true
		}
	}
	if !acted {
		return Errorf(CodeLate, "Nothing is due for %s.", t.r.ID)
	}
	return nil
}

func (t *transition) group(want ...GroupStatus) (*AccessGroup, error) {
	g, ok := t.r.Group(t.ev.Integration)
	if !ok {
		return nil, Errorf(CodeNotFound, "%s has nothing in %s.", t.r.ID, t.ev.Integration)
	}
	if !slices.Contains(want, g.Status) {
		return nil, Errorf(CodeLate, "%s is already %s in %s.", t.r.ID, g.Status, g.Integration)
	}
	return g, nil
}

// begun keeps the first moment only: the next try may be of a grant that has taken.
func (t *transition) begun() error {
	g, err := t.group(GroupGranting)
	if err != nil {
		return err
	}
	if !g.BegunAt.IsZero() {
		return Errorf(CodeLate, "%s is already being granted in %s.", t.r.ID, g.Integration)
	}
	g.BegunAt, g.Target, t.quiet = t.now, t.ev.Target, true
	if g.Usual = t.ev.Usual; g.Usual > 0 {
		t.tellGranting()
	}
	return nil
}

func (t *transition) notBegun() error {
	g, err := t.group(GroupGranting)
	if err != nil {
		return err
	}
	if g.Total > 0 {
		t.tellGranting()
	}
	g.BegunAt, g.Target, g.Done, g.Total, t.quiet = time.Time{}, "", 0, 0, true
	return nil
}

func (t *transition) granted() error {
	g, err := t.group(GroupGranting)
	if err != nil {
		return err
	}
	g.Status, g.GrantedAt, g.Undated = GroupGranted, t.now, t.ev.Undated && !t.r.Indefinite
	g.Done, g.Total = 0, 0
	t.handOver(g)
	t.fact(FactAccessGroup, "Granted in "+g.Integration+".")
	t.settle()
	return nil
}

func (t *transition) grantFailed() error {
	g, err := t.group(GroupGranting)
	if err != nil {
		return err
	}
	g.Status, g.Problem, g.RevokeSince = GroupUndoing, t.ev.Problem, t.now
	t.target(g.Integration)
	t.fact(FactUndoing, "It could not be granted in "+g.Integration+". What was begun there is being taken back.")
	t.settle()
	return nil
}

func (t *transition) gone() error {
	g, err := t.group(GroupRevoking, GroupUndoing)
	if err != nil {
		return err
	}
	t.over(g)
	g.Kept = t.ev.Kept
	text := "Nothing is left in " + g.Integration + "."
	if g.Kept {
		text = "Taken back in " + g.Integration + ", but for what the grantee has by another request too."
	}
	t.fact(FactAccessGroup, text)
	if !g.OverdueAt.IsZero() {
		t.fact(FactOverdueOver, "The overdue access in "+g.Integration+" is gone now.")
	}
	t.settle()
	return nil
}

// settle moves the request on once its access groups allow it.
func (t *transition) settle() {
	has := func(s ...GroupStatus) bool {
		return slices.ContainsFunc(t.r.Groups, func(g AccessGroup) bool { return slices.Contains(s, g.Status) })
	}
	switch t.r.State {
	case StateApproved:
		switch {
		case has(GroupGranting):
		case has(GroupGranted):
			t.r.State, t.r.ActiveAt = StateActive, t.now
			if !t.r.Indefinite {
				t.r.EndsAt = t.now.Add(t.r.Duration - t.r.lag())
				t.r.soonFrom(t.now)
			}
			t.dateTargets()
			t.fact(FactGranted, "")
		case has(GroupUndoing):
		default:
			t.r.State, t.r.EndedAt = StateFailed, t.now
			t.fact(FactFailed, "")
		}
	case StateRevoking:
		if has(GroupRevoking, GroupUndoing, GroupGranting, GroupGranted) {
			return
		}
		t.r.State, t.r.EndedAt = t.r.Ending.State, t.now
		t.fact(map[State]FactKind{StateExpired: FactExpired, StateRevoked: FactRevoked}[t.r.State], "")
	case StatePending, StateActive, StateExpired, StateRevoked, StateDenied, StateWithdrawn, StateTimedOut, StateFailed:
	}
}

// lag is the longest time that a target may have held what it was granted before
// the bot knew. It is short unless a call had no answer, or the bot died in one.
func (r *Request) lag() (longest time.Duration) {
	for i := range r.Groups {
		if g := &r.Groups[i]; g.Status == GroupGranted && !g.BegunAt.IsZero() {
			longest = max(longest, g.GrantedAt.Sub(g.BegunAt))
		}
	}
	return longest
}

func (t *transition) target(integration string) {
	t.effects = append(t.effects, Effect{Kind: EffectTarget, Request: t.r.ID, Integration: integration})
}

func (t *transition) fact(k FactKind, text string) {
	f := factOf(&t.r, k)
	f.Actor, f.Reason, f.Text = t.ev.By, t.ev.Reason, text
	switch {
	case k == FactExpired || k == FactRevoked:
		f.Actor, f.Reason = t.r.Ending.By, t.r.Ending.Reason
	case k == FactExtended || k == FactExtensionAsked || k == FactExtensionDenied:
		e := t.r.Extensions[len(t.r.Extensions)-1]
		f.Decisions, f.Justification, f.Reason = slices.Clone(e.Decisions), e.Reason, ""
	case k == FactApproved && t.r.Need.Automatic:
		f.Actor = PersonRef{}
	}
	t.told = t.told || k.Told()
	t.effects = append(t.effects, Effect{Kind: EffectAudit, Request: t.r.ID, Fact: &f})
}

func factOf(r *Request, k FactKind) Fact {
	f := Fact{
		BreakGlass: r.BreakGlass,
		Kind:       k, Request: r.ID, Requestor: r.Requestor, Grantee: r.Grantee, Flow: r.Flow, FlowHash: r.FlowHash,
		Bundle: r.Bundle, Duration: r.Duration, Indefinite: r.Indefinite, Justification: r.Justification,
		EndsAt: r.EndsAt, Decisions: slices.Clone(r.Decisions),
	}
	if r.Trigger == TriggerAutomatic {
		f.Trigger = r.Trigger
	}
	for _, g := range r.Groups {
		f.Groups = append(f.Groups, FactGroup{Integration: g.Integration, Items: g.Items, Status: g.Status, Problem: g.Problem})
	}
	return f
}

func (t *transition) allEffects() []Effect {
	if t.quiet {
		return t.effects
	}
	t.r.eachPost(func(k PostKey) { t.effects = append(t.effects, Effect{Kind: EffectPost, Request: t.r.ID, Post: k}) })
	if t.told {
		t.effects = append(t.effects, Effect{Kind: EffectAuditChannel})
	}
	return t.effects
}
