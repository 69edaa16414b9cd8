package chat

// ActionID names what a button means. The set is closed.
type ActionID string

// Opens reports whether an action opens a dialog for whoever may do it, and does
// nothing before that is submitted. Approve may open one and is not among them; see
// Foreteller.
func (a ActionID) Opens() bool {
	//nolint:exhaustive // those that open one
	switch a {
	case ActionDeny, ActionDetails, ActionLess, ActionExtend, ActionExplain, ActionAgain, ActionCredentials, ActionRequest, ActionAskFavorite:
		return true
	}
	return false
}

// Actions of cards and forms.
const (
	ActionApprove     ActionID = "approve"
	ActionDeny        ActionID = "deny"
	ActionDetails     ActionID = "details"
	ActionEndAccess   ActionID = "end_access"
	ActionWithdraw    ActionID = "withdraw"
	ActionAgain       ActionID = "request_again"
	ActionCredentials ActionID = "show_credentials"
	ActionReset       ActionID = "reset_credentials"
	ActionLess        ActionID = "approve_less"
	ActionExtend      ActionID = "extend"
	ActionExplain     ActionID = "explain" // why the glass was broken
	ActionMode        ActionID = "mode"    // switches the request form between its modes
	// Of something that waits for an admin, named by Target.Integration.
	ActionProceed ActionID = "proceed"
	ActionDiscard ActionID = "discard"
	// Turn a page of a list; Target.Request is the last one on the page before.
	ActionMoreRequests   ActionID = "more_requests"
	ActionMoreTasks      ActionID = "more_tasks"
	ActionMoreActivity   ActionID = "more_activity"
	ActionStopDelegation ActionID = "stop_delegation" // Target.Item is the delegation
	// Of a home.
	ActionRequest     ActionID = "request_access"
	ActionPage        ActionID = "turn_page"        // shows the page Target.Item; the platform asks for it
	ActionStar        ActionID = "add_favorite"     // what a request asked for
	ActionUnstar      ActionID = "remove_favorite"  // Target.Item is the favorite
	ActionAskFavorite ActionID = "request_favorite" // likewise
)

// Style of a button.
type Style string

// Styles. The zero value is plain.
const (
	StylePrimary Style = "primary"
	StyleDanger  Style = "danger"
)

// Target names what an action is about.
type Target struct {
	Request string `json:"request"`
	Version uint64 `json:"version"`
	// Stamp is that of the request, so that a button from before a restore of the
	// database is not taken for one of another request with the same id.
	Stamp       string `json:"stamp,omitempty"`
	Integration string `json:"integration,omitempty"` // with Proceed and Discard: the name of what is held
	// Extension is the number of the extension of the request that is decided on; 0:
	// the request itself.
	Extension int `json:"extension,omitempty"`
	// List: the button is in a list, which is not redrawn; a press is answered in words.
	List bool `json:"list,omitempty"`
	// Filter is what the list shows, as the person may type it; data that is read and
	// judged again. At most 500 characters.
	Filter string `json:"filter,omitempty"`
	// Item is what else the action is about, at most 1,000 bytes: see the action.
	Item string `json:"item,omitempty"`
}

// Action is a button or a menu entry.
type Action struct {
	ID     ActionID `json:"id"`
	Label  string   `json:"label"`
	Style  Style    `json:"style,omitempty"`
	Target Target   `json:"target,omitzero"`
	// Confirm asks before the click counts; nil: no question.
	Confirm *Confirm `json:"confirm,omitempty"`
}

// Confirm is a question before a click counts.
type Confirm struct {
	Title, Text, Yes, No string
}

// Tone colours a card's status.
type Tone string

// Tones.
const (
	ToneWaiting Tone = "waiting"
	ToneGood    Tone = "good"
	ToneBad     Tone = "bad"
	ToneOver    Tone = "over" // ended in the ordinary way
)

// Field is a label with a value.
type Field struct {
	Label string `json:"label"`
	Value Text   `json:"value"`
}

// Section is a group of fields under an optional title, one integration for example.
type Section struct {
	Title  string  `json:"title,omitempty"`
	Fields []Field `json:"fields"`
	// Actions are drawn under the fields. A section that is dropped takes them along.
	Actions []Action `json:"actions,omitempty"`
}

// Card is a message. Everything but Fallback may be empty.
type Card struct {
	Title    string    `json:"title,omitempty"`  // "Access request AR-12"
	Status   Text      `json:"status,omitempty"` // one line, first thing after the title
	Tone     Tone      `json:"tone,omitempty"`
	Body     Text      `json:"body,omitempty"`
	Sections []Section `json:"sections,omitempty"`
	Notes    []Text    `json:"notes,omitempty"` // small print
	Actions  []Action  `json:"actions,omitempty"`
	Menu     []Action  `json:"menu,omitempty"` // behind a "more" menu
	// Fallback is what notifications and screen readers show: one line, never empty.
	Fallback string `json:"fallback"`
}
