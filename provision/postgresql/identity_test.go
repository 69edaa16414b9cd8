package postgresql_test

import (
	"strings"
	"testing"

	"apono/provision"
)

// TestIdentityTellsServersApart, for a bot with the least rights.
func TestIdentityTellsServersApart(t *testing.T) {
	seen := map[string]string{}
	for _, version := range versions {
		w := newWorld(t, version, options)
		id, err := w.driver(t).(provision.Identifier).Identity(t.Context())
		if err != nil || !strings.HasPrefix(id, "system ") || seen[id] != "" {
			t.Errorf("PostgreSQL %s is %q, %v; so is PostgreSQL %s", version, id, err, seen[id])
		}
		seen[id] = version
	}
}

// TestNothingOfPeopleRunsAsTheBot: whoever may make objects in a schema of the home
// database can make operators that fit a careless statement better than those of the
// system, and what these call would have the rights of the bot.
// https://wiki.postgresql.org/wiki/A_Guide_to_CVE-2018-1058
func TestNothingOfPeopleRunsAsTheBot(t *testing.T) {
	everywhere(t, func(t *testing.T, w *world) {
		d := w.driver(t)
		before, err := d.(provision.Identifier).Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		g := w.grant(1, w.item("admin", w.shop, "public"))
		c := mustGrant(t, d, g)
		for _, right := range []string{"bigint", "oid", "name"} {
			function := q("public", "trap_"+right)
			for _, sql := range []string{
				"CREATE FUNCTION " + function + "(text, " + right + ") RETURNS text LANGUAGE plpgsql AS $$BEGIN RETURN pg_catalog.concat('run as ', current_user); END$$",
				"CREATE OPERATOR public.|| (LEFTARG = text, RIGHTARG = " + right + ", FUNCTION = " + function + ")",
			} {
				if err := w.as(t, c, w.shop, sql); err != nil {
					t.Fatal(err)
				}
			}
		}
		if got, err := d.(provision.Identifier).Identity(t.Context()); err != nil || got != before {
			t.Errorf("the server is %q, %v; it was %q", got, err, before)
		}
		mustRevoke(t, d, g)
	}, superuser, options)
}
