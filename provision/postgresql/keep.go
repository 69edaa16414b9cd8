package postgresql

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// keep hands what the role owns in the database of tx to the keeper. It must have
// no rights: functions and views run with those of their owner, so an owner with
// more rights than the person had would lend them to whoever calls what the
// person left.
func (c *connection) keep(ctx context.Context, tx pgx.Tx, r *role) error {
	var owns bool
	err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_shdepend s JOIN pg_database d ON s.dbid IN (0, d.oid)
		WHERE d.datname = current_database() AND s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::oid AND s.deptype = 'o')`,
		r.oid).Scan(&owns)
	if err != nil || !owns {
		return err
	}
	keeper, err := c.keeper(ctx, tx)
	if err != nil {
		return err
	}
	schemas, err := texts(ctx, tx, `SELECT n.nspname::text FROM pg_namespace n WHERE n.nspowner = $1::oid ORDER BY 1`, r.oid)
	if err != nil {
		return err
	}
	for _, schema := range schemas { // first, for then the keeper may own what is inside
		if _, err := tx.Exec(ctx, "ALTER SCHEMA "+ident(schema)+" OWNER TO "+ident(keeper.name)); err != nil {
			return err
		}
	}
	short, err := c.lentToKeep(ctx, tx, r, keeper)
	if err != nil {
		return err
	}
	list := statements("GRANT", "TO", short, keeper.name, "")
	list = append(list, "REASSIGN OWNED BY "+ident(r.name)+" TO "+ident(keeper.name))
	return execAll(ctx, tx, append(list, statements("REVOKE", "FROM", short, keeper.name, "")...)...)
}

// keeper finds or makes the role that owns what people leave behind.
func (c *connection) keeper(ctx context.Context, tx pgx.Tx) (*role, error) {
	var bot string
	if err := tx.QueryRow(ctx, "SELECT current_user::text").Scan(&bot); err != nil {
		return nil, err
	}
	name := keptName(bot)
	k, err := findRole(ctx, tx, name)
	if err == nil && k == nil {
		k, err = c.createRole(ctx, tx, name, keptComment)
	}
	if err != nil {
		return nil, err
	}
	if k.comment != keptComment || k.login || k.raised || len(k.memberOf) > 0 {
		return nil, refused("Role %q on %s at %s, which keeps what people leave behind, must have its comment, no login and no rights.", name, c.name, c.host)
	}
	return k, join(ctx, tx, k)
}

// lentToKeep are the rights that a new owner of functions and the like must have,
// unless a superuser says so, and that the keeper lacks: they are lent to it for
// as long as the change takes.
func (c *connection) lentToKeep(ctx context.Context, tx pgx.Tx, r, keeper *role) ([]right, error) {
	rows, err := tx.Query(ctx, `WITH owned AS (
			SELECT s.classid, s.objid, d.datname FROM pg_shdepend s JOIN pg_database d ON d.oid = s.dbid
			WHERE d.datname = current_database() AND s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::oid AND s.deptype = 'o'
		)
		SELECT DISTINCT 'SCHEMA', n.nspname::text FROM owned o, pg_identify_object(o.classid, o.objid, 0) i, pg_namespace n
		WHERE o.classid NOT IN ('pg_class'::regclass, 'pg_type'::regclass) AND i.schema = quote_ident(n.nspname)
		AND NOT has_schema_privilege($2::oid, n.oid, 'CREATE') AND current_setting('is_superuser') <> 'on'
		UNION SELECT 'DATABASE', o.datname::text FROM owned o WHERE o.classid = 'pg_publication'::regclass
		AND NOT has_database_privilege($2::oid, o.datname, 'CREATE') AND current_setting('is_superuser') <> 'on'`, r.oid, keeper.oid)
	if err != nil {
		return nil, err
	}
	var out []right
	lent := right{privilege: "CREATE"}
	_, err = pgx.ForEachRow(rows, []any{&lent.kind, &lent.name}, func() error { out = append(out, lent); return nil })
	return out, err
}

// texts are the rows of a query with one column.
func texts(ctx context.Context, tx pgx.Tx, sql string, args ...any) ([]string, error) {
	rows, err := tx.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
