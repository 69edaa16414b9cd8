package chat

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Marker ends a text that was cut.
const Marker = "…"

// Length counts s in UTF-16 units: as the platforms count, never less.
func Length(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// Cut shortens s to at most n of Length, the marker included, between two runes, and
// reports whether it had to.
func Cut(s string, n int) (string, bool) {
	if Length(s) <= n {
		return s, false
	}
	if n <= 0 {
		return "", true
	}
	left := n - 1
	for i, r := range s {
		l := max(1, utf16.RuneLen(r))
		if l > left {
			return s[:i] + Marker, true
		}
		left -= l
	}
	return s, false // (this is a bug)
}

// Address is the form in which e-mail addresses are compared: in small letters. No
// other letter becomes one of ASCII: whoever has an address with a Kelvin sign is not
// whoever has it with a k.
func Address(s string) string {
	return strings.Map(func(r rune) rune {
		if small := unicode.ToLower(r); r < utf8.RuneSelf || small >= utf8.RuneSelf {
			return small
		}
		return r
	}, strings.TrimSpace(s))
}

// Literal removes from s what would let it act on the text around it: invalid
// UTF-8, control characters, and the bidirectional embeddings, overrides and
// isolates that reorder their neighbours. Right-to-left letters stay. No more than
// most comes back, and one character.
func Literal(s string, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range s { // bytes that are not UTF-8 come as utf8.RuneError
		switch {
		case r == '\r', r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			continue
		case r == 0x2028 || r == 0x2029: // line and paragraph separators
			r = '\n'
		case r == '\n' || r == '\t':
		case unicode.IsControl(r):
			r = unicode.ReplacementChar
		}
		b.WriteRune(r)
		if n += max(1, utf16.RuneLen(r)); n > most {
			break
		}
	}
	return b.String()
}

// Line is Literal on one line.
func Line(s string, most int) string { return strings.Join(strings.Fields(Literal(s, most)), " ") }

// Words is what the span says where nothing can be drawn, cut near most.
func (s Span) Words(most int) string {
	switch s.Kind {
	case SpanPerson:
		name, email := Line(s.Text, most), Line(s.Email, most)
		switch {
		case name == "" || name == email:
			return email
		case email == "":
			return name
		}
		return fmt.Sprintf("%s (%s)", name, email)
	case SpanTime:
		if !s.Dated() {
			return "an unknown time"
		}
		return UTC(s.At)
	case SpanCode:
		return Line(s.Text, most)
	case SpanLink:
		if text := Line(s.Text, most); text != "" {
			return text
		}
		return Line(s.URL, most)
	case SpanText, SpanBold:
	}
	return Literal(s.Text, most)
}

// Dated reports whether a SpanTime names a moment.
func (s Span) Dated() bool { return s.At.Unix() > 0 }

// UTC writes a moment where the reader's time zone is not known.
func UTC(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// Words is the text without anything drawn, each span cut near most.
func (t Text) Words(most int) string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(s.Words(most))
	}
	return b.String()
}
