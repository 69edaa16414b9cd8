package slacksim

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// block is one row of the block table.
type block struct {
	on surface
	is object
}

func blockProps(more map[string]rule) map[string]rule {
	return with(map[string]rule{"type": str{min: 1}, "block_id": str{min: 1, max: 255}}, more)
}

var (
	imageElement = elementIn{inContext}
	richText     = blockOf{"rich_text"}
	contextItem  = contextElement{}
	title150     = text{max: 150}
	cardButtons  = list{min: 1, max: 3, of: elementIn{inCard}}
)

// blocks is Slack's table of blocks: https://docs.slack.dev/reference/block-kit/blocks
// Where people measured that Slack refuses what its pages allow, it is refused here too: file blocks, cells of type
// raw_number, videos without an approved domain.
var blocks = map[string]block{
	"section": {onAll, object{
		props: blockProps(map[string]rule{
			"text": text{}, "fields": list{min: 1, max: 10, of: text{max: 2000}}, "accessory": elementIn{inSection}, "expand": boolean{},
		}), also: func(c *checker, o obj, at string) {
			if o["text"] == nil && o["fields"] == nil {
				c.add(at, "must define either `text` or `fields`")
			}
		},
	}},
	"header": {onAll, object{props: blockProps(map[string]rule{
		"text": text{max: 150, plain: true}, "level": integer{min: 1, max: 4},
	}), need: []string{"text"}}},
	"divider": {onAll, object{props: blockProps(nil)}},
	"actions": {onAll, object{props: blockProps(map[string]rule{
		"elements": list{min: 1, max: 25, of: elementIn{inActions}},
	}), need: []string{"elements"}}},
	"context": {onAll, object{props: blockProps(map[string]rule{
		"elements": list{min: 1, max: 10, of: contextItem},
	}), need: []string{"elements"}}},
	"context_actions": {onMessage, object{props: blockProps(map[string]rule{
		"elements": list{min: 1, max: 5, of: elementIn{inContextActions}},
	}), need: []string{"elements"}}},
	"image": {onAll, object{props: blockProps(map[string]rule{
		"alt_text": str{min: 1, max: 2000}, "title": text{max: 2000, plain: true},
		"image_url": str{min: 1, max: 3000, match: imageForm, what: "URL"}, "slack_file": slackFile,
	}), need: []string{"alt_text"}, also: imageSource}},
	"input": {onAll, object{props: blockProps(map[string]rule{
		"label": text{max: 2000, plain: true}, "element": elementIn{inInput}, "hint": text{max: 2000, plain: true},
		"optional": boolean{}, "dispatch_action": boolean{},
	}), need: []string{"label", "element"}, also: func(c *checker, _ obj, at string) { c.inputs = append(c.inputs, at) }}},
	"markdown": {onMessage, object{
		props: blockProps(map[string]rule{"text": str{min: 1, max: 12000}}),
		need:  []string{"text"}, also: markdownTotal,
	}},
	"rich_text": {onAll, object{props: blockProps(map[string]rule{"elements": list{min: 1, of: richElement}}), need: []string{"elements"}}},
	"video": {onAll, object{props: blockProps(map[string]rule{
		"alt_text": str{min: 1}, "title": text{max: 199, plain: true}, "title_url": str{match: imageForm, what: "URL"},
		"video_url": str{min: 1, match: imageForm, what: "URL"}, "thumbnail_url": str{min: 1, match: imageForm, what: "URL"},
		"description": text{max: 199, plain: true}, "author_name": str{max: 49}, "provider_name": str{}, "provider_icon_url": str{},
	}), need: []string{"alt_text", "title", "video_url", "thumbnail_url"}, also: func(c *checker, _ obj, at string) {
		c.add(at, "Video validation failed: Bot scopes missing: [links:read, links:write, links.embed:write]")
	}}},
	"table": {onMessage | onHome, object{props: blockProps(map[string]rule{
		"rows":            list{min: 1, max: 100, of: list{min: 1, max: 20, of: tableCell}},
		"column_settings": list{max: 20, of: columnSetting},
	}), need: []string{"rows"}, also: tableRules(10000)}},
	"data_table": {onMessage | onHome, object{props: blockProps(map[string]rule{
		"rows":    list{min: 2, max: 201, of: list{min: 1, max: 20, of: dataCell}},
		"caption": str{min: 1}, "page_size": integer{min: 1, max: 100}, "row_header_column_index": integer{min: 0, max: 19},
	}), need: []string{"rows", "caption"}, also: dataTableRules}},
	"card": {onAll, object{props: blockProps(map[string]rule{
		"hero_image": imageElement, "icon": imageElement, "slack_icon": object{props: map[string]rule{"type": str{}, "name": str{min: 1}}, need: []string{"type", "name"}},
		"title": title150, "subtitle": title150, "body": text{max: 200}, "subtext": title150, "actions": cardButtons,
	}), also: cardRules}},
	"carousel": {onMessage | onHome, object{props: blockProps(map[string]rule{
		"elements": list{min: 1, max: 10, of: blockOf{"card"}},
	}), need: []string{"elements"}}},
	"container": {onMessage | onHome, object{props: blockProps(map[string]rule{
		"title": text{max: 150, plain: true}, "rich_text_title": richText, "subtitle": title150, "icon": imageElement,
		"width": str{min: 1}, "is_collapsible": boolean{}, "default_collapsed": boolean{}, "has_header_divider": boolean{},
		"child_blocks": list{min: 1, max: 10, of: childBlock{}},
	}), need: []string{"child_blocks"}, also: containerRules}},
	"alert": {onModal, object{props: blockProps(map[string]rule{
		"text": text{max: 200}, "level": str{enum: []string{"default", "info", "warning", "error", "success"}},
	}), need: []string{"text"}}},
	"data_visualization": {onMessage, object{props: blockProps(map[string]rule{
		"title": str{min: 1, max: 50}, "chart": chart,
	}), need: []string{"title", "chart"}, also: func(c *checker, _ obj, at string) {
		if c.charts++; c.charts > 2 {
			c.add(at, "no more than 2 data_visualization blocks allowed")
		}
	}}},
	"layout": {onMessage, object{props: blockProps(map[string]rule{
		"label": str{min: 1, max: 150}, "is_label_visible": boolean{}, "grid_lines": str{min: 1}, "fallback": list{of: childBlock{}},
		"rows": list{min: 1, max: 5, of: object{props: map[string]rule{"items": list{min: 1, max: 3, of: layoutItem}}, need: []string{"items"}}},
	}), need: []string{"label", "rows"}}},
	"task_card": {onMessage, taskCard},
	"plan": {onMessage, object{props: blockProps(map[string]rule{
		"title": str{min: 1}, "tasks": list{max: 50, of: taskCard},
	}), need: []string{"title"}}},
}

var taskCard = object{props: blockProps(map[string]rule{
	"task_id": str{min: 1}, "title": str{min: 1}, "status": str{enum: []string{"pending", "in_progress", "complete", "error"}},
	"details": richText, "output": richText, "hide_title": boolean{},
	"sources": list{of: object{props: map[string]rule{"type": str{enum: []string{"url"}}, "url": str{min: 1}, "text": str{min: 1}}, need: []string{"type", "url", "text"}}},
}), need: []string{"task_id", "title"}}

var layoutItem = object{
	props: map[string]rule{"block": childBlock{}, "width": str{min: 1}, "horizontal_alignment": str{min: 1}},
	need:  []string{"block"},
}

var (
	rawText  = object{props: map[string]rule{"type": str{}, "text": str{min: 1}}, need: []string{"type", "text"}}
	richCell = object{props: map[string]rule{"type": str{}, "elements": list{min: 1, of: richElement}}, need: []string{"type", "elements"}}

	tableCell = union{"raw_text": rawText, "rich_text": richCell}
	dataCell  = union{
		"raw_text": rawText, "rich_text": richCell,
		"action_cell": object{props: map[string]rule{
			"type": str{}, "element": elementIn{inCard}, "fallback": union{"raw_text": rawText},
		}, need: []string{"type", "element"}},
	}
	columnSetting = object{props: map[string]rule{"align": str{enum: []string{"left", "center", "right"}}, "is_wrapped": boolean{}}}

	point  = object{props: map[string]rule{"label": str{min: 1, max: 20}, "value": num{min: -1e308}}, need: []string{"label", "value"}}
	series = object{props: map[string]rule{"name": str{min: 1, max: 20}, "data": list{min: 1, max: 20, of: point}}, need: []string{"name", "data"}}
	axes   = object{props: map[string]rule{
		"categories": list{min: 1, max: 20, of: str{min: 1, max: 20}}, "x_label": str{max: 50}, "y_label": str{max: 50},
	}, need: []string{"categories"}}
	axisChart = object{props: map[string]rule{
		"type": str{}, "series": list{min: 1, max: 6, of: series}, "axis_config": axes,
	}, need: []string{"series", "axis_config"}}
	chart = union{
		"bar": axisChart, "area": axisChart, "line": axisChart,
		"pie": object{props: map[string]rule{"type": str{}, "segments": list{min: 1, max: 20, of: point}}, need: []string{"segments"}},
	}
)

var (
	runStyle = object{props: map[string]rule{
		"bold": boolean{}, "italic": boolean{}, "strike": boolean{}, "code": boolean{}, "underline": boolean{},
		"highlight": boolean{}, "client_highlight": boolean{}, "unlink": boolean{},
	}}
	run = union{
		"text":      richRun(map[string]rule{"text": str{min: 1}}, "text"),
		"link":      richRun(map[string]rule{"url": str{min: 1}, "text": str{}, "unsafe": boolean{}}, "url"),
		"emoji":     richRun(map[string]rule{"name": str{min: 1}, "unicode": str{}, "skin_tone": integer{min: 1, max: 6}}, "name"),
		"user":      richRun(map[string]rule{"user_id": str{min: 1}}, "user_id"),
		"usergroup": richRun(map[string]rule{"usergroup_id": str{min: 1}}, "usergroup_id"),
		"channel":   richRun(map[string]rule{"channel_id": str{min: 1}}, "channel_id"),
		"broadcast": richRun(map[string]rule{"range": str{enum: []string{"here", "channel", "everyone"}}}, "range"),
		"date": richRun(map[string]rule{
			"timestamp": integer{min: 0}, "format": str{min: 1}, "url": str{}, "fallback": str{},
		}, "timestamp", "format"),
		"color": richRun(map[string]rule{"value": str{min: 1}}, "value"),
	}
	runs        = list{of: run}
	richSection = object{props: map[string]rule{"type": str{}, "elements": runs}, need: []string{"elements"}}
	richBlockOf = object{props: map[string]rule{"type": str{}, "elements": runs, "border": integer{min: 0}, "language": str{}}, need: []string{"elements"}}
	richElement = union{
		"rich_text_section": richSection, "rich_text_preformatted": richBlockOf, "rich_text_quote": richBlockOf,
		"rich_text_list": object{props: map[string]rule{
			"type": str{}, "elements": list{min: 1, of: union{"rich_text_section": richSection}}, "style": str{enum: []string{"bullet", "ordered"}},
			"indent": integer{min: 0}, "border": integer{min: 0}, "offset": integer{min: 0},
		}, need: []string{"elements", "style"}},
	}
)

func richRun(p map[string]rule, need ...string) object {
	return object{props: with(p, map[string]rule{"type": str{}, "style": runStyle}), need: need}
}

// contextElement is a text object or an image.
type contextElement struct{}

func (contextElement) check(c *checker, v any, at string) {
	o, _ := v.(obj)
	if o["type"] == "image" {
		elementIn{inContext}.check(c, v, at)
		return
	}
	text{}.check(c, v, at)
}

// blockOf is a block of one given type that stands inside another.
type blockOf struct{ kind string }

func (r blockOf) check(c *checker, v any, at string) {
	o, ok := v.(obj)
	if !ok || o["type"] != r.kind {
		c.add(at, "failed to match all allowed schemas")
		return
	}
	blocks[r.kind].is.check(c, v, at)
}

// childBlock is any block inside a container or layout.
type childBlock struct{}

func (childBlock) check(c *checker, v any, at string) {
	if o, ok := v.(obj); ok && (o["type"] == "container" || o["type"] == "markdown") {
		c.add(at+"/type", "unsupported type: %s", o["type"])
		return
	}
	c.depth++
	anyBlock{}.check(c, v, at)
	c.depth--
}

// anyBlock is a block that the surface allows.
type anyBlock struct{}

func (anyBlock) check(c *checker, v any, at string) {
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
	b, known := blocks[kind]
	if !known || b.on&c.surface == 0 {
		c.add(at+"/type", "unsupported type: %s", kind)
		return
	}
	if id, ok := o["block_id"].(string); ok && id != "" && kind != "markdown" {
		if c.blockIDs[id] {
			c.add(at+"/block_id", "`block_id` already exists: %s", id)
		}
		c.blockIDs[id] = true
	}
	outer := c.actionIDs
	c.actionIDs = map[string]bool{}
	b.is.check(c, v, at)
	c.actionIDs = outer
}

func markdownTotal(c *checker, o obj, at string) {
	s, _ := o["text"].(string)
	c.expanded += expandedBlocks(s) - 1
	c.markdown += utf16Len(s)
	if c.markdown > 12000 && utf16Len(s) <= 12000 {
		c.add(at+"/text", "must be less than 12001 characters in all markdown blocks together")
	}
}

// expandedBlocks is how many blocks Slack makes of markdown: one a heading, one a ruler, one a run of other text.
func expandedBlocks(s string) int {
	n, inText, fenced := 0, false, false
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		switch {
		case !fenced && headingOrRuler.MatchString(line):
			n, inText = n+1, false
		case line != "" && !inText:
			n, inText = n+1, true
		}
	}
	return max(n, 1)
}

var headingOrRuler = regexp.MustCompile(`^(#{1,6} .*|-{3,}|\*{3,}|_{3,})$`)

func tableRules(most int) func(*checker, obj, string) {
	return func(c *checker, o obj, at string) {
		c.tables++
		if n := textInside(o["rows"]); n > most {
			c.add(at+"/rows", "must be less than %d characters", most+1)
		}
		rows, _ := o["rows"].(arr)
		for i, r := range rows {
			if first, row := width(rows[0]), width(r); row != first {
				c.add(at+"/rows/"+strconv.Itoa(i), "must have %d cells as the first row has", first)
			}
		}
	}
}

func width(row any) int {
	cells, _ := row.(arr)
	return len(cells)
}

func dataTableRules(c *checker, o obj, at string) {
	tableRules(20000)(c, o, at)
	rows, _ := o["rows"].(arr)
	if len(rows) == 0 {
		return
	}
	header, _ := rows[0].(arr)
	for i, v := range header {
		if cell, _ := v.(obj); cell["type"] != "raw_text" {
			c.add(at+"/rows/0/"+strconv.Itoa(i), "header cells must be of type raw_text")
		}
	}
}

func textInside(v any) int {
	n := 0
	switch v := v.(type) {
	case arr:
		for _, e := range v {
			n += textInside(e)
		}
	case obj:
		for k, e := range v {
			switch s := e.(type) {
			case string:
				if k == "text" {
					n += utf16Len(s)
				}
			case json.Number:
				if k == "value" {
					n += len(s)
				}
			default:
				n += textInside(e)
			}
		}
	}
	return n
}

func cardRules(c *checker, o obj, at string) {
	if o["hero_image"] == nil && o["title"] == nil && o["actions"] == nil && o["body"] == nil {
		c.add(at, "must define at least one of `hero_image`, `title`, `actions` or `body`")
	}
	if o["icon"] != nil && o["slack_icon"] != nil {
		c.add(at, "must define only one of `icon` and `slack_icon`")
	}
}

func containerRules(c *checker, o obj, at string) {
	if c.depth > 0 {
		c.add(at, "containers cannot be nested")
	}
	if (o["title"] == nil) == (o["rich_text_title"] == nil) {
		c.add(at, "must define either `title` or `rich_text_title`")
	}
}
