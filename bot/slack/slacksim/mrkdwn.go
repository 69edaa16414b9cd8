package slacksim

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Reader says for whom text is rendered. Every field may be left empty.
type Reader struct {
	Location *time.Location                // of dates; nil: UTC
	User     func(id string) (name string) // "" keeps the id
	Channel  func(id string) (name string)
	Group    func(id string) (handle string)
	Now      time.Time // for "today" in dates; zero: no such words
}

var (
	entity     = regexp.MustCompile(`<([^<>\n]+)>`)
	codeSpan   = regexp.MustCompile("(?s)```.+?```|`[^`\n]+`")
	liveCall   = regexp.MustCompile(`<!(channel|here|everyone)(?:\|[^>]*)?>`)
	typedCall  = regexp.MustCompile(`(?:^|[^\w@])@(channel|here|everyone)\b`)
	unescaping = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")
	escaping   = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
)

// SpanKind says what a piece of text is beside its style.
type SpanKind string

// Kinds of Span.
const (
	SpanText    SpanKind = ""
	SpanCode    SpanKind = "code"    // in a line
	SpanPre     SpanKind = "pre"     // a block of its own
	SpanLink    SpanKind = "link"    // has a URL, of any scheme
	SpanMention SpanKind = "mention" // of a person, channel, group, or everybody
	SpanDate    SpanKind = "date"    // may have a URL
)

// Span is a piece of text of one kind and style. Text is what a person reads: data, of whoever wrote it.
type Span struct {
	Kind                 SpanKind
	Text, URL            string
	Bold, Italic, Strike bool
}

// glyph is one character with its style, or a whole span that is rendered already.
type glyph struct {
	r                    rune
	kept                 *Span
	bold, italic, strike bool
}

// Plain returns the text that a person reads where mrkdwn is shown: entities and dates rendered, escapes undone,
// marks of emphasis and code removed. It is Slack's rule for text objects of type mrkdwn and for a message's text.
// https://docs.slack.dev/messaging/formatting-message-text
func Plain(mrkdwn string, r Reader) string {
	var b strings.Builder
	for _, s := range Spans(mrkdwn, r) {
		b.WriteString(s.Text)
	}
	return b.String()
}

// Spans returns what Plain reads, with styles and kinds.
func Spans(mrkdwn string, r Reader) []Span {
	text := glyphs(mrkdwn, r)
	text = emphasize(text, '*', func(g *glyph) { g.bold = true })
	text = emphasize(text, '_', func(g *glyph) { g.italic = true })
	text = emphasize(text, '~', func(g *glyph) { g.strike = true })
	var out []Span
	var run strings.Builder
	for i, g := range text {
		style := Span{Bold: g.bold, Italic: g.italic, Strike: g.strike}
		if g.kept != nil {
			kept := *g.kept
			kept.Bold, kept.Italic, kept.Strike = style.Bold, style.Italic, style.Strike
			out = append(out, kept)
			continue
		}
		run.WriteRune(g.r)
		if i+1 < len(text) && text[i+1].kept == nil && text[i+1].bold == g.bold && text[i+1].italic == g.italic && text[i+1].strike == g.strike {
			continue
		}
		style.Text = unescaping.Replace(run.String())
		out = append(out, style)
		run.Reset()
	}
	return out
}

// glyphs cuts code and entities out of the text: no emphasis begins or ends in them.
func glyphs(mrkdwn string, r Reader) []glyph {
	var out []glyph
	add := func(s string) {
		for len(s) > 0 {
			at := entity.FindStringIndex(s)
			if at == nil {
				at = []int{len(s), len(s)}
			}
			for _, c := range s[:at[0]] {
				out = append(out, glyph{r: c})
			}
			if at[1] > at[0] {
				out = append(out, glyph{kept: new(r.entity(s[at[0]+1 : at[1]-1]))})
			}
			s = s[at[1]:]
		}
	}
	for {
		at := codeSpan.FindStringIndex(mrkdwn)
		if at == nil {
			add(mrkdwn)
			return out
		}
		add(mrkdwn[:at[0]])
		code := mrkdwn[at[0]:at[1]]
		kind := SpanCode
		if strings.HasPrefix(code, "```") {
			kind = SpanPre
		}
		inner := entity.ReplaceAllStringFunc(strings.Trim(code, "`"), func(m string) string { return escaping.Replace(r.entity(m[1 : len(m)-1]).Text) })
		out = append(out, glyph{kept: &Span{Kind: kind, Text: unescaping.Replace(strings.TrimPrefix(inner, "\n"))}})
		mrkdwn = mrkdwn[at[1]:]
	}
}

// emphasize takes away pairs of one mark and styles what stands between: a pair opens after a border and before text,
// and closes the other way round on the same line.
func emphasize(in []glyph, mark rune, style func(*glyph)) []glyph {
	border := func(i int) bool {
		if i < 0 || i >= len(in) {
			return true
		}
		c := in[i].r
		return in[i].kept == nil && (unicode.IsSpace(c) || unicode.IsPunct(c) || unicode.IsSymbol(c))
	}
	is := func(i int) bool { return in[i].kept == nil && in[i].r == mark }
	solid := func(i int) bool {
		return i >= 0 && i < len(in) && (in[i].kept != nil || !unicode.IsSpace(in[i].r) && !is(i))
	}
	drop := map[int]bool{}
	for i := 0; i < len(in); i++ {
		if !is(i) || !border(i-1) || !solid(i+1) {
			continue
		}
		for j := i + 2; j < len(in) && (in[j].kept != nil || in[j].r != '\n'); j++ {
			if is(j) && solid(j-1) && border(j+1) {
				drop[i], drop[j] = true, true
				for k := i + 1; k < j; k++ {
					style(&in[k])
				}
				i = j
				break
			}
		}
	}
	var out []glyph
	for i, g := range in {
		if !drop[i] {
			out = append(out, g)
		}
	}
	return out
}

// entity renders what stands between < and >.
func (r Reader) entity(s string) Span {
	body, label, labelled := strings.Cut(s, "|")
	label = unescaping.Replace(label)
	name := func(f func(string) string, mark, id string) Span {
		out := Span{Kind: SpanMention, Text: mark + id}
		if f != nil {
			if n := f(id); n != "" {
				out.Text = mark + n
				return out
			}
		}
		if labelled {
			out.Text = mark + strings.TrimPrefix(label, mark)
		}
		return out
	}
	switch {
	case strings.HasPrefix(body, "@"):
		return name(r.User, "@", body[1:])
	case strings.HasPrefix(body, "#"):
		return name(r.Channel, "#", body[1:])
	case strings.HasPrefix(body, "!subteam^"):
		return name(r.Group, "@", strings.TrimPrefix(body, "!subteam^"))
	case strings.HasPrefix(body, "!date^"):
		return r.date(body, label)
	case body == "!here" || body == "!channel" || body == "!everyone":
		return Span{Kind: SpanMention, Text: "@" + body[1:]}
	}
	url := unescaping.Replace(body)
	if !labelled {
		label = strings.TrimPrefix(url, "mailto:")
	}
	return Span{Kind: SpanLink, Text: label, URL: url}
}

// date renders <!date^seconds^format^link|fallback>; a malformed one shows its fallback.
func (r Reader) date(body, fallback string) Span {
	out := Span{Kind: SpanDate, Text: fallback}
	part := strings.SplitN(body, "^", 4)
	if len(part) < 3 {
		return out
	}
	sec, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return out
	}
	if len(part) == 4 {
		out.URL = unescaping.Replace(part[3])
	}
	out.Text = r.Date(sec, part[2])
	return out
}

// Date shows a moment, given in seconds of Unix time, in Slack's date format.
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting
func (r Reader) Date(seconds int64, format string) string {
	loc := r.Location
	if loc == nil {
		loc = time.UTC
	}
	return dateTokens(format, time.Unix(seconds, 0).In(loc), r.Now)
}

// dateTokens fills Slack's date format in English.
func dateTokens(format string, t, now time.Time) string {
	pretty := func(otherwise string) string {
		if now.IsZero() {
			return otherwise
		}
		day := func(x time.Time) string { return x.In(t.Location()).Format(time.DateOnly) }
		switch t.Format(time.DateOnly) {
		case day(now):
			return "today"
		case day(now.AddDate(0, 0, 1)):
			return "tomorrow"
		case day(now.AddDate(0, 0, -1)):
			return "yesterday"
		}
		return otherwise
	}
	date, short := t.Format("January")+" "+ordinal(t.Day())+t.Format(", 2006"), t.Format("Jan 2, 2006")
	long := t.Format("Monday, ") + date
	return strings.NewReplacer(
		"{date_num}", t.Format("2006-01-02"), "{date_short_pretty}", pretty(short), "{date_long_pretty}", pretty(long),
		"{date_pretty}", pretty(date), "{date_short}", short, "{date_long}", long, "{date}", date,
		"{time_secs}", t.Format("3:04:05 PM"), "{time}", t.Format("3:04 PM"), "{ago}", ago(t, now),
	).Replace(format)
}

func ordinal(day int) string {
	switch {
	case day%10 == 1 && day != 11:
		return fmt.Sprint(day, "st")
	case day%10 == 2 && day != 12:
		return fmt.Sprint(day, "nd")
	case day%10 == 3 && day != 13:
		return fmt.Sprint(day, "rd")
	}
	return fmt.Sprint(day, "th")
}

func ago(t, now time.Time) string {
	if now.IsZero() {
		return t.Format(time.RFC3339)
	}
	d := now.Sub(t).Round(time.Minute)
	if d < 0 {
		return "in " + (-d).String()
	}
	return d.String() + " ago"
}

// LiveBroadcasts returns the channel-wide mentions that mrkdwn would really send: "channel", "here", "everyone".
// Escaped ones (&lt;!channel&gt;) are text and not live.
func LiveBroadcasts(mrkdwn string) []string {
	var out []string
	for _, m := range liveCall.FindAllStringSubmatch(mrkdwn, -1) {
		out = append(out, m[1])
	}
	return out
}

// reader renders for one person of the workspace. The workspace is locked while it is used.
func (w *Workspace) reader(user string) Reader {
	r := Reader{Location: time.UTC, Now: w.opts.Now()}
	if u := w.users[user]; u != nil {
		if loc, err := time.LoadLocation(u.TZ); err == nil {
			r.Location = loc
		}
	}
	r.User = func(id string) string {
		if u := w.users[id]; u != nil {
			return or(u.DisplayName, u.RealName)
		}
		return ""
	}
	r.Channel = func(id string) string {
		if c := w.channels[id]; c != nil {
			return c.Name
		}
		return ""
	}
	r.Group = func(id string) string {
		if g := w.groups[id]; g != nil {
			return g.Handle
		}
		return ""
	}
	return r
}
