package demo

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"apono/bot/slack/slacksim"
)

// drawer turns Block Kit JSON into what the templates draw, for one reader.
type drawer struct {
	reader slacksim.Reader
	prefix string // of ids, so that they are unique in the page
	people []slacksim.Option
	rooms  []slacksim.Option
}

// block is a block as the templates draw it.
type block struct {
	Kind     string
	Key      string
	Text     []run
	Fields   [][]run
	Rich     []rich
	Elements []element // buttons and menus of the block; one for an input
	Notes    []note
	Rows     [][][]run
	Inner    []block
	// Of inputs.
	Label, Hint, Error string
	Optional           bool
}

// note is an item of a context block.
type note struct {
	Text  []run
	Image string // its alternative text; pictures are not loaded
}

// element is an interactive element as the templates draw it.
type element struct {
	slacksim.Element
	ID, Name  string // of the HTML element; what a screen reader calls it
	Error     bool
	Look      string // button, menu, select, text, boxes, radios, date, time
	Multiline bool
	Dispatch  bool // Enter tells the app
	External  bool
	Multi     bool
	Min, Max  int // characters before an external menu asks; length of text, or 0
	Href      string
	Text      []run
	Value     string
	InputType string
	Optional  bool
	Describes string // ids of hint and error
	Confirm   *confirm
}

type confirm struct{ Title, Text, Yes, No string }

// OptionsJSON is what the script filters as the person types.
func (e element) OptionsJSON() (string, error) {
	type option struct {
		Text        string `json:"text"`
		Value       string `json:"value"`
		Description string `json:"description,omitempty"`
		Group       string `json:"group,omitempty"`
	}
	out := []option{}
	for _, o := range e.Options {
		out = append(out, option{o.Text, o.Value, o.Description, o.Group})
	}
	b, err := json.Marshal(out)
	return string(b), err
}

// IsChosen reports whether an option of a group of boxes is ticked.
func (e element) IsChosen(o slacksim.Option) bool {
	return slices.ContainsFunc(e.Chosen, func(c slacksim.Option) bool { return c.Value == o.Value })
}

func str(v any) string {
	s, _ := v.(string)
	return s
}

func list(v any) []any {
	a, _ := v.([]any)
	return a
}

func number(v any) float64 {
	switch v := v.(type) {
	case float64:
		return v
	case json.Number:
		f, _ := v.Float64()
		return f
	case int:
		return float64(v)
	}
	return 0
}

// id makes a short id of anything; equal parts give equal ids.
func (d *drawer) id(parts ...string) string {
	sum := sha256.Sum256([]byte(d.prefix + "\x00" + strings.Join(parts, "\x00")))
	return "i" + hex.EncodeToString(sum[:6])
}

// blocks draws blocks of a message or view; fields are those of the view.
func (d *drawer) blocks(in []slacksim.Block, fields []slacksim.Field) []block {
	var out []block
	for _, b := range in {
		out = append(out, d.block(b, fields))
	}
	return out
}

func (d *drawer) block(in slacksim.Block, fields []slacksim.Field) block {
	raw := in.Raw
	b := block{Kind: in.Type, Key: d.id("block", in.ID)}
	switch in.Type {
	case "section":
		b.Text = d.text(raw["text"])
		for _, f := range list(raw["fields"]) {
			b.Fields = append(b.Fields, d.text(f))
		}
	case "header", "alert":
		b.Text = d.text(raw["text"])
	case "context":
		for _, v := range list(raw["elements"]) {
			o, _ := v.(map[string]any)
			b.Notes = append(b.Notes, note{Text: d.text(v), Image: str(o["alt_text"])})
		}
	case "rich_text":
		b.Rich = d.richText(raw)
	case "input":
		b.Label, b.Hint, b.Optional = d.words(raw["label"]), d.words(raw["hint"]), raw["optional"] == true
		for _, f := range fields {
			if f.BlockID == in.ID && f.Error != "" {
				b.Error = f.Error
			}
		}
	case "table", "data_table":
		b.Kind = "table"
		b.Rows = d.rows(raw)
	case "divider", "actions":
	case "image":
		b.Notes = []note{{Text: d.text(raw["title"]), Image: str(raw["alt_text"])}}
	default: // what is rare is shown as words, with its buttons
		b.Kind = "other"
		b.Text = plain(in.Text)
	}
	for _, e := range in.Elements {
		b.Elements = append(b.Elements, d.element(in, e, &b))
	}
	return b
}

func (d *drawer) rows(raw map[string]any) [][][]run {
	var out [][][]run
	for _, row := range list(raw["rows"]) {
		var cells [][]run
		for _, c := range list(row) {
			o, _ := c.(map[string]any)
			if o["type"] != "rich_text" {
				cells = append(cells, plain(str(o["text"])))
				continue
			}
			var runs []run
			for _, r := range d.richText(o) {
				for _, item := range r.Items {
					runs = append(runs, item...)
				}
			}
			cells = append(cells, runs)
		}
		out = append(out, cells)
	}
	return out
}

// rawElement finds the JSON of an element in its block.
func rawElement(block map[string]any, actionID string) map[string]any {
	for _, v := range append(list(block["elements"]), block["element"], block["accessory"]) {
		if o, ok := v.(map[string]any); ok && o["action_id"] == actionID {
			return o
		}
	}
	return nil
}

func (d *drawer) element(in slacksim.Block, e slacksim.Element, b *block) element {
	raw := rawElement(in.Raw, e.ActionID)
	out := element{
		Element: e, ID: d.id("element", e.BlockID, e.ActionID), Name: e.Label, Href: link(e.URL), Text: d.text(raw["text"]),
		Optional: b.Optional, Error: b.Error != "", Multiline: raw["multiline"] == true, Dispatch: in.Raw["dispatch_action"] == true, Max: int(number(raw["max_length"])),
	}
	if len(e.Values) > 0 {
		out.Value = e.Values[0]
	}
	if b.Hint != "" {
		out.Describes = out.ID + "h "
	}
	if b.Error != "" {
		out.Describes += out.ID + "e"
	}
	if c, ok := raw["confirm"].(map[string]any); ok {
		out.Confirm = &confirm{d.words(c["title"]), d.words(c["text"]), d.words(c["confirm"]), d.words(c["deny"])}
	}
	d.look(&out, raw)
	return out
}

// look says how an element is drawn.
func (d *drawer) look(out *element, raw map[string]any) {
	kind := out.Type
	switch {
	case kind == "overflow":
		out.Look = "menu"
	case kind == "checkboxes":
		out.Look = "boxes"
	case kind == "radio_buttons":
		out.Look = "radios"
	case strings.HasSuffix(kind, "_select"):
		out.Look, out.Multi, out.External = "select", strings.HasPrefix(kind, "multi_"), strings.HasSuffix(kind, "external_select")
		out.Min = 3
		if v, ok := raw["min_query_length"]; ok {
			out.Min = int(number(v))
		}
		d.known(out)
	case strings.HasSuffix(kind, "_input"):
		out.Look = "text"
		out.InputType = map[string]string{"email_text_input": "email", "url_text_input": "url"}[kind]
		if out.InputType == "" {
			out.InputType = "text"
		}
	case kind == "datepicker":
		out.Look, out.InputType = "date", "date"
	case kind == "timepicker":
		out.Look, out.InputType = "date", "time"
	default:
		out.Look = "button"
	}
}

// known gives menus of people and channels their options.
func (d *drawer) known(out *element) {
	switch {
	case strings.Contains(out.Type, "users"):
		out.Options = d.people
	case strings.Contains(out.Type, "channels"), strings.Contains(out.Type, "conversations"):
		out.Options = d.rooms
	default:
		return
	}
	for _, o := range out.Options {
		if slices.Contains(out.Values, o.Text) {
			out.Chosen = append(out.Chosen, o)
		}
	}
}
