package slacksim

import (
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// place is a kind of block that can hold elements.
type place uint8

const (
	inSection place = 1 << iota
	inActions
	inInput
	inContext
	inContextActions
	inCard
)

// element is one row of the element table: where it may stand, and its properties.
type element struct {
	in place
	on surface
	is object
	// stateful elements have a value in view.state.values.
	stateful bool
}

var (
	dateForm  = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`)
	clockForm = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
	linkForm  = regexp.MustCompile(`^(https?|mailto|slack|tel):\S+$`)
	imageForm = regexp.MustCompile(`^https?://\S+$`)
	mailForm  = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
)

var (
	actionID    = str{min: 1, max: 255}
	placeholder = text{max: 150, plain: true}
	confirm     = object{
		props: map[string]rule{
			"title":   text{max: 100, plain: true},
			"text":    text{max: 300, plain: true},
			"confirm": text{max: 30, plain: true},
			"deny":    text{max: 30, plain: true},
			"style":   str{enum: []string{"primary", "danger"}},
		},
		need: []string{"title", "text", "confirm", "deny"},
	}
	dispatchConfig = object{
		props: map[string]rule{
			"trigger_actions_on": list{min: 1, max: 2, of: str{enum: []string{"on_enter_pressed", "on_character_entered"}}},
		},
		need: []string{"trigger_actions_on"},
	}
	conversationFilter = object{
		props: map[string]rule{
			"include":                          list{min: 1, max: 4, of: str{enum: []string{"im", "mpim", "private", "public"}}},
			"exclude_external_shared_channels": boolean{},
			"exclude_bot_users":                boolean{},
		},
	}
	slackFile = object{props: map[string]rule{"id": str{min: 1}, "url": str{min: 1, max: 3000, match: imageForm, what: "URL"}}}
)

// option says what an option object looks like; its texts are plain in menus, and may be mrkdwn beside boxes.
func option(plain, url bool) object {
	o := object{
		props: map[string]rule{
			"text":        text{max: 75, plain: plain},
			"value":       str{min: 1, max: 150},
			"description": text{max: 75, plain: plain},
		},
		need: []string{"text", "value"},
	}
	if url {
		o.props["url"] = str{min: 1, max: 3000, match: linkForm, what: "URL"}
	}
	return o
}

var (
	menuOption     = option(true, false)
	boxOption      = option(false, false)
	overflowOption = option(true, true)
	optionGroup    = object{
		props: map[string]rule{
			"label":   text{max: 75, plain: true},
			"options": list{min: 1, max: 100, of: menuOption},
		},
		need: []string{"label", "options"},
	}
)

// focusable elements share these.
func props(more map[string]rule, focus bool) map[string]rule {
	p := map[string]rule{"type": str{min: 1}, "action_id": actionID}
	if focus {
		p["focus_on_load"] = boolean{}
	}
	maps.Copy(p, more)
	return p
}

func button(more map[string]rule, need ...string) object {
	p := props(map[string]rule{
		"text":                text{max: 75, plain: true},
		"style":               str{enum: []string{"primary", "danger"}},
		"accessibility_label": str{min: 1, max: 75},
	}, false)
	maps.Copy(p, more)
	return object{props: p, need: append([]string{"text"}, need...)}
}

func menu(more map[string]rule, also func(*checker, obj, string), need ...string) object {
	p := props(map[string]rule{"placeholder": placeholder, "confirm": confirm}, true)
	maps.Copy(p, more)
	return object{props: p, need: need, also: also}
}

func typed(more map[string]rule, also func(*checker, obj, string), need ...string) object {
	p := props(map[string]rule{"placeholder": placeholder, "dispatch_action_config": dispatchConfig}, true)
	maps.Copy(p, more)
	return object{props: p, need: need, also: also}
}

func with(m map[string]rule, more map[string]rule) map[string]rule {
	out := map[string]rule{}
	for _, part := range []map[string]rule{m, more} {
		maps.Copy(out, part)
	}
	return out
}

var (
	staticMenu = map[string]rule{
		"options":       list{min: 1, max: 100, of: menuOption},
		"option_groups": list{min: 1, max: 100, of: optionGroup},
	}
	externalMenu = map[string]rule{"min_query_length": integer{min: 0}}
	single       = map[string]rule{"initial_option": menuOption}
	multi        = map[string]rule{"initial_options": list{min: 1, max: 100, of: menuOption}, "max_selected_items": integer{min: 1}}
	ids          = list{min: 1, of: str{min: 1}}
	conversation = map[string]rule{"default_to_current_conversation": boolean{}, "filter": conversationFilter}
	maxItems     = map[string]rule{"max_selected_items": integer{min: 1}}
	respondHere  = map[string]rule{"response_url_enabled": boolean{}}
)

// A time of nine digits is let through because the clock of a synctest bubble starts in the year 2000.
// elements is Slack's table of block elements:
// https://docs.slack.dev/reference/block-kit/block-elements
// It is filled in init order after its parts; nothing writes to it afterwards.
var elements = map[string]element{
	"button": {in: inSection | inActions | inCard, on: onAll, is: button(map[string]rule{
		"value": str{min: 1, max: 2000}, "url": str{min: 1, max: 3000, match: linkForm, what: "URL"}, "confirm": confirm,
	})},
	"workflow_button": {in: inSection | inActions, on: onMessage, is: button(map[string]rule{"workflow": anything{}}, "workflow", "action_id")},
	"icon_button": {in: inContextActions, on: onMessage, is: object{
		props: props(map[string]rule{
			"icon": str{enum: []string{"trash"}}, "text": text{max: 75, plain: true}, "value": str{min: 1, max: 2000},
			"confirm": confirm, "accessibility_label": str{min: 1, max: 75}, "visible_to_user_ids": ids,
		}, false), need: []string{"icon", "text"},
	}},
	"feedback_buttons": {in: inContextActions, on: onMessage, is: object{
		props: props(map[string]rule{"positive_button": feedback, "negative_button": feedback}, false),
		need:  []string{"positive_button", "negative_button"},
	}},
	"overflow": {in: inSection | inActions, on: onAll, is: object{
		props: props(map[string]rule{"options": list{min: 1, max: 5, of: overflowOption}, "confirm": confirm}, false),
		need:  []string{"options"}, also: optionRules,
	}},
	"image": {in: inSection | inContext, on: onAll, is: object{
		props: map[string]rule{
			"type": str{min: 1}, "alt_text": str{min: 1, max: 2000},
			"image_url": str{min: 1, max: 3000, match: imageForm, what: "URL"}, "slack_file": slackFile,
		}, need: []string{"alt_text"}, also: imageSource,
	}},
	"static_select":         {stateful: true, in: inSection | inActions | inInput, on: onAll, is: menu(with(staticMenu, single), staticRules)},
	"external_select":       {stateful: true, in: inSection | inActions | inInput, on: onAll, is: menu(with(externalMenu, single), externalRules)},
	"users_select":          {stateful: true, in: inSection | inActions | inInput, on: onAll, is: menu(map[string]rule{"initial_user": str{min: 1}}, nil)},
	"channels_select":       {stateful: true, in: inSection | inActions | inInput, on: onAll, is: menu(with(respondHere, map[string]rule{"initial_channel": str{min: 1}}), respondRules)},
	"conversations_select":  {stateful: true, in: inSection | inActions | inInput, on: onAll, is: menu(with(with(respondHere, conversation), map[string]rule{"initial_conversation": str{min: 1}}), respondRules)},
	"multi_static_select":   {stateful: true, in: inSection | inInput, on: onAll, is: menu(with(staticMenu, multi), staticRules)},
	"multi_external_select": {stateful: true, in: inSection | inInput, on: onAll, is: menu(with(externalMenu, multi), externalRules)},
	"multi_users_select":    {stateful: true, in: inSection | inInput, on: onAll, is: menu(with(maxItems, map[string]rule{"initial_users": ids}), maxSelectedRule("initial_users"))},
	"multi_channels_select": {stateful: true, in: inSection | inInput, on: onAll, is: menu(with(maxItems, map[string]rule{"initial_channels": ids}), maxSelectedRule("initial_channels"))},
	"multi_conversations_select": {stateful: true, in: inSection | inInput, on: onAll, is: menu(with(with(maxItems, conversation),
		map[string]rule{"initial_conversations": ids}), maxSelectedRule("initial_conversations"))},
	"checkboxes": {stateful: true, in: inSection | inActions | inInput, on: onAll, is: object{
		props: props(map[string]rule{
			"options": list{min: 1, max: 10, of: boxOption}, "initial_options": list{min: 1, max: 10, of: boxOption}, "confirm": confirm,
		}, true), need: []string{"options"}, also: optionRules,
	}},
	"radio_buttons": {stateful: true, in: inSection | inActions | inInput, on: onAll, is: object{
		props: props(map[string]rule{
			"options": list{min: 1, max: 10, of: boxOption}, "initial_option": boxOption, "confirm": confirm,
		}, true), need: []string{"options"}, also: optionRules,
	}},
	"datepicker": {stateful: true, in: inSection | inActions | inInput, on: onAll, is: menu(map[string]rule{
		"initial_date": str{match: dateForm, what: "date"},
	}, nil)},
	"timepicker": {stateful: true, in: inSection | inActions | inInput, on: onAll, is: menu(map[string]rule{
		"initial_time": str{match: clockForm, what: "time"}, "timezone": str{min: 1},
	}, nil)},
	"datetimepicker": {stateful: true, in: inActions | inInput, on: onAll, is: object{props: props(map[string]rule{
		"initial_date_time": integer{min: 100_000_000, max: 9_999_999_999}, "confirm": confirm,
	}, true)}},
	"plain_text_input": {stateful: true, in: inInput, on: onAll, is: typed(map[string]rule{
		"initial_value": str{}, "multiline": boolean{}, "min_length": integer{min: 0, max: 3000}, "max_length": integer{min: 1, max: 3000},
	}, lengthRules)},
	"rich_text_input": {stateful: true, in: inInput, on: onAll, is: typed(map[string]rule{
		"initial_value": blockOf{"rich_text"}, "min_lines": integer{min: 1}, "max_lines": integer{min: 1},
	}, nil, "action_id")},
	"email_text_input": {stateful: true, in: inInput, on: onAll, is: typed(map[string]rule{"initial_value": str{match: mailForm, what: "email"}}, nil)},
	"url_text_input":   {stateful: true, in: inInput, on: onAll, is: typed(map[string]rule{"initial_value": str{match: imageForm, what: "URL"}}, nil)},
	"number_input": {stateful: true, in: inInput, on: onAll, is: typed(map[string]rule{
		"is_decimal_allowed": boolean{}, "initial_value": str{}, "min_value": str{}, "max_value": str{},
	}, numberRules, "is_decimal_allowed")},
	"file_input": {stateful: true, in: inInput, on: onModal, is: object{props: props(map[string]rule{
		"filetypes": list{min: 1, of: str{min: 1}}, "max_files": integer{min: 1, max: 10},
	}, false)}},
}

var feedback = object{
	props: map[string]rule{"text": text{max: 75, plain: true}, "value": str{min: 1, max: 2000}, "accessibility_label": str{min: 1, max: 75}},
	need:  []string{"text", "value"},
}

// elementIn checks an element that stands in a place.
type elementIn struct{ place place }

func (r elementIn) check(c *checker, v any, at string) {
	o, ok := v.(obj)
	if !ok {
		c.add(at, "must provide an object")
		return
	}
	kind, ok := o["type"].(string)
	if !ok {
		c.add(at, "missing required field: type")
		return
	}
	e, known := elements[kind]
	if r.place == inActions && strings.HasPrefix(kind, "multi_") && known {
		c.add(at[:strings.LastIndex(at, "/elements/")], "unsupported element: multiselect")
		return
	}
	if !known || e.in&r.place == 0 || e.on&c.surface == 0 {
		c.add(at, "failed to match all allowed schemas")
		c.add(at+"/type", "unsupported type: %s", kind)
		return
	}
	e.is.check(c, v, at)
	if id, ok := o["action_id"].(string); ok && id != "" {
		if c.actionIDs[id] {
			c.add(at+"/action_id", "`action_id` already exists in this block: %s", id)
		}
		c.actionIDs[id] = true
	}
	if o["focus_on_load"] == true {
		c.focused++
		if c.focused > 1 || c.surface == onMessage {
			c.add(at+"/focus_on_load", "only one element can have `focus_on_load`, and only in a view")
		}
	}
}

func staticRules(c *checker, o obj, at string) {
	_, flat := o["options"]
	_, grouped := o["option_groups"]
	if flat == grouped {
		c.add(at, "must define either `options` or `option_groups`")
	}
	optionRules(c, o, at)
	maxSelectedRule("initial_options")(c, o, at)
}

func externalRules(c *checker, o obj, at string) {
	maxSelectedRule("initial_options")(c, o, at)
	if opts, ok := o["initial_options"].(arr); ok {
		uniqueValues(c, opts, at+"/initial_options")
	}
}

func respondRules(c *checker, o obj, at string) {
	if o["response_url_enabled"] == true && c.surface != onModal {
		c.add(at+"/response_url_enabled", "`response_url_enabled` works in modals only")
	}
}

// optionRules: values are unique, and what is selected at first is one of the options.
func optionRules(c *checker, o obj, at string) {
	all := optionsOf(o)
	uniqueValues(c, all, at+"/options")
	among := func(v any, at string) {
		if !slices.ContainsFunc(all, func(x any) bool { return sameOption(x, v) }) {
			c.add(at, "must match one of the provided options")
		}
	}
	if v, ok := o["initial_option"]; ok {
		among(v, at+"/initial_option")
	}
	if a, ok := o["initial_options"].(arr); ok {
		for i, v := range a {
			among(v, at+"/initial_options/"+strconv.Itoa(i))
		}
		uniqueValues(c, a, at+"/initial_options")
		oneGroup(c, o, a, at+"/initial_options")
	}
}

// oneGroup: what is selected at first must lie in one option group (python-slack-sdk issue 974).
func oneGroup(c *checker, o obj, initial arr, at string) {
	groups, ok := o["option_groups"].(arr)
	if !ok {
		return
	}
	for _, g := range groups {
		options := optionsOf(obj{"option_groups": arr{g}})
		inside := func(v any) bool { return slices.ContainsFunc(options, func(x any) bool { return sameOption(x, v) }) }
		if !slices.ContainsFunc(initial, func(v any) bool { return !inside(v) }) {
			return
		}
	}
	c.add(at, "must match options of one of the provided option groups")
}

func uniqueValues(c *checker, options arr, at string) {
	seen := map[string]bool{}
	for i, v := range options {
		o, _ := v.(obj)
		value, _ := o["value"].(string)
		if value != "" && seen[value] {
			c.add(at+"/"+strconv.Itoa(i)+"/value", "option values must be unique: %s", value)
		}
		seen[value] = true
	}
}

// sameOption compares what Slack compares: the value, the text, and the description.
func sameOption(a, b any) bool {
	x, _ := a.(obj)
	y, _ := b.(obj)
	tx, _ := x["text"].(obj)
	ty, _ := y["text"].(obj)
	return x != nil && y != nil && x["value"] == y["value"] && tx["text"] == ty["text"] && tx["type"] == ty["type"] &&
		reflect.DeepEqual(x["description"], y["description"])
}

// optionsOf returns all options of a menu, those in groups included.
func optionsOf(o obj) arr {
	all, _ := o["options"].(arr)
	all = slices.Clone(all)
	groups, _ := o["option_groups"].(arr)
	for _, g := range groups {
		if g, ok := g.(obj); ok {
			in, _ := g["options"].(arr)
			all = append(all, in...)
		}
	}
	return all
}

func maxSelectedRule(initial string) func(*checker, obj, string) {
	return func(c *checker, o obj, at string) {
		most, ok := asInt(o["max_selected_items"])
		chosen, _ := o[initial].(arr)
		if ok && len(chosen) > most {
			c.add(at+"/"+initial, "no more than %d items allowed", most)
		}
	}
}

func lengthRules(c *checker, o obj, at string) {
	least, hasMin := asInt(o["min_length"])
	most, hasMax := asInt(o["max_length"])
	if hasMin && hasMax && least > most {
		c.add(at+"/min_length", "`min_length` must not be greater than `max_length`")
	}
	if s, ok := o["initial_value"].(string); ok {
		limit := 3000
		if hasMax {
			limit = most
		}
		checkLength(c, s, 0, limit, at+"/initial_value")
	}
}

func numberRules(c *checker, o obj, at string) {
	value := map[string]float64{}
	for _, k := range []string{"initial_value", "min_value", "max_value"} {
		s, ok := o[k].(string)
		if !ok {
			continue
		}
		f, err := strconv.ParseFloat(s, 64)
		if _, whole := strconv.ParseInt(s, 10, 64); err != nil || (o["is_decimal_allowed"] != true && whole != nil) {
			c.add(at+"/"+k, "must be a valid number")
			continue
		}
		value[k] = f
	}
	least, hasMin := value["min_value"]
	most, hasMax := value["max_value"]
	first, hasFirst := value["initial_value"]
	if hasMin && hasMax && least > most {
		c.add(at+"/min_value", "`min_value` must not be greater than `max_value`")
	}
	if hasFirst && ((hasMin && first < least) || (hasMax && first > most)) {
		c.add(at+"/initial_value", "must be between `min_value` and `max_value`")
	}
}

func imageSource(c *checker, o obj, at string) {
	_, byURL := o["image_url"]
	file, byFile := o["slack_file"].(obj)
	if byURL == byFile {
		c.add(at, "must define either `image_url` or `slack_file`")
	}
	if byFile && (file["id"] == nil) == (file["url"] == nil) {
		c.add(at+"/slack_file", "must define either `id` or `url`")
	}
}
