package flows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenEnd tokenKind = iota
	tokenWord
	tokenText // a value in quotes
	tokenSign // = != ( ) [ ] ,
)

type token struct {
	kind tokenKind
	text string // of a value: without quotes and escapes
	at   int
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end"
	case tokenText:
		return fmt.Sprintf("the value %q", t.text)
	case tokenWord, tokenSign:
	}
	return fmt.Sprintf("%q", t.text)
}

// is reports whether the token is this sign, or this word in any case.
func (t token) is(s string) bool {
	return (t.kind == tokenSign && t.text == s) || (t.kind == tokenWord && strings.EqualFold(t.text, s))
}

// queryParser reads a query by recursive descent, one token ahead.
type queryParser struct {
	text  string
	pos   int // behind token
	token token
	query *Query
}

func (p *queryParser) wrong(at int, message, hint string) *QueryError {
	before := p.text[:at]
	line := strings.Count(before, "\n") + 1
	return &QueryError{
		Offset: at, Line: line, Column: utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1,
		Message: message, Hint: hint,
	}
}

// next reads one token.
func (p *queryParser) next() error {
	for p.pos < len(p.text) {
		r, size := utf8.DecodeRuneInString(p.text[p.pos:])
		if !unicode.IsSpace(r) {
			break
		}
		p.pos += size
	}
	at := p.pos
	if at == len(p.text) {
		p.token = token{kind: tokenEnd, at: at}
		return nil
	}
	switch c := p.text[at]; {
	case strings.IndexByte("()[],=", c) >= 0:
		p.pos++
		p.token = token{tokenSign, string(c), at}
	case c == '!' && strings.HasPrefix(p.text[at:], "!="):
		p.pos += 2
		p.token = token{tokenSign, "!=", at}
	case c == '"':
		return p.value(at)
	case c == '\'':
		return p.wrong(at, "values are written in double quotes", `write "value"`)
	case wordByte(c):
		for p.pos < len(p.text) && wordByte(p.text[p.pos]) {
			p.pos++
		}
		p.token = token{tokenWord, p.text[at:p.pos], at}
	default:
		r, _ := utf8.DecodeRuneInString(p.text[at:])
		return p.wrong(at, fmt.Sprintf("the character %q is not expected here", r), "values are written in double quotes")
	}
	return nil
}

func wordByte(c byte) bool {
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')
}

// value reads a value in double quotes; a backslash stands before a quote or a
// backslash.
func (p *queryParser) value(at int) error {
	var b strings.Builder
	for i := at + 1; i < len(p.text); i++ {
		switch c := p.text[i]; c {
		case '"':
			p.pos, p.token = i+1, token{tokenText, b.String(), at}
			return nil
		case '\n', '\r':
			return p.wrong(i, "a value must not hold the end of a line", "")
		case '\\':
			i++
			if i == len(p.text) || (p.text[i] != '"' && p.text[i] != '\\') {
				return p.wrong(i-1, `a backslash stands before " or \ only`, `write \\ for a backslash`)
			}
			b.WriteByte(p.text[i])
		default:
			b.WriteByte(c)
		}
	}
	return p.wrong(at, "the value has no closing quote", "")
}

func (p *queryParser) take(sign, after string) error {
	if !p.token.is(sign) {
		return p.wrong(p.token.at, fmt.Sprintf("%q is missing %s; %s stands there", sign, after, p.token), "")
	}
	return p.next()
}

func (p *queryParser) or(depth int) (node, error) {
	return p.joined("or", depth, p.and, func(ns []node) node { return oneOf(ns) })
}

func (p *queryParser) and(depth int) (node, error) {
	return p.joined("and", depth, p.not, func(ns []node) node { return allOf(ns) })
}

func (p *queryParser) joined(word string, depth int, part func(int) (node, error), join func([]node) node) (node, error) {
	first, err := part(depth)
	if err != nil {
		return nil, err
	}
	parts := []node{first}
	for p.token.is(word) {
		if err := p.next(); err != nil {
			return nil, err
		}
		further, err := part(depth)
		if err != nil {
			return nil, err
		}
		parts = append(parts, further)
	}
	if len(parts) == 1 {
		return first, nil
	}
	return join(parts), nil
}

func (p *queryParser) not(depth int) (node, error) {
	if depth > maxDepth {
		return nil, p.wrong(p.token.at, fmt.Sprintf("this is nested more than %d deep", maxDepth), "")
	}
	switch {
	case p.token.is("not"):
		if err := p.next(); err != nil {
			return nil, err
		}
		n, err := p.not(depth + 1)
		return negate{n}, err
	case p.token.is("("):
		if err := p.next(); err != nil {
			return nil, err
		}
		n, err := p.or(depth + 1)
		if err != nil {
			return nil, err
		}
		return n, p.take(")", "to close the parenthesis")
	}
	return p.comparison()
}

func (p *queryParser) comparison() (node, error) {
	get, err := p.field()
	if err != nil {
		return nil, err
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	c := &comparison{field: get, match: op.match, not: op.not}
	if op.list {
		c.values, err = p.list()
		return c, err
	}
	if p.token.kind != tokenText {
		return nil, p.wrong(p.token.at, fmt.Sprintf("a value in double quotes is missing; %s stands there", p.token), `write "value"`)
	}
	c.values = []string{p.token.text}
	return c, p.next()
}

func (p *queryParser) field() (func(*subject) (string, bool), error) {
	name := p.token
	if name.kind != tokenWord {
		return nil, p.wrong(name.at, fmt.Sprintf("a field is missing; %s stands there", name), `write for example resource_name = "orders"`)
	}
	f, ok := queryFields[name.text]
	if !ok {
		if slices.Contains(absentFields, name.text) {
			return nil, p.wrong(name.at, fmt.Sprintf("no integration tells the %s", strings.ReplaceAll(name.text, "_", " ")), "tags are compared with resource_tag")
		}
		return nil, p.wrong(name.at, fmt.Sprintf("there is no field %q", name.text), Suggest(name.text, slices.Sorted(maps.Keys(queryFields))))
	}
	p.query.onPermission = p.query.onPermission || f.onPermission
	if err := p.next(); err != nil {
		return nil, err
	}
	if !f.keyed {
		return func(s *subject) (string, bool) { return f.get(s, "") }, nil
	}
	if err := p.take("[", "after "+name.text); err != nil {
		return nil, err
	}
	key := p.token
	if key.kind != tokenText {
		return nil, p.wrong(key.at, fmt.Sprintf("the key of the tag is missing; %s stands there", key), `write resource_tag["env"]`)
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	return func(s *subject) (string, bool) { return f.get(s, key.text) }, p.take("]", "after the key")
}

func (p *queryParser) operator() (queryOperator, error) {
	op, ok := queryOperators[p.token.text]
	if !ok || p.token.kind == tokenText {
		return op, p.wrong(p.token.at, fmt.Sprintf("an operator is missing; %s stands there", p.token),
			"one of "+strings.Join(slices.Sorted(maps.Keys(queryOperators)), ", "))
	}
	return op, p.next()
}

// list reads ("a", "b"), in round or square brackets.
func (p *queryParser) list() ([]string, error) {
	end := ")"
	if p.token.is("[") {
		end = "]"
	} else if !p.token.is("(") {
		return nil, p.wrong(p.token.at, fmt.Sprintf("a list is missing; %s stands there", p.token), `write ("a", "b")`)
	}
	var out []string
	for {
		if err := p.next(); err != nil {
			return nil, err
		}
		if p.token.kind != tokenText {
			return nil, p.wrong(p.token.at, fmt.Sprintf("a value in double quotes is missing; %s stands there", p.token), `write ("a", "b")`)
		}
		out = append(out, p.token.text)
		if err := p.next(); err != nil {
			return nil, err
		}
		if !p.token.is(",") {
			return out, p.take(end, "to close the list")
		}
	}
}
