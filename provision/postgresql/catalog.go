package postgresql

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
)

// kind of an object, as GRANT has it.
type kind string

const (
	kindDatabase kind = "DATABASE"
	kindSchema   kind = "SCHEMA"
	kindTable    kind = "TABLE" // and all that is read like one
	kindSequence kind = "SEQUENCE"
)

// object is something in one database on which privileges are given.
type object struct {
	kind         kind
	schema, name string // schema is empty for databases and schemas
}

func (o object) ident() string {
	if o.schema == "" {
		return ident(o.name)
	}
	return ident(o.schema, o.name)
}

// String names the object in a sentence.
func (o object) String() string {
	word := map[kind]string{kindDatabase: "database", kindSchema: "schema", kindTable: "table", kindSequence: "sequence"}[o.kind]
	if o.schema == "" {
		return fmt.Sprintf("%s %q", word, o.name)
	}
	return fmt.Sprintf("%s %q in schema %q", word, o.name, o.schema)
}

// entry is an object that is offered.
type entry struct {
	object
	relkind   string   // of pg_class; empty for databases and schemas
	column    string   // sequences: the table whose column draws on it
	own       bool     // the role of the grant owns it, and needs no privileges
	grantable []string // the privileges that the bot may give
}

// Letters of pg_class.relkind: https://www.postgresql.org/docs/current/catalog-pg-class.html
const (
	relTable        = "r"
	relPartitioned  = "p"
	relView         = "v"
	relMaterialized = "m"
	relForeign      = "f"
	relSequence     = "S"
)

var relNames = map[string]string{
	relTable: "table", relPartitioned: "partitioned table", relView: "view",
	relMaterialized: "materialized view", relForeign: "foreign table",
}

// Privileges by what they are given on. The server's own list of a table also
// has TRIGGER, which is left out: see the package comment.
// https://www.postgresql.org/docs/current/ddl-priv.html
var (
	databasePrivileges = []string{"CONNECT", "CREATE", "TEMPORARY"}
	schemaPrivileges   = []string{"USAGE", "CREATE"}
	sequencePrivileges = []string{"SELECT", "USAGE", "UPDATE"}
	tablePrivileges    = []string{"SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES"}
)

const (
	maintain        = "MAINTAIN"
	maintainVersion = 170000 // server_version_num
)

// catalog is what one database offers.
type catalog struct {
	version  int // server_version_num
	database entry
	schemas  map[string]entry
	// relations are tables, the like, and sequences, by schema and name, without
	// those of schemas that were not asked for.
	relations map[[2]string]entry
}

// offeredSchemas has those of extensions taken out: what is theirs has the
// privileges that the extension gave. Parameter 1: the excluded ones.
const offeredSchemas = `n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND n.nspname <> ALL ($1::text[])
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.deptype = 'e')`

const offeredRelations = `c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND c.relpersistence <> 't'
	AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`

// loadCatalog reads the database of tx as it is for a role. Schemas restricts
// relations; nil: all.
func (c *connection) loadCatalog(ctx context.Context, tx pgx.Tx, r *role, schemas []string) (*catalog, error) {
	out := &catalog{schemas: map[string]entry{}, relations: map[[2]string]entry{}}
	out.database.kind = kindDatabase
	err := tx.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_database()::text,
		ARRAY(SELECT p FROM unnest($1::text[]) p WHERE has_database_privilege(current_database(), p || ' WITH GRANT OPTION'))`,
		databasePrivileges).Scan(&out.version, &out.database.name, &out.database.grantable)
	if err != nil {
		return nil, err
	}
	rows, err := tx.Query(ctx, `SELECT n.nspname::text, n.nspowner = $3::oid,
		ARRAY(SELECT p FROM unnest($2::text[]) p WHERE has_schema_privilege(n.oid, p || ' WITH GRANT OPTION'))
		FROM pg_namespace n WHERE `+offeredSchemas, c.excluded, schemaPrivileges, r.oid)
	if err != nil {
		return nil, err
	}
	e := entry{object: object{kind: kindSchema}}
	_, err = pgx.ForEachRow(rows, []any{&e.name, &e.own, &e.grantable}, func() error {
		out.schemas[e.name] = e
		e.grantable = nil
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, c.loadRelations(ctx, tx, out, r, schemas)
}

func (c *connection) loadRelations(ctx context.Context, tx pgx.Tx, out *catalog, r *role, schemas []string) error {
	rows, err := tx.Query(ctx, `SELECT n.nspname::text, c.relname::text, c.relkind::text, coalesce(t.relname, '')::text, c.relowner = $5::oid,
		CASE c.relkind
		WHEN 'S' THEN ARRAY(SELECT p FROM unnest($2::text[]) p WHERE has_sequence_privilege(c.oid, p || ' WITH GRANT OPTION'))
		ELSE ARRAY(SELECT p FROM unnest($3::text[]) p WHERE has_table_privilege(c.oid, p || ' WITH GRANT OPTION')) END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_depend o ON c.relkind = 'S' AND o.classid = 'pg_class'::regclass AND o.objid = c.oid AND o.objsubid = 0
			AND o.refclassid = 'pg_class'::regclass AND o.deptype IN ('a', 'i')
		LEFT JOIN pg_class t ON t.oid = o.refobjid
		WHERE `+offeredSchemas+` AND `+offeredRelations+` AND ($4::text[] IS NULL OR n.nspname = ANY ($4::text[]))`,
		c.excluded, sequencePrivileges, out.tablePrivileges(), schemas, r.oid)
	if err != nil {
		return err
	}
	var e entry
	_, err = pgx.ForEachRow(rows, []any{&e.schema, &e.name, &e.relkind, &e.column, &e.own, &e.grantable}, func() error {
		e.kind = kindTable
		if e.relkind == relSequence {
			e.kind = kindSequence
		}
		out.relations[[2]string{e.schema, e.name}] = e
		e.grantable = nil
		return nil
	})
	return err
}

func (cat *catalog) tablePrivileges() []string {
	if cat.version >= maintainVersion {
		return append(slices.Clone(tablePrivileges), maintain)
	}
	return tablePrivileges
}

// privileges is what a permission gives on an object inside its resource. Above
// the resource it is CONNECT and USAGE alone.
func (cat *catalog) privileges(e entry, permission string) []string {
	all := map[kind][]string{
		kindDatabase: databasePrivileges, kindSchema: schemaPrivileges, kindSequence: sequencePrivileges, kindTable: cat.tablePrivileges(),
	}[e.kind]
	if e.relkind == relMaterialized { // its rows come from its query alone
		all = slices.DeleteFunc(slices.Clone(all), func(p string) bool { return p != "SELECT" && p != maintain })
	}
	var wanted []string
	switch permission {
	case admin:
		return all
	case readWrite:
		wanted = map[kind][]string{
			kindDatabase: {"CONNECT"}, kindSchema: {"USAGE"}, kindSequence: {"SELECT", "USAGE"},
			kindTable: {"SELECT", "INSERT", "UPDATE", "DELETE"},
		}[e.kind]
	default:
		wanted = map[kind][]string{kindDatabase: {"CONNECT"}, kindSchema: {"USAGE"}, kindSequence: {"SELECT"}, kindTable: {"SELECT"}}[e.kind]
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(p string) bool { return !slices.Contains(all, p) })
}
