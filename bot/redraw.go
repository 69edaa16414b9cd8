package bot

import (
	"context"
	"slices"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

var _ chat.Redrawer = (*Service)(nil)

// Redraw draws the card that an approver of a request has, as it is now. Nobody else
// has one, and nothing about the request is told to them.
func (s *Service) Redraw(ctx context.Context, c chat.Click) (chat.Card, bool) {
	w := s.World()
	p, err := s.onlooker(ctx, w, c.User)
	if err != nil {
		s.note(ctx, "redraw", err)
		return chat.Card{}, false
	}
	r, err := s.Store.Request(c.Target.Request)
	if err != nil || r.Stamp != c.Target.Stamp {
		return chat.Card{}, false
	}
	i := slices.IndexFunc(r.Asked, func(a flows.Asked) bool { return w.Same(a.PersonRef, p) })
	if i < 0 {
		return chat.Card{}, false
	}
	key := flows.PostKey{Request: r.ID, Audience: flows.AudienceApprover, Person: r.Asked[i].Email, Topic: flows.TopicRequest}
	return cards.Card(r, key, s.now())
}
