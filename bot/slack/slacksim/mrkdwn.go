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

// keptBase is where the characters begin that stand for parts which are already rendered.
const keptBase = 0xF0000

// Plain returns the text that a person reads where mrkdwn is shown: entities and dates rendered, escapes undone,
// marks of emphasis and code removed. It is Slack's rule for text objects of type mrkdwn and for a message's text.
// https://docs.slack.dev/messaging/formatting-message-text
func Plain(mrkdwn string, r Reader) string {
	var kept []string
	keep := func(s string) string {
		kept = append(kept, s)
		return string(rune(keptBase + len(kept) - 1))
	}
	s := strings.Map(func(r rune) rune { // the app's own private-use characters must not stand for kept text
		if r >= keptBase && r <= 0xFFFFF {
			return '\uFFFD'
		}
		return r
	}, mrkdwn)
	s = codeSpan.ReplaceAllStringFunc(s, func(m string) string {
		inner := strings.Trim(m, "`")
		inner = entity.ReplaceAllStringFunc(inner, func(m string) string { return r.entity(m[1 : len(m)-1]) })
		return keep(unescaping.Replace(strings.TrimPrefix(inner, "\n")))
	})
	s = entity.ReplaceAllStringFunc(s, func(m string) string { return keep(r.entity(m[1 : len(m)-1])) })
	for _, mark := range "*_~" {
		s = stripMarks(s, mark)
	}
	s = unescaping.Replace(s)
	var b strings.Builder
	for _, c := range s {
		if i := int(c) - keptBase; i >= 0 && i < len(kept) {
			b.WriteString(kept[i])
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

// stripMarks removes pairs of one emphasis mark: it opens after a border and before text, and closes the other way
// round on the same line.
func stripMarks(s string, mark rune) string {
	in := []rune(s)
	border := func(i int) bool {
		return i < 0 || i >= len(in) || unicode.IsSpace(in[i]) || unicode.IsPunct(in[i]) || unicode.IsSymbol(in[i])
	}
	solid := func(i int) bool { return i >= 0 && i < len(in) && !unicode.IsSpace(in[i]) && in[i] != mark }
	drop := map[int]bool{}
	for i := 0; i < len(in); i++ {
		if in[i] != mark || !border(i-1) || !solid(i+1) {
			continue
		}
		for j := i + 2; j < len(in) && in[j] != '\n'; j++ {
			if in[j] == mark && solid(j-1) && border(j+1) {
				drop[i], drop[j] = true, true
				i = j
				break
			}
		}
	}
	var b strings.Builder
	for i, r := range in {
		if !drop[i] {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// entity renders what stands between < and >.
func (r Reader) entity(s string) string {
	body, label, labelled := strings.Cut(s, "|")
	label = unescaping.Replace(label)
	name := func(f func(string) string, mark, id string) string {
		if f != nil {
			if n := f(id); n != "" {
				return mark + n
			}
		}
		if labelled {
			return mark + strings.TrimPrefix(label, mark)
		}
		return mark + id
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
		return "@" + body[1:]
	case labelled:
		return label
	}
	return unescaping.Replace(strings.TrimPrefix(body, "mailto:"))
}

// date renders <!date^seconds^format^link|fallback>; a malformed one shows its fallback.
func (r Reader) date(body, fallback string) string {
	part := strings.SplitN(body, "^", 4)
	if len(part) < 3 {
		return fallback
	}
	sec, err := strconv.ParseInt(part[1], 10, 64)
	if err != nil {
		return fallback
	}
	loc := r.Location
	if loc == nil {
		loc = time.UTC
	}
	return dateTokens(part[2], time.Unix(sec, 0).In(loc), r.Now)
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
