package postgresql

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	lockTimeout  = "20s" // a lock of somebody else must not hold up a call, nor the queue behind it
	idleTimeout  = "10s" // a bot that died holds its locks no longer; less than lockTimeout
	closeTimeout = 2 * time.Second
	writeTries   = 3

	// lockKey is the advisory lock under which all writes of bots in one database
	// follow each other. Two GRANTs on one object at the same time fail.
	lockKey int64 = 0x61706f6e6f // "apono"
)

// session is a connection to one database.
type session struct {
	conn     *pgx.Conn
	database string
}

// call runs one act within its time, and not beside too many others.
func (c *connection) call(ctx context.Context, op string, limit time.Duration, act func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := ctx.Err(); err != nil {
		return c.explain(op, err)
	}
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return c.explain(op, ctx.Err())
	}
	return c.explain(op, act(ctx))
}

func (c *connection) open(ctx context.Context, database string) (*session, error) {
	config := c.base.Copy()
	config.Database = database
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, &problem{database: database, err: withoutConfig(err), connecting: true}
	}
	return &session{conn: conn, database: database}, nil
}

// close says goodbye, within its own time: the call's may be over.
func (s *session) close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = s.conn.Close(ctx) // whatever was open is rolled back all the same
}

// in runs one act in a database of its own connection.
func (c *connection) in(ctx context.Context, database string, act func(ctx context.Context, s *session) error) error {
	s, err := c.open(ctx, database)
	if err != nil {
		return err
	}
	defer s.close(ctx)
	return act(ctx, s)
}

// read runs act in a transaction that changes nothing.
func (s *session) read(ctx context.Context, act func(ctx context.Context, tx pgx.Tx) error) error {
	return s.tx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly}, act)
}

// one reads one value.
func (s *session) one(ctx context.Context, sql string, into any) error {
	return s.read(ctx, func(ctx context.Context, tx pgx.Tx) error { return tx.QueryRow(ctx, sql).Scan(into) })
}

// write runs act in a transaction, after all other writers in this database.
// What another session spoiled is tried again.
func (s *session) write(ctx context.Context, act func(ctx context.Context, tx pgx.Tx) error) error {
	options := pgx.TxOptions{IsoLevel: pgx.ReadCommitted, AccessMode: pgx.ReadWrite}
	for try := 1; ; try++ {
		err := s.tx(ctx, options, func(ctx context.Context, tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", lockKey); err != nil {
				return err
			}
			return act(ctx, tx)
		})
		if err == nil || try == writeTries || !spoiled(err) || s.conn.IsClosed() {
			return err
		}
	}
}

// tx pins everything that a database or a role may have set in a way that would
// change the meaning of our statements: people can make functions and operators
// in schemas of the default search path.
func (s *session) tx(ctx context.Context, options pgx.TxOptions, act func(ctx context.Context, tx pgx.Tx) error) error {
	tx, err := s.conn.BeginTx(ctx, options)
	if err != nil {
		return s.problem(err)
	}
	_, err = tx.Exec(ctx, `SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
		pg_catalog.set_config('standard_conforming_strings', 'on', true),
		pg_catalog.set_config('DateStyle', 'ISO', true),
		pg_catalog.set_config('lock_timeout', $1, true),
		pg_catalog.set_config('idle_in_transaction_session_timeout', $2, true)`, lockTimeout, idleTimeout)
	if err == nil {
		err = act(ctx, tx)
	}
	if err != nil {
		rollback, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = tx.Rollback(rollback) // a connection that cannot say so is gone, and the transaction with it
		return s.problem(err)
	}
	if err := tx.Commit(ctx); err != nil {
		return &problem{database: s.database, err: err, committing: true}
	}
	return nil
}

// problem adds where it happened.
func (s *session) problem(err error) error {
	if _, known := errors.AsType[*problem](err); known || isOurs(err) {
		return err
	}
	return &problem{database: s.database, err: err}
}

// quote makes a literal of text, in a transaction of tx.
func quote(tx pgx.Tx, text string) (string, error) {
	escaped, err := tx.Conn().PgConn().EscapeString(text)
	if err != nil {
		return "", err
	}
	return "'" + escaped + "'", nil
}

// ident makes an identifier of names, outermost first.
func ident(names ...string) string { return pgx.Identifier(names).Sanitize() }
