package slack_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"apono/bot/slack/slacksim"
	"apono/flows"
	"apono/provision"
	"apono/provision/slack"
)

func decode(text string) func(any) error {
	return func(into any) error {
		d := yaml.NewDecoder(strings.NewReader(text))
		d.KnownFields(true)
		return d.Decode(into)
	}
}

const config = "{bot_token: " + slacksim.DefaultBotToken + ", api_url: 'http://127.0.0.1/api'%s}" // wherever it dials, it gets the pipe

// in runs a story in a bubble, in which waiting for Slack takes no time, over a pipe.
func in(t *testing.T, o slacksim.Options, further string, story func(*testing.T, *slacksim.Workspace, provision.Connection)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ws := slacksim.New(o)
		defer ws.Close()
		conn, issues := slack.Type(slack.WithDialer(ws.Pipe().Dial)).New(t.Context(), provision.Spec{Name: "workspace", Decode: decode(fmt.Sprintf(config, further))})
		if len(issues) > 0 {
			t.Fatalf("issues: %+v", issues)
		}
		story(t, ws, conn)
	})
}

func read(t *testing.T, conn provision.Connection) (people []flows.Person, groups []string) {
	t.Helper()
	people, shifts, err := conn.(provision.Directory).People(t.Context())
	if err != nil || shifts != nil {
		t.Fatal(err, shifts)
	}
	groups, err = conn.(provision.Grouper).Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return people, groups
}

func attributes(values ...string) map[string][]string {
	return map[string][]string{"slack_account": values}
}

// members is a workspace with one account of each kind.
var members = slacksim.Options{
	Users: []slacksim.User{
		{ID: "U1", Name: "alice", RealName: "Alice", Email: "Alice@Example.com", TZ: "Europe/Berlin"},
		{ID: "U2", Name: "bob", RealName: "Bob", Email: "bob@example.com", IsAdmin: true, TZ: "Mars/Phobos"},
		{ID: "U3", Name: "guest", RealName: "Greta Guest", Email: "greta@partner.example", IsRestricted: true},
		{ID: "U4", Name: "single", RealName: "Sam Single", Email: "sam@partner.example", IsRestricted: true, IsUltraRestricted: true},
		{ID: "U5", Name: "left", RealName: "Lea Left", Email: "lea@example.com", Deleted: true},
		{ID: "U6", Name: "robot", IsBot: true},
		{ID: "U7", Name: "app", IsBot: true, IsAppUser: true, Email: "app@example.com"},
		{ID: "U8", Name: "stranger", Email: "stranger@other.example", IsStranger: true, TeamID: "T0OTHER"},
		{ID: "U9", Name: "typed", Email: "boss@example.com", EmailUnconfirmed: true},
		{ID: "V1", Name: "was-alice", Email: "alice@example.com", Deleted: true},
	},
	Groups: []slacksim.UserGroup{
		{ID: "S1", Handle: "payments", Users: []string{"U1", "U2", "U5", "U8", "U9", "U6"}},
		{ID: "S2", Handle: "admins", Users: []string{"U1"}},
		{ID: "S3", Handle: "empty"},
		{ID: "S4", Handle: "retired", Users: []string{"U1"}, Disabled: true},
	},
}

func TestPeopleAndGroups(t *testing.T) {
	in(t, members, "", func(t *testing.T, _ *slacksim.Workspace, conn provision.Connection) {
		people, groups := read(t, conn)
		want := []flows.Person{
			{Email: "alice@example.com", Name: "Alice", Groups: []string{"@admins", "@payments"}, TimeZone: "Europe/Berlin", Attributes: attributes("member")},
			{Email: "bob@example.com", Name: "Bob", Groups: []string{"@payments"}, Attributes: attributes("member", "admin")},
			{Email: "greta@partner.example", Name: "Greta Guest", TimeZone: "Etc/UTC", Attributes: attributes("guest")},
			{Email: "lea@example.com", Name: "Lea Left", Groups: []string{"@payments"}, Disabled: true},
			{Email: "sam@partner.example", Name: "Sam Single", TimeZone: "Etc/UTC", Attributes: attributes("guest", "single_channel_guest")},
		}
		if diff := cmp.Diff(want, people); diff != "" {
			t.Errorf("people (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"@admins", "@empty", "@payments"}, groups); diff != "" {
			t.Errorf("groups, an empty one is not a missing one (-want +got):\n%s", diff)
		}
	})
}

func TestGroupPrefix(t *testing.T) {
	for further, want := range map[string]string{"": "@payments", `, group_prefix: ""`: "payments", ", group_prefix: 'slack:'": "slack:payments"} {
		in(t, members, further, func(t *testing.T, _ *slacksim.Workspace, conn provision.Connection) {
			if people, _ := read(t, conn); people[1].Groups[0] != want {
				t.Errorf("%q: %v", further, people[1].Groups)
			}
		})
	}
}

// TestEveryPageIsRead: a workspace of many pages is read whole, though Slack takes but
// 20 calls a minute.
func TestEveryPageIsRead(t *testing.T) {
	const pages, size = 23, 500
	o := slacksim.Options{}
	for i := range pages*size - 1 { // the bot is one too
		o.Users = append(o.Users, slacksim.User{ID: fmt.Sprintf("U%05d", i), Name: fmt.Sprintf("p%05d", i), Email: fmt.Sprintf("p%05d@example.com", i)})
	}
	in(t, o, "", func(t *testing.T, ws *slacksim.Workspace, conn provision.Connection) {
		start := time.Now()
		people, _ := read(t, conn)
		if len(people) != pages*size-1 || people[0].Email != "p00000@example.com" || people[len(people)-1].Email != "p11498@example.com" {
			t.Errorf("%d people", len(people))
		}
		limited := 0
		for _, e := range ws.Log() {
			if e.Method == "users.list" && e.Status == http.StatusTooManyRequests {
				limited++
			}
		}
		if took := time.Since(start); limited == 0 || took < time.Minute || took > 2*time.Minute {
			t.Errorf("%d calls were limited, and it took %v", limited, took)
		}
		if p, ok := conn.(provision.Patient); !ok || p.Patience() < 5*time.Minute {
			t.Error("the bot would not wait that long")
		}
	})
}

// TestWhatSlackSays: each way to fail is an error with a kind and a sentence for the
// operator, never half an answer, and never with the token in it.
func TestWhatSlackSays(t *testing.T) {
	for name, tt := range map[string]struct {
		breaks func(*slacksim.Workspace)
		kind   provision.Kind
		says   string
	}{
		"no user groups": {func(w *slacksim.Workspace) { w.SetScopes("users:read", "users:read.email") }, provision.KindRefused, "usergroups:read"},
		"no addresses":   {func(w *slacksim.Workspace) { w.SetScopes("users:read", "usergroups:read") }, provision.KindRefused, "users:read.email"},
		"no users":       {func(w *slacksim.Workspace) { w.SetScopes("usergroups:read") }, provision.KindRefused, "users:read"},
		"revoked":        {func(w *slacksim.Workspace) { w.BreakToken(w.BotToken(), "token_revoked") }, provision.KindRefused, "revoked"},
		"unknown token":  {func(w *slacksim.Workspace) { w.BreakToken(w.BotToken(), "invalid_auth") }, provision.KindRefused, "does not know"},
		"ill":            {func(w *slacksim.Workspace) { w.BreakToken(w.BotToken(), "internal_error") }, provision.KindUnknown, "an error"},
		"server error":   {func(w *slacksim.Workspace) { w.Faults().Outage(slacksim.ServerError, time.Hour) }, provision.KindRetry, "not well"},
		"away":           {func(w *slacksim.Workspace) { w.Faults().Outage(slacksim.Refuse, time.Hour) }, provision.KindRetry, "could not be reached"},
		"waits for ever": {func(w *slacksim.Workspace) { w.Faults().RateLimit("users.list", 100, 7*time.Minute) }, provision.KindRetry, "asks to wait"},
		"lost answer":    {func(w *slacksim.Workspace) { w.Faults().LoseAnswer("usergroups.list", 1) }, provision.KindRetry, "could not be reached"},
	} {
		t.Run(name, func(t *testing.T) {
			in(t, members, "", func(t *testing.T, ws *slacksim.Workspace, conn provision.Connection) {
				tt.breaks(ws)
				ctx, cancel := context.WithTimeout(t.Context(), conn.(provision.Patient).Patience())
				defer cancel()
				people, _, err := conn.(provision.Directory).People(ctx)
				if people != nil || provision.KindOf(err) != tt.kind || !strings.Contains(provision.MessageOf(err), tt.says) {
					t.Errorf("%d people, %v: %s", len(people), err, provision.MessageOf(err))
				}
				if err != nil && strings.Contains(err.Error(), ws.BotToken()) {
					t.Errorf("the token is in: %v", err)
				}
			})
		})
	}
}

func TestStopsWhenAsked(t *testing.T) {
	in(t, members, "", func(t *testing.T, ws *slacksim.Workspace, conn provision.Connection) {
		ws.Faults().Outage(slacksim.Hang, time.Hour)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := conn.(provision.Directory).People(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
	})
}

func TestPing(t *testing.T) {
	in(t, members, "", func(t *testing.T, ws *slacksim.Workspace, conn provision.Connection) {
		if err := conn.(provision.Pinger).Ping(t.Context()); err != nil {
			t.Error(err)
		}
		ws.BreakToken(ws.BotToken(), "account_inactive")
		if err := conn.(provision.Pinger).Ping(t.Context()); provision.KindOf(err) != provision.KindRefused {
			t.Error(err)
		}
	})
}

// TestConfig: each mistake has its code and place.
func TestConfig(t *testing.T) {
	for text, want := range map[string]string{
		"{}":                  "bot_token missing_key",
		"{bot_token: xapp-1}": "bot_token invalid_value",
		"{bot_token: xoxb-1, api_url: 'http://slack.example.com/api/'}":      "api_url insecure_url",
		"{bot_token: xoxb-1, api_url: 'https://a:b@slack.example.com/api/'}": "api_url invalid_url",
		"{bot_token: xoxb-1, api_url: 'http://127.0.0.1:1/api'}":             "",
		"{bot_token: xoxb-1, token: x}":                                      " invalid_config",
	} {
		conn, issues := slack.Type().New(t.Context(), provision.Spec{Name: "workspace", Decode: decode(text)})
		got := ""
		for _, i := range issues {
			got += i.Path + " " + i.Code
		}
		if got != want || (conn == nil) != (want != "") {
			t.Errorf("%s: %q, connection %v", text, got, conn)
		}
	}
}
