package webhooktest_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"apono/flows"
	"apono/provision/webhook/webhooktest"
)

func newTarget(t *testing.T, o webhooktest.Options) *webhooktest.Target {
	t.Helper()
	o.Offer = flows.Holdings{
		Integration: "x",
		Types: []flows.ResourceType{
			{ID: "box", Permissions: []flows.Permission{{ID: "open"}, {ID: "fill"}}},
			{ID: "bag", Permissions: []flows.Permission{{ID: "open"}}},
		},
		Resources: []flows.Resource{{Type: "box", ID: "b1"}, {Type: "box", ID: "b2"}, {Type: "bag", ID: "g1"}},
	}
	target, err := webhooktest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// caller speaks to a target by hand.
type caller struct {
	*testing.T
	target *webhooktest.Target
	next   int
}

// request signs a body as the n-th call.
func (c *caller) request(id, body string) *http.Request {
	r := httptest.NewRequestWithContext(c.Context(), http.MethodPost, "/hook", strings.NewReader(body))
	key, err := standardwebhooks.NewWebhook(webhooktest.Secret.Reveal())
	if err != nil {
		c.Fatal(err)
	}
	now := time.Now()
	signature, err := key.Sign(id, now, []byte(body))
	if err != nil {
		c.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", fmt.Sprint(now.Unix()))
	r.Header.Set("webhook-signature", signature)
	return r
}

func (c *caller) serve(r *http.Request) (status int, answer map[string]any) {
	c.Helper()
	w := httptest.NewRecorder()
	c.target.ServeHTTP(w, r)
	if w.Body.Len() > 0 {
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			c.Fatal(err)
		}
	}
	return w.Code, answer
}

// call makes a call with an id of its own.
func (c *caller) call(event, params string) (status int, answer map[string]any) {
	c.Helper()
	c.next++
	return c.serve(c.request(fmt.Sprint("call-", c.next), body(event, params)))
}

func body(event, params string) string {
	return fmt.Sprintf(`{"event_type":%q,"params":{"custom_parameters":{}%s}}`, event, params)
}

const (
	alice = `,"username":"alice","resource_type":"box","resources":["b1","b2"]`
	open  = alice + `,"grant_id":"AR-1/x","permission":"open"`
)

func (c *caller) wantOK(event, params string) map[string]any {
	c.Helper()
	status, answer := c.call(event, params)
	if status != 200 || answer["status"] != "ok" {
		c.Fatalf("%s: status %d, %v", event, status, answer)
	}
	return answer
}

func (c *caller) whoami(token string) int {
	r := httptest.NewRequestWithContext(c.Context(), http.MethodGet, "/whoami", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	status, _ := c.serve(r)
	return status
}

func tokenIn(answer map[string]any) string {
	token, _ := answer["credentials"].(map[string]any)["token"].(string)
	return token
}

func TestLife(t *testing.T) {
	c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
	door := func(token string, want int) {
		t.Helper()
		if got := c.whoami(token); got != want {
			t.Errorf("/whoami answers %d, want %d", got, want)
		}
	}
	c.wantOK("get-status", "")
	token := tokenIn(c.wantOK("create-credentials", alice))
	if issued := c.target.Issued(); len(issued) != 1 || issued[0].Token != token || issued[0].Username == "" {
		t.Errorf("issued %+v", issued)
	}
	door("tok_made_up", 401)
	door("", 401)
	door(token, 403) // credentials alone open nothing
	c.wantOK("grant-access", open)
	c.wantOK("grant-access", open)
	door(token, 200)
	if again := tokenIn(c.wantOK("create-credentials", alice)); again != token {
		t.Error("credentials that are there are made anew")
	}
	other := tokenIn(c.wantOK("reset-credentials", alice))
	door(token, 403)
	door(other, 200)
	want := []webhooktest.Access{{"alice", "box", "b1", "open"}, {"alice", "box", "b2", "open"}}
	if diff := cmp.Diff(want, c.target.All()); diff != "" {
		t.Errorf("access (-want +got):\n%s", diff)
	}
	if !c.target.Holds("alice", "b1", "open") || c.target.Holds("alice", "b1", "fill") || c.target.Holds("bob", "b1", "open") {
		t.Error("Holds does not tell")
	}
	c.wantOK("revoke-access", open)
	c.wantOK("revoke-access", open)
	door(other, 403)
	c.wantOK("delete-credentials", alice)
	c.wantOK("delete-credentials", alice)
	door(other, 403)
	if len(c.target.All())+len(c.target.Logins())+len(c.target.Violations()) > 0 {
		t.Errorf("left: %v, %v, %v", c.target.All(), c.target.Logins(), c.target.Violations())
	}
	if got := c.target.Done("grant-access"); got != 2 {
		t.Errorf("%d grants done, want 2", got)
	}
}

func TestRefusals(t *testing.T) {
	c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
	c.wantOK("create-credentials", alice)
	for _, tt := range []struct{ event, params, message string }{
		{"create-credentials", strings.ReplaceAll(alice, "b2", "b9"), "There is no box b9."},
		{"create-credentials", strings.ReplaceAll(alice, "box", "tin"), "There is no tin b1."},
		{"grant-access", strings.ReplaceAll(open, "b2", "b9"), "There is no box b9."},
		{"grant-access", strings.ReplaceAll(open, "open", "eat"), "There is no permission eat on a box."},
		{"reset-credentials", strings.ReplaceAll(alice, "alice", "bob"), "bob has no credentials."},
	} {
		want := map[string]any{"status": "error", "message": tt.message, "retry": false}
		status, got := c.call(tt.event, tt.params)
		if diff := cmp.Diff(want, got); diff != "" || status != 200 {
			t.Errorf("%s: status %d (-want +got):\n%s", tt.event, status, diff)
		}
		if n := c.target.Done(tt.event); tt.event != "create-credentials" && n != 0 {
			t.Errorf("%s counts as done", tt.event)
		}
	}
	if v := c.target.Violations(); len(v) > 0 { // a refusal is no violation
		t.Errorf("violations: %q", v)
	}
}

func TestViolations(t *testing.T) {
	tests := map[string]struct {
		event, params, want string
		status              int
	}{
		"unknown event":            {"grant", "", `There is no event type "grant".`, 400},
		"a parameter is missing":   {"create-credentials", `,"username":"a","resource_type":"box"`, "create-credentials lacks resources.", 400},
		"no grant id":              {"grant-access", alice + `,"permission":"open"`, "grant-access lacks grant_id.", 400},
		"a parameter too many":     {"delete-credentials", open, `delete-credentials has an unknown parameter "`, 400},
		"a parameter nobody knows": {"get-status", `,"verbose":true`, `get-status has an unknown parameter "verbose".`, 400},
		"an empty name":            {"create-credentials", strings.ReplaceAll(alice, "alice", ""), "create-credentials has an empty username.", 400},
		"no resources":             {"create-credentials", strings.ReplaceAll(alice, `"b1","b2"`, ""), "create-credentials has an empty resources.", 400},
		"an empty type":            {"list-resources", `,"resource_type":""`, "list-resources has an empty resource_type.", 400},
		"a resource twice":         {"create-credentials", strings.ReplaceAll(alice, "b2", "b1"), "create-credentials names a resource twice, or none.", 400},
		"a wrong type":             {"create-credentials", strings.ReplaceAll(alice, `"alice"`, "7"), "create-credentials has a parameter of a wrong type.", 400},
		"grant without login":      {"grant-access", open, "grant-access of alice on b1 before create-credentials.", 200},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
			status, answer := c.call(tt.event, tt.params)
			if status != tt.status || answer["status"] != "error" {
				t.Errorf("status %d, %v", status, answer)
			}
			if v := c.target.Violations(); len(v) != 1 || !strings.HasPrefix(v[0], tt.want) {
				t.Errorf("violations %q, want %q", v, tt.want)
			}
			if held := c.target.All(); len(held) > 0 {
				t.Errorf("it had an effect: %v", held)
			}
		})
	}
}

func TestViolationsOfTheEnvelope(t *testing.T) {
	good := body("get-status", "")
	tests := map[string]struct {
		body   string
		change func(*http.Request)
		status int
	}{
		"no signature":           {good, func(r *http.Request) { r.Header.Del("webhook-signature") }, 401},
		"no id":                  {good, func(r *http.Request) { r.Header.Del("webhook-id") }, 401},
		"another id":             {good, func(r *http.Request) { r.Header.Set("webhook-id", "other") }, 401},
		"an old timestamp":       {good, func(r *http.Request) { r.Header.Set("webhook-timestamp", "1") }, 401},
		"another body":           {good, func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader(good + " ")) }, 401},
		"a PUT":                  {good, func(r *http.Request) { r.Method = http.MethodPut }, 400},
		"a form":                 {good, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, 400},
		"no JSON":                {"hello", func(*http.Request) {}, 400},
		"something after":        {good + "{}", func(*http.Request) {}, 400},
		"a key too many":         {`{"event_type":"get-status","params":{"custom_parameters":{}},"at":1}`, func(*http.Request) {}, 400},
		"no custom_parameters":   {`{"event_type":"get-status","params":{}}`, func(*http.Request) {}, 400},
		"custom_parameters text": {`{"event_type":"get-status","params":{"custom_parameters":"{}"}}`, func(*http.Request) {}, 400},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
			r := c.request("one", tt.body)
			tt.change(r)
			if status, answer := c.serve(r); status != tt.status || answer["status"] != "error" {
				t.Errorf("status %d, %v; want %d", status, answer, tt.status)
			}
			if v := c.target.Violations(); len(v) != 1 {
				t.Errorf("violations %q, want one", v)
			}
			if n := c.target.Received("get-status") + c.target.Done("get-status"); n != 0 {
				t.Errorf("it counts %d times", n)
			}
		})
	}
}

func TestCredentialsGoneTooEarly(t *testing.T) {
	c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
	token := tokenIn(c.wantOK("create-credentials", alice))
	c.wantOK("grant-access", open)
	c.wantOK("delete-credentials", strings.ReplaceAll(alice, `"b1",`, ""))
	if got := c.whoami(token); got != 200 {
		t.Errorf("/whoami answers %d for the other resource", got)
	}
	c.wantOK("delete-credentials", alice)
	if got := c.whoami(token); got != 403 {
		t.Errorf("/whoami answers %d", got)
	}
	if v := c.target.Violations(); len(v) != 3 { // b2 twice, b1 once
		t.Errorf("violations %q, want three", v)
	}
}

func TestRepeats(t *testing.T) {
	c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
	create, revoke := body("create-credentials", alice), body("revoke-access", open)
	_, first := c.serve(c.request("one", create))
	_, again := c.serve(c.request("one", create))
	if diff := cmp.Diff(first, again); diff != "" || c.target.Done("create-credentials") != 1 || c.target.Received("create-credentials") != 2 {
		t.Errorf("the repeat is another call (-first +again):\n%s", diff)
	}
	status, answer := c.serve(c.request("one", revoke))
	if status != http.StatusConflict || answer["status"] != "error" || len(c.target.Violations()) != 1 {
		t.Errorf("status %d, %v, violations %q", status, answer, c.target.Violations())
	}
	// A problem is not remembered: it may be gone.
	_, answer = c.serve(c.request("two", body("grant-access", strings.ReplaceAll(open, "alice", "bob"))))
	if answer["status"] != "error" {
		t.Fatalf("answer %v", answer)
	}
	c.wantOK("create-credentials", strings.ReplaceAll(alice, "alice", "bob"))
	_, answer = c.serve(c.request("two", body("grant-access", strings.ReplaceAll(open, "alice", "bob"))))
	if answer["status"] != "ok" || !c.target.Holds("bob", "b2", "open") {
		t.Errorf("answer %v", answer)
	}
}

func TestFaultsInTurn(t *testing.T) {
	c := &caller{T: t, target: newTarget(t, webhooktest.Options{NoCredentials: true})}
	c.target.FailNext(2, 503)
	c.target.AnswerNext(1, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418) })
	var got []int
	for range 4 {
		status, _ := c.call("grant-access", open)
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{503, 503, 418, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if c.target.Received("grant-access") != 4 || c.target.Done("grant-access") != 1 {
		t.Errorf("received %d, done %d", c.target.Received("grant-access"), c.target.Done("grant-access"))
	}
	if _, answer := c.call("create-credentials", alice); answer["status"] != "unsupported" {
		t.Errorf("answer %v", answer)
	}
}

func TestDownOverlaps(t *testing.T) {
	c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
	serve := func() (broke bool) {
		defer func() { broke = recover() == http.ErrAbortHandler }() //nolint:errorlint // a recovered value
		c.call("get-status", "")
		return false
	}
	first, second := c.target.Down(), c.target.Down()
	first()
	first() // once is enough
	if !serve() {
		t.Error("the target is up while somebody wants it down")
	}
	second()
	if serve() || c.target.Done("get-status") != 1 {
		t.Errorf("the target stays down; done %d", c.target.Done("get-status"))
	}
}

func TestHangActsFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{T: t, target: newTarget(t, webhooktest.Options{NoCredentials: true})}
		reached, release := c.target.Hang()
		answered := make(chan int)
		go func() { status, _ := c.call("grant-access", open); answered <- status }()
		<-reached
		synctest.Wait()
		select {
		case status := <-answered:
			t.Errorf("answered with %d", status)
		default:
		}
		if !c.target.Holds("alice", "b1", "open") {
			t.Error("no effect")
		}
		release()
		if status := <-answered; status != 200 {
			t.Errorf("answered with %d", status)
		}
		release()
		c.wantOK("get-status", "")
	})
}

// TestServesOverAPipe is what a bubble needs.
func TestServesOverAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
		pipe := webhooktest.NewPipe()
		server := &http.Server{Handler: c.target}
		served := make(chan error)
		go func() { served <- server.Serve(pipe) }()
		transport := &http.Transport{DialContext: pipe.Dial}
		r := c.request("one", body("list-resources", `,"resource_type":"bag"`))
		r.RequestURI, r.URL.Scheme, r.URL.Host = "", "http", pipe.Addr().String()
		resp, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		want := `{"permissions":[{"id":"open","name":""}],"resources":[{"id":"g1","name":"","type":"bag"}],"status":"ok"}`
		if err != nil || string(text) != want {
			t.Errorf("answer %s, %v; want %s", text, err, want)
		}
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		if _, err := pipe.Dial(t.Context(), "", ""); err == nil {
			t.Error("a closed listener takes connections")
		}
	})
}

func TestListAll(t *testing.T) {
	c := &caller{T: t, target: newTarget(t, webhooktest.Options{})}
	all := c.wantOK("list-resources", "")
	if r, p := all["resources"].([]any), all["permissions"].([]any); len(r) != 3 || len(p) != 2 {
		t.Errorf("%d resources with %d permissions, want 3 with 2", len(r), len(p))
	}
	if none := c.wantOK("list-resources", `,"resource_type":"tin"`); len(none["resources"].([]any)) != 0 {
		t.Errorf("answer %v", none)
	}
}

func TestSecretThatIsNone(t *testing.T) {
	_, err := webhooktest.New(webhooktest.Options{Secret: "whsec_hunter2!"})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("error %v", err)
	}
}
