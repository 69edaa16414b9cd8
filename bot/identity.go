package bot

import (
	"context"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// person finds out who a chat user is. Whoever cannot be told for certain is
// refused: bots, guests, deactivated accounts, accounts of other workspaces,
// addresses that are not verified, belong to two people, or to another account of
// the platform as well. A bound account id
// goes before an address, and an address never stands in for a person who is
// bound to another account. Whoever acts is asked about before those who look.
func (s *Service) person(ctx context.Context, w flows.World, u chat.User) (*flows.Person, error) {
	return s.known(ctx, w, u, chat.PriorityNow)
}

// onlooker is person for somebody who only looks at what is theirs: a home, a list.
// However many do, whoever presses a button is not held up by them.
func (s *Service) onlooker(ctx context.Context, w flows.World, u chat.User) (*flows.Person, error) {
	return s.known(ctx, w, u, chat.PriorityRequester)
}

func (s *Service) known(ctx context.Context, w flows.World, u chat.User, haste chat.Priority) (*flows.Person, error) {
	p, acc, err := s.account(ctx, w, u, haste)
	if err != nil || isBound(p, acc) {
		return p, err
	}
	shared, err := s.Accounts.Shared(ctx, acc, haste)
	if err != nil {
		return nil, nobody(err)
	}
	if shared {
		return nil, twin(acc)
	}
	return p, nil
}

// reader is the address of somebody who presses; empty: it is not known.
func (s *Service) reader(ctx context.Context, u chat.User) string {
	p, err := s.onlooker(ctx, s.World(), u)
	if err != nil {
		return ""
	}
	return p.Email
}

// twin is the error where another account has the address of this one.
func twin(acc chat.Account) error {
	return flows.Errorf(flows.CodeForbidden, "Two accounts here have the address %s, so I cannot tell which of them is yours. "+
		"Please use the other one, or ask your administrator to bind this one to you in the directory.", acc.Email)
}

// nobody is the error where a platform does not say who somebody is.
func nobody(err error) error {
	return &flows.Error{Code: flows.CodeInternal, Message: "I could not find out who you are, so nothing was done. Please try again in a moment.", Err: err}
}

// twinPatience is how long somebody waits for the request form to know whether another
// account has their address.
const twinPatience = 2 * time.Second

// opener is person for somebody who opens the request form. Whoever shares an address
// learns that before they fill anything in, if the platform can be asked at once; to ask
// it for everybody in a rush is more than Slack answers, so else the submission tells.
func (s *Service) opener(ctx context.Context, w flows.World, u chat.User) (*flows.Person, error) {
	p, acc, err := s.visitor(ctx, w, u)
	if err != nil || isBound(p, acc) {
		return p, err
	}
	ctx, cancel := context.WithTimeout(ctx, twinPatience)
	defer cancel()
	shared, err := s.Accounts.Shared(ctx, acc, chat.PriorityForm)
	switch {
	case err != nil:
		s.Log.DebugContext(ctx, "a form opens before it is known whether two accounts share an address", "err", err)
	case shared:
		return nil, twin(acc)
	}
	return p, nil
}

// visitor is person for somebody who fills in the request form and does nothing yet. It
// leaves out whether another account has the same address, because each change of a form
// would ask it. Whoever presses a button is asked about first.
func (s *Service) visitor(ctx context.Context, w flows.World, u chat.User) (*flows.Person, chat.Account, error) {
	return s.account(ctx, w, u, chat.PriorityForm)
}

func (s *Service) account(ctx context.Context, w flows.World, u chat.User, haste chat.Priority) (*flows.Person, chat.Account, error) {
	acc, err := s.Accounts.Account(ctx, u, haste)
	if err != nil {
		return nil, acc, nobody(err)
	}
	acc.User = u
	p, err := member(w, acc)
	return p, acc, err
}

// isBound reports whether the directory binds this very account to the person.
func isBound(p *flows.Person, acc chat.Account) bool {
	if acc.Platform == "teams" {
		return p.TeamsID == acc.ID
	}
	return p.SlackID == acc.ID
}

// member finds the person of an account.
func member(w flows.World, acc chat.Account) (*flows.Person, error) {
	place := "workspace"
	if acc.Platform == "teams" {
		place = "organisation"
	}
	switch {
	case acc.Bot:
		return nil, flows.Errorf(flows.CodeForbidden, "Bots cannot use this.")
	case acc.Deactivated:
		return nil, flows.Errorf(flows.CodeForbidden, "Your account is deactivated.")
	case acc.External:
		return nil, flows.Errorf(flows.CodeForbidden, "People of other %ss cannot use this.", place)
	case acc.Guest:
		return nil, flows.Errorf(flows.CodeForbidden, "Guests cannot use this. Please ask a member of the %s.", place)
	}
	p, err := bound(w, acc.User)
	if flows.ErrorCode(err) == flows.CodeNotFound {
		p, err = byVerifiedAddress(w, acc)
	}
	if err != nil {
		return nil, err
	}
	if p.Disabled {
		return nil, flows.Errorf(flows.CodeForbidden, "You are deactivated in the directory.")
	}
	return p, nil
}

// bound finds the person who is bound to an account.
func bound(w flows.World, u chat.User) (*flows.Person, error) {
	switch u.Platform {
	case "slack":
		return w.People.BySlackID(u.ID)
	case "teams":
		return w.People.ByTeamsID(u.ID)
	}
	return nil, flows.Errorf(flows.CodeForbidden, "I do not know the platform you come from.")
}

func byVerifiedAddress(w flows.World, acc chat.Account) (*flows.Person, error) {
	if acc.Email == "" || !acc.EmailVerified {
		return nil, flows.Errorf(flows.CodeForbidden, "Your account has no verified e-mail address, so I cannot tell who you are.")
	}
	p, err := w.People.ByEmail(acc.Email)
	if flows.ErrorCode(err) == flows.CodeAmbiguous {
		return nil, flows.Errorf(flows.CodeForbidden, "%s Please ask your administrator to take it from one of them.", flows.ErrorMessage(err))
	}
	if flows.ErrorCode(err) == flows.CodeNotFound {
		return nil, flows.Errorf(flows.CodeForbidden, "I do not know you: %s is not in the directory. Please ask your administrator.", acc.Email)
	}
	if err != nil {
		return nil, err
	}
	bound := p.SlackID
	if acc.Platform == "teams" {
		bound = p.TeamsID
	}
	if bound != "" && bound != acc.ID {
		return nil, flows.Errorf(flows.CodeForbidden, "%s is bound to another account, so this one cannot act for them.", p.Email)
	}
	return p, nil
}
