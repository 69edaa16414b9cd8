package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"sort"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"apono/flows"
)

// Limits of a file. They stop a mistake or a bomb, not a large installation.
const (
	maxFile   = 4 << 20 // bytes
	maxValues = 1 << 20 // keys and values, aliases written out
	maxDepth  = 100     // lists and mappings inside each other
)

// Digest identifies the content of a file and of the files with secrets that it
// refers to, so that a caller can tell whether to Load again. An error is of the file;
// a secret that is not there is a state like others.
func Digest(path string, secretFiles []string) (string, error) {
	data, err := readLimited(path, maxFile)
	if err != nil {
		return "", err
	}
	files := map[string]string{}
	for _, name := range secretFiles {
		data, err := readLimited(name, maxSecret)
		files[name] = digestOf(data, err)
	}
	return withSecrets(digest(data), files), nil
}

// withSecrets is the digest of a file together with those of its files of secrets.
func withSecrets(file string, secrets map[string]string) string {
	return digest(fmt.Append(nil, file, secrets)) // maps in order
}

// digestOf is the digest of what was read, or of why it was not.
func digestOf(data []byte, err error) string {
	if err != nil {
		data = []byte(err.Error())
	}
	return digest(data)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

var errTooLarge = errors.New("the file is too large")

func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it is only read
	var text bytes.Buffer
	if info, err := f.Stat(); err == nil && info.Size() <= limit {
		text.Grow(int(info.Size()) + bytes.MinRead) // the file is looked at every second
	}
	_, err = text.ReadFrom(io.LimitReader(f, limit+1))
	data := text.Bytes()
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > limit:
		return nil, &os.PathError{Op: "read", Path: path, Err: fmt.Errorf("%w: at most %d KiB", errTooLarge, limit>>10)}
	}
	return data, nil
}

// read turns the file into one plain tree, without aliases and merge keys. nil:
// it could not, and p says why.
func read(path string, p *problems) (root *yaml.Node, sum string) {
	data, err := readLimited(path, maxFile)
	if err != nil {
		p.list = append(p.list, Problem{File: path, Issue: flows.Issue{
			Severity: flows.SeverityError, Code: codeUnread, Message: "the file cannot be read: " + reason(err),
		}})
		return nil, ""
	}
	return parse(data, p), digest(data)
}

// reason is the error without the path that the place says already.
func reason(err error) string {
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		return pe.Err.Error()
	}
	return err.Error()
}

func parse(data []byte, p *problems) *yaml.Node {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF), err == nil && isNull(doc.Content[0]):
		p.fail("", "file_empty", "the file is empty", "start from config.example.yaml")
		return nil
	case err != nil:
		syntaxError(data, err, p)
		return nil
	}
	if err := dec.Decode(&second); err == nil {
		p.node(second.Content[0], "multiple_documents", "the file holds more than one document", "remove the lines with ---")
		return nil
	} else if !errors.Is(err, io.EOF) {
		syntaxError(data, err, p)
		return nil
	}
	e := newExpander(p)
	root := e.expand(doc.Content[0], "", 0)
	if e.full {
		return nil
	}
	if root.Kind != yaml.MappingNode {
		p.node(root, "wrong_type", "the file must be a mapping of sections", "start from config.example.yaml")
		return nil
	}
	return root
}

var (
	yamlLine  = regexp.MustCompile(`^yaml: (line \d+: )?`)
	tabIndent = regexp.MustCompile(`^ *\t[ \t]*`)
)

// syntaxError places an error of the YAML parser. The parser gives no place but in its
// text, a line that is that of the enclosing block or one too few. So the place is the
// first line that the error needs: without it and what follows, there is none or another.
func syntaxError(data []byte, err error, p *problems) {
	var ends []int // of lines
	for i, b := range data {
		if b == '\n' {
			ends = append(ends, i+1)
		}
	}
	ends = append(ends, len(data))
	at := sort.Search(len(ends)-1, func(n int) bool {
		cut := syntax(data[:ends[n]])
		return cut != nil && cut.Error() == err.Error()
	})
	line := data[:ends[at]]
	if at > 0 {
		line = line[ends[at-1]:]
	}
	column := 1 + len(line) - len(bytes.TrimLeft(line, " "))
	hint := "look at this line and the one before it: indentation, brackets, quotes, a colon inside a text"
	if tabs := tabIndent.Find(line); tabs != nil {
		column, hint = len(tabs), "YAML is indented with spaces, not with tabs"
	}
	if !utf8.Valid(data) || bytes.ContainsFunc(data, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }) {
		hint = "the file must be text in UTF-8"
	}
	p.at(at+1, column, flows.Issue{
		Severity: flows.SeverityError, Code: "syntax", Message: "this is not YAML: " + yamlLine.ReplaceAllString(err.Error(), ""), Hint: hint,
	})
}

// syntax is the error of the YAML parser for a file.
func syntax(data []byte) error {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	for {
		switch err := dec.Decode(new(yaml.Node)); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// expander replaces aliases and merge keys by what they mean. A subtree may then
// hang in several places; nobody may change it.
type expander struct {
	p    *problems
	busy map[*yaml.Node]bool
	size map[*yaml.Node]int // values in the subtree
	tall map[*yaml.Node]int // its height
	full bool               // the tree must not be walked, and p says why
}

func newExpander(p *problems) *expander {
	return &expander{p: p, busy: map[*yaml.Node]bool{}, size: map[*yaml.Node]int{}, tall: map[*yaml.Node]int{}}
}

func (e *expander) expand(n *yaml.Node, path string, depth int) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		if e.busy[n.Alias] {
			e.p.node(n, "alias_cycle", fmt.Sprintf("*%s holds itself", n.Value), "")
			return e.nothing(n)
		}
		return n.Alias // what an alias means stands before it, so it is expanded
	}
	if depth > maxDepth {
		return e.refuse(n, "too_deep", fmt.Sprintf("lists and mappings are nested more than %d deep", maxDepth))
	}
	e.busy[n] = true
	defer delete(e.busy, n)
	switch n.Kind {
	case yaml.SequenceNode:
		for i := range n.Content {
			n.Content[i] = e.expand(n.Content[i], itemPath(path, i), depth+1)
		}
	case yaml.MappingNode:
		e.mapping(n, path, depth)
	case yaml.ScalarNode, yaml.DocumentNode, yaml.AliasNode:
	}
	return e.measure(n)
}

// measure refuses a subtree that is too large or too deep, before it is walked.
func (e *expander) measure(n *yaml.Node) *yaml.Node {
	size, tall := 1, 1
	for _, c := range n.Content {
		size += max(e.size[c], 1)
		tall = max(tall, e.tall[c]+1)
	}
	switch {
	case size > maxValues:
		return e.refuse(n, "too_many_values", fmt.Sprintf("there are more than %d values, aliases written out", maxValues))
	case tall > maxDepth:
		return e.refuse(n, "too_deep", fmt.Sprintf("lists and mappings are nested more than %d deep", maxDepth))
	}
	e.size[n], e.tall[n] = size, tall
	return n
}

func (e *expander) refuse(n *yaml.Node, code, message string) *yaml.Node {
	if !e.full {
		e.p.node(n, code, message, "")
	}
	e.full = true
	return e.nothing(n)
}

// nothing stands in for a node that cannot be used.
func (e *expander) nothing(n *yaml.Node) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null", Line: n.Line, Column: n.Column}
}

func (e *expander) mapping(n *yaml.Node, path string, depth int) {
	var pairs, merges []*yaml.Node
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			e.refuse(n.Content[i], "wrong_type", "a key must be a plain word")
			continue
		}
		at := keyPath(path, key.Value)
		value = e.expand(value, at, depth+1)
		if key.ShortTag() == "!!merge" {
			merges = append(merges, value)
			continue
		}
		if first, dup := seen[key.Value]; dup {
			e.p.at(key.Line, key.Column, flows.Issue{
				Path: at, Severity: flows.SeverityError, Code: "duplicate_key",
				Message: fmt.Sprintf("the key %q is there twice, first in line %d", key.Value, first.Line),
			})
			continue
		}
		seen[key.Value] = key
		pairs = append(pairs, key, value)
	}
	n.Content = e.merge(pairs, seen, merges)
}

// merge adds the keys of `<<` that the mapping does not have itself; of several
// mappings the first wins.
func (e *expander) merge(pairs []*yaml.Node, seen map[string]*yaml.Node, merges []*yaml.Node) []*yaml.Node {
	for _, m := range merges {
		sources := []*yaml.Node{m}
		if m.Kind == yaml.SequenceNode {
			sources = m.Content
		}
		for _, s := range sources {
			if s.Kind != yaml.MappingNode {
				e.p.node(m, "wrong_type", "<< merges mappings only", "")
				continue
			}
			for i := 0; i+1 < len(s.Content); i += 2 {
				if _, has := seen[s.Content[i].Value]; !has {
					seen[s.Content[i].Value] = s.Content[i]
					pairs = append(pairs, s.Content[i], s.Content[i+1])
				}
			}
		}
	}
	return pairs
}
