package bot

import (
	"context"

	"apono/bot/chat"
	"apono/flows"
)

// person finds out who a chat user is. Whoever cannot be told for certain is
// refused: bots, guests, deactivated accounts, accounts of other workspaces,
// addresses that are not verified, belong to two people, or to another account of
// the platform as well. A bound account id
// goes before an address, and an address never stands in for a person who is
// bound to another account.
func (s *Service) person(ctx context.Context, w flows.World, u chat.User) (*flows.Person, error) {
	acc, err := s.Accounts.Account(ctx, u)
	if err != nil {
		return nil, &flows.Error{Code: flows.CodeInternal, Message: "I could not find out who you are, so nothing was done. Please try again in a moment.", Err: err}
	}
	switch {
	case acc.Bot:
		return nil, flows.Errorf(flows.CodeForbidden, "Bots cannot use this.")
	case acc.Deactivated:
		return nil, flows.Errorf(flows.CodeForbidden, "Your account is deactivated.")
	case acc.External:
		return nil, flows.Errorf(flows.CodeForbidden, "People of other workspaces cannot use this.")
	case acc.Guest:
		return nil, flows.Errorf(flows.CodeForbidden, "Guests cannot use this. Please ask a member of the workspace.")
	}
	p, err := bound(w, u)
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
	if acc.EmailShared {
		return nil, flows.Errorf(flows.CodeForbidden, "Two accounts here have the address %s, so I cannot tell which of them is yours. "+
			"Please use the other one, or ask your administrator to bind this one to you in the directory.", acc.Email)
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
