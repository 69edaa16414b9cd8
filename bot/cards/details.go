package cards

import (
	"fmt"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// What one page of Details holds, in characters and parts, so that every platform
// shows all of it, and how long one part of it is at most.
const (
	detailsPage  = 20_000
	detailsParts = 60
	detailsPart  = 2_800
)

// Details is everything about a request, uncut, to read: the page of that number,
// from 0, and after the last one the first. state comes back with the button that
// turns the page. email is of the reader.
func Details(r flows.Request, email string, now time.Time, page int, state func(page int) string) chat.Form {
	pages := detailPages(detailParts(r, email, now))
	n := len(pages)
	page = max(0, page) % n
	f := chat.Form{ID: chat.FormDetails, Title: r.ID, Close: "Close", Parts: pages[page]}
	if n > 1 {
		label := "Next page"
		if page == n-1 {
			label = "First page"
		}
		f.State = state(page)
		f.Parts = append(f.Parts, chat.Part{
			Kind: chat.PartText, Text: chat.Text{chat.Bold(fmt.Sprintf("Page %d of %d", page+1, n))},
			Action: &chat.Action{ID: chat.ActionPage, Label: label},
		})
	}
	return f
}

func detailPages(parts []chat.Part) [][]chat.Part {
	pages, size := [][]chat.Part{nil}, 0
	for _, p := range parts {
		last := len(pages) - 1
		length := chat.Length(p.Text.Words(2 * detailsPart))
		if len(pages[last]) > 0 && (size+length > detailsPage || len(pages[last]) == detailsParts) {
			pages, size, last = append(pages, nil), 0, last+1
		}
		pages[last], size = append(pages[last], p), size+length
	}
	return pages
}

func detailParts(r flows.Request, email string, now time.Time) []chat.Part {
	var parts []chat.Part
	line := func(t chat.Text) { parts = append(parts, chat.Part{Kind: chat.PartText, Text: t}) }
	labelled := func(label string, value chat.Text) {
		line(append(chat.Text{chat.Bold(label), chat.Plain("\n")}, value...))
	}
	st, _ := status(r, now)
	line(st)
	for _, field := range askFields(r) {
		labelled(field.Label, field.Value)
	}
	for _, g := range r.Groups {
		line(chat.Text{chat.Bold(g.Integration)})
		for _, b := range blocks(g.Items) {
			labelled("Resource type", chat.T(b.typ))
			for i, some := range chunks(b.resources) {
				label := "Resources"
				if i > 0 {
					label += ", continued"
				}
				labelled(label, chat.T(some))
			}
			labelled("Permissions", chat.T(names(b.permissions, len(b.permissions))))
		}
		if note := groupNote(g); note != "" {
			labelled("Status", chat.T(note))
		}
	}
	labelled("Access flow", chat.T(r.Flow))
	labelled("Asked", chat.T(whoIsAsked(r)))
	for _, note := range append(standNotes(r, email), decisionNotes(r, !concerned(r, email))...) {
		line(note)
	}
	return parts
}

// chunks joins names into texts that a platform shows uncut.
func chunks(all []string) []string {
	var out []string
	for _, name := range all {
		last := len(out) - 1
		if last >= 0 && chat.Length(out[last])+chat.Length(name)+2 <= detailsPart {
			out[last] += ", " + name
			continue
		}
		out = append(out, name)
	}
	return out
}
