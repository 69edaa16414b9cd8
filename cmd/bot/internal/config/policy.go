package config

import (
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"

	"apono/flows"
)

// DefaultGrantDuration applies to a flow that names none.
const DefaultGrantDuration = time.Hour

// unsupported refuses a feature. A policy must never be weaker than what is
// written, so what is not built is an error and not ignored.
func unsupported(what string) *flows.Issue {
	return invalid("unsupported", what+" is not supported by this version yet", "")
}

// builder turns the shape of the file into the policy. It reports what the
// policy cannot say; flows.Policy.Check reports the rest.
type builder struct{ p *problems }

func conditions(s conditionsShape) flows.Conditions {
	return flows.Conditions{Match: flows.Match(s.Match), Conditions: tests(s.Conditions)}
}

func tests(shapes []conditionShape) []flows.Condition {
	out := make([]flows.Condition, len(shapes))
	for i, s := range shapes {
		out[i] = flows.Condition{Attribute: s.Attribute, Operator: flows.Operator(s.Operator), Values: s.Values}
	}
	return out
}

func group(s groupShape) flows.ApproverGroup {
	return flows.ApproverGroup{Match: flows.Match(s.Match), Approvers: tests(s.Approvers)}
}

func (b builder) targets(shapes []targetShape, path string) []flows.Target {
	out := make([]flows.Target, len(shapes))
	for i, s := range shapes {
		at := itemPath(path, i)
		out[i] = flows.Target{Integration: s.Integration, ResourceType: s.ResourceType, Permissions: s.Permissions, Bundle: s.Bundle, AccessScope: s.AccessScope}
		if s.Resources == nil {
			continue
		}
		at += ".resources"
		out[i].Include = b.selector(s.Resources.Include, at+".include")
		out[i].Exclude = b.selector(s.Resources.Exclude, at+".exclude")
		if s.Resources.Include == nil && s.Resources.Exclude == nil {
			b.p.fail(at, "empty_selector", "this selects no resources", "leave resources out to mean all, now and later")
		}
	}
	return out
}

func (b builder) selector(s *selectorShape, path string) *flows.Selector {
	if s == nil {
		return nil
	}
	out := &flows.Selector{Names: s.Names, Parents: s.Parents}
	for i, t := range s.Tags {
		tag := flows.Tag{Key: t.Key}
		if t.Value == nil {
			b.p.fail(fmt.Sprintf("%s.tags[%d].value", path, i), "missing_key", "the tag has no value", `write value: "" for an empty one`)
		} else {
			tag.Value = *t.Value
		}
		out.Tags = append(out.Tags, tag)
	}
	return out
}

func (b builder) bundle(s bundleShape, path string) flows.Bundle {
	return flows.Bundle{Name: s.Name, Targets: b.targets(s.Targets, path+".targets")}
}

func (b builder) flow(s flowShape, path string) flows.Flow {
	f := flows.Flow{
		Name: s.Name, Description: s.Description, Labels: s.Labels,
		Trigger: flows.Trigger(or(s.Trigger, string(flows.TriggerSelfServe))), Active: or(s.Active, true),
		Targets: b.targets(s.Targets, path+".targets"), Duration: b.duration(s.GrantDuration, path+".grant_duration"),
		Settings: b.settings(s.Settings, path+".settings"),
	}
	if s.Requestors != nil {
		f.Requestors = conditions(*s.Requestors)
	}
	if s.Approval != nil {
		f.Approval = approval(*s.Approval)
	}
	if f.Trigger == flows.TriggerAutomatic {
		b.onlyAsked(s, path)
	}
	if s.Timeframe != nil {
		f.Timeframe = b.timeframe(*s.Timeframe, path+".timeframe")
	}
	if s.RequestFor != nil {
		f.RequestFor = b.requestFor(*s.RequestFor, path+".request_for")
	}
	return f
}

// onlyAsked refuses in an automatic flow what is about asking.
func (b builder) onlyAsked(s flowShape, path string) {
	for _, x := range []struct {
		key   string
		given bool
	}{{"approval", s.Approval != nil}, {"grant_duration", s.GrantDuration != nil}, {"request_for", s.RequestFor != nil}, {"timeframe", s.Timeframe != nil}} {
		if x.given {
			b.p.fail(keyPath(path, x.key), "not_for_automatic", "nobody asks under an automatic flow: whoever matches has the access, for as long as that is so",
				"leave "+x.key+" out")
		}
	}
}

func (b builder) timeframe(s timeframeShape, path string) *flows.Timeframe {
	f := &flows.Timeframe{TimeZone: s.TimeZone}
	for i, day := range s.Days {
		d, err := flows.ParseWeekday(day)
		if err != nil {
			b.p.fail(itemPath(path+".days", i), "invalid_day", err.Error(), "mon, tue, wed, thu, fri, sat, sun")
		}
		f.Days = append(f.Days, d)
	}
	for _, x := range []struct {
		key, text string
		into      *int
	}{{"from", s.From, &f.From}, {"to", s.To, &f.To}} {
		var err error
		if *x.into, err = flows.ParseClock(x.text); err != nil {
			b.p.fail(keyPath(path, x.key), "invalid_time", err.Error(), `write "08:00", in quotes; the last of a day is "24:00"`)
			b.p.wrong = append(b.p.wrong, path+".to") // that no time is left would be an echo
		}
	}
	zone, err := time.LoadLocation(s.TimeZone)
	if err != nil || s.TimeZone == "" || s.TimeZone == "Local" {
		b.p.fail(path+".time_zone", "invalid_time_zone", fmt.Sprintf("%q is not a time zone", s.TimeZone), "an IANA name such as Europe/Berlin, or UTC")
		return f
	}
	f.Zone = zone
	return f
}

func (b builder) requestFor(s requestForShape, path string) *flows.RequestFor {
	f := &flows.RequestFor{}
	if s.Grantees != nil {
		f.Grantees = conditions(*s.Grantees)
	}
	if len(s.Scopes) == 0 {
		b.p.fail(path+".scopes", "missing_key", "it is not said for whom", "write scopes: [self], or leave request_for out")
	}
	for i, scope := range s.Scopes {
		switch scope {
		case "self":
			f.Self = true
		case "others":
			f.Others = true
		case "direct_reports":
			f.DirectReports = true
		default:
			b.p.fail(itemPath(path+".scopes", i), "unknown_value", fmt.Sprintf("unknown scope %q", scope), flows.Suggest(scope, []string{"self", "others", "direct_reports"}))
			b.p.wrong = append(b.p.wrong, path)
		}
	}
	if f.Self && !f.Others && !f.DirectReports && s.Grantees == nil {
		return nil // what absence means
	}
	return f
}

func (b builder) duration(text *string, path string) flows.GrantDuration {
	switch {
	case text == nil:
		return flows.GrantDuration{Max: DefaultGrantDuration}
	case *text == "indefinite":
		return flows.GrantDuration{Indefinite: true}
	}
	d, err := flows.ParseDuration(*text)
	if err != nil {
		b.p.fail(path, "invalid_duration", err.Error(), "write 90m, 8h, 5d, 2w or indefinite")
	}
	return flows.GrantDuration{Max: d}
}

func approval(s approvalShape) *flows.Approval {
	a := &flows.Approval{Mode: flows.ModeOf(s.Mode), SamePersonMayCount: !or(s.DistinctApprovers, true)}
	for _, g := range s.Groups {
		a.Groups = append(a.Groups, group(g))
	}
	if e := s.Escalation; e != nil {
		a.Escalation = &flows.Escalation{Interval: or(e.Interval, flows.DefaultEscalation)}
		for _, g := range e.Groups {
			a.Escalation.Groups = append(a.Escalation.Groups, group(g))
		}
	}
	return a
}

func (b builder) settings(s settingsShape, path string) flows.Settings {
	if s.MaxExtensions < 0 {
		b.p.fail(path+".max_extensions", "invalid_value", "this must not be negative", "0 is for none")
	}
	if s.ExtensionDuration != nil && *s.ExtensionDuration <= 0 {
		b.p.checked([]flows.Issue{{
			Path: path + ".extension_duration", Severity: flows.SeverityError, Code: "invalid_duration",
			Message: "the duration must be longer than nothing", Hint: "write 90m, 8h, 5d or 2w",
		}})
	}
	switch lost := or(s.OnLostRight, "revoke"); lost {
	case "revoke", "report":
	default:
		b.p.fail(path+".on_lost_right", "unknown_value", fmt.Sprintf("unknown answer to a lost right %q", lost),
			flows.Suggest(lost, []string{"revoke", "report"}))
	}
	return flows.Settings{
		JustificationRequired:   or(s.JustificationRequired, true),
		RequireApproverReason:   or(s.RequireApproverReason, false),
		RequestorMayApproveSelf: !or(s.RequestorCannotApproveSelf, true),
		ReportLostRight:         or(s.OnLostRight, "revoke") == "report",
		BreakGlass:              s.BreakGlass,
		MaxExtensions:           max(s.MaxExtensions, 0),
		ExtensionDuration:       or(s.ExtensionDuration, 0),
	}
}

func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}

// policy reads the parts of the file that make the policy.
func (l *loader) policy(s fileShape, c *Config) {
	b := builder{l.p}
	strict := decoder{p: l.p, secrets: l.secrets, strict: true}
	c.Policy.RequestTimeout = c.Approvals.RequestTimeout
	if written(s.Admins) {
		var shape conditionsShape
		strict.into(s.Admins, &shape, "admins")
		c.Admins = conditions(shape)
	}
	c.Policy.Admins = c.Admins
	if written(l.fallback) {
		var shape groupShape
		strict.into(l.fallback, &shape, "approvals.fallback")
		c.Approvals.Fallback = group(shape)
	}
	c.Policy.Fallback = c.Approvals.Fallback
	if written(s.AccessScopes) {
		var shapes []scopeShape
		strict.into(s.AccessScopes, &shapes, "access_scopes")
		for _, shape := range shapes {
			c.Policy.Scopes = append(c.Policy.Scopes, flows.AccessScope{Name: shape.Name, Description: shape.Description, Query: shape.Query})
		}
	}
	if written(s.Bundles) {
		var shapes []bundleShape
		strict.into(s.Bundles, &shapes, "bundles")
		for i, shape := range shapes {
			c.Policy.Bundles = append(c.Policy.Bundles, b.bundle(shape, itemPath("bundles", i)))
		}
	}
	if written(s.Flows) {
		var shapes []flowShape
		strict.into(s.Flows, &shapes, "flows")
		for i, shape := range shapes {
			c.Policy.Flows = append(c.Policy.Flows, b.flow(shape, itemPath("flows", i)))
		}
	}
}

func written(n *yaml.Node) bool { return n != nil && !isNull(n) }
