package cards

import (
	"fmt"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// Audit draws events for the audit channel, oldest first: one message for one
// event, or one message for several that had to wait.
func Audit(events []flows.AuditEvent) chat.Card {
	if len(events) == 0 {
		return chat.Card{Fallback: "Nothing happened"}
	}
	if len(events) == 1 {
		s := auditSection(events[0], shownNames)
		return chat.Card{Body: auditHead(events[0]), Sections: []chat.Section{s}, Fallback: auditLine(events[0])}
	}
	c := chat.Card{Fallback: fmt.Sprintf("%d updates: %s, …", len(events), auditLine(events[0]))}
	for _, e := range events {
		s := auditSection(e, 3)
		s.Title = auditLine(e)
		s.Fields = append([]chat.Field{{Label: "When", Value: chat.Text{chat.At(e.At)}}}, s.Fields...)
		c.Sections = append(c.Sections, s)
	}
	return c
}

var auditVerb = map[flows.FactKind]string{
	flows.FactAsked: "asked", flows.FactApproved: "approved", flows.FactGranted: "granted", flows.FactDenied: "denied",
	flows.FactExpired: "expired", flows.FactRevoked: "revoked", flows.FactWithdrawn: "withdrawn",
	flows.FactTimedOut: "timed out", flows.FactFailed: "failed", flows.FactExtended: "extended",
	flows.FactExplained: "explained", flows.FactUnexplained: "not explained",
	flows.FactLostRight: "no longer covered", flows.FactRightBack: "covered again",
	flows.FactOverdue: "overdue", flows.FactOverdueOver: "no longer overdue",
	flows.FactDeclaredGone: "DECLARED GONE",
}

// auditLine is the event in one line: "AR-12 approved by Bob".
func auditLine(e flows.AuditEvent) string {
	f := e.Fact
	switch {
	case f.Kind == flows.FactDelegated && f.Delegation != nil: // its text says the end in UTC
		return f.Delegation.From.DisplayName() + " handed their approvals to " + f.Delegation.To.DisplayName()
	case f.Request == "":
		return f.Text
	}
	line := f.Request + " " + auditVerb[f.Kind]
	if f.BreakGlass {
		line = f.Request + " BREAK GLASS " + auditVerb[f.Kind]
	}
	switch {
	case f.Kind == flows.FactApproved && len(f.Decisions) == 0:
		return line + " automatically"
	case f.Actor != (flows.PersonRef{}):
		return line + " by " + f.Actor.DisplayName() + actedFor(f)
	}
	return line
}

// actedFor says whose right was exercised with what an event tells.
func actedFor(f flows.Fact) string {
	if n := len(f.Decisions); n > 0 && (f.Kind == flows.FactApproved || f.Kind == flows.FactDenied || f.Kind == flows.FactExtended) && f.Decisions[n-1].By == f.Actor {
		return forWhom(f.Decisions[n-1])
	}
	return ""
}

func auditHead(e flows.AuditEvent) chat.Text {
	return chat.Text{chat.Bold(auditLine(e)), chat.Plain(" "), chat.At(e.At)}
}

func auditSection(e flows.AuditEvent, limit int) chat.Section {
	f := e.Fact
	var s chat.Section
	add := func(label string, value chat.Text) {
		s.Fields = append(s.Fields, chat.Field{Label: label, Value: value})
	}
	if f.Request != "" {
		add(asker(f.Trigger), person(f.Requestor))
		if f.Grantee.Email != f.Requestor.Email {
			add("Grantee", person(f.Grantee))
		}
		if f.Bundle != "" {
			add("Bundle", chat.T(f.Bundle))
		}
		for _, g := range f.Groups {
			add(g.Integration, chat.T(auditItems(g, limit)))
		}
		add("Duration", chat.T(howLong(f.Trigger, f.Duration, f.Indefinite)))
		add("Access flow", chat.T(f.Flow))
	}
	if !f.EndsAt.IsZero() && (f.Kind == flows.FactGranted || f.Kind == flows.FactExtended) {
		add("Ends", chat.Text{chat.At(f.EndsAt)})
	}
	for _, d := range f.Decisions {
		add(map[flows.Verb]string{flows.VerbApprove: "Approved by", flows.VerbDeny: "Denied by"}[d.Verb], decision(d))
	}
	if f.Kind == flows.FactDelegated && f.Delegation != nil {
		add("Until", chat.Text{chat.At(f.Delegation.Until)})
	}
	if f.Justification != "" {
		add("Justification", said(f.Justification))
	}
	if f.Reason != "" && f.Kind != flows.FactApproved && f.Kind != flows.FactDenied { // those are in the decisions
		add(map[bool]string{false: "Reason", true: "Details"}[f.Kind == flows.FactOperator], reason(f))
	}
	if f.Text != "" && f.Request != "" {
		add("Note", chat.T(f.Text))
	}
	if f.Kind == flows.FactAnchored && f.Checkpoint != nil {
		add("Verify with", chat.Text{chat.Code("bot audit verify --head " + f.Checkpoint.String())})
	}
	if f.Hold != "" {
		s.Actions = holdActions(f.Hold)
	}
	return s
}

// reason is what a fact says of why, with the moments that it names in the reader's time
// zone.
func reason(f flows.Fact) chat.Text {
	t := said(f.Reason)
	for _, at := range f.Times {
		var out chat.Text
		for _, span := range t {
			out = append(out, timed(span, at)...)
		}
		t = out
	}
	return t
}

// timed shows a moment wherever a plain span states it.
func timed(span chat.Span, at time.Time) (out chat.Text) {
	if span.Kind != chat.SpanText {
		return chat.Text{span}
	}
	for i, part := range strings.Split(span.Text, flows.StatedTime(at)) {
		if i > 0 {
			out = append(out, chat.At(at))
		}
		if part != "" {
			out = append(out, chat.Plain(part))
		}
	}
	return out
}

// holdActions let an admin decide on what is held.
func holdActions(hold string) []chat.Action {
	if hold == "" {
		return nil
	}
	about := chat.Target{Integration: hold, List: true}
	return []chat.Action{
		{ID: chat.ActionProceed, Label: "Proceed", Style: chat.StyleDanger, Target: about, Confirm: &chat.Confirm{
			Title: "Proceed?", Text: "What is held takes effect at once. People may lose access.", Yes: "Proceed", No: "Cancel",
		}},
		{ID: chat.ActionDiscard, Label: "Discard", Target: about},
	}
}

// Held is a direct message to an admin about something that waits for a decision.
func Held(f flows.Fact) chat.Card {
	c := chat.Card{Body: chat.Text{chat.Bold(f.Text)}, Actions: holdActions(f.Hold), Fallback: f.Text}
	if f.Reason != "" {
		c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Details", Value: reason(f)}}}}
	}
	return c
}

func decision(d flows.Decision) chat.Text {
	t := person(d.By)
	if who := forWhom(d); who != "" {
		t = append(t, chat.Plain(who))
	}
	switch {
	case d.Ground != (flows.Ground{}):
		t = append(t, chat.Plain(" · "+d.Ground.They()))
	case d.Why != "": // as a record from before grounds has it
		t = append(t, chat.Plain(" · "+strings.TrimSuffix(d.Why, ".")))
	}
	if d.Reason != "" {
		t = append(t, chat.Plain(": "), inLine(d.Reason))
	}
	return t
}

func auditItems(g flows.FactGroup, limit int) string {
	var parts []string
	for _, b := range blocks(g.Items) {
		parts = append(parts, fmt.Sprintf("%s %s: %s", b.typ, names(b.resources, limit), strings.Join(b.permissions, ", ")))
	}
	text := strings.Join(parts, "; ")
	if g.Problem != "" {
		text += " — not granted: " + g.Problem
	}
	return text
}
