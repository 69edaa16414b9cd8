package teams

import (
	"encoding/json"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// obj is an element of a card. encoding/json writes its keys in order.
type obj = map[string]any

// maxText bounds any one text before it is cut to its place.
const maxText = 10_000

const maxURL = 2000

// literal is s as a TextRun shows it, to the letter: markdown has no meaning there,
// but {{DATE(…)}} has. https://adaptivecards.io/explorer/TextRun.html
func literal(s string) string {
	return noDates(chat.Literal(s, maxText))
}

func noDates(s string) string { return strings.ReplaceAll(s, "{{", "{\u200b{") }

func line(s string) string { return strings.Join(strings.Fields(literal(s)), " ") }

// look is how a run of text is drawn.
type look struct {
	bold, subtle, code bool
	size, color        string
	url                string
}

// writer draws text as RichTextBlocks, a block for each line: a TextRun has no
// line breaks.
type writer struct {
	blocks []any
	runs   []any
	left   int // of chat.Length that may still be written
	lines  int // that may still be ended
	cut    bool
	base   look
}

// newWriter writes at most most of chat.Length, in no more lines than so much
// ordinary text has.
func newWriter(most int, base look) *writer {
	return &writer{left: most, lines: max(4, most/40), base: base}
}

func (w *writer) add(text string, l look) {
	for i, part := range strings.Split(text, "\n") {
		if i > 0 {
			w.end()
		}
		if w.lines == 0 && part != "" && !w.cut {
			w.run(chat.Marker, l)
			w.cut = true
		}
		w.run(part, l)
	}
}

func (w *writer) run(text string, l look) {
	if text == "" || w.cut {
		return
	}
	text, w.cut = chat.Cut(text, w.left)
	w.left -= chat.Length(text)
	if text == "" {
		return
	}
	w.runs = append(w.runs, run(text, l))
}

func run(text string, l look) obj {
	r := obj{"type": "TextRun", "text": text}
	if l.bold {
		r["weight"] = "Bolder"
	}
	if l.subtle {
		r["isSubtle"] = true
	}
	if l.code {
		r["fontType"] = "Monospace"
	}
	if l.size != "" {
		r["size"] = l.size
	}
	if l.color != "" {
		r["color"] = l.color
	}
	if l.url != "" {
		r["selectAction"] = obj{"type": "Action.OpenUrl", "title": text, "url": l.url}
	}
	return r
}

// end ends the line.
func (w *writer) end() {
	if len(w.runs) == 0 {
		return
	}
	b := obj{"type": "RichTextBlock", "inlines": w.runs}
	if len(w.blocks) > 0 {
		b["spacing"] = "None"
	}
	w.blocks, w.runs = append(w.blocks, b), nil
	w.lines = max(0, w.lines-1)
}

func (w *writer) text(t chat.Text) {
	for _, s := range t {
		l := w.base
		switch s.Kind {
		case chat.SpanBold:
			l.bold = true
		case chat.SpanCode:
			l.code = true
		case chat.SpanTime:
			if s.Dated() {
				w.moment(s.At, l)
				continue
			}
		case chat.SpanLink:
			l.url, _ = platform.WebURL(s.URL, maxURL)
		case chat.SpanText, chat.SpanPerson:
		}
		w.add(noDates(s.Words(maxText)), l)
	}
}

// moment shows a time in the reader's time zone. It is written whole or not at all.
// https://learn.microsoft.com/adaptive-cards/authoring-cards/text-features#datetime-formatting-and-localization
func (w *writer) moment(t time.Time, l look) {
	if w.cut {
		return
	}
	at := t.UTC().Format(time.RFC3339)
	if len(at)*2 > w.left {
		w.cut, w.left = true, 0
		w.runs = append(w.runs, run(chat.Marker, l))
		return
	}
	w.left -= len(at)
	w.runs = append(w.runs, run("{{DATE("+at+", SHORT)}} {{TIME("+at+")}}", l))
}

// done returns what was written; never nil.
func (w *writer) done() []any {
	w.end()
	if w.blocks == nil {
		return []any{}
	}
	return w.blocks
}

// sizeOf is the size of v in a message, as Teams counts: in bytes of UTF-16.
func sizeOf(v any) int {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return maxActivity + 1 // (this is a bug)
	}
	return 2 * chat.Length(b.String())
}
