package flows

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Breaking the glass is access at once, without anybody's approval, that has to
// be explained afterwards. The audit channel is told of each step, and until the
// person has explained it they are reminded, once a day from ExplainWithin on.

// ExplainWithin is how long people have to explain, from the moment of the grant.
const ExplainWithin = 24 * time.Hour

// Explains reports whether a request still has to be explained.
func (r *Request) Explains() bool {
	return r.BreakGlass && !r.ExplainBy.IsZero() && r.ExplainedAt.IsZero() && !r.NothingGranted()
}

// chaseAt is when the person is reminded next.
func (r *Request) chaseAt() (at time.Time, ok bool) {
	if !r.Explains() {
		return time.Time{}, false
	}
	return r.ChaseAt, true
}

// chase reminds where that is due. Days on which the bot was away are not made up
// for.
func (t *transition) chase() bool {
	at, ok := t.r.chaseAt()
	if !ok || t.now.Before(at) {
		return false
	}
	t.r.Chased++
	for !t.now.Before(t.r.ChaseAt) {
		t.r.ChaseAt = t.r.ChaseAt.Add(ExplainWithin)
	}
	t.fact(FactUnexplained, "Nobody has explained yet why the glass was broken. "+t.r.Requestor.DisplayName()+" is reminded every day.")
	return true
}

// explain takes the explanation of whoever broke the glass, or of who got the
// access, also after it has ended.
func (t *transition) explain() error {
	switch {
	case !t.r.BreakGlass:
		return Errorf(CodeRefused, "%s needs no explanation.", t.r.ID)
	case !t.r.Requestor.Is(t.ev.By.Email) && !t.r.Grantee.Is(t.ev.By.Email):
		return Errorf(CodeForbidden, "Only %s can explain %s.", t.r.Requestor.DisplayName(), t.r.ID)
	case !t.r.ExplainedAt.IsZero():
		return Errorf(CodeLate, "%s was explained already.", t.r.ID)
	case t.ev.Reason == "":
		return Errorf(CodeInvalid, "Please say what happened and what you did.")
	case utf8.RuneCountInString(t.ev.Reason) > MaxReason:
		return Errorf(CodeInvalid, "The explanation is longer than %d characters.", MaxReason)
	}
	t.r.ExplainedAt, t.r.ExplainedBy, t.r.Explanation = t.now, t.ev.By, t.ev.Reason
	t.fact(FactExplained, "")
	return nil
}

func explainTopic(round int) Topic {
	if round == 0 {
		return TopicExplain
	}
	return TopicExplain + Topic("_"+strconv.Itoa(round))
}

// Explain reports whether a message asks for an explanation: round 0 does at once,
// the others remind of it.
func (t Topic) Explain() (round int, ok bool) {
	if t == TopicExplain {
		return 0, true
	}
	n, found := strings.CutPrefix(string(t), string(TopicExplain)+"_")
	round, err := strconv.Atoi(n)
	return round, found && err == nil && round > 0
}

// explainPosts are the messages that ask for the explanation: one at once, and
// one for each reminder.
func (r *Request) explainPosts(emit func(PostKey)) {
	if !r.BreakGlass || r.ActiveAt.IsZero() {
		return
	}
	for round := range r.Chased + 1 {
		emit(PostKey{Request: r.ID, Audience: AudienceRequester, Person: r.Requestor.Email, Topic: explainTopic(round)})
	}
}
