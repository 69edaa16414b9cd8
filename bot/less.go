package bot

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// less opens the dialog in which a part of a request is approved.
func (s *Service) less(ctx context.Context, w flows.World, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	got, err := right(w, p, r, 0, flows.VerbApprove)
	if err == nil {
		_, _, err = flows.Next(*r, decision(got, 0, flows.VerbApprove, "-"), now)
	}
	var state []byte
	if err == nil {
		state, err = json.Marshal(reasonState{Request: r.ID, Verb: flows.VerbApprove, Stamp: r.Stamp})
	}
	if err != nil {
		return s.refuse(ctx, "approve less", err)
	}
	typed := ""
	if !r.Indefinite {
		typed = shortDuration(r.Duration)
	}
	form := cards.Less(*r, typed, r.Need.RequireReason || got.NeedsReason, string(state))
	return chat.Answer{Open: &form}
}

// submitLess judges rights and the request anew: both may have changed while the
// dialog was open.
func (s *Service) submitLess(ctx context.Context, w flows.World, p *flows.Person, e chat.FormEvent, now time.Time) chat.Submitted {
	var st reasonState
	if err := json.Unmarshal([]byte(e.State), &st); err != nil || st.Verb != flows.VerbApprove {
		return notDone("This dialog is from another version of the bot. Please press the button again.")
	}
	r, err := s.meant(ctx, chat.ActionLess, st.Request, st.Stamp, now)
	if err != nil {
		s.note(ctx, "approve less", err)
		return notDone(flows.ErrorMessage(err))
	}
	reason := strings.TrimSpace(e.Values.First(cards.FieldReason))
	got, err := right(w, p, &r, 0, flows.VerbApprove)
	field := cards.FieldReason
	ev := decision(got, 0, flows.VerbApprove, reason)
	if err == nil {
		ev.Less, field, err = lessOf(&r, e.Values)
	}
	if err == nil && got.NeedsReason && reason == "" {
		field, err = cards.FieldReason, flows.Errorf(flows.CodeInvalid, "Please give a reason.")
	}
	if err == nil {
		_, err = s.Store.Apply(ctx, now, r.ID, ev)
	}
	switch code := flows.ErrorCode(err); {
	case err == nil, code == flows.CodeLate && s.decidedLike(w, p, st, reason):
		return chat.Submitted{}
	case code == flows.CodeInvalid:
		s.note(ctx, "approve less", err)
		return chat.Submitted{Errors: map[string]string{field: flows.ErrorMessage(err)}}
	}
	s.note(ctx, "approve less", err)
	return notDone(flows.ErrorMessage(err))
}

// lessOf reads the dialog; nil where nothing is left out. An error is about field.
func lessOf(r *flows.Request, values chat.Values) (less *flows.Less, field string, err error) {
	out := flows.Less{}
	items := r.Items()
	for _, v := range values[cards.FieldWithout] {
		i, err := strconv.Atoi(v)
		if err != nil || i < 0 || i >= len(items) {
			return nil, cards.FieldWithout, flows.Errorf(flows.CodeInvalid, "%s does not ask for everything that you leave out.", r.ID)
		}
		if u := items[i].Unit; !slices.Contains(out.Without, u) {
			out.Without = append(out.Without, u)
		}
	}
	if len(out.Without) == len(items) {
		return nil, cards.FieldWithout, flows.Errorf(flows.CodeInvalid, "Nothing would be left. Use Deny instead.")
	}
	if typed := strings.TrimSpace(values.First(cards.FieldDuration)); typed != "" {
		d, err := ParseDuration(typed)
		switch {
		case err != nil:
			return nil, cards.FieldDuration, err
		case !r.Indefinite && d > r.Duration:
			return nil, cards.FieldDuration, flows.Errorf(flows.CodeInvalid, "%s asks for %s; you can only shorten that.", r.ID, flows.FormatDuration(r.Duration))
		case r.Indefinite || d < r.Duration:
			out.Duration = d
		}
	}
	if len(out.Without) == 0 && out.Duration == 0 {
		return nil, cards.FieldReason, nil
	}
	return &out, cards.FieldWithout, nil
}
