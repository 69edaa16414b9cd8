package flows

import (
	"strings"
	"unicode"
)

// shown is a name as people read it: in one line, and with a sign in place of what would
// turn or break the text around it. Names come from systems in which more people may
// write than here: who names a table or themselves must not be able to add a line to a
// card.
func shown(name string) string {
	if strings.IndexFunc(name, disturbs) < 0 {
		return name
	}
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case !disturbs(r):
			return r
		case unicode.IsSpace(r):
			return ' '
		}
		return unicode.ReplacementChar
	}, name)), " ")
}

func disturbs(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}

// shownPerson is shown for the name of somebody. One that holds an address is left out:
// cards show the address beside the name, and it would pass for the person's own.
func shownPerson(name string) string {
	if name = shown(name); strings.ContainsAny(name, "@\uFF20\uFE6B") {
		return ""
	}
	return name
}
