package bot

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// Command answers what somebody typed after the slash command.
func (s *Service) Command(ctx context.Context, c chat.Command) chat.Answer {
	w := s.World()
	p, err := s.person(ctx, w, c.User)
	if err != nil {
		return s.refuse(ctx, "command", err)
	}
	verb, rest, _ := strings.Cut(strings.TrimSpace(c.Text), " ")
	rest = strings.TrimSpace(rest)
	switch strings.ToLower(verb) {
	case "":
		return s.openRequest(w, p, selection{}, time.Now())
	case "request":
		return s.requestLine(w, p, rest, time.Now())
	case "revoke":
		return s.revokeLine(ctx, w, p, rest)
	case "help":
		return s.help("")
	default:
		return s.help(c.Text)
	}
}

func (s *Service) help(unknown string) chat.Answer {
	c := chat.Card{Title: "What you can type", Fallback: "What you can type"}
	if unknown != "" {
		c.Status = chat.Text{chat.Plain("I did not understand "), chat.Code(firstRunes(unknown, 80)), chat.Plain(".")}
		c.Fallback = "I did not understand that"
	}
	line := func(typed, does string) {
		c.Notes = append(c.Notes, chat.Text{chat.Code(s.CommandName + typed), chat.Plain("  " + does)})
	}
	line("", "opens the request form")
	line(" request", "opens the request form")
	line(" request BUNDLE for 2h because REASON", "opens it filled in")
	line(" revoke AR-12", "ends an active access")
	line(" help", "shows this")
	return chat.Answer{Private: &c}
}

func firstRunes(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n]) + "…"
	}
	return s
}

var forDuration = regexp.MustCompile(`(?i)^(?:(.*)\s)?for\s+(\S+)$`)

// requestLine reads "BUNDLE for 2h because INC-12 is burning". Everything after
// "because" is the justification.
func (s *Service) requestLine(w flows.World, p *flows.Person, line string, now time.Time) chat.Answer {
	sel := selection{}
	head, why, found := cutWord(line, "because")
	if found {
		sel.justification = why
	}
	if m := forDuration.FindStringSubmatch(head); m != nil {
		if _, err := ParseDuration(m[2]); err != nil {
			return chat.Say(flows.ErrorMessage(err))
		}
		head, sel.duration = strings.TrimSpace(m[1]), m[2]
	}
	if head == "" {
		return s.openRequest(w, p, sel, now)
	}
	for _, name := range w.OfferTo(p).Bundles() {
		if strings.EqualFold(name, head) {
			sel.bundleMode, sel.bundle = true, name
			return s.openRequest(w, p, sel, now)
		}
	}
	return chat.Say("There is no bundle " + firstRunes(head, 80) + " that you may ask for. " + bundleList(w.OfferTo(p).Bundles()))
}

func bundleList(names []string) string {
	if len(names) == 0 {
		return "At the moment there is none; use the form to choose resources."
	}
	return "You may ask for: " + strings.Join(names, ", ") + "."
}

// cutWord cuts around the first occurrence of a word that stands by itself.
func cutWord(s, word string) (before, after string, found bool) {
	lower := strings.ToLower(s)
	for from := 0; ; {
		i := strings.Index(lower[from:], word)
		if i < 0 {
			return strings.TrimSpace(s), "", false
		}
		i += from
		j := i + len(word)
		if (i == 0 || lower[i-1] == ' ') && (j == len(lower) || lower[j] == ' ') && len(lower) == len(s) {
			return strings.TrimSpace(s[:i]), strings.TrimSpace(s[j:]), true
		}
		from = j
	}
}

func (s *Service) revokeLine(ctx context.Context, w flows.World, p *flows.Person, rest string) chat.Answer {
	id, reason, _ := strings.Cut(rest, " ")
	id = strings.ToUpper(id)
	if !requestID.MatchString(id) {
		return chat.Say("Please name the request, for example: " + s.CommandName + " revoke AR-12")
	}
	return s.endAccess(ctx, w, p, id, strings.TrimSpace(reason), "The access of "+id+" is being ended.")
}

var requestID = regexp.MustCompile(`^AR-[1-9][0-9]{0,17}$`)

// ParseDuration reads what people type: "90m", "8h", "5d", "2w", "1h30m",
// "2 hours", and plain hours ("1.5" means an hour and a half).
// Error: flows.CodeInvalid.
func ParseDuration(text string) (time.Duration, error) {
	bad := flows.Errorf(flows.CodeInvalid, "%q is not a duration. Please write for example 30m, 2h or 1d.", firstRunes(text, 40))
	t := longUnits.Replace(strings.ToLower(strings.Join(strings.Fields(text), "")))
	if _, err := strconv.ParseFloat(t, 64); err == nil {
		t += "h"
	}
	d, err := flows.ParseDuration(t)
	if err != nil || d <= 0 {
		return 0, bad
	}
	return d, nil
}

var longUnits = strings.NewReplacer(
	"weeks", "w", "week", "w", "days", "d", "day", "d", "hours", "h", "hour", "h", "hrs", "h",
	"minutes", "m", "minute", "m", "mins", "m", "min", "m", "seconds", "s", "second", "s", "secs", "s", "sec", "s")

// openRequest opens the request form.
func (s *Service) openRequest(w flows.World, p *flows.Person, sel selection, now time.Time) chat.Answer {
	form := s.requestForm(w, p, sel, now)
	return chat.Answer{Open: &form}
}

// again opens the request form filled in like an earlier request.
func (s *Service) again(w flows.World, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	if !r.Requestor.Is(p.Email) {
		return chat.Say("Only the requester can ask for this again.")
	}
	return s.openRequest(w, p, selectionOf(r), now)
}
