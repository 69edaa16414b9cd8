package teams

import (
	"fmt"
	"slices"
	"strings"

	"apono/bot/chat"
	"apono/bot/platform"
)

const cardType = "application/vnd.microsoft.card.adaptive"

// Message is a card as Teams takes it.
type Message struct {
	// Card is an Adaptive Card 1.5.
	Card map[string]any `json:"card"`
	// Summary is for notifications; one line, never empty.
	Summary string `json:"summary"`
	// Dropped names what of the card is not shown, or not in full, as paths into
	// it: "sections[3]", "body".
	Dropped []string `json:"-"`
}

// Limits of a card.
const (
	maxLine     = 200
	maxLabel    = 80
	maxButtons  = 6       // beside each other; Teams shows no more. The rest is in the menu.
	cardReserve = 4 << 10 // for what surrounds the card in an activity
	maxCard     = maxActivity - cardReserve
)

// RenderCard draws a card. It never fails and never exceeds Teams' limits: what is
// too long is cut with a marker, then titled sections (one integration each) are
// dropped behind those that fit. Title, status, the head of every value in untitled
// sections, and the buttons stay.
//
// A card that asks for a decision refreshes itself for the viewers, at most 60 Teams
// ids, whenever it comes into their view; what they see then is drawn for them alone.
// https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/universal-actions-for-adaptive-cards/user-specific-views
func RenderCard(card chat.Card, viewers ...string) Message {
	for _, d := range densities[:len(densities)-1] {
		if m, titled, all := compose(card, viewers, d); sizeOf(m.Card) <= maxCard && (all || titled >= d.titled) {
			return m
		}
	}
	m, _, _ := compose(card, viewers, densities[len(densities)-1])
	return m
}

// Dropped lists what a rendering of the card does not show, or not in full.
func Dropped(card chat.Card) []string { return RenderCard(card).Dropped }

// density says how much of a card is drawn.
type density struct {
	status, body, value, note int // of chat.Length
	titled                    int // sections with a title, at least
	untitled, fields, notes   int
}

var densities = []density{
	{status: 600, body: 4000, value: 4000, note: 800, titled: 40, untitled: 8, fields: 80, notes: 15},
	{status: 600, body: 2000, value: 1000, note: 400, titled: 16, untitled: 6, fields: 40, notes: 10},
	{status: 300, body: 800, value: 300, note: 200, titled: 8, untitled: 5, fields: 20, notes: 5},
	{status: 150, body: 200, value: 100, note: 100, titled: 0, untitled: 3, fields: 8, notes: 3},
}

// drawing is a card being rendered, or a part of it.
type drawing struct {
	density
	body    []any
	dropped []string
}

func (d *drawing) drop(format string, args ...any) {
	d.dropped = append(d.dropped, fmt.Sprintf(format, args...))
}

func (d *drawing) append(part *drawing) {
	d.body = append(d.body, part.body...)
	d.dropped = append(d.dropped, part.dropped...)
}

// compose draws a card at one density, with as many titled sections as fit.
func compose(card chat.Card, viewers []string, how density) (m Message, titled int, all bool) {
	top, bottom := &drawing{density: how}, &drawing{density: how}
	top.head(card)
	for i, n := range card.Notes {
		bottom.note(n, i)
	}
	buttons, dropped := actions(card)
	parts := make([]*drawing, len(card.Sections))
	untitled := 0
	used := sizeOf(top.body) + sizeOf(bottom.body) + sizeOf(buttons) + cardReserve
	for i, s := range card.Sections {
		if s.Title != "" {
			continue
		}
		parts[i] = &drawing{density: how}
		if untitled++; untitled > how.untitled {
			parts[i].drop("sections[%d]", i)
			continue
		}
		parts[i].section(s, i)
		used += sizeOf(parts[i].body)
	}
	more, moreAt := 0, -1
	for i, s := range card.Sections {
		if s.Title == "" {
			continue
		}
		p := &drawing{density: how}
		if more == 0 {
			p.section(s, i)
			if size := sizeOf(p.body); used+size <= maxCard {
				used, titled, parts[i] = used+size, titled+1, p
				continue
			}
			p, moreAt = &drawing{density: how}, i
		}
		more++
		p.drop("sections[%d]", i)
		parts[i] = p
	}
	if more > 0 {
		parts[moreAt].body = note(fmt.Sprintf("and %d more", more))
	}
	for _, p := range append(parts, bottom) {
		top.append(p)
	}
	top.dropped = append(top.dropped, dropped...)
	if len(top.dropped) > 0 {
		top.body = append(top.body, note(platform.CutSentence(card))...)
	}
	return Message{Card: adaptive(card, viewers, top.body, buttons), Summary: fallback(card), Dropped: top.dropped}, titled, more == 0
}

func adaptive(card chat.Card, viewers []string, body, buttons []any) obj {
	if len(body) == 0 {
		body = note(fallback(card))
	}
	c := obj{
		"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.5",
		"body": body, "fallbackText": fallback(card), "msteams": obj{"width": "Full"},
	}
	if len(buttons) > 0 {
		c["actions"] = buttons
	}
	i := slices.IndexFunc(card.Actions, func(a chat.Action) bool { return a.ID == chat.ActionApprove })
	if i >= 0 && len(viewers) > 0 {
		c["refresh"] = obj{
			"action":  obj{"type": "Action.Execute", "title": "Refresh", "verb": verbRefresh, "data": wire{Do: doRefresh, Target: wireTarget(card.Actions[i].Target)}.data()},
			"userIds": viewers[:min(len(viewers), 60)],
		}
	}
	return c
}

// fallback is one line for notifications.
func fallback(card chat.Card) string { return noDates(platform.Fallback(card, 400)) }

// tones are the styles of the status line's container.
var tones = map[chat.Tone]string{
	chat.ToneWaiting: "accent", chat.ToneGood: "good", chat.ToneBad: "attention", chat.ToneOver: "emphasis",
}

func (d *drawing) head(card chat.Card) {
	if title := line(card.Title); title != "" {
		title, short := chat.Cut(title, maxLine)
		if short {
			d.drop("title")
		}
		d.body = append(d.body, obj{"type": "RichTextBlock", "inlines": []any{run(title, look{bold: true, size: "Large"})}})
	}
	if blocks := d.words(card.Status, d.status, look{}, "status"); len(blocks) > 0 {
		if style := tones[card.Tone]; style != "" {
			blocks = []any{obj{"type": "Container", "style": style, "items": blocks}}
		}
		d.body = append(d.body, blocks...)
	}
	d.body = append(d.body, d.words(card.Body, d.density.body, look{}, "body")...)
}

func (d *drawing) words(t chat.Text, most int, base look, path string) []any {
	w := newWriter(most, base)
	if strings.TrimSpace(t.Words(maxText)) == "" {
		return nil
	}
	w.text(t)
	if w.cut {
		d.drop("%s", path)
	}
	return w.done()
}

func (d *drawing) section(s chat.Section, index int) {
	var items []any
	if title := line(s.Title); title != "" {
		title, _ = chat.Cut(title, maxLine)
		items = append(items, obj{"type": "RichTextBlock", "inlines": []any{run(title, look{bold: true})}})
	}
	for i, f := range s.Fields {
		if i == d.fields {
			for j := i; j < len(s.Fields); j++ {
				d.drop("sections[%d].fields[%d]", index, j)
			}
			items = append(items, note(fmt.Sprintf("and %d more", len(s.Fields)-i))...)
			break
		}
		items = append(items, d.field(f, fmt.Sprintf("sections[%d].fields[%d].value", index, i))...)
	}
	var buttons []any
	for i, a := range s.Actions {
		if i == maxButtons {
			for j := i; j < len(s.Actions); j++ {
				d.drop("sections[%d].actions[%d]", index, j)
			}
			break
		}
		buttons = append(buttons, button(a, fmt.Sprintf("%d-%d", index, i)))
	}
	if len(buttons) > 0 {
		items = append(items, obj{"type": "ActionSet", "actions": buttons})
	}
	if len(items) == 0 {
		return
	}
	d.body = append(d.body, obj{"type": "Container", "items": items, "separator": s.Title != ""})
}

// field is a line "Label: value"; what has several lines begins under its label.
func (d *drawing) field(f chat.Field, path string) []any {
	label, _ := chat.Cut(line(f.Label), maxLabel)
	w := newWriter(d.value+chat.Length(label)+2, look{})
	if label != "" {
		w.run(label+": ", look{bold: true})
		if strings.Contains(f.Value.Words(maxText), "\n") {
			w.end()
		}
	}
	w.text(f.Value)
	if w.cut {
		d.drop("%s", path)
	}
	blocks := w.done()
	if len(blocks) > 0 {
		blocks[0].(obj)["spacing"] = "Small"
	}
	return blocks
}

func (d *drawing) note(n chat.Text, index int) {
	path := fmt.Sprintf("notes[%d]", index)
	if index >= d.notes {
		d.drop("%s", path)
		return
	}
	d.body = append(d.body, d.words(n, d.density.note, look{subtle: true, size: "Small"}, path)...)
}

// note is a line of small print of our own.
func note(sentence string) []any {
	return []any{obj{"type": "RichTextBlock", "inlines": []any{run(sentence, look{subtle: true, size: "Small"})}}}
}
