package config

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A path names a value of the file: flows[0].approval.groups[1]. A key that is
// not a plain word is quoted in brackets: attributes["cost.center"].

var plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]*$`)

func keyPath(path, key string) string {
	switch {
	case !plainKey.MatchString(key):
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

func itemPath(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

// joinPath puts a path that is relative to base behind it.
func joinPath(base, relative string) string {
	if relative == "" || strings.HasPrefix(relative, "[") {
		return base + relative
	}
	return base + "." + relative
}

// step is a key, or an index where key is nil.
type step struct {
	key   string
	index int // -1: a key
}

// nextStep cuts the first step off a path. ok is false at the end of the path
// and where the path is not one.
func nextStep(path string) (s step, rest string, ok bool) {
	path = strings.TrimPrefix(path, ".")
	if path == "" {
		return step{}, "", false
	}
	if path[0] != '[' {
		end := strings.IndexAny(path, ".[")
		if end < 0 {
			end = len(path)
		}
		return step{key: path[:end], index: -1}, path[end:], end > 0
	}
	if quoted, err := strconv.QuotedPrefix(path[1:]); err == nil {
		key, err := strconv.Unquote(quoted)
		rest, closed := strings.CutPrefix(path[1+len(quoted):], "]")
		return step{key: key, index: -1}, rest, err == nil && closed
	}
	digits, rest, closed := strings.Cut(path[1:], "]")
	i, err := strconv.Atoi(digits)
	return step{index: i}, rest, closed && err == nil && i >= 0
}

// under reports whether path is at or below top.
func under(path, top string) bool {
	rest, ok := strings.CutPrefix(path, top)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// find resolves a path. where is the node a reader would point at: the key of a
// mapping's value, the item of a list. Of a path that leads nowhere both are
// those of the nearest ancestor that exists.
func find(root *yaml.Node, path string) (value, where *yaml.Node, found bool) {
	value, where = root, root
	for {
		s, rest, ok := nextStep(path)
		if !ok {
			return value, where, path == ""
		}
		k, v := into(value, s)
		if v == nil {
			return value, where, false
		}
		value, where, path = v, k, rest
	}
}

func into(n *yaml.Node, s step) (where, value *yaml.Node) {
	switch {
	case n.Kind == yaml.SequenceNode && s.index >= 0 && s.index < len(n.Content):
		return n.Content[s.index], n.Content[s.index]
	case n.Kind == yaml.MappingNode && s.index < 0:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == s.key {
				return n.Content[i], n.Content[i+1]
			}
		}
	}
	return nil, nil
}
