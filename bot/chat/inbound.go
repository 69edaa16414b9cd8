package chat

import (
	"context"
	"time"
)

// User is an account on a platform. It is not a person yet.
type User struct {
	Platform string `json:"platform"` // "slack", "teams"
	ID       string `json:"id"`
	Team     string `json:"team"` // workspace or tenant the event claims
}

// Account is what the platform itself says about a user.
type Account struct {
	User
	Name          string
	Email         string
	EmailVerified bool
	TimeZone      string
	Bot           bool
	Guest         bool // single- or multi-channel guest
	External      bool // of another workspace or organisation
	Deactivated   bool
}

// Command is what somebody typed after the slash command.
type Command struct {
	User User   `json:"user"`
	Text string `json:"text"`
	// About is the address of the message that it is about, where it was chosen on one.
	About string `json:"about,omitempty"`
}

// Click is a press on an action of a card.
type Click struct {
	User   User     `json:"user"`
	Action ActionID `json:"action"`
	Target Target   `json:"target"`
	// At is when the press arrived; a replay after a restart keeps it.
	At time.Time `json:"at"`
	// Replayed: the press was kept over a restart. Whoever pressed does not know
	// whether it counted, so an answer says so.
	Replayed bool `json:"-"`
	// Delayed: it was kept, and Replayed is set, because of an Answer.Later.
	Delayed bool `json:"-"`
}

// FormEvent is a change in a form or its submission.
type FormEvent struct {
	User   User
	Form   FormID
	State  string
	Values Values
	// Action is the button that was pressed inside the form, if one was.
	Action ActionID
	// Field is what was changed last, where the platform says so.
	Field string
	// Key is equal for repeats of the same submission.
	Key string
}

// Search asks for the options of a field.
type Search struct {
	User   User
	Form   FormID
	State  string
	Field  string
	Query  string
	Values Values // empty where the platform does not send them
}

// Answer is what a person gets back for a command or a click. Both may be empty:
// then the change of a card is the answer.
type Answer struct {
	Private *Card // seen by this person only
	Open    *Form // opened for this person
	// Then, if set, runs once the form Open is on the screen, and what it returns
	// replaces the form. What must not be spent on a dialog that never opened
	// (secrets that are shown once) is fetched here, and spent in Shown.
	Then func(ctx context.Context) *Form
	// Shown, if set, runs once after each Then, told whether the platform confirmed
	// that what Then returned is on the screen. false also where nobody knows: what
	// was not seen for certain is not spent.
	Shown func(ctx context.Context, confirmed bool)
	// Later: nothing was done, since the platform or the store could not be asked. The
	// same handled later may count; Private is for where it cannot be.
	Later bool
}

// OtherVersion answers a press on a button that this version does not know or cannot read.
const OtherVersion = "This button is from another version of the bot. Please open the latest message."

// Say makes a private answer of one sentence.
func Say(sentence string) Answer {
	return Answer{Private: &Card{Body: T(sentence), Fallback: sentence}}
}

// Submitted is the outcome of a form submission.
type Submitted struct {
	// Errors by Field; with any, the form stays open with all that was typed.
	Errors map[string]string
	// Show replaces the form; nil closes it.
	Show *Form
}

// Handler is the service as a platform sees it. Every method is safe to call
// again for the same input, and never panics on hostile input.
type Handler interface {
	Command(ctx context.Context, c Command) Answer
	Click(ctx context.Context, c Click) Answer
	Change(ctx context.Context, e FormEvent) *Form // nil: leave the form as it is
	Submit(ctx context.Context, e FormEvent) Submitted
	Search(ctx context.Context, s Search) []Option // best first
}

// Manner is what a command does.
type Manner int

// Manners of a command.
const (
	MannerTells Manner = iota // it answers and changes nothing
	MannerOpens               // it opens a form
	MannerActs                // it changes something, and must not be lost
)

// Foreteller is a Handler that says what a command or a press will do, at once and
// without asking anybody: a platform keeps a command that acts until it is done, and
// opens a dialog in time. It may be wrong: what was to open may be refused or done.
type Foreteller interface {
	Foretell(c Command) Manner
	ForetellClick(c Click) Manner
}

// Redrawer is a Handler that draws the card of a request as it is now, for whoever
// has it before them. Platforms whose clients ask for that use it. It changes
// nothing; false where there is no such card for the person.
type Redrawer interface {
	Redraw(ctx context.Context, c Click) (Card, bool)
}

// Greeter is a Handler that greets whoever begins to use it. Platforms that say so, and
// have no home tab, show that once; false: nothing is shown, nobody it knows.
type Greeter interface {
	Greet(ctx context.Context, u User) (Card, bool)
}
