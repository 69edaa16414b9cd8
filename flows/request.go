package flows

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Limits of a request.
const (
	MaxUnits  = 1000 // units in one request
	MaxReason = 2000 // runes in a justification or reason
	// MaxPending is how many requests of one person may wait for a decision at once.
	// Every one is in several people's chats.
	MaxPending = 50
)

// CheckPending judges whether the requestors of drafts may make them; waiting is how
// many requests of a person wait for a decision. Every store asks it in the
// transaction that makes them. Error: CodeRefused, and those of waiting.
func CheckPending(drafts []Request, waiting func(email string) (int, error)) error {
	for email, n := range asking(drafts) {
		have, err := waiting(email)
		if err != nil {
			return err
		}
		if err := checkPending(have, n); err != nil {
			return err
		}
	}
	return nil
}

func checkPending(waiting, more int) error {
	switch {
	case waiting+more <= MaxPending:
		return nil
	case waiting == 0:
		return Errorf(CodeRefused, "These are %d requests; at most %d of one person may wait. Please choose less.", more, MaxPending)
	case more == 1:
		return Errorf(CodeRefused, "You have %d requests waiting; withdraw some first.", waiting)
	}
	return Errorf(CodeRefused, "You have %d requests waiting and this would be %d more; at most %d may wait. Withdraw some first.", waiting, more, MaxPending)
}

// State of a request. The set and its edges are closed; see Next.
type State string

// States.
const (
	StatePending   State = "pending"   // waits for a decision
	StateApproved  State = "approved"  // decided; access groups are being granted
	StateActive    State = "active"    // every access group has an outcome, one at least is granted
	StateRevoking  State = "revoking"  // ending; access groups are being revoked
	StateExpired   State = "expired"   // ended because its time was up
	StateRevoked   State = "revoked"   // ended by somebody
	StateDenied    State = "denied"    //
	StateWithdrawn State = "withdrawn" // taken back by the requestor
	StateTimedOut  State = "timed_out" // nobody decided in time
	StateFailed    State = "failed"    // no access group could be granted
)

// States lists all states in the order of a request's life.
func States() []State {
	return []State{
		StatePending, StateApproved, StateActive, StateRevoking, StateExpired,
		StateRevoked, StateDenied, StateWithdrawn, StateTimedOut, StateFailed,
	}
}

// Terminal reports whether a request in this state stays in it. It changes no more,
// but that the glass may still be explained that was broken for it.
func (s State) Terminal() bool {
	switch s {
	case StateExpired, StateRevoked, StateDenied, StateWithdrawn, StateTimedOut, StateFailed:
		return true
	case StatePending, StateApproved, StateActive, StateRevoking:
		return false
	}
	panic("flows: unknown state " + string(s) + " (this is a bug)")
}

// GroupStatus is where one access group stands.
type GroupStatus string

// Group statuses.
const (
	GroupWaiting  GroupStatus = "waiting"  // the request is not decided
	GroupGranting GroupStatus = "granting" // the target is being asked
	GroupGranted  GroupStatus = "granted"
	GroupUndoing  GroupStatus = "undoing" // the grant failed; what was granted is being taken back
	GroupFailed   GroupStatus = "failed"  // not granted, and nothing is left at the target
	GroupRevoking GroupStatus = "revoking"
	GroupRevoked  GroupStatus = "revoked"
)

// MayHold reports whether the target may hold access for a group in this status.
func (s GroupStatus) MayHold() bool {
	switch s {
	case GroupGranting, GroupGranted, GroupUndoing, GroupRevoking:
		return true
	case GroupWaiting, GroupFailed, GroupRevoked:
		return false
	}
	panic("flows: unknown group status " + string(s) + " (this is a bug)")
}

// AccessGroup is the part of a request that belongs to one integration. It has
// its own grant, its own status and its own credentials.
type AccessGroup struct {
	Integration string      `json:"integration"`
	Items       []Item      `json:"items"`
	Status      GroupStatus `json:"status"`
	Problem     string      `json:"problem,omitempty"` // a sentence for the person: why it failed
	// BegunAt is when the target may first have held the access. The time of the
	// request counts from there, however long the bot takes to learn of it.
	BegunAt time.Time `json:"begun_at,omitzero"`
	// Usual is how long grants in this integration took of late, where that is long.
	Usual time.Duration `json:"usual,omitempty"`
	// Done of Total units are granted, while it is being granted and the target says so.
	Done  int `json:"done,omitempty"`
	Total int `json:"total,omitempty"`
	// Target is which system was asked, see provision.Identifier; empty: not known.
	Target    string    `json:"target,omitempty"`
	GrantedAt time.Time `json:"granted_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// DeclaredGone says that RevokedAt is the word of the operator, not of the target.
	DeclaredGone bool `json:"declared_gone,omitempty"`
	// Kept: some of it stays at the target, since another request of the grantee holds it too.
	Kept bool `json:"kept,omitempty"`
	// RevokeSince is when the access had to be gone from; overdue is derived from it.
	RevokeSince time.Time `json:"revoke_since,omitzero"`
	OverdueAt   time.Time `json:"overdue_at,omitzero"` // when it was raised to the admins
	// RevokeProblem is a sentence for the admins: why the last try to revoke failed.
	RevokeProblem string `json:"revoke_problem,omitempty"`
	// Details are the parts of the credentials that are not secret, in order.
	Details []Detail `json:"details,omitempty"`
	// Instructions say how to connect; from the driver and the configuration.
	Instructions string `json:"instructions,omitempty"`
	// Secret is the state of the sealed credentials.
	Secret SecretState `json:"secret,omitempty"`
	// SecretUntil is when credentials that nobody looked at are erased.
	SecretUntil time.Time `json:"secret_until,omitzero"`
	// Issue numbers the credentials that were sealed: 1 for the first.
	Issue     uint64 `json:"issue,omitempty"`
	CanReset  bool   `json:"can_reset,omitempty"`
	Resetting bool   `json:"resetting,omitempty"`
	// ResetProblem is a sentence for the person: why the last reset failed.
	ResetProblem string `json:"reset_problem,omitempty"`
	// Extending: the target is being told of a later end.
	Extending bool `json:"extending,omitempty"`
	// Undated: the access was granted before its end was known, so the target, which
	// ends it by itself too, was told of a later one. Once the end is fixed, it is told.
	Undated bool `json:"undated,omitempty"`
	// ExtendProblem is a sentence for the person: why the target keeps the earlier end.
	ExtendProblem string `json:"extend_problem,omitempty"`
}

// Detail is one line of access details that is not a secret.
type Detail struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// SecretState is where the sealed credentials of an access group stand.
type SecretState string

// Secret states. The zero value: there are no secrets.
const (
	SecretAvailable SecretState = "available"
	SecretViewed    SecretState = "viewed"  // shown once and erased
	SecretExpired   SecretState = "expired" // not looked at in time, erased
)

// GrantID names the grant of an access group towards the target:
// "AR-12.7kq2m4xa/prod-postgres". It never changes, so that every repeat of a grant
// or revoke is recognisable, and no other grant ever has it.
func (r *Request) GrantID(integration string) string {
	if r.Stamp == "" {
		return r.ID + "/" + integration
	}
	return r.ID + "." + r.Stamp + "/" + integration
}

// RequestOfGrant is the id of the request behind a Request.GrantID: "AR-12".
func RequestOfGrant(id string) string {
	id, _, _ = strings.Cut(id, "/")
	id, _, _ = strings.Cut(id, ".")
	return id
}

// Asked is a person who was asked to decide, and why.
type Asked struct {
	PersonRef
	Groups []int  `json:"groups"` // indexes into Need.Groups
	Why    string `json:"why"`    // "You are Alice's manager."
	Ground Ground `json:"ground,omitzero"`
	Tier   int    `json:"tier,omitempty"` // of the escalation; 0: asked at once
	// Unreached: no chat platform delivers to this person.
	Unreached bool `json:"unreached,omitempty"`
	// For are those in whose place the person is asked, with the seats of Groups that
	// only they could fill. The requestor and the grantee never learn of it: see Openly.
	For []Stand `json:"for,omitempty"`
	// Stood are those in whose place the person was asked, and is not any more.
	Stood []PersonRef `json:"stood,omitempty"`
}

// Need says what approval a request needs. It is fixed when the request is made.
type Need struct {
	Automatic          bool     `json:"automatic,omitempty"`
	Mode               ModeOf   `json:"mode,omitempty"`
	SamePersonMayCount bool     `json:"same_person_may_count,omitempty"`
	Groups             []string `json:"groups,omitempty"` // labels: "Alice's manager", "group dba"
	RequireReason      bool     `json:"require_reason,omitempty"`
	// SelfAllowed lets the requestor and the grantee count as approvers.
	SelfAllowed bool `json:"self_allowed,omitempty"`
	// Of is, for each of Groups, the approver group of the policy that it is a seat
	// of. nil: each is a group of its own.
	Of []int `json:"of,omitempty"`
	// Tiers is how often the request may be escalated, once every TierEvery.
	Tiers     int           `json:"tiers,omitempty"`
	TierEvery time.Duration `json:"tier_every,omitempty"`
	// Fallback adds the fallback approvers as the last tier. They are asked in turn
	// where there are others, and where nobody who was asked can be reached.
	Fallback bool `json:"fallback,omitempty"`
}

// Verb of a decision.
type Verb string

// Verbs.
const (
	VerbApprove Verb = "approve"
	VerbDeny    Verb = "deny"
)

// Decision is one person's approve or deny.
type Decision struct {
	By     PersonRef `json:"by"`
	Verb   Verb      `json:"verb"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
	Groups []int     `json:"groups,omitempty"` // groups the person could count for at that moment
	Why    string    `json:"why,omitempty"`    // the right it was made under, as it was said to By
	Ground Ground    `json:"ground,omitzero"`
	Less   *Less     `json:"less,omitempty"` // what an approval leaves out; nil: nothing
	For    []Stand   `json:"for,omitempty"`  // whose rights it was made under; see Asked.For
}

// Ending says why a request ends or ended.
type Ending struct {
	State  State     `json:"state"` // expired or revoked, once it is over
	By     PersonRef `json:"by,omitzero"`
	Reason string    `json:"reason,omitempty"`
}

// Request is one asking under one flow. Next is the only thing that changes one.
type Request struct {
	ID  string `json:"id"` // AR-1, AR-2, …
	Seq uint64 `json:"seq"`
	// Stamp is drawn at random when the request is made. It tells the request from
	// another of the same number, where a database was restored and numbers were given
	// out again. Empty in records that are older than stamps.
	Stamp   string  `json:"stamp,omitempty"`
	Version uint64  `json:"version"` // number of changes; the first record has 1
	State   State   `json:"state"`
	Trigger Trigger `json:"trigger"`

	Requestor PersonRef `json:"requestor"`
	Grantee   PersonRef `json:"grantee"`
	Flow      string    `json:"flow"`
	FlowHash  string    `json:"flow_hash"`
	Bundle    string    `json:"bundle,omitempty"`
	// Part: not the whole of the bundle was asked for under this flow.
	Part          bool          `json:"part,omitempty"`
	Justification string        `json:"justification,omitempty"`
	Duration      time.Duration `json:"duration,omitempty"` // 0: Indefinite
	Indefinite    bool          `json:"indefinite,omitempty"`
	Groups        []AccessGroup `json:"groups"`
	// BreakGlass: granted at once, and to be explained by ExplainBy.
	BreakGlass  bool      `json:"break_glass,omitempty"`
	ExplainBy   time.Time `json:"explain_by,omitzero"`
	ExplainedAt time.Time `json:"explained_at,omitzero"`
	ExplainedBy PersonRef `json:"explained_by,omitzero"`
	Explanation string    `json:"explanation,omitempty"`
	Chased      int       `json:"chased,omitempty"`  // reminders
	ChaseAt     time.Time `json:"chase_at,omitzero"` // the next one

	// ReportLostRight is what the flow says about a lost right, for when it is gone.
	ReportLostRight bool `json:"report_lost_right,omitempty"`
	// TellGrantee: the access is of somebody else than who asked, and both are told of
	// it. Not set in records from before that.
	TellGrantee bool `json:"tell_grantee,omitempty"`
	// MaxExtensions is how often the flow allowed to extend when it was asked.
	MaxExtensions int `json:"max_extensions,omitempty"`

	Need      Need       `json:"need"`
	Asked     []Asked    `json:"asked,omitempty"`
	Escalated int        `json:"escalated,omitempty"` // tiers that were reached
	Decisions []Decision `json:"decisions,omitempty"`

	CreatedAt    time.Time `json:"created_at"`
	PendingUntil time.Time `json:"pending_until,omitzero"`
	DecidedAt    time.Time `json:"decided_at,omitzero"`
	ActiveAt     time.Time `json:"active_at,omitzero"`
	EndsAt       time.Time `json:"ends_at,omitzero"` // zero while indefinite or not active
	EndingAt     time.Time `json:"ending_at,omitzero"`
	EndedAt      time.Time `json:"ended_at,omitzero"`
	Ending       Ending    `json:"ending,omitzero"`
	// Raised are the admins who were told of an overdue revoke.
	Raised []PersonRef `json:"raised,omitempty"`
	// LostRight is why the right behind a live access is gone, where that was
	// reported instead of ending it; empty: it is there.
	LostRight string `json:"lost_right,omitempty"`
	// RemindAt is when those who are silent are asked again, or were.
	RemindAt  time.Time  `json:"remind_at,omitzero"`
	Reminders []Reminder `json:"reminders,omitempty"`
	// SilentAt is since when not enough of those who were asked can be reached, so that
	// SilentTier of the escalation is asked without waiting.
	SilentAt   time.Time `json:"silent_at,omitzero"`
	SilentTier int       `json:"silent_tier,omitempty"`
	// Wanted is what was asked for, where less was approved; nil: what is granted.
	Wanted *Wanted `json:"wanted,omitempty"`
	// Extensions that were asked for, in order; only the last can be open.
	Extensions []Extension `json:"extensions,omitempty"`
	// SoonAt is when to tell that EndsAt is near; zero in records older than that.
	SoonAt time.Time `json:"soon_at,omitzero"`
	// Warned are the ends of which was told that they are near.
	Warned []time.Time `json:"warned,omitempty"`
}

// Clone returns a deep copy of everything that Next may change.
func (r Request) Clone() Request {
	r.Groups = slices.Clone(r.Groups)
	r.Decisions = slices.Clone(r.Decisions)
	r.Raised = slices.Clone(r.Raised)
	r.Asked = slices.Clone(r.Asked)
	r.Extensions = slices.Clone(r.Extensions)
	r.Warned = slices.Clone(r.Warned)
	return r
}

// Group finds the access group of an integration.
func (r *Request) Group(integration string) (*AccessGroup, bool) {
	for i := range r.Groups {
		if r.Groups[i].Integration == integration {
			return &r.Groups[i], true
		}
	}
	return nil, false
}

// Items returns all units of the request with their names.
func (r *Request) Items() []Item {
	n := 0
	for i := range r.Groups {
		n += len(r.Groups[i].Items)
	}
	out := make([]Item, 0, n)
	for i := range r.Groups {
		out = append(out, r.Groups[i].Items...)
	}
	return out
}

// Warning reports whether an active request lacks an access group that failed.
func (r *Request) Warning() bool {
	return r.State == StateActive && slices.ContainsFunc(r.Groups, func(g AccessGroup) bool {
		return g.Status == GroupFailed || g.Status == GroupUndoing
	})
}

// OverdueAfter is how long a revoke may take before it is raised to a person.
const OverdueAfter = 5 * time.Minute

// Overdue reports whether the access of this group should have been gone for
// OverdueAfter or longer and the target has not confirmed.
func (g *AccessGroup) Overdue(now time.Time) bool {
	at, pending := g.overdueDue()
	return pending && !now.Before(at)
}

func (g *AccessGroup) overdueDue() (at time.Time, pending bool) {
	if g.Status != GroupRevoking && g.Status != GroupUndoing {
		return time.Time{}, false
	}
	return g.RevokeSince.Add(OverdueAfter), true
}

// Unconfirmed reports whether a revoke that was raised to the admins is still not
// confirmed.
func (r *Request) Unconfirmed() bool {
	return slices.ContainsFunc(r.Groups, func(g AccessGroup) bool { return !g.OverdueAt.IsZero() && g.Status.MayHold() })
}

// DueAt returns the moment at which time itself changes the request: a pending
// one times out, an active one expires, a revoke becomes overdue, credentials
// nobody looked at are erased. Next with EventDue acts on it.
func (r *Request) DueAt() (at time.Time, ok bool) {
	consider := func(t time.Time) {
		if !t.IsZero() && (!ok || t.Before(at)) {
			at, ok = t, true
		}
	}
	switch r.State {
	case StatePending:
		consider(r.PendingUntil)
		if t, reminds := r.remindsAt(); reminds {
			consider(t)
		}
		if t, escalates := r.escalatesAt(); escalates {
			consider(t)
		}
	case StateActive:
		consider(r.EndsAt)
		if t, soon := r.EndsSoonAt(); soon {
			consider(t)
		}
		if t, waits := r.dueOfExtension(); waits {
			consider(t)
		}
	case StateApproved, StateRevoking, StateExpired, StateRevoked, StateDenied, StateWithdrawn, StateTimedOut, StateFailed:
	}
	if t, ok := r.chaseAt(); ok {
		consider(t)
	}
	for i := range r.Groups {
		g := &r.Groups[i]
		if t, pending := g.overdueDue(); pending && g.OverdueAt.IsZero() {
			consider(t)
		}
		if g.Secret == SecretAvailable {
			consider(g.SecretUntil)
		}
	}
	return at, ok
}

// Compare orders requests by the time they were made.
func (r *Request) Compare(o *Request) int {
	return cmp.Or(cmp.Compare(r.Seq, o.Seq), strings.Compare(r.ID, o.ID))
}
