package flows

import (
	"fmt"
	"slices"
	"strings"
)

// Query is a parsed inventory query, the content of an access scope:
//
//	resource_tag["pii"] = "true" and not (resource_name starts_with "tmp" or integration in ("a", "b"))
//
// It tells, for a permission on a resource, whether that belongs to the scope.
// Names and values are compared with their case. `not` binds closer than `and`,
// and that closer than `or`; all three may be written in capitals. A resource
// that lacks a tag fails every comparison with it but the negative ones, and
// meets those.
type Query struct {
	text string
	root node
	// onPermission: the answer depends on the permission, not on the resource alone.
	onPermission bool
}

// String is the text of the query.
func (q *Query) String() string { return q.text }

// subject is what a query is asked about.
type subject struct {
	integration string
	resource    *Resource
	path        string // of the resource, joined with slashes
	permission  Permission
}

// matches reports whether the scope holds the subject.
func (q *Query) matches(s *subject) bool { return q.root.holds(s) }

type node interface{ holds(s *subject) bool }

type (
	allOf  []node
	oneOf  []node
	negate struct{ node }
)

func (n allOf) holds(s *subject) bool {
	for _, x := range n {
		if !x.holds(s) {
			return false
		}
	}
	return true
}

func (n oneOf) holds(s *subject) bool {
	return slices.ContainsFunc(n, func(x node) bool { return x.holds(s) })
}

func (n negate) holds(s *subject) bool { return !n.node.holds(s) }

// comparison is `field operator "value"`.
type comparison struct {
	field  func(s *subject) (value string, ok bool)
	match  func(have, want string) bool
	not    bool // the negation of match
	values []string
}

func (c *comparison) holds(s *subject) bool {
	have, ok := c.field(s)
	some := ok && slices.ContainsFunc(c.values, func(want string) bool { return c.match(have, want) })
	return some != c.not
}

// field of a query.
type field struct {
	get          func(s *subject, key string) (string, bool)
	keyed        bool // takes a key: resource_tag["env"]
	onPermission bool
}

func plain(get func(s *subject) string) field {
	return field{get: func(s *subject, _ string) (string, bool) { return get(s), true }}
}

func ofPermission(get func(s *subject) string) field {
	f := plain(get)
	f.onPermission = true
	return f
}

var queryFields = map[string]field{
	"integration":        plain(func(s *subject) string { return s.integration }),
	"integration_name":   plain(func(s *subject) string { return s.integration }),
	"resource_type":      plain(func(s *subject) string { return s.resource.Type }),
	"resource":           plain(func(s *subject) string { return s.resource.ID }),
	"resource_source_id": plain(func(s *subject) string { return s.resource.ID }),
	"resource_name":      plain(func(s *subject) string { return s.resource.Name }),
	"resource_path":      plain(func(s *subject) string { return s.path }),
	"resource_tag": {keyed: true, get: func(s *subject, key string) (string, bool) {
		v, ok := s.resource.Tags[key]
		return v, ok
	}},
	"permission":      ofPermission(func(s *subject) string { return s.permission.ID }),
	"permission_name": ofPermission(func(s *subject) string { return s.permission.Name }),
}

// absentFields exist elsewhere; no integration here tells them.
var absentFields = []string{
	"resource_status", "resource_risk_level", "resource_context", "permission_risk_level", "permission_tag", "permission_context",
}

type queryOperator struct {
	match func(have, want string) bool
	not   bool
	list  bool // takes several values
}

func equal(have, want string) bool { return have == want }

var queryOperators = map[string]queryOperator{
	"=": {match: equal}, "!=": {match: equal, not: true},
	"contains": {match: strings.Contains}, "not_contains": {match: strings.Contains, not: true},
	"starts_with": {match: strings.HasPrefix}, "ends_with": {match: strings.HasSuffix},
	"in": {match: equal, list: true}, "not_in": {match: equal, not: true, list: true},
}

// QueryError says what is wrong with a query, and where.
type QueryError struct {
	Offset  int // in bytes, from 0
	Column  int // in characters, from 1, within its line
	Line    int // from 1
	Message string
	Hint    string
}

func (e *QueryError) Error() string {
	return fmt.Sprintf("at %d:%d of the query: %s", e.Line, e.Column, e.Message)
}

// MaxQuery is the longest a query may be, in bytes.
const MaxQuery = 10_000

// maxDepth bounds how deep parentheses and negations may be nested.
const maxDepth = 100

// ParseQuery reads a query. The error is a *QueryError.
func ParseQuery(text string) (*Query, error) {
	p := &queryParser{text: text, query: &Query{text: text}}
	if len(text) > MaxQuery {
		return nil, p.wrong(0, fmt.Sprintf("a query may be at most %d bytes long", MaxQuery), "make several access scopes")
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.token.kind == tokenEnd {
		return nil, p.wrong(p.token.at, "the query is empty", `write for example resource_tag["env"] = "prod"`)
	}
	root, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.token.kind != tokenEnd {
		return nil, p.wrong(p.token.at, fmt.Sprintf("%s is not expected here", p.token), "join comparisons with and, or")
	}
	p.query.root = root
	return p.query, nil
}
