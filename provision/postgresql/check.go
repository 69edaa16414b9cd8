package postgresql

import (
	"context"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"

	"apono/flows"
	"apono/provision"
)

var errNotHeld = errors.New("the grant is not held")

// Check is true if the person can log in until NotAfter or longer, has all that
// was chosen by name, and nothing that was not chosen. Objects inside a chosen
// schema or database may be lacking: they may have come after the grant.
func (c *connection) Check(ctx context.Context, g provision.Grant) (bool, error) {
	err := c.call(ctx, "check", callTimeout, func(ctx context.Context) error {
		return c.in(ctx, c.home, func(ctx context.Context, home *session) error { return c.check(ctx, home, g) })
	})
	if errors.Is(err, errNotHeld) {
		return false, nil
	}
	return err == nil, err
}

// check is nil, errNotHeld in a refusal, or a failure to look.
func (c *connection) check(ctx context.Context, home *session, g provision.Grant) error {
	var found []place
	var r *role
	err := home.read(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if r, err = findRole(ctx, tx, roleName(g)); err == nil && r != nil {
			found, err = places(ctx, tx, r)
		}
		return err
	})
	if err != nil {
		return err
	}
	if r == nil || r.comment != grantComment(c.name, g.ID) || !r.login || r.raised || len(r.memberOf) > 0 || !r.lasts(g.NotAfter) {
		return notHeld()
	}
	p, err := c.plan(g.Items)
	if err != nil {
		return notHeld() // nobody could have granted it
	}
	visit := p.databases()
	for _, f := range found {
		if _, again := p[f.database]; !again && f.open {
			visit = append(visit, f.database)
		}
	}
	for _, database := range visit {
		look := func(ctx context.Context, s *session) error {
			return s.read(ctx, func(ctx context.Context, tx pgx.Tx) error { return c.checkIn(ctx, tx, r, p[database]) })
		}
		if database == c.home {
			err = look(ctx, home)
		} else {
			err = c.in(ctx, database, look)
		}
		if gone(err) {
			return notHeld()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func notHeld() error { return &provision.Error{Kind: provision.KindRefused, Err: errNotHeld} }

func (c *connection) checkIn(ctx context.Context, tx pgx.Tx, r *role, choices []choice) error {
	_, want, have, err := c.compare(ctx, tx, r, choices)
	if isOurs(err) {
		return notHeld() // what was chosen is not there any more
	}
	if err != nil {
		return err
	}
	missing := slices.ContainsFunc(want.missing(have), func(r right) bool { return want[r] })
	if missing || len(want.surplus(have)) > 0 {
		return notHeld()
	}
	return nil
}

// List tells the ids of the grants of this integration whose roles the server
// has, half-made ones too, sorted.
func (c *connection) List(ctx context.Context) ([]string, error) {
	var out []string
	err := c.call(ctx, "list", callTimeout, func(ctx context.Context) error {
		return c.in(ctx, c.home, func(ctx context.Context, s *session) error {
			return s.read(ctx, func(ctx context.Context, tx pgx.Tx) error {
				comments, err := texts(ctx, tx, `SELECT d.description FROM pg_roles r JOIN pg_shdescription d
					ON d.objoid = r.oid AND d.classoid = 'pg_authid'::regclass
					WHERE starts_with(r.rolname::text, $1::text) AND starts_with(d.description, $2::text)`, rolePrefix, commentStart)
				for _, comment := range comments {
					if integration, id, ok := parseComment(comment); ok && integration == c.name {
						out = append(out, id)
					}
				}
				return err
			})
		})
	})
	slices.Sort(out)
	return slices.Compact(out), err
}

// Extend moves the end of the role. Its password and live sessions go on.
func (c *connection) Extend(ctx context.Context, g provision.Grant) error {
	return c.call(ctx, "extend", callTimeout, func(ctx context.Context) error {
		return c.in(ctx, c.home, func(ctx context.Context, s *session) error {
			return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
				r, err := c.findOurs(ctx, tx, g)
				switch {
				case err != nil:
					return err
				case r == nil || !r.login:
					return refused("%s holds nothing for %s any more, so there is nothing to extend.", c.name, g.ID)
				}
				until, err := quote(tx, validUntil(g.NotAfter))
				if err != nil {
					return err
				}
				_, err = tx.Exec(ctx, "ALTER ROLE "+ident(r.name)+" VALID UNTIL "+until)
				return err
			})
		})
	})
}

// Rotate gives the role a new password, and the end of the grant as it is now.
// Live sessions go on.
func (c *connection) Rotate(ctx context.Context, g provision.Grant) (provision.Credentials, error) {
	var out provision.Credentials
	err := c.call(ctx, "rotate", callTimeout, func(ctx context.Context) error {
		p, err := c.plan(g.Items)
		if err != nil {
			return err
		}
		var password flows.Secret
		err = c.in(ctx, c.home, func(ctx context.Context, s *session) error {
			return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
				r, err := c.findOurs(ctx, tx, g)
				if err == nil && (r == nil || !r.login) { // to let somebody in is the last step of a grant
					err = refused("%s holds nothing for %s, so there is no password to replace.", c.name, g.ID)
				}
				if err == nil {
					password, err = c.openRole(ctx, tx, r, g.NotAfter)
				}
				return err
			})
		})
		out = c.credentials(roleName(g), password, p.databases())
		return err
	})
	if err != nil {
		return provision.Credentials{}, err
	}
	return out, nil
}
