package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"

	"apono/flows"
	"apono/provision"
)

// maxInstructions is how much of a system's instructions is kept, in runes.
const maxInstructions = 2000

// public are the names of fields that tell an account or a place. All others
// are secret, so that a name nobody thought of is not shown by mistake.
var public = []string{"username", "user", "login", "host", "hostname", "port", "database"}

var errCredentials = errors.New("credentials are an object of texts")

// fields are credentials in the order of the answer.
type fields []provision.Field

// UnmarshalJSON reads an object of texts, numbers and truths; null is left out.
func (f *fields) UnmarshalJSON(raw []byte) error {
	*f = nil
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	start, err := d.Token()
	if err != nil || start == nil {
		return err
	}
	if start != json.Delim('{') {
		return errCredentials
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return err
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		var text string
		switch v := value.(type) {
		case nil:
			continue
		case string:
			text = v
		case json.Number:
			text = v.String()
		case bool:
			text = "false"
			if v {
				text = "true"
			}
		default:
			return errCredentials
		}
		n := clean(name.(string)) // a key of an object
		*f = append(*f, provision.Field{Name: n, Value: flows.Secret(text), Secret: !slices.Contains(public, strings.ToLower(n))})
	}
	return nil
}

// issue is what the system handed out for one resource type.
type issue struct {
	typeName     string
	fields       fields
	instructions string
}

// merge makes one message of what was handed out for several types: what is the
// same is told once, and names that clash are told apart by their type.
func merge(issues []issue) provision.Credentials {
	var out provision.Credentials
	var instructions []string
	for _, i := range issues {
		for _, f := range i.fields {
			if slices.Contains(out.Fields, f) {
				continue
			}
			if slices.ContainsFunc(out.Fields, func(o provision.Field) bool { return o.Name == f.Name }) {
				f.Name = i.typeName + " " + f.Name
			}
			out.Fields = append(out.Fields, f)
		}
		if text := lines(i.instructions); text != "" && !slices.Contains(instructions, text) {
			instructions = append(instructions, text)
		}
	}
	out.Instructions = strings.Join(instructions, "\n\n")
	if holdsSecret(out) {
		out.Fields = append(out.Fields, provision.Field{Name: "instructions", Value: flows.Secret(out.Instructions), Secret: true})
		out.Instructions = ""
	}
	return out
}

func holdsSecret(c provision.Credentials) bool {
	return slices.ContainsFunc(c.Fields, func(f provision.Field) bool {
		return f.Secret && f.Value != "" && strings.Contains(c.Instructions, f.Value.Reveal())
	})
}

// lines cleans a text of several lines and cuts it.
func lines(text string) string {
	text = strings.Map(func(r rune) rune {
		if r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(strings.TrimSpace(text), "\ufffd"))
	if runes := []rune(text); len(runes) > maxInstructions {
		return string(runes[:maxInstructions-1]) + "…"
	}
	return text
}
