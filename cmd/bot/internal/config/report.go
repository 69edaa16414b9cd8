package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"apono/flows"
)

// Problem is one thing that is wrong, with its place.
type Problem struct {
	// File, Line and Column say where in the file, counted from 1. A problem of
	// the environment or a flag has none of them but Source, as in
	// "BOT_LOG_LEVEL" or "--log-level".
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`
	Source string `json:"source,omitempty"`
	flows.Issue
}

// Place is "config.yaml:6:5", or the name of what is not in the file.
func (p Problem) Place() string {
	switch {
	case p.Source != "":
		return p.Source
	case p.Line == 0:
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column)
}

// String is one line: "config.yaml:6:5: error: unknown key "slak" (did you mean "slack"?)".
func (p Problem) String() string {
	s := fmt.Sprintf("%s: %s: %s", p.Place(), p.Severity, p.Message)
	if p.Hint != "" {
		s += " (" + p.Hint + ")"
	}
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(s)
}

// Report is everything that was found, in the order of the file, what is not in
// the file last.
type Report struct {
	File     string
	Problems []Problem
	// Digest and SecretFiles are those of the configuration, refused or not; an empty
	// Digest: the file could not be read.
	Digest      string
	SecretFiles []string
}

// OK reports whether the configuration can be used: there may be warnings.
func (r *Report) OK() bool { return r.Errors() == 0 }

// Unread reports that the file could not be read, so that nothing in it was checked.
func (r *Report) Unread() bool {
	return slices.ContainsFunc(r.Problems, func(p Problem) bool { return p.Code == codeUnread })
}

// codeUnread is the code of a file that could not be read.
const codeUnread = "file_unreadable"

// Errors counts the problems that refuse the configuration.
func (r *Report) Errors() int { return r.count(flows.SeverityError) }

// Warnings counts the problems that do not.
func (r *Report) Warnings() int { return r.count(flows.SeverityWarning) }

func (r *Report) count(s flows.Severity) int {
	n := 0
	for _, p := range r.Problems {
		if p.Severity == s {
			n++
		}
	}
	return n
}

// Err is nil, or an error that lists the problems that refuse the configuration,
// one a line.
func (r *Report) Err() error {
	if r.OK() {
		return nil
	}
	return &InvalidError{Report: r}
}

// InvalidError is a configuration that cannot be used.
type InvalidError struct{ Report *Report }

func (e *InvalidError) Error() string {
	var lines []string
	for _, p := range e.Report.Problems {
		if p.Severity == flows.SeverityError {
			lines = append(lines, p.String())
		}
	}
	return strings.Join(lines, "\n")
}

// WriteText prints one problem a line and a last line that counts them.
func (r *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	for _, p := range r.Problems {
		b.WriteString(p.String() + "\n")
	}
	fmt.Fprintf(&b, "%s: %s\n", r.File, r.Summary())
	_, err := io.WriteString(w, b.String())
	return err
}

// Summary counts: "ok", "2 errors, 1 warning".
func (r *Report) Summary() string {
	var parts []string
	for _, c := range []struct {
		n    int
		word string
	}{{r.Errors(), "error"}, {r.Warnings(), "warning"}} {
		switch {
		case c.n == 1:
			parts = append(parts, "1 "+c.word)
		case c.n > 1:
			parts = append(parts, fmt.Sprintf("%d %ss", c.n, c.word))
		}
	}
	if r.OK() {
		parts = append([]string{"ok"}, parts...)
	}
	return strings.Join(parts, ", ")
}

// WriteJSON prints the report for machines. Fields are added, never renamed.
func (r *Report) WriteJSON(w io.Writer) error {
	problems := r.Problems
	if problems == nil {
		problems = []Problem{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(struct {
		File     string    `json:"file"`
		OK       bool      `json:"ok"`
		Errors   int       `json:"errors"`
		Warnings int       `json:"warnings"`
		Problems []Problem `json:"problems"`
	}{r.File, r.OK(), r.Errors(), r.Warnings(), problems})
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Problems, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Source, b.Source), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}
