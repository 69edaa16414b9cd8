package ops_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/cmd/bot/internal/ops"
	"apono/flows"
)

const token = "a-token-that-nobody-guesses"

// hash is that of the token, as sha256sum prints it.
const hash = "sha256:6ca0626e34057737137b201c140e29d040cdedef06e5a48ddf6ef2c19132ecba"

// desk is the endpoint with what it was given.
type desk struct {
	hash    flows.Secret
	answer  ops.TagsAnswer
	err     error
	got     []flows.TaggedResource
	puts    int
	outcome string
}

func (d *desk) handler() http.Handler {
	return ops.TagsHandler(ops.TagsOptions{
		TokenHash:    func() flows.Secret { return d.hash },
		Integrations: func() []string { return []string{"db", "desk"} },
		Put: func(_ context.Context, tags []flows.TaggedResource) (ops.TagsAnswer, error) {
			d.puts++
			d.got = tags
			a := d.answer
			a.Resources = len(tags)
			return a, d.err
		},
		Done: func(outcome string) { d.outcome = outcome },
	})
}

func (d *desk) put(t *testing.T, body io.Reader, header ...string) (status int, answer map[string]any, raw *http.Response) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPut, "/api/v1/tags", body)
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/x-ndjson; charset=utf-8")
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	d.handler().ServeHTTP(w, r)
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
		t.Fatalf("%s: %v", w.Body, err)
	}
	return w.Code, answer, w.Result()
}

const orders = `{"integration": "db", "resource_type": "table", "resource": "orders", "tags": {"pii": "true", "region": "eu"}}`

func TestTagsAreTaken(t *testing.T) {
	for name, tt := range map[string]struct {
		desk    desk
		status  int
		says    string
		outcome string
	}{
		"new":          {desk{answer: ops.TagsAnswer{Changed: true, Unknown: 1}}, http.StatusOK, `{"changed":true,"resources":2,"status":"ok","unknown":1}`, "ok"},
		"the same":     {desk{}, http.StatusOK, `{"changed":false,"resources":2,"status":"ok","unknown":0}`, "unchanged"},
		"held":         {desk{answer: ops.TagsAnswer{Held: "Much is missing."}}, http.StatusAccepted, `{"changed":false,"held":"Much is missing.","resources":2,"status":"held","unknown":0}`, "held"},
		"a full disk":  {desk{err: errors.New("no space left")}, http.StatusServiceUnavailable, `{"message":"The tags could not be kept. Please send them again.","status":"error"}`, "failed"},
		"no such door": {desk{hash: "off"}, http.StatusNotFound, `{"message":"http.api_token is not set in the configuration, so nobody may call this.","status":"error"}`, "off"},
	} {
		t.Run(name, func(t *testing.T) {
			d := tt.desk
			d.hash = map[bool]flows.Secret{true: "", false: hash}[d.hash == "off"]
			status, answer, _ := d.put(t, strings.NewReader("\n"+orders+"\n\n  "+`{"integration":"desk","resource_type":"queue","resource":"vip","tags":{}}`))
			raw, err := json.Marshal(answer)
			if err != nil || status != tt.status || string(raw) != tt.says || d.outcome != tt.outcome {
				t.Errorf("%d %s, %q", status, raw, d.outcome)
			}
			want := []flows.TaggedResource{
				{Integration: "db", ResourceType: "table", Resource: "orders", Tags: map[string]string{"pii": "true", "region": "eu"}},
				{Integration: "desk", ResourceType: "queue", Resource: "vip", Tags: map[string]string{}},
			}
			if tt.outcome == "off" {
				want = nil
			}
			if diff := cmp.Diff(want, d.got); diff != "" {
				t.Errorf("what was put (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTagsNeedTheToken: every other way to call changes nothing and says little.
func TestTagsNeedTheToken(t *testing.T) {
	for name, authorization := range map[string]string{
		"none": "", "another": "Bearer " + token + "x", "the hash": "Bearer " + hash, "without a kind": token,
		"another kind": "Basic " + token, "empty": "Bearer ", "spaces": "Bearer  " + token,
	} {
		d := desk{hash: hash}
		status, _, raw := d.put(t, strings.NewReader(orders), "Authorization", authorization)
		if status != http.StatusUnauthorized || d.puts > 0 || d.outcome != "unauthorized" || raw.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: %d, put %d times, %q", name, status, d.puts, d.outcome)
		}
	}
}

// TestWrongLines: all lines or none, and each that is wrong is named.
func TestWrongLines(t *testing.T) {
	long := strings.Repeat("x", 70_000)
	body := strings.Join([]string{
		orders,
		`{"integration": "dv", "resource_type": "table", "resource": "orders", "tags": {}}`,
		``,
		`{"integration": "db", "resource_type": "table", "tags": {"": "x", "a\u0001": "x"}}`,
		`{"integration": "db", "resource_type": "table", "resource": "a"}`,
		`{"integration": "db", "resource_type": "table", "resource": "b", "tags": {"k": 1}}`,
		`{"integration": "db", "resource_type": "table", "resource": "c", "tags": {}, "owner": "x"}`,
		`{"integration": "db", "resource_type": "table", "resource": "orders", "tags": {}}`,
		`not json`,
		`{"integration": "db", "resource_type": "table", "resource": "d", "tags": {}} {}`,
		"{\"integration\": \"db\", \"resource_type\": \"table\", \"resource\": \"\xff\", \"tags\": {}}",
		long,
		`{"integration": "db", "resource_type": "table", "resource": "e", "tags": {"k": "` + long[:300] + `"}}`,
		`{"integration": "db", "resource_type": "table", "resource": "` + long[:600] + `", "tags": {}}`,
	}, "\n")
	d := desk{hash: hash}
	status, answer, _ := d.put(t, strings.NewReader(body))
	if status != http.StatusUnprocessableEntity || d.puts > 0 || d.outcome != "invalid" {
		t.Errorf("%d, put %d times, %q", status, d.puts, d.outcome)
	}
	var got []string
	for _, e := range answer["errors"].([]any) {
		got = append(got, fmt.Sprintf("%v: %v", e.(map[string]any)["line"], e.(map[string]any)["message"]))
	}
	want := []string{
		`2: there is no integration "dv" (did you mean "db"?)`,
		`4: resource is missing`,
		`4: the key of a tag has 1 to 128 characters, and no control characters`,
		`4: the key of a tag has 1 to 128 characters, and no control characters`,
		`5: tags is missing; a resource without any has {}`,
		`6: this is not a resource with its tags: cannot unmarshal number into Go struct field TaggedResource.tags of type string`,
		`7: this is not a resource with its tags: unknown field "owner"`,
		`8: the resource is in line 1 already`,
		`9: this is not a resource with its tags: invalid character 'o' in literal null (expecting 'u')`,
		`10: there is more than one object in the line`,
		`11: this is not UTF-8`,
		`12: a line has at most 65536 bytes`,
		`13: the value of the tag "k" has over 256 characters, or control characters`,
		`14: resource has over 512 characters, or control characters`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong lines (-want +got):\n%s", diff)
	}
	if answer["message"] != "14 of the lines are wrong; nothing was changed." {
		t.Error(answer["message"])
	}
}

// TestTagsAreBounded: no body takes the memory of the bot, and no answer is endless.
func TestTagsAreBounded(t *testing.T) {
	d := desk{hash: hash}
	many := func(n int) io.Reader {
		var b bytes.Buffer
		for i := range n {
			fmt.Fprintf(&b, `{"integration":"db","resource_type":"t","resource":"r%d","tags":{}}`+"\n", i)
		}
		return &b
	}
	if status, _, _ := d.put(t, many(100_001)); status != http.StatusRequestEntityTooLarge || d.outcome != "too_large" {
		t.Errorf("too many lines: %d %q", status, d.outcome)
	}
	if status, _, _ := d.put(t, io.LimitReader(endless{}, ops.MaxTagsBody+10)); status != http.StatusRequestEntityTooLarge {
		t.Errorf("too many bytes: %d", status)
	}
	if status, answer, _ := d.put(t, strings.NewReader(strings.Repeat("x\n", 5000))); status != http.StatusUnprocessableEntity || len(answer["errors"].([]any)) != 100 {
		t.Errorf("wrong lines: %d", status)
	}
	if status, _, _ := d.put(t, io.MultiReader(strings.NewReader(orders), broken{})); status != http.StatusBadRequest {
		t.Errorf("cut off: %d", status)
	}
	if status, _, _ := d.put(t, strings.NewReader(orders), "Content-Type", "application/json"); status != http.StatusUnsupportedMediaType {
		t.Errorf("another type: %d", status)
	}
	if d.puts > 0 {
		t.Errorf("something was put %d times", d.puts)
	}
}

// endless is one line without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, bytes.Repeat([]byte("x"), len(p))), nil }

// broken is a connection that breaks.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
