package flows

import (
	"encoding/json"
	"slices"
)

// Approvers are the people whom the policy of the moment may ask to approve, each once
// and in the order of the directory: those of every group and tier of escalation of a
// flow that is active, the fallback approvers, everybody's manager where a flow asks
// managers, and the owners that the directory or the policy names where one asks
// owners. Owners that only tags or drivers name are left out: there may be as many of
// them as resources. Who is deactivated is left out.
func (w World) Approvers() []*Person {
	found := map[*Person]bool{}
	judged := map[string]bool{}
	for _, g := range w.Catalog.approverGroups() {
		key, err := json.Marshal(g)
		if err != nil || judged[string(key)] {
			continue
		}
		judged[string(key)] = true
		w.named(g, found)
	}
	var out []*Person
	for _, p := range w.People.Everybody() {
		if found[p] && !p.Disabled {
			out = append(out, p)
		}
	}
	return out
}

// approverGroups lists those of all flows that somebody can use, and the fallback.
func (c *Catalog) approverGroups() []ApproverGroup {
	groups := []ApproverGroup{c.policy.Fallback}
	for i := range c.policy.Flows {
		f := &c.policy.Flows[i]
		if !f.Active || f.Approval == nil {
			continue
		}
		groups = append(groups, f.Approval.Groups...)
		if f.Approval.Escalation != nil {
			groups = append(groups, f.Approval.Escalation.Groups...)
		}
	}
	return groups
}

// named adds the people whom one group can mean.
func (w World) named(g ApproverGroup, found map[*Person]bool) {
	if len(g.Approvers) == 0 {
		return
	}
	if !g.ofRequest() {
		for _, p := range w.People.likely(g, nil) {
			if status, _ := w.join(g.Match, g.Approvers, p, nil); status == Met {
				found[p] = true
			}
		}
		return
	}
	if slices.ContainsFunc(g.Approvers, isOwner) {
		for _, o := range w.Catalog.policy.Owners {
			if o.Owner == nil {
				continue
			}
			for _, p := range w.whoMeets(*o.Owner) {
				found[p] = true
			}
		}
	}
	if slices.ContainsFunc(g.Approvers, func(c Condition) bool { return c.Attribute == AttrManager && len(c.Values) == 0 }) {
		for _, p := range w.People.Everybody() {
			if p.Manager == "" || p.Disabled {
				continue
			}
			if boss, err := w.People.ByEmail(p.Manager); err == nil {
				found[boss] = true
			}
		}
	}
}
