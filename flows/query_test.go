package flows_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// scoped is the company with an access scope "s" of this query, offered whole to
// developers, automatically.
func scoped(query string, permissions ...string) *world {
	w := newWorld()
	w.policy.Scopes = []flows.AccessScope{{Name: "s", Query: query}}
	w.flow().Targets, w.flow().Approval = []flows.Target{{AccessScope: "s", Permissions: permissions}}, nil
	return w
}

// units writes units as "orders:read".
func unitNames(w flows.World, units []flows.Unit) string {
	var out []string
	for _, u := range units {
		r, _ := w.Inventory.Resource(u.Integration, u.ResourceType, u.Resource)
		out = append(out, r.Name+":"+u.Permission)
	}
	return strings.Join(out, " ")
}

// TestQuery: what each field and operator finds among orders (prod, cluster-1),
// users (test, cluster-2) and audit (no tags, no parents).
func TestQuery(t *testing.T) {
	const all = "audit orders users"
	for _, tt := range []struct{ query, want string }{
		{`resource_name = "orders"`, "orders"},
		{`resource_name = "Orders"`, ""},
		{`resource_name != "orders"`, "audit users"},
		{`resource_name contains "er"`, "orders users"},
		{`resource_name not_contains "er"`, "audit"},
		{`resource_name starts_with "o"`, "orders"},
		{`resource_name ends_with "s"`, "orders users"},
		{`resource_name in ("orders", "audit")`, "audit orders"},
		{`resource_name in ["orders"]`, "orders"},
		{`resource_name not_in ("orders", "audit")`, "users"},
		{`resource = "db-2"`, "users"},
		{`resource_source_id = "db-2"`, "users"},
		{`resource_type = "database"`, all},
		{`integration = "pg" AND integration_name = "pg"`, all},
		{`integration = "pg2"`, ""},
		{`resource_path = "cluster-1/public"`, "orders"},
		{`resource_path starts_with "cluster-"`, "orders users"},
		{`resource_tag["env"] = "prod"`, "orders"},
		{`resource_tag [ "env" ] != "prod"`, "audit users"},
		{`resource_tag["none"] contains ""`, ""},
		{`resource_tag["env"] not_in ("prod", "test")`, "audit"},
		{`not resource_name = "orders"`, "audit users"},
		{`not not resource_name = "orders"`, "orders"},
		{`resource_name = "orders" or resource_name = "users" and resource_tag["env"] = "prod"`, "orders"},
		{`(resource_name = "orders" OR resource_name = "users") AND resource_tag["env"] = "test"`, "users"},
		{`NOT (resource_name = "orders" or resource_name = "users")`, "audit"},
		{`not resource_name = "orders" and not resource_name = "users"`, "audit"},
		{"resource_name\n=\t\"orders\"", "orders"},
		{`resource_name="orders"`, "orders"},
		{`resource_name = "\"\\"`, ""},
		{`permission = "read"`, all},
		{`permission_name = "Write" and resource_name = "audit"`, "audit"},
	} {
		w := scoped(tt.query)
		now := w.now()
		var names []string
		for _, u := range now.ScopeUnits("s", 0) {
			r, _ := now.Inventory.Resource(u.Integration, u.ResourceType, u.Resource)
			if len(names) == 0 || names[len(names)-1] != r.Name {
				names = append(names, r.Name)
			}
		}
		if got := strings.Join(names, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.query, got, tt.want)
		}
	}
}

// TestQuery_Wrong: what is wrong, at which character, and what to do.
func TestQuery_Wrong(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{``, `1:1 the query is empty (write for example resource_tag["env"] = "prod")`},
		{"  \n ", `2:2 the query is empty (write for example resource_tag["env"] = "prod")`},
		{`resource_nam = "a"`, `1:1 there is no field "resource_nam" (did you mean "resource_name"?)`},
		{`resource_context["a"] = "b"`, `1:1 no integration tells the resource context (tags are compared with resource_tag)`},
		{`resource_name is "a"`, `1:15 an operator is missing; "is" stands there (one of !=, =, contains, ends_with, in, not_contains, not_in, starts_with)`},
		{`resource_name`, `1:14 an operator is missing; the end stands there (one of !=, =, contains, ends_with, in, not_contains, not_in, starts_with)`},
		{`resource_name "="`, `1:15 an operator is missing; the value "=" stands there (one of !=, =, contains, ends_with, in, not_contains, not_in, starts_with)`},
		{`resource_name = a`, `1:17 a value in double quotes is missing; "a" stands there (write "value")`},
		{`resource_name = 'a'`, `1:17 values are written in double quotes (write "value")`},
		{`resource_name = "a`, `1:17 the value has no closing quote`},
		{"resource_name = \"a\n\"", `1:19 a value must not hold the end of a line`},
		{`resource_name = "a\n"`, `1:19 a backslash stands before " or \ only (write \\ for a backslash)`},
		{`resource_name in "a"`, `1:18 a list is missing; the value "a" stands there (write ("a", "b"))`},
		{`resource_name in ()`, `1:19 a value in double quotes is missing; ")" stands there (write ("a", "b"))`},
		{`resource_name in ("a" "b")`, `1:23 ")" is missing to close the list; the value "b" stands there`},
		{`resource_name in ["a")`, `1:22 "]" is missing to close the list; ")" stands there`},
		{`resource_tag = "a"`, `1:14 "[" is missing after resource_tag; "=" stands there`},
		{`resource_tag[env] = "a"`, `1:14 the key of the tag is missing; "env" stands there (write resource_tag["env"])`},
		{`resource_tag["env" = "a"`, `1:20 "]" is missing after the key; "=" stands there`},
		{`(resource_name = "a"`, `1:21 ")" is missing to close the parenthesis; the end stands there`},
		{`resource_name = "a")`, `1:20 ")" is not expected here (join comparisons with and, or)`},
		{`resource_name = "a" resource_name = "b"`, `1:21 "resource_name" is not expected here (join comparisons with and, or)`},
		{`resource_name = "a" and`, `1:24 a field is missing; the end stands there (write for example resource_name = "orders")`},
		{`"a" = "b"`, `1:1 a field is missing; the value "a" stands there (write for example resource_name = "orders")`},
		{`resource_name = "äö" ; x`, `1:22 the character ';' is not expected here (values are written in double quotes)`},
		{`resource_name ! "a"`, `1:15 the character '!' is not expected here (values are written in double quotes)`},
		{strings.Repeat("(", 200), `1:102 this is nested more than 100 deep`},
		{strings.Repeat("not ", 200), `1:405 this is nested more than 100 deep`},
		{strings.Repeat("x", flows.MaxQuery+1), `1:1 a query may be at most 10000 bytes long (make several access scopes)`},
	} {
		_, err := flows.ParseQuery(tt.query)
		wrong, ok := errors.AsType[*flows.QueryError](err)
		if !ok {
			t.Errorf("%.40s: %v", tt.query, err)
			continue
		}
		got := fmt.Sprintf("%d:%d %s", wrong.Line, wrong.Column, wrong.Message)
		if wrong.Hint != "" {
			got += " (" + wrong.Hint + ")"
		}
		if got != tt.want {
			t.Errorf("%.40s:\n got %s\nwant %s", tt.query, got, tt.want)
		}
	}
}

// FuzzQuery: no text makes the parser panic; what is wrong is wrong at a place
// in the text; and what is right says the same of a thing and, under `not`, the
// opposite.
func FuzzQuery(f *testing.F) {
	for _, q := range []string{
		`resource_tag["pii"] = "true" and not (resource_name starts_with "tmp" or integration in ("a", "b"))`,
		`permission not_in ["x"] OR resource_path != "\\\""`, `((((`, "resource_name = \"\xff\"", `not`, `resource_tag["`,
	} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, text string) {
		q, err := flows.ParseQuery(text)
		if err != nil {
			wrong, ok := errors.AsType[*flows.QueryError](err)
			if !ok || wrong.Offset < 0 || wrong.Offset > len(text) || wrong.Line < 1 || wrong.Column < 1 || wrong.Message == "" {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		if q.String() != text {
			t.Fatalf("%q became %q", text, q)
		}
		if len(text)+6 > flows.MaxQuery {
			return
		}
		held, refused := scoped(text).now(), scoped("not ("+text+")").now()
		if _, err := flows.ParseQuery("not (" + text + ")"); err != nil {
			return // as deep as it may be
		}
		all := scoped(`integration = "pg"`).now()
		if n, of := len(held.ScopeUnits("s", 0))+len(refused.ScopeUnits("s", 0)), len(bothPermissions(all)); n != of {
			t.Fatalf("%q and its opposite hold %d of %d", text, n, of)
		}
	})
}

func bothPermissions(w flows.World) []flows.Unit {
	var out []flows.Unit
	for _, r := range w.Inventory.Resources("pg", "database") {
		out = append(out, pgUnit(r.ID, "read"), pgUnit(r.ID, "write"))
	}
	return out
}

// TestScopeAsTarget: alone, in a bundle, beside other targets; what appears later
// belongs to it; the offer, the verdict and the click agree.
func TestScopeAsTarget(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		permissions []string
		want, later string
	}{
		{"all it holds", `resource_tag["env"] = "prod" and permission = "read"`, nil, "orders:read", "later:read orders:read"},
		{"some permissions", `resource_tag["env"] = "prod"`, []string{"write"}, "orders:write", "later:write orders:write"},
		{"by permission", `permission = "read" and resource_name = "users" or permission = "write" and resource_name = "audit"`, nil, "users:read audit:write", "users:read audit:write"},
		{"permissions that it does not hold", `permission = "read"`, []string{"write"}, "", ""},
		{"nothing", `resource_name = "ghost"`, []string{"read"}, "", ""},
	} {
		w := scoped(tt.query, tt.permissions...)
		w.policy.Bundles = []flows.Bundle{{Name: "b", Targets: []flows.Target{{AccessScope: "s", Permissions: tt.permissions}}}}
		inBundle := readFlow()
		inBundle.Name, inBundle.Targets, inBundle.Approval = "bundled", []flows.Target{{Bundle: "b"}}, nil
		w.policy.Flows = append(w.policy.Flows, inBundle)
		agree := func() string {
			now := w.now()
			var allowed []flows.Unit
			for _, u := range bothPermissions(now) {
				q := ask(t, now, "alice", u)
				v := now.Evaluate(q)
				q.Bundle = "b"
				vb := now.Evaluate(q)
				byHand := flows.World{People: now.People, Inventory: now.Inventory, Catalog: now.Catalog}
				if vb.Allowed() != v.Allowed() || byHand.Evaluate(q).Allowed() != v.Allowed() {
					t.Errorf("%s: %v alone %t, in the bundle %t", tt.name, u, v.Allowed(), vb.Allowed())
				}
				r, _ := now.Inventory.Resource(u.Integration, u.ResourceType, u.Resource)
				o := now.OfferTo(q.Requestor, nil, noon)
				offered := o.Has("pg", r) && cmp.Equal(true, hasPermission(o.Permissions("pg", "database", []string{u.Resource}), u.Permission))
				if offered != v.Allowed() {
					t.Errorf("%s: %v offered %t, allowed %t", tt.name, u, offered, v.Allowed())
				}
				if v.Allowed() {
					allowed = append(allowed, u)
				}
			}
			got := unitNames(now, now.BundleUnits("b", 0))
			if len(allowed) != len(strings.Fields(got)) {
				t.Errorf("%s: the bundle holds %q, allowed are %v", tt.name, got, allowed)
			}
			return got
		}
		if got := agree(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
		w.resources = append(w.resources, flows.Resource{Type: "database", ID: "db-9", Name: "later", Tags: map[string]string{"env": "prod"}})
		if got := agree(); got != tt.later {
			t.Errorf("%s, later: %q, want %q", tt.name, got, tt.later)
		}
	}
}

func hasPermission(ps []flows.Permission, id string) bool {
	for _, p := range ps {
		if p.ID == id {
			return true
		}
	}
	return false
}

// TestScopeThatChanges: a scope that has become narrower wins at the click.
func TestScopeThatChanges(t *testing.T) {
	w := scoped(`resource_tag["env"] = "prod"`, "read")
	w.flow().Approval = readFlow().Approval
	r := pendingRead(t, w)
	now := w.now()
	if _, err := now.MayDecide(&r, who(t, now, "bob")); err != nil {
		t.Fatal(err)
	}
	w.policy.Scopes[0].Query = `resource_tag["env"] = "test"`
	now = w.now()
	_, err := now.MayDecide(&r, who(t, now, "bob"))
	wantCode(t, err, flows.CodeRefused, "The access flow read has changed since AR-1 was asked and does not cover it any more. Please have it asked again.")
	w.policy.Scopes = nil
	now = w.now()
	_, err = now.MayDecide(&r, who(t, now, "bob"))
	wantCode(t, err, flows.CodeRefused, "")
}

// TestCheck_Scopes: a scope that matches nothing of what there is.
func TestCheck_Scopes(t *testing.T) {
	w := scoped(`resource_name = "ghost"`, "read")
	w.policy.Scopes = append(w.policy.Scopes, flows.AccessScope{Name: "t", Query: `resource_name = "orders"`}, flows.AccessScope{Name: "t", Query: `resource_name = "orders"`})
	now := w.now()
	var got []string
	for _, issue := range w.policy.Check(flows.Known{Inventory: now.Inventory}) {
		got = append(got, issue.Path+" "+issue.Code)
	}
	if diff := cmp.Diff([]string{"access_scopes[0].query scope_matches_nothing", "access_scopes[2].name duplicate_name"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
