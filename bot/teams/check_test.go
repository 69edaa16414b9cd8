package teams

import (
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/bot/chat"
	"apono/bot/platform/platformtest"
	"apono/bot/teams/teamstest"
)

// TestCheck: each thing that can be wrong is named, with what to do and on which page.
func TestCheck(t *testing.T) {
	const (
		secrets = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Credentials/appId/" + appID + " (Certificates & secrets)"
		lookAt  = "try again, and look at the way to login.microsoftonline.com and smba.trafficmanager.net (proxy, firewall, teams.token_url, teams.service_urls): "
		azure   = "https://portal.azure.com/#browse/Microsoft.BotService%2FbotServices (the Azure bot, Configuration, Microsoft App ID; and Channels, Microsoft Teams)"
	)
	for _, c := range []struct {
		name  string
		wrong func(tenant *teamstest.Tenant, o *Options)
		want  []string // "setting code: message: todo"
	}{
		{"a sound tenant", func(*teamstest.Tenant, *Options) {}, nil},
		{"no audit channel", func(_ *teamstest.Tenant, o *Options) { o.AuditConversation = "" }, nil},
		{"a wrong secret", func(_ *teamstest.Tenant, o *Options) { o.AppPassword = "its id" }, []string{
			"teams.app_password AADSTS7000215: teams.app_password cannot be used: the client secret is wrong: teams.app_password takes its value, not its id: " + secrets,
		}},
		{"an expired secret", func(tenant *teamstest.Tenant, _ *Options) { tenant.ExpireSecret() }, []string{
			"teams.app_password AADSTS7000222: teams.app_password cannot be used: the client secret has expired: make a new one in the app registration: " + secrets,
		}},
		{"another app", func(_ *teamstest.Tenant, o *Options) { o.AppID = "00000000-0000-0000-0000-000000000001" }, []string{
			"teams.app_id AADSTS700016: teams.app_id cannot be used: the app is not known in this tenant: compare teams.app_id and teams.tenant_id with the app registration: " +
				"https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Overview/appId/00000000-0000-0000-0000-000000000001 (Overview)",
		}},
		{"another tenant", func(_ *teamstest.Tenant, o *Options) {
			o.TokenURL = "http://127.0.0.1:3979/00000000-0000-0000-0000-000000000002/oauth2/v2.0/token"
		}, []string{
			"teams.tenant_id AADSTS90002: teams.tenant_id cannot be used: there is no such tenant: compare teams.tenant_id with the app registration: https://entra.microsoft.com/#view/Microsoft_AAD_IAM/TenantOverview.ReactView (Overview)",
		}},
		{"no bot has the app id", func(tenant *teamstest.Tenant, _ *Options) {
			tenant.Fail(teamstest.FaultRoster, 9, http.StatusForbidden, "BotNotRegistered", 0)
		}, []string{
			"teams.app_id BotNotRegistered: teams.app_id cannot be used: no bot is registered with teams.app_id, or its Teams channel is off: see docs/teams.md: " + azure,
		}},
		{"a bot of another type", func(tenant *teamstest.Tenant, _ *Options) { tenant.RefuseTokens() }, []string{
			"teams.app_id http_401: teams.app_id cannot be used: the connector does not take its token: no Azure bot has this app id, or it is of another type than single tenant: " + azure,
		}},
		{"an admin disabled the app", func(tenant *teamstest.Tenant, _ *Options) {
			tenant.Fail(teamstest.FaultRoster, 9, http.StatusForbidden, "BotDisabledByAdmin", 0)
		}, []string{
			"teams.app_id BotDisabledByAdmin: teams.app_id cannot be used: an admin of Teams has disabled the app: https://admin.teams.microsoft.com/policies/manage-apps (Manage apps)",
		}},
		{"the host of another cloud", func(tenant *teamstest.Tenant, _ *Options) {
			tenant.Fail(teamstest.FaultRoster, 9, http.StatusForbidden, "InvalidBotApiHost", 0)
		}, []string{
			"teams.service_urls InvalidBotApiHost: teams.service_urls cannot be used: teams.service_urls names the host of another cloud: the first of them has to be that of the tenant's: docs/teams.md",
		}},
		{"not in the team of the audit channel", func(tenant *teamstest.Tenant, _ *Options) { tenant.RemoveFrom(audit) }, []string{
			"teams.audit_conversation BotNotInConversationRoster: teams.audit_conversation cannot be used: the app is not in the team of that channel: in Teams, Manage team, Apps, add it; " +
				"a package that `bot teams manifest` made may be added to teams, another needs the scope team under bots: https://admin.teams.microsoft.com/policies/manage-apps (Manage apps)",
		}},
		{"no such audit channel", func(_ *teamstest.Tenant, o *Options) { o.AuditConversation = "19:nowhere@thread.tacv2" }, []string{
			"teams.audit_conversation ConversationNotFound: teams.audit_conversation cannot be used: there is no such channel: compare it with the channel's link (Get link to channel), between /channel/ and the next slash",
		}},
		{"the audit channel as the link has it", func(_ *teamstest.Tenant, o *Options) { o.AuditConversation = "19%3Aaudit%40thread.tacv2" }, []string{
			"teams.audit_conversation ConversationNotFound: teams.audit_conversation is percent-encoded: write it as 19:…@thread.tacv2: %3A is a colon and %40 an @",
		}},
		{"the connector is out", func(tenant *teamstest.Tenant, _ *Options) {
			tenant.Fail(teamstest.FaultRoster, 9, http.StatusServiceUnavailable, "ServiceUnavailable", 0)
		}, []string{
			"teams.app_id ServiceUnavailable: Microsoft could not be asked about teams.app_id: " + lookAt + "roster: retry: ServiceUnavailable",
		}},
		{"no signing keys", func(tenant *teamstest.Tenant, _ *Options) {
			tenant.Fail(teamstest.FaultKeys, 9, http.StatusBadGateway, "", 0)
		}, []string{
			"teams.openid_metadata_url no_signing_keys: what Teams sends could not be authenticated: openid metadata: status 502: look at the way to login.botframework.com (proxy, firewall, teams.openid_metadata_url)",
		}},
		{"our clock is late", func(tenant *teamstest.Tenant, _ *Options) { tenant.Skew(6 * time.Minute) }, []string{
			" clock_skew: the clock of this machine is 6m0s behind Microsoft's: access ends by this clock: let NTP keep it (timedatectl status)",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log platformtest.Journal
				tenant := newTenant(t)
				o := optionsFor(tenant, &log)
				c.wrong(tenant, &o)
				client, err := NewClient(o, &book{all: map[string]Contact{}})
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for _, p := range client.Check(t.Context()).Problems() {
					got = append(got, p.Setting+" "+p.Code+": "+p.String())
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
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

// TestFind: who could get no card, and why.
func TestFind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log platformtest.Journal
		tenant := newTenant(t)
		for _, id := range []string{"aad-alice", "aad-gus", "aad-mallory"} {
			tenant.InstallFor(id)
		}
		client, err := NewClient(optionsFor(tenant, &log), &book{all: map[string]Contact{}})
		if err != nil {
			t.Fatal(err)
		}
		f, err := client.Finder(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for to, want := range map[chat.Recipient]string{
			{Email: "Alice@example.com"}:     "",
			{ID: "aad-alice"}:                "",
			{Email: "bob@example.com"}:       "gone ForbiddenOperationException: the app is not installed for this person",
			{ID: "aad-bob"}:                  "gone ForbiddenOperationException: the app is not installed for this person",
			{ID: "aad-nobody"}:               "gone BotNotInConversationRoster: there is no such account in the tenant, or it has not added the app",
			{Email: "gus@elsewhere.example"}: "gone guest: it is a guest, or somebody of another tenant",
			{Email: "mallory@other.example"}: "gone guest: it is a guest, or somebody of another tenant",
			{Email: "stranger@example.com"}:  "unknown not_asked: Teams finds nobody by their address",
		} {
			got := ""
			if e, ok := errors.AsType[*chat.Error](f.Find(t.Context(), to)); ok {
				got = string(e.Kind) + " " + e.Code + ": " + e.Err.Error()
			}
			if got != want {
				t.Errorf("%+v: %q, want %q", to, got, want)
			}
		}
		if n := tenant.Count("post"); n > 0 {
			t.Errorf("looking for people sent %d messages", n)
		}
	})
}
