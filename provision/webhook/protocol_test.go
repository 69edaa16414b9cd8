package webhook_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

// tee reads a body to its end, writes it down, and gives it back.
func tee(body io.ReadCloser, into *strings.Builder) io.ReadCloser {
	_, _ = io.Copy(into, body)
	return io.NopCloser(strings.NewReader(into.String()))
}

// mixed is a grant of several types and permissions, out of order and with a
// unit twice.
func mixed() []flows.Item {
	return []flows.Item{
		item("queue", "mail", "drain"), item("database", "users", "read"), item("database", "orders", "write"),
		item("database", "orders", "read"), item("database", "users", "read"),
	}
}

func TestOrderAndParams(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.mustGrant(w.grant("", mixed()...))
		w.mustRevoke(w.grant("", mixed()...))
		want := []string{
			`{"event_type":"create-credentials","params":{"username":"alice@example.com","resource_type":"database","resources":["orders","users"],"custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"create-credentials","params":{"username":"alice@example.com","resource_type":"queue","resources":["mail"],"custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"grant-access","params":{"grant_id":"AR-12/deploy","username":"alice@example.com","resource_type":"database","resources":["orders","users"],"permission":"read","custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"grant-access","params":{"grant_id":"AR-12/deploy","username":"alice@example.com","resource_type":"database","resources":["orders"],"permission":"write","custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"grant-access","params":{"grant_id":"AR-12/deploy","username":"alice@example.com","resource_type":"queue","resources":["mail"],"permission":"drain","custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"revoke-access","params":{"grant_id":"AR-12/deploy","username":"alice@example.com","resource_type":"database","resources":["orders","users"],"permission":"read","custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"revoke-access","params":{"grant_id":"AR-12/deploy","username":"alice@example.com","resource_type":"database","resources":["orders"],"permission":"write","custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"revoke-access","params":{"grant_id":"AR-12/deploy","username":"alice@example.com","resource_type":"queue","resources":["mail"],"permission":"drain","custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"delete-credentials","params":{"username":"alice@example.com","resource_type":"database","resources":["orders","users"],"custom_parameters":{"team":"payments"}}}`,
			`{"event_type":"delete-credentials","params":{"username":"alice@example.com","resource_type":"queue","resources":["mail"],"custom_parameters":{"team":"payments"}}}`,
		}
		var got []string
		for _, try := range w.take() {
			got = append(got, try.body)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestCustomParametersAreAlwaysAnObject(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		for config, want := range map[string]string{
			"": `{}`,
			"custom_parameters: {a: {b: [1, true, null]}, when: 2026-01-02}": `{"a":{"b":[1,true,null]},"when":"2026-01-02T00:00:00Z"}`,
		} {
			w.driver = connect(w.T, "url: "+pipeURL+"\nsecret: "+secretText+"\n"+config, w.dialer())
			if err := w.ping(); err != nil {
				w.Fatal(err)
			}
			if got := string(w.target.Parameters("get-status")); got != want {
				w.Errorf("custom_parameters %s, want %s", got, want)
			}
			_ = w.driver.Close()
		}
	})
}

// TestHeldCredentialsLive ends one of two permissions on a resource that were
// given by two requests.
func TestHeldCredentialsLive(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		read, write, mail := item("database", "orders", "read"), item("database", "orders", "write"), item("queue", "mail", "drain")
		w.mustGrant(w.grant("", read, write, mail))
		w.take()
		g := w.grant("", read, mail)
		g.Held = []flows.Item{write}
		w.mustRevoke(g)
		if diff := cmp.Diff([]string{"revoke-access", "revoke-access", "delete-credentials"}, w.events()); diff != "" {
			w.Errorf("calls (-want +got):\n%s", diff)
		}
		if last := w.take()[2].body; !strings.Contains(last, `"queue"`) {
			w.Errorf("credentials are deleted by %s", last)
		}
		if !w.target.Holds("alice@example.com", "orders", "write") {
			w.Error("the other request has lost its access")
		}
		w.mustRevoke(w.grant("", write))
		if left := w.target.Logins(); len(left) > 0 {
			w.Errorf("%q still have credentials", left)
		}
	})
}

func TestRefusedRevokeDoesNotKeepTheOthers(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.mustGrant(w.grant("", mixed()...))
		w.take()
		w.target.AnswerNext(1, says(http.StatusOK, `{"status":"error","message":"Frozen.","retry":false}`).ServeHTTP)
		err := w.driver.Revoke(w.Context(), w.grant("", mixed()...))
		w.wantKind(err, provision.KindRefused)
		if got := provision.MessageOf(err); got != "Frozen." {
			w.Errorf("message %q", got)
		}
		// database: read is refused, so its credentials stay; all else goes.
		want := []string{"revoke-access", "revoke-access", "revoke-access", "delete-credentials"}
		if diff := cmp.Diff(want, w.events()); diff != "" {
			w.Errorf("calls (-want +got):\n%s", diff)
		}
		if w.target.Holds("alice@example.com", "orders", "write") || w.target.Holds("alice@example.com", "mail", "drain") {
			w.Error("what could be revoked was not")
		}
		w.mustRevoke(w.grant("", mixed()...))
		if left := w.target.All(); len(left) > 0 {
			w.Errorf("left: %v", left)
		}
	})
}

func TestRevokeStopsAtASystemThatIsNotWell(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.mustGrant(w.grant("", mixed()...))
		w.take()
		w.target.AnswerNext(1, says(http.StatusOK, `{"status":"error","message":"No.","retry":false}`).ServeHTTP)
		w.target.AnswerNext(1, says(http.StatusOK, `{"status":"error","message":"Busy.","retry":true}`).ServeHTTP)
		w.wantKind(w.driver.Revoke(w.Context(), w.grant("", mixed()...)), provision.KindRetry)
		if diff := cmp.Diff([]string{"revoke-access", "revoke-access"}, w.events()); diff != "" {
			w.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestGrantStopsAtTheFirstProblem(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		_, err := w.driver.Grant(w.Context(), w.grant("", item("database", "orders", "own"), item("database", "orders", "read")))
		w.wantKind(err, provision.KindRefused)
		if got, want := provision.MessageOf(err), "There is no permission own on a database."; got != want {
			w.Errorf("message %q, want %q", got, want)
		}
		if diff := cmp.Diff([]string{"create-credentials", "grant-access"}, w.events()); diff != "" {
			w.Errorf("calls (-want +got):\n%s", diff)
		}
		var e *provision.Error
		if !errors.As(err, &e) || e.Integration != "deploy" || e.Op != "grant" {
			w.Errorf("error %#v", err)
		}
	})
}

func TestOneIDForEveryTryOfACall(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.target.AnswerNext(2, func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Retry-After", "2")
			rw.WriteHeader(http.StatusServiceUnavailable)
		})
		if err := w.ping(); err != nil {
			w.Fatal(err)
		}
		tries := w.take()
		if len(tries) != 3 || distinct(ids(tries)) != 1 {
			w.Fatalf("tries %+v, want three with one id", tries)
		}
		if first, last := tries[0], tries[2]; first.stamp == last.stamp || first.signed == last.signed {
			w.Errorf("the last try has the timestamp %s and signature of the first", last.stamp)
		}
		if w.target.Received("get-status") != 3 || w.target.Done("get-status") != 1 {
			w.Errorf("received %d, done %d; want 3 and 1", w.target.Received("get-status"), w.target.Done("get-status"))
		}
	})
}

// TestIDsOfActs proves what the package comment says of identity.
func TestIDsOfActs(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		grantIDs := func(call string) []string {
			w.mustGrant(w.grant(call, mixed()...))
			return ids(w.take())
		}
		first := grantIDs("target/AR-12/deploy@1")
		if distinct(first) != len(first) {
			w.Errorf("two calls of one act have one id: %q", first)
		}
		_ = w.driver.Close()
		w.driver = w.connect(pipeURL) // the process died and begins the act again
		again := grantIDs("target/AR-12/deploy@1")
		if diff := cmp.Diff(first, again); diff != "" {
			w.Errorf("the repeat has other ids (-first +again):\n%s", diff)
		}
		if got := w.target.Done("grant-access"); got != 3 {
			w.Errorf("the target acted %d times, want 3", got)
		}
		all := append(first, grantIDs("target/AR-12/deploy@2")...)
		all = append(all, grantIDs("")...)
		all = append(all, grantIDs("")...)
		if distinct(all) != len(all) {
			w.Errorf("two acts share an id: %q", all)
		}
		for _, id := range all {
			if strings.ContainsAny(id, ". ") || !strings.HasPrefix(id, "msg_") || len(id) > 64 {
				w.Errorf("id %q", id)
			}
		}
	})
}

// TestGivenTakenAndGivenAgain is a standing grant whose unit goes, comes back
// and goes for good. The target throws repeats away.
func TestGivenTakenAndGivenAgain(t *testing.T) {
	for name, call := range map[string]func(n string) string{
		"acts without a name": func(string) string { return "" },
		"acts with a name":    func(n string) string { return "target/AR-12/deploy@" + n },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(w *world) {
				unit := item("database", "orders", "read")
				for _, act := range []string{"1", "2"} {
					w.mustGrant(w.grant(call("give "+act), unit))
					if !w.target.Holds("alice@example.com", "orders", "read") {
						w.Fatalf("act %s gave nothing", act)
					}
					w.mustRevoke(w.grant(call("take "+act), unit))
					if w.target.Holds("alice@example.com", "orders", "read") {
						w.Fatalf("act %s took nothing", act)
					}
				}
			})
		})
	}
}

func TestResetTwice(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		unit := item("database", "orders", "read")
		seen := []string{}
		tokenOf := func(c provision.Credentials, err error) {
			w.Helper()
			if err != nil || len(c.Fields) != 2 {
				w.Fatalf("%v, %v", c, err)
			}
			for _, f := range c.Fields {
				if f.Secret {
					seen = append(seen, f.Value.Reveal())
				}
			}
		}
		g := w.grant("", unit)
		tokenOf(w.driver.Grant(w.Context(), g))
		r := w.driver.(provision.Rotator)
		tokenOf(r.Rotate(w.Context(), g))
		tokenOf(r.Rotate(w.Context(), g))
		g.Call = "reset@1"
		tokenOf(r.Rotate(w.Context(), g))
		if distinct(seen) != 4 {
			w.Errorf("%d different tokens, want 4", distinct(seen))
		}
		tokenOf(r.Rotate(w.Context(), g)) // the same act again: what it had answered
		if distinct(seen) != 4 {
			w.Error("the repeat of a reset has reset once more")
		}
	})
}

func TestResetWhereThereAreNone(t *testing.T) {
	inBubble(t, says(200, `{"status":"unsupported"}`), func(w *world) {
		_, err := w.driver.(provision.Rotator).Rotate(w.Context(), w.grant("", mixed()...))
		w.wantKind(err, provision.KindRefused)
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		w.target.FailNext(9, http.StatusInternalServerError)
		ctx, cancel := context.WithCancel(w.Context())
		done := make(chan error)
		go func() { _, err := w.driver.Grant(ctx, w.grant("", mixed()...)); done <- err }()
		w.sleepUntilTry(1)
		cancel()
		err := <-done
		if !errors.Is(err, context.Canceled) {
			w.Errorf("error %v, want %v", err, context.Canceled)
		}
		if n := len(w.take()); n != 1 {
			w.Errorf("%d tries, want 1", n)
		}
	})
}

func TestDiscover(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		got, err := w.driver.(provision.Discoverer).Discover(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		if diff := cmp.Diff(offer(), got); diff != "" {
			w.Errorf("holdings (-want +got):\n%s", diff)
		}
		var asked []string
		for _, try := range w.take() {
			var call struct {
				Params struct {
					ResourceType string `json:"resource_type"`
				}
			}
			if err := json.Unmarshal([]byte(try.body), &call); err != nil {
				w.Fatal(err)
			}
			asked = append(asked, call.Params.ResourceType)
		}
		if diff := cmp.Diff([]string{"", "database", "queue"}, asked); diff != "" {
			w.Errorf("asked about (-want +got):\n%s", diff)
		}
	})
}

func TestDiscoverAnswers(t *testing.T) {
	perms := `"permissions":[{"id":"read"},{"id":"write","name":"Write"}]`
	tests := map[string]struct {
		answer  string
		want    flows.Holdings
		calls   int
		problem string
	}{
		"one type needs one call": {
			answer: `{"status":"ok","resources":[{"id":"a","type":"box"},{"id":"b","name":"B","type":"box","more":1}],` + perms + `}`,
			calls:  1,
			want: flows.Holdings{
				Integration: "deploy",
				Types: []flows.ResourceType{{ID: "box", Name: "box", Permissions: []flows.Permission{
					{ID: "read", Name: "read"}, {ID: "write", Name: "Write"},
				}}},
				Resources: []flows.Resource{{Type: "box", ID: "a", Name: "a"}, {Type: "box", ID: "b", Name: "B"}},
			},
		},
		"a receiver that does not look at the type": {
			answer: `{"status":"ok","resources":[{"id":"a","type":"box"},{"id":"b","type":"bag"}],"permissions":[{"id":"open"}]}`,
			calls:  3,
			want: flows.Holdings{
				Integration: "deploy",
				Types: []flows.ResourceType{
					{ID: "box", Name: "box", Permissions: []flows.Permission{{ID: "open", Name: "open"}}},
					{ID: "bag", Name: "bag", Permissions: []flows.Permission{{ID: "open", Name: "open"}}},
				},
				Resources: []flows.Resource{{Type: "box", ID: "a", Name: "a"}, {Type: "bag", ID: "b", Name: "b"}},
			},
		},
		"nothing": {answer: `{"status":"ok"}`, calls: 1, want: flows.Holdings{Integration: "deploy"}},
		"no id": {
			answer: `{"status":"ok","resources":[{"type":"box"}],` + perms + `}`, calls: 1,
			problem: "deploy: discover: unknown: The system lists a resource without an id or a type: list-resources",
		},
		"no type": {
			answer: `{"status":"ok","resources":[{"id":"a"}],` + perms + `}`, calls: 1,
			problem: "deploy: discover: unknown: The system lists a resource without an id or a type: list-resources",
		},
		"no id of a permission": {
			answer: `{"status":"ok","resources":[{"id":"a","type":"box"}],"permissions":[{"name":"Read"}]}`, calls: 1,
			problem: "deploy: discover: unknown: The system lists a permission without an id: list-resources",
		},
		"a wrong type": {
			answer: `{"status":"ok","resources":[{"id":"a","type":"box","tags":{"tier":4711}}]}`, calls: 1,
			problem: `deploy: discover: unknown: The answer of the system cannot be read: the answer to list-resources has a wrong type in "resources.tags"`,
		},
		"unsupported": {
			answer: `{"status":"unsupported"}`, calls: 1,
			problem: "deploy: discover: unknown: The answer of the system is not part of the protocol: list-resources was answered with a status that it does not have",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			inBubble(t, says(200, tt.answer), func(w *world) {
				got, err := w.driver.(provision.Discoverer).Discover(w.Context())
				problem := ""
				if err != nil {
					problem = err.Error()
				}
				if diff := cmp.Diff(tt.problem, problem); diff != "" {
					w.Errorf("problem (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					w.Errorf("holdings (-want +got):\n%s", diff)
				}
				if n := len(w.take()); n != tt.calls {
					w.Errorf("%d calls, want %d", n, tt.calls)
				}
			})
		})
	}
}

// TestGrantTellsOfItsProgress after each call, in units.
func TestGrantTellsOfItsProgress(t *testing.T) {
	inBubble(t, nil, func(w *world) {
		var told []string
		ctx := provision.WithProgress(w.Context(), func(done, total int) { told = append(told, fmt.Sprintf("%d of %d", done, total)) })
		if _, err := w.driver.Grant(ctx, w.grant("", mixed()...)); err != nil {
			w.Fatal(err)
		}
		if diff := cmp.Diff([]string{"2 of 4", "3 of 4", "4 of 4"}, told); diff != "" {
			w.Error(diff)
		}
	})
}
