package store

import (
	"errors"
	"fmt"

	"apono/flows"
)

// Errors of opening a store, always inside an *OpenError.
var (
	// ErrLocked is returned when another process has the database open.
	ErrLocked = errors.New("locked by another process")
	// ErrCorrupt is returned when the database cannot be read as what it is. It
	// is returned by reads and writes too, where damage is met later.
	ErrCorrupt = errors.New("damaged")
	// ErrForeign is returned when the file is a database of another program.
	ErrForeign = errors.New("not a database of this program")
	// ErrSchemaNewer is returned when a newer version of the program wrote it.
	ErrSchemaNewer = errors.New("written by a newer version")
	// ErrSchemaOlder is returned when the schema is old and may not be migrated
	// because the store is opened to be read only.
	ErrSchemaOlder = errors.New("written by an older version")
)

// Errors of using a store.
var (
	// ErrClosed is returned by every call after Close.
	ErrClosed = errors.New("the store is closed")
	// ErrReadOnly is returned by writes to a store that was opened read-only.
	ErrReadOnly = errors.New("the store is open for reading only")
	// ErrFailed is returned by writes after an error that leaves open whether the
	// last commit is on the disk. The process must stop and start again.
	ErrFailed = errors.New("the store failed and takes no more writes")
	// ErrNotFound is wrapped in a *flows.Error with CodeNotFound.
	ErrNotFound = errors.New("not found")
	// ErrStale is returned when what the caller decided on has changed since it
	// was read. Nothing was written; read again and decide again.
	ErrStale = errors.New("changed since it was read")
	// ErrDefect is returned when the program panicked while it decided on a request.
	// Nothing was written, the database is sound, and the stack is in the log. It is
	// wrapped in a *flows.Error with CodeInternal.
	ErrDefect = errors.New("a defect of the bot")
)

// OpenError says why a store could not be opened, in a sentence for the operator.
type OpenError struct {
	Path string
	Kind error // one of the errors of opening above
	Err  error // what was met; may be nil
}

func (e *OpenError) Error() string {
	s := "the database " + e.Path + " cannot be opened"
	switch {
	case errors.Is(e.Kind, ErrLocked):
		return "the database " + e.Path + " is in use by another process (is the bot already running?)"
	case errors.Is(e.Kind, ErrCorrupt):
		s = "the database " + e.Path + " is damaged; put a backup in its place with `bot db restore FILE`"
	case errors.Is(e.Kind, ErrForeign):
		s = "the file " + e.Path + " is not a database of this bot"
	case errors.Is(e.Kind, ErrSchemaNewer):
		s = "the database " + e.Path + " was written by a newer version of the bot; use that version or a newer one"
	case errors.Is(e.Kind, ErrSchemaOlder):
		s = "the database " + e.Path + " was written by an older version of the bot; start the bot once to migrate it"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives both the kind and what was met.
func (e *OpenError) Unwrap() []error {
	out := make([]error, 0, 2)
	for _, err := range []error{e.Kind, e.Err} {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}

// NotFound is the error for a request that does not exist.
func NotFound(id string) error {
	e := flows.Errorf(flows.CodeNotFound, "There is no request %s.", id)
	e.Err = ErrNotFound
	return e
}

// Defect is the error for a decision on a request that ended in a panic.
func Defect(id string, panicked any) error {
	e := flows.Errorf(flows.CodeInternal, "Something went wrong in the bot, and nothing was changed. Trying again will not help; please tell your administrator.")
	e.Err = fmt.Errorf("%w: panic in a decision on %s: %v", ErrDefect, id, panicked)
	return e
}
