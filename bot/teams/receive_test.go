package teams

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"apono/bot/platform/platformtest"
	"apono/bot/teams/teamstest"
)

// door lets requests in and counts them.
type door struct {
	*connector
	let []received
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if got, ok := d.admit(w, r); ok {
		d.let = append(d.let, got)
	}
}

func with(claims jwt.MapClaims, changes jwt.MapClaims) jwt.MapClaims {
	out := maps.Clone(claims)
	for name, v := range changes {
		if v == nil {
			delete(out, name)
			continue
		}
		out[name] = v
	}
	return out
}

// tryAt is one request against the bot.
type tryAt struct {
	name   string
	header string // Authorization
	body   []byte
	want   int
}

func authTries(t *testing.T, tenant *teamstest.Tenant) []tryAt {
	t.Helper()
	now := time.Now()
	claims := tenant.Claims()
	body := func(changes map[string]any) []byte {
		act := tenant.As("alice").Activity("message")
		act["text"] = "hello"
		maps.Copy(act, changes)
		b, err := json.Marshal(act)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	good := "Bearer " + teamstest.Sign(claims, teamstest.KeyTeams)
	signed := func(changes jwt.MapClaims) string {
		return "Bearer " + teamstest.Sign(with(claims, changes), teamstest.KeyTeams)
	}
	plain := body(nil)
	tries := []tryAt{
		{"good", good, plain, 200},
		{"expired a moment ago, within the leeway", signed(jwt.MapClaims{"exp": now.Add(-4 * time.Minute).Unix()}), plain, 200},
		{"valid in a moment, within the leeway", signed(jwt.MapClaims{"nbf": now.Add(4 * time.Minute).Unix()}), plain, 200},
		{"service url with another slash and case", signed(jwt.MapClaims{"serviceurl": strings.ToUpper(strings.TrimSuffix(tenant.ServiceURL(), "/"))}), plain, 200},

		{"no header", "", plain, 401},
		{"no bearer", strings.TrimPrefix(good, "Bearer "), plain, 403},
		{"another scheme", "Basic " + good, plain, 403},
		{"garbage", "Bearer a.b.c", plain, 403},
		{"a very long token", "Bearer " + strings.Repeat("a", 20<<10), plain, 403},
		{"wrong audience", signed(jwt.MapClaims{"aud": "another-app"}), plain, 403},
		{"array audience", signed(jwt.MapClaims{"aud": []string{appID}}), plain, 403},
		{"no audience", signed(jwt.MapClaims{"aud": nil}), plain, 403},
		{"wrong issuer", signed(jwt.MapClaims{"iss": "https://sts.windows.net/x/"}), plain, 403},
		{"no issuer", signed(jwt.MapClaims{"iss": nil}), plain, 403},
		{"expired", signed(jwt.MapClaims{"exp": now.Add(-6 * time.Minute).Unix()}), plain, 403},
		{"no expiry", signed(jwt.MapClaims{"exp": nil}), plain, 403},
		{"not yet valid", signed(jwt.MapClaims{"nbf": now.Add(6 * time.Minute).Unix()}), plain, 403},
		{"unsigned", "Bearer " + teamstest.SignNone(claims), plain, 403},
		{"HS256 with the public key", "Bearer " + teamstest.SignHS256(claims), plain, 403},
		{"unknown key", "Bearer " + teamstest.Sign(claims, teamstest.KeySecret), plain, 403},
		{"key endorsed for another channel", "Bearer " + teamstest.Sign(claims, teamstest.KeyWebchat), plain, 403},
		{"key without endorsement", "Bearer " + teamstest.Sign(claims, teamstest.KeyBare), plain, 403},
		{"another service url in the token", signed(jwt.MapClaims{"serviceurl": "https://smba.trafficmanager.net/amer/"}), plain, 403},
		{"no service url in the token", signed(jwt.MapClaims{"serviceurl": nil}), plain, 403},
		{"a service url off the list", signed(jwt.MapClaims{"serviceurl": "https://evil.example/amer/"}), body(map[string]any{"serviceUrl": "https://evil.example/amer/"}), 403},
		{"another channel", good, body(map[string]any{"channelId": "webchat"}), 403},
		{"another tenant", good, body(map[string]any{"conversation": map[string]any{"id": "a:x", "tenantId": "other"}}), 403},
		{"another tenant in the channel data", good, body(map[string]any{"channelData": map[string]any{"tenant": map[string]any{"id": "other"}}}), 403},
		{"no tenant", good, body(map[string]any{"conversation": map[string]any{"id": "a:x"}, "channelData": map[string]any{}}), 403},

		{"malformed JSON", good, []byte(`{"type": "mess`), 400},
		{"an array", good, []byte(`[]`), 400},
		{"null", good, []byte(`null`), 403},
		{"nothing", good, nil, 400},
		{"a field of another type", good, body(map[string]any{"from": "alice"}), 400},
		{"malformed JSON without a token", "", []byte(`{`), 401},
		{"1 MB", good, body(map[string]any{"text": strings.Repeat("x", 1<<20)}), 413},
		{"1 MB without a good token", "Bearer x", body(map[string]any{"text": strings.Repeat("x", 1<<20)}), 403},
		{"1 MB without a token", "", body(map[string]any{"text": strings.Repeat("x", 1<<20)}), 401},
	}
	return tries
}

func TestAuthentication(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log platformtest.Journal
		tenant := newTenant(t)
		d := &door{connector: newTestConnector(t, tenant, &log)}
		tenant.Serve(d)
		for _, tt := range authTries(t, tenant) {
			before := len(d.let)
			w := tenant.DeliverRaw(tt.body, tt.header)
			if w.Code != tt.want {
				t.Errorf("%s: status %d, want %d", tt.name, w.Code, tt.want)
			}
			if let := len(d.let) > before; let != (tt.want == 200) {
				t.Errorf("%s: let in: %t", tt.name, let)
			}
		}
		if n := tenant.Count("keys"); n != 1 {
			t.Errorf("the keys were fetched %d times; garbage must not cause calls", n)
		}
		for _, leak := range []string{"hello", "alice", "aad-", "eyJ", "xxxx", secret} {
			if strings.Contains(strings.ToLower(log.String()), strings.ToLower(leak)) {
				t.Errorf("the log holds %q of a request:\n%s", leak, log.String())
			}
		}
	})
}

func TestOnlyPost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log platformtest.Journal
		c := newTestConnector(t, newTenant(t), &log)
		w := httptest.NewRecorder()
		(&door{connector: c}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/api/messages", nil))
		if w.Code != http.StatusMethodNotAllowed {
			t.Errorf("status %d", w.Code)
		}
	})
}

func TestAnActivityIsReadAsFarAsItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log platformtest.Journal
		tenant := newTenant(t)
		d := &door{connector: newTestConnector(t, tenant, &log)}
		tenant.Serve(d)
		act := tenant.As("alice").Activity("invoke")
		act["name"], act["value"], act["entities"], act["timestamp"], act["suggestedActions"] = "message/submitAction", "a string", 7, "yesterday", []int{1}
		if w := tenant.Deliver(act); w.Code != 200 {
			t.Fatalf("status %d", w.Code)
		}
		got := d.let[0]
		if string(got.Value) != `"a string"` || got.From.AadObjectID != "aad-alice" || got.Name != "message/submitAction" || got.Conversation.TenantID != tenantID {
			t.Errorf("read as %+v with value %s", got.Activity, got.Value)
		}
	})
}

func TestKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log platformtest.Journal
		tenant := newTenant(t)
		d := &door{connector: newTestConnector(t, tenant, &log)}
		tenant.Serve(d)
		status := func(key teamstest.Key) int {
			t.Helper()
			body, err := json.Marshal(tenant.As("alice").Activity("message"))
			if err != nil {
				t.Fatal(err)
			}
			code := tenant.DeliverRaw(body, "Bearer "+teamstest.Sign(tenant.Claims(), key)).Code
			synctest.Wait()
			return code
		}
		want := func(what string, got, want int) {
			t.Helper()
			if got != want {
				t.Errorf("%s: %d, want %d", what, got, want)
			}
		}

		// The keys cannot be had: nobody is let in, and Microsoft is not hammered.
		tenant.Fail(teamstest.FaultKeys, 3, 500, "", 0)
		for range 20 {
			want("without keys", status(teamstest.KeyTeams), http.StatusServiceUnavailable)
		}
		time.Sleep(20 * time.Second)
		want("after a while", status(teamstest.KeyTeams), http.StatusServiceUnavailable)
		time.Sleep(20 * time.Second)
		want("a third time", status(teamstest.KeyTeams), http.StatusServiceUnavailable)
		time.Sleep(20 * time.Second)
		want("the keys are there again", status(teamstest.KeyTeams), 200)
		want("fetches", tenant.Count("keys"), 1)

		// A day later they are fetched in the background, and a failure does no harm.
		tenant.Fail(teamstest.FaultKeys, 1, 500, "", 0)
		time.Sleep(25 * time.Hour)
		want("old keys", status(teamstest.KeyTeams), 200)
		time.Sleep(time.Minute)
		want("old keys, fetched again", status(teamstest.KeyTeams), 200)
		want("fetches", tenant.Count("keys"), 2)

		// New keys are found when one turns up, at most once an hour.
		tenant.Rollover()
		want("too soon for another fetch", status(teamstest.KeyNext), http.StatusForbidden)
		time.Sleep(time.Hour)
		want("a new key", status(teamstest.KeyNext), 200)
		want("a withdrawn key", status(teamstest.KeyTeams), http.StatusForbidden)
		for range 20 {
			want("garbage", status(teamstest.KeySecret), http.StatusForbidden)
		}
		want("fetches", tenant.Count("keys"), 3)

		// Keys older than five days are not believed.
		tenant.Fail(teamstest.FaultKeys, 1000, 500, "", 0)
		time.Sleep(4 * 24 * time.Hour)
		want("four days old", status(teamstest.KeyNext), 200)
		time.Sleep(26 * time.Hour)
		want("over five days old", status(teamstest.KeyNext), http.StatusServiceUnavailable)
	})
}

func TestRequestsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log platformtest.Journal
		tenant := newTenant(t)
		c := newTestConnector(t, tenant, &log)
		tenant.Serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { c.admit(w, r) }))
		codes := make(chan int)
		for i := range 32 {
			go func() {
				act := tenant.As("alice").Activity("message")
				act["text"] = fmt.Sprint(i)
				codes <- tenant.Deliver(act).Code
			}()
		}
		for range 32 {
			if code := <-codes; code != 200 {
				t.Errorf("status %d", code)
			}
		}
		if n := tenant.Count("keys"); n != 1 {
			t.Errorf("the keys were fetched %d times", n)
		}
	})
}

func FuzzBody(f *testing.F) {
	var log platformtest.Journal
	tenant := newTenant(f)
	c := newTestConnector(f, tenant, &log)
	header := "Bearer " + teamstest.Sign(tenant.Claims(), teamstest.KeyTeams)
	act := tenant.As("alice").Activity("message")
	whole, err := json.Marshal(act)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(bytes.ReplaceAll(whole, []byte("{"), []byte("[")))
	f.Add([]byte(`{"type":"invoke","value":{"data":[]},"channelData":{"tenant":"x"}}`))
	f.Add([]byte(`{"conversation":null,"from":{},"serviceUrl":"` + tenant.ServiceURL() + `"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/api/messages", bytes.NewReader(body))
		r.Header.Set("Authorization", header)
		got, ok := c.admit(w, r)
		if ok && (got.Conversation.TenantID != tenantID && got.ChannelData["tenant"] == nil || got.ChannelID != channelID) {
			t.Errorf("let in: %+v", got)
		}
		if !ok && w.Code != 400 && w.Code != 403 && w.Code != 413 {
			t.Errorf("status %d", w.Code)
		}
	})
}
