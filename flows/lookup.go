package flows

import (
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// lookup is what a search looks through: the texts of many things, each of which is
// known by its place, in small letters. One place is: begin, text, break, text, break.
type lookup struct {
	text   string
	starts []int32 // of each place in text
}

const (
	beginMark = "\x01"
	breakMark = "\x00"
)

var withoutMarks = strings.NewReplacer(beginMark, "", breakMark, "")

// lookupBuilder takes the texts of one place after the other.
type lookupBuilder struct {
	text   strings.Builder
	starts []int32
}

func (b *lookupBuilder) add(texts ...string) {
	b.starts = append(b.starts, int32(b.text.Len()))
	b.text.WriteString(beginMark)
	for _, t := range texts {
		b.text.WriteString(withoutMarks.Replace(strings.ToLower(t)))
		b.text.WriteString(breakMark)
	}
}

// done lets go of what was set aside for more.
func (b *lookupBuilder) done() lookup {
	return lookup{text: strings.Clone(b.text.String()), starts: slices.Clone(b.starts)}
}

// search finds up to limit places (limit <= 0: all) that has allows and of which a text
// holds the query: first those whose first text begins with it, then those in which a
// word does, then the others, each in order.
func (l *lookup) search(query string, limit int, has func(place int) bool) (found []int) {
	query = strings.ToLower(query)
	if strings.ContainsAny(query, beginMark+breakMark) {
		return nil
	}
	full := func(n int) bool { return limit > 0 && n >= limit }
	l.each(beginMark+query, func(place, _ int) (enough bool) {
		if has(place) {
			found = append(found, place)
		}
		return full(len(found))
	})
	if full(len(found)) || query == "" {
		return found
	}
	var words, rest []int
	l.each(query, func(place, at int) (enough bool) {
		switch {
		case strings.HasPrefix(l.text[int(l.starts[place])+1:], query) || !has(place):
		case l.wordIn(query, place, at):
			words = append(words, place)
		case !full(len(rest)):
			rest = append(rest, place)
		}
		return full(len(found) + len(words))
	})
	found = append(append(found, words...), rest...)
	if full(len(found)) {
		found = found[:limit]
	}
	return found
}

// wordIn reports whether a word of a place begins with the query, which is in its text
// first at at.
func (l *lookup) wordIn(query string, place, at int) bool {
	end := len(l.text)
	if place+1 < len(l.starts) {
		end = int(l.starts[place+1])
	}
	for {
		if r, _ := utf8.DecodeLastRuneInString(l.text[:at]); !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return true
		}
		next := strings.Index(l.text[at+1:end], query)
		if next < 0 {
			return false
		}
		at += 1 + next
	}
}

// each finds the places whose text holds needle, in order, and where, until yield says
// enough.
func (l *lookup) each(needle string, yield func(place, at int) (enough bool)) {
	place := 0
	for from := 0; from < len(l.text); {
		i := strings.Index(l.text[from:], needle)
		if i < 0 {
			return
		}
		at := from + i
		// The next is near where it is often found, and far where it seldom is.
		for step := 0; place+1 < len(l.starts) && int(l.starts[place+1]) <= at; step++ {
			if place++; step == 16 {
				place += sort.Search(len(l.starts)-place, func(n int) bool { return int(l.starts[place+n]) > at }) - 1
				break
			}
		}
		if yield(place, at) || place+1 == len(l.starts) {
			return
		}
		from = int(l.starts[place+1])
	}
}
