package slack

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Message is a card as Slack takes it.
type Message struct {
	// Text is for notifications and screen readers; escaped, one line, never empty.
	Text   string        `json:"text"`
	Blocks []slack.Block `json:"blocks"`
	// Dropped names what of the card is not shown, or not in full, as paths into
	// it: "sections[3]", "body".
	Dropped []string `json:"-"`
}

// RenderCard draws a card. It never fails and never exceeds Slack's limits: what
// is too long is cut with a marker, then titled sections (one integration each)
// are dropped behind those that fit. Title, status, untitled sections, the head of
// every value in them, and the buttons stay.
func RenderCard(card chat.Card) Message {
	for _, d := range densities[:len(densities)-1] {
		if m, titled, all := compose(card, d); m.fits() && (all || titled >= d.titled) {
			return m
		}
	}
	m, _, _ := compose(card, densities[len(densities)-1])
	return m
}

// Dropped lists what a rendering of the card does not show, or not in full.
func Dropped(card chat.Card) []string { return RenderCard(card).Dropped }

func (m Message) fits() bool {
	return len(m.Blocks) <= maxMessageBlocks && sizeOf(m.Blocks) <= maxMessageSize
}

func sizeOf(v any) int {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return maxViewSize + 1 // (this is a bug)
	}
	return length(b.String())
}

// density says how much of a card is drawn.
type density struct {
	status, body, value, note int // characters
	titled                    int // sections with a title, at least
	untitled, fields, notes   int
}

var densities = []density{
	{status: 600, body: 2800, value: 2800, note: 600, titled: 24, untitled: 6, fields: 60, notes: 10},
	{status: 600, body: 1500, value: 1000, note: 300, titled: 16, untitled: 6, fields: 40, notes: 10},
	{status: 300, body: 800, value: 300, note: 200, titled: 8, untitled: 5, fields: 20, notes: 5},
	{status: 200, body: 400, value: 120, note: 120, titled: 4, untitled: 4, fields: 12, notes: 4},
	{status: 150, body: 200, value: 60, note: 80, titled: 0, untitled: 3, fields: 6, notes: 2},
}

// drawing is a card being rendered, or a part of it.
type drawing struct {
	density
	blocks  []slack.Block
	dropped []string
	cut     bool
}

func (d *drawing) drop(format string, args ...any) {
	d.cut = true
	d.dropped = append(d.dropped, fmt.Sprintf(format, args...))
}

func (d *drawing) append(part *drawing) {
	d.blocks = append(d.blocks, part.blocks...)
	d.dropped = append(d.dropped, part.dropped...)
	d.cut = d.cut || part.cut
}

// reserve is room for the two lines that may be added at the end of drawing.
const reserve = 600

// compose draws a card at one density, with as many titled sections as fit.
func compose(card chat.Card, how density) (m Message, titled int, all bool) {
	top, bottom := &drawing{density: how}, &drawing{density: how}
	top.head(card)
	for i, n := range card.Notes {
		bottom.note(n, i)
	}
	buttons := &drawing{density: how}
	buttons.actions(card)

	parts := untitledSections(card.Sections, how)
	used, count := reserve, 2
	for _, p := range append([]*drawing{top, bottom, buttons}, parts...) {
		if p != nil {
			used, count = used+sizeOf(p.blocks), count+len(p.blocks)
		}
	}
	more, moreAt := 0, -1
	for i, s := range card.Sections {
		if s.Title == "" {
			continue
		}
		if more == 0 {
			p := &drawing{density: how}
			p.section(s, i)
			size := sizeOf(p.blocks)
			if used+size <= maxMessageSize && count+len(p.blocks) <= maxMessageBlocks {
				used, count, titled = used+size, count+len(p.blocks), titled+1
				parts[i] = p
				continue
			}
			moreAt = i
		}
		more++
		parts[i] = &drawing{}
		parts[i].drop("sections[%d]", i)
	}
	if more > 0 {
		r := &runs{left: maxTextObject}
		r.bold(fmt.Sprintf("and %d more", more))
		parts[moreAt].blocks = []slack.Block{r.block()}
	}
	for _, p := range append(parts, bottom) {
		top.append(p)
	}
	if top.cut || buttons.cut {
		top.blocks = append(top.blocks, slack.NewContextBlock("", plainObject(platform.CutSentence(card))))
	}
	top.append(buttons)
	return Message{Text: fallback(card), Blocks: top.blocks, Dropped: top.dropped}, titled, more == 0
}

// untitledSections draws the sections of general facts and leaves room for the others.
func untitledSections(sections []chat.Section, how density) []*drawing {
	parts := make([]*drawing, len(sections))
	n := 0
	for i, s := range sections {
		if s.Title != "" {
			continue
		}
		parts[i] = &drawing{density: how}
		if n++; n > how.untitled {
			parts[i].drop("sections[%d]", i)
			continue
		}
		parts[i].section(s, i)
	}
	return parts
}

// fallback is escaped because Slack would act on <!channel> in it, and plain because
// it is sent with mrkdwn off.
func fallback(card chat.Card) string { return escape(platform.Fallback(card, 600)) }

var toneEmoji = map[chat.Tone]string{
	chat.ToneWaiting: "hourglass_flowing_sand",
	chat.ToneGood:    "large_green_circle",
	chat.ToneBad:     "red_circle",
	chat.ToneOver:    "white_circle",
}

func (d *drawing) head(card chat.Card) {
	if title := line(card.Title); title != "" {
		title, short := cut(title, maxHeader)
		if short {
			d.drop("title")
		}
		d.blocks = append(d.blocks, slack.NewHeaderBlock(plainObject(title)))
	}
	status := &runs{left: d.status}
	if strings.TrimSpace(plain(card.Status)) != "" {
		if emoji := toneEmoji[card.Tone]; emoji != "" {
			status.elements = append(status.elements, slack.NewRichTextSectionEmojiElement(emoji, 0, nil))
			status.add(" ", nil)
		}
		if status.text(card.Status, d.status) {
			d.drop("status")
		}
		d.blocks = append(d.blocks, status.block())
	}
	body := &runs{left: d.body}
	if body.text(card.Body, d.body) {
		d.drop("body")
	}
	if !body.empty() {
		d.blocks = append(d.blocks, body.block())
	}
}

// section draws a section as one block, or as several where one would be too long.
func (d *drawing) section(s chat.Section, index int) {
	r := &runs{left: maxTextObject}
	if title := line(s.Title); title != "" {
		title, _ = cut(title, maxHeader)
		r.bold(title)
	}
	for i, f := range s.Fields {
		if i == d.fields {
			for j := i; j < len(s.Fields); j++ {
				d.drop("sections[%d].fields[%d]", index, j)
			}
			r.add(fmt.Sprintf("\nand %d more", len(s.Fields)-i), nil)
			break
		}
		label, _ := cut(line(f.Label), maxHeader)
		if need := length(label) + min(d.value, length(plain(f.Value))) + 4; need > r.left && !r.empty() {
			d.blocks = append(d.blocks, r.block())
			r = &runs{left: maxTextObject}
		}
		d.field(r, label, f.Value, fmt.Sprintf("sections[%d].fields[%d].value", index, i))
	}
	if !r.empty() {
		d.blocks = append(d.blocks, r.block())
	}
	ids := actionIDs{}
	var elements []slack.BlockElement
	for i, a := range s.Actions {
		if i == maxActionsElements {
			d.drop("sections[%d].actions[%d]", index, i)
			break
		}
		elements = append(elements, button(a, ids))
	}
	if len(elements) > 0 {
		d.blocks = append(d.blocks, slack.NewActionBlock("", elements...))
	}
}

func (d *drawing) field(r *runs, label string, value chat.Text, path string) {
	if !r.empty() {
		r.add("\n", nil)
	}
	if label != "" {
		r.bold(label)
		separator := ": "
		if strings.Contains(plain(value), "\n") {
			separator = ":\n"
		}
		r.add(separator, nil)
	}
	if r.text(value, d.value) {
		d.drop("%s", path)
	}
}

func (d *drawing) note(n chat.Text, index int) {
	if index >= d.notes {
		d.drop("notes[%d]", index)
		return
	}
	block, short := smallPrint(n, d.density.note)
	if short {
		d.drop("notes[%d]", index)
	}
	if block != nil {
		d.blocks = append(d.blocks, block)
	}
}
