package demo

import (
	"net/http"
	"slices"
	"strings"

	"apono/bot/slack/slacksim"
	"apono/flows"
)

// Step is one suggestion of the guide.
type Step struct {
	Title string // what to do, in the imperative
	Short string // the same in two or three words
	Why   string // what there is to see
	Who   string // the person to be, an id; empty: anybody
	// Happened looks whether it really did. It is asked until it says so once.
	Happened func(Seen) bool
}

// Seen is what a step can look at.
type Seen struct {
	Workspace *slacksim.Workspace
	Requests  []flows.Request // newest first
	Targets   []Target
}

// Form reports whether the person has an open dialog with this field or title.
func (s Seen) Form(person, has string) bool {
	v, ok := s.Workspace.As(person).View()
	_, field := v.Field(has)
	return ok && (field || v.Title == has)
}

// Request reports whether one of the requests is so.
func (s Seen) Request(is func(*flows.Request) bool) bool {
	return slices.ContainsFunc(s.Requests, func(r flows.Request) bool { return is(&r) })
}

// Answered reports whether a target answers a token with this status now.
func (s Seen) Answered(status int) bool {
	return slices.ContainsFunc(s.Targets, func(t Target) bool {
		return slices.ContainsFunc(t.Doors, func(d Door) bool { return d.Status == status })
	})
}

// Told reports whether the person was told something that only they see.
func (s Seen) Told(person, words string) bool {
	return slices.ContainsFunc(s.Workspace.Ephemerals(person), func(m slacksim.Message) bool { return strings.Contains(m.Text, words) })
}

// Open and Closed are what a door answers while an access lasts, and after it.
const (
	Open   = http.StatusOK
	Closed = http.StatusForbidden
)
