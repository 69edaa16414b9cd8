package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/teams/teamstest"
	"apono/cmd/bot/internal/config"
	"apono/flows"
)

// TestCheckOnlineInTeams: before the first start, `bot check --online` says what is
// missing in Teams, and for whom the app is not there.
func TestCheckOnlineInTeams(t *testing.T) {
	for name, tt := range map[string]struct {
		wrong func(tenant *teamstest.Tenant, c *config.Teams)
		books []addressBook // before that of Teams
		want  []string
	}{
		"only some have the app": {
			want: []string{
				"teams: warning: bob@example.com may be asked to approve and cannot be reached in Teams: the app is not installed for this person (let them add the app, or install it for everybody with a setup policy: https://admin.teams.microsoft.com/policies/app-setup (Setup policies))",
				"teams: warning: dan@example.com cannot be reached in Teams: the app is not installed for this person (let them add the app, or install it for everybody with a setup policy: https://admin.teams.microsoft.com/policies/app-setup (Setup policies))",
				"teams: warning: whether the app is there for zoe@example.com, who may be asked to approve, cannot be asked: Teams finds nobody by address outside the team of the audit channel (bind them with teams_id, or let them write to the bot once)",
			},
		},
		"who is in Slack is reached": {
			books: []addressBook{{name: "slack", label: "Slack", hint: "h", account: func(*flows.Person) string { return "" }, find: func(context.Context, chat.Recipient) error { return nil }}},
		},
		"a wrong secret": {
			wrong: func(_ *teamstest.Tenant, c *config.Teams) { c.AppPassword = flows.Secret("wrong") },
			want: []string{
				"teams.app_password: error: teams.app_password cannot be used: the client secret is wrong: teams.app_password takes its value, not its id (https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Credentials/appId/" + teamsApp + " (Certificates & secrets))",
			},
		},
		"not in the team of the audit channel": {
			wrong: func(tenant *teamstest.Tenant, _ *config.Teams) { tenant.RemoveFrom(teamsAudit) },
			want: []string{
				"teams.audit_conversation: error: teams.audit_conversation cannot be used: the app is not in the team of that channel (in Teams, Manage team, Apps, add it; a package that `bot teams manifest` made may be added to teams, another needs the scope team under bots: https://admin.teams.microsoft.com/policies/manage-apps (Manage apps))",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				tenant := teamstest.New(tenantOptions())
				defer tenant.Close()
				for _, h := range []string{"aad-alice", "aad-carol"} {
					tenant.InstallFor(h)
				}
				cfg := &config.Config{Teams: config.Teams{
					AppID: teamsApp, AppPassword: flows.Secret(teamsPassword), TenantID: teamsTenant, AuditConversation: teamsAudit,
					OpenIDMetadataURL: tenant.MetadataURL(), TokenURL: tenant.TokenURL(), ServiceURLs: []string{tenant.ServiceURL()},
				}}
				if tt.wrong != nil {
					tt.wrong(tenant, &cfg.Teams)
				}
				report := &config.Report{}
				finder, err := checkTeamsOnline(t.Context(), cfg, &http.Client{Transport: tenant.Transport(), Timeout: 30 * time.Second}, report)
				if err != nil {
					t.Fatal(err)
				}
				if finder != nil {
					report.Problems = append(report.Problems, lostPeople(t.Context(), append(tt.books, teamsBook(finder)), someApprovers())...)
				}
				var got []string
				for _, p := range report.Problems {
					got = append(got, p.String())
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
				if n := tenant.Count("post"); n > 0 {
					t.Errorf("the check sent %d messages", n)
				}
				for _, v := range tenant.Violations() {
					t.Errorf("Teams objects: %s", v)
				}
			})
		})
	}
}

// TestApproversWhoCouldNotBeAskedAbout are counted, in words that fit their number.
func TestApproversWhoCouldNotBeAskedAbout(t *testing.T) {
	one := someApprovers()
	one.Catalog = flows.NewCatalog(flows.Policy{Flows: []flows.Flow{{
		Name: "f", Trigger: flows.TriggerSelfServe, Active: true,
		Approval: &flows.Approval{Groups: []flows.ApproverGroup{{Approvers: []flows.Condition{{Attribute: "user", Values: []string{"dan@example.com"}}}}}},
	}}})
	const because = " can be reached in Slack could not be asked: it rains (the bot asks again when it starts, and once a week)"
	for _, tt := range []struct {
		world   flows.World
		answers int
		want    string
	}{
		{one, 0, "the approver"}, {someApprovers(), 0, "the 3 approvers"}, {someApprovers(), 1, "2 of the 3 approvers"}, {someApprovers(), 2, "1 of the 3 approvers"},
	} {
		asked := 0
		book := addressBook{name: "slack", label: "Slack", account: func(*flows.Person) string { return "" }, find: func(context.Context, chat.Recipient) error {
			if asked++; asked > tt.answers {
				return errors.New("it rains")
			}
			return nil
		}}
		got := lostPeople(t.Context(), []addressBook{book}, tt.world)
		if want := "slack: warning: whether " + tt.want + because; len(got) != 1 || got[0].String() != want {
			t.Errorf("%v; want %q", got, want)
		}
	}
}

// someApprovers is a world in which bob, by his account, carol and zoe approve.
func someApprovers() flows.World {
	people := []flows.Person{
		{Email: "alice@example.com", Groups: []string{"developers"}, Manager: "bob@example.com"},
		{Email: "bob@example.com", TeamsID: "aad-bob"},
		{Email: "carol@example.com", Groups: []string{"dba"}},
		{Email: "dan@example.com"},
		{Email: "zoe@example.com", Groups: []string{"dba"}},
	}
	return flows.World{People: flows.NewDirectory(people, nil), Inventory: flows.NewInventory(nil), Catalog: flows.NewCatalog(flows.Policy{
		Flows: []flows.Flow{{
			Name: "f", Trigger: flows.TriggerSelfServe, Active: true,
			Requestors: flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{"developers"}}}},
			Approval: &flows.Approval{Groups: []flows.ApproverGroup{
				{Approvers: []flows.Condition{{Attribute: "user", Values: []string{"bob@example.com"}}}},
				{Approvers: []flows.Condition{{Attribute: "group", Values: []string{"dba"}}}},
			}},
		}},
	})}
}
