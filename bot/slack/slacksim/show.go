package slacksim

import (
	"strconv"
	"strings"
	"time"
)

func (w *Workspace) showBlocks(list arr, values map[inputKey]any, r Reader) []Block {
	var out []Block
	for _, v := range list {
		b, ok := v.(obj)
		if !ok {
			continue
		}
		s := Block{Raw: clone(b), Text: w.blockText(b, r)}
		s.Type, _ = b["type"].(string)
		s.ID, _ = b["block_id"].(string)
		eachElement(arr{b}, func(in, e obj) {
			if e["type"] != "image" {
				s.Elements = append(s.Elements, w.showElement(in, e, values, r))
			}
		})
		out = append(out, s)
	}
	return out
}

func (w *Workspace) blockText(b obj, r Reader) string {
	var lines []string
	add := func(v any) {
		if s := textOf(v, r); s != "" {
			lines = append(lines, s)
		}
	}
	switch b["type"] {
	case "rich_text":
		return w.richPlain(b)
	case "context":
		list, _ := b["elements"].(arr)
		var parts []string
		for _, e := range list {
			o, _ := e.(obj)
			parts = append(parts, or(textOf(e, r), str0(o["alt_text"])))
		}
		return strings.Join(parts, " ")
	case "table", "data_table":
		return w.tableText(b)
	case "container":
		inner, _ := b["child_blocks"].(arr)
		add(b["title"])
		add(b["subtitle"])
		return strings.Join(append(lines, readBlocks(w.showBlocks(inner, nil, r))), "\n")
	case "markdown":
		return str0(b["text"])
	}
	for _, k := range []string{"title", "subtitle", "label", "text", "body", "hint"} {
		add(b[k])
	}
	fields, _ := b["fields"].(arr)
	for _, f := range fields {
		add(f)
	}
	if b["type"] == "image" && b["title"] == nil {
		add(b["alt_text"])
	}
	return strings.Join(lines, "\n")
}

func str0(v any) string {
	s, _ := v.(string)
	return s
}

// textOf reads a text object, or a plain string.
func textOf(v any, r Reader) string {
	switch v := v.(type) {
	case string:
		return v
	case obj:
		s, _ := v["text"].(string)
		switch v["type"] {
		case "mrkdwn":
			return Plain(s, r)
		case "plain_text":
			return s
		}
	}
	return ""
}

func (w *Workspace) tableText(b obj) string {
	var lines []string
	rows, _ := b["rows"].(arr)
	for _, row := range rows {
		cells, _ := row.(arr)
		var parts []string
		for _, c := range cells {
			o, _ := c.(obj)
			switch o["type"] {
			case "rich_text":
				parts = append(parts, w.richPlain(o))
			default:
				parts = append(parts, str0(o["text"]))
			}
		}
		lines = append(lines, strings.Join(parts, " | "))
	}
	return strings.Join(lines, "\n")
}

// richPlain reads rich text.
func (w *Workspace) richPlain(v any) string {
	o, _ := v.(obj)
	list, _ := o["elements"].(arr)
	var b strings.Builder
	for i, e := range list {
		x, _ := e.(obj)
		switch x["type"] {
		case "text":
			b.WriteString(str0(x["text"]))
		case "link":
			b.WriteString(or(str0(x["text"]), str0(x["url"])))
		case "user":
			b.WriteString(w.idName(str0(x["user_id"])))
		case "channel":
			b.WriteString(w.idName(str0(x["channel_id"])))
		case "usergroup":
			if g := w.groups[str0(x["usergroup_id"])]; g != nil {
				b.WriteString("@" + g.Handle)
			}
		case "broadcast":
			b.WriteString("@" + str0(x["range"]))
		case "emoji":
			b.WriteString(":" + str0(x["name"]) + ":")
		case "date":
			sec, _ := asInt(x["timestamp"])
			b.WriteString(dateTokens(str0(x["format"]), time.Unix(int64(sec), 0).UTC(), w.opts.Now()))
		case "rich_text_section":
			if o["type"] == "rich_text_list" {
				b.WriteString(map[bool]string{true: strconv.Itoa(i+1) + ". ", false: "• "}[o["style"] == "ordered"])
			}
			b.WriteString(w.richPlain(x))
			if i < len(list)-1 {
				b.WriteByte('\n')
			}
		default:
			b.WriteString(w.richPlain(x))
			if i < len(list)-1 {
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

func (w *Workspace) showElement(b, e obj, values map[inputKey]any, r Reader) Element {
	out := Element{
		Type: str0(e["type"]), ActionID: str0(e["action_id"]), BlockID: str0(b["block_id"]), Value: str0(e["value"]), URL: str0(e["url"]),
		Style: str0(e["style"]), Placeholder: textOf(e["placeholder"], r), Options: showOptions(e, r),
	}
	switch {
	case e["text"] != nil:
		out.Label = textOf(e["text"], r)
	case b["type"] == "input":
		out.Label = textOf(b["label"], r)
	case b["type"] == "section" && out.Placeholder == "":
		out.Label = textOf(b["text"], r)
	default:
		out.Label = out.Placeholder
	}
	if c, ok := e["confirm"].(obj); ok {
		out.Confirm = strings.TrimSpace(textOf(c["title"], r) + "\n" + textOf(c["text"], r))
	}
	v := values[keyOf(b, e)]
	out.Values = w.valueTexts(v)
	switch v := v.(type) {
	case obj:
		out.Chosen = showOptions(obj{"options": arr{v}}, r)
	case arr:
		if strings.Contains(out.Type, "static") || strings.Contains(out.Type, "external") || out.Type == "checkboxes" {
			out.Chosen = showOptions(obj{"options": v}, r)
		}
	}
	return out
}

func showOptions(e obj, r Reader) []Option {
	var out []Option
	add := func(list any, group string) {
		a, _ := list.(arr)
		for _, v := range a {
			o, _ := v.(obj)
			out = append(out, Option{
				Text: textOf(o["text"], r), Value: str0(o["value"]), Description: textOf(o["description"], r), Group: group, URL: str0(o["url"]),
			})
		}
	}
	add(e["options"], "")
	groups, _ := e["option_groups"].(arr)
	for _, g := range groups {
		g, _ := g.(obj)
		add(g["options"], textOf(g["label"], r))
	}
	return out
}

func (w *Workspace) showView(v *view) View {
	r := w.reader(v.user)
	out := View{
		ID: v.id, Type: v.kind, Title: textOf(v.raw["title"], r), Submit: textOf(v.raw["submit"], r), Close: textOf(v.raw["close"], r),
		CallbackID: v.callback, PrivateMetadata: v.private, ExternalID: v.external, Hash: v.hash, RootID: v.root, PreviousID: v.previous,
		Blocks: w.showBlocks(v.blocks, v.values, r), Raw: w.viewJSON(v), Broadcasts: liveInside(v.blocks),
	}
	out.Text = readBlocks(out.Blocks)
	eachElement(v.blocks, func(b, e obj) {
		kind := str0(e["type"])
		if !elements[kind].stateful {
			return
		}
		s := w.showElement(b, e, v.values, r)
		out.Fields = append(out.Fields, Field{
			Label: s.Label, BlockID: s.BlockID, ActionID: s.ActionID, Type: kind, Hint: textOf(b["hint"], r), Placeholder: s.Placeholder,
			Optional: b["optional"] == true, Input: b["type"] == "input", Values: s.Values, Options: s.Options, Error: v.errors[s.BlockID],
		})
	})
	return out
}
