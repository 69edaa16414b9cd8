package bot

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// delegateForm cuts "@bob until friday" before the first word that begins a period.
var delegateForm = regexp.MustCompile(`(?is)^(?:to\s+)?(.*?)\s*\b((?:until|till|for)(?:\s.*)?)$`)

// laterBegin is a beginning that somebody wrote after the person.
var laterBegin = regexp.MustCompile(`(?i)\S\s+(?:from|starting|as of)\s`)

// delegateLine lists delegations, ends one, or hands approvals over. It may be repeated.
func (s *Service) delegateLine(ctx context.Context, w flows.World, p *flows.Person, u chat.User, line string) chat.Answer {
	if s.Delegations == nil {
		return chat.Say("Approvals cannot be handed over here.")
	}
	now := s.now()
	verb, rest := firstWord(line)
	switch strings.ToLower(verb) {
	case "":
		return s.delegations(w, p, u)
	case "stop", "end", "off":
		return s.stopLine(ctx, w, p, rest, now)
	}
	hint := " Please write for example: " + s.delegateHint(u)
	m := delegateForm.FindStringSubmatch(line)
	switch {
	case m == nil:
		return chat.Say("Please say until when." + hint)
	case strings.TrimSpace(m[1]) == "":
		return chat.Say("Please say who decides in your place." + hint)
	}
	to, err := s.delegate(ctx, w, u, strings.TrimSpace(m[1]))
	switch {
	case err == nil:
	case strings.Count(m[1], "@") > 1:
		return chat.Say("Please name one person." + hint)
	case laterBegin.MatchString(m[1]):
		return chat.Say("It begins at once; a later beginning cannot be chosen." + hint)
	default:
		return s.refuse(ctx, "delegate", err)
	}
	zone, known, err := s.zoneOf(ctx, p, u)
	if err != nil {
		return s.refuse(ctx, "delegate", err)
	}
	until, err := ParseUntil(m[2], now, zone)
	if err == nil {
		err = w.CheckDelegation(p, to, until, now)
	}
	if err != nil {
		return s.refuse(ctx, "delegate", err)
	}
	d := flows.Delegation{From: p.Ref(), To: to.Ref(), Since: now.UTC(), Until: until}
	d.ID = hash(d.From.Email + "\n" + d.To.Email + "\n" + until.Format(time.RFC3339)) // a repeat of the line means the same
	before, _ := w.DelegationOf(p)
	if err := s.Delegations.Delegate(ctx, now, d); err != nil {
		return s.refuse(ctx, "delegate", err)
	}
	card := cards.Delegated(d, before.To, w.DelegatedTo(p))
	if !known {
		card.Notes = append(card.Notes, chat.T("I do not know your time zone, so I read times as UTC."))
	}
	return chat.Answer{Private: &card}
}

func (s *Service) delegateHint(u chat.User) string { return s.typed(u) + " delegate @bob until friday" }

func (s *Service) delegations(w flows.World, p *flows.Person, u chat.User) chat.Answer {
	var given []flows.Delegation
	if d, ok := w.DelegationOf(p); ok {
		given = append(given, d)
	}
	card := cards.Delegations(given, w.DelegatedTo(p), s.delegateHint(u))
	return chat.Answer{Private: &card}
}

// zoneOf is the time zone of a person: that of the directory, else that of the account.
func (s *Service) zoneOf(ctx context.Context, p *flows.Person, u chat.User) (zone *time.Location, known bool, err error) {
	acc, err := s.Accounts.Account(ctx, u, chat.PriorityNow)
	if err != nil {
		return nil, false, nobody(err)
	}
	for _, name := range []string{p.TimeZone, acc.TimeZone} {
		if zone, err := time.LoadLocation(name); err == nil && name != "" && name != "Local" {
			return zone, true, nil
		}
	}
	return time.UTC, false, nil
}

// delegate finds who is to decide in the place of somebody, and refuses whom the bot
// would refuse as an approver.
func (s *Service) delegate(ctx context.Context, w flows.World, u chat.User, text string) (*flows.Person, error) {
	if m := mention.FindStringSubmatch(text); m != nil && u.Platform == "slack" {
		acc, err := s.Accounts.Account(ctx, chat.User{Platform: u.Platform, ID: m[1]}, chat.PriorityNow)
		if err != nil {
			return nil, nobody(err)
		}
		if err := fitToDecide(acc, "That account"); err != nil {
			return nil, err
		}
		p, err := member(w, acc)
		if err != nil {
			return nil, flows.Errorf(flows.CodeInvalid, "I cannot tell who that account is. Please write the e-mail address.")
		}
		return p, nil
	}
	p, err := personCalled(w, text)
	if err != nil {
		return nil, err
	}
	f, ok := s.Accounts.(Finder)
	if !ok || p.Disabled { // a deactivated person is refused with a better sentence
		return p, nil
	}
	acc, err := f.Find(ctx, u.Platform, p)
	if flows.ErrorCode(err) == flows.CodeNotFound {
		return nil, flows.Errorf(flows.CodeInvalid, "%s cannot be reached in chat, so they could not decide. Please name somebody else.", p.Ref().DisplayName())
	}
	if err != nil {
		return nil, &flows.Error{Code: flows.CodeInternal, Message: "I could not look up " + p.Ref().DisplayName() + ", so nothing was done. Please try again in a moment.", Err: err}
	}
	return p, fitToDecide(acc, p.Ref().DisplayName())
}

// fitToDecide refuses accounts that could press nothing.
func fitToDecide(acc chat.Account, name string) error {
	what := ""
	switch {
	case acc.Bot:
		what = "is a bot"
	case acc.Deactivated:
		what = "is deactivated"
	case acc.External:
		what = "belongs to another workspace"
	case acc.Guest:
		what = "is a guest"
	default:
		return nil
	}
	return flows.Errorf(flows.CodeInvalid, "%s %s and could not decide. Please name somebody else.", name, what)
}

// stopLine ends what a person has handed over or, where they name somebody, also what
// that one handed to them.
func (s *Service) stopLine(ctx context.Context, w flows.World, p *flows.Person, text string, now time.Time) chat.Answer {
	given, gave := w.DelegationOf(p)
	if text == "" {
		if !gave {
			return chat.Say("You have not handed your approvals to anybody.")
		}
		return s.stopDelegation(ctx, w, p, given.ID, now)
	}
	other, err := personCalled(w, text)
	if err != nil {
		return s.refuse(ctx, "delegate", err)
	}
	if gave && w.Same(given.To, other) {
		return s.stopDelegation(ctx, w, p, given.ID, now)
	}
	for _, d := range w.DelegatedTo(p) {
		if w.Same(d.From, other) {
			return s.stopDelegation(ctx, w, p, d.ID, now)
		}
	}
	return chat.Say("Neither of you stands in for the other: you and " + other.Ref().DisplayName() + ".")
}

// stopDelegation ends a delegation on the word of either of the two.
func (s *Service) stopDelegation(ctx context.Context, w flows.World, p *flows.Person, id string, now time.Time) chat.Answer {
	all := w.Delegations.All()
	i := slices.IndexFunc(all, func(d flows.Delegation) bool { return d.ID == id && (w.Same(d.From, p) || w.Same(d.To, p)) })
	if i < 0 || s.Delegations == nil {
		return chat.Say("That delegation is over.")
	}
	d := all[i]
	if err := s.Delegations.EndDelegation(ctx, now, id, p.Ref()); err != nil {
		return s.refuse(ctx, "delegate", err)
	}
	if w.Same(d.From, p) {
		return chat.Say("Stopped: " + d.To.DisplayName() + " does not decide in your place any more, and was told so. You are asked again.")
	}
	return chat.Say("Stopped: you do not stand in for " + d.From.DisplayName() + " any more, and they were told so. They are asked again.")
}
