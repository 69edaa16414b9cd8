package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"apono/flows"
)

// The tests of a policy, and the resources that they and what-ifs assume where
// no integration is asked.

type testShape struct {
	Name    string           `yaml:"name"`
	User    string           `yaml:"user"`
	At      *time.Time       `yaml:"at"`
	Request testRequestShape `yaml:"request"`
	Expect  expectShape      `yaml:"expect"`
}

type testRequestShape struct {
	For          string         `yaml:"for"`
	Bundle       string         `yaml:"bundle"`
	Integration  string         `yaml:"integration"`
	ResourceType string         `yaml:"resource_type"`
	Resource     string         `yaml:"resource"`
	Resources    []string       `yaml:"resources"`
	Permission   string         `yaml:"permission"`
	Permissions  []string       `yaml:"permissions"`
	Duration     *time.Duration `yaml:"duration"`
}

type expectShape struct {
	Flow          string         `yaml:"flow"`
	Flows         []string       `yaml:"flows"`
	Approval      string         `yaml:"approval"`
	Approvers     []string       `yaml:"approvers"`
	Duration      *time.Duration `yaml:"duration"`
	Holds         *bool          `yaml:"holds"`
	DeniedBecause string         `yaml:"denied_because"`
}

type sampleShape struct {
	Integration  string                `yaml:"integration"`
	ResourceType string                `yaml:"resource_type"`
	Permissions  []string              `yaml:"permissions"`
	Resources    []sampleResourceShape `yaml:"resources"`
}

type sampleResourceShape struct {
	ID     string            `yaml:"id"`
	Name   string            `yaml:"name"`
	Path   []string          `yaml:"path"`
	Tags   map[string]string `yaml:"tags"`
	Owners []string          `yaml:"owners"`
}

// sample reads test_inventory.
func (l *loader) sample(n *yaml.Node, c *Config) {
	if !written(n) {
		return
	}
	var shapes []sampleShape
	decoder{p: l.p, secrets: l.secrets, strict: true}.into(n, &shapes, "test_inventory")
	for i, s := range shapes {
		at := itemPath("test_inventory", i)
		if !slices.Contains(l.names, s.Integration) {
			l.p.fail(at+".integration", "unknown_integration", fmt.Sprintf("there is no integration %q", s.Integration), flows.Suggest(s.Integration, l.names))
		}
		if s.ResourceType == "" {
			l.p.fail(at+".resource_type", "no_resource_type", "the resources have no type", "")
		}
		h := flows.Holdings{Integration: s.Integration, Types: []flows.ResourceType{{ID: s.ResourceType, Name: s.ResourceType}}}
		for _, p := range s.Permissions {
			h.Types[0].Permissions = append(h.Types[0].Permissions, flows.Permission{ID: p, Name: p})
		}
		for j, r := range s.Resources {
			if r.Name == "" && r.ID == "" {
				l.p.fail(itemPath(at+".resources", j), "missing_key", "the resource has no name", "")
			}
			h.Resources = append(h.Resources, flows.Resource{
				Type: s.ResourceType, ID: cmp.Or(r.ID, r.Name), Name: cmp.Or(r.Name, r.ID), Path: r.Path, Tags: r.Tags, Owners: r.Owners,
			})
		}
		c.Sample = append(c.Sample, h)
	}
}

// tests reads the tests of the policy.
func (l *loader) tests(n *yaml.Node, c *Config) {
	if !written(n) {
		return
	}
	var shapes []testShape
	decoder{p: l.p, secrets: l.secrets, strict: true}.into(n, &shapes, "tests")
	for i, s := range shapes {
		at := itemPath("tests", i)
		t := flows.PolicyTest{
			Name: cmp.Or(s.Name, at), User: s.User, For: s.Request.For, Bundle: s.Request.Bundle, Integration: s.Request.Integration,
			ResourceType: s.Request.ResourceType, Resources: s.Request.Resources, Permissions: s.Request.Permissions, Duration: or(s.Request.Duration, 0),
			Path: at,
			Expect: flows.Expectation{
				Flows: s.Expect.Flows, Approval: s.Expect.Approval, Approvers: s.Expect.Approvers, Duration: or(s.Expect.Duration, 0),
				Holds: s.Expect.Holds, DeniedBecause: s.Expect.DeniedBecause,
			},
		}
		if s.Request.Resource != "" {
			t.Resources = append(t.Resources, s.Request.Resource)
		}
		if s.Request.Permission != "" {
			t.Permissions = append(t.Permissions, s.Request.Permission)
		}
		if s.Expect.Flow != "" {
			t.Expect.Flows = append(t.Expect.Flows, s.Expect.Flow)
		}
		if l.testMakesSense(s, &t) {
			c.Tests = append(c.Tests, t)
		}
	}
}

// testMakesSense refuses a test that would hold whatever the policy says.
func (l *loader) testMakesSense(s testShape, t *flows.PolicyTest) bool {
	e := t.Expect
	before := len(l.p.list)
	miss := func(key, message, hint string) { l.p.fail(t.Path+key, "missing_key", message, hint) }
	if s.User == "" {
		miss(".user", "the test does not say who asks", "write user: an e-mail address")
	}
	if s.At == nil {
		miss(".at", "the test does not say when it is", "write at: 2026-03-02T10:00:00+01:00")
	} else {
		t.At = *s.At
	}
	if t.Bundle == "" && t.Integration == "" {
		miss(".request", "the test asks for nothing", "write bundle, or integration, resource and permission")
	}
	allowed := len(e.Flows) > 0 || e.Approval != "" || len(e.Approvers) > 0 || e.Duration > 0
	switch {
	case e.Holds != nil && (e.Approval != "" || len(e.Approvers) > 0 || e.Duration > 0 || e.DeniedBecause != ""):
		l.p.fail(t.Path+".expect.holds", "test_contradiction", "what is held without asking has neither approval, approvers nor duration, and is not denied", "write holds and flow alone")
	case e.Holds != nil && !*e.Holds && len(e.Flows) > 0:
		l.p.fail(t.Path+".expect.flow", "test_contradiction", "what is not held is held under no flow", "write holds: false alone")
	case !allowed && e.Holds == nil && e.DeniedBecause == "":
		miss(".expect", "the test expects nothing", "write flow, approval, approvers, holds or denied_because")
	case allowed && e.DeniedBecause != "":
		l.p.fail(t.Path+".expect.denied_because", "test_contradiction", "what is refused has neither flow nor approvers", "write denied_because alone")
	}
	for _, name := range e.Flows {
		if names := flowNames(l.flows); !slices.Contains(names, name) {
			l.p.fail(t.Path+".expect.flow", "unknown_flow", fmt.Sprintf("there is no flow %q", name), flows.Suggest(name, names))
		}
	}
	if modes := []string{"automatic", "any_of", "all_of"}; e.Approval != "" && !slices.Contains(modes, e.Approval) {
		l.p.fail(t.Path+".expect.approval", "unknown_value", fmt.Sprintf("unknown approval %q", e.Approval), flows.Suggest(e.Approval, modes))
	}
	return len(l.p.list) == before
}

func flowNames(fs []flows.Flow) []string {
	var out []string
	for _, f := range fs {
		out = append(out, f.Name)
	}
	return out
}

// CodeTestsNotRun is the code of the warning that Load has not run the tests, since people
// come from elsewhere; see Config.RunTests.
const CodeTestsNotRun = "tests_not_run"

// runTests runs the tests of the policy where everybody is known from the file.
func (l *loader) runTests(k flows.Known, c *Config) {
	switch {
	case len(c.Tests) == 0 || l.p.failed() || l.o.TestsLater:
	case k.People == nil:
		l.p.warn("tests", CodeTestsNotRun, "people come from elsewhere, so the tests are not run here", "bot check --tests live asks the integrations")
	default:
		l.p.checked(flows.NewWorld(k.People, flows.NewInventory(c.Sample), flows.NewCatalog(c.Policy)).RunTests(c.Tests))
	}
}
