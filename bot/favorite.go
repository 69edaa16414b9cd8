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

// favoriteChoice is what a favorite fills into the request form: what was chosen, and
// for how long. The justification is of one day and is not kept.
type favoriteChoice struct {
	Grantee     string   `json:"grantee,omitempty"` // token; empty: the person
	Integration string   `json:"integration,omitempty"`
	Type        string   `json:"type,omitempty"`
	Resources   []string `json:"resources,omitempty"`
	Permissions []string `json:"permissions,omitempty"`
	Bundle      string   `json:"bundle,omitempty"`
	Items       []string `json:"items,omitempty"`
	Duration    string   `json:"duration,omitempty"`
}

// favoriteOf is what a request asked for, as a favorite. Its id is equal for requests
// that ask for the same.
func favoriteOf(w flows.World, r *flows.Request, now time.Time) (flows.Favorite, error) {
	sel := selectionOf(w, r)
	c := favoriteChoice{
		Integration: sel.integration, Type: sel.typ, Resources: slices.Sorted(slices.Values(sel.resources)), Permissions: slices.Sorted(slices.Values(sel.permissions)),
		Bundle: sel.bundle, Items: slices.Sorted(slices.Values(sel.items)), Duration: sel.duration,
	}
	if !r.Grantee.Is(r.Requestor.Email) {
		c.Grantee = sel.grantee
	}
	raw, err := json.Marshal(c)
	if err != nil {
		return flows.Favorite{}, err
	}
	return flows.Favorite{ID: hash(string(raw)), Name: firstRunes(cards.FavoriteName(*r), 200), At: now.UTC(), Choice: raw}, nil
}

func (c favoriteChoice) selection() selection {
	return selection{
		grantee: c.Grantee, integration: c.Integration, typ: c.Type, resources: c.Resources, permissions: c.Permissions,
		bundleMode: c.Bundle != "", bundle: c.Bundle, items: c.Items, duration: c.Duration, typed: c.Duration != "",
	}
}

// favorites are what a person keeps, the newest first, whichever of their addresses
// they had when they added it.
func (s *Service) favorites(p *flows.Person) (out []flows.Favorite, err error) {
	for _, email := range append([]string{p.Email}, p.Aliases...) {
		some, err := s.Store.Favorites(email)
		if err != nil {
			return nil, err
		}
		for _, f := range some {
			if !slices.ContainsFunc(out, func(o flows.Favorite) bool { return o.ID == f.ID }) {
				out = append(out, f)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b flows.Favorite) int { return b.At.Compare(a.At) })
	return out, nil
}

// starred finds which requests ask for what is a favorite.
func (h *homemaker) starred(requests []flows.Request) error {
	all, err := h.favorites(h.p)
	if err != nil || len(all) == 0 {
		return err
	}
	for i := range requests {
		f, err := favoriteOf(h.w, &requests[i], h.now)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(o flows.Favorite) bool { return o.ID == f.ID }) {
			h.home.Starred[requests[i].ID] = f.ID
		}
	}
	return nil
}

func (s *Service) star(ctx context.Context, w flows.World, p *flows.Person, r *flows.Request, now time.Time) chat.Answer {
	if !w.Same(r.Requestor, p) {
		return s.refuse(ctx, "favorite", notFor(chat.ActionStar, r.ID))
	}
	f, err := favoriteOf(w, r, now)
	if err == nil {
		err = s.Store.AddFavorite(ctx, p.Email, f)
	}
	if err != nil {
		return s.refuse(ctx, "favorite", err)
	}
	return chat.Answer{}
}

func (s *Service) unstar(ctx context.Context, p *flows.Person, id string) chat.Answer {
	for _, email := range append([]string{p.Email}, p.Aliases...) {
		if err := s.Store.RemoveFavorite(ctx, email, id); err != nil {
			return s.refuse(ctx, "favorite", err)
		}
	}
	return chat.Answer{}
}

// askFavorite opens the request form filled in with a favorite.
func (s *Service) askFavorite(ctx context.Context, w flows.World, p *flows.Person, id string, now time.Time) chat.Answer {
	all, err := s.favorites(p)
	if err != nil {
		return s.refuse(ctx, "favorite", err)
	}
	i := slices.IndexFunc(all, func(f flows.Favorite) bool { return f.ID == id })
	if i < 0 {
		return chat.Say("That is not among your favorites any more.")
	}
	var c favoriteChoice
	if err := json.Unmarshal(all[i].Choice, &c); err != nil {
		return s.refuse(ctx, "favorite", err)
	}
	sel := c.selection()
	if sel.grantee == "" {
		sel.grantee = token(p.Email)
	}
	return s.openRequest(w, p, sel, now)
}
