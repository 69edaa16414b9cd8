package teamstest

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// The schema of Adaptive Cards 1.5; see testdata/README.md.
//
//go:embed testdata/adaptive-card-1.5.0.json
var schemaText []byte

// schema is what is used of JSON Schema there.
type schema struct {
	Ref         string             `json:"$ref"`
	Type        string             `json:"type"`
	Enum        []any              `json:"enum"`
	Pattern     string             `json:"pattern"`
	Properties  map[string]*schema `json:"properties"`
	Additional  any                `json:"additionalProperties"` // true, false or a schema
	Required    []string           `json:"required"`
	Items       *schema            `json:"items"`
	AnyOf       []*schema          `json:"anyOf"`
	AllOf       []*schema          `json:"allOf"`
	Definitions map[string]*schema `json:"definitions"`
}

var cardSchema = sync.OnceValue(func() *schema {
	var s schema
	if err := json.Unmarshal(schemaText, &s); err != nil {
		panic("teamstest: " + err.Error())
	}
	return &s
})

// Validate says what is wrong with a card: against the schema of Adaptive Cards 1.5
// with what Teams adds to it, and against what the schema cannot say.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format
func Validate(raw []byte) []string {
	var card any
	if err := json.Unmarshal(raw, &card); err != nil {
		return []string{"not JSON"}
	}
	c := &checker{ids: map[string]bool{}}
	if m, ok := card.(map[string]any); !ok || m["type"] != "AdaptiveCard" || m["version"] != "1.5" {
		c.add("", "not an Adaptive Card 1.5")
	}
	c.teams("", card)
	c.problems = append(c.problems, check(cardSchema(), card, "")...)
	return c.problems
}

// checker checks what Teams adds to the schema, and takes it out of the card.
type checker struct {
	problems []string
	ids      map[string]bool
}

func (c *checker) add(path, format string, args ...any) {
	c.problems = append(c.problems, path+": "+fmt.Sprintf(format, args...))
}

func (c *checker) teams(path string, v any) {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			c.teams(fmt.Sprintf("%s/%d", path, i), e)
		}
	case map[string]any:
		kind, _ := v["type"].(string)
		if strings.HasPrefix(kind, "Input.") {
			c.input(path, v)
		}
		if list, ok := v["actions"].([]any); ok {
			primary := slices.DeleteFunc(slices.Clone(list), func(a any) bool { m, _ := a.(map[string]any); return m["mode"] == "secondary" })
			if len(primary) > 6 {
				c.add(path, "%d buttons beside each other; Teams shows six", len(primary))
			}
		}
		if strings.HasPrefix(kind, "Action.") && kind != "Action.OpenUrl" {
			if title, _ := v["title"].(string); title == "" && path != "/refresh/action" {
				c.add(path, "a button without a title")
			}
		}
		if path == "" {
			delete(v, "msteams")
		}
		for name, e := range v {
			if name != "data" {
				c.teams(path+"/"+name, e)
			}
		}
	}
}

func (c *checker) input(path string, v map[string]any) {
	id, _ := v["id"].(string)
	if id == "" || c.ids[id] {
		c.add(path, "an input needs an id of its own, not %q", id)
	}
	c.ids[id] = true
	if label, _ := v["label"].(string); label == "" {
		c.add(path, "an input without a label")
	}
	if v["isRequired"] == true && v["errorMessage"] == nil {
		c.add(path, "a required input without an error message")
	}
	if v["style"] == "filtered" { // https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/dynamic-search
		delete(v, "style")
	}
	query, searches := v["choices.data"].(map[string]any)
	if searches {
		if query["type"] != "Data.Query" || query["dataset"] == nil || query["dataset"] == "" {
			c.add(path, "choices.data without a dataset")
		}
		delete(v, "choices.data")
	}
	seen := map[any]bool{}
	list, _ := v["choices"].([]any)
	for _, e := range list {
		m, _ := e.(map[string]any)
		value, _ := m["value"].(string)
		if seen[value] || value == "" || (v["isMultiSelect"] == true && strings.Contains(value, ",")) {
			c.add(path, "choice %q: its value is empty, used twice or has a comma", m["title"])
		}
		seen[value] = true
	}
}

// check validates v; the messages are those of the branch that v wants to be.
func check(s *schema, v any, path string) []string {
	if s == nil {
		return nil
	}
	if s.Ref != "" {
		return check(cardSchema().Definitions[strings.TrimPrefix(s.Ref, "#/definitions/")], v, path)
	}
	var out []string
	bad := func(format string, args ...any) { out = append(out, path+": "+fmt.Sprintf(format, args...)) }
	if s.Type != "" && s.Type != typeOf(v) {
		bad("is a %s, not a %s", typeOf(v), s.Type)
		return out
	}
	if s.Enum != nil && !slices.ContainsFunc(s.Enum, func(e any) bool { return reflect.DeepEqual(e, v) }) {
		bad("%v is none of %v", v, s.Enum)
	}
	if text, ok := v.(string); ok && s.Pattern != "" && !pattern(s.Pattern).MatchString(text) {
		bad("%q does not match", text)
	}
	for _, one := range s.AllOf {
		out = append(out, check(one, v, path)...)
	}
	out = append(out, checkAny(s.AnyOf, v, path)...)
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			out = append(out, check(s.Items, e, fmt.Sprintf("%s/%d", path, i))...)
		}
	case map[string]any:
		for _, name := range s.Required {
			if _, ok := v[name]; !ok {
				bad("lacks %q", name)
			}
		}
		for name, e := range v {
			if p, ok := s.Properties[name]; ok {
				out = append(out, check(p, e, path+"/"+name)...)
			} else if s.Additional == false {
				bad("has %q, which is not in the schema", name)
			}
		}
	}
	return out
}

func checkAny(branches []*schema, v any, path string) []string {
	if len(branches) == 0 {
		return nil
	}
	best := []string{path + ": fits nothing that may stand here"}
	for _, b := range branches {
		problems := check(b, v, path)
		if len(problems) == 0 {
			return nil
		}
		if !slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, path+"/type: ") }) {
			best = problems
		}
	}
	return best
}

func typeOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case float64:
		return "number"
	case string:
		return "string"
	case []any:
		return "array"
	}
	return "object"
}

var compiled sync.Map // patterns of the schema by text

func pattern(text string) *regexp.Regexp {
	if re, ok := compiled.Load(text); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(text)
	compiled.Store(text, re)
	return re
}
