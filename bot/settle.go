package bot

import (
	"context"
	"time"

	"apono/bot/chat"
	"apono/flows"
)

// settle acts on an admin's word about something that is held. The message keeps its
// buttons: whoever presses one later is told that it is decided.
func (s *Service) settle(ctx context.Context, w flows.World, p *flows.Person, c chat.Click, now time.Time) chat.Answer {
	switch {
	case p.Disabled || !w.IsAdmin(p):
		return s.refuse(ctx, "settle", flows.Errorf(flows.CodeForbidden, "Only an admin can decide on this."))
	case s.Holds == nil:
		return s.refuse(ctx, "settle", flows.Errorf(flows.CodeLate, "Nothing is held any more."))
	}
	done, err := s.Holds.Settle(ctx, now, c.Target.Integration, p.Ref(), c.Action == chat.ActionProceed)
	if err != nil {
		return s.refuse(ctx, "settle", err)
	}
	return chat.Say(done)
}
