package slack

import (
	"cmp"
	"encoding/json"
	"fmt"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// How the options of a menu reach Slack.
const (
	optionsStatic  = "static_select"
	optionsSearch  = "external_select"
	optionsMulti   = "multi_"
	maxStaticTotal = 1000 // options in all groups of a static menu, so that the view stays small
)

// options draws the choice of a menu. Up to 100 are one list. More, up to 1,000, are
// groups of 100, in which Slack's client searches by itself. Beyond that, and where
// the service searches, and where there is nothing to choose from (Slack refuses an
// empty list), the options are asked for through Handler.Search.
func menuOptions(p chat.Part) (options []*slack.OptionBlockObject, groups []*slack.OptionGroupBlockObject, search bool) {
	if p.Search {
		return nil, nil, true
	}
	options = drawOptions(p.Options)
	switch n := len(options); {
	case n == 0 || n > maxStaticTotal || bytesOf(options) > maxViewSize/2:
		return nil, nil, true
	case n <= maxOptions:
		return options, nil, false
	}
	for i := 0; i < len(options); i += maxOptions {
		end := min(i+maxOptions, len(options))
		groups = append(groups, slack.NewOptionGroupBlockElement(plainObject(fmt.Sprintf("%d to %d", i+1, end)), options[i:end]...))
	}
	return options, groups, false
}

func singleSelect(p chat.Part) slack.BlockElement {
	e := &slack.SelectBlockElement{Type: optionsStatic, ActionID: p.Field, Placeholder: placeholder(p.Placeholder)}
	options, groups, search := menuOptions(p)
	selected := among(options, p.Selected)
	switch {
	case search:
		e.Type, e.MinQueryLength = optionsSearch, new(0)
		selected = drawOptions(p.Selected)
	case groups != nil:
		e.OptionGroups = groups
	default:
		e.Options = options
	}
	if len(selected) > 0 {
		e.InitialOption = selected[0]
	}
	return e
}

func multiSelect(p chat.Part) slack.BlockElement {
	e := &slack.MultiSelectBlockElement{Type: optionsMulti + optionsStatic, ActionID: p.Field, Placeholder: placeholder(p.Placeholder)}
	options, groups, search := menuOptions(p)
	selected := among(options, p.Selected)
	switch {
	case search:
		e.Type, e.MinQueryLength = optionsMulti+optionsSearch, new(0)
		selected = drawOptions(p.Selected)
	case groups != nil:
		e.OptionGroups = groups
	default:
		e.Options = options
	}
	selected = selected[:min(len(selected), maxOptions)]
	if p.Max > 0 {
		e.MaxSelectedItems = new(p.Max)
		selected = selected[:min(len(selected), p.Max)]
	}
	if len(selected) > 0 {
		e.InitialOptions = selected
	}
	return e
}

// drawOptions leaves out what Slack would refuse the whole menu for: values that
// are empty, over 150 bytes, or there already.
func drawOptions(options []chat.Option) []*slack.OptionBlockObject {
	seen := make(map[string]bool, len(options))
	var kept []chat.Option
	var labels []string
	for _, o := range options {
		if o.Value == "" || len(o.Value) > maxOptionValue || seen[o.Value] {
			continue
		}
		seen[o.Value] = true
		kept, labels = append(kept, o), append(labels, cmp.Or(line(o.Label), o.Value))
	}
	out := make([]*slack.OptionBlockObject, 0, len(kept))
	for i, text := range chat.Distinct(labels, maxOptionText) {
		o := kept[i]
		var description *slack.TextBlockObject
		if d := chat.Middle(line(o.Description), maxOptionText); d != "" {
			description = plainObject(d)
		}
		out = append(out, slack.NewOptionBlockObject(o.Value, plainObject(text), description))
	}
	return out
}

// among picks the drawn options that are selected: an initial option has to equal
// one of the options in every part.
func among(options []*slack.OptionBlockObject, selected []chat.Option) []*slack.OptionBlockObject {
	want := make(map[string]bool, len(selected))
	for _, s := range selected {
		want[s.Value] = true
	}
	var out []*slack.OptionBlockObject
	for _, o := range options {
		if want[o.Value] {
			out = append(out, o)
		}
	}
	return out
}

// suggestions answers a search. slack.OptionsResponse leaves an empty list out,
// which Slack takes for no answer.
type suggestions struct {
	Options []*slack.OptionBlockObject `json:"options"`
}

// groupedSuggestions is suggestions under headings.
type groupedSuggestions struct {
	Groups []*slack.OptionGroupBlockObject `json:"option_groups"`
}

// suggest draws the best options that fit into one answer over the socket: Slack
// drops longer ones in silence. It measures bytes, not options. Options with a group are
// drawn under headings, in the order in which the first of each comes.
// https://docs.slack.dev/reference/block-kit/block-elements/multi-select-menu-element
func suggest(options []chat.Option) any {
	const envelope, heading = 512, 100 // bytes: envelope id and brackets; around the words of a heading
	options = options[:min(len(options), 4*maxOptions)]
	group := map[string]string{} // by value
	for _, o := range options {
		if _, known := group[o.Value]; !known {
			group[o.Value], _ = cut(line(o.Group), maxOptionText)
		}
	}
	var groups []*slack.OptionGroupBlockObject
	at := map[string]*slack.OptionGroupBlockObject{}
	flat := suggestions{Options: []*slack.OptionBlockObject{}}
	size := envelope
	for _, o := range drawOptions(options) {
		b, err := json.Marshal(o)
		if err != nil {
			continue // (this is a bug)
		}
		label := group[o.Value]
		if at[label] == nil {
			size += heading + 6*len(label) // as many bytes as JSON can make of it
		}
		if size += len(b) + 1; size >= maxAck || len(flat.Options) == maxOptions {
			break
		}
		flat.Options = append(flat.Options, o)
		if at[label] == nil {
			at[label] = slack.NewOptionGroupBlockElement(plainObject(label))
			groups = append(groups, at[label])
		}
		at[label].Options = append(at[label].Options, o)
	}
	if len(groups) == 0 || at[""] != nil { // Slack takes no heading without words
		return flat
	}
	return groupedSuggestions{groups}
}
