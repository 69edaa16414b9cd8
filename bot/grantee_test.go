package bot_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// forOthers lets developers ask under the flow "read" for whoever is in a group,
// and adds Fay, a developer, and Gil, who is in no group.
func forOthers(o *office, self bool, group string) {
	o.people = append(o.people,
		flows.Person{Email: "fay@example.com", Name: "Fay", Groups: []string{"developers"}}, flows.Person{Email: "gil@example.com", Name: "Gil"})
	o.policy.Flows[0].RequestFor = &flows.RequestFor{
		Self: self, Others: true, Grantees: flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{group}}}},
	}
	o.change()
}

func (s *session) options(field, query string) string {
	var out []string
	for _, o := range s.Search(s.t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: field, Query: query, State: s.form.State}) {
		out = append(out, o.Label)
	}
	return strings.Join(out, ", ")
}

// TestRequestFor: the question is there only where a flow allows asking for
// others; what is offered follows the choice; the request is for the grantee.
func TestRequestFor(t *testing.T) {
	o := newOffice(t)
	if s := o.open(""); part(t, s.form, cards.FieldGrantee) != nil {
		t.Error("it is asked for whom, though nobody may ask for others")
	}
	forOthers(o, true, "developers")
	s := o.open("")
	p := part(t, s.form, cards.FieldGrantee)
	if p == nil || p.Label != "Request for" || !p.Search || len(p.Selected) != 1 || p.Selected[0].Label != "Alice (you)" {
		t.Fatalf("%+v", p)
	}
	if got := s.options(cards.FieldGrantee, ""); got != "Alice (you), Fay" {
		t.Errorf("people: %s", got)
	}
	if got := s.options(cards.FieldGrantee, "fa"); got != "Fay" {
		t.Errorf("people: %s", got)
	}
	s.choose(cards.FieldGrantee, "fay@example.com").choose(cards.FieldType, "database").choose(cards.FieldResources, "db-1")
	// "write" is offered under a flow for oneself only.
	if got := part(t, s.form, cards.FieldPermissions).Options; len(got) != 1 || got[0].Label != "Read" {
		t.Errorf("permissions for Fay: %+v", got)
	}
	s.values[cards.FieldJustification] = []string{"x"}
	if errors := s.submit(); errors != nil {
		t.Fatalf("%v", errors)
	}
	r := o.request("AR-1")
	if r.Requestor.Email != "alice@example.com" || r.Grantee.Email != "fay@example.com" || r.Asked[0].Email != "bob@example.com" {
		t.Errorf("%+v", r)
	}
	// Only Fay is shown the credentials.
	o.accounts["fay"] = chat.Account{Email: "fay@example.com", EmailVerified: true}
	o.activate("AR-1")
	if a := o.click("alice", chat.ActionCredentials, "AR-1"); !strings.HasPrefix(said(a), "Only the person who has the access") {
		t.Errorf("Alice is shown: %q %q", said(a), formText(a))
	}
	if a := o.click("fay", chat.ActionCredentials, "AR-1"); formText(a) != "One moment…" {
		t.Errorf("Fay is shown: %q", formText(a))
	}
	// Asking again asks for Fay again.
	if a := o.click("alice", chat.ActionAgain, "AR-1"); a.Open == nil || part(t, a.Open, cards.FieldGrantee).Selected[0].Value != "fay@example.com" {
		t.Errorf("%+v", a)
	}
}

func formText(a chat.Answer) string {
	if a.Open == nil {
		return ""
	}
	var b strings.Builder
	for _, p := range a.Open.Parts {
		b.WriteString(plain(p.Text) + p.Value)
	}
	return b.String()
}

// TestRequestFor_OthersOnly: nobody is chosen at first, and what is wrong is said
// under the field.
func TestRequestFor_OthersOnly(t *testing.T) {
	o := newOffice(t)
	forOthers(o, false, "developers")
	o.policy.Flows = o.policy.Flows[:1]
	o.change()
	s := o.open("")
	if part(t, s.form, cards.FieldIntegration) != nil || len(part(t, s.form, cards.FieldGrantee).Selected) != 0 {
		t.Errorf("%+v", s.form.Parts)
	}
	if diff := cmp.Diff(map[string]string{cards.FieldGrantee: "Please choose for whom you ask."}, s.submit()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.choose(cards.FieldGrantee, "gil@example.com")
	if part(t, s.form, cards.FieldIntegration) != nil {
		t.Errorf("something is offered for Gil: %+v", s.form.Parts)
	}
	if diff := cmp.Diff(map[string]string{cards.FieldGrantee: "There is nothing you may ask for Gil at the moment."}, s.submit()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	s.choose(cards.FieldGrantee, "fay@example.com")
	if part(t, s.form, cards.FieldIntegration) == nil {
		t.Errorf("nothing is offered for Fay: %+v", s.form.Parts)
	}
	// A form that was drawn for Fay is judged again when it is sent.
	s.choose(cards.FieldType, "database").choose(cards.FieldResources, "db-1").choose(cards.FieldPermissions, "read")
	s.values[cards.FieldJustification] = []string{"x"}
	o.person("fay").Groups = nil
	o.change()
	if diff := cmp.Diff(map[string]string{cards.FieldGrantee: "There is nothing you may ask for Fay at the moment."}, s.submit()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
