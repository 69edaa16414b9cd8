package slacksim

import (
	"slices"
	"strings"
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
	Chosen      []Option // the same of a menu or boxes, where its options are the app's
}

// refMark stands in what Ref returns, and in no label or id that a keyboard makes.
const refMark = "\x1f"

// Ref names exactly this element wherever a method of Person takes a label.
func (e Element) Ref() string { return e.BlockID + refMark + e.ActionID }

// OptionRef names one option of this overflow menu for Person.Click.
func (e Element) OptionRef(o Option) string { return e.Ref() + refMark + o.Value }

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
	if c := w.dms[user]; c != nil {
		return c.ID
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
