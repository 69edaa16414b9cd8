package bot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// Store is what the service needs of durable state.
type Store interface {
	// Submit makes one or several requests in one transaction. A repeat with the
	// same key makes nothing and returns the same requests.
	Submit(ctx context.Context, now time.Time, key string, drafts []flows.Request) ([]flows.Request, error)
	// Submission finds the requests that a submission with this key has made.
	Submission(key string) (made []flows.Request, ok bool, err error)
	// Apply moves one request. Errors of flows.Next come back unchanged.
	Apply(ctx context.Context, now time.Time, id string, ev flows.Event) (flows.Request, error)
	// Request reads one. Error: flows.CodeNotFound.
	Request(id string) (flows.Request, error)
	// ByPerson returns up to limit requests that the person made or that are for the
	// person, newest first, from the one numbered below before; 0: from the newest.
	ByPerson(email string, before uint64, limit int) ([]flows.Request, error)
	// AskedOf is ByPerson for requests that wait, and of which the person was asked.
	AskedOf(email string, before uint64, limit int) ([]flows.Request, error)
	// Activity is ByPerson for requests of everybody that meet the conditions.
	Activity(a flows.Activity, before uint64, limit int) ([]flows.Request, error)
	// Open is ByPerson for requests that are not over.
	Open(email string, before uint64, limit int) ([]flows.Request, error)
	// ByState returns up to limit requests of everybody, newest first, from the one
	// numbered below before; 0: from the newest.
	ByState(state flows.State, before uint64, limit int) ([]flows.Request, error)
	// Favorites returns what a person keeps, newest first.
	Favorites(email string) ([]flows.Favorite, error)
	// AddFavorite keeps one more, or the same again. Error: flows.CodeRefused.
	AddFavorite(ctx context.Context, email string, f flows.Favorite) error
	// RemoveFavorite forgets one; what is not there is no error.
	RemoveFavorite(ctx context.Context, email, id string) error
	// Sealed reads the sealed credentials of an access group.
	Sealed(id, integration string) (sealed []byte, ok bool, err error)
}

// Accounts is what the platforms know about their users.
type Accounts interface {
	Account(ctx context.Context, u chat.User, p chat.Priority) (chat.Account, error)
	// Shared reports whether the platform names another account for the address of this
	// one. It may have to wait for its turn to ask; with chat.PriorityForm it does not wait,
	// and what it would have to wait for is an error.
	Shared(ctx context.Context, a chat.Account, p chat.Priority) (bool, error)
}

// Opener opens sealed credentials.
type Opener interface {
	Open(sealed []byte) ([]byte, error)
}

// Holds is what waits for an admin's word before it takes effect, such as a sync in
// which much is missing.
type Holds interface {
	// Settle acts on the word of an admin, and says in a sentence what becomes of it.
	// Errors: flows.CodeLate where it does not wait any more.
	Settle(ctx context.Context, now time.Time, hold string, by flows.PersonRef, proceed bool) (string, error)
}

// Delegations keeps who decides in whose place, and tells both of it.
type Delegations interface {
	// Delegate keeps one, in place of the one that the person gave before. The next
	// Service.World has it.
	Delegate(ctx context.Context, now time.Time, d flows.Delegation) error
	// EndDelegation ends one on the word of a person. Error: flows.CodeLate where it is
	// over.
	EndDelegation(ctx context.Context, now time.Time, id string, by flows.PersonRef) error
}

// Finder is an Accounts that finds the account of somebody who has not written.
type Finder interface {
	// Find asks the platform of a user for the account of a person, and where it knows
	// none the others. Error: flows.CodeNotFound where none does.
	Find(ctx context.Context, platform string, p *flows.Person) (chat.Account, error)
}

// Service answers people. It is safe for concurrent use.
type Service struct {
	Store    Store
	Accounts Accounts
	Opener   Opener
	Holds    Holds // nil: nothing is ever held
	// Delegations keeps who decides in whose place; nil: nobody can hand over.
	Delegations Delegations
	// World returns the snapshots of this moment.
	World func() flows.World
	Log   *slog.Logger
	// CommandName is what people type, for help texts: "/apono".
	CommandName string
	// Sources says how the integrations do, for admins; nil: it is not known.
	Sources func() []cards.SourceState
	// Slow says how long grants usually take in the integrations that are slow, by name;
	// nil: it is not known.
	Slow func() map[string]time.Duration
	// Now is the time by which everything is judged; nil: time.Now. It is there for
	// a demonstration that moves the time.
	Now func() time.Time

	looks sync.Map // shownOnce: credentials that are being shown at this moment
}

func (s *Service) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

var (
	_ chat.Handler    = (*Service)(nil)
	_ chat.Foreteller = (*Service)(nil)
	_ chat.Greeter    = (*Service)(nil)
)

// refuse turns an error into a private sentence, and keeps the chain for the
// operator where the person cannot help.
func (s *Service) refuse(ctx context.Context, what string, err error) chat.Answer {
	s.note(ctx, what, err)
	answer := chat.Say(flows.ErrorMessage(err))
	answer.Later = passing(err)
	return answer
}

// passing reports whether an error says nothing about what was asked for, so that the
// same may succeed later: the platform or the store could not be asked.
func passing(err error) bool {
	if _, ok := errors.AsType[*chat.Error](err); ok {
		return asking(err)
	}
	return flows.ErrorCode(err) == flows.CodeInternal
}

// asking reports whether a platform could not be asked.
func asking(err error) bool {
	e, ok := errors.AsType[*chat.Error](err)
	return ok && e.Kind == chat.ErrorRetry
}

func (s *Service) note(ctx context.Context, what string, err error) {
	if flows.ErrorCode(err) == flows.CodeInternal {
		s.Log.ErrorContext(ctx, "could not serve a person", "what", what, "err", err)
		return
	}
	s.Log.InfoContext(ctx, "refused", "what", what, "code", string(flows.ErrorCode(err)), "reason", flows.ErrorMessage(err))
}
