package bot

import (
	"slices"
	"strings"

	"apono/bot/chat"
	"apono/flows"
)

// Of the requests of a person, how many are looked at for what they asked for before,
// and how many resources come of that.
const (
	recentRequests  = 8
	recentResources = 5
)

// recentFirst puts what the person asked for lately, as far as it is on offer and holds
// the query, before what was found.
func (s *Service) recentFirst(p *flows.Person, o flows.Offer, w flows.World, integration, typ, query string, found []*flows.Resource) (out []*flows.Resource, recent int, err error) {
	requests, err := page(p, newest, recentRequests, s.Store.ByPerson)
	if err != nil {
		return found, 0, err
	}
	query = strings.ToLower(strings.TrimSpace(query))
	for i := range requests {
		for _, it := range requests[i].Items() {
			if it.Integration != integration || it.ResourceType != typ || len(out) == recentResources {
				continue
			}
			r, ok := w.Inventory.Resource(integration, typ, it.Resource)
			if !ok || slices.Contains(out, r) || !holds(r, query) || !o.Has(integration, r) {
				continue
			}
			out = append(out, r)
		}
	}
	recent = len(out)
	for _, r := range found {
		if !slices.Contains(out[:recent], r) && len(out) < maxOptions {
			out = append(out, r)
		}
	}
	return out, recent, nil
}

func holds(r *flows.Resource, query string) bool {
	return strings.Contains(strings.ToLower(r.Name), query) || strings.Contains(strings.ToLower(r.ID), query) ||
		strings.Contains(strings.ToLower(strings.Join(r.Path, "/")), query)
}

// maxGroups is how many headings are still of help in a list.
const maxGroups = 12

// grouped puts options under their parents, the parent of the best first, where that
// says more than it costs: where parents are few and have more than one child. The
// first recent ones are under a heading of their own.
func grouped(options []chat.Option, recent int) []chat.Option {
	count := map[string]int{}
	for _, o := range options[recent:] {
		count[o.Description]++
	}
	if len(count) > maxGroups || len(count) == 1 && recent == 0 || 2*len(count) > len(options[recent:]) {
		count = nil // all of one kind, or each of its own
		if recent == 0 {
			return options
		}
	}
	for i := range options {
		switch {
		case i < recent:
			options[i].Group = "Recent"
		case count == nil:
			options[i].Group = "All"
		case options[i].Description == "":
			options[i].Group = "Without a parent"
		default:
			options[i].Group = options[i].Description
		}
	}
	return options
}
