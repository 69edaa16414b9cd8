package flows

import (
	"errors"
	"fmt"
	"strings"
)

// scopes checks the access scopes.
func (c *checker) scopes() {
	seen := map[string]int{}
	for i, s := range c.policy.Scopes {
		path := fmt.Sprintf("access_scopes[%d]", i)
		c.name(path, "access scope", s.Name, i, seen)
		c.atMost(path+".description", "the description", s.Description, MaxDescription)
		_, err := ParseQuery(s.Query)
		if wrong, ok := errors.AsType[*QueryError](err); ok {
			c.fail(path+".query", "invalid_query", wrong.Message, wrong.Hint)
			c.issues[len(c.issues)-1].Offset = wrong.Offset + 1
			continue
		}
		if c.known.Inventory != nil && c.known.Inventory.size() > 0 && len(c.world().ScopeUnits(s.Name, 1)) == 0 {
			c.warn(path+".query", "scope_matches_nothing", fmt.Sprintf("the access scope %q matches nothing at the moment", s.Name),
				"`bot explain --scope NAME` lists what a scope holds; what is found later will belong to it by itself")
		}
	}
}

// world is what the policy means with what is known.
func (c *checker) world() World {
	if c.made != nil {
		return *c.made
	}
	w := World{People: c.known.People, Inventory: c.known.Inventory, Catalog: NewCatalog(*c.policy)}
	if w.People == nil {
		w.People = NewDirectory(nil, nil)
	}
	if w.Inventory == nil {
		w.Inventory = NewInventory(nil)
	}
	c.made = &w
	return w
}

func (inv *Inventory) size() int {
	n := 0
	for _, s := range inv.shelves {
		n += len(s.resources)
	}
	return n
}

func (c *checker) scopeTarget(path string, t *Target) {
	var names []string
	for _, s := range c.policy.Scopes {
		names = append(names, s.Name)
		if s.Name != t.AccessScope {
			continue
		}
		if q, err := ParseQuery(s.Query); err == nil && len(t.Permissions) == 0 && !q.onPermission {
			c.fail(path+".permissions", "no_permissions", "neither the target nor the query of the access scope names permissions",
				`write permissions: [...], or compare permission in the query`)
		}
		for i, p := range t.Permissions {
			c.filled(fmt.Sprintf("%s.permissions[%d]", path, i), "the permission", p)
		}
		return
	}
	c.fail(path+".access_scope", "unknown_access_scope", fmt.Sprintf("there is no access scope %q", t.AccessScope), Suggest(t.AccessScope, names))
}

func (c *checker) timeframe(path string, f *Timeframe) {
	switch {
	case f == nil:
	case len(f.Days) == 0:
		c.fail(path+".days", "no_days", "the time frame names no days", "leave timeframe out to mean always")
	case f.From == f.To || f.From == minutesADay:
		c.fail(path+".to", "empty_timeframe", "the time frame holds no time", "for the whole day write from: \"00:00\", to: \"24:00\"")
	}
}

func (c *checker) requestFor(path string, f *RequestFor) {
	switch {
	case f == nil:
	case !f.Others && len(f.Grantees.Conditions) > 0:
		c.fail(path+".grantees", "grantees_without_others", "grantees are the others for whom people may ask, and scopes does not name others",
			"add others to scopes")
	case f.Others && len(f.Grantees.Conditions) == 0:
		c.fail(path, "no_grantees", "it is not said for which others people may ask", "add grantees: {conditions: [...]}")
	}
	if f != nil {
		c.match(path+".grantees.match", f.Grantees.Match)
		c.conditions(path+".grantees.conditions", f.Grantees.Conditions, false)
	}
}

// reachable looks for flows that nobody can use and approver groups that mean
// nobody, where everybody is known. What follows from a mistake that is told
// already is left out.
func (c *checker) reachable(path string, f *Flow) {
	if c.known.People == nil || !f.Active {
		return
	}
	w := c.world()
	anybody := func(m Match, cs []Condition) bool {
		for _, p := range c.known.People.likely(ApproverGroup{Match: m, Approvers: cs}, nil) {
			if status, _ := w.join(m, cs, p, nil); status == Met {
				return true
			}
		}
		return false
	}
	if at := path + ".requestors"; !c.told(at) && !anybody(f.Requestors.Match, f.Requestors.Conditions) {
		c.warn(at, "unreachable_flow", "nobody in the directory meets the conditions, so nobody can use the flow",
			"compare the values with the groups and attributes of people; match: all wants every condition met")
	}
	if f.Approval == nil {
		return
	}
	for i, g := range f.Approval.Groups {
		at := fmt.Sprintf("%s.approval.groups[%d]", path, i)
		if !c.told(at) && !g.ofRequest() && !anybody(g.Match, g.Approvers) {
			c.warn(at, "no_such_approvers", "nobody in the directory meets the conditions, so nobody of this group can approve",
				"compare the values with the groups and attributes of people; match: all wants every condition met")
		}
	}
}

// ofRequest reports whether the group depends on the request: on its requestor's
// manager or on the owners of what is asked for.
func (g ApproverGroup) ofRequest() bool {
	for _, a := range g.Approvers {
		if a.Attribute == AttrOwner || (a.Attribute == AttrManager && len(a.Values) == 0) {
			return true
		}
	}
	return false
}

func (c *checker) told(path string) bool {
	for _, issue := range c.issues {
		if strings.HasPrefix(issue.Path, path+".") || strings.HasPrefix(issue.Path, path+"[") || issue.Path == path {
			return true
		}
	}
	return false
}
