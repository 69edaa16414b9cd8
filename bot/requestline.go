package bot

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"apono/bot/chat"
	"apono/flows"
)

var (
	because     = regexp.MustCompile(`(?i)(?:^|\s)because[:,]?(?:\s|$)`)
	forDuration = regexp.MustCompile(`(?is)^(?:(.*)\s)?for\s+(.+)$`)
)

// maxDuration is how long the text of a duration in the form may be.
const maxDuration = 40

// requestLine reads "BUNDLE for 2h because INC-12 is burning". Everything after
// "because" is the justification. A bundle may itself be called "tools for ops".
func (s *Service) requestLine(w flows.World, p *flows.Person, u chat.User, line string, now time.Time) chat.Answer {
	offer, sel, head := w.OfferTo(p, nil, now), selection{}, line
	bundles := offer.Bundles()
	if _, whole := bundleCalled(bundles, line); !whole {
		if at := because.FindStringIndex(line); at != nil {
			head, sel.justification = line[:at[0]], firstRunes(strings.TrimSpace(line[at[1]:]), flows.MaxReason)
		}
	}
	head = strings.TrimSpace(head)
	if _, whole := bundleCalled(bundles, head); !whole {
		if m := forDuration.FindStringSubmatch(head); m != nil {
			d, err := ParseDuration(m[2])
			if err != nil {
				sentence, _, _ := strings.Cut(flows.ErrorMessage(err), ". ") // not the example
				if meant := s.meantLine(u, bundles, head, sel.justification); meant != "" {
					return chat.Say(sentence + ". " + meant)
				}
				return chat.Say(flows.ErrorMessage(err))
			}
			head, sel.duration, sel.typed = strings.TrimSpace(m[1]), strings.TrimSpace(m[2]), true
			if len(sel.duration) > maxDuration {
				sel.duration = shortDuration(d)
			}
		}
	}
	if head == "" {
		return s.openRequest(w, p, sel, now)
	}
	name, ok := bundleCalled(bundles, head)
	if closed, known := bundleCalled(bundleNames(w), head); !ok && known {
		if later := offer.Later(closed, ""); later != "" {
			return chat.Say("You cannot ask for the bundle " + closed + " at the moment. " + later)
		}
	}
	if !ok {
		hint := bundleHint(head, bundles)
		if sel.duration == "" {
			hint = cmp.Or(s.meantLine(u, bundles, head, sel.justification), hint)
		}
		return chat.Say("There is no bundle " + firstRunes(strings.Join(strings.Fields(head), " "), 80) + " that you may ask for. " + hint)
	}
	sel.bundleMode, sel.bundle = true, name
	return s.openRequest(w, p, sel, now)
}

func bundleNames(w flows.World) (out []string) {
	for _, b := range w.Catalog.Bundles() {
		out = append(out, b.Name)
	}
	return out
}

// bundleCalled finds a bundle by what somebody typed: without case, with or
// without quotes. A name that is written exactly like this goes first.
func bundleCalled(names []string, typed string) (string, bool) {
	for _, t := range []string{typed, strings.Trim(strings.TrimSpace(typed), "\"'`“”„‘’")} {
		for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
			if i := slices.IndexFunc(names, func(n string) bool { return same(n, t) }); i >= 0 {
				return names[i], true
			}
		}
	}
	return "", false
}

func bundleHint(typed string, names []string) string {
	const few = 10
	near := flows.Nearest(typed, names)
	switch {
	case len(names) == 0:
		return "At the moment there is none; use the form to choose resources."
	case near != "":
		return "Did you mean " + near + "?"
	case len(names) > few:
		return fmt.Sprintf("You may ask for %s and %d more; the form lists them.", strings.Join(names[:few], ", "), len(names)-few)
	}
	return "You may ask for: " + strings.Join(names, ", ") + "."
}

// untilWord begins an end, where a request wants a length.
var untilWord = regexp.MustCompile(`(?i)^(?:until|till)\b`)

// meantLine guesses at what somebody wrote without "for" or "because", and says what
// they would type; empty: it has no idea.
func (s *Service) meantLine(u chat.User, bundles []string, head, reason string) string {
	name, rest := bundleBefore(bundles, head)
	line := strings.TrimSpace(s.typed(u)+" request "+name) + " for "
	if name != "" && untilWord.MatchString(rest) {
		return "Please say for how long, not until when: " + firstRunes(line+"2h because "+cmp.Or(reason, "REASON"), maxMeant)
	}
	afterFor := rest
	if word, more := firstWord(rest); strings.EqualFold(word, "for") {
		afterFor = more
	}
	d, more := durationBefore(afterFor)
	switch {
	case d != "":
		line += d
	case name == "" || afterFor != rest || rest == "":
		return ""
	default:
		line, more = strings.TrimSuffix(line, " for "), rest
	}
	if why := strings.TrimSpace(more + " " + reason); why != "" {
		line += " because " + why
	}
	return "Did you mean: " + firstRunes(line, maxMeant)
}

// maxMeant is how much of what somebody typed is said again.
const maxMeant = 200

// bundleBefore finds the longest name of a bundle that a text begins with.
func bundleBefore(names []string, text string) (name, rest string) {
	text = strings.TrimSpace(text)
	for _, n := range names {
		if len(n) > len(name) && len(n) < len(text) && strings.EqualFold(text[:len(n)], n) && unicode.IsSpace(rune(text[len(n)])) {
			name = n
		}
	}
	return name, strings.TrimSpace(text[len(name):])
}

// durationBefore finds the longest duration that a text begins with.
func durationBefore(text string) (d, rest string) {
	words := strings.Fields(text)
	for n := min(len(words), 4); n > 0; n-- { // "1 hour 30 minutes"
		head := strings.Join(words[:n], " ")
		if _, err := ParseDuration(head); err == nil && len(head) <= maxDuration {
			return head, strings.Join(words[n:], " ")
		}
	}
	return "", text
}
