package dispatch

import (
	"context"
	"fmt"

	"apono/flows"
	"apono/provision"
)

// TakeBack revokes what a target still holds of an access group that is over, under the
// very id that it was granted under. It refuses where the target does not tell the
// grants of one person apart, and while the record does not say that it is over.
func TakeBack(ctx context.Context, d provision.Driver, r flows.Request, integration string) error {
	g, ok := r.Group(integration)
	if !ok || g.Status.MayHold() || g.Status == flows.GroupWaiting {
		return fmt.Errorf("%s is not over in %s (this is a bug)", r.ID, integration)
	}
	if s, ok := d.(provision.Sharer); ok && s.Shared() {
		return fmt.Errorf("%s cannot be taken back: %s does not tell grants of one person apart", r.ID, integration)
	}
	id := r.GrantID(integration)
	ctx, cancel := context.WithTimeout(ctx, DefaultCallTimeout)
	defer cancel()
	return d.Revoke(ctx, provision.Grant{
		ID: id, Request: r.ID, Person: r.Grantee, Items: g.Items, NotAfter: r.EndsAt, Call: id + "/revoke/orphan",
	})
}
