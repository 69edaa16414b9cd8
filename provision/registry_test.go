package provision_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
	"apono/provision"
)

func containsAny(s string, parts ...string) bool {
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// typ is a type whose connections tell their name in an issue.
func typ(name string) provision.Type {
	return provision.Type{Name: name, New: func(context.Context, provision.Spec) (provision.Connection, []flows.Issue) {
		return nil, []flows.Issue{{Message: name}}
	}}
}

func TestRegistry(t *testing.T) {
	r, err := provision.NewRegistry(typ("webhook"), typ("postgresql"), typ("static"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"postgresql", "static", "webhook"}, r.Names()); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, name := range r.Names() {
		found, ok := r.Type(name)
		if !ok {
			t.Fatalf("no type %q", name)
		}
		if _, issues := found.New(t.Context(), provision.Spec{}); found.Name != name || issues[0].Message != name {
			t.Errorf("type %q is another one: %v", name, issues)
		}
	}
	if _, ok := r.Type("Webhook"); ok {
		t.Error("names of types have no case")
	}
}

func TestRegistryOfNone(t *testing.T) {
	r, err := provision.NewRegistry()
	if err != nil || len(r.Names()) != 0 {
		t.Errorf("names %q, %v", r.Names(), err)
	}
}

func TestRegistryRefusesTheSameNameTwice(t *testing.T) {
	r, err := provision.NewRegistry(typ("static"), typ("webhook"), typ("static"))
	if r != nil || err == nil || !strings.Contains(err.Error(), `"static"`) {
		t.Errorf("registry %v, error %v", r, err)
	}
}
