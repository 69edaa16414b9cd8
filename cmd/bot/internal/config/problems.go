package config

import (
	"slices"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"apono/flows"
)

// problems collects what is wrong and knows where that is.
type problems struct {
	file string
	root *yaml.Node // nil until the file could be read
	list []Problem
	// wrong are paths that could not be read: what is said later about them or
	// anything below them would only be an echo.
	wrong []string
}

func (p *problems) fail(path, code, message, hint string) {
	p.wrong = append(p.wrong, path)
	p.add(flows.Issue{Path: path, Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
}

func (p *problems) warn(path, code, message, hint string) {
	p.add(flows.Issue{Path: path, Severity: flows.SeverityWarning, Code: code, Message: message, Hint: hint})
}

// add places an issue by its path; a path that leads nowhere means the nearest
// ancestor there is.
func (p *problems) add(issue flows.Issue) {
	line, column := 1, 1
	if p.root != nil {
		value, where, found := find(p.root, issue.Path)
		line, column = max(where.Line, 1), max(where.Column, 1)
		if found && issue.Offset > 0 {
			line, column = within(value, issue.Offset-1)
		}
	}
	p.at(line, column, issue)
}

// within finds the place in the file of a byte of a scalar. In a block the line is
// exact, and the column is that of the text, without what it is indented by.
func within(n *yaml.Node, offset int) (line, column int) {
	before := n.Value[:min(offset, len(n.Value))]
	runes := utf8.RuneCountInString(before)
	switch n.Style {
	case yaml.LiteralStyle, yaml.FoldedStyle:
		last := strings.LastIndexByte(before, '\n') + 1
		return n.Line + 1 + strings.Count(before, "\n"), utf8.RuneCountInString(before[last:]) + 1
	case yaml.SingleQuotedStyle:
		return n.Line, n.Column + 1 + runes + strings.Count(before, "'")
	case yaml.DoubleQuotedStyle:
		return n.Line, n.Column + 1 + runes + strings.Count(before, `"`) + strings.Count(before, `\`)
	}
	return n.Line, n.Column + runes
}

func (p *problems) at(line, column int, issue flows.Issue) {
	p.list = append(p.list, Problem{File: p.file, Line: line, Column: column, Issue: issue})
}

// node places an error at a node rather than at a path.
func (p *problems) node(n *yaml.Node, code, message, hint string) {
	p.at(max(n.Line, 1), max(n.Column, 1), flows.Issue{Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
}

// checked adds issues of a later check, without echoes.
func (p *problems) checked(issues []flows.Issue) {
	for _, issue := range issues {
		if !slices.ContainsFunc(p.wrong, func(top string) bool { return under(issue.Path, top) }) {
			p.add(issue)
		}
	}
}

func (p *problems) failed() bool {
	return slices.ContainsFunc(p.list, func(x Problem) bool { return x.Severity == flows.SeverityError })
}

func (p *problems) report() *Report {
	r := &Report{File: p.file, Problems: p.list}
	r.sort()
	return r
}
