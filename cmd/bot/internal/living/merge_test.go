package living_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// TestOnePersonOfSeveralSources is what several sources say, and what is made of it.
func TestOnePersonOfSeveralSources(t *testing.T) {
	for name, tt := range map[string]struct {
		first, second []flows.Person
		want          []flows.Person
		conflicts     []living.Conflict
	}{
		"another person": {
			[]flows.Person{person("a@x")},
			[]flows.Person{person("b@x")},
			[]flows.Person{person("a@x"), person("b@x")},
			nil,
		},
		"what one does not know, the other does": {
			[]flows.Person{{Email: "a@x", Manager: "b@x", Groups: []string{"dev"}, Attributes: map[string][]string{"site": {"B"}, "both": {"1"}}}},
			[]flows.Person{{Email: " A@X ", Name: "Alice", TimeZone: "Europe/Berlin", SlackID: "U1", Groups: []string{"@ops", "dev"}, Attributes: map[string][]string{"both": {"2"}, "empty": {}}}},
			[]flows.Person{{
				Email: "a@x", Name: "Alice", Manager: "b@x", TimeZone: "Europe/Berlin", SlackID: "U1", Groups: []string{"dev", "@ops"},
				Attributes: map[string][]string{"site": {"B"}, "both": {"1", "2"}, "empty": nil},
			}},
			nil,
		},
		"the first word counts": {
			[]flows.Person{{Email: "a@x", Name: "A", Manager: "b@x", SlackID: "U1"}},
			[]flows.Person{{Email: "a@x", Name: "Alice", Manager: "c@x", SlackID: "U2"}},
			[]flows.Person{{Email: "a@x", Name: "A", Manager: "b@x", SlackID: "U1"}},
			[]living.Conflict{{Person: "a@x", Fact: "manager", Counts: "first", Other: "second"}, {Person: "a@x", Fact: "slack_id", Counts: "first", Other: "second"}},
		},
		"disabled in the second": {
			[]flows.Person{{Email: "a@x"}},
			[]flows.Person{{Email: "a@x", Disabled: true}},
			[]flows.Person{{Email: "a@x", Disabled: true}},
			[]living.Conflict{{Person: "a@x", Fact: "deactivation", Counts: "second", Other: "first"}},
		},
		"disabled in the first": {
			[]flows.Person{{Email: "a@x", Disabled: true}},
			[]flows.Person{{Email: "a@x"}},
			[]flows.Person{{Email: "a@x", Disabled: true}},
			[]living.Conflict{{Person: "a@x", Fact: "deactivation", Counts: "first", Other: "second"}},
		},
		"by an alias": {
			[]flows.Person{{Email: "a@x", Aliases: []string{"alice@x"}}},
			[]flows.Person{{Email: "Alice@x", Aliases: []string{"al@x"}, SlackID: "U1"}},
			[]flows.Person{{Email: "a@x", Aliases: []string{"alice@x", "al@x"}, SlackID: "U1"}},
			nil,
		},
		"one source has it twice": {
			[]flows.Person{{Email: "a@x", Name: "A"}},
			[]flows.Person{{Email: "a@x", SlackID: "U1"}, {Email: "a@x", SlackID: "U2"}},
			[]flows.Person{{Email: "a@x", Name: "A", SlackID: "U1"}, {Email: "a@x", SlackID: "U2"}},
			nil,
		},
		"two who are told apart are not made one": {
			[]flows.Person{{Email: "a@x"}, {Email: "b@x"}},
			[]flows.Person{{Email: "c@x", Aliases: []string{"a@x", "b@x"}}},
			[]flows.Person{{Email: "a@x"}, {Email: "b@x"}, {Email: "c@x", Aliases: []string{"a@x", "b@x"}}},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			c := living.New(setup(of("first", &source{people: tt.first}, "1"), of("second", &source{people: tt.second}, "1")), slog.New(slog.NewTextHandler(&log, nil)))
			c.Sync(t.Context())
			c.Sync(t.Context())
			if n := strings.Count(log.String(), "do not agree"); n != len(tt.conflicts) {
				t.Errorf("the log tells of %d conflicts:\n%s", n, &log)
			}
			var got []flows.Person
			for _, p := range c.World().People.Everybody() {
				got = append(got, *p)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("people (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.conflicts, c.Conflicts()); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAnAddressOfTwoPeopleBelongsToNeither: merging does not hide what is ambiguous.
func TestAnAddressOfTwoPeopleBelongsToNeither(t *testing.T) {
	c := living.New(setup(of("first", &source{people: []flows.Person{person("a@x", "admins")}}, "1"),
		of("second", &source{people: []flows.Person{person("a@x"), {Email: "a@x", Name: "Somebody else"}}}, "1")), quiet())
	c.Sync(t.Context())
	if _, err := c.World().People.ByEmail("a@x"); flows.ErrorCode(err) != flows.CodeAmbiguous {
		t.Errorf("a@x is found: %v", err)
	}
}
