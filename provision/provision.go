package provision

import (
	"context"
	"time"

	"apono/flows"
)

// Grant is the access of one person in one integration under one request.
type Grant struct {
	// ID is "AR-12.7kq2m4xa/prod-postgres": unique for ever, equal on every repeat.
	ID string
	// Request is "AR-12", for comments and logs at the target.
	Request string
	Person  flows.PersonRef
	Items   []flows.Item // all of the driver's integration; never empty
	// NotAfter is a moment at which the access is certainly over. A driver with
	// NativeExpiry sets it at the target as a second lock. Zero: no end.
	NotAfter time.Time
	// Call names this very act: equal when the act is repeated after a crash or an
	// unknown outcome, and never used again for a later act, not even one with the
	// same ID and Items. A target that throws repeats away may go by it. Empty: not
	// known, and then nobody may take two acts for one.
	Call string
	// Held are further units of the person in this integration that live on under
	// other grants. A driver whose grants are Shared must leave whole what they
	// need, such as the credentials of a resource that is in Items too.
	Held []flows.Item
}

// Credentials are what a person needs to connect. The zero value means that the
// target has none of its own.
type Credentials struct {
	Fields       []Field
	Instructions string // plain text, how to connect; no secrets
}

// Field is one line of credentials. Secret fields are sealed and shown once.
type Field struct {
	Name   string
	Value  flows.Secret
	Secret bool
}

// Connection is a configured integration. What it can do, it says by the
// interfaces below; most are a Driver.
type Connection interface {
	// Close frees what the connection holds.
	Close() error
}

// Driver grants and revokes. Both are idempotent; see the package comment.
// Errors are *Error or context errors.
type Driver interface {
	Connection
	// Grant may take long where it tells of its Progress.
	Grant(ctx context.Context, g Grant) (Credentials, error)
	Revoke(ctx context.Context, g Grant) error
}

// Discoverer lists what the integration offers.
type Discoverer interface {
	Discover(ctx context.Context) (flows.Holdings, error)
}

// Directory is a source of people.
type Directory interface {
	People(ctx context.Context) ([]flows.Person, []flows.Shift, error)
}

// Grouper lists the groups that a source of people knows, those that nobody is in
// too: an empty group is not a missing one.
type Grouper interface {
	Groups(ctx context.Context) ([]string, error)
}

// Patient is a source that needs longer for an answer than others do, because it may
// be asked only so often, for example.
type Patient interface {
	// Patience is how long one sync may take; > 0.
	Patience() time.Duration
}

// Checker reads back whether the target holds exactly this grant.
type Checker interface {
	Check(ctx context.Context, g Grant) (granted bool, err error)
}

// Lister lists the ids of grants that the target holds and this bot made.
type Lister interface {
	List(ctx context.Context) ([]string, error)
}

// Rotator replaces the credentials of a live grant.
type Rotator interface {
	Rotate(ctx context.Context, g Grant) (Credentials, error)
}

// Identifier says which system answers, so that access is revoked where it was
// granted and nowhere else: another system behind the same name holds nothing, and
// its word that nothing is left means nothing.
type Identifier interface {
	// Identity is equal as long as it is the same system, however it is reached, and
	// holds no secret. It is at most 200 bytes, and never empty without an error.
	Identity(ctx context.Context) (string, error)
}

// Sharer says that grants of one person for one unit are one and the same at the
// target (a membership, a role by user name). The service then counts holders:
// the last one out revokes.
type Sharer interface {
	Shared() bool
}

// NativeExpiry says that the target ends the access at Grant.NotAfter by itself.
type NativeExpiry interface {
	ExpiresNatively() bool
}

// Extender tells the target of another end of a live grant, and changes nothing else:
// sessions and credentials go on. A driver that expires natively should be one; where
// it is not, the grant is repeated with the new end, and may bring new credentials.
type Extender interface {
	// Extend is idempotent. It makes no grant that is not there: that is refused.
	Extend(ctx context.Context, g Grant) error
}

// Pinger reaches the target and says whether it answers.
type Pinger interface {
	Ping(ctx context.Context) error
}
