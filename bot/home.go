package bot

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

var _ chat.Homemaker = (*Service)(nil)

// homePlace is what of a home is shown: everything in brief, or one group from a place
// on. It is no right: what is shown is judged when it is drawn.
type homePlace struct {
	group cards.HomeGroup // empty: the overview
	from  uint64          // a request's number, or how many entries are before
}

// maxPlace bounds an offset, so that no page can be asked for that cannot be.
const maxPlace = 1 << 53

func readPlace(page string) homePlace {
	group, from, _ := strings.Cut(page, ":")
	n, err := strconv.ParseUint(from, 10, 64)
	if err != nil || n > maxPlace {
		n = 0
	}
	return homePlace{cards.HomeGroup(group), n}
}

func (p homePlace) String() string {
	if p.from == 0 {
		return string(p.group)
	}
	return string(p.group) + ":" + strconv.FormatUint(p.from, 10)
}

// homemaker draws one home.
type homemaker struct {
	*Service
	w    flows.World
	p    *flows.Person
	at   homePlace
	now  time.Time
	home cards.Home
	user chat.User
}

// Home draws somebody's home. It reads what it shows, by indexes, and little else.
func (s *Service) Home(ctx context.Context, q chat.HomeQuery) chat.Home {
	w := s.World()
	p, err := s.onlooker(ctx, w, q.User)
	if err != nil {
		s.note(ctx, "home", err)
		return chat.Home{Notes: []chat.Text{chat.T(flows.ErrorMessage(err))}}
	}
	h := homemaker{Service: s, w: w, p: p, at: readPlace(q.Page), now: s.now(), user: q.User}
	admin := w.IsAdmin(p)
	groups := []cards.HomeGroup{cards.HomeAccess, cards.HomeTasks, cards.HomeDelegations, cards.HomeFavorites, cards.HomeRecent}
	if admin {
		groups = append(groups, cards.HomeEverybody, cards.HomeSources, cards.HomeFlows, cards.HomeBundles)
	}
	if slices.Contains(groups, h.at.group) {
		groups = []cards.HomeGroup{h.at.group}
	} else {
		h.at = homePlace{}
	}
	h.home = cards.Home{Person: p.Ref(), Email: p.Email, Page: h.at.String(), Starred: map[string]string{}}
	var problem error
	for _, g := range groups {
		l, err := h.list(g)
		if err != nil {
			problem = err
			continue
		}
		if g != cards.HomeDelegations || h.delegates(l) {
			h.home.Groups = append(h.home.Groups, l)
		}
	}
	out := h.home.Draw(h.now)
	if problem != nil {
		s.note(ctx, "home", problem)
		out.Notes = append(out.Notes, chat.T("Not everything could be read at the moment. Open this page again in a while."))
	}
	out.Of, out.Everybody = append([]string{p.Email}, p.Aliases...), admin
	return out
}

// size is how many entries of a group are shown.
func (h *homemaker) size(g cards.HomeGroup) int {
	switch {
	case h.at.group != "":
		return cards.HomePageSize
	case g == cards.HomeFavorites || g == cards.HomeRecent || g == cards.HomeDelegations:
		return cards.HomeFew
	}
	return cards.HomeSize
}

func (h *homemaker) list(g cards.HomeGroup) (cards.HomeList, error) {
	l := cards.HomeList{Group: g, Turned: h.at.from > 0}
	var err error
	switch g {
	case cards.HomeAccess:
		err = h.requests(&l, h.Store.Open, func(r *flows.Request) bool {
			return r.State != flows.StatePending && h.w.Same(r.Grantee, h.p)
		})
	case cards.HomeTasks:
		err = h.requests(&l, h.Store.AskedOf, func(r *flows.Request) bool { return waitsFor(h.w, h.p, r, h.now) })
	case cards.HomeRecent:
		if err = h.requests(&l, h.Store.ByPerson, func(r *flows.Request) bool {
			return r.Trigger != flows.TriggerAutomatic && h.w.Same(r.Requestor, h.p)
		}); err == nil {
			err = h.starred(l.Requests)
		}
	case cards.HomeEverybody:
		err = h.requests(&l, func(_ string, before uint64, limit int) ([]flows.Request, error) {
			return h.Store.ByState(flows.StateActive, before, limit)
		}, func(*flows.Request) bool { return true })
	case cards.HomeDelegations:
		l.Lines, l.More = cutList(h, g, h.delegationLines())
		l.Hint = cards.DelegationHint(h.delegateHint(h.user))
	case cards.HomeFavorites:
		var all []flows.Favorite
		all, err = h.favorites(h.p)
		l.Favorites, l.More = cutList(h, g, all)
	case cards.HomeFlows:
		l.Lines, l.More = cutList(h, g, h.flowLines())
	case cards.HomeBundles:
		var some []flows.Bundle
		some, l.More = cutList(h, g, h.w.Catalog.Bundles())
		l.Lines = h.bundleLines(some)
	case cards.HomeSources:
		l.Lines, l.More = cutList(h, g, h.sourceLines())
	}
	return l, err
}

// requests reads the entries of a group, and whether there are more of them.
func (h *homemaker) requests(l *cards.HomeList, read source, wanted func(*flows.Request) bool) error {
	size := h.size(l.Group)
	const most = 20 // reads: who has more that is passed over finds it page by page
	for at, tries := h.at.from, 0; len(l.Requests) <= size && tries < most; tries++ {
		some, err := page(h.p, at, 2*size, read)
		if err != nil {
			return err
		}
		for i := range some {
			if at = some[i].Seq; wanted(&some[i]) {
				l.Requests = append(l.Requests, some[i])
			}
		}
		if len(some) < 2*size {
			break
		}
	}
	if len(l.Requests) > size {
		l.Requests = l.Requests[:size]
		l.More = homePlace{l.Group, l.Requests[size-1].Seq}.String()
		if h.at.group == "" {
			l.More = string(l.Group) // the page of its own begins at the top
		}
	}
	return nil
}

// cutList takes the entries that are shown of a whole list.
func cutList[T any](h *homemaker, g cards.HomeGroup, all []T) (some []T, more string) {
	from, size := min(h.at.from, uint64(len(all))), h.size(g)
	some = all[from:min(int(from)+size, len(all))]
	switch {
	case int(from)+size >= len(all):
		return some, ""
	case h.at.group == "":
		return some, string(g)
	}
	return some, homePlace{g, from + uint64(size)}.String()
}

// delegationLines are what a person has handed over, and for whom they stand in.
func (h *homemaker) delegationLines() (out []cards.HomeLine) {
	if d, ok := h.w.DelegationOf(h.p); ok {
		out = append(out, cards.DelegationLine(d, true))
	}
	for _, d := range h.w.DelegatedTo(h.p) {
		out = append(out, cards.DelegationLine(d, false))
	}
	return out
}

// delegates reports whether delegations mean something to whoever looks: there are some,
// their page was asked for, or something waits that could be handed over.
func (h *homemaker) delegates(l cards.HomeList) bool {
	waits := slices.ContainsFunc(h.home.Groups, func(g cards.HomeList) bool { return g.Group == cards.HomeTasks && len(g.Requests) > 0 })
	return h.Delegations != nil && (len(l.Lines) > 0 || h.at.group != "" || waits)
}

func (h *homemaker) flowLines() (out []cards.HomeLine) {
	for _, f := range h.w.Catalog.Flows() {
		out = append(out, cards.FlowLine(f, targetsOf(f)))
	}
	return out
}

func (h *homemaker) bundleLines(bundles []flows.Bundle) (out []cards.HomeLine) {
	for _, b := range bundles {
		var under []string
		for _, f := range h.w.Catalog.Flows() {
			if f.Active && slices.ContainsFunc(f.Targets, func(t flows.Target) bool { return t.Bundle == b.Name }) {
				under = append(under, f.Name)
			}
		}
		out = append(out, cards.BundleLine(b.Name, len(h.w.BundleUnits(b.Name, 1)) == 0, under))
	}
	return out
}

// sourceLines are the integrations, those that somebody should look at first.
func (h *homemaker) sourceLines() (out []cards.HomeLine) {
	if h.Sources == nil {
		return nil
	}
	all := h.Sources()
	slices.SortStableFunc(all, func(a, b cards.SourceState) int {
		switch {
		case a.Bad() == b.Bad():
			return strings.Compare(a.Name, b.Name)
		case a.Bad():
			return -1
		}
		return 1
	})
	for _, src := range all {
		out = append(out, src.Line())
	}
	return out
}
