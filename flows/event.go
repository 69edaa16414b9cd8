package flows

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// EventKind names what happened to a request. The set is closed.
type EventKind string

// Event kinds.
const (
	// People.
	EventSubmit   EventKind = "submit"   // the request is made
	EventApprove  EventKind = "approve"  // one approver says yes
	EventDeny     EventKind = "deny"     // one approver says no
	EventWithdraw EventKind = "withdraw" // the requestor takes it back
	EventRevoke   EventKind = "revoke"   // somebody with the right, or TheOperator, ends the access
	EventView     EventKind = "view"     // the grantee looks at the credentials
	EventReset    EventKind = "reset"    // the grantee asks for new credentials
	EventExtend   EventKind = "extend"   // requestor or grantee asks for more time
	EventExplain  EventKind = "explain"  // the person says why the glass was broken
	// Time.
	EventDue EventKind = "due"
	// Policy and directory.
	EventLostRight EventKind = "lost_right" // the right behind the access is gone; see World.Lost
	EventUnreached EventKind = "unreached"  // no platform delivers to By, who was asked
	EventStandIn   EventKind = "stand_in"   // who stands in for whom has changed; see World.StandIns
	EventRaised    EventKind = "raised"     // admins are told that a revoke is overdue
	// Targets.
	EventBegun        EventKind = "begun"         // the target is about to be asked: it may hold access from now on
	EventNotBegun     EventKind = "not_begun"     // the target was asked, and does not hold anything yet
	EventProgress     EventKind = "progress"      // the target has granted a part
	EventGranted      EventKind = "granted"       // the target confirmed a grant
	EventGrantFailed  EventKind = "grant_failed"  // the target refused, or could not be reached for too long
	EventRevokeFailed EventKind = "revoke_failed" // the target did not confirm; it is asked again
	EventGone         EventKind = "gone"          // the target confirmed that the access is gone
	EventConfirmGone  EventKind = "confirm_gone"  // TheOperator states it, where the target never will
	EventRotated      EventKind = "rotated"       // the target issued new credentials
	EventRotateFailed EventKind = "rotate_failed" // the target refused new credentials, or could not be reached for too long
	EventProlonged    EventKind = "prolonged"     // the target knows of the end as it is now
	EventExtendFailed EventKind = "extend_failed" // the target refused to take that end
)

// EventKinds lists all kinds in the order above.
func EventKinds() []EventKind {
	return []EventKind{
		EventSubmit, EventApprove, EventDeny, EventWithdraw, EventRevoke, EventView, EventReset, EventExplain, EventExtend,
		EventDue, EventLostRight, EventUnreached, EventStandIn, EventRaised, EventBegun, EventNotBegun, EventProgress, EventGranted, EventGrantFailed,
		EventRevokeFailed, EventGone, EventConfirmGone, EventRotated, EventRotateFailed, EventProlonged, EventExtendFailed,
	}
}

// Event is one thing that happened. Which fields matter depends on Kind.
type Event struct {
	Kind EventKind
	// By is the person who acted; zero for time and targets.
	By PersonRef
	// Reason of a decision, withdrawal, revoke or lost right; with Report, an empty one
	// says that the right is back.
	Reason string
	// Report keeps an active access in spite of a lost right.
	Report bool
	// Kept: another request of the grantee holds some of it too, and that was left (gone).
	Kept bool
	// Why is the right under which By acted: "You are Alice's manager.", and Ground is
	// the same as facts (approve, deny).
	Why    string
	Ground Ground
	// CountsFor are the approver groups By could count for at this moment (approve).
	CountsFor []int
	// For are those whose right it is, where it is not By's own (approve, deny).
	For []Stand
	// Less is what is left out (approve); nil: nothing.
	Less *Less
	// Integration names the access group (targets, view, reset).
	Integration string
	// Issue is which credentials By was offered (view); 0: whichever there are.
	Issue uint64
	// Admins of this moment (raised).
	Admins []PersonRef
	// Target is which system is about to be asked (begun); empty: it cannot tell.
	Target string
	// Usual is how long a grant in the integration usually takes (begun); 0: not long,
	// or not known.
	Usual time.Duration
	// Done of Total units are granted (progress).
	Done, Total int
	// Problem is the sentence for the person (grant_failed, revoke_failed, rotate_failed).
	Problem string
	// Tier of the escalation that is reached, from 1, and Ask, who is asked (due); who is
	// asked otherwise than before (stand_in).
	Tier int
	Ask  []Asked
	// Extend is what is asked for (extend; see World.Extension) of a flow that allows
	// it Most times.
	Extend *Extension
	Most   int
	// Extension is the number of the extension that is decided on (approve, deny); 0:
	// the request itself. It is the one that is wanted (extend), so that a second
	// press on one button brings nothing more; 0: the next.
	Extension int
	// Until is the end that the target was told of (prolonged, extend_failed); zero: not
	// known. It is no news where the access has another end by now.
	Until time.Time
	// Undated says that the target was told of a later end than the access may have
	// (granted).
	Undated bool
	// Fresh says that Access is there (prolonged).
	Fresh bool
	// Access is what the target handed out (granted, rotated, prolonged).
	Access Access
}

// Access is what a target handed out with a grant, as far as a record may hold
// it. The secret part is sealed.
type Access struct {
	Details      []Detail
	Instructions string
	Sealed       []byte // nil: there are no secrets
	SealedUntil  time.Time
	CanReset     bool
}

// EffectKind names what must happen because of a transition. The set is closed.
type EffectKind string

// Effect kinds.
const (
	// EffectTarget: make the target agree with the access group. Level-triggered:
	// whoever acts reads the group's status at that moment.
	EffectTarget EffectKind = "target"
	// EffectPost: make one chat message agree with the request. Level-triggered.
	EffectPost EffectKind = "post"
	// EffectAudit: append Fact to the audit trail, in the same transaction.
	EffectAudit EffectKind = "audit"
	// EffectAuditChannel: tell the audit channel what it has not been told.
	EffectAuditChannel EffectKind = "audit_channel"
	// EffectSeal: keep Sealed for the access group, in the same transaction;
	// nil erases what was kept.
	EffectSeal EffectKind = "seal"
)

// Effect is something that must happen because of a transition. The store writes
// Audit and Seal in the transaction itself; all others become tasks.
type Effect struct {
	Kind        EffectKind `json:"kind"`
	Request     string     `json:"request,omitempty"`
	Integration string     `json:"integration,omitempty"` // target, seal
	Post        PostKey    `json:"post,omitzero"`         // post
	Fact        *Fact      `json:"-"`                     // audit
	Sealed      []byte     `json:"-"`                     // seal
}

// Key is equal for effects that mean the same: tasks with equal keys are one.
func (e Effect) Key() string { return string(e.AppendKey(nil)) }

// AppendKey appends Key to b.
func (e *Effect) AppendKey(b []byte) []byte {
	switch e.Kind {
	case EffectTarget:
		return appendJoined(b, "target", e.Request, e.Integration)
	case EffectPost:
		return e.Post.append(append(b, "post/"...))
	case EffectAuditChannel:
		return append(b, "audit_channel"...)
	case EffectAudit, EffectSeal:
	}
	panic("flows: effect " + string(e.Kind) + " is no task (this is a bug)")
}

// Lane keeps tasks that must not wait for each other apart.
type Lane string

// Lanes.
const (
	LaneTarget Lane = "target"
	LaneChat   Lane = "chat"
)

// Lane of the effect.
func (e Effect) Lane() Lane {
	if e.Kind == EffectTarget {
		return LaneTarget
	}
	return LaneChat
}

// Priority of the effect within its lane; lower goes first. An approver's card
// goes before a requester's message, and that before the audit channel.
func (e Effect) Priority() uint8 {
	switch {
	case e.Kind == EffectPost && e.Post.Audience == AudienceApprover:
		return 1
	case e.Kind == EffectPost:
		return 2
	case e.Kind == EffectAuditChannel:
		return 3
	}
	return 0
}

// Audience of a chat message.
type Audience string

// Audiences.
const (
	AudienceApprover  Audience = "approver"
	AudienceRequester Audience = "requester"
	AudienceAdmin     Audience = "admin"
)

// Topic says what a message to the requester is about. Each topic is one
// message of its own; what is no longer true of it is redrawn.
type Topic string

// Topics. An approver's card has TopicRequest.
const (
	TopicRequest   Topic = "request"
	TopicAsked     Topic = "asked"
	TopicApproved  Topic = "approved"
	TopicDenied    Topic = "denied"
	TopicGranted   Topic = "granted"
	TopicAccess    Topic = "access" // access details of one integration
	TopicExpired   Topic = "expired"
	TopicRevoked   Topic = "revoked"
	TopicWithdrawn Topic = "withdrawn"
	TopicTimedOut  Topic = "timed_out"
	TopicFailed    Topic = "failed"
	TopicExplain   Topic = "explain" // why the glass was broken; reminders have numbers, see Topic.Explain
	// Those are numbered: PostKey.N.
	TopicReminder  Topic = "reminder"  // to approvers: it still waits
	TopicExtension Topic = "extension" // to approvers: the n-th extension waits
	// TopicExtensionReminder is to approvers: more time still waits; N is "2.1" for the
	// first about the second extension.
	TopicExtensionReminder Topic = "extension_reminder"
	TopicExtended          Topic = "extended"     // the n-th extension was granted
	TopicNotExtended       Topic = "not_extended" // the n-th extension was denied, or timed out
	TopicEndingSoon        Topic = "ending_soon"  // the n-th end is near
	// To admins.
	TopicOverdue     Topic = "overdue"
	TopicOverdueOver Topic = "overdue_over"
)

// PostKey names one chat message of a request.
type PostKey struct {
	Request     string   `json:"request"`
	Audience    Audience `json:"audience"`
	Person      string   `json:"person"` // normalized e-mail address
	Topic       Topic    `json:"topic"`
	Integration string   `json:"integration,omitempty"` // TopicAccess
	// N is the number, from 1, of messages of a topic of which there can be several.
	N string `json:"n,omitempty"`
	// Platform is empty for the platform on which the message was shown first. Where
	// there are several, the copies on the others have their names.
	Platform string `json:"platform,omitempty"`
}

// On is the key of the message's copy on another platform; empty: the first one.
func (k PostKey) On(platform string) PostKey {
	k.Platform = platform
	return k
}

// Number is N up to a dot; 0 where the topic has none.
func (k PostKey) Number() int {
	first, _, _ := strings.Cut(k.N, ".")
	n, err := strconv.Atoi(first)
	if err != nil {
		return 0
	}
	return n
}

// String is unique for each key.
func (k PostKey) String() string { return string(k.append(nil)) }

func (k *PostKey) append(b []byte) []byte {
	b = appendJoined(b, k.Request, string(k.Audience), k.Person, string(k.Topic))
	if k.Integration != "" {
		b = append(append(b, '/'), k.Integration...)
	}
	if k.N != "" {
		b = append(append(b, '/'), k.N...)
	}
	if k.Platform != "" {
		b = append(append(b, '@'), k.Platform...)
	}
	return b
}

// appendJoined appends the parts with a slash between them.
func appendJoined(b []byte, parts ...string) []byte {
	for i, p := range parts {
		if i > 0 {
			b = append(b, '/')
		}
		b = append(b, p...)
	}
	return b
}

// Post is where a message is and what it shows.
type Post struct {
	Key PostKey `json:"key"`
	// Platform and Ref are the chat's own coordinates; empty until posted.
	Platform string `json:"platform,omitempty"`
	Channel  string `json:"channel,omitempty"`
	Message  string `json:"message,omitempty"`
	// Shows is the hash of the content last shown.
	Shows string `json:"shows,omitempty"`
	// Offers are the actions that it offers, by name; empty: none, or not known.
	Offers string `json:"offers,omitempty"`
	// Version of the request that was last shown.
	Version uint64    `json:"version,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// Task is an effect that waits to be done.
type Task struct {
	Key     string    `json:"key"`
	Effect  Effect    `json:"effect"`
	Rev     uint64    `json:"rev"` // rises whenever the effect is wanted again
	Since   time.Time `json:"since"`
	Due     time.Time `json:"due"`
	Tries   int       `json:"tries,omitempty"`
	Problem string    `json:"problem,omitempty"` // of the last try, for the operator
}

// FactKind names what an audit event is about.
type FactKind string

// Fact kinds. Those up to FactExtended are status changes of a request; each is
// exactly one message in the audit channel.
const (
	FactAsked     FactKind = "asked"
	FactApproved  FactKind = "approved"
	FactGranted   FactKind = "granted"
	FactDenied    FactKind = "denied"
	FactExpired   FactKind = "expired"
	FactRevoked   FactKind = "revoked"
	FactWithdrawn FactKind = "withdrawn"
	FactTimedOut  FactKind = "timed_out"
	FactFailed    FactKind = "failed"
	FactExtended  FactKind = "extended"

	FactUnexplained FactKind = "unexplained" // the glass was broken, and nobody has said why in time
	FactExplained   FactKind = "explained"   // why the glass was broken

	FactApproval        FactKind = "approval"         // one yes of several that are needed
	FactStandIn         FactKind = "stand_in"         // somebody is asked in the place of another, or is not any more
	FactEscalated       FactKind = "escalated"        // further people are asked, because nobody decided
	FactEnding          FactKind = "ending"           // the access is being revoked
	FactAccessGroup     FactKind = "group"            // one access group was granted, failed or revoked
	FactUndoing         FactKind = "undoing"          // one access group could not be granted; what was begun is being taken back
	FactOverdue         FactKind = "overdue"          // a revoke is not confirmed in time
	FactOverdueOver     FactKind = "overdue_over"     // an overdue revoke was confirmed after all
	FactDeclaredGone    FactKind = "declared_gone"    // the operator stated that the access is gone; no target confirmed it
	FactCredentials     FactKind = "credentials"      // viewed, reset or erased
	FactLostRight       FactKind = "lost_right"       // the right behind a live access is gone; it goes on
	FactExtensionAsked  FactKind = "extension_asked"  // more time is asked for
	FactExtensionDenied FactKind = "extension_denied" // more time is refused; the access goes on until its end
	FactRightBack       FactKind = "right_back"       // a right that was reported as lost is back
	FactDelegated       FactKind = "delegated"        // a person handed their approvals to another; see Fact.Delegation
	FactDelegationOver  FactKind = "delegation_over"  // and has them back
	FactOperator        FactKind = "operator"         // the bot itself: configuration, start, sync
	FactPruned          FactKind = "pruned"           // older events and requests are removed, see Fact.Checkpoint
	FactAnchored        FactKind = "anchored"         // the head of the trail, for whoever verifies it later, see Fact.Checkpoint
)

// FactKinds lists all kinds in the order above.
func FactKinds() []FactKind {
	return []FactKind{
		FactAsked, FactApproved, FactGranted, FactDenied, FactExpired, FactRevoked, FactWithdrawn, FactTimedOut, FactFailed, FactExtended,
		FactApproval, FactStandIn, FactEscalated, FactEnding, FactAccessGroup, FactUndoing, FactOverdue, FactOverdueOver, FactDeclaredGone,
		FactCredentials, FactLostRight, FactExtensionAsked, FactExtensionDenied, FactRightBack, FactUnexplained, FactExplained, FactDelegated, FactDelegationOver, FactOperator, FactPruned, FactAnchored,
	}
}

// Told reports whether the audit channel is told of facts of this kind.
func (k FactKind) Told() bool {
	switch k {
	case FactAsked, FactApproved, FactGranted, FactDenied, FactExpired, FactRevoked, FactWithdrawn,
		FactTimedOut, FactFailed, FactExtended, FactOverdue, FactOverdueOver, FactDeclaredGone, FactLostRight, FactRightBack, FactOperator,
		FactUnexplained, FactExplained, FactDelegated, FactDelegationOver, FactAnchored:
		return true
	case FactApproval, FactStandIn, FactEscalated, FactEnding, FactAccessGroup, FactUndoing, FactCredentials, FactPruned, FactExtensionAsked, FactExtensionDenied:
		return false
	}
	panic("flows: unknown fact " + string(k) + " (this is a bug)")
}

// Fact is one audit event before it is chained. It holds everything a reader
// needs, so that the trail can be read without the records.
type Fact struct {
	Kind          FactKind      `json:"kind"`
	BreakGlass    bool          `json:"break_glass,omitempty"` // of a request that nobody had to approve
	Request       string        `json:"request,omitempty"`
	Actor         PersonRef     `json:"actor,omitzero"` // zero: the bot itself
	Requestor     PersonRef     `json:"requestor,omitzero"`
	Grantee       PersonRef     `json:"grantee,omitzero"`
	Flow          string        `json:"flow,omitempty"`
	Trigger       Trigger       `json:"trigger,omitempty"` // TriggerAutomatic; else somebody asked, or it is an old record
	FlowHash      string        `json:"flow_hash,omitempty"`
	Bundle        string        `json:"bundle,omitempty"`
	Groups        []FactGroup   `json:"groups,omitempty"`
	Duration      time.Duration `json:"duration,omitempty"`
	Indefinite    bool          `json:"indefinite,omitempty"`
	Justification string        `json:"justification,omitempty"`
	EndsAt        time.Time     `json:"ends_at,omitzero"`
	Decisions     []Decision    `json:"decisions,omitempty"`
	Reason        string        `json:"reason,omitempty"`
	Text          string        `json:"text,omitempty"` // a sentence, where the fields do not say it all
	// Times are the moments that Reason names, each as StatedTime writes it, so that
	// readers can be shown them in their own time zone.
	Times []time.Time `json:"times,omitempty"`
	// Hold names what waits for an admin's Proceed or Discard (operator); whoever made
	// the fact knows what it means.
	Hold string `json:"hold,omitempty"`
	// Delegation is what the fact is about (delegated, delegation_over).
	Delegation *Delegation `json:"delegation,omitempty"`
	// Checkpoint is the last event that is removed (pruned), or the head (anchored).
	Checkpoint *Checkpoint `json:"checkpoint,omitempty"`
}

// StatedTime writes a moment into a sentence that is stored, to the minute in UTC; see
// Fact.Times.
func StatedTime(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Checkpoint is an event of the trail by number and hash.
type Checkpoint struct {
	Seq  uint64 `json:"seq"`
	Hash string `json:"hash"`
}

// String is "12:5f3a…", as `bot audit verify --head` takes it.
func (c Checkpoint) String() string { return strconv.FormatUint(c.Seq, 10) + ":" + c.Hash }

// Anchored is the fact that tells the head of the trail.
func Anchored(head Checkpoint) Fact {
	return Fact{
		Kind: FactAnchored, Checkpoint: &head,
		Text: fmt.Sprintf("Head of the audit trail: event %d. As long as it verifies, nothing up to there was changed.", head.Seq),
	}
}

// FactGroup is one access group in a fact.
type FactGroup struct {
	Integration string      `json:"integration"`
	Items       []Item      `json:"items"`
	Status      GroupStatus `json:"status"`
	Problem     string      `json:"problem,omitempty"`
}

// AuditEvent is a fact in the chain.
type AuditEvent struct {
	Seq  uint64    `json:"seq"` // 1, 2, 3, … without gaps
	At   time.Time `json:"at"`
	Fact Fact      `json:"fact"`
	Prev string    `json:"prev"` // Hash of the event before; empty for the first
	Hash string    `json:"hash"` // hex SHA-256 over everything else
}

// Delivery is a click or command that arrived, stored before it is acknowledged.
type Delivery struct {
	Key     string    `json:"key"` // equal for redeliveries of the same thing
	At      time.Time `json:"at"`
	Payload []byte    `json:"payload"` // for the platform that stored it
	Source  string    `json:"source"`  // "slack", "teams"
}
