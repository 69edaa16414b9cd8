package postgresql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"apono/provision"
)

const (
	cutTries   = 5
	cutWaitMS  = 3000 // of one try
	sweepTries = 2    // what a session left behind as it was cut may come late
)

// Revoke ends the grant: no new session, no live session, then nothing left of
// the role. What it owned is kept by a role without rights.
func (c *connection) Revoke(ctx context.Context, g provision.Grant) error {
	return c.call(ctx, "revoke", callTimeout, func(ctx context.Context) error {
		return c.in(ctx, c.home, func(ctx context.Context, home *session) error { return c.revoke(ctx, home, g) })
	})
}

func (c *connection) revoke(ctx context.Context, home *session, g provision.Grant) error {
	var r *role
	err := home.write(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if r, err = c.findOurs(ctx, tx, g); err != nil || r == nil {
			return err
		}
		if _, err := tx.Exec(ctx, "ALTER ROLE "+ident(r.name)+" NOLOGIN PASSWORD NULL"); err != nil {
			return err
		}
		return join(ctx, tx, r)
	})
	if err != nil || r == nil {
		return err
	}
	for try := 1; ; try++ {
		if err := c.cut(ctx, home, r); err != nil {
			return err
		}
		err := c.remove(ctx, home, r)
		if err == nil || try == sweepTries || !dependent(err) {
			return c.shut(r, err)
		}
	}
}

// dependent reports whether something still hangs on the role.
func dependent(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "2BP01"
}

// shut says of a role that the server does not let go that nobody can use it, and
// what the server names as the reason.
func (c *connection) shut(r *role, err error) error {
	e, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || kindOfState(e.Code) != provision.KindRefused {
		return err
	}
	_, message := c.classify(err)
	return &provision.Error{
		Kind: provision.KindRefused, Err: err,
		Message: strings.TrimSpace(fmt.Sprintf("Nobody can log in as role %q any more, but it cannot be removed. %s %s", r.name, message, printable(e.Detail))),
	}
}

// cut ends the sessions of the role. Each look is a transaction of its own: within
// one, the server shows the same sessions again and again.
func (c *connection) cut(ctx context.Context, home *session, r *role) error {
	for range cutTries {
		var live int
		err := home.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usesysid = $1::oid`, r.oid); err != nil {
				return err
			}
			return tx.QueryRow(ctx, `SELECT count(*), count(pg_terminate_backend(pid, $2::int8)) FROM pg_stat_activity WHERE usesysid = $1::oid`,
				r.oid, cutWaitMS).Scan(&live, nil)
		})
		if err != nil || live == 0 {
			return err
		}
	}
	return later("Role %q still has sessions on %s at %s that do not end.", r.name, c.name, c.host)
}

// remove takes everything from the role, in every database, and drops it.
func (c *connection) remove(ctx context.Context, home *session, r *role) error {
	var found []place
	err := home.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		found, err = places(ctx, tx, r)
		return err
	})
	if err != nil {
		return err
	}
	for _, p := range found {
		if p.database == c.home || !p.open {
			continue // what a closed database has in common with others is taken below
		}
		err := c.in(ctx, p.database, func(ctx context.Context, s *session) error {
			return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return c.strip(ctx, tx, r) })
		})
		if gone(err) {
			continue // and all that was in it
		}
		if err != nil {
			return err
		}
	}
	return home.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if err := c.strip(ctx, tx, r); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "DROP ROLE IF EXISTS "+ident(r.name))
		return err
	})
}

// gone reports whether the database was dropped meanwhile.
func gone(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && e.Code == "3D000"
}

// strip takes all that the role owns and has in the database of tx, and its
// privileges on databases. The order matters: DROP OWNED drops what is owned.
func (c *connection) strip(ctx context.Context, tx pgx.Tx, r *role) error {
	now, err := findRole(ctx, tx, r.name)
	if err != nil || now == nil || now.oid != r.oid {
		return err // another process was faster
	}
	if err := c.keep(ctx, tx, r); err != nil {
		return err
	}
	have, err := loadHeld(ctx, tx, r)
	if err != nil {
		return err
	}
	if err := takeBack(ctx, tx, r, have, wanted{}.surplus(have)); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "DROP OWNED BY "+ident(r.name)) // privileges of other kinds, and defaults
	return err
}
