package teamstest

import (
	"fmt"
	"strings"
)

// Main is the button of the dialog that is highlighted, which sends a form.
func (d *Dialog) Main() (string, bool) {
	for _, a := range actions(d.Card) {
		if title, ok := a["title"].(string); ok && a["style"] == "positive" {
			return title, true
		}
	}
	return "", false
}

// Chosen is what a field holds: the titles of what is chosen, without what says more
// about them, or what was typed; empty also where there is no such field.
func (d *Dialog) Chosen(label string) (out []string) {
	in, err := d.input(label)
	if err != nil {
		return nil
	}
	value := d.typed[in["id"].(string)]
	if value == "" {
		return nil
	}
	if in["type"] != "Input.ChoiceSet" {
		return []string{value}
	}
	titles := map[string]string{}
	list, _ := in["choices"].([]any)
	for _, c := range list {
		if c, ok := c.(map[string]any); ok {
			titles[fmt.Sprint(c["value"])], _, _ = strings.Cut(fmt.Sprint(c["title"]), " — ")
		}
	}
	for v := range strings.SplitSeq(value, ",") {
		title, ok := titles[v]
		if !ok {
			title = d.found[v]
		}
		out = append(out, title)
	}
	return out
}

// Problems are the sentences in the color of errors, by the label of the field above
// them; those above all fields under "".
func (d *Dialog) Problems() map[string]string {
	out := map[string]string{}
	label := ""
	body, _ := d.Card["body"].([]any)
	for _, e := range body {
		m, _ := e.(map[string]any)
		if kind, _ := m["type"].(string); strings.HasPrefix(kind, "Input.") {
			label = fmt.Sprint(m["label"])
		}
		runs, _ := m["inlines"].([]any)
		for _, r := range runs {
			if r, ok := r.(map[string]any); ok && r["color"] == "Attention" {
				out[label] += fmt.Sprint(r["text"])
			}
		}
	}
	return out
}

// PressNear presses the first button of a name that stands in or below what holds
// some words, see Press.
func (a *Actor) PressNear(m Message, words, title string) (map[string]any, error) {
	body, _ := m.Card["body"].([]any)
	for i := range body {
		if !strings.Contains(Text(map[string]any{"body": body[i : i+1]}), words) {
			continue
		}
		rest := map[string]any{"body": body[i:]}
		if _, ok := findAction(rest, title); !ok {
			rest["actions"] = m.Card["actions"]
		}
		m.Card = rest
		return a.Press(m, title)
	}
	return nil, fmt.Errorf("there is no %q in the message", words)
}
