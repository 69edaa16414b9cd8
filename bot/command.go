package bot

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"apono/bot/chat"
	"apono/flows"
)

// Command answers what somebody typed after the slash command.
func (s *Service) Command(ctx context.Context, c chat.Command) chat.Answer {
	w := s.World()
	var p *flows.Person
	var err error
	switch s.Foretell(c) {
	case chat.MannerOpens:
		p, err = s.opener(ctx, w, c.User)
	case chat.MannerActs:
		p, err = s.person(ctx, w, c.User)
	case chat.MannerTells:
		p, err = s.onlooker(ctx, w, c.User)
	}
	if err != nil {
		return s.refuse(ctx, "command", err)
	}
	verb, rest := firstWord(c.Text)
	switch strings.ToLower(verb) {
	case "":
		return s.openRequest(w, p, selection{}, s.now())
	case "request":
		if c.About != "" {
			return s.openRequest(w, p, selection{justification: "See " + firstRunes(c.About, flows.MaxReason/2) + "\n"}, s.now())
		}
		return s.requestLine(w, p, c.User, rest, s.now())
	case "requests":
		return s.requests(ctx, p, newest, s.now())
	case "tasks":
		return s.tasks(ctx, w, p, newest, s.now())
	case "activity":
		return s.activityLine(ctx, w, p, c.User, rest, s.now())
	case "revoke":
		return s.revokeLine(ctx, w, p, c.User, rest)
	case "explain":
		return s.explain(w, p, c.User, rest, s.now())
	case "delegate":
		return s.delegateLine(ctx, w, p, c.User, rest)
	case "help":
		return s.help(c.User, "")
	default:
		return s.help(c.User, c.Text)
	}
}

// Foretell says what a command will do.
func (s *Service) Foretell(c chat.Command) chat.Manner {
	verb, rest := firstWord(c.Text)
	switch strings.ToLower(verb) {
	case "", "request":
		return chat.MannerOpens
	case "delegate":
		if rest != "" {
			return chat.MannerActs
		}
	case "revoke":
		return chat.MannerActs
	}
	return chat.MannerTells
}

// ForetellClick says what a press will do, without asking anybody who made it.
func (s *Service) ForetellClick(c chat.Click) chat.Manner {
	if c.Action.Opens() {
		return chat.MannerOpens
	}
	if c.Action == chat.ActionApprove && s.reasoned(c.Target) {
		return chat.MannerOpens
	}
	return chat.MannerActs
}

// reasoned reports whether whoever approves what waits for a decision has to say why.
func (s *Service) reasoned(t chat.Target) bool {
	r, err := s.Store.Request(t.Request)
	if err != nil || r.Stamp != t.Stamp {
		return false
	}
	if t.Extension != 0 {
		if r, _ = r.ExtensionView(t.Extension); r.ID == "" {
			return false
		}
	}
	f, ok := s.World().Catalog.Flow(r.Flow)
	return r.State == flows.StatePending && (r.Need.RequireReason || ok && f.Settings.RequireApproverReason)
}

// verbs are the words that a command may begin with.
var verbs = []string{"request", "requests", "tasks", "activity", "revoke", "explain", "delegate", "help"}

// typed is what people of a platform type: "/apono" where there are slash commands,
// else a message that begins with the name.
func (s *Service) typed(u chat.User) string {
	if u.Platform == "teams" {
		return strings.TrimPrefix(s.CommandName, "/")
	}
	return s.CommandName
}

func (s *Service) help(u chat.User, unknown string) chat.Answer {
	c := chat.Card{Title: "What you can type", Fallback: "What you can type"}
	if unknown != "" {
		c.Status = chat.Text{chat.Plain("I did not understand "), chat.Code(firstRunes(unknown, 80)), chat.Plain(".")}
		verb, rest := firstWord(unknown)
		if near := flows.Nearest(strings.ToLower(verb), verbs); near != "" {
			c.Status = append(c.Status, chat.Plain(" Did you mean "), chat.Code(firstRunes(strings.TrimSpace(s.typed(u)+" "+near+" "+rest), 80)), chat.Plain("?"))
		}
		c.Fallback = "I did not understand that"
	}
	line := func(typed, does string) {
		c.Notes = append(c.Notes, chat.Text{chat.Code(s.typed(u) + typed), chat.Plain("  " + does)})
	}
	line("", "opens the request form")
	line(" request", "opens the request form")
	line(" request BUNDLE for 2h because REASON", "opens it filled in")
	line(" requests", "lists your requests")
	line(" tasks", "lists what waits for your decision")
	line(" activity", "admins: lists what everybody asked for; activity alice@example.com in INTEGRATION status active last 7d: a part of it")
	line(" revoke AR-12", "ends an active access")
	line(" explain", "says what you may ask for, and who would be asked; explain BUNDLE: of a bundle")
	line(" delegate @bob until friday", "lets Bob decide in your place until then; delegate: lists, delegate stop: ends it")
	line(" help", "shows this")
	return chat.Answer{Private: &c}
}

// Greet says to somebody who just got the bot what it is for.
func (s *Service) Greet(ctx context.Context, u chat.User) (chat.Card, bool) {
	if _, err := s.onlooker(ctx, s.World(), u); err != nil {
		s.note(ctx, "greeting", err)
		return chat.Card{}, false
	}
	name := s.typed(u)
	return chat.Card{
		Title: "Hello",
		Body: chat.Text{
			chat.Plain("Here you ask for access to systems, for as long as you need it. I ask whoever decides about it; where that is you, I write to you here. Write "),
			chat.Code(name), chat.Plain(" to ask for something, "), chat.Code(name + " requests"), chat.Plain(" to see what you asked for, "),
			chat.Code(name + " tasks"), chat.Plain(" to see what waits for you, and "), chat.Code(name + " help"), chat.Plain(" for everything else."),
		},
		Fallback: "Hello. Write " + name + " to ask for access.",
	}, true
}

// firstWord cuts after the first word, at any white space.
func firstWord(s string) (word, rest string) {
	s = strings.TrimSpace(s)
	if i := strings.IndexFunc(s, unicode.IsSpace); i >= 0 {
		return s[:i], strings.TrimSpace(s[i:])
	}
	return s, ""
}

// firstRunes keeps at most n runes; of what is longer the last one is a marker.
func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func (s *Service) revokeLine(ctx context.Context, w flows.World, p *flows.Person, u chat.User, rest string) chat.Answer {
	id, reason := firstWord(rest)
	id = strings.ToUpper(strings.TrimRight(id, ".,:;"))
	if at := because.FindStringIndex(reason); at != nil && at[0] == 0 {
		reason = strings.TrimSpace(reason[at[1]:])
	}
	if !requestID.MatchString(id) {
		return chat.Say("Please name the request, for example: " + s.typed(u) + " revoke AR-12")
	}
	return s.endAccess(ctx, w, p, id, reason, "The access of "+id+" is being ended.")
}

var requestID = regexp.MustCompile(`^AR-[1-9][0-9]{0,17}$`)

// ParseDuration reads what people type: "90m", "8h", "5d", "2w", "1h30m",
// "2 hours", "half an hour", and plain hours ("1.5" and "1,5" mean an hour and a half).
// At least a second.
// Error: flows.CodeInvalid.
func ParseDuration(text string) (time.Duration, error) {
	bad := flows.Errorf(flows.CodeInvalid, "%q is not a duration. Please write for example 30m, 2h or 1d.", firstRunes(text, 40))
	words := strings.Fields(strings.ToLower(text))
	half := len(words) > 0 && words[0] == "half"
	if half {
		words = words[1:]
	}
	if len(words) > 1 && (words[0] == "a" || words[0] == "an" || words[0] == "one") {
		words[0] = "1"
	}
	if twoNumbers.MatchString(strings.Join(words, " ")) {
		return 0, bad
	}
	t := longUnits.Replace(decimalComma.ReplaceAllString(strings.Join(words, ""), "$1.$2$3"))
	if _, err := strconv.ParseFloat(t, 64); err == nil {
		t += "h"
	}
	d, err := flows.ParseDuration(t)
	if half {
		d /= 2
	}
	if err != nil || d < time.Second {
		return 0, bad
	}
	return d, nil
}

var twoNumbers = regexp.MustCompile(`[0-9.,] [0-9.,]`) // "1 2h" is no twelve hours

var decimalComma = regexp.MustCompile(`^([0-9]+),([0-9]{1,2})([a-z]*)$`)

var longUnits = strings.NewReplacer(
	"weeks", "w", "week", "w", "days", "d", "day", "d", "hours", "h", "hour", "h", "hrs", "h", "hr", "h",
	"minutes", "m", "minute", "m", "mins", "m", "min", "m", "seconds", "s", "second", "s", "secs", "s", "sec", "s")

// openRequest opens the request form.
func (s *Service) openRequest(w flows.World, p *flows.Person, sel selection, now time.Time) chat.Answer {
	form := s.requestForm(w, p, sel, now)
	return chat.Answer{Open: &form}
}

// again opens the request form filled in like an earlier request.
func (s *Service) again(w flows.World, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	if !w.Same(r.Requestor, p) {
		return chat.Say(flows.ErrorMessage(notFor(chat.ActionAgain, r.ID)))
	}
	return s.openRequest(w, p, selectionOf(w, r), now)
}
