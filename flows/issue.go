package flows

import "fmt"

// Severity of an Issue.
type Severity string

// Severities. An error refuses the configuration; a warning does not.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
)

// Issue is one problem of a configuration. Path says where, in the terms of the
// file ("flows[0].approval.groups[1]"); whoever knows the file turns it into
// file:line:col.
type Issue struct {
	Path     string   `json:"path"`
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable, snake_case
	Message  string   `json:"message"`
	Hint     string   `json:"hint,omitempty"`
	// Offset is where in the text at Path the problem is, in bytes from 1; 0: it is
	// about the whole.
	Offset int `json:"-"`
}

func (i Issue) String() string {
	s := fmt.Sprintf("%s: %s: %s", i.Path, i.Severity, i.Message)
	if i.Hint != "" {
		s += " (" + i.Hint + ")"
	}
	return s
}
