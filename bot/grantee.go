package bot

import (
	"strings"
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// forWhom settles for whom the form asks and what may be asked for them. Where no
// flow lets the person ask for others, that is not a question. grantee is nil
// while nobody is chosen.
func forWhom(w flows.World, f *cards.RequestForm, p *flows.Person, sel selection, now time.Time) (grantee *flows.Person, offer flows.Offer) {
	own := w.OfferTo(p, nil, now)
	if f.ForOthers = own.ForOthers() || sel.others; !f.ForOthers {
		return p, own
	}
	switch grantee = sel.chosenGrantee(w); {
	case grantee == nil && !own.ForSelf():
		return nil, own
	case grantee == nil:
		grantee = p
	}
	f.Grantee = []chat.Option{granteeOption(p, grantee)}
	if grantee == p {
		return p, own
	}
	f.GranteeGeneration = hash(grantee.Email)
	return grantee, w.OfferTo(p, grantee, now)
}

// chosenGrantee is the person that was chosen; nil where nobody was, or they are not there
// any more.
func (sel selection) chosenGrantee(w flows.World) *flows.Person {
	if strings.HasPrefix(sel.grantee, "#") {
		for _, p := range w.People.Everybody() {
			if token(p.Email) == sel.grantee {
				return p
			}
		}
		return nil
	}
	p, err := w.People.ByEmail(sel.grantee)
	if err != nil {
		return nil
	}
	return p
}

// nothingFor says why nothing can be chosen for a grantee; empty: something can.
func nothingFor(grantee *flows.Person, offer flows.Offer) string {
	switch {
	case grantee == nil:
		return "Please choose for whom you ask."
	case offer.Empty():
		return strings.TrimSpace("There is nothing you may ask for " + grantee.Ref().DisplayName() + " at the moment. " + offer.Later("", ""))
	}
	return ""
}

func granteeOption(requestor, p *flows.Person) chat.Option {
	o := chat.Option{Value: token(p.Email), Label: p.Ref().DisplayName(), Description: p.Email}
	if p == requestor {
		o.Label += " (you)"
	}
	return o
}

// searchGrantees finds people for whom somebody may ask, themselves first.
func searchGrantees(p *flows.Person, own flows.Offer, query string) []chat.Option {
	var out []chat.Option
	self := granteeOption(p, p)
	if q := strings.ToLower(strings.TrimSpace(query)); own.ForSelf() && strings.Contains(strings.ToLower(self.Label+" "+self.Description), q) {
		out = append(out, self)
	}
	for _, g := range own.Grantees(query, maxOptions-len(out)) {
		out = append(out, granteeOption(p, g))
	}
	return out
}
