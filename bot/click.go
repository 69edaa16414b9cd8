package bot

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// Click answers a press on a card. Rights are judged here, now, also for a press that
// was kept over a restart; whoever made that one is told what became of it.
func (s *Service) Click(ctx context.Context, c chat.Click) chat.Answer {
	answer := s.press(ctx, c)
	switch {
	case answer.Later, answer.Open != nil, !c.Replayed && (!c.Target.List || answer.Private != nil):
		return answer
	case !c.Replayed:
		return s.standing(c.Target.Request)
	}
	pressed := cmp.Or(labels[c.Action], "a button")
	if c.Target.Request != "" {
		pressed += " on " + firstRunes(c.Target.Request, 20)
	}
	told := chat.Text{chat.Plain("The bot was restarted after you pressed " + pressed + ". ")}
	if c.Delayed {
		told = chat.Text{chat.Plain("I had trouble when you pressed " + pressed + ". ")}
	}
	if answer.Private == nil {
		told = append(told, chat.Plain("It counts."))
		if r, err := s.Store.Request(c.Target.Request); err == nil {
			told = append(told, chat.Plain(" "+r.CountedFor(s.reader(ctx, c.User))))
		}
		return chat.Answer{Private: &chat.Card{Body: told, Fallback: "Your press counts"}}
	}
	card := *answer.Private
	card.Body = append(told, card.Body...)
	return chat.Answer{Private: &card}
}

// standing is the answer to a press that counted and that no redrawn card shows.
func (s *Service) standing(id string) chat.Answer {
	r, err := s.Store.Request(id)
	if err != nil {
		return chat.Say("Done.")
	}
	card := cards.Standing(r, s.now())
	return chat.Answer{Private: &card}
}

// labels are what the buttons say.
var labels = map[chat.ActionID]string{
	chat.ActionApprove: "Approve", chat.ActionDeny: "Deny", chat.ActionDetails: "Details", chat.ActionEndAccess: "End access",
	chat.ActionLess: "Approve less…", chat.ActionExtend: "Extend", chat.ActionWithdraw: "Withdraw", chat.ActionAgain: "Request again", chat.ActionCredentials: "Show credentials", chat.ActionReset: "Reset credentials", chat.ActionExplain: "Explain",
	chat.ActionProceed: "Proceed", chat.ActionDiscard: "Discard", chat.ActionStopDelegation: "Stop",
	chat.ActionRequest: "Request access", chat.ActionStar: "Add to favorites", chat.ActionUnstar: "Remove from favorites", chat.ActionAskFavorite: "Request",
}

func (s *Service) press(ctx context.Context, c chat.Click) chat.Answer {
	w := s.World()
	var p *flows.Person
	var err error
	//nolint:exhaustive // the others act, or open what is about one request
	switch c.Action {
	case chat.ActionRequest:
		p, err = s.opener(ctx, w, c.User)
	case chat.ActionMoreRequests, chat.ActionMoreTasks, chat.ActionMoreActivity:
		p, err = s.onlooker(ctx, w, c.User)
	default:
		p, err = s.person(ctx, w, c.User)
	}
	if err != nil {
		return s.refuse(ctx, "click", err)
	}
	now := s.now()
	if answer, ok := s.pressOfNone(ctx, w, p, c, now); ok {
		return answer
	}
	r, err := s.meant(ctx, c.Action, c.Target.Request, c.Target.Stamp, now)
	if err != nil {
		return s.refuse(ctx, "click", err)
	}
	switch c.Action {
	case chat.ActionApprove:
		return s.decide(ctx, w, p, &r, c.Target.Extension, flows.VerbApprove, now)
	case chat.ActionDeny:
		return s.decide(ctx, w, p, &r, c.Target.Extension, flows.VerbDeny, now)
	case chat.ActionDetails:
		return s.details(w, p, &r, now)
	case chat.ActionEndAccess:
		return s.endAccess(ctx, w, p, r.ID, "", "")
	case chat.ActionLess:
		return s.less(ctx, w, p, &r, now)
	case chat.ActionExtend:
		return s.extend(ctx, w, p, &r, c.Target.Extension, now)
	case chat.ActionWithdraw:
		return s.withdraw(ctx, w, p, &r, now)
	case chat.ActionAgain:
		return s.again(w, p, &r, now)
	case chat.ActionCredentials:
		return s.credentials(ctx, p, &r, c.Target.Integration)
	case chat.ActionReset:
		return s.reset(ctx, p, &r, c.Target.Integration, now)
	case chat.ActionExplain:
		return s.explainGlass(ctx, p, &r, now)
	case chat.ActionStar:
		return s.star(ctx, w, p, &r, now)
	case chat.ActionMode, chat.ActionMoreRequests, chat.ActionMoreTasks, chat.ActionMoreActivity, chat.ActionProceed, chat.ActionDiscard,
		chat.ActionRequest, chat.ActionPage, chat.ActionUnstar, chat.ActionAskFavorite, chat.ActionStopDelegation:
	}
	return chat.Say(chat.OtherVersion)
}

// pressOfNone answers a press that is about no request.
func (s *Service) pressOfNone(ctx context.Context, w flows.World, p *flows.Person, c chat.Click, now time.Time) (chat.Answer, bool) {
	//nolint:exhaustive // the others are about a request
	switch c.Action {
	case chat.ActionMoreRequests, chat.ActionMoreTasks:
		return s.more(ctx, w, p, c, now), true
	case chat.ActionMoreActivity:
		return s.moreActivity(ctx, w, p, c, now), true
	case chat.ActionProceed, chat.ActionDiscard:
		return s.settle(ctx, w, p, c, now), true
	case chat.ActionRequest:
		return s.openRequest(w, p, selection{}, now), true
	case chat.ActionAskFavorite:
		return s.askFavorite(ctx, w, p, c.Target.Item, now), true
	case chat.ActionUnstar:
		return s.unstar(ctx, p, c.Target.Item), true
	case chat.ActionStopDelegation:
		return s.stopDelegation(ctx, w, p, c.Target.Item, now), true
	}
	return chat.Answer{}, false
}

// notFor is the answer to whoever lacks the right to an action. It is the same
// for a request that does not exist, so that nobody can find out which do.
func notFor(action chat.ActionID, id string) error {
	sentence := map[chat.ActionID]string{
		chat.ActionEndAccess:   "You may not end %s; its grantee, requestor, approvers and the admins may.",
		chat.ActionExtend:      "Only the requester and the person who has the access of %s can extend it.",
		chat.ActionWithdraw:    "Only the requester can withdraw %s.",
		chat.ActionAgain:       "Only the requester can ask for %s again.",
		chat.ActionStar:        "Only the requester can add %s to their favorites.",
		chat.ActionCredentials: "Only the person who has the access of %s can see its credentials.",
		chat.ActionExplain:     "Only the requester can explain %s.",
		chat.ActionReset:       "Only the person who has the access of %s can reset its credentials.",
	}[action]
	return flows.Errorf(flows.CodeForbidden, cmp.Or(sentence, "You are not an approver of %s."), firstRunes(id, 20))
}

// meant loads the request that a button was drawn for. After a restore of the
// database its id may be that of another request, or of none.
func (s *Service) meant(ctx context.Context, action chat.ActionID, id, stamp string, now time.Time) (flows.Request, error) {
	r, err := s.load(ctx, id, now)
	switch {
	case err != nil && flows.ErrorCode(err) != flows.CodeNotFound, err == nil && r.Stamp == stamp:
		return r, err
	case stamp == "":
		return r, notFor(action, id)
	}
	return r, otherLife(id)
}

// otherLife is the answer to a button whose request is not the one that has its id
// now, or is not there: the database was restored since, or the request ended longer
// ago than is kept. It is the same for all.
func otherLife(id string) error {
	return flows.Errorf(flows.CodeLate, "This button is from before the bot's database was restored, or its request ended too long ago to be kept: %s is not known any more. "+
		"Please look for a newer message, or ask again with a new request.", firstRunes(id, 20))
}

// load reads a request. What time has done to it and no sweep has seen yet is
// recorded first, so that nobody acts on what is over.
func (s *Service) load(ctx context.Context, id string, now time.Time) (flows.Request, error) {
	r, err := s.Store.Request(id)
	if err != nil {
		return r, err
	}
	if at, ok := r.DueAt(); !ok || now.Before(at) {
		return r, nil
	}
	late, err := s.Store.Apply(ctx, now, id, flows.Event{Kind: flows.EventDue})
	if err != nil {
		if flows.ErrorCode(err) != flows.CodeLate {
			s.Log.WarnContext(ctx, "could not record that something is due", "request", id, "err", err)
		}
		return s.Store.Request(id)
	}
	return late, nil
}

// right judges whether a person may decide on a request, or on its n-th extension. Whoever may not learns that and
// nothing else; whoever may, or was asked, learns where the request stands.
func right(w flows.World, p *flows.Person, r *flows.Request, n int, verb flows.Verb) (flows.Right, error) {
	standing := r.StandingFor(p.Email)
	if n != 0 {
		v, ok := r.ExtensionView(n)
		if !ok {
			return flows.Right{}, notFor(chat.ActionApprove, r.ID)
		}
		standing, r = r.ExtensionStanding(n, p.Email), &v
	}
	judge := w.MayDecide
	if verb == flows.VerbDeny {
		judge = w.MayDeny
	}
	got, err := judge(r, p)
	asked := false
	for _, a := range r.Asked {
		if !w.Same(a.PersonRef, p) {
			continue
		}
		asked = true
		if len(a.Stood) > 0 && flows.ErrorCode(err) == flows.CodeForbidden {
			err = flows.Errorf(flows.CodeForbidden, "You were asked about %s in the place of %s, and do not stand in any more.", r.ID, a.Stood[len(a.Stood)-1].DisplayName())
		}
	}
	if r.State != flows.StatePending && (err == nil || asked) {
		return got, flows.Errorf(flows.CodeLate, "%s", standing)
	}
	if err != nil && !asked {
		return got, notFor(chat.ActionApprove, r.ID)
	}
	return got, err
}

func (s *Service) decide(ctx context.Context, w flows.World, p *flows.Person, r *flows.Request, n int, verb flows.Verb, now time.Time) chat.Answer {
	got, err := right(w, p, r, n, verb)
	if err == nil {
		// A dialog is not opened for what would be refused anyhow.
		_, _, err = flows.Next(*r, decision(got, n, verb, "-"), now)
	}
	if err != nil {
		return s.refuse(ctx, string(verb), err)
	}
	required := r.Need.RequireReason || got.NeedsReason
	if verb == flows.VerbDeny || required {
		state, err := json.Marshal(reasonState{Request: r.ID, Verb: verb, Stamp: r.Stamp, N: n})
		if err != nil {
			return s.refuse(ctx, string(verb), err)
		}
		form := cards.Reason(*r, verb, required, string(state))
		if n > 0 {
			form = cards.ReasonOfExtension(*r, n, verb, required, string(state))
		}
		return chat.Answer{Open: &form}
	}
	if _, err := s.Store.Apply(ctx, now, r.ID, decision(got, n, verb, "")); err != nil {
		return s.refuse(ctx, string(verb), err)
	}
	return chat.Answer{}
}

// decision is the event of an approve or deny.
func decision(got flows.Right, n int, verb flows.Verb, reason string) flows.Event {
	kind := flows.EventApprove
	if verb == flows.VerbDeny {
		kind = flows.EventDeny
	}
	return flows.Event{Kind: kind, By: got.By, Reason: reason, Why: got.Why, Ground: got.Ground, CountsFor: got.Groups, For: got.For, Extension: n}
}

type reasonState struct {
	Request string     `json:"r"`
	Verb    flows.Verb `json:"v"`
	Stamp   string     `json:"s,omitempty"`
	N       int        `json:"n,omitempty"` // of the extension
}

func (s *Service) submitReason(ctx context.Context, w flows.World, p *flows.Person, e chat.FormEvent, now time.Time) chat.Submitted {
	var st reasonState
	err := json.Unmarshal([]byte(e.State), &st)
	if err == nil && st.Verb == verbExplain {
		return s.submitExplanation(ctx, p, st, e, now)
	}
	if err != nil || (st.Verb != flows.VerbApprove && st.Verb != flows.VerbDeny) {
		return notDone("This dialog is from another version of the bot. Please press the button again.")
	}
	r, err := s.meant(ctx, chat.ActionApprove, st.Request, st.Stamp, now)
	if err != nil {
		s.note(ctx, string(st.Verb), err)
		return notDone(flows.ErrorMessage(err))
	}
	reason := strings.TrimSpace(e.Values.First(cards.FieldReason))
	got, err := right(w, p, &r, st.N, st.Verb)
	switch {
	case err != nil:
	case got.NeedsReason && reason == "":
		err = flows.Errorf(flows.CodeInvalid, "Please give a reason.")
	default:
		_, err = s.Store.Apply(ctx, now, r.ID, decision(got, st.N, st.Verb, reason))
	}
	switch code := flows.ErrorCode(err); {
	case err == nil, code == flows.CodeLate && s.decidedLike(w, p, st, reason):
		return chat.Submitted{}
	case code == flows.CodeInvalid:
		s.note(ctx, string(st.Verb), err)
		return chat.Submitted{Errors: map[string]string{cards.FieldReason: flows.ErrorMessage(err)}}
	}
	s.note(ctx, string(st.Verb), err)
	return notDone(flows.ErrorMessage(err))
}

// decidedLike recognises the repeat of a submission that was taken already.
func (s *Service) decidedLike(w flows.World, p *flows.Person, st reasonState, reason string) bool {
	r, err := s.Store.Request(st.Request)
	if err == nil && st.N > 0 {
		r, _ = r.ExtensionView(st.N)
	}
	return err == nil && slices.ContainsFunc(r.Decisions, func(d flows.Decision) bool {
		return d.Verb == st.Verb && d.Reason == reason && w.Same(d.By, p)
	})
}

func notDone(sentence string) chat.Submitted {
	f := cards.Notice("Not done", sentence)
	return chat.Submitted{Show: &f}
}

func (s *Service) details(w flows.World, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	if err := mayRead(w, p, r); err != nil {
		return chat.Say(flows.ErrorMessage(err))
	}
	form := detailsPage(w, p, r, 0, now)
	return chat.Answer{Open: &form}
}

// detailsState is the state of Details that has several pages.
type detailsState struct {
	Request string `json:"r"`
	Stamp   string `json:"s,omitempty"`
	Page    int    `json:"p"`
}

func detailsPage(w flows.World, p *flows.Person, r *flows.Request, page int, now time.Time) chat.Form {
	reader := p.Email
	for _, own := range []flows.PersonRef{r.Requestor, r.Grantee} {
		if w.Same(own, p) {
			reader = own.Email
		}
	}
	return cards.Details(*r, reader, now, page, func(page int) string {
		state, err := json.Marshal(detailsState{r.ID, r.Stamp, page})
		if err != nil {
			return "" // (this is a bug)
		}
		return string(state)
	})
}

// turnDetails shows the next page of Details to whoever may still read it.
func (s *Service) turnDetails(ctx context.Context, e chat.FormEvent) *chat.Form {
	var st detailsState
	if e.Action != chat.ActionPage || json.Unmarshal([]byte(e.State), &st) != nil || st.Page < 0 {
		return nil
	}
	w, now := s.World(), s.now()
	p, err := s.person(ctx, w, e.User)
	var r flows.Request
	if err == nil {
		r, err = s.meant(ctx, chat.ActionDetails, st.Request, st.Stamp, now)
	}
	if err == nil {
		err = mayRead(w, p, &r)
	}
	if err != nil {
		s.note(ctx, "details", err)
		form := cards.Notice("Details", flows.ErrorMessage(err))
		return &form
	}
	form := detailsPage(w, p, &r, st.Page+1, now)
	return &form
}

// mayRead refuses Details to whoever has no part in the request.
func mayRead(w flows.World, p *flows.Person, r *flows.Request) error {
	_, err := right(w, p, r, 0, flows.VerbDeny)
	involved := w.Same(r.Requestor, p) || w.Same(r.Grantee, p) || w.IsAdmin(p)
	if flows.ErrorCode(err) == flows.CodeForbidden && !involved {
		return err
	}
	return nil
}

// endAccess ends the access of a request. done is the private answer; the
// redrawn card is the answer where it is empty.
func (s *Service) endAccess(ctx context.Context, w flows.World, p *flows.Person, id, reason, done string) chat.Answer {
	now := s.now()
	r, err := s.load(ctx, id, now)
	if err == nil {
		err = w.MayEnd(&r, p)
	}
	if err != nil {
		if flows.ErrorCode(err) != flows.CodeInternal {
			err = notFor(chat.ActionEndAccess, id)
		}
		return s.refuse(ctx, "end access", err)
	}
	if r.State == flows.StatePending {
		return chat.Say(r.ID + " is still waiting for approval, so there is nothing to end.")
	}
	if _, err := s.Store.Apply(ctx, now, id, flows.Event{Kind: flows.EventRevoke, By: p.Ref(), Reason: firstRunes(reason, flows.MaxReason)}); err != nil {
		return s.refuse(ctx, "end access", err)
	}
	if done == "" {
		return chat.Answer{}
	}
	return chat.Say(done)
}

// EndByOperator ends the access of a request on the word of whoever operates the
// bot; the caller vouches for that. It is recorded under flows.TheOperator, with the
// name of the account that the operator has on the machine and with the reason; both
// may be empty. It returns what the request becomes: its targets are
// asked in the background. Errors: flows.CodeNotFound, and CodeLate with a sentence
// where there is no access to end.
func (s *Service) EndByOperator(ctx context.Context, id, account, reason string) (flows.Request, error) {
	now, by := s.now(), operator(account)
	r, err := s.load(ctx, id, now)
	switch {
	case err != nil:
		return r, err
	case r.State == flows.StatePending:
		return r, flows.Errorf(flows.CodeLate, "%s is still waiting for approval, so there is nothing to end.", r.ID)
	}
	return s.Store.Apply(ctx, now, r.ID, flows.Event{Kind: flows.EventRevoke, By: by, Reason: firstRunes(reason, flows.MaxReason)})
}

// ConfirmGone takes the word of whoever operates the bot that the access of a request
// in an integration does not exist any more, where the system can never confirm it.
// It is recorded like EndByOperator, and told in the audit channel as what it is.
// Errors: flows.CodeNotFound, and CodeLate where the access is not being ended.
func (s *Service) ConfirmGone(ctx context.Context, id, integration, account, reason string) (flows.Request, error) {
	now := s.now()
	r, err := s.load(ctx, id, now)
	if err != nil {
		return r, err
	}
	if g, ok := r.Group(integration); ok && (g.Status == flows.GroupGranted || g.Status == flows.GroupGranting) {
		return r, flows.Errorf(flows.CodeLate, "The access of %s in %s is not being ended. End it first.", r.ID, integration)
	}
	ev := flows.Event{Kind: flows.EventConfirmGone, Integration: integration, By: operator(account), Reason: firstRunes(reason, flows.MaxReason)}
	return s.Store.Apply(ctx, now, r.ID, ev)
}

// operator is TheOperator under an account of the machine; empty: it is not known.
func operator(account string) flows.PersonRef {
	by := flows.TheOperator
	if account != "" {
		by.Name += " (" + firstRunes(account, 100) + ")"
	}
	return by
}

func (s *Service) withdraw(ctx context.Context, w flows.World, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	if !w.Same(r.Requestor, p) {
		return s.refuse(ctx, "withdraw", notFor(chat.ActionWithdraw, r.ID))
	}
	if _, err := s.Store.Apply(ctx, now, r.ID, flows.Event{Kind: flows.EventWithdraw, By: r.Requestor}); err != nil {
		return s.refuse(ctx, "withdraw", err)
	}
	return chat.Answer{}
}

// credentials opens a dialog first and spends the secret only once the dialog is
// on the grantee's screen.
func (s *Service) credentials(ctx context.Context, p *flows.Person, r *flows.Request, integration string) chat.Answer {
	view := flows.Event{Kind: flows.EventView, By: p.Ref(), Integration: integration}
	if g, ok := r.Group(integration); ok {
		view.Issue = g.Issue // what a reset brings while the dialog opens must not be spent on it
	}
	if !r.Grantee.Is(p.Email) {
		return s.refuse(ctx, "credentials", notFor(chat.ActionCredentials, r.ID))
	}
	if _, _, err := flows.Next(*r, view, s.now()); err != nil {
		return s.refuse(ctx, "credentials", err)
	}
	loading := cards.Loading("Credentials")
	v := &viewing{service: s, id: r.ID, integration: integration, view: view}
	return chat.Answer{Open: &loading, Then: v.show, Shown: v.shown}
}

func (s *Service) reset(ctx context.Context, p *flows.Person, r *flows.Request, integration string, now time.Time) chat.Answer {
	if !r.Grantee.Is(p.Email) {
		return s.refuse(ctx, "reset", notFor(chat.ActionReset, r.ID))
	}
	if _, err := s.Store.Apply(ctx, now, r.ID, flows.Event{Kind: flows.EventReset, By: p.Ref(), Integration: integration}); err != nil {
		return s.refuse(ctx, "reset", err)
	}
	return chat.Answer{}
}
