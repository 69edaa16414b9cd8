package flows

import (
	"slices"
	"strings"
)

// LateKind says why somebody is asked later than others.
type LateKind string

// Kinds; empty: asked at once.
const (
	LateUndecided LateKind = "undecided" // nobody decided in time
	LateUnreached LateKind = "unreached" // not enough of the approvers could be reached
)

// sentence of a kind, without its end.
func (k LateKind) sentence() string {
	switch k {
	case LateUndecided:
		return "Nobody decided in time"
	case LateUnreached:
		return "Not enough of the approvers could be reached"
	}
	return ""
}

// Ground is why somebody may decide, as facts: each reader is told of it in their own
// person. Records from before that have none, but a sentence.
type Ground struct {
	// Role of who may decide, or of For, in the third person: "in the group dba".
	Role string `json:"role,omitempty"`
	// For is the name of the one in whose place they may; empty: in their own.
	For string `json:"for,omitempty"`
	// Late is why they are asked later than others.
	Late LateKind `json:"late,omitempty"`
}

// You says it to them, as in "Nobody decided in time, and you are in the group dba.",
// with its end.
func (g Ground) You() string {
	verb, right := g.words()
	you := "You "
	if s := g.Late.sentence(); s != "" {
		you = s + ", and you "
	}
	if verb == standsIn {
		return you + "stand in for " + right + "."
	}
	return you + "are " + right + "."
}

// They says it to others, after the name and without an end: "is in the group dba;
// nobody decided in time".
func (g Ground) They() string {
	verb, right := g.words()
	out := verb + " " + right
	if s := g.Late.sentence(); s != "" {
		out += "; " + strings.ToLower(s[:1]) + s[1:]
	}
	return out
}

const standsIn = "stands in for"

// words are the verb in the third person, and what follows it in any.
func (g Ground) words() (verb, right string) {
	switch {
	case g.For != "":
		return standsIn, g.For + ", who is " + g.Role
	case g.Role != namedInPerson:
		return "is", g.Role
	case g.Late != "":
		return "is", "named as an approver then"
	}
	return "is", "named as an approver"
}

// decision is what the record keeps of an approve or deny by somebody who may have been
// asked. Whoever was asked because others could not be reached was not asked because
// nobody decided; where an older record does not tell which, neither is said again.
func (t *transition) decision(verb Verb, asked []Asked) Decision {
	d := Decision{
		By: t.ev.By, Verb: verb, Reason: t.ev.Reason, At: t.now, Groups: slices.Clone(t.ev.CountsFor),
		Why: t.ev.Why, Ground: t.ev.Ground, For: t.ev.For,
	}
	for _, a := range asked {
		if a.Is(d.By.Email) && a.Tier > 0 && d.Ground.Late != "" {
			d.Ground.Late = a.Ground.Late
			d.Why = d.Ground.You()
		}
	}
	return d
}
