package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"apono/flows"
	"apono/provision"
)

// parting is what the end of one access group means at the target.
type parting struct {
	revoke   []provision.Grant // in order; empty: the target is not asked
	kept     []flows.Unit
	released []string // grant ids
}

func (a *act) revoke(ctx context.Context) outcome {
	if !a.found {
		return a.notRevoked(ctx, errNotConnected)
	}
	if err := a.elsewhere(ctx); err != nil {
		return a.notRevoked(ctx, err)
	}
	p, err := a.parting()
	if err != nil {
		return again(ResultStore, a.Now().Add(revokeBackoff.delay(a.task.Key, a.task.Tries, 0)), err)
	}
	for _, g := range p.revoke {
		_, err := call(ctx, a, func(ctx context.Context) (struct{}, error) { return struct{}{}, a.in.Driver.Revoke(ctx, g) })
		if err != nil {
			return a.notRevoked(ctx, err) // also where it was refused: the access must not stay
		}
	}
	_, err = a.Requests.ApplyGone(context.WithoutCancel(ctx), a.Now(), a.r.ID, a.group.Integration, p.kept, p.released)
	return a.applied(err, ResultDone, nil)
}

// notRevoked tries again, however often: only the target's word ends a revoke. Why it
// failed is kept for the admins, who are told when it is overdue.
func (a *act) notRevoked(ctx context.Context, err error) outcome {
	if ended(ctx, err) {
		return stopped(err)
	}
	sentence := provision.MessageOf(err)
	if errors.Is(err, errNotConnected) {
		sentence = "The configuration does not connect it any more."
	}
	ev := flows.Event{Kind: flows.EventRevokeFailed, Integration: a.group.Integration, Problem: cut(sentence, maxProblem)}
	if _, problem := a.Requests.Apply(context.WithoutCancel(ctx), a.Now(), a.r.ID, ev); problem != nil && !late(problem) {
		a.Log.WarnContext(ctx, "revoke_problem_not_kept", "request", a.r.ID, "integration", a.group.Integration, "error", problem)
	}
	return again(resultOf(err), a.Now().Add(revokeBackoff.delay(a.task.Key, a.task.Tries, provision.RetryAfterOf(err))), err)
}

// parting counts holders where the target does not tell the person's grants
// apart: a unit that another grant still holds stays, and with the last holder
// goes what the earlier ones left behind, under their own names.
func (a *act) parting() (parting, error) {
	person := flows.NormalizeEmail(a.r.Grantee.Email)
	var held []flows.Unit
	if s, ok := a.in.Driver.(provision.Sharer); ok && s.Shared() {
		var err error
		if held, err = a.Requests.Held(person, a.group.Integration); err != nil {
			return parting{}, err
		}
	}
	var p parting
	var mine []flows.Item
	left := map[string][]flows.Item{} // by grant id
	for _, it := range a.group.Items {
		if slices.Contains(held, it.Unit) {
			p.kept = append(p.kept, it.Unit)
			continue
		}
		mine = append(mine, it)
		_, released, err := a.Requests.Holders(person, it.Unit)
		if err != nil {
			return parting{}, err
		}
		for _, grant := range released {
			left[grant] = append(left[grant], it)
		}
	}
	others := itemsOf(held)
	own := a.r.GrantID(a.group.Integration)
	if len(mine) > 0 {
		p.revoke = append(p.revoke, a.revocation(own, mine, others))
	}
	for _, grant := range slices.Sorted(maps.Keys(left)) {
		p.revoke = append(p.revoke, a.revocation(grant, left[grant], others))
		p.released = append(p.released, grant)
	}
	return p, nil
}

func itemsOf(units []flows.Unit) []flows.Item {
	var out []flows.Item
	for _, u := range units {
		out = append(out, flows.Item{Unit: u, ResourceName: u.Resource, TypeName: u.ResourceType, PermissionName: u.Permission})
	}
	return out
}

// revocation of items that came with a grant. A repeat may be of fewer or more
// items, when holders came or went meanwhile; that is another act.
func (a *act) revocation(grant string, items, held []flows.Item) provision.Grant {
	request := flows.RequestOfGrant(grant)
	g := provision.Grant{
		ID: grant, Request: request, Person: a.r.Grantee, Items: items, Held: held, NotAfter: a.r.EndsAt,
		Call: grant + "/revoke/" + digest(items),
	}
	if request != a.r.ID {
		g.Call += "/" + a.r.ID
	}
	return g
}

func digest(items []flows.Item) string {
	units := make([]flows.Unit, len(items))
	for i, it := range items {
		units[i] = it.Unit
	}
	slices.SortFunc(units, flows.Unit.Compare)
	h := sha256.New()
	if err := json.NewEncoder(h).Encode(units); err != nil {
		panic("dispatch: units that cannot be encoded (this is a bug): " + err.Error())
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}
