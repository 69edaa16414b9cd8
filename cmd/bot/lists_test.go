package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"apono/bot/cards"
	"apono/bot/slack"
	"apono/bot/slack/slacksim"
	"apono/flows"
)

// TestListsFitIntoOneMessage: however long the texts of the requests in a list are,
// each of them is there with its buttons.
func TestListsFitIntoOneMessage(t *testing.T) {
	now := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	alice := flows.PersonRef{Email: "alice@example.com", Name: strings.Repeat("漢", 200)}
	bob := flows.PersonRef{Email: "bob@example.com", Name: strings.Repeat("😀", 200)}
	var page, asking, broken []flows.Request
	for i := range cards.ListSize {
		r := flows.Request{
			ID: fmt.Sprintf("AR-%d", 100000+i), Seq: uint64(i + 1), Requestor: alice, Grantee: alice, Flow: "f", Duration: time.Hour,
			Bundle: strings.Repeat("<!channel> ", 50), Justification: strings.Repeat("*`~_ ", 400),
			Need:   flows.Need{Mode: flows.ModeAllOf, Groups: []string{strings.Repeat("a", 300), "b"}},
			Asked:  []flows.Asked{{PersonRef: bob, Groups: []int{0}, Why: strings.Repeat("%s ", 200)}},
			Groups: []flows.AccessGroup{{Integration: "x", Items: []flows.Item{{Unit: flows.Unit{Integration: "x", ResourceType: "t", Resource: "r", Permission: "p"}}}}},
		}
		r, _, err := flows.Next(r, flows.Event{Kind: flows.EventSubmit, By: alice}, now)
		if err != nil {
			t.Fatal(err)
		}
		page = append(page, r)
		r.State, r.Need, r.EndsAt = flows.StateActive, flows.Need{Automatic: true}, now.Add(time.Hour)
		glass := r
		glass.BreakGlass, glass.ExplainBy = true, now.Add(time.Hour) // nobody approves that, so nobody has to extend it
		broken = append(broken, glass)
		r.Extensions = []flows.Extension{{By: alice, For: time.Hour, State: flows.ExtensionAsked, Need: page[i].Need, Asked: page[i].Asked}}
		asking = append(asking, r)
	}
	for name, card := range map[string]struct {
		buttons []string
		m       slack.Message
	}{
		"requests": {[]string{"withdraw", "details"}, slack.RenderCard(cards.Requests(page, alice.Email, false, true, now))},
		"asking":   {[]string{"end_access", "details"}, slack.RenderCard(cards.Requests(asking, alice.Email, false, true, now))},
		"broken":   {[]string{"explain", "end_access", "details"}, slack.RenderCard(cards.Requests(broken, alice.Email, false, true, now))},
		"tasks":    {[]string{"approve", "deny", "details"}, slack.RenderCard(cards.Tasks(page, bob.Email, false, true, now))},
	} {
		b, err := json.Marshal(card.m.Blocks)
		if err != nil {
			t.Fatal(err)
		}
		for _, button := range card.buttons {
			if n := strings.Count(string(b), `"action_id":"`+button+`"`); n != len(page) {
				t.Errorf("%s: %d buttons %s in %d bytes, dropped %v", name, n, button, len(b), card.m.Dropped)
			}
		}
		if !strings.Contains(string(b), `"action_id":"more_`) {
			t.Errorf("%s: the next page is out of reach", name)
		}
	}
}

// TestMoreBundlesThanAMenuHolds: each of them can be found and asked for in the form, on
// both platforms.
func TestMoreBundlesThanAMenuHolds(t *testing.T) {
	var bundles, targets strings.Builder
	for i := range 1100 {
		fmt.Fprintf(&bundles, "  - {name: squad-%04d, targets: [{integration: support-desk, resource_type: queue, permissions: [read]}]}\n", i)
		fmt.Fprintf(&targets, "      - {bundle: squad-%04d}\n", i)
	}
	policy := "bundles:\n" + bundles.String() + `flows:
  - name: Developers help support
    trigger: self_serve
    active: true
    requestors: {match: all, conditions: [{attribute: group, values: [developers]}]}
    approval: {mode: any_of, groups: [{match: all, approvers: [{attribute: manager}]}]}
    targets:
` + targets.String()
	base := strings.Replace(readFile(t, filepath.Join("testdata", "world.yaml")), `http: {listen: ""}`, `http: {listen: "127.0.0.1:0"}`, 1)
	inWorldOf(t, base, policy+crashTeams, func(r *crashRun) {
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		alice := r.person("alice")
		shows := func(word string) (v slacksim.View) {
			r.wait("the form shows "+word, time.Minute, func() bool { v, _ = alice.View(); return strings.Contains(v.String(), word) })
			return v
		}
		_, err := alice.Slash(r.ctx, "#general", "/apono", "request")
		must(err)
		v := shows("Justification")
		found, err := alice.Suggest(r.ctx, v, "Bundle", "1099")
		must(err)
		if len(found) != 1 || found[0].Text != "squad-1099" {
			t.Errorf("Slack finds %v", found)
		}
		must(alice.Choose(r.ctx, v, "Bundle", "squad-1099"))
		must(alice.Type(r.ctx, shows("Items"), "Justification", "INC-12"))
		if s, err := alice.Submit(r.ctx, shows("Items")); err != nil || len(s.Errors) > 0 {
			t.Errorf("Slack takes the form: %v %v", err, s.Errors)
		}
		r.wait("she asked in Slack", time.Minute, func() bool { return r.dm("alice", "AR-1 asked", "squad-1099") })

		inTeams := r.world.tenant.As("alice")
		must(inTeams.Install())
		must(inTeams.Say("request"))
		r.wait("Teams offers the form", time.Minute, func() bool { _, ok := r.messageInTeams("alice", "Press the button to go on"); return ok })
		offer, _ := r.messageInTeams("alice", "Press the button to go on")
		_, err = inTeams.Press(offer, "Request access")
		must(err)
		d := inTeams.Dialog
		if listed, err := d.Choices("Bundle"); err != nil || len(listed) != 500 || !strings.Contains(d.Text(), "Not all 1100 are in the list") {
			t.Errorf("Teams lists %d, %v, in\n%s", len(listed), err, d.Text())
		}
		must(d.Choose("Bundle", "squad-1098"))
		must(d.Type("Justification", "INC-13"))
		must(d.Submit("Submit"))
		if d = inTeams.Dialog; d == nil || d.Chosen("Bundle")[0] != "squad-1098" {
			t.Fatalf("Teams shows the items: %+v", d)
		}
		must(d.Submit("Submit"))
		r.wait("she asked in Teams", time.Minute, func() bool { _, ok := r.messageInTeams("alice", "AR-2 asked", "squad-1098"); return ok })
	})
}
