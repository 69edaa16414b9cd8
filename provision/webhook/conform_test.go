package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"apono/flows"
	"apono/provision"
	"apono/provision/provisiontest"
	"apono/provision/webhook"
	"apono/provision/webhook/webhooktest"
)

// offer has two types, and resources with names that break careless code.
func offer() flows.Holdings {
	rw := []flows.Permission{{ID: "read", Name: "Read"}, {ID: "write", Name: "Read and write"}}
	return flows.Holdings{
		Integration: "deploy",
		Types: []flows.ResourceType{
			{ID: "database", Name: "database", Permissions: rw},
			{ID: "queue", Name: "queue", Permissions: []flows.Permission{{ID: "drain", Name: "Drain"}}},
		},
		Resources: []flows.Resource{
			{Type: "database", ID: "orders", Name: "Orders", Path: []string{"eu", "cluster-1"}, Tags: map[string]string{"env": "prod"}, Owners: []string{"dba@example.com"}},
			{Type: "database", ID: "users", Name: "Users"},
			{Type: "database", ID: `o'r"d;ers--\`, Name: "<b>"},
			{Type: "queue", ID: "mail", Name: "Mail"},
			{Type: "queue", ID: "数据🙂\u202e", Name: "数据"},
			{Type: "queue", ID: strings.Repeat("long", 500), Name: "Long"},
		},
	}
}

func item(typ, resource, permission string) flows.Item {
	return flows.Item{Unit: flows.Unit{Integration: "deploy", ResourceType: typ, Resource: resource, Permission: permission}}
}

func newTarget(t *testing.T, o webhooktest.Options) *webhooktest.Target {
	t.Helper()
	if o.Offer.Integration == "" {
		o.Offer = offer()
	}
	target, err := webhooktest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func connect(t *testing.T, config string, opts ...webhook.Option) provision.Driver {
	t.Helper()
	c, issues := webhook.Type(opts...).New(t.Context(), provision.Spec{Name: "deploy", Decode: provisiontest.Decode(config)})
	if len(issues) > 0 {
		t.Fatal(issues)
	}
	return c.(provision.Driver)
}

func configFor(url string) string {
	return fmt.Sprintf("{url: %q, secret: %q, custom_parameters: {team: payments}}", url, webhooktest.Secret.Reveal())
}

// login shows every token at the door. All are let in or none.
func login(t *testing.T, url string, c provision.Credentials) (refused error) {
	t.Helper()
	tokens := 0
	var refusals []error
	for _, f := range c.Fields {
		if !strings.HasSuffix(f.Name, "token") {
			continue
		}
		tokens++
		if err := whoami(t, url, f.Value.Reveal()); err != nil {
			refusals = append(refusals, err)
		}
	}
	if len(refusals) != 0 && len(refusals) != tokens {
		t.Errorf("%d of %d tokens are refused: %v", len(refusals), tokens, errors.Join(refusals...))
	}
	if tokens == 0 {
		return errors.New("there is no token")
	}
	return errors.Join(refusals...)
}

func whoami(t *testing.T, url, token string) error {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, url+"/whoami", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	return nil
}

func harness(t *testing.T, o webhooktest.Options) provisiontest.Harness {
	t.Helper()
	target := newTarget(t, o)
	server := httptest.NewServer(target)
	t.Cleanup(server.Close)
	url := server.URL + "/access?key=" + "tok3n-in-the-url"
	h := provisiontest.Harness{
		Connect: func(t *testing.T) provision.Driver { return connect(t, configFor(url)) },
		Holds: func(_ *testing.T, g provision.Grant) bool {
			for _, i := range g.Items {
				if !target.Holds(g.Person.Email, i.Resource, i.Permission) {
					return false
				}
			}
			return true
		},
		Left: func(*testing.T) []string {
			left := append(target.Violations(), target.Logins()...)
			for _, a := range target.All() {
				left = append(left, fmt.Sprint(a))
			}
			return left
		},
		Down:    func(*testing.T) func() { return target.Down() },
		Hang:    func(*testing.T) (<-chan struct{}, func()) { return target.Hang() },
		Items:   []flows.Item{item("database", "orders", "read"), item("database", "orders", "write"), item("database", "users", "read"), item("queue", "mail", "drain")},
		Hostile: []flows.Item{item("database", `o'r"d;ers--\`, "write"), item("queue", "数据🙂\u202e", "drain"), item("queue", strings.Repeat("long", 500), "drain")},
		Refused: []flows.Item{item("database", "nowhere", "read")},
		Secrets: []flows.Secret{webhooktest.Secret, "tok3n-in-the-url"},
	}
	if !o.NoCredentials {
		h.Login = func(t *testing.T, c provision.Credentials) error { return login(t, server.URL, c) }
	}
	return h
}

func TestConform(t *testing.T) {
	provisiontest.Conform(t, harness(t, webhooktest.Options{}))
}

// TestConformWithoutCredentials is a system that only knows who may what.
func TestConformWithoutCredentials(t *testing.T) {
	provisiontest.Conform(t, harness(t, webhooktest.Options{NoCredentials: true}))
}
