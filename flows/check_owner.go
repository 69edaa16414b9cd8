package flows

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// ownership checks who owns the integrations.
func (c *checker) ownership() {
	for _, o := range c.policy.Owners {
		if o.Owner != nil {
			c.condition(o.Path+".owner", o.Owner, false)
		} else {
			c.fail(o.Path+".owners_mapping", "no_owner", "a resource whose tag names no owner belongs to the owner of its integration, and there is none",
				"add owner: {attribute: group, values: [...]}")
		}
		if m := o.Mapping; m != nil {
			at := o.Path + ".owners_mapping"
			c.filled(at+".tag", "the key of the tag", m.Tag)
			switch lower := strings.ToLower(m.Attribute); {
			case !c.filled(at+".attribute", "the attribute", m.Attribute):
			case lower == AttrOwner || lower == AttrManager:
				c.fail(at+".attribute", "owner_not_allowed", fmt.Sprintf("a tag cannot name owners by %s", lower), "user, group, shift, or a synced attribute")
			default:
				c.knownAttribute(at, &Condition{Attribute: m.Attribute})
			}
		}
	}
}

// owned warns where the owners of a target are asked and nobody can be known.
func (c *checker) owned(path string, f *Flow) {
	if f.Approval == nil {
		return
	}
	asks := func(g ApproverGroup) bool { return slices.ContainsFunc(g.Approvers, isOwner) }
	i := slices.IndexFunc(f.Approval.Groups, asks)
	if i < 0 {
		return
	}
	for _, t := range f.Targets {
		if t.Integration == "" || c.told(path+".targets") || slices.ContainsFunc(c.policy.Owners, func(o Ownership) bool { return o.Integration == t.Integration }) {
			continue
		}
		c.warn(fmt.Sprintf("%s.approval.groups[%d]", path, i), "no_owner",
			fmt.Sprintf("%s has no owner, so only owners that it names itself are asked", t.Integration), "give the integration an owner")
		return
	}
}

func (c *checker) escalation(path string, e *Escalation) {
	if e == nil {
		return
	}
	switch {
	case len(e.Groups) == 0:
		c.fail(path+".groups", "no_approvers", "the escalation names no approver groups", "leave escalation out")
	case len(e.Groups) > MaxTiers:
		c.fail(path+".groups", "too_many_tiers", fmt.Sprintf("there are %d tiers, and at most %d are possible", len(e.Groups), MaxTiers), "")
	}
	timeout := c.policy.RequestTimeout
	if timeout <= 0 {
		timeout = DefaultRequestTimeout
	}
	switch last := time.Duration(min(len(e.Groups), MaxTiers)) * e.Interval; {
	case e.Interval < time.Minute:
		c.fail(path+".interval", "escalation_too_soon", "the interval must be at least a minute", "30m is usual")
	case last >= timeout || last < 0:
		c.warn(path+".interval", "escalation_too_late",
			fmt.Sprintf("the last tier would be asked after %s, and a request times out after %s", FormatDuration(last), FormatDuration(timeout)), "")
	}
	c.approverGroups(path+".groups", e.Groups)
}

func (c *checker) breakGlass(path string, f *Flow) {
	switch {
	case !f.Settings.BreakGlass:
	case f.Approval != nil:
		c.fail(path+".approval", "break_glass_with_approval", "access behind glass is granted at once, and nobody is asked",
			"take approval out, or make two flows")
	case f.Trigger == TriggerAutomatic:
		c.fail(path+".settings.break_glass", "break_glass_automatic", "nobody asks under an automatic flow, so nobody can break the glass", "")
	case f.Duration.Indefinite:
		c.fail(path+".grant_duration", "break_glass_indefinite", "access behind glass has an end", "1h is usual")
	}
}
