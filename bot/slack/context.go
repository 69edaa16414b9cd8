package slack

import (
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"apono/bot/chat"
)

// smallPrint draws text as a context block of at most most characters of words; nil:
// there is nothing to read. Where a moment or a link stands beside words that mrkdwn
// would take as formatting, each gets an element of its own: the words are literal and
// the moment is in the reader's time zone.
// https://docs.slack.dev/reference/block-kit/blocks/context-block
func smallPrint(t chat.Text, most int) (block slack.Block, short bool) {
	if slices.ContainsFunc(t, func(s chat.Span) bool { return s.Kind == chat.SpanTime && s.Dated() || s.Kind == chat.SpanLink }) {
		p := pieces{left: most}
		for _, s := range t {
			p.add(s)
		}
		if elements, ok := p.elements(); ok {
			return slack.NewContextBlock("", elements...), p.cut
		}
	}
	o, short := textObject(t, most)
	if o == nil {
		return nil, short
	}
	return slack.NewContextBlock("", o), short
}

// pieces are the elements of small print in the making.
type pieces struct {
	all  []piece
	left int // characters of words that may still be added
	cut  bool
}

// piece is a run of spans that can be drawn in one manner.
type piece struct {
	words     string
	drawn     string // as mrkdwn; means nothing with literal
	formatted bool
	literal   bool // words that mrkdwn would take as formatting
}

func (p *pieces) add(s chat.Span) {
	if p.cut {
		return
	}
	words := plainSpan(s)
	if length(words) > p.left {
		p.cut = true
		words, _ = cut(words, p.left)
		s = chat.Plain(words) // a moment or a link cannot be cut
	}
	p.left -= length(words)
	drawn, formatted, ok := markdownSpan(s)
	next := piece{words, drawn, formatted, !ok}
	if len(p.all) == 0 {
		p.all = append(p.all, next)
		return
	}
	last := &p.all[len(p.all)-1]
	if ok && !last.literal && emojiCode.MatchString(last.words+words) { // the two make a shortcode
		next.literal = true
	}
	if next.literal != last.literal {
		p.all = append(p.all, next)
		return
	}
	last.words, last.drawn, last.formatted = last.words+next.words, last.drawn+next.drawn, last.formatted || next.formatted
}

// elements are those of a context block; false: there are none, or more than it takes.
func (p *pieces) elements() (out []slack.MixedElement, ok bool) {
	var merged []piece // what has no formatting goes with the literal words beside it
	for _, x := range p.all {
		x.literal = x.literal || !x.formatted
		if n := len(merged); n > 0 && x.literal && merged[n-1].literal {
			merged[n-1].words += x.words
			continue
		}
		merged = append(merged, x)
	}
	for _, x := range merged {
		if strings.TrimSpace(x.words) == "" {
			continue
		}
		o := markdownObject(strings.TrimSpace(x.drawn))
		if x.literal {
			o = plainObject(strings.TrimSpace(x.words))
		}
		if length(o.Text) > maxTextObject {
			return nil, false
		}
		out = append(out, o)
	}
	return out, len(out) > 0 && len(out) <= maxContextElements
}
