package flows

import "slices"

// MayDecide judges, on the policy and directory of this moment, whether a person
// may approve or deny a request. Errors: CodeForbidden where the person lacks the
// right, CodeRefused where nobody can decide it any more.
func (w World) MayDecide(r *Request, p *Person) (Right, error) {
	f, ok := w.Catalog.Flow(r.Flow)
	if !ok || !f.Active {
		return Right{}, Errorf(CodeRefused, "The access flow %s, under which %s was asked, is not in force any more. The request cannot be decided; it has to be asked again.", r.Flow, r.ID)
	}
	right, requestor, approvers, err := w.rightUnder(f, r, p)
	if err != nil {
		return Right{}, err
	}
	if err := w.stillCovered(f, r, requestor, approvers); err != nil {
		return Right{}, err
	}
	return right, nil
}

// MayDeny is MayDecide for a deny, which needs less: what the policy does not
// cover any more can still be denied.
func (w World) MayDeny(r *Request, p *Person) (Right, error) {
	right, err := w.MayDecide(r, p)
	f, ok := w.Catalog.Flow(r.Flow)
	if ErrorCode(err) != CodeRefused || !ok || !f.Active {
		return right, err
	}
	right, _, _, err = w.rightUnder(f, r, p)
	// Whoever may deny counts for something; for what, the record cannot tell any more.
	right.Groups = slices.DeleteFunc(right.Groups, func(s int) bool { return s >= len(r.Need.Groups) })
	if err == nil && len(right.Groups) == 0 {
		right.Groups = []int{0}
	}
	return right, err
}

// rightUnder judges whether a person is an approver of a request under its flow.
func (w World) rightUnder(f *Flow, r *Request, p *Person) (Right, *Person, Approvers, error) {
	var people [2]*Person
	for i, ref := range []PersonRef{r.Requestor, r.Grantee} {
		found, err := w.People.ByEmail(ref.Email)
		if err != nil || found.Disabled {
			return Right{}, nil, Approvers{}, Errorf(CodeRefused, "%s is not an active person in the directory any more, so %s cannot be decided.", ref.DisplayName(), r.ID)
		}
		people[i] = found
	}
	approvers, err := w.Resolve(Case{Flow: f, Requestor: people[0], Grantee: people[1], Units: r.Units(), Escalated: r.Escalated})
	right, has := approvers.Of(p)
	if !has || p.Disabled {
		return Right{}, nil, Approvers{}, Errorf(CodeForbidden, "You are not an approver of %s.", r.ID)
	}
	right.By, right.NeedsReason = w.KnownAs(r, p), f.Settings.RequireApproverReason
	for i, s := range right.For {
		if from, err := w.People.ByEmail(s.For.Email); err == nil {
			right.For[i].For = w.KnownAs(r, from)
		}
	}
	return right, people[0], approvers, err
}

// Same reports whether a record means this person. An address that has become an
// alias still means them, so use it to refuse and to end, never to hand out
// secrets: a mailbox of somebody who left is often forwarded.
func (w World) Same(ref PersonRef, p *Person) bool {
	if ref.Is(p.Email) {
		return true
	}
	q, err := w.People.ByEmail(ref.Email)
	return err == nil && samePerson(p, q)
}

// KnownAs is the reference under which a request already knows a person, as
// requestor or by a decision; for anybody else that of the directory.
func (w World) KnownAs(r *Request, p *Person) PersonRef {
	if w.Same(r.Requestor, p) {
		return r.Requestor
	}
	for _, d := range r.Decisions {
		if w.Same(d.By, p) {
			return d.By
		}
	}
	return p.Ref()
}

// stillCovered lets a policy that has become tighter win over what was asked.
func (w World) stillCovered(f *Flow, r *Request, requestor *Person, a Approvers) error {
	changed := Errorf(CodeRefused, "The access flow %s has changed since %s was asked and does not cover it any more. Please have it asked again.", f.Name, r.ID)
	if !w.open(f, requestor) {
		return Errorf(CodeRefused, "%s may not ask under the access flow %s any more, so %s cannot be approved.", r.Requestor.DisplayName(), f.Name, r.ID)
	}
	if grantee, err := w.People.ByEmail(r.Grantee.Email); err == nil {
		if status, _ := w.mayGet(f, requestor, grantee); status != Met {
			return Errorf(CodeRefused, "%s may not ask for %s under the access flow %s any more, so %s cannot be approved.",
				r.Requestor.DisplayName(), r.Grantee.DisplayName(), f.Name, r.ID)
		}
	}
	if !f.Duration.fits(r) {
		return changed
	}
	need := a.Need(f)
	if !need.sameSeats(&r.Need) {
		return changed // the approvals on record count for seats that are others now
	}
	if w.Catalog.hashes[f.Name] != r.FlowHash && (need.Automatic || need.Mode != r.Need.Mode || need.SamePersonMayCount != r.Need.SamePersonMayCount ||
		need.SelfAllowed != r.Need.SelfAllowed || !slices.Equal(need.Groups, r.Need.Groups)) {
		return changed
	}
	targets := w.targetsFor(f, r.Bundle)
	for _, it := range r.Items() {
		switch {
		case !w.Inventory.Has(it.Unit):
			return Errorf(CodeRefused, "%s on %s in %s is not there any more, or cannot be seen at the moment, so %s cannot be approved.", it.PermissionName, it.ResourceName, it.Integration, r.ID)
		case !w.covers(targets, it.Unit):
			return changed
		}
	}
	return nil
}

// IsAdmin judges whether a person is an admin at this moment.
func (w World) IsAdmin(p *Person) bool {
	status, _ := w.Matches(w.Catalog.policy.Admins, p, p)
	return status == Met
}

// Admins are all who are admins at this moment, in the order of the directory.
func (w World) Admins() (out []PersonRef) {
	for _, p := range w.People.Everybody() {
		if !p.Disabled && w.People.certain(p) && w.IsAdmin(p) {
			out = append(out, p.Ref())
		}
	}
	return out
}

// MayEnd judges whether a person may end the access of a request: grantee,
// requestor, whoever was asked to approve it or has (not who stood in and does not any
// more), whoever is an approver of it
// under its flow at this moment, and admins. Ending needs less than deciding:
// neither a policy that has become tighter nor a requestor who has left takes it
// from anybody. Error: CodeForbidden.
func (w World) MayEnd(r *Request, p *Person) error {
	same := func(ref PersonRef) bool { return w.Same(ref, p) }
	if !p.Disabled && (same(r.Grantee) || same(r.Requestor) || w.IsAdmin(p) || w.approves(r, p) ||
		slices.ContainsFunc(r.Asked, func(a Asked) bool { return same(a.PersonRef) && (len(a.Groups) > 0 || len(a.Stood) == 0) }) ||
		slices.ContainsFunc(r.Decisions, func(d Decision) bool { return d.Verb == VerbApprove && same(d.By) })) {
		return nil
	}
	return Errorf(CodeForbidden, "You may not end %s; its grantee, requestor, approvers and the admins may.", r.ID)
}

// approves reports whether the flow of a request makes a person an approver of it
// at this moment, be it in force or not and its people there or not.
func (w World) approves(r *Request, p *Person) bool {
	f, ok := w.Catalog.Flow(r.Flow)
	if !ok {
		return false
	}
	var people [2]*Person
	for i, ref := range []PersonRef{r.Requestor, r.Grantee} {
		found, err := w.People.ByEmail(ref.Email)
		if err != nil { // nobody's manager is known of somebody who left; the fallback is
			found = &Person{Email: ref.Email, Name: ref.Name, Disabled: true}
		}
		people[i] = found
	}
	approvers, _ := w.Resolve(Case{Flow: f, Requestor: people[0], Grantee: people[1], Units: r.Units(), Escalated: r.Escalated}) // that not enough can approve takes nothing from those who can
	_, has := approvers.Of(p)
	return has
}
