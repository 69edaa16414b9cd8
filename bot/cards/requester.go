package cards

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// asked tells the requester that the request is made and who was asked.
func asked(r flows.Request, now time.Time) chat.Card {
	c := chat.Card{Title: r.ID + " asked", Fallback: r.ID + ": your request was made"}
	c.Body = chat.Text{chat.Plain("You asked for "), chat.Bold(summary(r)), chat.Plain(" for " + lower(duration(r.Duration, r.Indefinite)) + ".")}
	c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Asked", Value: chat.T(whoIsAsked(r))}}}}
	if r.Grantee.Email != r.Requestor.Email {
		c.Sections[0].Fields = append(c.Sections[0].Fields, chat.Field{Label: "Grantee", Value: person(r.Grantee)})
	}
	if r.Justification != "" {
		c.Sections[0].Fields = append(c.Sections[0].Fields, chat.Field{Label: "Justification", Value: said(r.Justification)})
	}
	c.Status, c.Tone = status(r, now)
	if waiting(r, now) {
		if missing := stillNeeded(inOwnWords(r)); missing != "" {
			c.Notes = append(c.Notes, chat.Text{chat.Bold("Still needed: "), chat.Plain(missing)})
		}
		c.Notes = append(append(c.Notes, outOfReach(r)...), chat.Text{chat.Plain("Times out "), chat.At(r.PendingUntil)})
		c.Actions = []chat.Action{button(r, chat.ActionWithdraw, "Withdraw", "")}
	}
	return c
}

// inOwnWords names approver groups as the requester does.
func inOwnWords(r flows.Request) flows.Request {
	r.Need.Groups = slices.Clone(r.Need.Groups)
	for i, label := range r.Need.Groups {
		r.Need.Groups[i] = flows.OwnLabel(label, r.Requestor)
	}
	return r
}

// whoIsAsked names the people where they are few, as the requester reads it: those whom
// the policy means.
func whoIsAsked(r flows.Request) string {
	switch {
	case r.Trigger == flows.TriggerAutomatic:
		return "Nobody; the access flow gives it by itself"
	case r.Need.Automatic:
		return "Nobody, the access flow approves automatically"
	}
	var people []string
	for _, a := range flows.Openly(r.Asked) {
		people = append(people, a.DisplayName())
	}
	return names(people, 5)
}

func lower(s string) string {
	if s == "Without limit" {
		return "an unlimited time"
	}
	return s
}

func approved(r flows.Request) chat.Card {
	c := chat.Card{Title: r.ID + " approved", Tone: chat.ToneGood}
	c.Body = append(append(chat.Text{chat.Plain("Your request for "), chat.Bold(summary(r)), chat.Plain(" was approved")}, deciders(r)...), chat.Plain("."))
	c.Notes = lessNote(r)
	for _, d := range r.Decisions {
		if d.Reason != "" {
			c.Notes = append(c.Notes, chat.Text{chat.Person(d.By.DisplayName(), d.By.Email), chat.Plain(": "), inLine(d.Reason)})
		}
	}
	if r.State == flows.StateApproved && !r.NothingGranted() {
		c.Status = chat.T("The access is being granted")
		c.Tone = chat.ToneWaiting
		c.Notes = append(howFar(r), c.Notes...)
	}
	c.Fallback = r.ID + " was approved"
	return c
}

// howFar says of each system in which access is being granted how much of it is there,
// and of a slow one that it is.
func howFar(r flows.Request) (out []chat.Text) {
	for _, g := range r.Groups {
		if g.Status != flows.GroupGranting {
			continue
		}
		if g.Total > 0 {
			out = append(out, chat.Text{chat.Bold(g.Integration + ": "), chat.Plain(fmt.Sprintf("%d of %d granted so far", g.Done, g.Total))})
		}
		if g.Usual > 0 {
			out = append(out, chat.T(flows.UsuallyTakes(g.Integration, g.Usual)))
		}
	}
	return out
}

func denied(r flows.Request) chat.Card {
	who := r.DecidedBy()
	c := chat.Card{Title: r.ID + " denied", Tone: chat.ToneBad, Fallback: r.ID + " was denied"}
	c.Body = chat.Text{chat.Plain("Your request for "), chat.Bold(summary(r)), chat.Plain(" was denied by "), chat.Person(who.DisplayName(), who.Email), chat.Plain(".")}
	if d := r.Decisions[len(r.Decisions)-1]; d.Reason != "" {
		c.Sections = []chat.Section{{Fields: []chat.Field{{Label: "Reason", Value: said(d.Reason)}}}}
	}
	c.Actions = []chat.Action{button(r, chat.ActionAgain, "Request again", "")}
	return c
}

// granted is the message about the live access. It is redrawn when that ends.
func granted(r flows.Request, email string, now time.Time) chat.Card {
	c := chat.Card{Title: r.ID + " granted", Tone: chat.ToneGood, Fallback: r.ID + ": " + lowerFirst(accessOf(r, email)) + " is granted"}
	have, had := chat.Text{chat.Plain("You have ")}, chat.Text{chat.Plain("You had ")}
	if !has(r, email) {
		have, had = chat.Text{person(r.Grantee)[0], chat.Plain(" has ")}, chat.Text{person(r.Grantee)[0], chat.Plain(" had ")}
	}
	c.Body = append(have, chat.Bold(held(r)), chat.Plain("."))
	if r.Requestor.Email != r.Grantee.Email && has(r, email) {
		c.Notes = append(c.Notes, chat.Text{person(r.Requestor)[0], chat.Plain(" asked for it.")})
	}
	if r.State != flows.StateActive {
		c.Body = append(had, chat.Bold(held(r)), chat.Plain("."))
		c.Status, c.Tone = status(r, now)
		return c
	}
	if r.EndsAt.IsZero() {
		c.Status = chat.T("Active without limit")
	} else {
		c.Status = chat.Text{chat.Plain("Active until "), chat.At(r.EndsAt)}
	}
	for _, g := range r.Groups {
		if note := groupNote(g); note != "" {
			c.Notes = append(c.Notes, chat.Text{chat.Bold(g.Integration + ": "), chat.Plain(note)})
		}
	}
	if r.Trigger == flows.TriggerAutomatic {
		c.Notes = append(c.Notes, chat.T("The access flow "+r.Flow+" gives it to you for as long as you match it."))
	}
	c.Notes = append(append(append(c.Notes, lessNote(r)...), moreTime(r)...), lostRight(r)...)
	c.Actions = liveButtons(r, now)
	return c
}

// has reports whether the reader is the one who has the access.
func has(r flows.Request, email string) bool { return r.Grantee.Is(email) }

// accessOf begins a sentence about the access: "Your access", or whose else it is.
func accessOf(r flows.Request, email string) string {
	if has(r, email) {
		return "Your access"
	}
	return "The access of " + r.Grantee.DisplayName()
}

// lowerFirst is accessOf inside a sentence.
func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

func endButton(r flows.Request) chat.Action {
	end := button(r, chat.ActionEndAccess, "End access", chat.StyleDanger)
	end.Confirm = &chat.Confirm{Title: "End access", Text: "The access of " + r.ID + " ends at once." + comesBack(r), Yes: "End access", No: "Keep it"}
	return end
}

// access is the message `Access details` of one integration.
func access(r flows.Request, integration string) (chat.Card, bool) {
	g, ok := r.Group(integration)
	if !ok {
		return chat.Card{}, false
	}
	c := chat.Card{Title: "Access details", Fallback: r.ID + ": how to connect to " + integration}
	c.Sections = []chat.Section{{Title: integration + " (" + r.ID + ")"}}
	for _, d := range g.Details {
		c.Sections[0].Fields = append(c.Sections[0].Fields, chat.Field{Label: d.Name, Value: chat.Text{chat.Code(d.Value)}})
	}
	if g.Instructions != "" {
		c.Body = chat.T(g.Instructions)
	}
	if r.State == flows.StateActive && len(g.Details) == 0 && g.Instructions == "" && g.Secret == "" {
		c.Body = chat.T("Use your own login for " + integration + "; it has the access now.")
	}
	if r.State != flows.StateActive {
		c.Status, c.Tone = chat.T("This access has ended"), chat.ToneOver
		if r.State == flows.StateRevoking {
			c.Status, c.Tone = chat.T("This access is being ended"), chat.ToneWaiting
		}
		return c, true
	}
	switch {
	case g.Resetting:
		c.Status, c.Tone = chat.T("New credentials are on their way"), chat.ToneWaiting
		return c, true
	case g.Secret == flows.SecretAvailable:
		until := g.SecretUntil
		if !r.Indefinite && r.EndsAt.Before(until) {
			until = r.EndsAt
		}
		c.Notes = append(c.Notes, chat.Text{chat.Plain("The credentials can be shown once, until "), chat.At(until)})
		c.Actions = append(c.Actions, groupButton(r, g, chat.ActionCredentials, "Show credentials", chat.StylePrimary))
	case g.Secret == flows.SecretViewed:
		c.Notes = append(c.Notes, chat.T("The credentials were shown once and are erased."))
	case g.Secret == flows.SecretExpired:
		c.Notes = append(c.Notes, chat.T("The credentials were erased because nobody looked at them in time."))
	}
	if g.ResetProblem != "" {
		c.Notes = append(c.Notes, chat.Text{chat.Bold("Not reset: "), chat.Plain(g.ResetProblem)})
	}
	if g.CanReset {
		c.Actions = append(c.Actions, groupButton(r, g, chat.ActionReset, "Reset credentials", ""))
	}
	return c, true
}

func groupButton(r flows.Request, g *flows.AccessGroup, id chat.ActionID, label string, s chat.Style) chat.Action {
	a := button(r, id, label, s)
	a.Target.Integration = g.Integration
	return a
}

// over is the last message of a request.
func over(r flows.Request, topic flows.Topic, email string, now time.Time) chat.Card {
	c := chat.Card{Title: r.ID + " " + map[flows.Topic]string{
		flows.TopicExpired: "expired", flows.TopicRevoked: "revoked", flows.TopicWithdrawn: "withdrawn",
		flows.TopicTimedOut: "timed out", flows.TopicFailed: "failed",
	}[topic]}
	c.Fallback = c.Title
	c.Status, c.Tone = status(r, cmp.Or(r.EndedAt, now))
	what := chat.Bold(summary(r))
	if !r.ActiveAt.IsZero() {
		what = chat.Bold(held(r))
	}
	switch topic {
	case flows.TopicExpired:
		c.Body = chat.Text{chat.Plain(accessOf(r, email) + " to "), what, chat.Plain(" is over: its time was up. " + takenBack(r, email))}
	case flows.TopicRevoked:
		ended := " was ended before its time. "
		if r.Trigger == flows.TriggerAutomatic {
			ended = " was ended. "
		}
		c.Body = chat.Text{chat.Plain(accessOf(r, email) + " to "), what, chat.Plain(ended + takenBack(r, email))}
		if r.ActiveAt.IsZero() {
			who := "you"
			if !has(r, email) {
				who = r.Grantee.DisplayName()
			}
			c.Body = chat.Text{chat.Plain("The access to "), what, chat.Plain(" was ended before " + who + " had it. Nothing is left in any system.")}
		}
		c.Notes = append(c.Notes, isBack(r)...)
	case flows.TopicWithdrawn:
		c.Body = chat.Text{chat.Plain("You withdrew your request for "), what, chat.Plain(".")}
	case flows.TopicTimedOut:
		c.Body = chat.Text{chat.Plain("Nobody decided on your request for "), what, chat.Plain(" in time. Asked: " + whoIsAsked(r) + ". Ask again, or speak to one of them.")}
	case flows.TopicFailed:
		c.Body = chat.Text{chat.Plain("Your request for "), what, chat.Plain(" was approved, but nothing could be granted, and nothing is left in any system. Ask your administrator about the reason below, or request it again.")}
		if undoing(r) {
			c.Body = chat.Text{chat.Plain("Your request for "), what, chat.Plain(" was approved, but nothing could be granted. What was begun is being taken back. There is nothing you need to do; this message changes when it is done.")}
		}
		if r.Trigger == flows.TriggerAutomatic {
			c.Body = notGiven(r)
		}
		for _, g := range r.Groups {
			c.Notes = append(c.Notes, chat.Text{chat.Bold(g.Integration + ": "), chat.Plain(g.Problem)})
		}
	case flows.TopicRequest, flows.TopicAsked, flows.TopicApproved, flows.TopicDenied, flows.TopicGranted, flows.TopicAccess, flows.TopicExplain, flows.TopicOverdue, flows.TopicOverdueOver,
		flows.TopicReminder, flows.TopicExtensionReminder, flows.TopicExtension, flows.TopicExtended, flows.TopicNotExtended, flows.TopicEndingSoon:
	}
	if !undoing(r) && r.Trigger != flows.TriggerAutomatic && (r.Requestor.Is(email) || !has(r, email)) {
		c.Actions = []chat.Action{button(r, chat.ActionAgain, "Request again", "")}
	}
	return c
}

// takenBack says what is left of an access that ended.
func takenBack(r flows.Request, email string) string {
	text := "It was taken back in every system"
	if slices.ContainsFunc(r.Groups, func(g flows.AccessGroup) bool { return g.Kept }) {
		who := "you have"
		if !has(r, email) {
			who = r.Grantee.DisplayName() + " has"
		}
		text += ", but for what " + who + " by another request too"
	}
	var stated []string
	for _, g := range r.Groups {
		if g.DeclaredGone {
			stated = append(stated, g.Integration)
		}
	}
	switch len(stated) {
	case 0:
		return text + "."
	case len(r.Groups):
		return "The operator of the bot states that it is gone; " + list(stated) + " did not confirm it."
	}
	return text + ", but in " + list(stated) + ": there the operator of the bot states that it is gone."
}

// undoing reports whether something that could not be granted is still being taken back.
func undoing(r flows.Request) bool {
	return slices.ContainsFunc(r.Groups, func(g flows.AccessGroup) bool { return g.Status == flows.GroupUndoing })
}
