package teams

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/infracloudio/msbotbuilder-go/schema"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/platform/platformtest"
	"apono/bot/teams/teamstest"
)

func said(tenant *teamstest.Tenant, conversation string) schema.Activity {
	return schema.Activity{
		Type: schema.Message, Text: "hello", ServiceURL: tenant.ServiceURL(), Conversation: schema.ConversationAccount{ID: conversation},
	}
}

// outside is a tenant, a connector that calls it, and a time-out.
func outside(t *testing.T, f func(t *testing.T, tenant *teamstest.Tenant, c *connector)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var log platformtest.Journal
		tenant := newTenant(t)
		f(t, tenant, newTestConnector(t, tenant, &log))
		for _, v := range tenant.Violations() {
			t.Errorf("Teams objects: %s", v)
		}
	})
}

func TestPostAndUpdate(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		id, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover)
		if err != nil || id == "" {
			t.Fatalf("post: %q, %v", id, err)
		}
		a := said(tenant, audit)
		a.ID, a.Text = id, "changed"
		if err := c.update(t.Context(), a, chat.PriorityApprover); err != nil {
			t.Fatal(err)
		}
		got := tenant.In(audit)
		if len(got) != 1 || got[0].Text != "changed" || got[0].Edits != 1 {
			t.Errorf("in the channel: %+v", got)
		}
		if n := tenant.Count("token"); n != 1 {
			t.Errorf("%d tokens for two calls", n)
		}
	})
}

func TestErrorsOfTheConnector(t *testing.T) {
	for _, tt := range []struct {
		name   string
		status int
		code   string
		after  int
		n      int // how often
		want   chat.ErrorKind
		calls  int
	}{
		{"once too fast", 429, "TooManyRequests", 1, 1, "", 2},
		{"too fast for long", 429, "TooManyRequests", 60, 1, chat.ErrorRetry, 1},
		{"too fast again and again", 429, "", 1, 10, chat.ErrorRetry, 3},
		{"precondition", 412, "", 0, 1, "", 2},
		{"bad gateway", 502, "", 0, 2, "", 3},
		{"gateway time-out for good", 504, "", 0, 10, chat.ErrorUnknown, 3},
		{"ill", 500, "ServiceError", 0, 1, chat.ErrorUnknown, 1},
		{"blocked", 403, "MessageWritesBlocked", 0, 1, chat.ErrorGone, 1},
		{"not installed", 403, "BotNotInConversationRoster", 0, 1, chat.ErrorGone, 1},
		{"forbidden otherwise", 403, "SomethingNew", 0, 1, chat.ErrorRefused, 1},
		{"away", 404, "ConversationNotFound", 0, 1, chat.ErrorGone, 1},
		{"too big", 413, "MessageSizeTooBig", 0, 1, chat.ErrorRefused, 1},
		{"wrong", 400, "BadSyntax", 0, 1, chat.ErrorRefused, 1},
		{"not let in", 401, "Unauthorized", 0, 10, chat.ErrorRefused, 2},
		{"cut off", 0, "", 0, 1, chat.ErrorUnknown, 1},
		{"a redirect", 307, "", 0, 1, chat.ErrorRefused, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
				tenant.Fail(teamstest.FaultPost, tt.n, tt.status, tt.code, tt.after)
				_, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover)
				if tt.want == "" && err != nil || tt.want != "" && (err == nil || chat.KindOf(err) != tt.want) {
					t.Errorf("error %v of kind %q, want %q", err, chat.KindOf(err), tt.want)
				}
				if n := tenant.Count("post"); n != tt.calls {
					t.Errorf("%d calls, want %d", n, tt.calls)
				}
				if log := fmt.Sprintf("%+v", err); strings.Contains(log, ".go:") {
					t.Errorf("a stack goes to the log: %s", log)
				}
				if err != nil && (strings.Contains(err.Error(), "names of people") || strings.Contains(err.Error(), "token-")) {
					t.Errorf("the error holds what must not be in it: %v", err)
				}
				if tt.after == 60 && chat.RetryAfterOf(err) != time.Minute {
					t.Errorf("to be tried again after %v", chat.RetryAfterOf(err))
				}
			})
		})
	}
}

func TestUpdateMayBeRepeated(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		tenant.Fail(teamstest.FaultUpdate, 1, 0, "", 0)
		a := said(tenant, audit)
		a.ID = "1"
		if err := c.update(t.Context(), a, chat.PriorityApprover); chat.KindOf(err) != chat.ErrorRetry {
			t.Errorf("cut off: %v", err)
		}
		if err := c.update(t.Context(), a, chat.PriorityApprover); chat.KindOf(err) != chat.ErrorGone {
			t.Errorf("a message that is not there: %v", err)
		}
		a.ID = "../../x"
		if err := c.update(t.Context(), a, chat.PriorityApprover); chat.KindOf(err) != chat.ErrorGone {
			t.Errorf("an id that is a path: %v", err)
		}
	})
}

func TestToken(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		post := func() error { _, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover); return err }
		check := func(what string, err error, kind chat.ErrorKind, tokens int) {
			t.Helper()
			if (kind == "") != (err == nil) || err != nil && chat.KindOf(err) != kind {
				t.Errorf("%s: %v", what, err)
			}
			if n := tenant.Count("token"); n != tokens {
				t.Errorf("%s: %d tokens, want %d", what, n, tokens)
			}
		}
		tenant.Fail(teamstest.FaultToken, 1, 503, "", 3)
		check("the service is ill", post(), chat.ErrorRetry, 0)
		check("well again", post(), "", 1)
		time.Sleep(54 * time.Minute)
		_, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover)
		check("still good", err, "", 1)
		time.Sleep(2 * time.Minute)
		_, err = c.post(t.Context(), said(tenant, audit), chat.PriorityApprover)
		check("replaced before its end", err, "", 2)
		tenant.ForgetTokens()
		_, err = c.post(t.Context(), said(tenant, audit), chat.PriorityApprover)
		check("withdrawn", err, "", 3)
		c.tokens.token, c.tokens.password = "", "wrong"
		_, err = c.post(t.Context(), said(tenant, audit), chat.PriorityApprover)
		check("a wrong secret", err, chat.ErrorRefused, 4)
		if !strings.Contains(err.Error(), "AADSTS7000215") || !strings.Contains(err.Error(), "teams.app_password") {
			t.Errorf("the operator is told: %v", err)
		}
	})
}

func TestOneTokenForManyCalls(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		errs := make(chan error)
		for range 16 {
			go func() { _, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover); errs <- err }()
		}
		for range 16 {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if n := tenant.Count("token"); n != 1 {
			t.Errorf("%d tokens", n)
		}
	})
}

func TestLimitsAreKept(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		begun := time.Now()
		for range 100 { // the tenant objects to one too many
			if _, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("a hundred messages took %v", took)
		}
	})
}

// TestNoHourHasTooMany: also a channel that is written to without a pause.
func TestNoHourHasTooMany(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		begun := time.Now()
		for range 2000 { // the tenant objects to one too many
			if _, err := c.post(t.Context(), said(tenant, audit), chat.PriorityAudit); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(begun); took > 3*time.Hour {
			t.Errorf("2,000 messages took %v", took)
		}
	})
}

// TestApproversGoFirst: in one conversation and in the tenant, whoever came first.
func TestApproversGoFirst(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		for range 10 { // so that the next has to wait
			if _, err := c.post(t.Context(), said(tenant, audit), chat.PriorityAudit); err != nil {
				t.Fatal(err)
			}
		}
		var mu sync.Mutex
		var order []chat.Priority
		var all sync.WaitGroup
		came := []chat.Priority{
			chat.PriorityRedraw, chat.PriorityAudit, chat.PriorityRequester, chat.PriorityApprover, chat.PriorityAudit, chat.PriorityApprover, platform.PriorityNow,
		}
		for _, p := range came {
			all.Go(func() {
				_, err := c.post(t.Context(), said(tenant, audit), p)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				order = append(order, p)
			})
			synctest.Wait()
		}
		all.Wait()
		if diff := cmp.Diff(slices.Sorted(slices.Values(came)), order); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestASlowedConversationHoldsUpNoOther: one that Teams asked to slow down rests, for
// all that write to it.
func TestASlowedConversationHoldsUpNoOther(t *testing.T) {
	outside(t, func(t *testing.T, tenant *teamstest.Tenant, c *connector) {
		tenant.Fail(teamstest.FaultPost, 1, http.StatusTooManyRequests, "TooManyRequests", 30)
		begun := time.Now()
		if _, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover); chat.RetryAfterOf(err) != 30*time.Second {
			t.Fatal(err)
		}
		if _, err := c.post(t.Context(), said(tenant, otherChannel), chat.PriorityAudit); err != nil || time.Since(begun) > 10*time.Second {
			t.Errorf("another chat waited %v: %v", time.Since(begun), err)
		}
		if _, err := c.post(t.Context(), said(tenant, audit), chat.PriorityApprover); err != nil || time.Since(begun) < 30*time.Second {
			t.Errorf("the channel was written to after %v: %v", time.Since(begun), err)
		}
	})
}

func TestTheTokenGoesToTheListAlone(t *testing.T) {
	list, err := newServices(defaultServiceURLs)
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"https://smba.trafficmanager.net/amer/":         true,
		"https://SMBA.trafficmanager.net/teams":         true,
		"https://smba.infra.gov.teams.microsoft.us/x/":  true,
		"http://smba.trafficmanager.net/amer/":          false,
		"https://smba.trafficmanager.net.evil.example/": false,
		"https://evil.example/smba.trafficmanager.net/": false,
		"https://user:x@smba.trafficmanager.net/":       false,
		"https://smba.trafficmanager.net:444/":          false,
		"http://127.0.0.1/":                             false,
		"https://smba.trafficmanager.net/?x=":           false,
		"file:///etc/passwd":                            false,
		"":                                              false,
	} {
		if _, err := list.allow(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if list, err = newServices([]string{"http://127.0.0.1:56150/_connector"}); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"http://127.0.0.1:56150/_connector": true, "http://127.0.0.1:56150/_connector/x": true, "http://127.0.0.1:56150/_connectors": false, "http://127.0.0.1:1/_connector": false,
	} {
		if _, err := list.allow(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := newServices([]string{"http://example.com/"}); err == nil {
		t.Error("http to another machine is taken")
	}
}

func TestOptionsAreChecked(t *testing.T) {
	good := Options{AppID: "a", AppPassword: "p", TenantID: "t"}
	if o, err := good.withDefaults(); err != nil || o.TokenURL != "https://login.microsoftonline.com/t/oauth2/v2.0/token" {
		t.Errorf("%+v: %v", o, err)
	}
	for name, change := range map[string]func(*Options){
		"app_id": func(o *Options) { o.AppID = "" }, "app_password": func(o *Options) { o.AppPassword = "" }, "tenant_id": func(o *Options) { o.TenantID = "" },
		"tenant_id is": func(o *Options) { o.TenantID = "x/y" }, "openid_metadata_url": func(o *Options) { o.MetadataURL = "http://example.com" },
		"token_url": func(o *Options) { o.TokenURL = "ftp://example.com" }, "service_urls": func(o *Options) { o.ServiceURLs = []string{"example.com"} },
	} {
		o := good
		change(&o)
		if _, err := o.withDefaults(); err == nil || !strings.Contains(err.Error(), "teams."+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "3": 3 * time.Second, "-1": 0, "x": 0, "99999999": time.Hour, now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

// The validator and the clients that msbotbuilder brings must not be used: see the
// package comment.
func TestNothingOfTheLibraryThatIsUnsafe(t *testing.T) {
	forbidden := map[string]bool{"NewBotAdapter": true, "NewJwtTokenValidator": true, "JwtTokenValidator": true, "MockTokenValidator": true, "NewClient": true, "ConnectorClient": true, "NewClientConfig": true}
	seen := 0
	err := filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) != ".go" {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		names := map[string]bool{}
		for _, i := range f.Imports {
			if p := strings.Trim(i.Path.Value, `"`); strings.HasPrefix(p, "github.com/infracloudio/") {
				name := filepath.Base(p)
				if i.Name != nil {
					name = i.Name.Name
				}
				names[name] = true
			}
		}
		if len(names) > 0 {
			seen++
		}
		ast.Inspect(f, func(n ast.Node) bool {
			s, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := s.X.(*ast.Ident); ok && names[x.Name] && forbidden[s.Sel.Name] {
				t.Errorf("%s uses %s.%s", path, x.Name, s.Sel.Name)
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen == 0 {
		t.Error("no file uses the library; the test looks in the wrong place")
	}
}
