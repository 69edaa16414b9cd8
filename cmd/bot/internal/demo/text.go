package demo

import (
	"net/url"
	"regexp"
	"strings"

	"apono/bot/slack/slacksim"
)

// run is a piece of text with one look.
type run struct {
	slacksim.Span
	Code  bool   // of rich text, where it is a style
	Emoji string // name of an emoji, instead of Text
	Glyph string // the emoji as a character; empty: drawn by the page, or unknown
}

// glyphs are emoji that bots use. Others are shown by name.
var glyphs = map[string]string{
	"white_check_mark": "✅", "heavy_check_mark": "✔", "x": "❌", "warning": "⚠", "tada": "🎉", "key": "🔑", "lock": "🔒", "wave": "👋",
	"rotating_light": "🚨", "bell": "🔔", "information_source": "ℹ", "star": "⭐", "no_entry": "⛔", "eyes": "👀", "thumbsup": "👍", "+1": "👍",
}

// drawn are emoji that the page draws by itself, so that they do not depend on fonts.
var drawn = map[string]bool{"large_green_circle": true, "red_circle": true, "white_circle": true, "hourglass_flowing_sand": true}

func emoji(name string) (run, bool) {
	r := run{Emoji: name, Glyph: glyphs[name]}
	return r, r.Glyph != "" || drawn[name]
}

var emojiCode = regexp.MustCompile(`:([a-z0-9_+-]+):`)

// withEmoji cuts the codes of known emoji out of a run of plain text.
func withEmoji(r run) []run {
	var out []run
	rest := r.Text
	for {
		at := emojiCode.FindStringSubmatchIndex(rest)
		if at == nil {
			break
		}
		e, known := emoji(rest[at[2]:at[3]])
		if !known {
			at[1]-- // its second colon may begin another
		}
		before := r
		before.Text = rest[:at[0]]
		if !known {
			before.Text = rest[:at[1]]
		}
		if before.Text != "" {
			out = append(out, before)
		}
		if known {
			out = append(out, e)
		}
		rest = rest[at[1]:]
	}
	if r.Text = rest; rest != "" {
		out = append(out, r)
	}
	return out
}

// link allows what is safe to open from a page.
func link(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return ""
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https", "mailto":
		return u.String()
	}
	return ""
}

// mrkdwn reads a message's text or a text object of that type.
func (d *drawer) mrkdwn(s string) []run {
	var out []run
	for _, span := range slacksim.Spans(s, d.reader) {
		span.URL = link(span.URL)
		if span.Kind == slacksim.SpanText {
			out = append(out, withEmoji(run{Span: span})...)
			continue
		}
		out = append(out, run{Span: span})
	}
	return out
}

func plain(s string) []run {
	if s == "" {
		return nil
	}
	return []run{{Span: slacksim.Span{Text: s}}}
}

// text reads a text object.
func (d *drawer) text(v any) []run {
	o, _ := v.(map[string]any)
	s, _ := o["text"].(string)
	switch {
	case o["type"] == "mrkdwn":
		return d.mrkdwn(s)
	case o["emoji"] == true:
		return withEmoji(run{Span: slacksim.Span{Text: s}})
	}
	return plain(s)
}

// words is the text of a text object without looks.
func (d *drawer) words(v any) string {
	var b strings.Builder
	for _, r := range d.text(v) {
		b.WriteString(r.Text + r.Glyph)
	}
	return b.String()
}

// rich is one element of a rich_text block.
type rich struct {
	Kind    string // section, list, preformatted, quote
	Ordered bool
	Indent  int
	Items   [][]run // of a list; one otherwise
}

func (d *drawer) richText(block map[string]any) []rich {
	var out []rich
	for _, v := range list(block["elements"]) {
		e, _ := v.(map[string]any)
		r := rich{Kind: strings.TrimPrefix(str(e["type"]), "rich_text_"), Ordered: e["style"] == "ordered", Indent: int(number(e["indent"]))}
		if r.Kind != "list" {
			r.Items = [][]run{d.richRuns(e)}
		} else {
			for _, item := range list(e["elements"]) {
				in, _ := item.(map[string]any)
				r.Items = append(r.Items, d.richRuns(in))
			}
		}
		out = append(out, r)
	}
	return out
}

func (d *drawer) richRuns(section map[string]any) []run {
	var out []run
	for _, v := range list(section["elements"]) {
		e, _ := v.(map[string]any)
		style, _ := e["style"].(map[string]any)
		r := d.richRun(e)
		r.Bold, r.Italic, r.Strike, r.Code = style["bold"] == true, style["italic"] == true, style["strike"] == true, style["code"] == true
		out = append(out, r)
	}
	return out
}

func (d *drawer) richRun(e map[string]any) run {
	mention := func(mark, id string, name func(string) string) run {
		text := id
		if n := name(id); n != "" {
			text = n
		}
		return run{Span: slacksim.Span{Kind: slacksim.SpanMention, Text: mark + text}}
	}
	switch str(e["type"]) {
	case "link":
		text := str(e["text"])
		if text == "" {
			text = str(e["url"])
		}
		return run{Span: slacksim.Span{Kind: slacksim.SpanLink, Text: text, URL: link(str(e["url"]))}}
	case "user":
		return mention("@", str(e["user_id"]), d.reader.User)
	case "channel":
		return mention("#", str(e["channel_id"]), d.reader.Channel)
	case "usergroup":
		return mention("@", str(e["usergroup_id"]), d.reader.Group)
	case "broadcast":
		return run{Span: slacksim.Span{Kind: slacksim.SpanMention, Text: "@" + str(e["range"])}}
	case "emoji":
		if r, known := emoji(str(e["name"])); known {
			return r
		}
		return run{Span: slacksim.Span{Text: ":" + str(e["name"]) + ":"}}
	case "date":
		return run{Span: slacksim.Span{Kind: slacksim.SpanDate, Text: d.reader.Date(int64(number(e["timestamp"])), str(e["format"])), URL: link(str(e["url"]))}}
	}
	return run{Span: slacksim.Span{Text: str(e["text"])}}
}
