package bot_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/bot"
	"apono/bot/chat"
	"apono/flows"
)

// restarted is the office with another process behind it.
func (o *office) restarted() {
	was := o.Service
	o.Service = &bot.Service{Store: was.Store, Accounts: was.Accounts, Opener: was.Opener, World: was.World, Log: was.Log, CommandName: was.CommandName}
}

// TestSwitchingKeepsPicks: whoever looks into the other mode finds what was picked in
// this one as it was left, there and back, also over a restart.
func TestSwitchingKeepsPicks(t *testing.T) {
	o := newOffice(t)
	s := o.open("").choose("type", "database").choose("resources", "db-2", "db-1").choose("permissions", "read").choose("justification", "kept")
	resources := chat.Values{
		"integration": {"pg"}, "type": {"database"}, "resources": {"db-2", "db-1"}, "permissions": {"read"}, "duration": {"8h"}, "justification": {"kept"},
	}
	s.wantValues(resources)
	s.switchMode().wantValues(chat.Values{"justification": {"kept"}, "duration": {"8h"}})
	s.choose("bundle", "prod-incident")
	items := o.Search(t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "items", State: s.form.State, Query: "users"})
	s.choose("items", items[1].Value, items[0].Value)
	bundle := chat.Values{"bundle": {"prod-incident"}, "items": {items[0].Value, items[1].Value}, "duration": {"8h"}, "justification": {"kept"}}
	o.restarted()
	s.switchMode().wantValues(resources)
	s.switchMode()
	slices.Sort(s.values["items"])
	slices.Sort(bundle["items"])
	s.wantValues(bundle)
	s.choose("items").choose("all", "all").switchMode().wantValues(resources)
	s.switchMode()
	if got := s.values["all"]; len(got) != 1 || len(s.values["items"]) != 0 {
		t.Errorf("after Select all: %v", s.values)
	}
	s.switchMode()
	if errs := s.submit(); errs != nil {
		t.Fatal(errs)
	}
	if got := o.items("AR-1"); len(got) != 2 {
		t.Errorf("asked for %+v", got)
	}
}

// TestSwitchingDropsWhatIsGone: what was picked and is not on offer any more is named as
// missing, not asked for.
func TestSwitchingDropsWhatIsGone(t *testing.T) {
	o := newOffice(t)
	s := o.open("").choose("type", "database").choose("resources", "db-1", "db-2").choose("permissions", "read").switchMode()
	o.holdings[0].Resources = o.holdings[0].Resources[1:]
	o.change()
	s.switchMode()
	s.wantHint("Some of these resources are not there any more. Please choose again.")
	if got := s.values["resources"]; !slices.Equal(got, []string{"db-2"}) {
		t.Errorf("resources %v", got)
	}
}

// TestSwitchingKeepsManyPicks: however many are picked and however long their names,
// what travels with the form stays within its bound.
func TestSwitchingKeepsManyPicks(t *testing.T) {
	for _, length := range []int{3, 40, 119, 300} {
		for _, picked := range []int{1, 30, 100, 140} {
			t.Run(fmt.Sprintf("%d of %d", picked, length), func(t *testing.T) {
				o := newOffice(t)
				pad := strings.Repeat(`<"é`, length/4)
				var permissions, chosen []string
				for i := range 60 {
					id := fmt.Sprintf("p%02d%s", i, pad)
					o.holdings[0].Types[0].Permissions = append(o.holdings[0].Types[0].Permissions, flows.Permission{ID: id, Name: id})
					permissions = append(permissions, id)
				}
				for i := range 150 {
					id := fmt.Sprintf("%03d%s", i, pad)
					o.holdings[0].Resources = append(o.holdings[0].Resources, flows.Resource{Type: "database", ID: id, Name: id})
				}
				o.policy.Flows[0].Targets[0].Permissions = permissions
				o.policy.Bundles[0].Targets[0].Permissions = permissions[:1]
				o.change()
				s := o.open("").choose("type", "database")
				for _, q := range []string{"0", "1"} {
					for _, option := range o.Search(t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "resources", State: s.form.State, Query: q}) {
						if len(chosen) < picked && strings.Contains(option.Label, pad) && !slices.Contains(chosen, option.Value) {
							chosen = append(chosen, option.Value)
						}
					}
				}
				s.choose("resources", chosen...)
				var granted []string
				for _, option := range part(t, s.form, "permissions").Options {
					granted = append(granted, option.Value)
				}
				s.choose("permissions", granted...)
				before := s.values
				s.switchMode()
				within := func() {
					t.Helper()
					if n := len(s.form.State); n > 2800 {
						t.Fatalf("a state of %d bytes", n)
					}
				}
				within()
				s.choose("bundle", "prod-incident")
				within()
				items := o.Search(t.Context(), chat.Search{User: user("alice"), Form: chat.FormRequest, Field: "items", State: s.form.State})
				var all []string
				for _, item := range items {
					all = append(all, item.Value)
				}
				all = all[:min(len(all), picked)]
				s.choose("items", all...)
				within()
				s.switchMode()
				within()
				kept := before["resources"]
				if len(kept) > 100 {
					s.wantHint(fmt.Sprintf("You had chosen %d; the first 100 are kept.", len(kept)))
					kept = kept[:100]
				}
				if diff := cmp.Diff(kept, s.values["resources"]); diff != "" {
					t.Errorf("resources (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(before["permissions"], s.values["permissions"]); diff != "" {
					t.Errorf("permissions (-want +got):\n%s", diff)
				}
				s.switchMode()
				within()
				got := slices.Clone(s.values["items"])
				slices.Sort(got)
				slices.Sort(all)
				if diff := cmp.Diff(all, got); diff != "" {
					t.Errorf("items (-want +got):\n%s", diff)
				}
			})
		}
	}
}
