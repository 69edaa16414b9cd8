package webhook_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

// revealed makes secrets comparable in a diff.
func revealed(c provision.Credentials) string {
	var b strings.Builder
	for _, f := range c.Fields {
		fmt.Fprintf(&b, "%s=%s secret=%t\n", f.Name, f.Value.Reveal(), f.Secret)
	}
	return b.String() + c.Instructions
}

func TestCredentials(t *testing.T) {
	tests := map[string]struct{ answer, want string }{
		"none":     {`{"status":"ok"}`, ""},
		"null":     {`{"status":"ok","credentials":null}`, ""},
		"empty":    {`{"status":"ok","credentials":{}}`, ""},
		"not here": {`{"status":"unsupported"}`, ""},
		"in their order": {
			`{"status":"ok","credentials":{"username":"alice","password":"p\"w","Host":"db","API key":"k"},"instructions":" Use psql.\n"}`,
			"username=alice secret=false\npassword=p\"w secret=true\nHost=db secret=false\nAPI key=k secret=true\nUse psql.",
		},
		"numbers and truths": {
			`{"status":"ok","credentials":{"port":5432,"pin":12345678901234567890,"tls":true,"old":false,"note":null}}`,
			"port=5432 secret=false\npin=12345678901234567890 secret=true\ntls=true secret=true\nold=false secret=true\n",
		},
		"names are cleaned": {
			`{"status":"ok","credentials":{"user\u202ename\u0007":"a"}}`, "username=a secret=false\n",
		},
		"instructions that hold a secret": {
			`{"status":"ok","credentials":{"password":"hunter2"},"instructions":"Say hunter2."}`,
			"password=hunter2 secret=true\ninstructions=Say hunter2. secret=true\n",
		},
		"instructions of several lines": {
			`{"status":"ok","instructions":"One.\r\nTwo.\u001b[1m\u202e\n"}`, "One.\nTwo.[1m",
		},
		"long instructions": {
			`{"status":"ok","instructions":"` + strings.Repeat("é", 3000) + `"}`, strings.Repeat("é", 1999) + "…",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := new(strings.Builder)
				_ = tee(r.Body, body)
				if strings.Contains(body.String(), "grant-access") {
					says(200, `{"status":"ok"}`).ServeHTTP(w, r)
					return
				}
				says(200, tt.answer).ServeHTTP(w, r)
			})
			inBubble(t, answer, func(w *world) {
				c := w.mustGrant(w.grant("", item("database", "orders", "read")))
				if diff := cmp.Diff(tt.want, revealed(c)); diff != "" {
					w.Errorf("credentials (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestCredentialsThatCannotBeRead(t *testing.T) {
	for _, credentials := range []string{`"text"`, `7`, `["a"]`, `{"a":{"b":"c"}}`, `{"a":["b"]}`} {
		inBubble(t, says(200, `{"status":"ok","credentials":`+credentials+`}`), func(w *world) {
			_, err := w.driver.Grant(w.Context(), w.grant("", item("database", "orders", "read")))
			w.wantKind(err, provision.KindUnknown)
		})
	}
}

// TestCredentialsOfSeveralTypes tells what clashes apart by type, and what is
// the same once.
func TestCredentialsOfSeveralTypes(t *testing.T) {
	n := 0
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		says(200, fmt.Sprintf(`{"status":"ok","credentials":{"username":"alice","password":"p%d"},"instructions":"Ask."}`, n)).ServeHTTP(w, r)
	})
	inBubble(t, answer, func(w *world) {
		items := []flows.Item{item("database", "orders", "read"), item("queue", "mail", "drain")}
		items[1].TypeName = "Message queue"
		want := "username=alice secret=false\npassword=p1 secret=true\nMessage queue password=p2 secret=true\nAsk."
		if diff := cmp.Diff(want, revealed(w.mustGrant(w.grant("", items...)))); diff != "" {
			w.Errorf("credentials (-want +got):\n%s", diff)
		}
	})
}
