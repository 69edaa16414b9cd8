package flows

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// PolicyTest says what a policy must answer to a question. It stands beside the
// policy and is run whenever that is read.
type PolicyTest struct {
	Name   string
	User   string // e-mail address of the requestor
	For    string // of the grantee; empty: the requestor
	At     time.Time
	Bundle string
	// Of Integration, every one of Permissions on every one of Resources, by name or
	// id. ResourceType may be left out where the names tell.
	Integration, ResourceType string
	Resources, Permissions    []string
	Duration                  time.Duration // 0: the flow's
	Expect                    Expectation
	Path                      string // "tests[0]"
}

// Expectation is the answer that a test wants. What is left empty is not
// compared, but one of them must be said.
type Expectation struct {
	Flows []string // under which flows, in any order
	// Approval is "automatic", "any_of" or "all_of".
	Approval string
	// Approvers are the addresses of everybody who is asked, in any order.
	Approvers []string
	Duration  time.Duration // what would be granted
	// Holds is whether the person has what the request names without asking, by automatic
	// flows; then Flows are those, and nothing else is compared. nil: they ask.
	Holds *bool
	// DeniedBecause is a part of the reason for which it is refused, without case.
	// Empty: it must be allowed.
	DeniedBecause string
}

// RunTests runs the tests of a policy against people and things, at the moments
// that they name. Each difference is an error with the code test_failed; what
// explains it is the hint.
func (w World) RunTests(tests []PolicyTest) []Issue {
	var out []Issue
	for i := range tests {
		t := &tests[i]
		fail := func(path, hint, format string, args ...any) {
			out = append(out, Issue{
				Path: t.Path + path, Severity: SeverityError, Code: "test_failed",
				Message: fmt.Sprintf("the test %q: ", t.Name) + fmt.Sprintf(format, args...), Hint: hint,
			})
		}
		q, where, err := w.questionOf(t)
		if err != nil {
			fail(where, "", "%s", strings.TrimSuffix(ErrorMessage(err), "."))
			continue
		}
		if t.Expect.Holds != nil {
			w.compareHeld(t, q, fail)
			continue
		}
		w.compareTest(t, q, fail)
	}
	return out
}

func (w World) compareTest(t *PolicyTest, q Question, fail func(path, hint, format string, args ...any)) {
	e := w.Explain(q)
	v := e.Verdict
	var reasons []string
	for _, c := range v.Problems() {
		reasons = append(reasons, c.Reason)
	}
	reason := strings.Join(reasons, " ")
	switch want := t.Expect.DeniedBecause; {
	case want == "" && !v.Allowed():
		fail(".expect", e.against(), "it should be allowed, and is refused: %s", reason)
		return
	case want != "" && v.Allowed():
		fail(".expect.denied_because", "", "it should be refused, and is allowed under %s", list(flowsOf(v)))
		return
	case want != "" && !strings.Contains(strings.ToLower(reason), strings.ToLower(want)):
		fail(".expect.denied_because", "", "it is refused, but because: %s", reason)
	}
	if want := t.Expect.Flows; len(want) > 0 && !sameSet(want, flowsOf(v)) {
		fail(".expect.flow", e.against(want...), "the flow should be %s, and is %s", list(want), list(flowsOf(v)))
	}
	if want := t.Expect.Approval; want != "" && !sameSet([]string{want}, approvalsOf(v)) {
		fail(".expect.approval", "", "the approval should be %s, and is %s", want, list(approvalsOf(v)))
	}
	if want := t.Expect.Approvers; len(want) > 0 && !sameSet(want, approversOf(v)) {
		fail(".expect.approvers", "", "%s should be asked, and %s would be", list(want), cmp.Or(list(approversOf(v)), "nobody"))
	}
	for _, p := range v.Parts {
		if want := t.Expect.Duration; want > 0 && p.Duration != want {
			fail(".expect.duration", "", "it should last %s, and lasts %s", FormatDuration(want), durationOf(p))
		}
	}
}

// compareHeld compares what automatic flows give. Held is what is held as a whole; not
// held is that of which nothing is.
func (w World) compareHeld(t *PolicyTest, q Question, fail func(path, hint, format string, args ...any)) {
	left := q.Units
	if q.Bundle != "" && len(left) == 0 {
		left = w.BundleUnits(q.Bundle, 0)
	}
	all := len(left)
	var under []string
	for _, a := range w.Automatics() {
		if a.TooMuch() || !slices.Contains(a.People, q.Grantee) {
			continue
		}
		rest := slices.DeleteFunc(slices.Clone(left), func(u Unit) bool {
			_, found := slices.BinarySearchFunc(a.Units, u, Unit.Compare)
			return found
		})
		if len(rest) < len(left) {
			left, under = rest, append(under, a.Flow.Name)
		}
	}
	who := q.Grantee.Ref().DisplayName()
	switch {
	case *t.Expect.Holds && (len(left) > 0 || all == 0):
		hint := ""
		if len(left) > 0 && all > 1 {
			it := w.Inventory.Describe(left[0])
			hint = it.PermissionName + " on " + it.ResourceName + " is not held"
		}
		fail(".expect.holds", hint, "%s should hold it without asking, and does not", who)
	case !*t.Expect.Holds && len(left) < all:
		fail(".expect.holds", "", "%s should not hold it without asking, and does under %s", who, list(under))
	case len(t.Expect.Flows) > 0 && !sameSet(t.Expect.Flows, under):
		fail(".expect.flow", "", "the flow should be %s, and is %s", list(t.Expect.Flows), list(under))
	}
}

func durationOf(p Part) string {
	if p.Indefinite {
		return "without limit"
	}
	return FormatDuration(p.Duration)
}

// against says what speaks against the named flows; against all of them, where
// none is named.
func (e Explanation) against(names ...string) string {
	var out []string
	for _, a := range e.Flows {
		if len(a.Against) > 0 && (len(names) == 0 || slices.Contains(names, a.Flow)) {
			out = append(out, a.Flow+": "+strings.Join(a.Against, "; "))
		}
	}
	const few = 3
	if n := len(out); n > few {
		out = append(out[:few], fmt.Sprintf("and %d more flows", n-few))
	}
	return strings.Join(out, ". ")
}

func flowsOf(v Verdict) []string {
	var out []string
	for _, p := range v.Parts {
		out = append(out, p.Flow.Name)
	}
	return out
}

func approvalsOf(v Verdict) []string {
	var out []string
	for _, p := range v.Parts {
		if p.Approvers.Automatic {
			out = append(out, "automatic")
		} else {
			out = append(out, string(p.Approvers.Mode))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func approversOf(v Verdict) []string {
	var out []string
	for _, p := range v.Parts {
		for _, a := range p.Approvers.Ask() {
			out = append(out, a.Email)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// sameSet compares without order, doubles and case.
func sameSet(a, b []string) bool {
	within := func(a, b []string) bool {
		return !slices.ContainsFunc(a, func(s string) bool {
			return !slices.ContainsFunc(b, func(t string) bool { return strings.EqualFold(s, t) })
		})
	}
	return within(a, b) && within(b, a)
}

func list(names []string) string { return strings.Join(names, ", ") }

// questionOf turns a test into its question; where is what is wrong, below the
// path of the test.
func (w World) questionOf(t *PolicyTest) (q Question, where string, err error) {
	q = Question{Bundle: t.Bundle, Duration: t.Duration, Justification: "a test of the policy", Now: t.At}
	if q.Requestor, err = w.People.ByEmail(t.User); err != nil {
		return q, ".user", err
	}
	q.Grantee = q.Requestor
	if t.For != "" {
		if q.Grantee, err = w.People.ByEmail(t.For); err != nil {
			return q, ".request.for", err
		}
	}
	q.Units, err = w.UnitsNamed(t.Bundle, t.Integration, t.ResourceType, t.Resources, t.Permissions)
	return q, ".request", err
}

// UnitsNamed finds units by the names people use: every permission on every
// resource of an integration, each by name or id; of a bundle those of its units,
// all where no resources are named. typ may be empty where the names tell.
// Error: CodeNotFound.
func (w World) UnitsNamed(bundle, integration, typ string, resources, permissions []string) ([]Unit, error) {
	if bundle != "" {
		return w.unitsOfBundle(bundle, integration, resources, permissions)
	}
	types := w.Inventory.Types(integration)
	if len(types) == 0 {
		return nil, Errorf(CodeNotFound, "Nothing is known of the integration %s.", integration)
	}
	var out []Unit
	for _, name := range resources {
		found := false
		for _, rt := range types {
			if typ != "" && typ != rt.ID && typ != rt.Name {
				continue
			}
			s := w.Inventory.shelves[kind{integration, rt.ID}]
			if s == nil {
				continue
			}
			for _, place := range s.names[name] {
				found = true
				for _, p := range permissions {
					out = append(out, Unit{Integration: integration, ResourceType: rt.ID, Resource: s.resources[place].ID, Permission: rt.permission(p)})
				}
			}
		}
		if !found {
			return nil, Errorf(CodeNotFound, "%s has no %s %s.", integration, cmp.Or(typ, "resource"), name)
		}
	}
	if len(out) == 0 {
		return nil, Errorf(CodeNotFound, "Please name resources and permissions.")
	}
	return out, nil
}

func (t *ResourceType) permission(name string) string {
	for _, p := range t.Permissions {
		if p.Name == name {
			return p.ID
		}
	}
	return name
}

func (w World) unitsOfBundle(bundle, integration string, resources, permissions []string) ([]Unit, error) {
	if len(resources)+len(permissions) == 0 && integration == "" {
		return nil, nil // the whole
	}
	var out []Unit
	for _, u := range w.BundleUnits(bundle, 0) {
		it := w.Inventory.Describe(u)
		if (integration == "" || integration == u.Integration) &&
			(len(resources) == 0 || slices.Contains(resources, it.ResourceName) || slices.Contains(resources, u.Resource)) &&
			(len(permissions) == 0 || slices.Contains(permissions, it.PermissionName) || slices.Contains(permissions, u.Permission)) {
			out = append(out, u)
		}
	}
	if len(out) == 0 {
		return nil, Errorf(CodeNotFound, "The bundle %s holds nothing of that.", bundle)
	}
	return out, nil
}
