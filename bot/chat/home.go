package chat

import "context"

// Home is a page of one person's own, which shows how things stand and is drawn again
// after each change. Not every platform has one.
type Home struct {
	Actions []Action `json:"actions,omitempty"` // on top
	// Groups are drawn in order, each with all its entries or, where a platform has no
	// room, with the first of them.
	Groups []Group `json:"groups,omitempty"`
	Notes  []Text  `json:"notes,omitempty"`
	// Page says what is shown, at most 1,000 bytes; empty: the overview.
	Page string `json:"page,omitempty"`
	// Of are the addresses of the person. A change that touches one of them makes the
	// page old.
	Of []string `json:"-"`
	// Everybody: any change makes it old.
	Everybody bool `json:"-"`
}

// Group is a heading with entries.
type Group struct {
	Title   string    `json:"title"`
	Empty   string    `json:"empty,omitempty"` // says that there is no entry
	Entries []Section `json:"entries,omitempty"`
	Actions []Action  `json:"actions,omitempty"` // below the entries
}

// HomeQuery asks for somebody's page. Page is what Target.Item of an ActionPage said;
// empty: the overview.
type HomeQuery struct {
	User User
	Page string
}

// Homemaker is a Handler that draws pages. It changes nothing and never fails: whoever
// cannot be told who they are reads that.
type Homemaker interface {
	Home(ctx context.Context, q HomeQuery) Home
}
