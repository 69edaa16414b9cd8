package slack

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
	"apono/bot/platform"
)

// dateFormat shows a moment in the reader's own time zone.
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting
const dateFormat = "{date_short_pretty} at {time}"

// plainSpan is what a span says where nothing can be drawn.
func plainSpan(s chat.Span) string { return s.Words(maxTextObject) }

func plain(t chat.Text) string { return t.Words(maxTextObject) }

// runs draws text as elements of a rich_text block, which need no escaping: what
// is in them is shown as it stands. https://docs.slack.dev/reference/block-kit/blocks/rich-text-block
type runs struct {
	elements []slack.RichTextSectionElement
	left     int // characters that may still be added
	cut      bool
}

func (r *runs) empty() bool { return len(r.elements) == 0 }

func (r *runs) add(text string, style *slack.RichTextSectionTextStyle) {
	if text == "" || r.cut {
		return
	}
	text, r.cut = cut(text, r.left)
	if text == "" {
		return
	}
	r.left -= length(text)
	if last, ok := r.last(); ok && sameStyle(last.Style, style) {
		last.Text += text
		return
	}
	r.elements = append(r.elements, slack.NewRichTextSectionTextElement(text, style))
}

func (r *runs) last() (*slack.RichTextSectionTextElement, bool) {
	if r.empty() {
		return nil, false
	}
	last, ok := r.elements[len(r.elements)-1].(*slack.RichTextSectionTextElement)
	return last, ok
}

func sameStyle(a, b *slack.RichTextSectionTextStyle) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func (r *runs) bold(text string) { r.add(text, &slack.RichTextSectionTextStyle{Bold: true}) }

// text draws t within most characters of what is left, and reports whether t was
// cut. What follows may still be drawn if only most was reached.
func (r *runs) text(t chat.Text, most int) (short bool) {
	rest := max(0, r.left-most)
	r.left -= rest
	for _, s := range t {
		r.span(s)
	}
	short = r.cut
	r.left += rest
	r.cut = r.cut && rest == 0
	return short
}

func (r *runs) span(s chat.Span) {
	text := plainSpan(s)
	switch s.Kind {
	case chat.SpanBold:
		r.bold(text)
		return
	case chat.SpanCode:
		r.add(text, &slack.RichTextSectionTextStyle{Code: true})
		return
	case chat.SpanTime:
		if s.At.Unix() <= 0 {
			break
		}
		r.element(text, slack.NewRichTextSectionDateElement(s.At.Unix(), dateFormat, nil, &text))
		return
	case chat.SpanLink:
		if u, ok := platform.WebURL(s.URL, maxURL); ok {
			r.element(text, slack.NewRichTextSectionLinkElement(u, text, nil))
			return
		}
	case chat.SpanText, chat.SpanPerson:
	}
	r.add(text, nil)
}

// element adds what cannot be cut: all of it, or the marker.
func (r *runs) element(shown string, e slack.RichTextSectionElement) {
	if r.cut {
		return
	}
	if length(shown) > r.left {
		r.cut, r.left = true, 0
		r.elements = append(r.elements, slack.NewRichTextSectionTextElement(marker, nil))
		return
	}
	r.left -= length(shown)
	r.elements = append(r.elements, e)
}

func (r *runs) block() slack.Block {
	return slack.NewRichTextBlock("", slack.NewRichTextSection(r.elements...))
}

func plainObject(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

var emojiCode = regexp.MustCompile(`:[^\s:]+:`)

// escape makes s literal in mrkdwn but for formatting characters.
// https://docs.slack.dev/messaging/formatting-message-text#escaping
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace

// textObject draws text where rich_text is not allowed. It is plain_text, which is
// literal, unless the text has a time, a link or something bold; then it is
// mrkdwn, provided that nothing else in it would be taken as formatting.
func textObject(t chat.Text, most int) (*slack.TextBlockObject, bool) {
	text := plain(t)
	if drawn, ok := markdown(t); ok && length(drawn) <= most {
		return markdownObject(drawn), false
	}
	text, short := cut(strings.TrimSpace(text), most)
	if text == "" {
		return nil, short
	}
	return plainObject(text), short
}

func markdownObject(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}

func markdown(t chat.Text) (drawn string, formatted bool) {
	var b strings.Builder
	for _, s := range t {
		text, how, ok := markdownSpan(s)
		if !ok {
			return "", false
		}
		formatted = formatted || how
		b.WriteString(text)
	}
	return b.String(), formatted
}

// markdownSpan draws a span as mrkdwn. It cannot, ok is false, where the words of the
// span would be taken as formatting.
func markdownSpan(s chat.Span) (drawn string, formatted, ok bool) {
	text := plainSpan(s)
	if strings.ContainsAny(text, "*_~`>") || emojiCode.MatchString(text) {
		return "", false, false
	}
	text = escape(text)
	switch s.Kind {
	case chat.SpanBold:
		if strings.TrimSpace(text) != text || text == "" {
			return "", false, false
		}
		return "*" + text + "*", true, true
	case chat.SpanTime:
		if !s.Dated() {
			break
		}
		return fmt.Sprintf("<!date^%d^%s|%s>", s.At.Unix(), dateFormat, text), true, true
	case chat.SpanLink:
		u, ok := platform.WebURL(s.URL, maxURL)
		if !ok || strings.ContainsAny(u, "|<>") || strings.Contains(text, "|") {
			return "", false, false
		}
		return fmt.Sprintf("<%s|%s>", escape(u), text), true, true
	case chat.SpanText, chat.SpanCode, chat.SpanPerson:
	}
	return text, false, true
}
