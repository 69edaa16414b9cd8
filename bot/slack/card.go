package slack

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
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
// are dropped from the middle. Title, status, untitled sections, the head of every
// value in them, and the buttons stay.
func RenderCard(card chat.Card) Message {
	total := titledSections(card)
	for _, d := range densities {
		if m := render(card, d, total); m.fits() {
			return m
		}
		titled := sort.Search(total, func(n int) bool { return !render(card, d, n+1).fits() })
		if titled >= d.titled {
			return render(card, d, titled)
		}
	}
	return render(card, densities[len(densities)-1], 0)
}

// Dropped lists what a rendering of the card does not show, or not in full.
func Dropped(card chat.Card) []string { return RenderCard(card).Dropped }

func (m Message) fits() bool {
	return len(m.Blocks) <= maxMessageBlocks && sizeOf(m.Blocks) <= maxMessageSize
}

func titledSections(card chat.Card) int {
	n := 0
	for _, s := range card.Sections {
		if s.Title != "" {
			n++
		}
	}
	return n
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
	{status: 600, body: 2800, value: 2800, note: 600, titled: 24, untitled: 4, fields: 60, notes: 10},
	{status: 600, body: 1500, value: 1000, note: 300, titled: 16, untitled: 4, fields: 40, notes: 10},
	{status: 300, body: 800, value: 300, note: 200, titled: 8, untitled: 5, fields: 20, notes: 5},
	{status: 200, body: 400, value: 120, note: 120, titled: 4, untitled: 4, fields: 12, notes: 4},
	{status: 150, body: 200, value: 60, note: 80, titled: 0, untitled: 0, fields: 6, notes: 2},
}

// drawing is a card being rendered.
type drawing struct {
	density
	blocks  []slack.Block
	dropped []string
	cut     bool
}

func (d *drawing) drop(cut bool, format string, args ...any) {
	d.cut = d.cut || cut
	d.dropped = append(d.dropped, fmt.Sprintf(format, args...))
}

func render(card chat.Card, how density, titled int) Message {
	d := &drawing{density: how}
	d.head(card)
	d.sections(card.Sections, titled)
	for i, n := range card.Notes[:min(len(card.Notes), how.notes)] {
		d.note(n, i)
	}
	for i := how.notes; i < len(card.Notes); i++ {
		d.drop(true, "notes[%d]", i)
	}
	actions := d.actions(card)
	if d.cut {
		d.blocks = append(d.blocks, slack.NewContextBlock("", plainObject(cutSentence(card))))
	}
	d.blocks = append(d.blocks, actions...)
	return Message{Text: fallback(card), Blocks: d.blocks, Dropped: d.dropped}
}

func cutSentence(card chat.Card) string {
	for _, a := range append(card.Actions[:len(card.Actions):len(card.Actions)], card.Menu...) {
		if a.ID == chat.ActionDetails {
			return "The whole text is behind Details."
		}
	}
	return "Some of the text was too long to be shown."
}

// fallback is escaped because Slack would act on <!channel> in it, and plain because
// it is sent with mrkdwn off.
func fallback(card chat.Card) string {
	for _, s := range []string{card.Fallback, card.Title, plain(card.Status), plain(card.Body)} {
		if s = line(s); s != "" {
			s, _ = cut(s, 600)
			return escape(s)
		}
	}
	return "A message without words."
}

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
			d.drop(true, "title")
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
			d.drop(true, "status")
		}
		d.blocks = append(d.blocks, status.block())
	}
	body := &runs{left: d.body}
	if body.text(card.Body, d.body) {
		d.drop(true, "body")
	}
	if !body.empty() {
		d.blocks = append(d.blocks, body.block())
	}
}

// sections draws the untitled ones (general facts) always, and the first titled of
// the titled ones with a line that says how many more there are.
func (d *drawing) sections(sections []chat.Section, titled int) {
	untitled, more := 0, 0
	moreAt := -1
	for i, s := range sections {
		if s.Title == "" {
			if untitled++; untitled > d.untitled {
				d.drop(true, "sections[%d]", i)
				continue
			}
		} else if titled--; titled < 0 {
			d.drop(true, "sections[%d]", i)
			if more++; more == 1 {
				moreAt = len(d.blocks)
				d.blocks = append(d.blocks, nil)
			}
			continue
		}
		d.section(s, i)
	}
	if moreAt >= 0 {
		r := &runs{left: maxTextObject}
		r.bold(fmt.Sprintf("and %d more", more))
		d.blocks[moreAt] = r.block()
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
				d.drop(true, "sections[%d].fields[%d]", index, j)
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
		d.drop(true, "%s", path)
	}
}

func (d *drawing) note(n chat.Text, index int) {
	o, short := textObject(n, d.density.note)
	if short {
		d.drop(true, "notes[%d]", index)
	}
	if o != nil {
		d.blocks = append(d.blocks, slack.NewContextBlock("", o))
	}
}
