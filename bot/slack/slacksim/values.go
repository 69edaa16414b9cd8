package slacksim

import (
	"encoding/json"
	"slices"
)

// inputKey names a stateful element as view.state.values does.
type inputKey struct{ block, action string }

// nothing is the value of each kind of stateful element before anything was entered: the name and the null of its
// field in the state.
var nothing = map[string]struct {
	field, initial string
	many           bool
}{
	"plain_text_input":           {"value", "initial_value", false},
	"email_text_input":           {"value", "initial_value", false},
	"url_text_input":             {"value", "initial_value", false},
	"number_input":               {"value", "initial_value", false},
	"rich_text_input":            {"rich_text_value", "initial_value", false},
	"static_select":              {"selected_option", "initial_option", false},
	"external_select":            {"selected_option", "initial_option", false},
	"radio_buttons":              {"selected_option", "initial_option", false},
	"users_select":               {"selected_user", "initial_user", false},
	"channels_select":            {"selected_channel", "initial_channel", false},
	"conversations_select":       {"selected_conversation", "initial_conversation", false},
	"datepicker":                 {"selected_date", "initial_date", false},
	"timepicker":                 {"selected_time", "initial_time", false},
	"datetimepicker":             {"selected_date_time", "initial_date_time", false},
	"checkboxes":                 {"selected_options", "initial_options", true},
	"multi_static_select":        {"selected_options", "initial_options", true},
	"multi_external_select":      {"selected_options", "initial_options", true},
	"multi_users_select":         {"selected_users", "initial_users", true},
	"multi_channels_select":      {"selected_channels", "initial_channels", true},
	"multi_conversations_select": {"selected_conversations", "initial_conversations", true},
	"file_input":                 {"files", "", true},
}

func keyOf(b, e obj) inputKey {
	block, _ := b["block_id"].(string)
	action, _ := e["action_id"].(string)
	return inputKey{block, action}
}

// initialValue is what an element holds when it appears: its initial_… or nothing.
func initialValue(e obj) any {
	kind, _ := e["type"].(string)
	n := nothing[kind]
	if v := e[n.initial]; v != nil && v != "" {
		return v
	}
	if n.many {
		return arr{}
	}
	return nil
}

// valuesOf returns the value of each stateful element of blocks: the old one where an element of the same block_id,
// action_id and type was there before and can still hold it, else the initial one.
func valuesOf(list arr, before arr, old map[inputKey]any) map[inputKey]any {
	kinds := map[inputKey]string{}
	eachElement(before, func(b, e obj) { kinds[keyOf(b, e)], _ = e["type"].(string) })
	out := map[inputKey]any{}
	eachElement(list, func(b, e obj) {
		kind, _ := e["type"].(string)
		if !elements[kind].stateful {
			return
		}
		k := keyOf(b, e)
		if v, ok := old[k]; ok && kinds[k] == kind && canHold(e, v) {
			out[k] = v
			return
		}
		out[k] = initialValue(e)
	})
	return out
}

// canHold says whether a value is still among the options of a menu whose options the app has given.
func canHold(e obj, v any) bool {
	options := optionsOf(e)
	if len(options) == 0 {
		return true
	}
	has := func(x any) bool { return slices.ContainsFunc(options, func(o any) bool { return sameOption(o, x) }) }
	switch v := v.(type) {
	case obj:
		return has(v)
	case arr:
		return !slices.ContainsFunc(v, func(x any) bool { return !has(x) })
	}
	return true
}

// stateJSON is view.state or the state of a message.
func stateJSON(list arr, values map[inputKey]any) obj {
	out := obj{}
	eachElement(list, func(b, e obj) {
		kind, _ := e["type"].(string)
		if !elements[kind].stateful {
			return
		}
		k := keyOf(b, e)
		in, _ := out[k.block].(obj)
		if in == nil {
			in = obj{}
			out[k.block] = in
		}
		in[k.action] = elementState(e, values[k])
	})
	return obj{"values": out}
}

func elementState(e obj, v any) obj {
	kind, _ := e["type"].(string)
	state := obj{"type": kind, nothing[kind].field: v}
	if tz := e["timezone"]; kind == "timepicker" && tz != nil {
		state["timezone"] = tz
	}
	return state
}

// isEmpty says whether a value counts as not filled in.
func isEmpty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case arr:
		return len(v) == 0
	}
	return false
}

// valueTexts is a value as a person sees it in the form.
func (w *Workspace) valueTexts(v any) []string {
	switch v := v.(type) {
	case string:
		if v == "" {
			return nil
		}
		return []string{w.idName(v)}
	case json.Number:
		return []string{v.String()}
	case arr:
		var out []string
		for _, x := range v {
			out = append(out, w.valueTexts(x)...)
		}
		return out
	case obj:
		if t, ok := v["text"].(obj); ok {
			s, _ := t["text"].(string)
			return []string{s}
		}
		if v["type"] == "rich_text" {
			return []string{w.richPlain(v)}
		}
	}
	return nil
}

// idName shows people and channels by name; other text is itself.
func (w *Workspace) idName(s string) string {
	if u := w.users[s]; u != nil {
		return "@" + or(u.DisplayName, u.RealName)
	}
	if c := w.channels[s]; c != nil && c.Name != "" {
		return "#" + c.Name
	}
	return s
}

// of returns the values of a person in a message, made when they are first needed.
func (m *message) of(user string) map[inputKey]any {
	if m.values == nil {
		m.values = map[string]map[inputKey]any{}
	}
	if m.values[user] == nil {
		m.values[user] = valuesOf(m.blocks, nil, nil)
	}
	return m.values[user]
}

// keepValues drops what people chose in elements that an edit took away.
func (m *message) keepValues() {
	for user, old := range m.values {
		m.values[user] = valuesOf(m.blocks, m.blocks, old)
	}
}
