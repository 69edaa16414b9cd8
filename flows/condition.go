package flows

import (
	"fmt"
	"slices"
	"strings"
)

// Status of a check.
type Status string

// Statuses. Broken means that the question could not be answered; it counts as
// unmet, so that what is unknown never lets anyone in.
const (
	Met    Status = "met"
	Unmet  Status = "unmet"
	Broken Status = "broken"
)

// compare applies an operator to the values of an attribute, without case.
// Empty wanted values must have been dropped: "" is a part of everything.
func compare(op Operator, have, want []string) bool {
	some := func(match func(h, w string) bool) bool {
		return slices.ContainsFunc(have, func(h string) bool {
			return slices.ContainsFunc(want, func(w string) bool { return match(fold(h), fold(w)) })
		})
	}
	equal := func(h, w string) bool { return h == w }
	switch op {
	case OpIs, "":
		return some(equal)
	case OpIsNot:
		return !some(equal)
	case OpContains:
		return some(strings.Contains)
	case OpDoesNotContain:
		return !some(strings.Contains)
	case OpStartsWith:
		return some(strings.HasPrefix)
	}
	return false
}

func (o Operator) negative() bool { return o == OpIsNot || o == OpDoesNotContain }

// Meets judges one condition for a person. about is the person whose manager is
// meant by a manager condition without values; nil makes such a condition broken.
// So does whatever else cannot be answered: no values, addresses of two people,
// owners where it is not known of what.
func (w World) Meets(c Condition, p, about *Person) (Status, string) {
	switch {
	case c.Attribute == AttrManager && len(c.Values) == 0 && (c.Operator == OpIs || c.Operator == ""):
		return w.isManager(p, about)
	case c.Attribute == AttrOwner:
		return Broken, "the owners of what is asked for are not known"
	case c.Attribute == attrOwners:
		return w.isOneOf(p, c.Values)
	}
	c.Values = slices.DeleteFunc(slices.Clone(c.Values), func(v string) bool { return strings.TrimSpace(v) == "" })
	if len(c.Values) == 0 {
		return Broken, "the condition on " + c.Attribute + " names no value"
	}
	if missing := w.unknownValues(c); len(missing) > 0 && (c.Operator.negative() || len(missing) == len(c.Values)) {
		return Broken, w.describeUnknown(c.Attribute, missing)
	}
	have, known := w.People.Attribute(p, c.Attribute)
	if !known {
		return Broken, fmt.Sprintf("the directory does not know the %s of %s", c.Attribute, p.Ref().DisplayName())
	}
	if !compare(c.Operator, have, w.canonical(c)) {
		return Unmet, describeCondition(c)
	}
	if c.Operator == OpIs || c.Operator == "" {
		c.Values = slices.DeleteFunc(c.Values, func(v string) bool {
			return !compare(OpIs, have, w.canonical(Condition{Attribute: c.Attribute, Values: []string{v}}))
		})
	}
	return Met, describeCondition(c)
}

func (w World) isManager(p, about *Person) (Status, string) {
	if about == nil {
		return Broken, "there is nobody whose manager could be meant"
	}
	if about.Manager == "" {
		return Broken, fmt.Sprintf("the directory names no manager of %s", about.Ref().DisplayName())
	}
	boss, err := w.People.ByEmail(about.Manager)
	if err != nil {
		return Broken, fmt.Sprintf("the manager of %s, %s, is not in the directory", about.Ref().DisplayName(), about.Manager)
	}
	if samePerson(boss, p) {
		return Met, fmt.Sprintf("%s's manager", about.Ref().DisplayName())
	}
	return Unmet, fmt.Sprintf("%s's manager", about.Ref().DisplayName())
}

// canonical maps addresses in a condition to the addresses people are known by,
// so that an alias in the policy means the person.
func (w World) canonical(c Condition) []string {
	if c.Attribute != AttrUser && c.Attribute != AttrManager {
		return c.Values
	}
	out := slices.Clone(c.Values)
	for i, v := range out {
		if p, err := w.People.ByEmail(v); err == nil {
			out[i] = p.Email
		}
	}
	return out
}

// unknownValues lists groups and shifts the directory has never heard of, and
// addresses that two people claim. Only exact operators name a group; a prefix or
// a part may match later ones.
func (w World) unknownValues(c Condition) []string {
	var has func(string) bool
	switch {
	case c.Operator != OpIs && c.Operator != OpIsNot && c.Operator != "":
		return nil
	case c.Attribute == AttrGroup:
		has = w.People.HasGroup
	case c.Attribute == AttrShift:
		has = w.People.HasShift
	case c.Attribute == AttrUser, c.Attribute == AttrManager:
		has = func(v string) bool { return !w.People.ambiguous[NormalizeEmail(v)] }
	default:
		return nil
	}
	var missing []string
	for _, v := range c.Values {
		if !has(v) {
			missing = append(missing, v)
		}
	}
	return missing
}

func (w World) describeUnknown(attribute string, missing []string) string {
	if attribute == AttrUser || attribute == AttrManager {
		return fmt.Sprintf("the address %s belongs to two people in the directory", strings.Join(missing, ", "))
	}
	return fmt.Sprintf("the directory knows no %s %s", attribute, strings.Join(missing, ", "))
}

// Matches judges joined conditions for a person. With MatchAll one broken
// condition breaks the whole; with MatchAny a met one is enough. No conditions
// match nobody.
func (w World) Matches(cs Conditions, p, about *Person) (Status, string) {
	return w.join(cs.Match, cs.Conditions, p, about)
}

func (w World) join(m Match, cs []Condition, p, about *Person) (Status, string) {
	if p.Disabled {
		return Unmet, p.Ref().DisplayName() + " is deactivated"
	}
	return w.joinAll(m, cs, p, about)
}

// joinAll is join for a person who may be deactivated.
func (w World) joinAll(m Match, cs []Condition, p, about *Person) (Status, string) {
	var reasons []string
	status := Unmet
	if m != MatchAny && len(cs) > 0 {
		status = Met
	}
	for _, c := range cs {
		s, why := w.Meets(c, p, about)
		switch {
		case m == MatchAny && s == Met:
			return Met, why
		case m == MatchAny && s == Broken:
			status, reasons = Broken, append(reasons, why)
		case m == MatchAny:
			reasons = append(reasons, why)
		case s == Met && status == Met:
			reasons = append(reasons, why)
		case s == Broken, s == Unmet && status == Met:
			status, reasons = s, []string{why}
		}
	}
	sep := " and "
	if m == MatchAny {
		sep = " or "
	}
	return status, strings.Join(reasons, sep)
}

const namedInPerson = "named in person"

// describeCondition says what a condition asks for: "in the group dba".
func describeCondition(c Condition) string {
	values := strings.Join(c.Values, " or ")
	switch {
	case c.Attribute == AttrGroup && (c.Operator == OpIs || c.Operator == ""):
		return "in the group " + values
	case c.Attribute == AttrGroup && c.Operator == OpIsNot:
		return "not in the group " + values
	case c.Attribute == AttrShift && (c.Operator == OpIs || c.Operator == ""):
		return "on call for " + values
	case c.Attribute == AttrUser && (c.Operator == OpIs || c.Operator == ""):
		return namedInPerson
	}
	op := strings.ReplaceAll(string(c.Operator), "_", " ")
	if op == "" {
		op = "is"
	}
	return "somebody whose " + c.Attribute + " " + op + " " + values
}
