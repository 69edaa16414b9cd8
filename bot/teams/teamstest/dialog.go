package teamstest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// shown is how many results of a search Teams shows.
const shown = 15

// Dialog is a task module that a person has open, or a message with fields.
type Dialog struct {
	actor *Actor
	Title string
	Card  map[string]any
	// message is that in which the fields are; empty: they are in a dialog.
	message string
	typed   map[string]string // by id of the input
	found   map[string]string // titles of what searches found and was chosen, by value
}

// Form is the fields of a message.
func (a *Actor) Form(m Message) *Dialog {
	d := newDialog(a, "", m.Card)
	d.message = m.ID
	return d
}

func newDialog(a *Actor, title string, card map[string]any) *Dialog {
	d := &Dialog{actor: a, Title: title, Card: card, typed: map[string]string{}, found: map[string]string{}}
	for _, in := range inputs(card) {
		if v, ok := in["value"].(string); ok {
			d.typed[in["id"].(string)] = v
		}
	}
	return d
}

// Text is all that can be read in the dialog, a line each.
func (d *Dialog) Text() string { return d.Title + "\n" + Text(d.Card) }

func (d *Dialog) input(label string) (map[string]any, error) {
	var labels []string
	for _, in := range inputs(d.Card) {
		if in["label"] == label {
			return in, nil
		}
		labels = append(labels, fmt.Sprint(in["label"]))
	}
	return nil, fmt.Errorf("there is no field %q in %q; there are %q", label, d.Title, labels)
}

// Value of a field as the client would send it.
func (d *Dialog) Value(label string) (string, error) {
	in, err := d.input(label)
	if err != nil {
		return "", err
	}
	return d.typed[in["id"].(string)], nil
}

// Type fills a text field.
func (d *Dialog) Type(label, text string) error {
	in, err := d.input(label)
	if err != nil {
		return err
	}
	if in["type"] != "Input.Text" {
		return fmt.Errorf("%q is a %v", label, in["type"])
	}
	if limit, ok := in["maxLength"].(float64); ok && len([]rune(text)) > int(limit) {
		text = string([]rune(text)[:int(limit)])
	}
	d.typed[in["id"].(string)] = text
	return nil
}

// Choose picks choices by their titles, searching for those that are not in the
// list.
func (d *Dialog) Choose(label string, titles ...string) error {
	in, err := d.input(label)
	if err != nil {
		return err
	}
	if in["type"] != "Input.ChoiceSet" {
		return fmt.Errorf("%q is a %v", label, in["type"])
	}
	if len(titles) > 1 && in["isMultiSelect"] != true {
		return fmt.Errorf("%q takes one choice", label)
	}
	var values []string
	for _, title := range titles {
		value, ok := choice(in, title)
		if !ok && in["choices.data"] != nil {
			found, err := d.Search(label, title)
			if err != nil {
				return err
			}
			for shown, v := range found {
				if titled(shown, title) {
					value, ok, d.found[v] = v, true, title
				}
			}
		}
		if !ok {
			return fmt.Errorf("%q does not offer %q", label, title)
		}
		values = append(values, value)
	}
	d.typed[in["id"].(string)] = strings.Join(values, ",")
	return nil
}

func choice(in map[string]any, title string) (string, bool) {
	list, _ := in["choices"].([]any)
	for _, c := range list {
		m, _ := c.(map[string]any)
		if shown, _ := m["title"].(string); titled(shown, title) {
			v, _ := m["value"].(string)
			return v, true
		}
	}
	return "", false
}

// titled reports whether a choice is the one with a title; what stands behind a dash
// says more about it.
func titled(shown, title string) bool {
	return shown == title || strings.HasPrefix(shown, title+" — ")
}

// Choices are the titles that a field lists without a search.
func (d *Dialog) Choices(label string) ([]string, error) {
	in, err := d.input(label)
	if err != nil {
		return nil, err
	}
	var out []string
	list, _ := in["choices"].([]any)
	for _, c := range list {
		c, _ := c.(map[string]any)
		out = append(out, fmt.Sprint(c["title"]))
	}
	return out, nil
}

// Search types into a field with typeahead and returns the values of what the
// client shows, by title.
func (d *Dialog) Search(label, query string) (map[string]string, error) {
	in, err := d.input(label)
	if err != nil {
		return nil, err
	}
	data, _ := in["choices.data"].(map[string]any)
	if data["type"] != "Data.Query" {
		return nil, fmt.Errorf("%q has no search", label)
	}
	value := map[string]any{
		"queryText": query, "queryOptions": map[string]any{"skip": 0, "top": shown}, "dataset": data["dataset"],
	}
	if data["associatedInputs"] == "auto" {
		value["data"] = maps.Clone(d.typed)
	}
	body, err := d.actor.invoke("application/search", value, "")
	if err != nil {
		return nil, err
	}
	var out struct {
		Status int    `json:"statusCode"`
		Type   string `json:"type"`
		Value  struct {
			Results []struct{ Title, Value string }
		}
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Status != 200 || out.Type != "application/vnd.microsoft.search.searchResponse" || out.Value.Results == nil {
		return nil, d.actor.wrong("an answer to a search that is none: %.200s", body)
	}
	found := map[string]string{}
	for _, r := range out.Value.Results[:min(shown, len(out.Value.Results))] {
		found[r.Title] = r.Value
	}
	return found, nil
}

// Submit presses a button of the dialog. Fields that are required and empty keep the
// dialog open, as the client does.
func (d *Dialog) Submit(title string) error {
	action, ok := findAction(d.Card, title)
	if !ok {
		return fmt.Errorf("there is no button %q; there are %q", title, Buttons(d.Card))
	}
	if action["type"] != "Action.Submit" {
		return fmt.Errorf("%q is a button of type %v, which a dialog does not submit", title, action["type"])
	}
	data := map[string]any{}
	if own, ok := action["data"].(map[string]any); ok {
		data = maps.Clone(own)
	}
	if action["associatedInputs"] != "none" {
		for _, in := range inputs(d.Card) {
			if in["isRequired"] == true && d.typed[in["id"].(string)] == "" {
				return fmt.Errorf("the client wants %q to be filled in: %v", in["label"], in["errorMessage"])
			}
		}
		for id, v := range d.typed {
			data[id] = v
		}
	}
	if d.message != "" {
		act := d.actor.Activity("message")
		act["value"], act["replyToId"] = data, d.message
		return d.actor.send(act)
	}
	body, err := d.actor.invoke("task/submit", map[string]any{"data": data, "context": map[string]any{"theme": "default"}}, "")
	if err != nil {
		return err
	}
	return d.actor.task(body)
}

// walk visits every object of a card, in order.
func walk(v any, visit func(map[string]any)) {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			walk(e, visit)
		}
	case map[string]any:
		visit(v)
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if name != "data" && name != "fallback" && name != "refresh" && name != "choices" {
				walk(v[name], visit)
			}
		}
	}
}

func inputs(card map[string]any) []map[string]any {
	var out []map[string]any
	walk(card["body"], func(m map[string]any) {
		if kind, _ := m["type"].(string); strings.HasPrefix(kind, "Input.") {
			out = append(out, m)
		}
	})
	return out
}

// Inputs lists the labels of a card's fields, from top to bottom.
func Inputs(card map[string]any) []string {
	var out []string
	for _, in := range inputs(card) {
		out = append(out, fmt.Sprint(in["label"]))
	}
	return out
}

func actions(card map[string]any) []map[string]any {
	var out []map[string]any
	walk(card, func(m map[string]any) {
		if kind, _ := m["type"].(string); strings.HasPrefix(kind, "Action.") && m["title"] != nil {
			out = append(out, m)
		}
	})
	return out
}

// Buttons lists the titles of a card's buttons.
func Buttons(card map[string]any) []string {
	var out []string
	for _, a := range actions(card) {
		if a["type"] != "Action.ShowCard" {
			out = append(out, fmt.Sprint(a["title"]))
		}
	}
	return out
}

func findAction(card map[string]any, title string) (map[string]any, bool) {
	for _, a := range actions(card) {
		if a["title"] == title && a["type"] != "Action.ShowCard" {
			return a, true
		}
	}
	return nil, false
}

// Text is all that can be read in a card, a line for each of its elements.
func Text(card map[string]any) string {
	var lines []string
	var read func(v any)
	read = func(v any) {
		m, _ := v.(map[string]any)
		if m["isVisible"] == false {
			return
		}
		switch m["type"] {
		case "RichTextBlock":
			var line strings.Builder
			runs, _ := m["inlines"].([]any)
			for _, r := range runs {
				if run, ok := r.(map[string]any); ok {
					r = run["text"]
				}
				fmt.Fprint(&line, r)
			}
			lines = append(lines, line.String())
		case "TextBlock":
			lines = append(lines, fmt.Sprint(m["text"]))
		}
		if kind, _ := m["type"].(string); strings.HasPrefix(kind, "Input.") {
			lines = append(lines, fmt.Sprintf("[%v]", m["label"]))
		}
		if kind, _ := m["type"].(string); strings.HasPrefix(kind, "Action.") && m["title"] != nil {
			lines = append(lines, fmt.Sprintf("(%v)", m["title"]))
		}
		for _, name := range []string{"body", "items", "columns", "card", "actions"} {
			switch c := m[name].(type) {
			case []any:
				for _, e := range c {
					read(e)
				}
			case map[string]any:
				read(c)
			}
		}
	}
	read(card)
	return strings.Join(lines, "\n")
}
