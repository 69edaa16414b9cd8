package config

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"apono/flows"
	"apono/provision"
)

var integrationName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// staticType is the directory that is wholly in the file. Where it is the only
// one, the file tells everybody there is.
const staticType = "static"

// configError tells a driver that its configuration cannot be read. What is wrong
// is in the report already.
type configError struct{ problems []Problem }

func (e *configError) Error() string {
	var lines []string
	for _, p := range e.problems {
		lines = append(lines, p.String())
	}
	return strings.Join(lines, "\n")
}

func (l *loader) integrations(ctx context.Context, n *yaml.Node, c *Config) {
	if !written(n) {
		l.p.warn("integrations", "no_integrations", "there are no integrations, so there is nothing to ask for", "")
		return
	}
	var shapes []integrationShape
	decoder{p: l.p, secrets: l.secrets, strict: true}.into(n, &shapes, "integrations")
	seen := map[string]int{}
	for i, s := range shapes {
		at := itemPath("integrations", i)
		l.integrationHead(s, at, i, seen)
		in := Integration{Name: s.Name, Type: s.Type, SyncInterval: or(s.SyncInterval, c.Sync.Interval), AccessDetails: s.AccessDetails}
		l.secrets.seen = sha256.New()
		if in.Connection = l.connect(ctx, s, at); in.Connection != nil {
			in.Settings, in.closing = l.fingerprint(s), sync.OnceValue(in.Connection.Close)
		}
		c.Integrations = append(c.Integrations, in)
		if s.Owner != nil || s.OwnersMapping != nil {
			c.Policy.Owners = append(c.Policy.Owners, ownership(s, at))
		}
		if s.Name != "" {
			l.names = append(l.names, s.Name)
		}
	}
}

// fingerprint is Integration.Settings, of what was decoded last.
func (l *loader) fingerprint(s integrationShape) string {
	fmt.Fprintf(l.secrets.seen, "%s\n", s.Type)
	if s.Config != nil {
		var written any
		if err := s.Config.Decode(&written); err != nil {
			return rand.Text() // like nothing else
		}
		fmt.Fprintf(l.secrets.seen, "%#v", written) // maps in order, without comments
	}
	return hex.EncodeToString(l.secrets.seen.Sum(nil))
}

func (l *loader) integrationHead(s integrationShape, at string, i int, seen map[string]int) {
	var issues []flows.Issue
	fail := func(key, code, message, hint string) {
		issues = append(issues, flows.Issue{Path: keyPath(at, key), Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
	}
	first, dup := seen[s.Name]
	switch {
	case s.Name == "":
		fail("name", "missing_key", "the integration has no name", "")
	case !integrationName.MatchString(s.Name):
		fail("name", "invalid_name", fmt.Sprintf("%q is not a name of an integration", s.Name), "at most 64 letters, digits, - and _")
	case dup:
		fail("name", "duplicate_name", fmt.Sprintf("the integration %q is there twice, first as integrations[%d]", s.Name, first), "")
	default:
		seen[s.Name] = i
	}
	if s.SyncInterval != nil && *s.SyncInterval <= 0 {
		fail("sync_interval", "invalid_duration", "the duration must be longer than nothing", "write 30m, 1h or 1d; left out: sync.interval")
	}
	if n := utf8.RuneCountInString(s.AccessDetails); n > MaxAccessDetails {
		fail("access_details", "too_long", fmt.Sprintf("the access details have %d characters, %d more than allowed", n, n-MaxAccessDetails), "")
	}
	l.p.checked(issues)
}

func ownership(s integrationShape, at string) flows.Ownership {
	o := flows.Ownership{Integration: s.Name, Path: at}
	if s.Owner != nil {
		o.Owner = &flows.Condition{Attribute: s.Owner.Attribute, Operator: flows.Operator(s.Owner.Operator), Values: s.Owner.Values}
	}
	if s.OwnersMapping != nil {
		o.Mapping = &flows.OwnersMapping{Tag: s.OwnersMapping.Tag, Attribute: s.OwnersMapping.Attribute}
	}
	return o
}

// connect makes the connection. nil: it could not, and the report says why.
func (l *loader) connect(ctx context.Context, s integrationShape, at string) provision.Connection {
	if s.Type == "" {
		l.p.checked([]flows.Issue{{
			Path: keyPath(at, "type"), Severity: flows.SeverityError, Code: "missing_key", Message: "the integration has no type",
			Hint: flows.Suggest("", l.o.Registry.Names()),
		}})
		return nil
	}
	typ, ok := l.o.Registry.Type(s.Type)
	if !ok {
		l.p.fail(keyPath(at, "type"), "unknown_type", fmt.Sprintf("there is no type of integration %q", s.Type),
			flows.Suggest(s.Type, l.o.Registry.Names()))
		return nil
	}
	path, failed := keyPath(at, "config"), false
	spec := provision.Spec{Name: s.Name, Decode: func(into any) error {
		err := l.decodeConfig(s.Config, into, path)
		failed = failed || err != nil
		return err
	}}
	conn, issues := typ.New(ctx, spec)
	if failed {
		issues = append(issues, l.rest(ctx, typ, s, issues)...)
	}
	broken := failed
	for _, issue := range issues {
		if issue.Severity == "" {
			issue.Severity = flows.SeverityError
		}
		if failed && issue.Path == "" && issue.Severity == flows.SeverityError {
			continue // the driver hands on what Decode told it
		}
		broken = broken || issue.Severity == flows.SeverityError
		issue.Path, issue.Code = joinPath(path, issue.Path), cmp.Or(issue.Code, "invalid_config")
		l.p.checked([]flows.Issue{issue})
	}
	switch {
	case conn == nil && !broken:
		l.p.fail(at, "internal", fmt.Sprintf("the type %s made no connection (this is a bug)", s.Type), "")
	case conn != nil && broken:
		_ = conn.Close() // it was never used
		return nil
	}
	return conn
}

// rest is what a type finds wrong with what could be read of a configuration in which
// something could not, so that all of it is said at once, and is not in known.
func (l *loader) rest(ctx context.Context, typ provision.Type, s integrationShape, known []flows.Issue) []flows.Issue {
	unheard := &problems{file: l.p.file, root: l.p.root}
	conn, issues := typ.New(ctx, provision.Spec{Name: s.Name, Decode: func(into any) error {
		if written(s.Config) {
			decoder{p: unheard, secrets: l.secrets}.into(s.Config, into, "")
		}
		return nil
	}})
	if conn != nil {
		_ = conn.Close() // it was never used
	}
	return slices.DeleteFunc(issues, func(i flows.Issue) bool {
		return i.Path == "" || i.Severity == flows.SeverityWarning || slices.ContainsFunc(known, func(k flows.Issue) bool { return k.Path == i.Path })
	})
}

// decodeConfig is provision.Spec.Decode.
func (l *loader) decodeConfig(n *yaml.Node, into any, path string) error {
	if !written(n) {
		return nil
	}
	before := len(l.p.list)
	decoder{p: l.p, secrets: l.secrets}.into(n, into, path)
	e := &configError{}
	for _, p := range l.p.list[before:] {
		if p.Severity == flows.SeverityError {
			e.problems = append(e.problems, p)
		}
	}
	if len(e.problems) > 0 {
		return e
	}
	return nil
}

// known is what the names in the policy are compared with.
func (l *loader) known(ctx context.Context, c *Config) flows.Known {
	k := flows.Known{Integrations: l.names}
	if k.Integrations == nil {
		k.Integrations = []string{}
	}
	var people []flows.PeopleOf
	var shifts []flows.Shift
	var groups []string
	directories := 0
	for _, in := range c.Integrations {
		d, ok := in.Connection.(provision.Directory)
		if !ok {
			continue
		}
		directories++
		if in.Type != staticType {
			return k
		}
		p, s, err := d.People(ctx)
		if err != nil {
			return k
		}
		g, err := groupsOf(ctx, d)
		if err != nil {
			return k
		}
		people = append(people, flows.PeopleOf{Source: in.Name, People: p})
		shifts, groups = append(shifts, s...), append(groups, g...)
	}
	switch {
	case directories > 0:
		merged, _ := flows.MergePeople(people)
		k.People = flows.NewDirectory(merged, shifts, groups...)
	case !l.p.failed():
		l.p.warn("integrations", "no_directory", "no integration knows people, so nobody can ask for anything", "add one of type static")
	}
	return k
}
