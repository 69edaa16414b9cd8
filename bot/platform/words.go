package platform

import (
	"net/url"
	"slices"

	"apono/bot/chat"
)

// maxWords bounds a text before it is cut to its place.
const maxWords = 10_000

// CutSentence stands below a card of which something is not shown.
func CutSentence(card chat.Card) string {
	for _, a := range slices.Concat(card.Actions, card.Menu) {
		if a.ID == chat.ActionDetails {
			return "The whole text is behind Details."
		}
	}
	return "Some of the text was too long to be shown."
}

// Fallback is a card in one line for notifications and screen readers, at most most
// of chat.Length; never empty.
func Fallback(card chat.Card, most int) string {
	for _, s := range []string{card.Fallback, card.Title, card.Status.Words(maxWords), card.Body.Words(maxWords)} {
		if s = chat.Line(s, maxWords); s != "" {
			s, _ = chat.Cut(s, most)
			return s
		}
	}
	return "A message without words."
}

// WebURL allows what a browser opens, at most most bytes of it.
func WebURL(s string, most int) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || len(s) > most {
		return "", false
	}
	return u.String(), true
}
