package slack

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// RenderForm draws a form as a modal. What is too long is cut with a marker, as in
// cards; inputs are never dropped to make room for reading matter. It fails only
// where a form cannot work: a state over 3,000 bytes or more than 100 inputs.
//
// block_id is the part's field and generation, so that Slack keeps what was typed
// exactly as long as both are equal. https://docs.slack.dev/surfaces/modals
func RenderForm(form chat.Form) (slack.ModalViewRequest, error) {
	if n := length(form.State); n > maxPrivateMetadata {
		return slack.ModalViewRequest{}, fmt.Errorf("form %s: its state has %d characters, at most %d are possible (this is a bug)", form.ID, n, maxPrivateMetadata)
	}
	v := &viewDrawing{ids: actionIDs{}, blockIDs: map[string]bool{}}
	for i, p := range form.Parts {
		v.part(p, i)
	}
	blocks, err := v.fit()
	if err != nil {
		return slack.ModalViewRequest{}, fmt.Errorf("form %s: %w", form.ID, err)
	}
	view := slack.ModalViewRequest{
		Type:            slack.VTModal,
		Title:           viewText(form.Title, string(form.ID)),
		Close:           viewText(form.Close, "Close"),
		Blocks:          slack.Blocks{BlockSet: blocks},
		PrivateMetadata: form.State,
		CallbackID:      string(form.ID),
	}
	if form.Submit != "" || v.inputs > 0 { // Slack requires submit beside an input
		view.Submit = viewText(form.Submit, "Done")
	}
	return view, nil
}

func viewText(s, otherwise string) *slack.TextBlockObject {
	if s = line(s); s == "" {
		s = otherwise
	}
	s, _ = cut(s, maxViewTitle)
	return plainObject(s)
}

// viewDrawing is a form being rendered.
type viewDrawing struct {
	ids      actionIDs
	blockIDs map[string]bool
	blocks   []viewBlock
	inputs   int
}

// viewBlock remembers which blocks are there to be filled in.
type viewBlock struct {
	slack.Block
	input bool
}

func (v *viewDrawing) add(b slack.Block) { v.blocks = append(v.blocks, viewBlock{Block: b}) }

// fit drops reading matter from the middle until the view is within its limits.
func (v *viewDrawing) fit() ([]slack.Block, error) {
	blocks := v.blocks
	dropped, droppedAt := 0, -1
	size := 2 * maxPrivateMetadata // and the rest that is not blocks
	for _, b := range blocks {
		size += bytesOf(b.Block)
	}
	for len(blocks)+min(dropped, 1) > maxViewBlocks || size > maxViewSize {
		at := middleText(blocks)
		if at < 0 {
			return nil, fmt.Errorf("%d inputs in %d bytes are more than a dialog holds (this is a bug)", v.inputs, size)
		}
		size -= bytesOf(blocks[at].Block)
		blocks = append(blocks[:at:at], blocks[at+1:]...)
		dropped, droppedAt = dropped+1, at
	}
	out := make([]slack.Block, 0, len(blocks)+1)
	for i, b := range blocks {
		if i == droppedAt {
			out = append(out, moreLine(dropped))
		}
		out = append(out, b.Block)
	}
	if droppedAt == len(blocks) {
		out = append(out, moreLine(dropped))
	}
	if len(out) == 0 {
		out = append(out, slack.NewContextBlock("", plainObject("There is nothing to show.")))
	}
	return out, nil
}

func bytesOf(v any) int {
	b, err := json.Marshal(v)
	if err != nil {
		return maxViewSize // (this is a bug)
	}
	return len(b)
}

func moreLine(n int) slack.Block {
	return slack.NewContextBlock("", plainObject(fmt.Sprintf("and %d more", n)))
}

// middleText finds the block of reading matter that is nearest to the middle.
func middleText(blocks []viewBlock) int {
	best, distance := -1, 0
	for i, b := range blocks {
		if d := max(2*i-len(blocks), len(blocks)-2*i); !b.input && (best < 0 || d < distance) {
			best, distance = i, d
		}
	}
	return best
}

func (v *viewDrawing) part(p chat.Part, index int) {
	switch p.Kind {
	case chat.PartText:
		v.text(p)
	case chat.PartVerbatim:
		v.verbatim(p.Value)
	case chat.PartNote:
		if block, _ := smallPrint(p.Text, maxTextObject); block != nil {
			v.add(block)
		}
	case chat.PartSelect, chat.PartMulti, chat.PartInput, chat.PartCheck:
		v.input(p, index)
	}
}

// text is a rich_text block; with an action it is a section, which has room for a
// button on its right.
func (v *viewDrawing) text(p chat.Part) {
	if p.Action != nil {
		o, _ := textObject(p.Text, maxTextObject)
		if o == nil {
			o = plainObject(" ")
		}
		b := slack.NewSectionBlock(o, nil, slack.NewAccessory(button(*p.Action, v.ids)))
		b.BlockID = v.blockID("action@"+string(p.Action.ID), len(v.blocks))
		v.blocks = append(v.blocks, viewBlock{b, true})
		return
	}
	r := &runs{left: maxTextObject}
	r.text(p.Text, maxTextObject)
	if !r.empty() {
		v.add(r.block())
	}
}

// verbatim shows a value to the letter: a secret that was shown once and altered
// on the way is lost. Its blocks are never dropped.
func (v *viewDrawing) verbatim(value string) {
	for rest := []rune(value); len(rest) > 0; {
		n := min(len(rest), maxTextObject/2) // a rune may count as two
		v.blocks = append(v.blocks, viewBlock{slack.NewRichTextBlock("", &slack.RichTextPreformatted{
			Type:     slack.RTEPreformatted,
			Elements: []slack.RichTextSectionElement{slack.NewRichTextSectionTextElement(string(rest[:n]), nil)},
		}), true})
		rest = rest[n:]
	}
}

// blockID makes a block_id unique; the index keeps it stable between two drawings.
func (v *viewDrawing) blockID(id string, index int) string {
	if v.blockIDs[id] || length(id) > maxIdentifier {
		short, _ := cut(id, maxIdentifier-20)
		id = fmt.Sprintf("%s#%d", short, index)
	}
	v.blockIDs[id] = true
	return id
}

func (v *viewDrawing) input(p chat.Part, index int) {
	element := inputElement(p)
	if element == nil {
		return
	}
	label, _ := cut(line(p.Label), maxInputLabel)
	if label == "" {
		label = p.Field
	}
	b := slack.NewInputBlock(v.blockID(p.Field+"@"+p.Generation, index), plainObject(label), nil, element)
	if hint, _ := cut(strings.TrimSpace(literal(p.Hint)), maxInputHint); hint != "" {
		b.Hint = plainObject(hint)
	}
	b.Optional, b.DispatchAction = p.Optional, p.Live
	v.inputs++
	v.blocks = append(v.blocks, viewBlock{b, true})
}

func inputElement(p chat.Part) slack.BlockElement {
	switch p.Kind {
	case chat.PartInput:
		return textInput(p)
	case chat.PartCheck:
		return checkboxes(p)
	case chat.PartMulti:
		return multiSelect(p)
	case chat.PartSelect:
		return singleSelect(p)
	case chat.PartText, chat.PartNote, chat.PartVerbatim:
	}
	return nil
}

// textInput reports a live change at every key. The adapter waits for a pause, and
// what is being typed stays as long as block_id and action_id do.
func textInput(p chat.Part) slack.BlockElement {
	e := slack.NewPlainTextInputBlockElement(placeholder(p.Placeholder), p.Field)
	e.Multiline = p.Multi
	e.MaxLength = maxInputLength
	if p.Max > 0 {
		e.MaxLength = min(p.Max, maxInputLength)
	}
	e.InitialValue, _ = cut(literal(p.Value), e.MaxLength)
	if p.Live {
		e.DispatchActionConfig = &slack.DispatchActionConfig{TriggerActionsOn: []string{"on_enter_pressed", "on_character_entered"}}
	}
	return e
}

func placeholder(s string) *slack.TextBlockObject {
	if s, _ = cut(line(s), maxPlaceholder); s != "" {
		return plainObject(s)
	}
	return nil
}

// checkboxes is nil without an option: Slack refuses an empty group.
func checkboxes(p chat.Part) slack.BlockElement {
	options := drawOptions(p.Options)
	options = options[:min(len(options), maxCheckboxes)]
	if len(options) == 0 {
		return nil
	}
	e := slack.NewCheckboxGroupsBlockElement(p.Field, options...)
	e.InitialOptions = among(options, p.Selected)
	return e
}
