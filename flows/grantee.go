package flows

import (
	"cmp"
	"slices"
	"strings"
)

// RequestFor says for whom a flow lets people ask. A flow without one is for the
// requestor alone.
type RequestFor struct {
	Self bool `json:"self,omitempty"`
	// Others are people who meet Grantees.
	Others   bool       `json:"others,omitempty"`
	Grantees Conditions `json:"grantees,omitzero"`
	// DirectReports are people whose manager the requestor is.
	DirectReports bool `json:"direct_reports,omitempty"`
}

// forOthers reports whether somebody may ask for somebody else under the flow.
func (f *Flow) forOthers() bool {
	return f.RequestFor != nil && (f.RequestFor.Others || f.RequestFor.DirectReports)
}

// mayGet judges whether a requestor may ask for a grantee under a flow, with the
// reason. Whether they may ask at all is judged elsewhere.
func (w World) mayGet(f *Flow, requestor, grantee *Person) (Status, string) {
	if samePerson(requestor, grantee) {
		if f.RequestFor == nil || f.RequestFor.Self {
			return Met, "people may ask for themselves"
		}
		return Unmet, "people may ask for others only"
	}
	if !f.forOthers() {
		return Unmet, "people may ask for themselves only"
	}
	if grantee.Disabled || !w.People.certain(grantee) {
		return Unmet, grantee.Ref().DisplayName() + " is deactivated, or cannot be told from somebody else"
	}
	status, why := Unmet, "the grantee must report to the requestor"
	if f.RequestFor.DirectReports {
		s, reason := w.isManager(requestor, grantee)
		if s == Met {
			return Met, reason
		}
		status = s
	}
	if f.RequestFor.Others {
		if status, why = w.Matches(f.RequestFor.Grantees, grantee, requestor); status != Met {
			why = "the grantee must be " + cmp.Or(why, "named by conditions, and there are none")
		}
	}
	return status, why
}

// reportsOf lists the people whose manager somebody is.
func (d *Directory) reportsOf(boss *Person) []*Person {
	var out []*Person
	for _, address := range d.addresses(boss) {
		out = append(out, d.reports[address]...)
	}
	return out
}

// Grantees lists people for whom an offer's requestor may ask, the requestor
// left out, whose name or address holds the query; those whose begins with it
// first. limit > 0 stops after that many.
func (o Offer) Grantees(query string, limit int) []*Person {
	query = strings.ToLower(strings.TrimSpace(query))
	var first, rest []*Person
	seen := map[*Person]bool{}
	consider := func(f *Flow, people []*Person) {
		for _, p := range people {
			if seen[p] || (limit > 0 && len(first) >= limit) {
				continue
			}
			name, email := strings.ToLower(p.Name), NormalizeEmail(p.Email)
			begins := strings.HasPrefix(name, query) || strings.HasPrefix(email, query)
			if !begins && (!strings.Contains(name, query) && !strings.Contains(email, query) || (limit > 0 && len(rest) >= limit)) {
				continue
			}
			if samePerson(p, o.requestor) {
				continue
			}
			if status, _ := o.w.mayGet(f, o.requestor, p); status != Met {
				continue
			}
			seen[p] = true
			if begins {
				first = append(first, p)
			} else {
				rest = append(rest, p)
			}
		}
	}
	for _, f := range o.toOthers {
		if f.RequestFor.DirectReports {
			consider(f, o.w.People.reportsOf(o.requestor))
		}
		if f.RequestFor.Others {
			g := f.RequestFor.Grantees
			consider(f, o.w.People.likely(ApproverGroup{Match: g.Match, Approvers: g.Conditions}, o.requestor))
		}
	}
	order := func(a, b *Person) int {
		return strings.Compare(strings.ToLower(a.Ref().DisplayName())+a.Email, strings.ToLower(b.Ref().DisplayName())+b.Email)
	}
	slices.SortFunc(first, order)
	slices.SortFunc(rest, order)
	out := append(first, rest...)
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return out
}

// ForOthers reports whether the requestor may ask for somebody else.
func (o Offer) ForOthers() bool { return len(o.Grantees("", 1)) > 0 }

// ForSelf reports whether the requestor may ask for anything for themselves.
func (o Offer) ForSelf() bool { return o.self }
