package flows_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestConditions: five operators, over missing, unknown, no, one and several values.
func TestConditions(t *testing.T) {
	p := person("pat", "Core-DBA", "leads")
	p.Aliases = []string{"p.at@Example.com"}
	p.Manager = "boss.alias@example.com"
	p.Attributes = map[string][]string{"department": {"Payments", "Fraud"}, "badge": {}}
	boss := person("boss")
	boss.Aliases = []string{"boss.alias@example.com"}
	w := flows.World{People: flows.NewDirectory(
		[]flows.Person{p, boss, person("x", "empty-handed")}, []flows.Shift{{Name: "primary", Members: []string{"P.AT@example.com"}}, {Name: "quiet"}}, "hollow")}
	pat, err := w.People.ByEmail("pat@example.com")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		attribute string
		op        flows.Operator
		values    []string
		want      flows.Status
	}{
		{"group", "", []string{"leads"}, flows.Met},
		{"group", "is", []string{"LEADS"}, flows.Met},
		{"group", "is", []string{"core-dba", "hollow"}, flows.Met},
		{"group", "is", []string{"hollow"}, flows.Unmet},
		{"group", "is", []string{"nowhere"}, flows.Broken},
		{"group", "is", []string{"nowhere", "leads"}, flows.Met},
		{"group", "is", nil, flows.Broken},
		{"group", "is", []string{"", " "}, flows.Broken},
		{"group", "is_not", []string{"hollow"}, flows.Met},
		{"group", "is_not", []string{"leads"}, flows.Unmet},
		{"group", "is_not", []string{"hollow", "leads"}, flows.Unmet},
		{"group", "is_not", []string{"nowhere"}, flows.Broken},
		{"group", "is_not", []string{"nowhere", "hollow"}, flows.Broken},
		{"group", "is_not", nil, flows.Broken},
		{"group", "contains", []string{"dba"}, flows.Met},
		{"group", "contains", []string{"DBA", "zzz"}, flows.Met},
		{"group", "contains", []string{"zzz"}, flows.Unmet},
		{"group", "contains", []string{""}, flows.Broken},
		{"group", "does_not_contain", []string{"zzz"}, flows.Met},
		{"group", "does_not_contain", []string{"zzz", "dba"}, flows.Unmet},
		{"group", "does_not_contain", []string{""}, flows.Broken},
		{"group", "starts_with", []string{"core-"}, flows.Met},
		{"group", "starts_with", []string{"dba"}, flows.Unmet},
		{"group", "starts_with", []string{"dba", "lea"}, flows.Met},
		{"shift", "is", []string{"Primary"}, flows.Met},
		{"shift", "is", []string{"quiet"}, flows.Unmet},
		{"shift", "is", []string{"nowhere"}, flows.Broken},
		{"shift", "is_not", []string{"quiet"}, flows.Met},
		{"shift", "is_not", []string{"primary"}, flows.Unmet},
		{"user", "is", []string{"PAT@example.com"}, flows.Met},
		{"user", "is", []string{"p.at@example.com"}, flows.Met},
		{"user", "is", []string{"ghost@example.com"}, flows.Unmet},
		{"user", "is_not", []string{"p.at@example.com"}, flows.Unmet},
		{"user", "is_not", []string{"x@example.com"}, flows.Met},
		{"user", "contains", []string{"p.at"}, flows.Met},
		{"user", "does_not_contain", []string{"p.at"}, flows.Unmet},
		{"user", "starts_with", []string{"pat@"}, flows.Met},
		{"manager", "is", []string{"boss@example.com"}, flows.Met},
		{"manager", "is", []string{"Boss.Alias@example.com"}, flows.Met},
		{"manager", "is_not", []string{"boss@example.com"}, flows.Unmet},
		{"manager", "is", []string{"x@example.com"}, flows.Unmet},
		{"manager", "is_not", nil, flows.Broken},
		{"department", "is", []string{"fraud"}, flows.Met},
		{"department", "is", []string{"hr"}, flows.Unmet},
		{"department", "is_not", []string{"hr", "fraud"}, flows.Unmet},
		{"department", "is_not", []string{"hr"}, flows.Met},
		{"department", "contains", []string{"pay"}, flows.Met},
		{"badge", "is", []string{"x"}, flows.Unmet},
		{"badge", "is_not", []string{"x"}, flows.Met},
		{"unheard", "is", []string{"x"}, flows.Broken},
		{"unheard", "is_not", []string{"x"}, flows.Broken},
		{"unheard", "does_not_contain", []string{"x"}, flows.Broken},
		{"owner", "is", nil, flows.Broken},
		{"owner", "is", []string{"x"}, flows.Broken},
		{"group", "resembles", []string{"leads"}, flows.Unmet},
	} {
		c := flows.Condition{Attribute: tt.attribute, Operator: tt.op, Values: tt.values}
		got, why := w.Meets(c, pat, pat)
		if got != tt.want || why == "" {
			t.Errorf("%s %s %q: %s (%s), want %s", tt.attribute, tt.op, tt.values, got, why, tt.want)
		}
	}
}

// TestConditionsJoin: all and any over met, unmet and broken.
func TestConditionsJoin(t *testing.T) {
	w := newWorld().now()
	alice := who(t, w, "alice")
	met, unmet, broken := is("group", "developers"), is("group", "dba"), is("unheard", "x")
	for _, tt := range []struct {
		name     string
		cs       []flows.Condition
		all, any flows.Status
	}{
		{"none", nil, flows.Unmet, flows.Unmet},
		{"met", conds(met), flows.Met, flows.Met},
		{"unmet", conds(unmet), flows.Unmet, flows.Unmet},
		{"broken", conds(broken), flows.Broken, flows.Broken},
		{"met, unmet", conds(met, unmet), flows.Unmet, flows.Met},
		{"unmet, met", conds(unmet, met), flows.Unmet, flows.Met},
		{"met, broken", conds(met, broken), flows.Broken, flows.Met},
		{"broken, met", conds(broken, met), flows.Broken, flows.Met},
		{"unmet, broken", conds(unmet, broken), flows.Broken, flows.Broken},
		{"broken, unmet", conds(broken, unmet), flows.Broken, flows.Broken},
	} {
		for match, want := range map[flows.Match]flows.Status{flows.MatchAll: tt.all, "": tt.all, flows.MatchAny: tt.any} {
			if got, _ := w.Matches(flows.Conditions{Match: match, Conditions: tt.cs}, alice, alice); got != want {
				t.Errorf("%s, match %q: %s, want %s", tt.name, match, got, want)
			}
		}
	}
	disabled := *alice
	disabled.Disabled = true
	if got, _ := w.Matches(flows.Conditions{Conditions: conds(met)}, &disabled, nil); got != flows.Unmet {
		t.Errorf("a deactivated person: %s, want unmet", got)
	}
}

// TestReasonsArePhrases: why somebody is asked, as the card says it.
func TestReasonsArePhrases(t *testing.T) {
	w := newWorld()
	w.person("dan").Attributes = map[string][]string{"department": {"payments"}}
	w.flow().Approval.Groups = []flows.ApproverGroup{
		approverGroup(is("manager")),
		{Match: flows.MatchAny, Approvers: conds(is("shift", "primary", "quiet"), is("group", "admins", "leads"))},
		approverGroup(is("user", "frank@example.com")),
		approverGroup(is("department", "payments")),
	}
	w.flow().Approval.Mode = flows.ModeAllOf
	now := w.now()
	a, err := now.Resolve(flows.Case{Flow: w.flow(), Requestor: who(t, now, "alice"), Grantee: who(t, now, "alice")})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, asked := range a.Ask() {
		got[asked.Email] = asked.Why
	}
	want := map[string]string{
		"bob@example.com": "You are alice's manager.", "carol@example.com": "You are on call for primary.",
		"eve@example.com": "You are in the group admins.", "frank@example.com": "You are in the group admins.",
		"dan@example.com": "You are somebody whose department is payments.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	summary := "bob (your manager), and one of 4 people (on-call primary or quiet or admins or leads), and frank, and dan (somebody whose department is payments)"
	if got := a.Summary(who(t, now, "alice")); got != summary {
		t.Errorf("summary %q, want %q", got, summary)
	}
}

// TestDirectory: addresses are compared without case, an alias is the person, and
// what two people claim belongs to neither.
func TestDirectory(t *testing.T) {
	one := flows.Person{Email: " One@Example.com ", Name: "One", Aliases: []string{"ONE.alias@example.com", "shared@example.com"}, SlackID: "U1", TeamsID: "T"}
	two := flows.Person{Email: "two@example.com", Aliases: []string{"Shared@example.com", ""}, SlackID: "U2", TeamsID: "T"}
	three := flows.Person{Email: "three@example.com", SlackID: "U3"}
	thief := flows.Person{Email: "thief@example.com", Aliases: []string{"three@example.com", ""}}
	d := flows.NewDirectory([]flows.Person{one, two, three, thief}, []flows.Shift{{Name: "s", Members: []string{"one.ALIAS@example.com", "shared@example.com", "ghost@example.com"}}})
	for address, want := range map[string]flows.Code{
		"one@example.com": "", "ONE@EXAMPLE.COM": "", "one.alias@example.com": "", " two@example.com": "",
		"shared@example.com": flows.CodeAmbiguous, "three@example.com": flows.CodeAmbiguous, "thief@example.com": "",
		"ghost@example.com": flows.CodeNotFound, "": flows.CodeNotFound,
	} {
		if _, err := d.ByEmail(address); flows.ErrorCode(err) != want {
			t.Errorf("%q: %v, want code %q", address, err, want)
		}
	}
	for id, want := range map[string]flows.Code{"U1": "", "U3": flows.CodeAmbiguous, "U9": flows.CodeNotFound, "": flows.CodeNotFound} {
		if _, err := d.BySlackID(id); flows.ErrorCode(err) != want {
			t.Errorf("Slack %q: %v, want code %q", id, err, want)
		}
	}
	if _, err := d.ByTeamsID("T"); flows.ErrorCode(err) != flows.CodeAmbiguous {
		t.Errorf("Teams: %v, want ambiguous", err)
	}
	if diff := cmp.Diff([]string{"shared@example.com", "three@example.com"}, d.Ambiguous()); diff != "" {
		t.Errorf("ambiguous (-want +got):\n%s", diff)
	}
	p, err := d.ByEmail("one.alias@example.com")
	if err != nil {
		t.Fatal(err)
	}
	if on, known := d.Attribute(p, flows.AttrShift); !known || len(on) != 1 {
		t.Errorf("on shifts %v, known %t", on, known)
	}
	if diff := cmp.Diff(flows.PersonRef{Email: "one@example.com", Name: "One"}, p.Ref()); diff != "" {
		t.Errorf("reference (-want +got):\n%s", diff)
	}
}

// TestOwnLabel: nobody is told about themselves by name.
func TestOwnLabel(t *testing.T) {
	alice := flows.PersonRef{Name: "Alice", Email: "alice@example.com"}
	for label, want := range map[string]string{
		"Alice's manager":                      "your manager",
		"Alice's manager or on-call or admins": "your manager or on-call or admins",
		"dba and Alice's manager":              "dba and your manager",
		"Malice's manager or admins":           "Malice's manager or admins",
		"Bob's manager":                        "Bob's manager",
	} {
		if got := flows.OwnLabel(label, alice); got != want {
			t.Errorf("OwnLabel(%q) = %q, want %q", label, got, want)
		}
	}
}
