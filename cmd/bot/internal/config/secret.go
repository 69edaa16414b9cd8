package config

import (
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"regexp"
	"strings"

	"apono/flows"
)

const maxSecret = 64 << 10 // bytes in a file with one secret

var envName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// secrets resolves references. Its errors name the variable or the file, never
// what is in them.
type secrets struct {
	lookup func(string) (string, bool)
	// optional turns a variable or file that is not there into a warning.
	optional bool
	// files takes for every file that is referred to, there or not, what identifies
	// its content; nil: nobody wants to know.
	files map[string]string
	// seen takes every secret that is resolved, each with its length; nil: nobody
	// wants to know.
	seen hash.Hash
}

// resolve returns the secret that ref refers to, or what is wrong with it. A
// text that is no reference is the secret itself, and worth a warning.
func (s secrets) resolve(ref string) (flows.Secret, *flows.Issue) {
	secret, issue := s.find(ref)
	if s.seen != nil {
		fmt.Fprintf(s.seen, "%d %s\n", len(secret), secret.Reveal())
	}
	return secret, issue
}

func (s secrets) find(ref string) (flows.Secret, *flows.Issue) {
	if ref == "" {
		return "", nil
	}
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		return s.fromEnv(name)
	}
	if path, ok := strings.CutPrefix(ref, "file:"); ok {
		return s.fromFile(path)
	}
	return flows.Secret(ref), &flows.Issue{
		Severity: flows.SeverityWarning, Code: "literal_secret", Message: "a secret is written into the file",
		Hint: "write env:NAME or file:/path",
	}
}

func (s secrets) fromEnv(name string) (flows.Secret, *flows.Issue) {
	if !envName.MatchString(name) {
		return "", secretIssue(flows.SeverityError, "secret_reference", "env: is not followed by the name of a variable", "write env:NAME")
	}
	value, ok := s.lookup(name)
	switch {
	case !ok:
		return "", secretIssue(s.missing(), "secret_missing", fmt.Sprintf("the environment variable %s is not set", name), "")
	case value == "":
		return "", secretIssue(s.missing(), "secret_empty", fmt.Sprintf("the environment variable %s is empty", name), "")
	}
	return flows.Secret(value), nil
}

func (s secrets) fromFile(path string) (flows.Secret, *flows.Issue) {
	if path == "" {
		return "", secretIssue(flows.SeverityError, "secret_reference", "file: is not followed by a path", "write file:/path")
	}
	data, err := readLimited(path, maxSecret)
	if s.files != nil {
		s.files[path] = digestOf(data, err)
	}
	value := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", secretIssue(s.missing(), "secret_missing", fmt.Sprintf("the file %s does not exist", path), "")
	case err != nil:
		return "", secretIssue(flows.SeverityError, "secret_unreadable", fmt.Sprintf("the file %s cannot be read: %s", path, reason(err)), "")
	case value == "":
		return "", secretIssue(s.missing(), "secret_empty", fmt.Sprintf("the file %s is empty", path), "")
	}
	return flows.Secret(value), nil
}

func (s secrets) missing() flows.Severity {
	if s.optional {
		return flows.SeverityWarning
	}
	return flows.SeverityError
}

func secretIssue(severity flows.Severity, code, message, hint string) *flows.Issue {
	return &flows.Issue{Severity: severity, Code: code, Message: message, Hint: hint}
}
