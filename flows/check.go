package flows

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of what a policy may say.
const (
	MaxName        = 150  // runes in the name of a flow or bundle, and in a label
	MaxDescription = 2000 // runes in a description
)

// Known is what the names in a policy are compared with. What is left out is not
// compared.
type Known struct {
	Integrations []string // all that are declared; a name beside them is an error
	// People must be everybody there is: a name beside them is a warning, since
	// a condition that nobody can meet shuts people out and lets nobody in.
	People *Directory
	// Inventory need not be complete: only integrations that it holds are compared.
	Inventory *Inventory
}

// Check finds everything that is wrong with a policy, without asking anything
// outside. Paths are those of the configuration file:
//
//	flows[0].approval.groups[1].approvers[0].attribute
//	bundles[0].targets[2].resources.include.tags[0].key
//	approvals.fallback.approvers[0].values, admins.conditions[0]
//
// The order of the issues is that of the policy.
func (p *Policy) Check(k Known) []Issue {
	c := checker{policy: p, known: k}
	c.admins()
	c.fallback()
	c.ownership()
	c.scopes()
	seen := map[string]int{}
	for i := range p.Bundles {
		path := fmt.Sprintf("bundles[%d]", i)
		c.name(path, "bundle", p.Bundles[i].Name, i, seen)
		c.targets(path+".targets", p.Bundles[i].Targets, true)
	}
	if len(p.Flows) == 0 {
		c.warn("flows", "no_flows", "there is no flow, so nobody can ask for anything", "add flows: [...], as in config.example.yaml")
	}
	seen = map[string]int{}
	for i := range p.Flows {
		path := fmt.Sprintf("flows[%d]", i)
		c.name(path, "flow", p.Flows[i].Name, i, seen)
		c.flow(path, &p.Flows[i])
	}
	return c.issues
}

type checker struct {
	policy *Policy
	known  Known
	issues []Issue

	attributes map[string]bool // that anybody has; made when it is needed
	made       *World          // see world
}

func (c *checker) fail(path, code, message, hint string) {
	c.issues = append(c.issues, Issue{Path: path, Severity: SeverityError, Code: code, Message: message, Hint: hint})
}

func (c *checker) warn(path, code, message, hint string) {
	c.issues = append(c.issues, Issue{Path: path, Severity: SeverityWarning, Code: code, Message: message, Hint: hint})
}

func (c *checker) admins() {
	if len(c.policy.Admins.Conditions) == 0 {
		c.warn("admins", "no_admins", "nobody is an admin, so nobody is told of an overdue revoke or a held sync", "add admins: {conditions: [{attribute: group, values: [...]}]}")
		return
	}
	c.match("admins.match", c.policy.Admins.Match)
	c.conditions("admins.conditions", c.policy.Admins.Conditions, false)
}

func (c *checker) fallback() {
	const path = "approvals.fallback"
	f := c.policy.Fallback
	c.match(path+".match", f.Match)
	c.conditions(path+".approvers", f.Approvers, true)
	asks := func(f Flow) bool { return f.Approval != nil }
	if len(f.Approvers) == 0 && slices.ContainsFunc(c.policy.Flows, asks) {
		c.warn(path, "no_fallback", "there are no fallback approvers: a request whose approvers cannot be found is refused",
			"add approvals: {fallback: {approvers: [{attribute: group, values: [...]}]}}")
	}
}

func (c *checker) name(path, what, name string, i int, seen map[string]int) {
	if strings.TrimSpace(name) == "" {
		c.fail(path+".name", "empty_name", fmt.Sprintf("the %s has no name", what), "")
		return
	}
	c.atMost(path+".name", "the name", name, MaxName)
	if first, dup := seen[name]; dup {
		c.fail(path+".name", "duplicate_name", fmt.Sprintf("the %s %q is there twice, first as %ss[%d]", what, name, what, first),
			"records keep the name; it must be unique")
		return
	}
	seen[name] = i
}

func (c *checker) atMost(path, what, text string, limit int) {
	if n := utf8.RuneCountInString(text); n > limit {
		c.fail(path, "too_long", fmt.Sprintf("%s has %d characters, %d more than allowed", what, n, n-limit), "")
	}
}

func (c *checker) flow(path string, f *Flow) {
	c.atMost(path+".description", "the description", f.Description, MaxDescription)
	for i, l := range f.Labels {
		at := fmt.Sprintf("%s.labels[%d]", path, i)
		c.filled(at, "the label", l)
		c.atMost(at, "the label", l, MaxName)
	}
	c.oneOf(path+".trigger", "unknown_trigger", "trigger", string(f.Trigger), string(TriggerSelfServe), string(TriggerAutomatic))
	if len(f.Requestors.Conditions) == 0 {
		c.fail(path+".requestors.conditions", "no_requestors", "the flow says nobody who may ask", "name at least one condition")
	}
	c.match(path+".requestors.match", f.Requestors.Match)
	c.conditions(path+".requestors.conditions", f.Requestors.Conditions, false)
	c.timeframe(path+".timeframe", f.Timeframe)
	c.requestFor(path+".request_for", f.RequestFor)
	c.targets(path+".targets", f.Targets, false)
	c.duration(path+".grant_duration", f.Duration)
	if f.Approval != nil {
		c.approval(path+".approval", f.Approval)
	}
	c.breakGlass(path, f)
	c.owned(path, f)
	c.reachable(path, f)
}

func (c *checker) duration(path string, d GrantDuration) {
	if !d.Indefinite && d.Max <= 0 {
		c.fail(path, "duration_not_positive", "the grant duration must be longer than nothing", "write 8h, 5d, or indefinite")
	}
}

func (c *checker) approval(path string, a *Approval) {
	c.oneOf(path+".mode", "unknown_mode", "mode", string(a.Mode), "", string(ModeAnyOf), string(ModeAllOf))
	if len(a.Groups) == 0 {
		c.fail(path+".groups", "no_approvers", "the approval names no approver groups", "leave approval out to approve automatically")
	}
	c.approverGroups(path+".groups", a.Groups)
	c.escalation(path+".escalation", a.Escalation)
}

func (c *checker) approverGroups(path string, groups []ApproverGroup) {
	for i, g := range groups {
		at := fmt.Sprintf("%s[%d]", path, i)
		c.match(at+".match", g.Match)
		if len(g.Approvers) == 0 {
			c.fail(at+".approvers", "no_approvers", "the approver group names no approvers", "add approvers: [{attribute: manager}], for example")
		}
		c.conditions(at+".approvers", g.Approvers, true)
	}
}

func (c *checker) match(path string, m Match) {
	c.oneOf(path, "unknown_match", "match", string(m), "", string(MatchAll), string(MatchAny))
}

// oneOf accepts the values; an empty one among them means that absence is fine.
func (c *checker) oneOf(path, code, what, value string, values ...string) {
	if slices.Contains(values, value) {
		return
	}
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" })
	c.fail(path, code, fmt.Sprintf("unknown %s %q", what, value), Suggest(value, values))
}

// filled refuses an empty entry: "" is a part and a prefix of everything.
func (c *checker) filled(path, what, value string) bool {
	if strings.TrimSpace(value) == "" {
		c.fail(path, "empty_entry", what+" is empty", "")
		return false
	}
	return true
}

func (c *checker) targets(path string, ts []Target, inBundle bool) {
	if len(ts) == 0 {
		c.fail(path, "no_targets", "there are no targets, so there is nothing to ask for", "add targets: [{integration: ..., resource_type: ..., permissions: [...]}]")
	}
	for i := range ts {
		t, at := &ts[i], fmt.Sprintf("%s[%d]", path, i)
		part := t.Integration != "" || t.ResourceType != "" || t.Include != nil || t.Exclude != nil
		switch {
		case t.Bundle != "" && inBundle:
			c.fail(at+".bundle", "nested_bundle", "a bundle cannot hold a bundle", "list its targets")
		case t.Bundle != "" && (part || t.AccessScope != "" || len(t.Permissions) > 0), t.AccessScope != "" && part:
			c.fail(at, "mixed_target", "a target is either a bundle, an access scope, or a part of an integration", "make two targets of it")
		case t.Bundle != "":
			c.bundle(at+".bundle", t.Bundle)
		case t.AccessScope != "":
			c.scopeTarget(at, t)
		case !part && len(t.Permissions) == 0:
			c.fail(at, "empty_target", "the target names nothing", "name an integration, an access scope or a bundle")
		default:
			c.target(at, t)
		}
	}
}

func (c *checker) bundle(path, name string) {
	names := make([]string, len(c.policy.Bundles))
	for i, b := range c.policy.Bundles {
		names[i] = b.Name
	}
	if !slices.Contains(names, name) {
		c.fail(path, "unknown_bundle", fmt.Sprintf("there is no bundle %q", name), Suggest(name, names))
	}
}

func (c *checker) target(path string, t *Target) {
	switch {
	case t.Integration == "":
		c.fail(path+".integration", "no_integration", "the target names no integration", "name one of integrations, or a bundle or access_scope instead")
	case c.known.Integrations != nil && !slices.Contains(c.known.Integrations, t.Integration):
		c.fail(path+".integration", "unknown_integration", fmt.Sprintf("there is no integration %q", t.Integration),
			Suggest(t.Integration, c.known.Integrations))
	}
	if t.ResourceType == "" {
		c.fail(path+".resource_type", "no_resource_type", "the target names no resource type", "write resource_type: database, for example")
	}
	if len(t.Permissions) == 0 {
		c.fail(path+".permissions", "no_permissions", "the target names no permissions", "write permissions: [...]; the integration says which there are")
	}
	for i, p := range t.Permissions {
		c.filled(fmt.Sprintf("%s.permissions[%d]", path, i), "the permission", p)
	}
	c.offered(path, t)
	if t.Include != nil && t.Exclude != nil {
		c.fail(path+".resources", "include_and_exclude", "resources are either included or excluded", "write one of them, or two targets")
	}
	c.selector(path+".resources.include", t.Include)
	c.selector(path+".resources.exclude", t.Exclude)
}

// offered compares a target with what its integration is known to offer.
func (c *checker) offered(path string, t *Target) {
	inv := c.known.Inventory
	if inv == nil || t.ResourceType == "" || len(inv.Types(t.Integration)) == 0 {
		return
	}
	rt, ok := inv.Type(t.Integration, t.ResourceType)
	if !ok {
		var ids []string
		for _, rt := range inv.Types(t.Integration) {
			ids = append(ids, rt.ID)
		}
		c.warn(path+".resource_type", "unknown_resource_type",
			fmt.Sprintf("%s has no resource type %q", t.Integration, t.ResourceType), Suggest(t.ResourceType, ids))
		return
	}
	var ids []string
	for _, p := range rt.Permissions {
		ids = append(ids, p.ID)
	}
	for i, p := range t.Permissions {
		if p != "" && !slices.Contains(ids, p) {
			c.warn(fmt.Sprintf("%s.permissions[%d]", path, i), "unknown_permission",
				fmt.Sprintf("a %s of %s has no permission %q", t.ResourceType, t.Integration, p), Suggest(p, ids))
		}
	}
}

func (c *checker) selector(path string, s *Selector) {
	if s == nil {
		return
	}
	if len(s.Names)+len(s.Tags)+len(s.Parents) == 0 {
		c.fail(path, "empty_selector", "this selects no resources", "leave resources out to mean all, now and later")
	}
	for i, n := range s.Names {
		c.filled(fmt.Sprintf("%s.names[%d]", path, i), "the name", n)
	}
	for i, t := range s.Tags {
		c.filled(fmt.Sprintf("%s.tags[%d].key", path, i), "the key of the tag", t.Key)
	}
	for i, p := range s.Parents {
		c.filled(fmt.Sprintf("%s.parents[%d]", path, i), "the parent", p)
	}
}

func (c *checker) conditions(path string, cs []Condition, approvers bool) {
	for i := range cs {
		c.condition(fmt.Sprintf("%s[%d]", path, i), &cs[i], approvers)
	}
}

func (c *checker) condition(path string, cond *Condition, approvers bool) {
	c.oneOf(path+".operator", "unknown_operator", "operator", string(cond.Operator), "",
		string(OpIs), string(OpIsNot), string(OpContains), string(OpDoesNotContain), string(OpStartsWith))
	lower := strings.ToLower(cond.Attribute)
	switch {
	case strings.TrimSpace(cond.Attribute) == "":
		c.fail(path+".attribute", "no_attribute", "the condition names no attribute", "user, group, manager, shift, or a synced attribute")
		return
	case cond.Attribute == AttrOwner && !approvers:
		c.fail(path+".attribute", "owner_not_allowed", "only an approver can be the owner of what is requested", "use owner under approval, or group and user here")
	case cond.Attribute != lower && slices.Contains([]string{AttrUser, AttrGroup, AttrManager, AttrShift, AttrOwner}, lower):
		c.warn(path+".attribute", "unknown_attribute", fmt.Sprintf("%q is taken for a synced attribute", cond.Attribute),
			fmt.Sprintf("did you mean %q?", lower))
	}
	c.values(path, cond, approvers)
	c.knownAttribute(path, cond)
}

func (c *checker) values(path string, cond *Condition, approvers bool) {
	ofRequest := approvers && (cond.Attribute == AttrManager || cond.Attribute == AttrOwner)
	switch {
	case len(cond.Values) == 0 && !ofRequest:
		c.fail(path+".values", "no_values", "the condition compares with nothing", "name at least one value")
	case len(cond.Values) > 0 && approvers && cond.Attribute == AttrOwner:
		c.fail(path+".values", "owner_with_values", "an owner is the owner of what is asked for, whoever that is", "leave values out, or name people with user or group")
		return
	case len(cond.Values) == 0 && cond.Operator != "" && cond.Operator != OpIs:
		c.fail(path+".operator", "operator_without_values",
			fmt.Sprintf("%s without values means the one of this request, which only the operator is can compare with", cond.Attribute),
			"leave the operator out, or name values")
	}
	for i, v := range cond.Values {
		at := fmt.Sprintf("%s.values[%d]", path, i)
		if c.filled(at, "the value", v) {
			c.knownValue(at, cond, v)
		}
	}
}

func (c *checker) knownAttribute(path string, cond *Condition) {
	d := c.known.People
	if d == nil || slices.Contains([]string{AttrUser, AttrGroup, AttrManager, AttrShift, AttrOwner}, strings.ToLower(cond.Attribute)) {
		return
	}
	if c.attributes == nil {
		c.attributes = map[string]bool{AttrUser: true, AttrGroup: true, AttrManager: true, AttrShift: true}
		for _, p := range d.all {
			for name := range p.Attributes {
				c.attributes[name] = true
			}
		}
	}
	if !c.attributes[cond.Attribute] {
		c.warn(path+".attribute", "unknown_attribute", fmt.Sprintf("nobody in the directory has the attribute %q", cond.Attribute),
			Suggest(cond.Attribute, slices.Sorted(maps.Keys(c.attributes))))
	}
}

// knownValue compares a value that names something. A part or a prefix names nothing.
func (c *checker) knownValue(path string, cond *Condition, value string) {
	d := c.known.People
	if d == nil || (cond.Operator != "" && cond.Operator != OpIs && cond.Operator != OpIsNot) {
		return
	}
	switch cond.Attribute {
	case AttrGroup:
		if !d.HasGroup(value) {
			c.warn(path, "unknown_group", fmt.Sprintf("nobody in the directory is in a group %q", value), nearestKey(value, d.groups))
		}
	case AttrShift:
		if !d.HasShift(value) {
			c.warn(path, "unknown_shift", fmt.Sprintf("the directory has no shift %q", value), nearestKey(value, d.shifts))
		}
	case AttrUser, AttrManager:
		if _, err := d.ByEmail(value); err != nil {
			c.warn(path, "unknown_person", fmt.Sprintf("the directory has no person %q", value), nearestKey(value, d.people))
		}
	}
}
