package cards_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// TestHome draws the page of somebody who has nothing, of somebody busy, and of an admin.
func TestHome(t *testing.T) {
	by := map[string]flows.Request{}
	for i, s := range specimens(t) {
		s.r.ID, s.r.Seq = "AR-"+string(rune('A'+i%26)), uint64(i+1)
		by[s.name] = s.r
	}
	waits, active, denied := by["pending"], by["active"], by["denied"]
	other := by["pending, for somebody else"]
	of := func(g cards.HomeGroup, rs ...flows.Request) cards.HomeList {
		return cards.HomeList{Group: g, Requests: rs}
	}
	favorite := flows.Favorite{ID: "f1", Name: "the bundle prod-incident", At: noon}
	empty := cards.Home{Person: alice, Email: alice.Email, Groups: []cards.HomeList{of(cards.HomeAccess), of(cards.HomeTasks), of(cards.HomeFavorites), of(cards.HomeRecent)}}
	recent := of(cards.HomeRecent, waits, other, denied)
	recent.More = "recent"
	busy := cards.Home{Person: alice, Email: alice.Email, Starred: map[string]string{denied.ID: "f1"}, Groups: []cards.HomeList{
		of(cards.HomeAccess, active, by["revoking"], by["approved"]), of(cards.HomeTasks), {Group: cards.HomeFavorites, Favorites: []flows.Favorite{favorite}}, recent,
	}}
	sources := []cards.SourceState{
		{Name: "prod-postgres", Synced: noon},
		{Name: "okta", Synced: noon.Add(-time.Hour), Problem: "connection refused"},
		{Name: "github", Synced: noon, Held: "41 % fewer groups than before", Hold: "sync/github/1"},
		{Name: "new"},
	}
	var lines []cards.HomeLine
	for _, s := range sources {
		lines = append(lines, s.Line())
	}
	admin := cards.Home{Person: bob, Email: bob.Email, Groups: []cards.HomeList{
		of(cards.HomeTasks, waits), of(cards.HomeEverybody, active, by["active, without limit"]),
		{Group: cards.HomeSources, Lines: lines},
		{Group: cards.HomeFlows, Lines: []cards.HomeLine{
			cards.FlowLine(&flows.Flow{Name: "Developers read production", Active: true, Trigger: flows.TriggerSelfServe}, "bundle prod-incident"),
			cards.FlowLine(&flows.Flow{Name: "On call", Trigger: flows.TriggerAutomatic}, ""),
		}},
		{Group: cards.HomeBundles, Lines: []cards.HomeLine{
			cards.BundleLine("prod-incident", false, []string{"Developers read production"}), cards.BundleLine("old", false, nil), cards.BundleLine("none", true, []string{"On call"}),
		}},
	}}
	stands := flows.Delegation{ID: "d1", From: bob, To: alice, Since: noon, Until: noon.Add(time.Hour)}
	gave := flows.Delegation{ID: "d2", From: alice, To: bob, Since: noon, Until: noon.Add(2 * time.Hour)}
	away := cards.Home{Person: alice, Email: alice.Email, Groups: []cards.HomeList{
		{Group: cards.HomeDelegations, Lines: []cards.HomeLine{cards.DelegationLine(gave, true), cards.DelegationLine(stands, false)}, Hint: cards.DelegationHint("/apono delegate @bob until friday"), More: "delegations"},
	}}
	here := cards.Home{Person: alice, Email: alice.Email, Groups: []cards.HomeList{{Group: cards.HomeDelegations, Hint: cards.DelegationHint("/apono delegate @bob until friday")}}}
	broken, unsaid := by["active, glass broken"], by["revoked, glass not explained"]
	open := cards.Home{Person: alice, Email: alice.Email, Groups: []cards.HomeList{
		of(cards.HomeAccess, by["active, more time asked for"], broken), of(cards.HomeRecent, broken, unsaid, by["active, glass explained"]),
		of(cards.HomeEverybody, by["active, more time asked for"], broken),
	}}
	page := cards.Home{Person: alice, Email: alice.Email, Page: "recent:7", Groups: []cards.HomeList{{Group: cards.HomeRecent, Requests: []flows.Request{denied}, More: "recent:1", Turned: true}}}
	golden(t, "home", map[string]chat.Home{"empty": empty.Draw(noon), "busy": busy.Draw(noon), "open": open.Draw(noon.Add(24 * time.Hour)), "admin": admin.Draw(noon), "page": page.Draw(noon), "delegations": away.Draw(noon), "delegations, none": here.Draw(noon)})
}

// TestHomeLabels: people and other tools find elements by these, to the letter.
func TestHomeLabels(t *testing.T) {
	by := map[string]flows.Request{}
	for _, s := range specimens(t) {
		by[s.name] = s.r
	}
	have := map[string]bool{}
	home := cards.Home{Person: alice, Email: bob.Email, Starred: map[string]string{}, Groups: []cards.HomeList{
		{Group: cards.HomeAccess, Requests: []flows.Request{by["active, ending soon"]}},
		{Group: cards.HomeTasks, Requests: []flows.Request{by["pending"]}},
		{Group: cards.HomeFavorites},
		{Group: cards.HomeRecent, Requests: []flows.Request{by["denied"]}},
		{Group: cards.HomeEverybody, Requests: []flows.Request{by["active"]}},
		{Group: cards.HomeSources, Lines: []cards.HomeLine{cards.SourceState{Name: "x", Held: "less", Hold: "h"}.Line()}},
	}}.Draw(noon)
	add := func(actions []chat.Action) {
		for _, a := range actions {
			have[a.Label] = true
		}
	}
	add(home.Actions)
	for _, g := range home.Groups {
		have[g.Title] = true
		for _, e := range g.Entries {
			add(e.Actions)
		}
	}
	for _, label := range []string{
		"Request access", "My access", "End access", "Extend", "Waiting for my approval", "Approve", "Deny", "Details", "Favorites", "Recent requests", "Add to favorites",
		"Request again", "Revoke", "Proceed", "Discard",
	} {
		if !have[label] {
			t.Errorf("nothing is labelled %q", label)
		}
	}
}

// TestHomeIsHostileToNobody: what people and systems wrote is only ever plain text.
func TestHomeIsHostileToNobody(t *testing.T) {
	for _, s := range hostile {
		var rs []flows.Request
		for _, sp := range stories(t, s) {
			rs = append(rs, sp.r)
		}
		var groups []cards.HomeList
		for _, g := range []cards.HomeGroup{cards.HomeAccess, cards.HomeTasks, cards.HomeRecent, cards.HomeEverybody} {
			groups = append(groups, cards.HomeList{Group: g, Requests: rs})
		}
		groups = append(groups, cards.HomeList{Group: cards.HomeFavorites, Favorites: []flows.Favorite{{ID: "x", Name: s}}},
			cards.HomeList{Group: cards.HomeSources, Lines: []cards.HomeLine{cards.SourceState{Name: s, Problem: s}.Line()}},
			cards.HomeList{Group: cards.HomeDelegations, Lines: []cards.HomeLine{cards.DelegationLine(flows.Delegation{ID: "d", From: flows.PersonRef{Email: "x@example.com", Name: s}, To: alice}, false)}})
		home := cards.Home{Person: alice, Email: alice.Email, Groups: groups}.Draw(noon)
		for _, g := range home.Groups {
			for _, e := range g.Entries {
				for _, f := range e.Fields {
					if slices.ContainsFunc(f.Value, func(span chat.Span) bool {
						return strings.Contains(span.Text, s) && (span.Kind == chat.SpanLink || span.Kind == chat.SpanBold)
					}) {
						t.Errorf("%q is formatted in %+v", s, f)
					}
				}
			}
		}
	}
}
