package postgresql_test

import (
	"cmp"
	"fmt"
	"net/url"
	"testing"

	"apono/flows"
	"apono/provision"
	"apono/provision/provisiontest"
)

// TestConform takes one set-up of the least rights on each version; the stories take
// the others too.
func TestConform(t *testing.T) {
	t.Parallel()
	for version, set := range map[string][]setup{"15": {member}, "18": {options}} {
		for _, s := range set {
			t.Run("PostgreSQL "+version+" "+string(s), func(t *testing.T) {
				t.Parallel()
				conform(t, newWorld(t, version, s))
			})
		}
	}
}

func conform(t *testing.T, w *world) {
	t.Helper()
	proxy := provisiontest.NewProxy(t, w.admin.Host)
	u, err := url.Parse(w.botDSN())
	if err != nil {
		t.Fatal(err)
	}
	u.Host = proxy.Addr()
	provisiontest.Conform(t, provisiontest.Harness{
		// Only these: other tests make and drop databases on the same server.
		Connect: func(t *testing.T) provision.Driver {
			t.Helper()
			return w.connect(t, u.String(), fmt.Sprintf("databases: [%q, %q]", w.shop, w.other))
		},
		Holds: w.holds,
		Down:  proxy.Down,
		Hang:  proxy.Hang,
		Items: []flows.Item{
			w.item("read_write", w.shop, "public", "orders"), w.item("read_only", w.shop, "hr"), w.item("read_only", w.other),
		},
		Left: w.roles,
		Login: func(t *testing.T, c provision.Credentials) error {
			t.Helper()
			return w.as(t, c, cmp.Or(field(c, "database"), w.shop), "SELECT 1")
		},
		Hostile: []flows.Item{
			w.item("read_only", w.other, hostileSchema), w.item("admin", w.other, hostileSchema, hostileTable),
			w.item("read_write", w.other, hostileSchema, longTable),
		},
		Refused: []flows.Item{w.item("read_only", w.shop, "public", "nosuch")},
		Secrets: []flows.Secret{botPassword, flows.Secret(u.String()), flows.Secret(url.QueryEscape(botPassword))},
	})
}

// holds asks the server's own functions, as the superuser.
func (w *world) holds(t *testing.T, g provision.Grant) bool {
	t.Helper()
	roles := w.texts(t, "postgres", `SELECT rolname::text FROM pg_roles WHERE rolcanlogin AND shobj_description(oid, 'pg_authid') = $1`,
		`apono grant "`+g.ID+`" of integration "`+w.integration+`"`)
	if len(roles) != 1 {
		return false
	}
	for _, item := range g.Items {
		if !w.may(t, roles[0], item) {
			return false
		}
	}
	return true
}

// may reports whether a role has what an item means, on all there is now.
func (w *world) may(t *testing.T, role string, item flows.Item) bool {
	t.Helper()
	database, schema, table := w.split(item)
	privileges := map[string]string{
		"read_only": "SELECT", "read_write": "SELECT,INSERT,UPDATE,DELETE", "admin": "SELECT,INSERT,UPDATE,DELETE,TRUNCATE,REFERENCES",
	}[item.Permission]
	lacking := w.texts(t, database, `
		SELECT 'CONNECT' WHERE NOT has_database_privilege($1, current_database(), 'CONNECT')
		UNION ALL SELECT 'USAGE ' || nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
			AND $2 IN ('', nspname::text) AND NOT has_schema_privilege($1, oid, 'USAGE')
		UNION ALL SELECT p || ' ' || relname FROM pg_class c, unnest(string_to_array($4, ',')) p
			WHERE relnamespace::regnamespace::text NOT IN ('pg_catalog', 'pg_toast', 'information_schema')
			AND relkind IN ('r', 'p', 'v', 'm') AND (relkind <> 'm' OR p = 'SELECT')
			AND $2 IN ('', (SELECT nspname::text FROM pg_namespace n WHERE n.oid = relnamespace))
			AND $3 IN ('', relname::text) AND NOT has_table_privilege($1, c.oid, p)`,
		role, schema, table, privileges)
	return len(lacking) == 0
}
