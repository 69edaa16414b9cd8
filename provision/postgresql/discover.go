package postgresql

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"apono/flows"
	"apono/provision"
)

// Tags of resources.
const (
	// TagKind of a table: table, partitioned table, view, materialized view or foreign table.
	TagKind = "kind"
	// TagUnreachable of a database says why the bot could not look inside.
	TagUnreachable = "unreachable"
)

// Discover lists databases, schemas and tables, sorted. A database that the bot
// may not enter is listed with TagUnreachable, and the others are not affected. An
// error means that the server itself did not answer.
func (c *connection) Discover(ctx context.Context) (flows.Holdings, error) {
	out := flows.Holdings{Integration: c.name, Types: slices.Clone(resourceTypes)}
	err := c.call(ctx, "discover", discoverTimeout, func(ctx context.Context) error {
		var databases map[string]string
		err := c.in(ctx, c.home, func(ctx context.Context, s *session) error {
			return s.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
				databases, err = c.listDatabases(ctx, tx)
				return err
			})
		})
		if err != nil {
			return err
		}
		for name, closed := range databases {
			resources, err := c.look(ctx, name, closed)
			if err != nil {
				return err
			}
			out.Resources = append(out.Resources, resources...)
		}
		return nil
	})
	if err != nil {
		return flows.Holdings{}, err
	}
	order := map[string]int{typeDatabase: 0, typeSchema: 1, typeTable: 2}
	slices.SortFunc(out.Resources, func(a, b flows.Resource) int {
		return cmp.Or(cmp.Compare(order[a.Type], order[b.Type]), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// listDatabases tells by name why a database cannot be looked into, or "".
func (c *connection) listDatabases(ctx context.Context, tx pgx.Tx) (map[string]string, error) {
	rows, err := tx.Query(ctx, `SELECT datname::text, datistemplate, datallowconn AND datconnlimit <> -2,
		has_database_privilege(oid, 'CONNECT') FROM pg_database`)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, name := range c.databases {
		out[name] = "there is no such database"
	}
	var name string
	var template, open, allowed bool
	_, err = pgx.ForEachRow(rows, []any{&name, &template, &open, &allowed}, func() error {
		_, listed := out[name]
		switch {
		case !listed && (len(c.databases) > 0 || template || !open):
		case !open:
			out[name] = "it takes no connections"
		case !allowed:
			out[name] = "the bot may not connect"
		default:
			out[name] = ""
		}
		return nil
	})
	return out, err
}

// look lists one database and what is in it.
func (c *connection) look(ctx context.Context, name, closed string) ([]flows.Resource, error) {
	database := flows.Resource{Type: typeDatabase, ID: resourceID(name), Name: name}
	var inside []flows.Resource
	if closed == "" {
		var err error
		inside, err = c.lookInside(ctx, name)
		if cut(err) {
			inside, err = c.lookInside(ctx, name)
		}
		if gone(err) {
			return nil, nil
		}
		if closed, err = c.unreachable(err); err != nil {
			return nil, err
		}
	}
	if closed != "" {
		database.Tags = map[string]string{TagUnreachable: closed}
	}
	return append([]flows.Resource{database}, inside...), nil
}

// cut reports that somebody ended the session, as DROP DATABASE does before it drops:
// a second look tells whether the database is still there.
func cut(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == stateAdminShutdown
}

// stateAdminShutdown is admin_shutdown:
// https://www.postgresql.org/docs/current/errcodes-appendix.html
const stateAdminShutdown = "57P01"

// unreachable tells a database that says no from a server that does not answer;
// a database that is full at the moment counts as the latter, so that its tables
// do not vanish from what is offered.
func (c *connection) unreachable(err error) (string, error) {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok && kindOfState(e.Code) == provision.KindRefused {
		return printable(e.Message), nil
	}
	return "", err
}

func (c *connection) lookInside(ctx context.Context, database string) ([]flows.Resource, error) {
	var out []flows.Resource
	err := c.in(ctx, database, func(ctx context.Context, s *session) error {
		return s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
			schemas, err := texts(ctx, tx, `SELECT n.nspname::text FROM pg_namespace n WHERE `+offeredSchemas, c.excluded)
			if err != nil {
				return err
			}
			for _, schema := range schemas {
				out = append(out, flows.Resource{Type: typeSchema, ID: resourceID(database, schema), Name: schema, Path: []string{database}})
			}
			rows, err := tx.Query(ctx, `SELECT n.nspname::text, c.relname::text, c.relkind::text
				FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
				WHERE `+offeredSchemas+` AND `+offeredRelations+` AND c.relkind <> 'S' AND NOT c.relispartition`, c.excluded)
			if err != nil {
				return err
			}
			var schema, table, relkind string
			_, err = pgx.ForEachRow(rows, []any{&schema, &table, &relkind}, func() error {
				out = append(out, flows.Resource{
					Type: typeTable, ID: resourceID(database, schema, table), Name: table, Path: []string{database, schema},
					Tags: map[string]string{TagKind: relNames[relkind]},
				})
				return nil
			})
			return err
		})
	})
	return out, err
}
