package postgresql_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// idle are worlds that nobody uses and that look as they were made. To make a world
// is half of what most tests cost.
var idle pool

type pool struct {
	mu     sync.Mutex
	worlds []*world
}

func (p *pool) take(version string, s setup) *world {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.worlds {
		if w.version == version && w.setup == s {
			p.worlds = append(p.worlds[:i:i], p.worlds[i+1:]...)
			return w
		}
	}
	return nil
}

func (p *pool) give(w *world) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.worlds = append(p.worlds, w)
}

// TestMain lets more tests run at once than there are processors, since the servers
// do the work, and drops what is idle at the end.
func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		_ = f.Value.Set("6")
	}
	status := m.Run()
	for _, w := range idle.worlds {
		if err := w.forget(); err != nil {
			fmt.Fprintln(os.Stderr, "drop a world:", err)
			status = max(status, 1)
		}
	}
	os.Exit(status)
}

func (w *world) forget() error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, w.dsn(w.admin.User, "postgres"))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, sql := range []string{"DROP DATABASE " + q(w.shop) + " WITH (FORCE)", "DROP DATABASE " + q(w.other) + " WITH (FORCE)", "DROP ROLE " + q(w.bot), "DROP ROLE " + q(w.owner)} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// looks is all that a test could change about a world: roles and what they are
// members of, settings, and in both databases who owns what, the rights on it, and
// what tables and sequences hold.
// Where it cannot be told, it is empty.
func (w *world) looks(t *testing.T) string {
	t.Helper()
	var out []string
	ask := func(database, sql string, args ...any) bool {
		found, err := w.query(t, database, sql, args...)
		out = append(out, found...)
		return err == nil
	}
	if !ask("postgres", `
		SELECT d::text FROM pg_database d WHERE datname IN ($1, $2)
		UNION ALL SELECT r::text || coalesce(shobj_description(r.oid, 'pg_authid'), '') FROM pg_authid r
			WHERE rolname LIKE '%' || $3 || '%' OR shobj_description(r.oid, 'pg_authid') LIKE '%' || $3 || '%'
		UNION ALL SELECT m.roleid::regrole::text || ' ' || m.member::regrole::text FROM pg_auth_members m
			WHERE m.roleid::regrole::text LIKE '%' || $3 || '%' OR m.member::regrole::text LIKE '%' || $3 || '%'
		UNION ALL SELECT s::text FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase WHERE datname IN ($1, $2)
		UNION ALL SELECT s::text FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = setrole WHERE rolname LIKE '%' || $3 || '%'
		ORDER BY 1`, w.shop, w.other, w.tag) {
		return ""
	}
	for _, database := range []string{w.shop, w.other} {
		if !ask(database, `
			SELECT concat_ws(' ', 'n', nspname, nspowner, nspacl) FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp_'
			UNION ALL SELECT concat_ws(' ', 'c', relnamespace, relname, relkind, relowner, relacl, relrowsecurity) FROM pg_class WHERE relnamespace::regnamespace::text !~ '^pg_'
			UNION ALL SELECT concat_ws(' ', 'a', attrelid, attname, attacl) FROM pg_attribute WHERE attacl IS NOT NULL
			UNION ALL SELECT concat_ws(' ', 'd', d::text) FROM pg_default_acl d
			UNION ALL SELECT concat_ws(' ', 'p', pronamespace, proname, proowner, proacl) FROM pg_proc WHERE oid >= 16384
			UNION ALL SELECT concat_ws(' ', 't', typnamespace, typname, typowner, typacl) FROM pg_type WHERE oid >= 16384
			UNION ALL SELECT concat_ws(' ', 'e', extname) FROM pg_extension
			UNION ALL SELECT concat_ws(' ', 'l', count(*)) FROM pg_largeobject_metadata
			UNION ALL SELECT concat_ws(' ', 'g', count(*)) FROM pg_event_trigger
			UNION ALL SELECT concat_ws(' ', 'f', oid::text) FROM pg_foreign_server
			UNION ALL SELECT concat_ws(' ', 's', relname, pg_sequence_last_value(oid)) FROM pg_class WHERE relkind = 'S'
			ORDER BY 1`) {
			return ""
		}
	}
	if !ask(w.shop, `
		SELECT 'orders ' || o::text FROM public.orders o UNION ALL SELECT 'secrets ' || s::text FROM public.secrets s
		UNION ALL SELECT 'people ' || p::text FROM hr.people p UNION ALL SELECT 'events ' || e::text FROM public.events e ORDER BY 1`) {
		return ""
	}
	return strings.Join(out, "\n")
}
