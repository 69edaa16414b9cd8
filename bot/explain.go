package bot

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// maxExplained is how many access flows a card explains.
const maxExplained = 12

// explain says what a person could ask for, under which flow, and who would be
// asked; of a bundle, what the answer would be and why.
func (s *Service) explain(w flows.World, p *flows.Person, u chat.User, rest string, now time.Time) chat.Answer {
	q := flows.Question{Requestor: p, Grantee: p, Justification: "a question", Now: now}
	c := chat.Card{Title: "What you may ask for", Fallback: "What you may ask for"}
	if rest = strings.TrimSpace(rest); rest != "" {
		name, ok := bundleCalled(bundleNames(w), rest)
		if !ok {
			near := flows.Nearest(rest, w.OfferTo(p, nil, now).Bundles())
			if near != "" {
				near = "Did you mean " + near + "? "
			}
			return chat.Say("There is no bundle " + firstRunes(strings.Join(strings.Fields(rest), " "), 80) + ". " + near + s.typed(u) + " explain without a name says what you may ask for.")
		}
		q.Bundle, c.Title, c.Fallback = name, name, name
	}
	e := w.Explain(q)
	if q.Bundle != "" {
		c.Notes = cards.Verdict(e.Verdict, p)
	}
	c.Sections = explainedFlows(w, p, e)
	shown := len(c.Sections)
	if shown > maxExplained {
		c.Sections = c.Sections[:maxExplained]
		c.Notes = append(c.Notes, chat.T(fmt.Sprintf("And %d more access flows.", shown-maxExplained)))
	}
	if shown == 0 && q.Bundle == "" {
		c.Status = chat.T("No access flow lets you ask for anything. Access flows decide that; please ask your administrator.")
	}
	return chat.Answer{Private: &c}
}

// explainedFlows draws the flows that are for a person, those too that are closed
// at this moment, and those that give by themselves.
func explainedFlows(w flows.World, p *flows.Person, e flows.Explanation) []chat.Section {
	var out []chat.Section
	for _, a := range e.Flows {
		f, ok := w.Catalog.Flow(a.Flow)
		if !ok || (a.Of > 0 && a.Covers == 0) {
			continue
		}
		if w.Gives(f, p) {
			out = append(out, chat.Section{Title: f.Name, Fields: []chat.Field{
				{Label: "What", Value: chat.T(targetsOf(f))},
				{Label: "By itself", Value: chat.T("This access flow gives it to you for as long as you match it; nobody asks for it.")},
			}})
		}
		if !w.MayUse(f, p) {
			continue
		}
		fields := []chat.Field{{Label: "What", Value: chat.T(targetsOf(f))}, {Label: "Longest", Value: chat.T(a.Longest)}}
		if a.Asked != "" {
			fields = append(fields, chat.Field{Label: "Asked", Value: chat.T(a.Asked)})
		}
		switch {
		case a.Chosen:
			fields = append(fields, chat.Field{Label: "Chosen", Value: chat.T("A request would be made under this access flow.")})
		case len(a.Against) > 0:
			fields = append(fields, chat.Field{Label: "Not now", Value: chat.T(strings.Join(a.Against, "; "))})
		}
		out = append(out, chat.Section{Title: f.Name, Fields: fields})
	}
	return out
}

// targetsOf names what a flow offers in a few words.
func targetsOf(f *flows.Flow) string {
	var out []string
	for _, t := range f.Targets {
		s := ""
		switch {
		case t.Bundle != "":
			s = "bundle " + t.Bundle
		case t.AccessScope != "":
			s = "access scope " + t.AccessScope
		default:
			s = t.ResourceType + " in " + t.Integration
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	const few = 8
	if n := len(out); n > few {
		return fmt.Sprintf("%s and %d more", strings.Join(out[:few], ", "), n-few)
	}
	return strings.Join(out, ", ")
}
