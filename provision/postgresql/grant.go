package postgresql

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"apono/flows"
	"apono/provision"
)

// Grant makes a role for the grant and gives it the chosen resources and nothing
// else. A repeat ends in the same state with a new password. See the package
// comment for the order of steps.
func (c *connection) Grant(ctx context.Context, g provision.Grant) (provision.Credentials, error) {
	var out provision.Credentials
	err := c.call(ctx, "grant", callTimeout, func(ctx context.Context) error {
		p, err := c.plan(g.Items)
		if err != nil {
			return err
		}
		return c.in(ctx, c.home, func(ctx context.Context, home *session) error {
			out, err = c.grant(ctx, home, g, p)
			return err
		})
	})
	return out, err
}

func (c *connection) grant(ctx context.Context, home *session, g provision.Grant, p plan) (out provision.Credentials, err error) {
	var r *role
	var leftovers []place
	err = home.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if r, err = c.prepareRole(ctx, tx, g); err == nil {
			leftovers, err = places(ctx, tx, r)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	visit := p.databases()
	for _, left := range leftovers { // an earlier call may have had other items
		if _, again := p[left.database]; !again && left.open {
			visit = append(visit, left.database)
		}
	}
	granted := 0
	for _, database := range visit {
		apply := func(ctx context.Context, s *session) error {
			return s.write(ctx, func(ctx context.Context, tx pgx.Tx) error { return c.apply(ctx, tx, g, p[database]) })
		}
		if database == c.home {
			err = apply(ctx, home)
		} else {
			err = c.in(ctx, database, apply)
		}
		if err != nil {
			return out, err
		}
		granted += len(p[database])
		provision.Progress(ctx, granted, len(g.Items))
	}
	var password flows.Secret
	err = home.write(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if r, err = c.stillThere(ctx, tx, g); err == nil {
			password, err = c.openRole(ctx, tx, r, g.NotAfter)
		}
		return err
	})
	if err != nil {
		return out, err
	}
	return c.credentials(r.name, password, p.databases()), nil
}

// stillThere finds the role that was prepared a moment ago.
func (c *connection) stillThere(ctx context.Context, tx pgx.Tx, g provision.Grant) (*role, error) {
	r, err := c.findOurs(ctx, tx, g)
	if err == nil && r == nil {
		err = later("%s was revoked on %s while it was being granted.", g.ID, c.name)
	}
	return r, err
}

// apply makes what the role has in the database of tx equal to the choices, all
// of it or nothing.
func (c *connection) apply(ctx context.Context, tx pgx.Tx, g provision.Grant, choices []choice) error {
	r, err := c.stillThere(ctx, tx, g)
	if err != nil {
		return err
	}
	cat, want, have, err := c.compare(ctx, tx, r, choices)
	if err != nil {
		return err
	}
	missing, surplus := want.missing(have), want.surplus(have)
	if err := cat.grantable(c, missing); err != nil {
		return err
	}
	if err := takeBack(ctx, tx, r, have, surplus); err != nil {
		return err
	}
	if err := execAll(ctx, tx, statements("GRANT", "TO", missing, r.name, "")...); err != nil {
		return err
	}
	return c.verify(ctx, tx, r, cat, want)
}

// verify looks again: a GRANT or REVOKE that did not do all of what it says is
// a warning to the server.
func (c *connection) verify(ctx context.Context, tx pgx.Tx, r *role, cat *catalog, want wanted) error {
	have, err := loadHeld(ctx, tx, r)
	if err != nil {
		return err
	}
	if missing := want.missing(have); len(missing) > 0 {
		return c.notGrantable(missing[0], cat.database.name)
	}
	if surplus := want.surplus(have); len(surplus) > 0 {
		s := surplus[0]
		return refused("Role %q has %s on %s of %s, and the bot may not take it back on %s at %s.",
			r.name, s.privilege, s.object, inDatabase(cat.database.name), c.name, c.host)
	}
	return nil
}

// compare reads what the role should have and what it has in the database of tx.
func (c *connection) compare(ctx context.Context, tx pgx.Tx, r *role, choices []choice) (*catalog, wanted, held, error) {
	cat, err := c.loadCatalog(ctx, tx, r, schemasOf(choices))
	if err != nil {
		return nil, nil, nil, err
	}
	want, err := cat.want(choices)
	if err != nil {
		return nil, nil, nil, err
	}
	have, err := loadHeld(ctx, tx, r)
	return cat, want, have, err
}

// schemasOf are the schemas whose relations matter; nil means all.
func schemasOf(choices []choice) []string {
	names := map[string]bool{}
	for _, ch := range choices {
		if ch.typ == typeDatabase {
			return nil
		}
		names[ch.schema] = true
	}
	return append([]string{}, slices.Sorted(maps.Keys(names))...)
}
