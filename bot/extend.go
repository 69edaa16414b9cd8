package bot

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// extend gets more time for a live access where its flow is automatic, and else opens
// the dialog in which it is asked for. n is the extension that the button was drawn for.
func (s *Service) extend(ctx context.Context, w flows.World, p *flows.Person, r *flows.Request, n int, now time.Time) chat.Answer {
	e, ev, err := wantMore(w, p, r, n, "", now)
	if err == nil && e.Need.Automatic {
		if _, err = s.Store.Apply(ctx, now, r.ID, ev); err == nil {
			return chat.Answer{}
		}
	}
	if err != nil {
		return s.refuse(ctx, "extend", err)
	}
	state, err := json.Marshal(extendState{Request: r.ID, Stamp: r.Stamp, N: n})
	if err != nil {
		return s.refuse(ctx, "extend", err)
	}
	form := cards.Extend(*r, e, reasonNeeded(w, r), string(state))
	return chat.Answer{Open: &form}
}

type extendState struct {
	Request string `json:"r"`
	Stamp   string `json:"s,omitempty"`
	N       int    `json:"n"`
}

// reasonNeeded: whoever decides on more time wants to know why, where they do so for
// the request itself.
func reasonNeeded(w flows.World, r *flows.Request) bool {
	f, ok := w.Catalog.Flow(r.Flow)
	return ok && f.Settings.JustificationRequired
}

// wantMore judges an asking for more time, and tries it.
func wantMore(w flows.World, p *flows.Person, r *flows.Request, n int, reason string, now time.Time) (flows.Extension, flows.Event, error) {
	e, most, err := w.Extension(r, p, now)
	ev := flows.Event{Kind: flows.EventExtend, By: p.Ref(), Reason: reason, Extend: &e, Most: most, Extension: n}
	switch {
	case flows.ErrorCode(err) == flows.CodeForbidden:
		err = notFor(chat.ActionExtend, r.ID)
	case n > 0 && n <= len(r.Extensions):
		err = flows.Errorf(flows.CodeLate, "%s", r.ExtensionStanding(n, p.Email))
	}
	if err == nil {
		_, _, err = flows.Next(*r, ev, now)
	}
	return e, ev, err
}

func (s *Service) submitExtend(ctx context.Context, w flows.World, p *flows.Person, form chat.FormEvent, now time.Time) chat.Submitted {
	var st extendState
	if err := json.Unmarshal([]byte(form.State), &st); err != nil || st.N < 1 {
		return notDone("This dialog is from another version of the bot. Please press the button again.")
	}
	r, err := s.meant(ctx, chat.ActionExtend, st.Request, st.Stamp, now)
	reason := strings.TrimSpace(form.Values.First(cards.FieldReason))
	var e flows.Extension
	var ev flows.Event
	if err == nil {
		e, ev, err = wantMore(w, p, &r, st.N, reason, now)
	}
	if err == nil && reason == "" && !e.Need.Automatic && reasonNeeded(w, &r) {
		return chat.Submitted{Errors: map[string]string{cards.FieldReason: "Please say why you need more time."}}
	}
	if err == nil {
		_, err = s.Store.Apply(ctx, now, r.ID, ev)
	}
	switch code := flows.ErrorCode(err); {
	case err == nil, code == flows.CodeLate && s.extendedLike(w, p, st, reason):
		return chat.Submitted{}
	case code == flows.CodeInvalid:
		s.note(ctx, "extend", err)
		return chat.Submitted{Errors: map[string]string{cards.FieldReason: flows.ErrorMessage(err)}}
	}
	s.note(ctx, "extend", err)
	return notDone(flows.ErrorMessage(err))
}

// extendedLike recognises the repeat of a submission that was taken already.
func (s *Service) extendedLike(w flows.World, p *flows.Person, st extendState, reason string) bool {
	r, err := s.Store.Request(st.Request)
	if err != nil || st.N > len(r.Extensions) {
		return false
	}
	e := r.Extensions[st.N-1]
	return e.Reason == reason && w.Same(e.By, p)
}
