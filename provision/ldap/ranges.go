package ldap

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// maxRanges bounds how often one attribute of one entry is asked for: at 1,500 values in
// an answer that is for more members than maxEntries.
const maxRanges = 1000

var (
	errRanges  = errors.New("an attribute is answered in ranges that do not make a whole")
	errChanged = errors.New("an entry changed while it was read in ranges")
)

// valueRange is the option of an attribute of which the server answers a part, such as
// member;range=0-1499 or, for the last part, member;range=1500-*.
type valueRange struct {
	attribute string // without the option
	low, high int    // places of the values, from 0
	last      bool   // there is no more; high is not known
}

// rangeOf reads the name of an attribute. It is nil for one without the option.
func rangeOf(name string) (*valueRange, error) {
	const option = "range="
	parts := strings.Split(name, ";")
	i := slices.IndexFunc(parts, func(p string) bool { return strings.HasPrefix(strings.ToLower(p), option) })
	if i < 0 {
		return nil, nil
	}
	low, high, _ := strings.Cut(parts[i][len(option):], "-")
	r := &valueRange{attribute: strings.Join(slices.Delete(parts, i, i+1), ";"), last: high == "*"}
	var err error
	if r.low, err = strconv.Atoi(low); err == nil && !r.last {
		r.high, err = strconv.Atoi(high)
	}
	if err != nil || r.low < 0 || !r.last && r.high < r.low {
		return nil, fmt.Errorf("%w: it is called %q", errRanges, name)
	}
	return r, nil
}

// complete reads the rest of what the server answered in ranges, as Active Directory
// does with a group of more than 1,500 members ("Searching Using Range Retrieval",
// https://learn.microsoft.com/previous-versions/windows/desktop/ldap/searching-using-range-retrieval).
func (d *directory) complete(conn *ldap.Conn, e *ldap.Entry) error {
	for i := 0; i < len(e.Attributes); i++ {
		r, err := rangeOf(e.Attributes[i].Name)
		if err != nil {
			return fmt.Errorf("%s: %w", e.DN, err)
		}
		if r == nil {
			continue
		}
		values, err := d.rest(conn, e.DN, r, e.Attributes[i].Values)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", r.attribute, e.DN, err)
		}
		// Beside the range there may be the attribute itself, empty.
		ranged := e.Attributes[i]
		e.Attributes = slices.DeleteFunc(e.Attributes, func(a *ldap.EntryAttribute) bool {
			return a == ranged || strings.EqualFold(a.Name, r.attribute)
		})
		e.Attributes = append(e.Attributes, ldap.NewEntryAttribute(r.attribute, values))
		i = -1
	}
	return nil
}

// rest asks for one range after the other, the first being known. Each begins with the
// last value of the one before: where that is another value by now, the places have
// moved, and a value that moved over the border would be missed.
func (d *directory) rest(conn *ldap.Conn, dn string, r *valueRange, values []string) ([]string, error) {
	if r.low != 0 || !r.last && len(values) != r.high+1 {
		return nil, fmt.Errorf("%w: %d values in the first, from %d to %d", errRanges, len(values), r.low, r.high)
	}
	for range maxRanges {
		if r.last {
			return values, differ(values)
		}
		if len(values) > maxEntries {
			return nil, errTooMany
		}
		border := len(values) - 1
		next, more, err := d.rangeFrom(conn, dn, r.attribute, border)
		switch {
		case err != nil:
			return nil, err
		case next.low != border || !next.last && len(more) != next.high-next.low+1:
			return nil, fmt.Errorf("%w: %d values from %d to %d, asked for those from %d", errRanges, len(more), next.low, next.high, border)
		case len(more) == 0 || more[0] != values[border]:
			return nil, errChanged
		case len(more) == 1 && !next.last:
			return nil, fmt.Errorf("%w: one value at a time", errRanges)
		}
		r, values = next, append(values, more[1:]...)
	}
	return nil, fmt.Errorf("%w: no end after %d", errRanges, maxRanges)
}

// differ is an error where a value is twice, since another is missing then.
func differ(values []string) error {
	seen := make(map[string]bool, len(values))
	for _, v := range values {
		if seen[v] {
			return errChanged
		}
		seen[v] = true
	}
	return nil
}

// rangeFrom asks for the values of one attribute from a place on.
func (d *directory) rangeFrom(conn *ldap.Conn, dn, attribute string, low int) (*valueRange, []string, error) {
	res, err := conn.Search(ldap.NewSearchRequest(dn, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 0, int(d.config.Timeout.Seconds()), false,
		"(objectClass=*)", []string{fmt.Sprintf("%s;range=%d-*", attribute, low)}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil, nil, fmt.Errorf("%w: %w", errChanged, err)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range res.Entries {
		for _, a := range e.Attributes {
			if r, err := rangeOf(a.Name); err != nil || r != nil && strings.EqualFold(r.attribute, attribute) {
				return r, a.Values, err
			}
		}
	}
	return nil, nil, errChanged // it has so few by now that there is no such range
}
