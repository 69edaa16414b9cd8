package config

import (
	"slices"

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
		_, where, _ := find(p.root, issue.Path)
		line, column = max(where.Line, 1), max(where.Column, 1)
	}
	p.at(line, column, issue)
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
