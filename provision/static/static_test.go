package static_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
	"apono/provision/provisiontest"
	"apono/provision/static"
)

func connect(t *testing.T, config string) (provision.Connection, []flows.Issue) {
	t.Helper()
	typ := static.Type()
	if typ.Name != "static" {
		t.Errorf("the type is named %q", typ.Name)
	}
	return typ.New(t.Context(), provision.Spec{Name: "people", Decode: provisiontest.Decode(config)})
}

const full = `
people:
  - {email: Alice@Example.com, name: Alice, groups: [developers], manager: " BOB@example.com", aliases: [A.Smith@Example.com],
     time_zone: Europe/Berlin, attributes: {department: [payments], clearance: [], projects: }, slack_id: U0ALICE, teams_id: 8c1f}
  - {email: bob@example.com, name: Bob, groups: [leads]}
  - {email: carol@example.com}
shifts:
  - {name: primary, members: [carol@example.com, A.smith@example.com]}
  - {name: secondary}
`

func TestPeople(t *testing.T) {
	c, issues := connect(t, full)
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	wantPeople := []flows.Person{
		{
			Email: "alice@example.com", Name: "Alice", Aliases: []string{"a.smith@example.com"}, Groups: []string{"developers"},
			Manager: "bob@example.com", TimeZone: "Europe/Berlin", SlackID: "U0ALICE", TeamsID: "8c1f",
			// What is there without values is known; what is absent is not.
			Attributes: map[string][]string{"department": {"payments"}, "clearance": {}, "projects": nil},
		},
		{Email: "bob@example.com", Name: "Bob", Groups: []string{"leads"}},
		{Email: "carol@example.com"},
	}
	wantShifts := []flows.Shift{{Name: "primary", Members: []string{"carol@example.com", "a.smith@example.com"}}, {Name: "secondary"}}
	for range 2 { // the second time, after the first caller wrote over what it got
		people, shifts, err := c.(provision.Directory).People(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(wantPeople, people); diff != "" {
			t.Errorf("people (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(wantShifts, shifts); diff != "" {
			t.Errorf("shifts (-want +got):\n%s", diff)
		}
		people[0].Groups[0], people[0].Aliases[0], people[0].Attributes["department"][0] = "x", "x", "x"
		delete(people[0].Attributes, "clearance")
		people[1].Email, shifts[0].Members[0], shifts[1].Name = "x", "x", "x"
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// TestGroups: a declared group is known while nobody is in it.
func TestGroups(t *testing.T) {
	c, issues := connect(t, full+"groups: [admins, Developers]\n")
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	groups, err := c.(provision.Grouper).Groups(t.Context())
	if err != nil || !cmp.Equal(groups, []string{"admins", "Developers"}) {
		t.Errorf("groups %q, %v", groups, err)
	}
	groups[0] = "x"
	if again, _ := c.(provision.Grouper).Groups(t.Context()); again[0] != "admins" {
		t.Error("the first caller wrote over what the second gets")
	}
}

// TestDirectoryOfPeople is what the rest of the service makes of it.
func TestDirectoryOfPeople(t *testing.T) {
	c, _ := connect(t, full)
	people, shifts, err := c.(provision.Directory).People(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	d := flows.NewDirectory(people, shifts)
	alice, err := d.ByEmail("a.SMITH@example.com")
	if err != nil || alice.Name != "Alice" {
		t.Fatalf("by alias: %v, %v", alice, err)
	}
	if on, _ := d.Attribute(alice, flows.AttrShift); !cmp.Equal(on, []string{"primary"}) {
		t.Errorf("shifts of Alice: %q", on)
	}
	if _, known := d.Attribute(alice, "projects"); !known {
		t.Error("an attribute without values is not known")
	}
	if _, known := d.Attribute(alice, "cost_center"); known {
		t.Error("an attribute that is not written is known")
	}
}

// TestItIsADirectoryOnly keeps the service from asking a file for access.
func TestItIsADirectoryOnly(t *testing.T) {
	c, _ := connect(t, full)
	if _, ok := c.(provision.Driver); ok {
		t.Error("it is a Driver")
	}
	if _, ok := c.(provision.Discoverer); ok {
		t.Error("it is a Discoverer")
	}
}

func TestIssues(t *testing.T) {
	const e, w = flows.SeverityError, flows.SeverityWarning
	tests := map[string]struct {
		config string
		want   []flows.Issue
	}{
		"nobody": {"{}", []flows.Issue{{Path: "people", Severity: w, Code: "no_people", Message: "there is nobody in this directory"}}},
		"no address": {"people: [{name: Alice}, {email: ' '}]", []flows.Issue{
			{Path: "people[0].email", Severity: e, Code: "missing_key", Message: "the person has no e-mail address"},
			{Path: "people[1].email", Severity: e, Code: "missing_key", Message: "the person has no e-mail address"},
		}},
		"no alias": {"people: [{email: a@x, aliases: [b@x, '']}]", []flows.Issue{
			{Path: "people[0].aliases[1]", Severity: e, Code: "missing_key", Message: "the alias has no e-mail address"},
		}},
		"odd addresses": {"people: [{email: alice}, {email: '@x'}, {email: 'b@'}, {email: c@x, aliases: [carol]}]", []flows.Issue{
			{Path: "people[0].email", Severity: e, Code: "invalid_address", Message: `"alice" is not an e-mail address`, Hint: "write it like alice@example.com: people are recognised by it"},
			{Path: "people[1].email", Severity: e, Code: "invalid_address", Message: `"@x" is not an e-mail address`, Hint: "write it like alice@example.com: people are recognised by it"},
			{Path: "people[2].email", Severity: e, Code: "invalid_address", Message: `"b@" is not an e-mail address`, Hint: "write it like alice@example.com: people are recognised by it"},
			{Path: "people[3].aliases[0]", Severity: e, Code: "invalid_address", Message: `"carol" is not an e-mail address`, Hint: "write it like alice@example.com: people are recognised by it"},
		}},
		"unknown time zones": {"people: [{email: a@x, time_zone: Europe/Berlin}, {email: b@x, time_zone: Mars/Base}, {email: c@x, time_zone: Local}, {email: d@x, time_zone: UTC}]", []flows.Issue{
			{Path: "people[1].time_zone", Severity: e, Code: "unknown_time_zone", Message: `there is no time zone "Mars/Base"`, Hint: "such as Europe/Berlin or UTC"},
			{Path: "people[2].time_zone", Severity: e, Code: "unknown_time_zone", Message: `there is no time zone "Local"`, Hint: "such as Europe/Berlin or UTC"},
		}},
		"unknown manager": {"people: [{email: alice@x, manager: BOBB@x}, {email: carol@x, manager: Alice@X}, {email: bob@x, manager: c.alias@x}, {email: dan@x, aliases: [C.Alias@x]}]", []flows.Issue{
			{Path: "people[0].manager", Severity: w, Code: "unknown_manager", Message: "the manager bobb@x is not in this directory", Hint: `did you mean "bob@x"?`},
		}},
		"one address, two people": {"people: [{email: a@x}, {email: b@x, aliases: [A@x]}, {email: ' a@X '}]", []flows.Issue{
			{Path: "people[1].aliases[0]", Severity: w, Code: "duplicate_address", Message: "the address a@x belongs to people[0] too: both are refused until one is removed"},
			{Path: "people[2].email", Severity: w, Code: "duplicate_address", Message: "the address a@x belongs to people[0] too: both are refused until one is removed"},
		}},
		"one address, one person": {"people: [{email: a@x, aliases: [A@x, b@x, b@x]}]", nil},
		"one account, two people": {"people: [{email: a@x, slack_id: U1, teams_id: T1}, {email: b@x, slack_id: U1, teams_id: U1}, {email: c@x, teams_id: T1}]", []flows.Issue{
			{Path: "people[1].slack_id", Severity: w, Code: "duplicate_account", Message: "the Slack account U1 belongs to people[0] too: both are refused until one is removed"},
			{Path: "people[2].teams_id", Severity: w, Code: "duplicate_account", Message: "the Teams account T1 belongs to people[0] too: both are refused until one is removed"},
		}},
		"attributes that are something else": {"people: [{email: a@x, attributes: {group: [g], department: [d], owner: [o]}}]", []flows.Issue{
			{Path: "people[0].attributes.group", Severity: w, Code: "reserved_attribute", Message: `the attribute "group" is never looked at: the name means something else`},
			{Path: "people[0].attributes.owner", Severity: w, Code: "reserved_attribute", Message: `the attribute "owner" is never looked at: the name means something else`},
		}},
		"groups": {"{people: [{email: a@x}], groups: [admins, ' ']}", []flows.Issue{
			{Path: "groups[1]", Severity: e, Code: "missing_key", Message: "the group has no name"},
		}},
		"shifts": {"{people: [{email: alice@x}], shifts: [{name: primary, members: [alice@x, alise@x]}, {members: [Alice@x]}, {name: primary}]}", []flows.Issue{
			{Path: "shifts[0].members[1]", Severity: w, Code: "unknown_member", Message: "the member alise@x is not in this directory", Hint: `did you mean "alice@x"?`},
			{Path: "shifts[1].name", Severity: e, Code: "missing_key", Message: "the shift has no name"},
			{Path: "shifts[2].name", Severity: w, Code: "duplicate_name", Message: `the shift "primary" is there twice, first as shifts[0]: the members of both are on it`},
		}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c, got := connect(t, tt.config)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
			failed := false
			for _, i := range got {
				failed = failed || i.Severity == e
			}
			if (c == nil) != failed {
				t.Errorf("connection %v with issues %v", c, got)
			}
		})
	}
}

func TestConfigThatCannotBeRead(t *testing.T) {
	c, got := connect(t, "people: [{email: a@x, grups: [x]}]")
	if c != nil || len(got) != 1 || got[0].Code != "invalid_config" || !strings.Contains(got[0].Message, "grups") {
		t.Errorf("connection %v, issues %v", c, got)
	}
	c, got = static.Type().New(t.Context(), provision.Spec{Decode: func(any) error { return errors.New("config.yaml:6:5: no") }})
	want := []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: "config.yaml:6:5: no"}}
	if diff := cmp.Diff(want, got); diff != "" || c != nil {
		t.Errorf("connection %v, issues (-want +got):\n%s", c, diff)
	}
}

// TestPeopleNeverWaits answers after the service has begun to stop.
func TestPeopleNeverWaits(t *testing.T) {
	c, _ := connect(t, full)
	ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	if people, _, err := c.(provision.Directory).People(ctx); err != nil || len(people) != 3 {
		t.Errorf("%d people, %v", len(people), err)
	}
}
