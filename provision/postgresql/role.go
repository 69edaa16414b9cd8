package postgresql

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"apono/flows"
	"apono/provision"
)

// role is a login role that was made for a grant.
type role struct {
	name     string
	oid      uint32
	login    bool
	raised   bool // it was given an attribute that no grant gives
	until    pgtype.Timestamptz
	memberOf []string
	comment  string
}

// findRole is nil if there is no such role.
func findRole(ctx context.Context, tx pgx.Tx, name string) (*role, error) {
	r := &role{name: name}
	err := tx.QueryRow(ctx, `SELECT r.oid::int8, r.rolcanlogin, r.rolvaliduntil, coalesce(shobj_description(r.oid, 'pg_authid'), ''),
		r.rolsuper OR r.rolcreatedb OR r.rolcreaterole OR r.rolreplication OR r.rolbypassrls,
		ARRAY(SELECT pg_get_userbyid(m.roleid)::text FROM pg_auth_members m WHERE m.member = r.oid ORDER BY 1)
		FROM pg_roles r WHERE r.rolname = $1::text`, name).
		Scan(&r.oid, &r.login, &r.until, &r.comment, &r.raised, &r.memberOf)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	return r, err
}

// findOurs finds the role of a grant; nil if there is none. One that has the name
// and not the comment is somebody else's, and a refusal: to call the grant gone
// because somebody changed a comment would leave the access in place.
func (c *connection) findOurs(ctx context.Context, tx pgx.Tx, g provision.Grant) (*role, error) {
	r, err := findRole(ctx, tx, roleName(g))
	if err != nil || r == nil {
		return nil, err
	}
	if r.comment != grantComment(c.name, g.ID) {
		return nil, refused("The comment on role %q on %s at %s does not say that it was made for %s, so it was left alone.", r.name, c.name, c.host, g.ID)
	}
	return r, nil
}

// prepareRole makes the role of a grant, without login, or takes up what an
// earlier call left. Roles are cluster-wide, and this commits before anything is
// granted, so that Revoke finds whatever else follows.
func (c *connection) prepareRole(ctx context.Context, tx pgx.Tx, g provision.Grant) (*role, error) {
	r, err := c.findOurs(ctx, tx, g)
	if err != nil {
		return nil, err
	}
	if r == nil {
		if r, err = c.createRole(ctx, tx, roleName(g), grantComment(c.name, g.ID)); err != nil {
			return nil, err
		}
	}
	if r.raised {
		return nil, refused("Somebody gave role %q on %s at %s more than a grant does; it needs to be revoked first.", r.name, c.name, c.host)
	}
	if err := leaveGroups(ctx, tx, r); err != nil {
		return nil, err
	}
	return r, join(ctx, tx, r)
}

// leaveGroups undoes memberships that somebody gave the role.
func leaveGroups(ctx context.Context, tx pgx.Tx, r *role) error {
	for _, group := range r.memberOf {
		list, err := texts(ctx, tx, `SELECT CASE WHEN current_setting('server_version_num')::int >= $3 THEN ' GRANTED BY ' || quote_ident(pg_get_userbyid(m.grantor))
			ELSE '' END FROM pg_auth_members m WHERE m.member = $1::oid AND pg_get_userbyid(m.roleid) = $2::text`, r.oid, group, inheritVersion)
		if err != nil {
			return err
		}
		for _, grantedBy := range list {
			if _, err := tx.Exec(ctx, "REVOKE "+ident(group)+" FROM "+ident(r.name)+grantedBy); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *connection) createRole(ctx context.Context, tx pgx.Tx, name, comment string) (*role, error) {
	text, err := quote(tx, comment)
	if err != nil {
		return nil, err
	}
	err = execAll(ctx, tx,
		"CREATE ROLE "+ident(name)+" NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT",
		"COMMENT ON ROLE "+ident(name)+" IS "+text)
	if err != nil {
		return nil, err
	}
	r, err := findRole(ctx, tx, name)
	if err == nil && r == nil {
		err = later("Role %q on %s at %s was taken away as it was made.", name, c.name, c.host)
	}
	return r, err
}

const inheritVersion = 160000 // server_version_num; memberships have options of their own

// join makes the bot a member of a role that it made, so that it may give away
// what the role owns, end its sessions, and clean up after it. A superuser may
// all that already.
func join(ctx context.Context, tx pgx.Tx, r *role) error {
	var superuser, member bool
	var version int
	err := tx.QueryRow(ctx, `SELECT current_setting('is_superuser') = 'on', current_setting('server_version_num')::int,
		EXISTS (SELECT FROM pg_auth_members m WHERE m.roleid = $1::oid AND m.member = current_user::regrole
			AND m.grantor = current_user::regrole)`, r.oid).Scan(&superuser, &version, &member)
	if err != nil || superuser || member {
		return err
	}
	options := ""
	if version >= inheritVersion {
		options = " WITH INHERIT TRUE, SET TRUE"
	}
	_, err = tx.Exec(ctx, "GRANT "+ident(r.name)+" TO CURRENT_USER"+options)
	return err
}

// openRole lets the person in: it is the last step of a grant.
func (c *connection) openRole(ctx context.Context, tx pgx.Tx, r *role, notAfter time.Time) (flows.Secret, error) {
	password := newPassword()
	verifier, err := newVerifier(password)
	if err != nil {
		return "", err
	}
	quotedVerifier, err := quote(tx, verifier)
	if err != nil {
		return "", err
	}
	quotedUntil, err := quote(tx, validUntil(notAfter))
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, "ALTER ROLE "+ident(r.name)+" LOGIN PASSWORD "+quotedVerifier+" VALID UNTIL "+quotedUntil)
	return password, err
}

func validUntil(notAfter time.Time) string {
	if notAfter.IsZero() {
		return "infinity"
	}
	return notAfter.UTC().Format("2006-01-02 15:04:05.999999-07:00")
}

// lasts reports whether the second lock is there and does not close too early.
func (r *role) lasts(notAfter time.Time) bool {
	if !r.until.Valid || r.until.InfinityModifier != pgtype.Finite {
		return notAfter.IsZero()
	}
	return !notAfter.IsZero() && !r.until.Time.Before(notAfter.Truncate(time.Microsecond))
}

// place is a database in which a role has something.
type place struct {
	database string
	open     bool // takes connections
}

// places finds, in the server's own register of what hangs on roles, the
// databases with objects or privileges of a role.
func places(ctx context.Context, tx pgx.Tx, r *role) ([]place, error) {
	rows, err := tx.Query(ctx, `SELECT DISTINCT d.datname::text, d.datallowconn FROM pg_shdepend s JOIN pg_database d
		ON d.oid = s.dbid OR s.dbid = 0 AND s.classid = 'pg_database'::regclass AND d.oid = s.objid
		WHERE s.refclassid = 'pg_authid'::regclass AND s.refobjid = $1::oid`, r.oid)
	if err != nil {
		return nil, err
	}
	var out []place
	var p place
	_, err = pgx.ForEachRow(rows, []any{&p.database, &p.open}, func() error { out = append(out, p); return nil })
	slices.SortFunc(out, func(a, b place) int {
		if a.database < b.database {
			return -1
		}
		return 1
	})
	return out, err
}
