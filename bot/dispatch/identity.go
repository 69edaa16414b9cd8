package dispatch

import (
	"context"
	"errors"
	"slices"

	"apono/provision"
)

var errMoved = errors.New("another system answers under the name of the integration")

// identity asks which system it is that is about to be asked; empty: its driver
// cannot tell.
func (a *act) identity(ctx context.Context) (string, error) {
	d, ok := a.in.Driver.(provision.Identifier)
	if !ok {
		return "", nil
	}
	return call(ctx, a, d.Identity)
}

// moved reports whether the access was granted in another system than this.
func (a *act) moved(target string) bool {
	return target != "" && a.group.Target != "" && target != a.group.Target
}

// elsewhere is an error where another system answers than the one the access was
// granted in: its word that nothing is left must not be taken. One that has the
// grant after all, an upgraded server for example, is the right one.
func (a *act) elsewhere(ctx context.Context) error {
	target, err := a.identity(ctx)
	if err != nil || !a.moved(target) {
		return err
	}
	if l, ok := a.in.Driver.(provision.Lister); ok {
		ids, err := call(ctx, a, l.List)
		if err != nil || slices.Contains(ids, a.r.GrantID(a.group.Integration)) {
			return err
		}
	}
	return &provision.Error{
		Integration: a.group.Integration, Op: "revoke", Kind: provision.KindRefused, Err: errMoved,
		Message: "This is not the system that the access was granted in. It can only be taken back there: connect " + a.group.Integration + " to that system again.",
	}
}
