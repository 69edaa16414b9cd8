package chat

// FormID names a form. The set is closed.
type FormID string

// Forms.
const (
	FormRequest     FormID = "request"
	FormReason      FormID = "reason"  // of an approve or deny
	FormLess        FormID = "less"    // of an approve of a part
	FormExtend      FormID = "extend"  // asks for more time
	FormDetails     FormID = "details" // read only
	FormCredentials FormID = "credentials"
	FormNotice      FormID = "notice" // one sentence, read only
)

// Option of a select or checkbox. Value is at most 150 bytes.
type Option struct {
	Value       string `json:"value"`
	Label       string `json:"label"` // cut by the renderer where too long
	Description string `json:"description,omitempty"`
	// Group is the heading above it in the answer to a search, where a platform draws
	// such headings; empty: none.
	Group string `json:"group,omitempty"`
}

// PartKind says what a part of a form is.
type PartKind string

// Part kinds.
const (
	PartText PartKind = "text" // reading matter; with Action a button on its right
	PartNote PartKind = "note" // small print
	// PartVerbatim shows Value to the letter, white space and length included, in as
	// many pieces as it takes. Nothing of it may be cut or left out.
	PartVerbatim PartKind = "verbatim"
	PartSelect   PartKind = "select" // one of Options, or of a search
	PartMulti    PartKind = "multi"  // several of Options, or of a search
	PartInput    PartKind = "input"  // text
	PartCheck    PartKind = "check"  // checkboxes
)

// Part is one element of a form, drawn in order.
type Part struct {
	Kind PartKind `json:"kind"`
	// Field is the key of the value in Values and of errors. A platform must keep
	// what was typed while Field and Generation stay equal, and forget it when
	// Generation changes (a dependent select after another choice above it).
	Field      string   `json:"field,omitempty"`
	Generation string   `json:"generation,omitempty"`
	Label      string   `json:"label,omitempty"`
	Hint       string   `json:"hint,omitempty"`
	Text       Text     `json:"text,omitempty"`
	Action     *Action  `json:"action,omitempty"`
	Options    []Option `json:"options,omitempty"`
	// Search: options come from Handler.Search while the person types. A platform asks
	// there too for a menu with more Options than it can list.
	Search   bool     `json:"search,omitempty"`
	Selected []Option `json:"selected,omitempty"` // initial choice
	Value    string   `json:"value,omitempty"`    // initial text
	Optional bool     `json:"optional,omitempty"`
	Multi    bool     `json:"multiline,omitempty"`
	Max      int      `json:"max,omitempty"` // runes of text, or number of choices; 0: the platform's limit
	// Live: a change is reported at once through Handler.Change.
	Live        bool   `json:"live,omitempty"`
	Placeholder string `json:"placeholder,omitempty"`
}

// Form is a dialog.
type Form struct {
	ID     FormID `json:"id"`
	Title  string `json:"title"`
	Submit string `json:"submit,omitempty"` // empty: nothing to submit
	Close  string `json:"close"`
	State  string `json:"state,omitempty"` // opaque, at most 2,800 bytes, comes back with every event; ids only, no secrets
	Parts  []Part `json:"parts"`
}

// Values are what a form holds, by Field. A select has its option values, an
// input one text. A field that is absent is empty.
type Values map[string][]string

// First value of a field, or empty.
func (v Values) First(field string) string {
	if len(v[field]) == 0 {
		return ""
	}
	return v[field][0]
}
