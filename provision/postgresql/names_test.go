package postgresql

import (
	"flag"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"apono/flows"
	"apono/provision"
)

// The same cases are drawn in every run; -rapid.seed draws others, -rapid.seed=0 ever new ones.
var _ = flag.Set("rapid.seed", "1")

func TestResourceID(t *testing.T) {
	for want, parts := range map[string][]string{
		"shop":                 {"shop"},
		"shop/public/orders":   {"shop", "public", "orders"},
		"a%2Fb/%25/%252F":      {"a/b", "%", "%2F"},
		`a"b/架构 🙂/ space ; --`: {`a"b`, "架构 🙂", " space ; --"},
	} {
		if got := resourceID(parts...); got != want {
			t.Errorf("resourceID(%q) = %q", parts, got)
		}
		if got, ok := parseID(want, len(parts)); !ok || !slices.Equal(got, parts) {
			t.Errorf("parseID(%q) = %q, %t", want, got, ok)
		}
	}
	for _, bad := range []string{"", "/", "a/", "/a", "a//b", "a/b/c/d", "a/%2f", "a/%", "a/%2G", "a/%41"} {
		for parts := range 4 {
			if got, ok := parseID(bad, parts); ok {
				t.Errorf("parseID(%q, %d) = %q", bad, parts, got)
			}
		}
	}
	if _, ok := parseID("shop/public", 3); ok {
		t.Error("a schema's id counts as that of a table")
	}
}

// TestResourceIDIsUnambiguous: no two lists of names share an id.
func TestResourceIDIsUnambiguous(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringOfN(rapid.RuneFrom([]rune(`a%/25F"é `)), 1, 6, -1)
		parts := rapid.SliceOfN(name, 1, 3).Draw(t, "parts")
		got, ok := parseID(resourceID(parts...), len(parts))
		if !ok || !slices.Equal(got, parts) {
			t.Fatalf("%q became %q", parts, got)
		}
	})
}

func TestRoleName(t *testing.T) {
	grant := func(request, email string) provision.Grant {
		return provision.Grant{ID: request + "/pg", Request: request, Person: flows.PersonRef{Email: email}}
	}
	for want, g := range map[string]provision.Grant{
		"apono_ar12_alice_":             grant("AR-12", "alice@example.com"),
		"apono_ar13_o_brien_drop_role_": grant("AR-13", `o'brien"; drop role--@example.com`),
		"apono_ar14_x_":                 grant("AR-14", "李雷@example.com"),
		"apono_ar15_s_ren_":             grant("AR-15", "Søren@example.com"),
		"apono_x_x_":                    grant("", ""),
		"apono_ar1234567890123456_aaaaaaaaaaaaaaaaaaaaaaaa_"[:22]: grant("AR-12345678901234567890", strings.Repeat("a", 64)+"@example.com"),
	} {
		got := roleName(g)
		if !strings.HasPrefix(got, want) || len(got) > 63 || got != roleName(g) {
			t.Errorf("role name %q, want %q and a hash", got, want)
		}
	}
	a, b := grant("AR-1", "a.b@example.com"), grant("AR-1", "a-b@example.com")
	b.ID = "AR-1/other"
	if roleName(a) == roleName(b) {
		t.Error("two grants share a role")
	}
	stamped := grant("AR-1", "alice@example.com")
	stamped.ID = "AR-1.7kq2m4xa/pg"
	atTheEnd := stamped
	atTheEnd.Request = "AR-1.7kq2m4xa"
	if got := roleName(stamped); !strings.HasPrefix(got, "apono_ar1_alice_") || got != roleName(atTheEnd) {
		t.Errorf("role %q, and %q where the request is written otherwise", got, roleName(atTheEnd))
	}
}

func TestRoleNameIsSafe(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := provision.Grant{ID: rapid.String().Draw(t, "id"), Request: rapid.String().Draw(t, "request"), Person: flows.PersonRef{Email: rapid.String().Draw(t, "email")}}
		name := roleName(g)
		unsafe := func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') }
		if len(name) > 63 || strings.ContainsFunc(name, unsafe) || !strings.HasPrefix(name, rolePrefix) {
			t.Fatalf("role name %q", name)
		}
		comment := grantComment(g.Request, g.ID)
		if strings.ContainsFunc(comment, func(r rune) bool { return r >= utf8.RuneSelf || r < ' ' }) {
			t.Fatalf("comment %q", comment)
		}
	})
}

func TestComment(t *testing.T) {
	if got, want := grantComment("prod", "AR-12/prod"), `apono grant "AR-12/prod" of integration "prod"`; got != want {
		t.Errorf("comment %s, want %s", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		integration, id := rapid.String().Draw(t, "integration"), rapid.String().Draw(t, "id")
		gotIntegration, gotID, ok := parseComment(grantComment(integration, id))
		if !ok || gotIntegration != integration || gotID != id {
			t.Fatalf("%q of %q became %q of %q, %t", id, integration, gotID, gotIntegration, ok)
		}
	})
	for _, foreign := range []string{"", "a role", "apono grant ", `apono grant "AR-1"`, `apono grant "AR-1" of integration pg`, `apono grant "AR-1" of integration "pg" and more`, keptComment} {
		if _, id, ok := parseComment(foreign); ok {
			t.Errorf("%q is taken for the comment of %q", foreign, id)
		}
	}
}
