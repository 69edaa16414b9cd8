package cards

import (
	"regexp"
	"strings"

	"apono/bot/chat"
)

// maxSaid bounds what somebody wrote before it is cut to its place.
const maxSaid = 100_000

var (
	// gap would push what follows it into the next line of the screen.
	gap = regexp.MustCompile(`(\S)[\s\x{a0}\x{2000}-\x{200a}\x{202f}\x{205f}\x{2800}\x{3000}\x{3164}]{4,}`)
	// blank lines would push what follows them out of sight.
	blank = regexp.MustCompile(`\n\s*\n\s*\n`)
)

// said draws what somebody wrote as the value of a field. Of several lines each begins
// with a bar, so that none of them can pass for a line of the card.
func said(text string) chat.Text {
	text = strings.TrimSpace(chat.Literal(text, maxSaid))
	for blank.MatchString(text) {
		text = blank.ReplaceAllString(text, "\n\n")
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = gap.ReplaceAllString(line, "$1 ")
	}
	if len(lines) == 1 {
		return chat.T(lines[0])
	}
	return chat.T("│ " + strings.Join(lines, "\n│ "))
}

// inLine draws what somebody wrote behind other words.
func inLine(text string) chat.Span { return chat.Plain(chat.Line(text, maxSaid)) }
