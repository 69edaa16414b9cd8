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

// verbExplain marks the dialog in which a broken glass is explained. It is no
// decision.
const verbExplain flows.Verb = "explain"

// explainGlass opens the dialog in which somebody says why they broke the glass.
func (s *Service) explainGlass(ctx context.Context, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	if !r.Requestor.Is(p.Email) && !r.Grantee.Is(p.Email) {
		return s.refuse(ctx, "explain", notFor(chat.ActionExplain, r.ID))
	}
	if _, _, err := flows.Next(*r, flows.Event{Kind: flows.EventExplain, By: p.Ref(), Reason: "-"}, now); err != nil {
		return s.refuse(ctx, "explain", err)
	}
	state, err := json.Marshal(reasonState{Request: r.ID, Verb: verbExplain, Stamp: r.Stamp})
	if err != nil {
		return s.refuse(ctx, "explain", err)
	}
	form := cards.Explain(*r, string(state))
	return chat.Answer{Open: &form}
}

func (s *Service) submitExplanation(ctx context.Context, p *flows.Person, st reasonState, e chat.FormEvent, now time.Time) chat.Submitted {
	r, err := s.meant(ctx, chat.ActionExplain, st.Request, st.Stamp, now)
	text := strings.TrimSpace(e.Values.First(cards.FieldReason))
	if err == nil {
		if !r.Requestor.Is(p.Email) && !r.Grantee.Is(p.Email) {
			err = notFor(chat.ActionExplain, st.Request)
		} else if r.Explanation != text || r.ExplainedAt.IsZero() { // else it is the repeat of what was taken
			_, err = s.Store.Apply(ctx, now, r.ID, flows.Event{Kind: flows.EventExplain, By: p.Ref(), Reason: text})
		}
	}
	if err == nil {
		return chat.Submitted{}
	}
	s.note(ctx, "explain", err)
	if flows.ErrorCode(err) == flows.CodeInvalid {
		return chat.Submitted{Errors: map[string]string{cards.FieldReason: flows.ErrorMessage(err)}}
	}
	return notDone(flows.ErrorMessage(err))
}
