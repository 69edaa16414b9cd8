package bot

import (
	"context"
	"encoding/json"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// viewing is one look at credentials that are shown once. They are spent when the
// platform confirmed that they are on the screen: a view that failed costs nothing.
// Where the process dies between the display and its record, or nobody can say
// whether they were displayed, they may be seen a second time, by the same person.
// That is better than that nobody ever sees them.
type viewing struct {
	service         *Service
	id, integration string
	view            flows.Event
	claimed         bool // by this look
}

// shownOnce names what one look at a time may show.
type shownOnce struct {
	id, integration string
	issue           uint64
}

func (v *viewing) key() shownOnce { return shownOnce{v.id, v.integration, v.view.Issue} }

func (v *viewing) show(ctx context.Context) *chat.Form {
	form, err := v.reveal()
	if err != nil {
		v.service.note(ctx, "credentials", err)
		form = cards.Notice("Credentials", flows.ErrorMessage(err))
	}
	return &form
}

func (v *viewing) reveal() (chat.Form, error) {
	s, none := v.service, chat.Form{}
	if _, busy := s.looks.LoadOrStore(v.key(), v); busy {
		return none, flows.Errorf(flows.CodeLate, "These credentials are on their way to another dialog of yours. If they do not appear there, press Show credentials again in a minute.")
	}
	claimed := false
	defer func() {
		if v.claimed = claimed; !claimed {
			s.looks.Delete(v.key())
		}
	}()
	r, err := s.Store.Request(v.id)
	if err != nil {
		return none, err
	}
	if _, _, err := flows.Next(r, v.view, s.now()); err != nil {
		return none, err
	}
	sealed, ok, err := s.Store.Sealed(v.id, v.integration)
	if err != nil {
		return none, err
	}
	if !ok {
		return none, flows.Errorf(flows.CodeLate, "These credentials are not there any more.")
	}
	plain, err := s.Opener.Open(sealed)
	if err != nil {
		return none, &flows.Error{Code: flows.CodeInternal, Message: "The credentials cannot be opened. Use Reset credentials, or ask your administrator.", Err: err}
	}
	secrets, err := DecodeSecrets(plain)
	if err != nil {
		return none, err
	}
	// A reset between the two reads brings other credentials than the ones that were judged.
	if r, err = s.Store.Request(v.id); err != nil {
		return none, err
	}
	if _, _, err := flows.Next(r, v.view, s.now()); err != nil {
		return none, err
	}
	g, _ := r.Group(v.integration)
	form := cards.Credentials(v.integration, g.Details, secrets, g.CanReset)
	claimed = true
	return form, nil
}

// shown records the view. It does so also while the process is being stopped.
func (v *viewing) shown(ctx context.Context, confirmed bool) {
	if !v.claimed {
		return
	}
	defer v.service.looks.Delete(v.key())
	if !confirmed {
		return
	}
	if _, err := v.service.Store.Apply(context.WithoutCancel(ctx), v.service.now(), v.id, v.view); err != nil {
		v.service.note(ctx, "credentials were shown; their view is not recorded", err)
	}
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
