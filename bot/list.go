package bot

import (
	"context"
	"slices"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// newest is the place in a list from which all requests are older.
const newest = 0

// source reads requests of somebody with an address, newest first, from the one
// numbered below before; newest: from the top.
type source func(email string, before uint64, limit int) ([]flows.Request, error)

// page reads one request more than a list shows, of a person under any address.
func page(p *flows.Person, before uint64, limit int, read source) ([]flows.Request, error) {
	var out []flows.Request
	for _, email := range append([]string{p.Email}, p.Aliases...) {
		some, err := read(email, before, limit)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	slices.SortFunc(out, func(a, b flows.Request) int { return b.Compare(&a) })
	out = slices.CompactFunc(out, func(a, b flows.Request) bool { return a.Seq == b.Seq })
	return out[:min(len(out), limit)], nil
}

// requests lists what a person asked for, or has because others asked.
func (s *Service) requests(ctx context.Context, p *flows.Person, before uint64, now time.Time) chat.Answer {
	some, err := page(p, before, cards.ListSize+1, s.Store.ByPerson)
	if err != nil {
		return s.refuse(ctx, "requests", err)
	}
	c := cards.Requests(some[:min(len(some), cards.ListSize)], p.Email, before != newest, len(some) > cards.ListSize, now)
	return chat.Answer{Private: &c}
}

// tasks lists what waits for the decision of a person. What the person may not
// decide any more, or has approved, is left out.
func (s *Service) tasks(ctx context.Context, w flows.World, p *flows.Person, before uint64, now time.Time) chat.Answer {
	var some []flows.Request
	for at := before; len(some) <= cards.ListSize; {
		const read = 4 * cards.ListSize
		next, err := page(p, at, read, s.Store.AskedOf)
		if err != nil {
			return s.refuse(ctx, "tasks", err)
		}
		for i := range next {
			if at = next[i].Seq; waitsFor(w, p, &next[i], now) {
				some = append(some, next[i])
			}
		}
		if len(next) < read {
			break
		}
	}
	c := cards.Tasks(some[:min(len(some), cards.ListSize)], p.Email, before != newest, len(some) > cards.ListSize, now)
	return chat.Answer{Private: &c}
}

func waitsFor(w flows.World, p *flows.Person, r *flows.Request, now time.Time) bool {
	if v, ok := r.ExtensionView(r.OpenExtension()); ok {
		r = &v
	}
	if !cards.Waiting(*r, now) || slices.ContainsFunc(r.Decisions, func(d flows.Decision) bool {
		return w.Same(d.By, p) || slices.ContainsFunc(d.For, func(s flows.Stand) bool { return w.Same(s.For, p) })
	}) {
		return false
	}
	_, err := w.MayDeny(r, p)
	return err == nil
}

// more turns a page of a list.
func (s *Service) more(ctx context.Context, w flows.World, p *flows.Person, c chat.Click, now time.Time) chat.Answer {
	before := uint64(newest)
	if last, err := s.Store.Request(c.Target.Request); err == nil {
		before = last.Seq
	}
	if c.Action == chat.ActionMoreTasks {
		return s.tasks(ctx, w, p, before, now)
	}
	return s.requests(ctx, p, before, now)
}
