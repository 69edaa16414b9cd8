package cards_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

var (
	dan   = flows.PersonRef{Email: "dan@example.com", Name: "Dan"}
	grace = flows.PersonRef{Email: "grace@example.com", Name: "Grace"}
)

// forBob is what Dan is asked while he stands in for Bob.
func forBob() flows.Asked {
	ground := flows.Ground{Role: "Alice's manager", For: "Bob"}
	why := ground.You()
	return flows.Asked{
		PersonRef: dan, Groups: []int{0}, Why: why, Ground: ground,
		For: []flows.Stand{{For: bob, Groups: []int{0}, Until: noon.Add(48 * time.Hour), Why: why, Ground: ground}},
	}
}

// delegated are requests that wait while Dan stands in for Bob, and after.
func delegated(t testing.TB) []specimen {
	t.Helper()
	begins := flows.Event{Kind: flows.EventStandIn, Ask: []flows.Asked{forBob()}}
	over := forBob()
	over.Groups, over.For, over.Stood = []int{}, nil, []flows.PersonRef{bob}
	yes := decide(flows.EventApprove, dan, 0, "Go ahead.")
	yes.Why, yes.Ground, yes.For = forBob().Why, forBob().Ground, forBob().For
	no := yes
	no.Kind = flows.EventDeny
	also := decide(flows.EventApprove, carol, 1, "")
	away := draft()
	away.Asked[0] = forBob()
	other := draft()
	other.Grantee = grace
	more := draft()
	more.MaxExtensions = 1
	ask := extend(false)
	ask.Extend.Asked[0] = forBob()
	granted := yes
	granted.Extension = 1
	return []specimen{
		play(t, "pending, Dan stands in", draft(), begins),
		play(t, "pending, Dan stands in and was asked at once", away),
		play(t, "pending, Dan stands in and is out of reach", away, flows.Event{Kind: flows.EventUnreached, By: dan}),
		play(t, "pending, Dan does not stand in any more", draft(), begins, flows.Event{Kind: flows.EventStandIn, Ask: []flows.Asked{over}}),
		play(t, "pending, Dan approved for Bob", away, yes),
		play(t, "approved, Dan approved for Bob", other, begins, yes, also),
		play(t, "denied, Dan denied for Bob", away, no),
		play(t, "active, Dan asked about more time", more, decide(flows.EventApprove, bob, 0, ""), also, of(flows.EventGranted, "prod-postgres"), of(flows.EventGranted, "deploy-tool"), ask, granted),
	}
}

// TestTheRequesterIsNotTold: nothing that requester or grantee read says who stands in
// for whom. Approvers and the audit channel read it.
func TestTheRequesterIsNotTold(t *testing.T) {
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	tells := func(s string) bool {
		for _, part := range []string{"tand in", "stands in", "for Bob", `for "},{"text":"Bob"`, "in the place of"} {
			if strings.Contains(s, part) {
				return true
			}
		}
		return false
	}
	said := 0
	for _, s := range delegated(t) {
		for _, k := range s.r.Posts() {
			card, _ := cards.Card(s.r, k, s.now)
			switch {
			case k.Audience == flows.AudienceRequester && tells(text(card)):
				t.Errorf("%s: %s reads %s", s.name, k, text(card))
			case k.Audience == flows.AudienceApprover && tells(text(card)):
				said++
			}
		}
		for _, email := range []string{alice.Email, s.r.Grantee.Email} {
			if d := text(cards.Details(s.r, email, s.now, 0, nil)); tells(d) {
				t.Errorf("%s: %s reads in Details %s", s.name, email, d)
			}
			if l := text(cards.Requests([]flows.Request{s.r}, email, false, false, s.now)); tells(l) {
				t.Errorf("%s: %s reads in the list %s", s.name, email, l)
			}
			home := cards.Home{Email: email, Groups: []cards.HomeList{{Group: cards.HomeRecent, Requests: []flows.Request{s.r}}, {Group: cards.HomeAccess, Requests: []flows.Request{s.r}}}}
			if h := text(home.Draw(s.now)); tells(h) {
				t.Errorf("%s: %s reads on the home %s", s.name, email, h)
			}
		}
		if tells(s.r.Standing()) || tells(text(cards.Standing(s.r, s.now))) {
			t.Errorf("%s: a press is answered with %s", s.name, s.r.Standing())
		}
		// Where a requester may approve, they have an approver's card.
		if card, ok := cards.Card(s.r, flows.PostKey{Request: s.r.ID, Audience: flows.AudienceApprover, Person: alice.Email, Topic: flows.TopicRequest}, s.now); ok && tells(text(card)) {
			t.Errorf("%s: as an approver, Alice reads %s", s.name, text(card))
		}
	}
	if said < 10 {
		t.Errorf("only %d cards tell approvers", said)
	}
}

// TestDelegationCards draws what the two people read, and the audit channel.
func TestDelegationCards(t *testing.T) {
	d := flows.Delegation{ID: "1f", From: bob, To: dan, Since: noon, Until: noon.Add(48 * time.Hour)}
	own := flows.Delegation{ID: "2e", From: carol, To: bob, Since: noon, Until: noon.Add(time.Hour)}
	hint := "/apono delegate @bob until friday"
	fact := func(f flows.Fact) chat.Card { return cards.Audit([]flows.AuditEvent{{Seq: 1, At: noon, Fact: f}}) }
	out := map[string]chat.Card{
		"list": cards.Delegations([]flows.Delegation{d}, []flows.Delegation{own}, hint), "empty list": cards.Delegations(nil, nil, hint),
		"handed over":               cards.Delegated(d, flows.PersonRef{}, nil),
		"handed over, once more":    cards.Delegated(d, carol, []flows.Delegation{own}),
		"to who stands in":          cards.StandsIn(d),
		"over, to who stood in":     cards.DelegationOver(d, dan, flows.PersonRef{}),
		"over, to who was away":     cards.DelegationOver(d, bob, flows.PersonRef{}),
		"ended, to who was away":    cards.DelegationOver(d, bob, dan),
		"audit, begins":             fact(flows.DelegationFact(d)),
		"audit, over":               fact(flows.DelegationOverFact(d, flows.PersonRef{})),
		"audit, ended by somebody":  fact(flows.DelegationOverFact(d, dan)),
		"audit, denied by delegate": {},
	}
	for _, s := range delegated(t) {
		if s.name == "denied, Dan denied for Bob" {
			out["audit, denied by delegate"] = cards.Audit(s.facts[len(s.facts)-1:])
			out["audit, asked of a delegate"] = cards.Audit(s.facts[:1])
		}
	}
	golden(t, "delegation", out)
}
