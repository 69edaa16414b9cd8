package slacksim

import (
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
)

// message is a posted or ephemeral message.
type message struct {
	channel, ts, thread string
	user                string // author: a person or the bot user
	byApp               bool
	text                string
	markdown            string
	blocks, attachments arr
	metadata            obj
	edited              obj // user and ts of the last edit
	showEdited          bool
	ephemeralTo         string
	broadcast           bool // reply_broadcast
	linkNames           bool
	reactions           []reaction
	files               arr
	values              map[string]map[inputKey]any // of stateful elements, by person
}

type reaction struct {
	name  string
	users []string
}

// content is what post, update, ephemeral and response URLs have in common.
type content struct {
	text, markdown      string
	blocks, attachments arr
	metadata            obj
	hasText, hasBlocks  bool
	hasAttachments      bool
	hasMetadata         bool
	linkNames           bool
}

var tsForm = regexp.MustCompile(`^\d{9,10}\.\d{6}$`)

var attachmentProps = []string{
	"actions", "attachment_type", "author_icon", "author_link", "author_name", "author_subname", "blocks", "callback_id", "color",
	"fallback", "fields", "footer", "footer_icon", "from_url", "id", "image_url", "mrkdwn_in", "original_url", "pretext", "service_icon",
	"service_name", "text", "thumb_url", "title", "title_link", "ts",
}

// content reads and checks what is to be shown.
func (c *call) content() (content, error) {
	var m content
	m.text, m.hasText = c.str("text"), c.has("text")
	m.markdown = c.str("markdown_text")
	m.linkNames = c.flag("link_names") || c.str("parse") == "full"
	if m.markdown != "" {
		if m.text != "" || c.has("blocks") {
			return m, fail("markdown_text_conflict")
		}
		if utf16Len(m.markdown) > maxMarkdownText {
			return m, fail("msg_too_long")
		}
	}
	if err := c.contentBlocks(&m); err != nil {
		return m, err
	}
	if err := c.contentAttachments(&m); err != nil {
		return m, err
	}
	return m, c.contentMetadata(&m)
}

func (c *call) contentBlocks(m *content) error {
	v, ok, err := c.value("blocks")
	if err != nil {
		return fail("invalid_blocks_format")
	}
	if !ok {
		return nil
	}
	if err := checkBlocks(v, "/blocks"); err != nil {
		return err
	}
	m.hasBlocks = true
	m.blocks = c.nameBlocks(clone(v.(arr)))
	return nil
}

func (c *call) contentAttachments(m *content) error {
	v, ok, err := c.value("attachments")
	if !ok && err == nil {
		return nil
	}
	list, isList := v.(arr)
	if err != nil || !isList {
		return fail("invalid_attachments")
	}
	if len(list) > maxAttachments {
		return fail("too_many_attachments")
	}
	for i, a := range list {
		at := "/attachments/" + itoa(i)
		o, ok := a.(obj)
		if !ok {
			return &apiError{Code: "invalid_attachments", messages: []string{problem{"must provide an object", at}.String()}}
		}
		ck := newChecker(onMessage)
		onlyProps(ck, o, attachmentProps, at)
		if len(ck.problems) > 0 {
			return &apiError{Code: "invalid_attachments", messages: problemTexts(ck.problems)}
		}
		if o["blocks"] != nil {
			if err := checkBlocks(o["blocks"], at+"/blocks"); err != nil {
				var e *apiError
				if errors.As(err, &e) && e.Code == "invalid_blocks" {
					e.Code = "invalid_attachments"
				}
				return err
			}
		}
	}
	m.hasAttachments, m.attachments = true, clone(list)
	return nil
}

func (c *call) contentMetadata(m *content) error {
	v, ok, err := c.value("metadata")
	if !ok && err == nil {
		return nil
	}
	if err != nil {
		return fail("invalid_metadata_format")
	}
	o, ok := v.(obj)
	if !ok {
		return fail("invalid_metadata_format")
	}
	m.hasMetadata = true
	if len(o) == 0 {
		return nil
	}
	ck := newChecker(onMessage)
	object{
		props: map[string]rule{"event_type": str{min: 1}, "event_payload": anything{}, "entities": anything{}},
		need:  []string{"event_type", "event_payload"},
	}.check(ck, o, "/metadata")
	if _, ok := o["event_payload"].(obj); !ok || len(ck.problems) > 0 {
		return &apiError{Code: "invalid_metadata_schema", messages: problemTexts(ck.problems)}
	}
	raw, _ := json.Marshal(o)
	if len(raw) > maxMetadata {
		return fail("metadata_too_large")
	}
	m.metadata = o
	return nil
}

func (m *content) empty() bool {
	return strings.TrimSpace(m.text) == "" && m.markdown == "" && len(m.blocks) == 0 && len(m.attachments) == 0
}

// nameBlocks gives every block and element an id that has none, as Slack does.
func (w *Workspace) nameBlocks(list arr) arr {
	eachBlock(list, func(b obj) {
		if s, _ := b["block_id"].(string); s == "" {
			b["block_id"] = w.ids.short()
		}
	})
	eachElement(list, func(_, e obj) {
		kind, _ := e["type"].(string)
		if s, _ := e["action_id"].(string); s == "" && kind != "image" {
			e["action_id"] = w.ids.short()
		}
	})
	return list
}

// eachBlock visits blocks and the blocks inside containers, carousels and layouts.
func eachBlock(list arr, f func(b obj)) {
	for _, v := range list {
		b, ok := v.(obj)
		if !ok {
			continue
		}
		f(b)
		switch b["type"] {
		case "container":
			inner, _ := b["child_blocks"].(arr)
			eachBlock(inner, f)
		case "carousel":
			inner, _ := b["elements"].(arr)
			eachBlock(inner, f)
		case "layout":
			rows, _ := b["rows"].(arr)
			for _, r := range rows {
				r, _ := r.(obj)
				items, _ := r["items"].(arr)
				for _, it := range items {
					it, _ := it.(obj)
					eachBlock(arr{it["block"]}, f)
				}
			}
		}
	}
}

// eachElement visits the interactive elements and images of blocks, with the block they stand in.
func eachElement(list arr, f func(b, e obj)) {
	eachBlock(list, func(b obj) {
		var in arr
		switch b["type"] {
		case "section":
			in = arr{b["accessory"]}
		case "input":
			in = arr{b["element"]}
		case "actions", "context_actions":
			in, _ = b["elements"].(arr)
		case "card":
			in, _ = b["actions"].(arr)
		case "data_table":
			rows, _ := b["rows"].(arr)
			for _, r := range rows {
				cells, _ := r.(arr)
				for _, cell := range cells {
					cell, _ := cell.(obj)
					in = append(in, cell["element"])
				}
			}
		}
		for _, v := range in {
			if e, ok := v.(obj); ok {
				f(b, e)
			}
		}
	})
}

func (w *Workspace) messageJSON(m *message) obj {
	out := obj{"type": "message", "user": m.user, "ts": m.ts, "text": m.text, "team": w.opts.TeamID}
	if m.byApp {
		out["bot_id"], out["app_id"] = w.opts.BotID, w.opts.AppID
		out["bot_profile"] = obj{"id": w.opts.BotID, "name": w.opts.BotName, "app_id": w.opts.AppID, "team_id": w.opts.TeamID, "deleted": false}
	}
	if len(m.blocks) > 0 {
		out["blocks"] = clone(m.blocks)
	}
	if len(m.attachments) > 0 {
		out["attachments"] = clone(m.attachments)
	}
	if m.thread != "" {
		out["thread_ts"] = m.thread
	}
	if m.edited != nil {
		out["edited"] = m.edited
	}
	if m.metadata != nil {
		out["metadata"] = clone(m.metadata)
	}
	if m.ephemeralTo != "" {
		out["is_ephemeral"] = true
	}
	if len(m.files) > 0 {
		out["files"] = clone(m.files)
	}
	if len(m.reactions) > 0 {
		list := arr{}
		for _, r := range m.reactions {
			list = append(list, obj{"name": r.name, "users": slices.Clone(r.users), "count": len(r.users)})
		}
		out["reactions"] = list
	}
	if c := w.channels[m.channel]; c != nil {
		if n := c.replies(m); n > 0 {
			out["thread_ts"], out["reply_count"] = m.ts, n
		}
	}
	return out
}

func (c *channel) replies(root *message) int {
	n := 0
	for _, m := range c.messages {
		if m.thread == root.ts && m.ts != root.ts {
			n++
		}
	}
	return n
}
