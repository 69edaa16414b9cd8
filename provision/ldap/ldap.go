package ldap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/go-ldap/ldap/v3"

	"apono/flows"
	"apono/provision"
)

// maxEntries bounds what is read of people, and of groups.
const maxEntries = 500_000

// Ping implements provision.Pinger: it binds.
func (d *directory) Ping(ctx context.Context) error {
	conn, done, err := d.open(ctx)
	if err != nil {
		return d.problem(ctx, err)
	}
	defer done()
	return d.problem(ctx, conn.Unbind())
}

// Groups implements provision.Grouper: those that the last People has found.
func (d *directory) Groups(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.groups), nil
}

// People implements provision.Directory.
func (d *directory) People(ctx context.Context) ([]flows.Person, []flows.Shift, error) {
	conn, done, err := d.open(ctx)
	if err != nil {
		return nil, nil, d.problem(ctx, err)
	}
	defer done()
	r, err := d.read(conn)
	if err != nil {
		return nil, nil, d.problem(ctx, err)
	}
	people, groups := r.result()
	d.mu.Lock()
	d.groups = groups
	d.mu.Unlock()
	return people, nil, nil
}

// open connects and binds. The connection breaks when ctx ends.
func (d *directory) open(ctx context.Context) (conn *ldap.Conn, done func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	deadline := &net.Dialer{Timeout: d.config.Timeout}
	if at, ok := ctx.Deadline(); ok {
		deadline.Deadline = at
	}
	conn, err = ldap.DialURL(d.config.URL, ldap.DialWithTLSConfig(d.tls), ldap.DialWithDialer(deadline))
	if err != nil {
		return nil, nil, err
	}
	conn.SetTimeout(d.config.Timeout)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	done = func() { stop(); _ = conn.Close() }
	if d.config.StartTLS {
		if err := conn.StartTLS(d.tls); err != nil {
			done()
			return nil, nil, err
		}
	}
	if err := conn.Bind(d.config.BindDN, d.config.Password.Reveal()); err != nil {
		done()
		return nil, nil, err
	}
	return conn, done, nil
}

var errTooMany = fmt.Errorf("over %d entries match", maxEntries)

// search reads all pages, and all values of each entry.
func (d *directory) search(conn *ldap.Conn, base, filter string, attributes []string) ([]*ldap.Entry, error) {
	page := ldap.NewControlPaging(uint32(d.config.PageSize))
	var all []*ldap.Entry
	for {
		res, err := conn.Search(ldap.NewSearchRequest(base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 0, int(d.config.Timeout.Seconds()), false,
			filter, attributes, []ldap.Control{page}))
		if err != nil {
			return nil, fmt.Errorf("search below %s: %w", base, err)
		}
		if all = append(all, res.Entries...); len(all) > maxEntries {
			return nil, errTooMany
		}
		next, ok := ldap.FindControl(res.Controls, ldap.ControlTypePaging).(*ldap.ControlPaging)
		if !ok || len(next.Cookie) == 0 {
			break
		}
		page.SetCookie(next.Cookie)
	}
	for _, e := range all {
		if err := d.complete(conn, e); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// problem says what an error means. No text of the server is in the message.
func (d *directory) problem(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", d.name, errors.Join(ctx.Err(), err))
	}
	kind, message := provision.KindRetry, "The directory server could not be reached."
	e, ok := errors.AsType[*ldap.Error](err)
	switch {
	case errors.Is(err, errRanges):
		kind, message = provision.KindRefused, "The directory server answers the members of a group in parts that do not make a whole; read smaller groups, or raise its MaxValRange."
	case errors.Is(err, errChanged):
		message = "A group or a person changed while it was read; the next sync reads it again."
	case errors.Is(err, errTooMany):
		kind, message = provision.KindRefused, "There are more people or groups than can be read; choose a narrower base or filter."
	case !ok || e.ResultCode == ldap.ErrorNetwork:
		if _, untrusted := errors.AsType[*tls.CertificateVerificationError](err); untrusted {
			message = "The directory server's certificate is not trusted."
		}
	case e.ResultCode == ldap.LDAPResultInvalidCredentials:
		kind, message = provision.KindRefused, "The directory server refuses the account: bind_dn or password is wrong."
	case e.ResultCode == ldap.LDAPResultSizeLimitExceeded || e.ResultCode == ldap.LDAPResultAdminLimitExceeded:
		kind, message = provision.KindRefused, "The directory server cuts the answer off at a limit; allow the bot's account more, or choose a narrower filter."
	case e.ResultCode == ldap.LDAPResultNoSuchObject:
		kind, message = provision.KindRefused, "The directory server knows nothing under a base of the configuration, or does not let the bot's account see it."
	case e.ResultCode == ldap.LDAPResultInsufficientAccessRights:
		kind, message = provision.KindRefused, "The directory server does not let the bot's account read people or groups."
	case e.ResultCode == ldap.LDAPResultBusy || e.ResultCode == ldap.LDAPResultUnavailable || e.ResultCode == ldap.LDAPResultTimeLimitExceeded:
		message = "The directory server is busy."
	default:
		kind, message = provision.KindUnknown, "The directory server answered with "+ldap.LDAPResultCodeMap[e.ResultCode]+"."
	}
	return &provision.Error{Integration: d.name, Op: "people", Kind: kind, Message: message, Err: err}
}
