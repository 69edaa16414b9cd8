package teams

import (
	"log/slog"
	"net/http"
	"testing"
	"time"

	"apono/bot/platform/platformtest"
	"apono/bot/teams/teamstest"
)

const (
	appID        = "11111111-2222-3333-4444-555555555555"
	secret       = "app-secret-7Hq"
	tenantID     = "99999999-8888-7777-6666-555555555555"
	audit        = "19:audit@thread.tacv2"
	otherChannel = "19:other@thread.tacv2"
)

func people() []teamstest.Person {
	return []teamstest.Person{
		{ID: "aad-alice", Name: "Alice", Email: "alice@example.com"},
		{ID: "aad-bob", Name: "Bob", Email: "bob@example.com"},
		{ID: "aad-gus", Name: "Gus", Email: "gus@elsewhere.example", UPN: "gus_elsewhere.example#EXT#@example.onmicrosoft.com", Guest: true},
		{ID: "aad-mallory", Name: "Mallory", Email: "mallory@other.example", Tenant: "00000000-0000-0000-0000-0000000000ff"},
	}
}

func newTenant(t testing.TB, more ...teamstest.Person) *teamstest.Tenant {
	t.Helper()
	tenant := teamstest.New(teamstest.Options{AppID: appID, AppPassword: secret, TenantID: tenantID, People: append(people(), more...), Channels: []string{audit, otherChannel}})
	t.Cleanup(tenant.Close)
	return tenant
}

func optionsFor(tenant *teamstest.Tenant, log *platformtest.Journal) Options {
	return Options{
		AppID: appID, AppPassword: secret, TenantID: tenantID, AuditConversation: audit,
		MetadataURL: tenant.MetadataURL(), TokenURL: tenant.TokenURL(), ServiceURLs: []string{tenant.ServiceURL()},
		HTTP: &http.Client{Transport: tenant.Transport(), Timeout: 10 * time.Second}, Log: slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

func newTestConnector(t testing.TB, tenant *teamstest.Tenant, log *platformtest.Journal) *connector {
	t.Helper()
	o, err := optionsFor(tenant, log).withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	c, err := newConnector(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}
