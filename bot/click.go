package bot

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// Click answers a press on a card. Rights are judged here, now.
func (s *Service) Click(ctx context.Context, c chat.Click) chat.Answer {
	w := s.World()
	p, err := s.person(ctx, w, c.User)
	if err != nil {
		return s.refuse(ctx, "click", err)
	}
	now := time.Now()
	r, err := s.Store.Request(c.Target.Request)
	if err != nil {
		if flows.ErrorCode(err) == flows.CodeNotFound {
			err = notFor(c)
		}
		return s.refuse(ctx, "click", err)
	}
	switch c.Action {
	case chat.ActionApprove:
		return s.decide(ctx, w, p, &r, flows.VerbApprove, now)
	case chat.ActionDeny:
		return s.decide(ctx, w, p, &r, flows.VerbDeny, now)
	case chat.ActionDetails:
		return s.details(w, p, &r, now)
	case chat.ActionEndAccess:
		return s.endAccess(ctx, w, p, r.ID, "", "")
	case chat.ActionWithdraw:
		return s.withdraw(ctx, p, &r, now)
	case chat.ActionAgain:
		return s.again(w, p, &r, now)
	case chat.ActionCredentials:
		return s.credentials(ctx, p, &r, c.Target.Integration)
	case chat.ActionReset:
		return s.reset(ctx, p, &r, c.Target.Integration, now)
	case chat.ActionMode:
	}
	return chat.Say("This button is from another version of the bot. Please open the latest message.")
}

func notFor(c chat.Click) error {
	return flows.Errorf(flows.CodeForbidden, "You are not an approver of %s.", firstRunes(c.Target.Request, 20))
}

// right judges whether a person may decide. Whoever may not learns that and
// nothing else; whoever may, or was asked, learns where the request stands.
func right(w flows.World, p *flows.Person, r *flows.Request) (flows.Right, error) {
	got, err := w.MayDecide(r, p)
	asked := slices.ContainsFunc(r.Asked, func(a flows.Asked) bool { return a.Is(p.Email) })
	if r.State != flows.StatePending && (err == nil || asked) {
		return got, flows.Errorf(flows.CodeLate, "%s", r.Standing())
	}
	if err != nil && !asked {
		return got, flows.Errorf(flows.CodeForbidden, "You are not an approver of %s.", r.ID)
	}
	return got, err
}

func (s *Service) decide(ctx context.Context, w flows.World, p *flows.Person, r *flows.Request, verb flows.Verb, now time.Time) chat.Answer {
	got, err := right(w, p, r)
	if err != nil {
		return s.refuse(ctx, string(verb), err)
	}
	if verb == flows.VerbDeny || r.Need.RequireReason {
		state, err := json.Marshal(reasonState{Request: r.ID, Verb: verb})
		if err != nil {
			return s.refuse(ctx, string(verb), err)
		}
		form := cards.Reason(*r, verb, r.Need.RequireReason, string(state))
		return chat.Answer{Open: &form}
	}
	if _, err := s.record(ctx, r.ID, p, got, verb, "", now); err != nil {
		return s.refuse(ctx, string(verb), err)
	}
	return chat.Answer{}
}

// record commits a decision. A request whose time has passed is timed out at
// once, so that the card tells the truth before the next sweep.
func (s *Service) record(ctx context.Context, id string, p *flows.Person, got flows.Right, verb flows.Verb, reason string, now time.Time) (flows.Request, error) {
	kind := flows.EventApprove
	if verb == flows.VerbDeny {
		kind = flows.EventDeny
	}
	r, err := s.Store.Apply(ctx, now, id, flows.Event{Kind: kind, By: p.Ref(), Reason: reason, Why: got.Why, CountsFor: got.Groups})
	if flows.ErrorCode(err) == flows.CodeLate {
		if _, dueErr := s.Store.Apply(ctx, now, id, flows.Event{Kind: flows.EventDue}); dueErr != nil && flows.ErrorCode(dueErr) != flows.CodeLate {
			s.Log.WarnContext(ctx, "could not time a request out at the click", "request", id, "err", dueErr)
		}
	}
	return r, err
}

type reasonState struct {
	Request string     `json:"r"`
	Verb    flows.Verb `json:"v"`
}

func (s *Service) submitReason(ctx context.Context, w flows.World, p *flows.Person, e chat.FormEvent, now time.Time) chat.Submitted {
	var st reasonState
	if err := json.Unmarshal([]byte(e.State), &st); err != nil || (st.Verb != flows.VerbApprove && st.Verb != flows.VerbDeny) {
		return notice("Not done", "This dialog is from another version of the bot. Please press the button again.")
	}
	r, err := s.Store.Request(st.Request)
	if err != nil {
		return notice("Not done", "You are not an approver of "+firstRunes(st.Request, 20)+".")
	}
	got, err := right(w, p, &r)
	if err == nil {
		_, err = s.record(ctx, r.ID, p, got, st.Verb, e.Values.First(cards.FieldReason), now)
	}
	if err != nil {
		s.note(ctx, string(st.Verb), err)
		if flows.ErrorCode(err) == flows.CodeInvalid {
			return chat.Submitted{Errors: map[string]string{cards.FieldReason: flows.ErrorMessage(err)}}
		}
		return notice("Not done", flows.ErrorMessage(err))
	}
	return chat.Submitted{}
}

func notice(title, sentence string) chat.Submitted {
	f := cards.Notice(title, sentence)
	return chat.Submitted{Show: &f}
}

func (s *Service) details(w flows.World, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	_, err := right(w, p, r)
	involved := r.Requestor.Is(p.Email) || r.Grantee.Is(p.Email) || w.IsAdmin(p)
	if flows.ErrorCode(err) == flows.CodeForbidden && !involved {
		return chat.Say(flows.ErrorMessage(err))
	}
	form := cards.Details(*r, now)
	return chat.Answer{Open: &form}
}

// endAccess ends the access of a request. done is the private answer; the
// redrawn card is the answer where it is empty.
func (s *Service) endAccess(ctx context.Context, w flows.World, p *flows.Person, id, reason, done string) chat.Answer {
	r, err := s.Store.Request(id)
	if err == nil {
		err = w.MayEnd(&r, p)
	}
	if err != nil {
		if flows.ErrorCode(err) != flows.CodeInternal {
			err = flows.Errorf(flows.CodeForbidden, "You may not end %s; its grantee, requestor, approvers and the admins may.", id)
		}
		return s.refuse(ctx, "end access", err)
	}
	if r.State == flows.StatePending {
		return chat.Say(r.ID + " is still waiting for approval, so there is nothing to end.")
	}
	if _, err := s.Store.Apply(ctx, time.Now(), id, flows.Event{Kind: flows.EventRevoke, By: p.Ref(), Reason: firstRunes(reason, flows.MaxReason)}); err != nil {
		return s.refuse(ctx, "end access", err)
	}
	if done == "" {
		return chat.Answer{}
	}
	return chat.Say(done)
}

func (s *Service) withdraw(ctx context.Context, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	if !r.Requestor.Is(p.Email) {
		return s.refuse(ctx, "withdraw", flows.Errorf(flows.CodeForbidden, "Only the requester can withdraw %s.", r.ID))
	}
	if _, err := s.Store.Apply(ctx, now, r.ID, flows.Event{Kind: flows.EventWithdraw, By: p.Ref()}); err != nil {
		return s.refuse(ctx, "withdraw", err)
	}
	return chat.Answer{}
}

// credentials opens a dialog first and spends the secret only once the dialog is
// on the grantee's screen.
func (s *Service) credentials(ctx context.Context, p *flows.Person, r *flows.Request, integration string) chat.Answer {
	view := flows.Event{Kind: flows.EventView, By: p.Ref(), Integration: integration}
	if !r.Grantee.Is(p.Email) {
		return s.refuse(ctx, "credentials", flows.Errorf(flows.CodeForbidden, "Only the person who has the access can see these credentials."))
	}
	if _, _, err := flows.Next(*r, view, time.Now()); err != nil {
		return s.refuse(ctx, "credentials", err)
	}
	loading := cards.Loading("Credentials")
	id := r.ID
	return chat.Answer{Open: &loading, Then: func(ctx context.Context) *chat.Form {
		form := s.reveal(ctx, id, integration, view)
		return &form
	}}
}

func (s *Service) reveal(ctx context.Context, id, integration string, view flows.Event) chat.Form {
	fail := func(err error) chat.Form {
		s.note(ctx, "credentials", err)
		return cards.Notice("Credentials", flows.ErrorMessage(err))
	}
	sealed, ok, err := s.Store.Sealed(id, integration)
	if err != nil {
		return fail(err)
	}
	if !ok {
		return fail(flows.Errorf(flows.CodeLate, "These credentials are not there any more."))
	}
	plain, err := s.Opener.Open(sealed)
	if err != nil {
		return fail(&flows.Error{Code: flows.CodeInternal, Message: "The credentials cannot be opened. Use Reset credentials, or ask your administrator.", Err: err})
	}
	secrets, err := DecodeSecrets(plain)
	if err != nil {
		return fail(err)
	}
	r, err := s.Store.Apply(ctx, time.Now(), id, view)
	if err != nil {
		return fail(err)
	}
	g, _ := r.Group(integration)
	return cards.Credentials(integration, g.Details, secrets, g.CanReset)
}

// DecodeSecrets reads the plain text of sealed credentials: a JSON list of
// {"name", "value"}.
func DecodeSecrets(plain []byte) ([]cards.Secret, error) {
	var lines []struct{ Name, Value string }
	if err := json.Unmarshal(plain, &lines); err != nil {
		// The decoder's words could quote the secret.
		return nil, flows.Errorf(flows.CodeInternal, "The credentials cannot be read. Use Reset credentials, or ask your administrator.")
	}
	out := make([]cards.Secret, len(lines))
	for i, l := range lines {
		out[i] = cards.Secret{Name: l.Name, Value: flows.Secret(l.Value)}
	}
	return out, nil
}

func (s *Service) reset(ctx context.Context, p *flows.Person, r *flows.Request, integration string, now time.Time) chat.Answer {
	if !r.Grantee.Is(p.Email) {
		return s.refuse(ctx, "reset", flows.Errorf(flows.CodeForbidden, "Only the person who has the access can reset these credentials."))
	}
	if _, err := s.Store.Apply(ctx, now, r.ID, flows.Event{Kind: flows.EventReset, By: p.Ref(), Integration: integration}); err != nil {
		return s.refuse(ctx, "reset", err)
	}
	return chat.Answer{}
}
