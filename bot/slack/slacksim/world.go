package slacksim

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// Message is a message as one person sees it at one moment.
type Message struct {
	Channel, TS, ThreadTS string
	User                  string // author
	FromApp               bool
	Raw                   string // text as stored, mrkdwn
	Text                  string // what a person reads: the blocks, or the text where there are none
	Notification          string // what a person reads in the notification: the text
	Blocks                []Block
	Attachments           int
	Metadata              map[string]any // nil without
	Edited                bool           // was edited
	ShowsEdited           bool           // "(edited)" is shown; not for edits with blocks
	Ephemeral             bool           // only one person sees it
	Reactions             []string
	Files                 []string // file ids
	// Broadcasts are the channel-wide mentions that are live anywhere in it. A bot that shows user text has none.
	Broadcasts []string
	reader     string // the person who sees it
}

// Block is one block as a person sees it.
type Block struct {
	Type, ID string
	Text     string // all that is read in it, without the labels of interactive elements
	Elements []Element
	Raw      map[string]any
}

// Element is an interactive element.
type Element struct {
	Type, ActionID, BlockID string
	// Label is what a person calls it: the text of a button, the label of an input, the text of the section that a menu
	// stands beside, or its placeholder.
	Label       string
	Value, URL  string
	Style       string
	Placeholder string
	Options     []Option // that the app has given; those of external menus come from Suggest
	Confirm     string   // text of the confirmation dialog
	Values      []string // what is chosen or typed now, as shown
}

// Option is one choice of a menu, overflow, or group of boxes.
type Option struct{ Text, Value, Description, Group, URL string }

// View is a modal view or home tab as its user sees it at one moment.
type View struct {
	ID, Type                                string
	Title, Submit, Close                    string // labels; empty where absent
	CallbackID, PrivateMetadata, ExternalID string
	Hash, RootID, PreviousID                string
	Blocks                                  []Block
	Fields                                  []Field
	Text                                    string // all that is read, top to bottom
	Raw                                     map[string]any
	Broadcasts                              []string
}

// Field is an element of a view that holds a value.
type Field struct {
	Label, BlockID, ActionID, Type string
	Hint, Placeholder              string
	Optional, Input                bool     // Input: in an input block
	Values                         []string // as shown
	Options                        []Option
	Error                          string // shown under it after a refused submission
}

// Field returns the field with a label or action_id.
func (v View) Field(label string) (Field, bool) {
	for _, f := range v.Fields {
		if f.Label == label || f.ActionID == label {
			return f, true
		}
	}
	return Field{}, false
}

// Labels returns the labels of all elements that can be pressed, overflow options included, top to bottom.
func (m Message) Labels() []string { return labels(m.Blocks) }

// Labels returns the labels of all elements that can be pressed, overflow options included, top to bottom.
func (v View) Labels() []string { return labels(v.Blocks) }

func labels(list []Block) []string {
	var out []string
	for _, b := range list {
		for _, e := range b.Elements {
			switch {
			case e.Type == "overflow":
				for _, o := range e.Options {
					out = append(out, o.Text)
				}
			case !elements[e.Type].stateful:
				out = append(out, e.Label)
			}
		}
	}
	return out
}

// String draws the message as text with its elements in brackets, for logs and goldens.
func (m Message) String() string { return draw("", m.Text, m.Blocks) }

// String draws the view as text with its elements in brackets, for logs and goldens.
func (v View) String() string { return draw(v.Title, v.Text, v.Blocks) }

func draw(title, text string, list []Block) string {
	var lines []string
	if title != "" {
		lines = append(lines, "# "+title)
	}
	if len(list) == 0 {
		lines = append(lines, text)
	}
	for _, b := range list {
		line := b.Text
		if b.Type == "divider" {
			line = "---"
		}
		for _, e := range b.Elements {
			switch {
			case elements[e.Type].stateful:
				line += " [" + e.Label + ": " + strings.Join(e.Values, ", ") + "]"
			case e.Type == "overflow":
				line += " […" + strings.Join(optionTexts(e.Options), "|") + "]"
			default:
				line += " [" + e.Label + "]"
			}
		}
		lines = append(lines, strings.TrimSpace(line))
	}
	return strings.Join(lines, "\n")
}

func optionTexts(list []Option) []string {
	var out []string
	for _, o := range list {
		out = append(out, o.Text)
	}
	return out
}

// Messages returns the messages of a conversation (id or #name), oldest first, threads included, as the bot's time
// zone shows them.
func (w *Workspace) Messages(channel string) []Message {
	w.mu.Lock()
	defer w.unlock()
	return w.messages(channel, "")
}

func (w *Workspace) messages(channel, reader string) []Message {
	ch := w.find(channel)
	if ch == nil {
		return nil
	}
	if reader == "" && ch.isIM() {
		reader = ch.direct[0]
	}
	var out []Message
	for _, m := range ch.messages {
		out = append(out, w.show(m, reader))
	}
	return out
}

// DM returns the id of the direct conversation of a person with the bot, empty while there is none.
func (w *Workspace) DM(user string) string {
	w.mu.Lock()
	defer w.unlock()
	for _, id := range sortedKeys(w.channels) {
		if slices.Equal(w.channels[id].direct, []string{user}) {
			return id
		}
	}
	return ""
}

// Ephemerals returns the messages that only this person sees, oldest first, over all conversations.
func (w *Workspace) Ephemerals(user string) []Message {
	w.mu.Lock()
	defer w.unlock()
	var out []Message
	for _, id := range sortedKeys(w.channels) {
		for _, m := range w.channels[id].ephemerals {
			if m.ephemeralTo == user {
				out = append(out, w.show(m, user))
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Message) int { return compareTS(a.TS, b.TS) })
	return out
}

// Message returns a message of a conversation, or an ephemeral one.
func (w *Workspace) Message(channel, ts string) (Message, bool) {
	w.mu.Lock()
	defer w.unlock()
	ch := w.find(channel)
	if ch == nil {
		return Message{}, false
	}
	for _, m := range slices.Concat(ch.messages, ch.ephemerals) {
		if m.ts == ts {
			return w.show(m, m.ephemeralTo), true
		}
	}
	return Message{}, false
}

// show is a message in the eyes of a person.
func (w *Workspace) show(m *message, reader string) Message {
	r := w.reader(or(reader, m.ephemeralTo))
	out := Message{
		Channel: m.channel, TS: m.ts, ThreadTS: m.thread, User: m.user, FromApp: m.byApp, Raw: m.text,
		Notification: Plain(m.text, r), Attachments: len(m.attachments), Edited: m.edited != nil, ShowsEdited: m.showEdited,
		Ephemeral: m.ephemeralTo != "", reader: or(reader, m.ephemeralTo),
	}
	if m.metadata != nil {
		out.Metadata = clone(m.metadata)
	}
	for _, x := range m.reactions {
		out.Reactions = append(out.Reactions, x.name)
	}
	for _, f := range m.files {
		id, _ := f.(obj)["id"].(string)
		out.Files = append(out.Files, id)
	}
	var values map[inputKey]any
	if reader != "" || m.ephemeralTo != "" {
		values = m.of(or(reader, m.ephemeralTo))
	}
	out.Blocks = w.showBlocks(m.blocks, values, r)
	out.Text = readBlocks(out.Blocks)
	if len(m.blocks) == 0 {
		out.Text = out.Notification
	}
	for _, a := range m.attachments {
		if t := w.attachmentText(a, r); t != "" {
			out.Text = strings.TrimSpace(out.Text + "\n" + t)
		}
	}
	out.Broadcasts = slices.Concat(LiveBroadcasts(m.text), liveInside(m.blocks), liveInside(m.attachments))
	if m.linkNames {
		for _, g := range typedCall.FindAllStringSubmatch(m.text, -1) {
			out.Broadcasts = append(out.Broadcasts, g[1])
		}
	}
	return out
}

func (w *Workspace) attachmentText(a any, r Reader) string {
	o, _ := a.(obj)
	var lines []string
	for _, k := range []string{"pretext", "title", "text"} {
		if s, _ := o[k].(string); s != "" {
			lines = append(lines, Plain(s, r))
		}
	}
	if inner, ok := o["blocks"].(arr); ok {
		lines = append(lines, readBlocks(w.showBlocks(inner, nil, r)))
	}
	return strings.Join(lines, "\n")
}

// liveInside finds live broadcasts in text objects, markdown and rich text.
func liveInside(v any) []string {
	var out []string
	switch v := v.(type) {
	case arr:
		for _, e := range v {
			out = append(out, liveInside(e)...)
		}
	case obj:
		if v["type"] == "plain_text" {
			return nil
		}
		if v["type"] == "broadcast" {
			s, _ := v["range"].(string)
			return []string{s}
		}
		for _, k := range sortedKeys(v) {
			s, isText := v[k].(string)
			if isText && v["type"] != "text" { // runs of rich text are literal
				out = append(out, LiveBroadcasts(s)...)
				continue
			}
			out = append(out, liveInside(v[k])...)
		}
	}
	return out
}

func readBlocks(list []Block) string {
	var lines []string
	for _, b := range list {
		if b.Text != "" {
			lines = append(lines, b.Text)
		}
	}
	return strings.Join(lines, "\n")
}

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
			case "raw_number":
				if n, ok := o["value"].(interface{ String() string }); ok {
					parts = append(parts, or(str0(o["text"]), n.String()))
				}
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
			b.WriteString(dateTokens(str0(x["format"]), time.Unix(int64(sec), 0).UTC(), time.Now()))
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
	out.Values = w.valueTexts(values[keyOf(b, e)])
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
