package flows

import (
	"cmp"
	"slices"
	"strings"
)

// Posts lists every chat message that must exist for the request as it is. Each
// is redrawn after every change; none is ever taken back.
func (r *Request) Posts() []PostKey {
	out := make([]PostKey, 0, len(r.Asked)+8)
	r.eachPost(func(k PostKey) { out = append(out, k) })
	return out
}

// eachPost gives Posts one by one.
func (r *Request) eachPost(emit func(PostKey)) {
	for i := range r.Asked {
		emit(PostKey{Request: r.ID, Audience: AudienceApprover, Person: r.Asked[i].Email, Topic: TopicRequest})
	}
	r.reminderPosts(emit)
	tell := func(topic Topic) {
		emit(PostKey{Request: r.ID, Audience: AudienceRequester, Person: r.Requestor.Email, Topic: topic})
	}
	asked := r.Trigger != TriggerAutomatic // nobody asked, and nobody waits for an answer
	if asked {
		tell(TopicAsked)
	}
	if asked && !r.DecidedAt.IsZero() && r.State != StateDenied {
		tell(TopicApproved)
	}
	if !r.ActiveAt.IsZero() {
		r.bothPosts(emit, TopicGranted, "")
		for i := range r.Groups {
			if g := &r.Groups[i]; !g.GrantedAt.IsZero() {
				emit(PostKey{Request: r.ID, Audience: AudienceRequester, Person: r.Grantee.Email, Topic: TopicAccess, Integration: g.Integration})
			}
		}
	}
	r.laterPosts(emit)
	r.explainPosts(emit)
	if r.NothingGranted() {
		tell(TopicFailed)
	}
	switch topic := endTopics[r.State]; {
	case topic == "":
	case r.ActiveAt.IsZero():
		tell(topic)
	default:
		r.bothPosts(emit, topic, "")
	}
	for _, p := range r.Raised {
		emit(PostKey{Request: r.ID, Audience: AudienceAdmin, Person: p.Email, Topic: TopicOverdue})
		if !r.Unconfirmed() {
			emit(PostKey{Request: r.ID, Audience: AudienceAdmin, Person: p.Email, Topic: TopicOverdueOver})
		}
	}
}

var endTopics = map[State]Topic{
	StateDenied: TopicDenied, StateExpired: TopicExpired, StateRevoked: TopicRevoked,
	StateWithdrawn: TopicWithdrawn, StateTimedOut: TopicTimedOut,
}

// bothPosts are the messages about a live access, or its end: to the requester, and to
// the one who has it where that is somebody else.
func (r *Request) bothPosts(emit func(PostKey), topic Topic, n string) {
	emit(PostKey{Request: r.ID, Audience: AudienceRequester, Person: r.Requestor.Email, Topic: topic, N: n})
	if r.TellGrantee {
		emit(PostKey{Request: r.ID, Audience: AudienceRequester, Person: r.Grantee.Email, Topic: topic, N: n})
	}
}

// NothingGranted reports whether every access group has failed, or will once what
// was begun is taken back.
func (r *Request) NothingGranted() bool {
	return !slices.ContainsFunc(r.Groups, func(g AccessGroup) bool { return g.Status != GroupUndoing && g.Status != GroupFailed })
}

// PartlyGranted reports whether the request is active, and an access group of it has
// failed for good.
func (r *Request) PartlyGranted() bool {
	return r.State == StateActive && slices.ContainsFunc(r.Groups, func(g AccessGroup) bool { return g.Status == GroupFailed })
}

// DecidedBy is the person whose decision settled the request; zero where it was
// automatic or is not decided.
func (r *Request) DecidedBy() PersonRef {
	if len(r.Decisions) == 0 || r.DecidedAt.IsZero() {
		return PersonRef{}
	}
	return r.Decisions[len(r.Decisions)-1].By
}

// by names everybody whose decision counted, to a reader: " by Bob and you"; empty:
// automatic.
func (r *Request) by(reader string) string {
	var names []string
	for _, d := range r.Decisions {
		if (d.Verb == VerbDeny) == (r.State == StateDenied) {
			names = append(names, d.By.toReader(reader))
		}
	}
	switch n := len(names); n {
	case 0:
		return ""
	case 1:
		return " by " + names[0]
	default:
		return " by " + strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
}

// toReader is the name of a person, for somebody else; the reader's address may be empty.
func (p PersonRef) toReader(reader string) string {
	if reader != "" && p.Is(reader) {
		return "you"
	}
	return p.DisplayName()
}

// Standing says in one sentence where the request stands.
func (r *Request) Standing() string { return r.StandingFor("") }

// StandingFor is Standing to the person with an address, who may have decided it.
func (r *Request) StandingFor(reader string) string { return r.standing(reader, "was already ") }

// CountedFor is StandingFor to whoever made it so a moment ago.
func (r *Request) CountedFor(reader string) string { return r.standing(reader, "was ") }

func (r *Request) standing(reader, was string) string {
	by := r.by(reader)
	switch r.State {
	case StatePending:
		return r.ID + " is waiting for approval."
	case StateApproved:
		if r.NothingGranted() {
			return r.ID + " was approved, but nothing could be granted; what was begun is being taken back."
		}
		return r.ID + " " + was + "approved" + cmp.Or(by, " automatically") + "; the access is being granted."
	case StateActive:
		return r.ID + " " + was + "approved" + cmp.Or(by, " automatically") + "; the access is active."
	case StateDenied:
		return r.ID + " " + was + "denied" + by + "."
	case StateWithdrawn:
		return r.ID + " was withdrawn by " + r.Requestor.toReader(reader) + "."
	case StateTimedOut:
		return r.ID + " timed out: nobody decided in time."
	case StateRevoking:
		return "The access of " + r.ID + " is already being ended."
	case StateExpired:
		return "The access of " + r.ID + " has expired."
	case StateRevoked:
		return "The access of " + r.ID + " was ended by " + cmp.Or(r.Ending.By.toReader(reader), "the bot") + r.because() + "."
	case StateFailed:
		return r.ID + " was approved, but nothing could be granted."
	}
	return "There is no such request."
}

// because is the cause of an ending that no person stands for.
func (r *Request) because() string {
	if r.Ending.By.Email != "" || r.Ending.Reason == "" {
		return ""
	}
	return ": " + strings.TrimSuffix(r.Ending.Reason, ".")
}
