package flows

// Loss says why the right behind an access is gone.
type Loss struct {
	Cause string // a sentence for people
	// People says that the directory took it, and not the policy: a fault of a
	// directory looks like many of these at once.
	People bool
	// Report: the flow wants to be told, not the access to be ended, once it is active.
	Report bool
}

// Lost judges whether the right behind a decided request is gone at this moment:
// requestor or grantee left or was deactivated, or the flow does not cover the
// request any more. A lowered maximum ends nothing that has begun, approvals that
// were given stay given, and a time frame is of the submission alone. What cannot be
// seen is not judged: without settled, which says that every source of people has
// answered, that is people, and of units those which are not in the inventory.
// Requests of automatic flows follow their flow otherwise, and never lose here.
func (w World) Lost(r *Request, settled bool) (Loss, bool) {
	if r.Trigger == TriggerAutomatic || (r.State != StateApproved && r.State != StateActive) {
		return Loss{}, false
	}
	loss := Loss{Report: r.ReportLostRight}
	f, ok := w.Catalog.Flow(r.Flow)
	if ok {
		loss.Report = f.Settings.ReportLostRight
	}
	switch {
	case !ok:
		loss.Cause = "The access flow " + r.Flow + " is not there any more."
	case !f.Active || f.Trigger == TriggerAutomatic:
		loss.Cause = "The access flow " + r.Flow + " was switched off."
	case r.State == StateApproved && !f.Duration.fits(r):
		loss.Cause = "The longest under the access flow " + r.Flow + " is " + f.Duration.String() + " now."
	default:
		loss.Cause = w.uncovered(f, r)
	}
	if loss.Cause == "" && settled {
		loss.Cause, loss.People = w.withoutRight(f, r)
	}
	return loss, loss.Cause != ""
}

// fits reports whether what a request asked for is within the maximum.
func (g GrantDuration) fits(r *Request) bool {
	return g.Allows(r.Duration) && (g.Indefinite || !r.Indefinite)
}

// uncovered names a unit that can be seen and that the flow does not offer.
func (w World) uncovered(f *Flow, r *Request) string {
	targets := w.targetsFor(f, r.Bundle)
	for _, it := range r.Items() {
		if len(targets) == 0 || w.Inventory.Has(it.Unit) && !w.covers(targets, it.Unit) {
			return "The access flow " + f.Name + " no longer covers " + it.PermissionName + " on " + it.ResourceName + " in " + it.Integration + "."
		}
	}
	return ""
}

// withoutRight says what the directory has against the people of a request.
// byDirectory is false where the flow has changed since.
func (w World) withoutRight(f *Flow, r *Request) (cause string, byDirectory bool) {
	var people [2]*Person
	for i, ref := range []PersonRef{r.Requestor, r.Grantee} {
		p, err := w.People.ByEmail(ref.Email)
		switch {
		case ErrorCode(err) == CodeNotFound:
			return ref.DisplayName() + " is not in the directory any more.", true
		case err != nil:
			return "", false // two people claim the address: neither can be judged
		case p.Disabled:
			return ref.DisplayName() + " was deactivated.", true
		}
		people[i] = p
	}
	same := w.Catalog.hashes[f.Name] == r.FlowHash
	if status, _ := w.Matches(f.Requestors, people[0], people[0]); status != Met {
		return r.Requestor.DisplayName() + " may not ask under the access flow " + f.Name + " any more.", same
	}
	if status, _ := w.mayGet(f, people[0], people[1]); status != Met {
		return r.Requestor.DisplayName() + " may not ask for " + r.Grantee.DisplayName() + " under the access flow " + f.Name + " any more.", same
	}
	return "", false
}
