package teams

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"apono/bot/chat"
)

// drawn is what a form's buttons carry back: what the person had before them.
type drawn struct {
	ID    chat.FormID `json:"id"`
	State string      `json:"state,omitempty"`
	// Key is equal for everything done in one dialog.
	Key string `json:"key"`
	// Fields that were drawn, by name.
	Fields map[string]drawnField `json:"fields,omitempty"`
	// Form is the form itself where it can be drawn again in no other way.
	Form *chat.Form `json:"form,omitempty"`
}

type drawnField struct {
	Kind       chat.PartKind `json:"k"`
	Generation string        `json:"g,omitempty"`
}

// Limits of a dialog.
const (
	maxState       = 3000
	maxChoices     = 500
	maxChoice      = 150
	maxPlaceholder = 150
	maxHint        = 300
	maxTyped       = 4000
	maxKept        = 8 << 10 // of drawn.Form, in bytes of JSON
)

// dialog is a form as it is shown to one person.
type dialog struct {
	form   chat.Form
	key    string
	errors map[string]string // by field
	notice string            // above everything
}

// RenderForm draws a form as an Adaptive Card for a dialog. What is too long is cut
// with a marker; inputs and what must be shown to the letter are never cut. It fails
// only where a form cannot work: a state over 3,000 characters, or more inputs than
// a message holds.
//
// Nothing is marked as required: Teams would keep the mode button from working until
// all is filled in. What is missing is said under its field after Submit.
func RenderForm(form chat.Form) (map[string]any, error) { return dialog{form: form}.card() }

// fetched is the answer that opens or replaces a dialog.
func (d dialog) task() (obj, error) {
	card, err := d.card()
	if err != nil {
		return nil, err
	}
	height := "small"
	if len(d.form.Parts) > 4 || d.form.ID == chat.FormDetails {
		height = "large"
	} else if len(d.form.Parts) > 2 {
		height = "medium"
	}
	title, _ := chat.Cut(line(d.form.Title), maxLabel)
	if title == "" {
		title = "apono"
	}
	return obj{"task": obj{"type": "continue", "value": obj{
		"title": title, "height": height, "width": "medium",
		"card": obj{"contentType": cardType, "content": card},
	}}}, nil
}

func (d dialog) card() (obj, error) {
	if n := chat.Length(d.form.State); n > maxState {
		return nil, fmt.Errorf("form %s: its state has %d characters, at most %d are possible (this is a bug)", d.form.ID, n, maxState)
	}
	for _, room := range []struct{ most, choices int }{{3000, maxChoices}, {800, listedFirst * 4}, {200, listedFirst}} {
		v := &formDrawing{dialog: d, most: room.most, choices: room.choices, ids: map[string]bool{}, told: map[string]bool{}, carried: d.carry()}
		card := v.card()
		if sizeOf(card) <= maxCard {
			return card, nil
		}
	}
	return nil, fmt.Errorf("form %s: more than a dialog holds (this is a bug)", d.form.ID)
}

// carry is what the buttons of the form say about it.
func (d dialog) carry() *drawn {
	c := &drawn{ID: d.form.ID, State: d.form.State, Key: d.key, Fields: map[string]drawnField{}}
	for _, p := range d.form.Parts {
		if p.Field != "" {
			c.Fields[p.Field] = drawnField{p.Kind, p.Generation}
		}
	}
	if d.form.ID == chat.FormReason || d.form.ID == chat.FormLess || d.form.ID == chat.FormExtend {
		if b, err := json.Marshal(d.form); err == nil && len(b) <= maxKept {
			c.Form = &d.form
		}
	}
	return c
}

// asksMore reports whether a form has a field that was not there when it was drawn,
// or one whose value was chosen from what is not on offer any more.
func (d *drawn) asksMore(f chat.Form, typed chat.Values) bool {
	return slices.ContainsFunc(f.Parts, func(p chat.Part) bool {
		old, ok := d.Fields[p.Field]
		return p.Field != "" && (!ok || old != drawnField{p.Kind, p.Generation} && len(typed[p.Field]) > 0)
	})
}

// formDrawing is a form being rendered.
type formDrawing struct {
	dialog
	most    int // of any text
	choices int // of a menu
	ids     map[string]bool
	told    map[string]bool // errors that have a place
	body    []any
	carried *drawn
}

func (v *formDrawing) card() obj {
	for i, p := range v.form.Parts {
		v.part(p, i)
	}
	var top []any
	if v.notice != "" {
		top = append(top, obj{"type": "Container", "style": "accent", "items": newWriterOf(chat.T(v.notice))})
	}
	for field, sentence := range v.errors {
		if !v.told[field] {
			top = append(top, problem(sentence)...)
		}
	}
	body := append(top, v.body...)
	if len(body) == 0 {
		body = note("There is nothing to show.")
	}
	card := obj{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.5", "body": body}
	var buttons []any
	if v.form.Submit != "" {
		buttons = append(buttons, obj{
			"type": "Action.Submit", "title": label(v.form.Submit, "Submit"), "style": "positive", "data": wire{Do: doForm, Form: v.carried}.data(),
		})
	}
	if len(buttons) > 0 {
		card["actions"] = buttons
	}
	return card
}

func problem(sentence string) []any {
	w := newWriter(600, look{color: "Attention"})
	w.text(chat.T(sentence))
	return w.done()
}

func (v *formDrawing) words(t chat.Text, base look) []any {
	w := newWriter(v.most, base)
	w.text(t)
	return w.done()
}

func (v *formDrawing) part(p chat.Part, index int) {
	switch p.Kind {
	case chat.PartText:
		v.text(p)
	case chat.PartNote:
		v.body = append(v.body, v.words(p.Text, look{subtle: true})...)
	case chat.PartVerbatim:
		v.verbatim(p, index)
	case chat.PartSelect, chat.PartMulti, chat.PartInput, chat.PartCheck:
		v.input(p)
	}
}

// alarm is the color of an error for a text that says one, which is not said twice then.
func (v *formDrawing) alarm(t chat.Text) (color string) {
	for field, sentence := range v.errors {
		if strings.Contains(t.Words(maxText), sentence) {
			v.told[field], color = true, "Attention"
		}
	}
	return color
}

func (v *formDrawing) text(p chat.Part) {
	blocks := v.words(p.Text, look{color: v.alarm(p.Text)})
	if p.Action == nil {
		v.body = append(v.body, blocks...)
		return
	}
	w := wire{Do: doForm, Action: string(p.Action.ID), Form: v.carried}
	v.body = append(v.body, obj{"type": "ColumnSet", "columns": []any{
		obj{"type": "Column", "width": "stretch", "verticalContentAlignment": "Center", "items": blocks},
		obj{"type": "Column", "width": "auto", "items": []any{obj{"type": "ActionSet", "actions": []any{
			obj{"type": "Action.Submit", "title": label(p.Action.Label, string(p.Action.ID)), "data": w.data()},
		}}}},
	}})
}

// verbatim shows a value to the letter, in a field from which it can be copied with
// its white space. Nothing of it is cut.
func (v *formDrawing) verbatim(p chat.Part, index int) {
	v.body = append(v.body, obj{
		"type": "Input.Text", "id": fmt.Sprintf("verbatim-%d", index), "label": "To be copied", "isMultiline": true, "value": p.Value,
	})
}

func (v *formDrawing) input(p chat.Part) {
	if p.Field == "" || v.ids[p.Field] {
		return
	}
	in := v.element(p)
	if in == nil {
		return
	}
	v.ids[p.Field] = true
	title := label(p.Label, p.Field)
	in["id"], in["label"] = p.Field, title
	v.body = append(v.body, in)
	if sentence := v.errors[p.Field]; sentence != "" {
		v.told[p.Field] = true
		v.body = append(v.body, problem(sentence)...)
	}
	if hint, _ := chat.Cut(line(p.Hint), maxHint); hint != "" {
		v.body = append(v.body, note(hint)...)
	}
	if v.searched(p) && !p.Search {
		v.body = append(v.body, note(fmt.Sprintf("Not all %d are in the list: type a part of the name to find the others.", len(p.Options)))...)
	}
}

// searched reports whether the client asks for what it offers while somebody types.
func (v *formDrawing) searched(p chat.Part) bool {
	return p.Search || p.Kind != chat.PartCheck && len(p.Options) > v.choices
}

func (v *formDrawing) element(p chat.Part) obj {
	if p.Kind == chat.PartInput {
		most := maxTyped
		if p.Max > 0 {
			most = min(p.Max, maxTyped)
		}
		in := obj{"type": "Input.Text", "isMultiline": p.Multi, "maxLength": most}
		if value, _ := chat.Cut(chat.Literal(p.Value, maxText), most); value != "" {
			in["value"] = value
		}
		placeholder(in, p)
		return in
	}
	choices, chosen := choicesOf(p, v.choices)
	in := obj{"type": "Input.ChoiceSet", "choices": choices, "style": "compact"}
	switch {
	case p.Kind == chat.PartCheck:
		in["style"], in["isMultiSelect"] = "expanded", true
		if len(choices) == 0 {
			return nil
		}
	case v.searched(p):
		in["choices.data"] = obj{"type": "Data.Query", "dataset": dataset(v.form, p.Field), "associatedInputs": "auto"}
	case len(choices) > 10:
		in["style"] = "filtered"
	}
	if p.Kind == chat.PartMulti {
		in["isMultiSelect"] = true
	}
	if len(chosen) > 0 {
		in["value"] = strings.Join(chosen, ",")
	}
	placeholder(in, p)
	return in
}

func placeholder(in obj, p chat.Part) {
	if s, _ := chat.Cut(line(p.Placeholder), maxPlaceholder); s != "" {
		in["placeholder"] = s
	}
}

// choicesOf draws the options, at most so many, and those that are chosen even where
// they are not among them.
func choicesOf(p chat.Part, most int) (choices []any, chosen []string) {
	var listed []chat.Option
	known := map[string]bool{}
	add := func(o chat.Option) {
		value := packed(o.Value)
		if o.Value == "" || known[value] || len(listed) >= most {
			return
		}
		known[value] = true
		listed = append(listed, o)
	}
	for _, o := range p.Selected {
		if p.Search || len(p.Options) > most && slices.ContainsFunc(p.Options, func(other chat.Option) bool { return other.Value == o.Value }) {
			add(o)
		}
	}
	for _, o := range p.Options {
		add(o)
	}
	for _, o := range p.Selected {
		if known[packed(o.Value)] {
			chosen = append(chosen, packed(o.Value))
		}
	}
	if p.Kind == chat.PartSelect {
		chosen = chosen[:min(len(chosen), 1)]
	}
	return drawChoices(listed), chosen
}

// drawChoices draws options so that those that differ can be told apart; never nil.
func drawChoices(options []chat.Option) []any {
	labels := make([]string, len(options))
	for i, o := range options {
		labels[i] = words(o.Label, o.Value)
	}
	whole, shown, alike := make([]string, len(options)), chat.Distinct(labels, maxLabel), map[string][]int{}
	for i, o := range options {
		whole[i] = labels[i]
		if more := line(o.Description); more != "" {
			const between = " — "
			whole[i] += between + more
			shown[i] += between + chat.Middle(more, maxChoice-chat.Length(shown[i]+between))
		}
		alike[shown[i]] = append(alike[shown[i]], i)
	}
	for _, group := range alike {
		if len(group) == 1 {
			continue
		}
		titles := make([]string, len(group))
		for n, i := range group {
			titles[n] = whole[i]
		}
		for n, title := range chat.Distinct(titles, maxChoice) {
			shown[group[n]] = title
		}
	}
	choices := make([]any, len(options))
	for i, o := range options {
		choices[i] = obj{"title": shown[i], "value": packed(o.Value)}
	}
	return choices
}

// packed writes a value so that it holds no comma: Teams joins several with one.
var (
	packed   = strings.NewReplacer("%", "%25", ",", "%2C").Replace
	unpacked = strings.NewReplacer("%25", "%", "%2C", ",").Replace
)

// dataset names what a search is about. It is all that comes back with one.
func dataset(f chat.Form, field string) string {
	b, err := json.Marshal(searched{f.ID, field, f.State})
	if err != nil {
		panic("teams: a search that cannot be encoded (this is a bug): " + err.Error())
	}
	return string(b)
}

type searched struct {
	Form  chat.FormID `json:"form"`
	Field string      `json:"field"`
	State string      `json:"state"`
}

// values reads the fields that came beside a button's data.
func (d *drawn) values(raw map[string]json.RawMessage) chat.Values {
	out := chat.Values{}
	for field, v := range raw {
		var text string
		if json.Unmarshal(v, &text) != nil || text == "" {
			continue
		}
		switch d.Fields[field].Kind {
		case chat.PartSelect:
			out[field] = []string{unpacked(text)}
		case chat.PartMulti, chat.PartCheck:
			for one := range strings.SplitSeq(text, ",") {
				if one != "" {
					out[field] = append(out[field], unpacked(one))
				}
			}
		case chat.PartInput:
			out[field] = []string{text}
		case chat.PartText, chat.PartNote, chat.PartVerbatim:
		}
	}
	return out
}
