package flows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// soundPolicy has nothing to complain about under soundKnown.
func soundPolicy() flows.Policy {
	developers := flows.Conditions{Conditions: []flows.Condition{{Attribute: "group", Values: []string{"developers"}}}}
	target := flows.Target{Integration: "db", ResourceType: "database", Permissions: []string{"read"}}
	return flows.Policy{
		Admins:   flows.Conditions{Match: flows.MatchAny, Conditions: []flows.Condition{{Attribute: "user", Values: []string{"Ann@example.com"}}}},
		Fallback: flows.ApproverGroup{Approvers: []flows.Condition{{Attribute: "group", Operator: flows.OpIs, Values: []string{"admins"}}}},
		Owners: []flows.Ownership{
			{Integration: "db", Owner: &flows.Condition{Attribute: "group", Values: []string{"admins"}}, Path: "integrations[0]"},
		},
		Bundles: []flows.Bundle{{Name: "incident", Targets: []flows.Target{target}}},
		Flows: []flows.Flow{{
			Name: "read", Trigger: flows.TriggerSelfServe, Active: true, Requestors: developers, Labels: []string{"production"},
			Targets:  []flows.Target{target, {Bundle: "incident"}},
			Duration: flows.GrantDuration{Max: time.Hour},
			Approval: &flows.Approval{Mode: flows.ModeAllOf, Groups: []flows.ApproverGroup{
				{Match: flows.MatchAll, Approvers: []flows.Condition{{Attribute: "manager"}}},
				{Match: flows.MatchAny, Approvers: []flows.Condition{
					{Attribute: "shift", Values: []string{"primary"}},
					{Attribute: "department", Operator: flows.OpStartsWith, Values: []string{"pay"}},
					{Attribute: "owner"},
				}},
			}},
		}},
	}
}

func soundKnown() flows.Known {
	return flows.Known{
		Integrations: []string{"db", "deploy"},
		People: flows.NewDirectory([]flows.Person{
			{Email: "ann@example.com", Groups: []string{"admins", "developers"}, Attributes: map[string][]string{"department": {"payments"}}},
		}, []flows.Shift{{Name: "primary", Members: []string{"ann@example.com"}}}),
		Inventory: flows.NewInventory([]flows.Holdings{{Integration: "db", Types: []flows.ResourceType{
			{ID: "database", Permissions: []flows.Permission{{ID: "read"}, {ID: "write"}}},
		}}}),
	}
}

func TestCheck_SoundPolicyHasNoIssues(t *testing.T) {
	p := soundPolicy()
	if diff := cmp.Diff([]flows.Issue(nil), p.Check(soundKnown())); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
}

func TestCheck_ZeroKnownComparesNoNames(t *testing.T) {
	p := soundPolicy()
	p.Flows[0].Targets[0].Integration, p.Owners[0].Integration = "nowhere", "nowhere"
	p.Admins.Conditions[0].Values = []string{"nobody@example.com"}
	p.Flows[0].Requestors.Conditions[0].Attribute = "unheard-of"
	if diff := cmp.Diff([]flows.Issue(nil), p.Check(flows.Known{})); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
}

// TestCheck_OneFault spoils the sound policy in one place and expects exactly
// what is said about it: "path severity code".
func TestCheck_OneFault(t *testing.T) {
	flow := func(p *flows.Policy) *flows.Flow { return &p.Flows[0] }
	cond := func(p *flows.Policy) *flows.Condition { return &p.Flows[0].Requestors.Conditions[0] }
	target := func(p *flows.Policy) *flows.Target { return &p.Flows[0].Targets[0] }
	approver := func(p *flows.Policy) *flows.Condition { return &p.Flows[0].Approval.Groups[0].Approvers[0] }
	tests := map[string]struct {
		spoil func(p *flows.Policy)
		want  string // "": nothing
	}{
		"no admins":               {func(p *flows.Policy) { p.Admins = flows.Conditions{} }, "admins warning no_admins"},
		"admins match":            {func(p *flows.Policy) { p.Admins.Match = "some" }, "admins.match error unknown_match"},
		"admin by own manager":    {func(p *flows.Policy) { p.Admins.Conditions[0] = flows.Condition{Attribute: "manager"} }, "admins.conditions[0].values error no_values"},
		"admin unknown":           {func(p *flows.Policy) { p.Admins.Conditions[0].Values[0] = "an@example.com" }, "admins.conditions[0].values[0] warning unknown_person"},
		"no fallback":             {func(p *flows.Policy) { p.Fallback = flows.ApproverGroup{} }, "approvals.fallback warning no_fallback"},
		"no fallback, automatic":  {func(p *flows.Policy) { p.Fallback = flows.ApproverGroup{}; flow(p).Approval = nil }, ""},
		"fallback match":          {func(p *flows.Policy) { p.Fallback.Match = "none" }, "approvals.fallback.match error unknown_match"},
		"fallback group unknown":  {func(p *flows.Policy) { p.Fallback.Approvers[0].Values[0] = "admin" }, "approvals.fallback.approvers[0].values[0] warning unknown_group"},
		"no flows":                {func(p *flows.Policy) { p.Flows = nil }, "flows warning no_flows"},
		"flow without name":       {func(p *flows.Policy) { flow(p).Name = " " }, "flows[0].name error empty_name"},
		"flow twice":              {func(p *flows.Policy) { p.Flows = append(p.Flows, p.Flows[0]) }, "flows[1].name error duplicate_name"},
		"bundle without name":     {func(p *flows.Policy) { p.Bundles = append(p.Bundles, flows.Bundle{Targets: p.Bundles[0].Targets}) }, "bundles[1].name error empty_name"},
		"bundle twice":            {func(p *flows.Policy) { p.Bundles = append(p.Bundles, p.Bundles[0]) }, "bundles[1].name error duplicate_name"},
		"name too long":           {func(p *flows.Policy) { flow(p).Name = strings.Repeat("é", flows.MaxName+1) }, "flows[0].name error too_long"},
		"name as long as allowed": {func(p *flows.Policy) { flow(p).Name = strings.Repeat("é", flows.MaxName) }, ""},
		"description too long":    {func(p *flows.Policy) { flow(p).Description = strings.Repeat("x", flows.MaxDescription+1) }, "flows[0].description error too_long"},
		"label too long":          {func(p *flows.Policy) { flow(p).Labels[0] = strings.Repeat("x", flows.MaxName+1) }, "flows[0].labels[0] error too_long"},
		"label empty":             {func(p *flows.Policy) { flow(p).Labels[0] = "" }, "flows[0].labels[0] error empty_entry"},
		"trigger":                 {func(p *flows.Policy) { flow(p).Trigger = "selfserve" }, "flows[0].trigger error unknown_trigger"},
		"trigger absent":          {func(p *flows.Policy) { flow(p).Trigger = "" }, "flows[0].trigger error unknown_trigger"},
		"trigger automatic":       {func(p *flows.Policy) { flow(p).Trigger = flows.TriggerAutomatic }, ""},
		"no requestors":           {func(p *flows.Policy) { flow(p).Requestors = flows.Conditions{} }, "flows[0].requestors.conditions error no_requestors"},
		"requestors match":        {func(p *flows.Policy) { flow(p).Requestors.Match = "ALL" }, "flows[0].requestors.match error unknown_match"},
		"operator":                {func(p *flows.Policy) { cond(p).Operator = "isnot" }, "flows[0].requestors.conditions[0].operator error unknown_operator"},
		"no attribute":            {func(p *flows.Policy) { cond(p).Attribute = "" }, "flows[0].requestors.conditions[0].attribute error no_attribute"},
		"attribute in capitals":   {func(p *flows.Policy) { cond(p).Attribute = "Group" }, "flows[0].requestors.conditions[0].attribute warning unknown_attribute"},
		"attribute of nobody":     {func(p *flows.Policy) { cond(p).Attribute = "departement" }, "flows[0].requestors.conditions[0].attribute warning unknown_attribute"},
		"owner asks":              {func(p *flows.Policy) { cond(p).Attribute = "owner" }, "flows[0].requestors.conditions[0].attribute error owner_not_allowed"},
		"no values":               {func(p *flows.Policy) { cond(p).Values = nil }, "flows[0].requestors.conditions[0].values error no_values"},
		"manager asks":            {func(p *flows.Policy) { *cond(p) = flows.Condition{Attribute: "manager"} }, "flows[0].requestors.conditions[0].values error no_values"},
		"no values, negative":     {func(p *flows.Policy) { cond(p).Values, cond(p).Operator = nil, flows.OpIsNot }, "flows[0].requestors.conditions[0].values error no_values"},
		"empty value":             {func(p *flows.Policy) { cond(p).Values = []string{""}; cond(p).Operator = flows.OpContains }, "flows[0].requestors.conditions[0].values[0] error empty_entry"},
		"group unknown, negative": {func(p *flows.Policy) { cond(p).Values[0] = "interns"; cond(p).Operator = flows.OpIsNot }, "flows[0].requestors.conditions[0].values[0] warning unknown_group"},
		"part of a group":         {func(p *flows.Policy) { cond(p).Values[0] = "dev"; cond(p).Operator = flows.OpStartsWith }, ""},
		"shift unknown":           {func(p *flows.Policy) { *cond(p) = flows.Condition{Attribute: "shift", Values: []string{"prime"}} }, "flows[0].requestors.conditions[0].values[0] warning unknown_shift"},
		"no targets":              {func(p *flows.Policy) { flow(p).Targets = nil }, "flows[0].targets error no_targets"},
		"empty target":            {func(p *flows.Policy) { *target(p) = flows.Target{} }, "flows[0].targets[0] error empty_target"},
		"bundle and integration":  {func(p *flows.Policy) { target(p).Bundle = "incident" }, "flows[0].targets[0] error mixed_target"},
		"bundle and include":      {func(p *flows.Policy) { flow(p).Targets[1].Include = &flows.Selector{Names: []string{"x"}} }, "flows[0].targets[1] error mixed_target"},
		"bundle unknown":          {func(p *flows.Policy) { flow(p).Targets[1].Bundle = "incidents" }, "flows[0].targets[1].bundle error unknown_bundle"},
		"bundle in a bundle":      {func(p *flows.Policy) { p.Bundles[0].Targets[0] = flows.Target{Bundle: "incident"} }, "bundles[0].targets[0].bundle error nested_bundle"},
		"no integration":          {func(p *flows.Policy) { target(p).Integration = "" }, "flows[0].targets[0].integration error no_integration"},
		"integration unknown":     {func(p *flows.Policy) { target(p).Integration = "dbs" }, "flows[0].targets[0].integration error unknown_integration"},
		"no resource type":        {func(p *flows.Policy) { target(p).ResourceType = "" }, "flows[0].targets[0].resource_type error no_resource_type"},
		"resource type unknown":   {func(p *flows.Policy) { target(p).ResourceType = "databases" }, "flows[0].targets[0].resource_type warning unknown_resource_type"},
		"types not discovered":    {func(p *flows.Policy) { p.Owners[0].Integration = "deploy"; target(p).Integration = "deploy" }, ""},
		"no permissions":          {func(p *flows.Policy) { target(p).Permissions = nil }, "flows[0].targets[0].permissions error no_permissions"},
		"empty permission":        {func(p *flows.Policy) { target(p).Permissions = []string{"read", ""} }, "flows[0].targets[0].permissions[1] error empty_entry"},
		"permission unknown":      {func(p *flows.Policy) { target(p).Permissions = []string{"reed"} }, "flows[0].targets[0].permissions[0] warning unknown_permission"},
		"include and exclude": {func(p *flows.Policy) {
			target(p).Include, target(p).Exclude = &flows.Selector{Names: []string{"a"}}, &flows.Selector{Parents: []string{"b"}}
		}, "flows[0].targets[0].resources error include_and_exclude"},
		"empty include":           {func(p *flows.Policy) { target(p).Include = &flows.Selector{} }, "flows[0].targets[0].resources.include error empty_selector"},
		"empty exclude":           {func(p *flows.Policy) { target(p).Exclude = &flows.Selector{} }, "flows[0].targets[0].resources.exclude error empty_selector"},
		"empty name":              {func(p *flows.Policy) { target(p).Include = &flows.Selector{Names: []string{""}} }, "flows[0].targets[0].resources.include.names[0] error empty_entry"},
		"empty tag":               {func(p *flows.Policy) { target(p).Exclude = &flows.Selector{Tags: []flows.Tag{{Value: "x"}}} }, "flows[0].targets[0].resources.exclude.tags[0].key error empty_entry"},
		"empty parent":            {func(p *flows.Policy) { target(p).Include = &flows.Selector{Parents: []string{" "}} }, "flows[0].targets[0].resources.include.parents[0] error empty_entry"},
		"in a bundle":             {func(p *flows.Policy) { p.Bundles[0].Targets[0].Permissions = nil }, "bundles[0].targets[0].permissions error no_permissions"},
		"bundle without targets":  {func(p *flows.Policy) { p.Bundles[0].Targets = nil }, "bundles[0].targets error no_targets"},
		"no duration":             {func(p *flows.Policy) { flow(p).Duration = flows.GrantDuration{} }, "flows[0].grant_duration error duration_not_positive"},
		"negative duration":       {func(p *flows.Policy) { flow(p).Duration.Max = -time.Hour }, "flows[0].grant_duration error duration_not_positive"},
		"indefinite":              {func(p *flows.Policy) { flow(p).Duration = flows.GrantDuration{Indefinite: true} }, ""},
		"approval mode":           {func(p *flows.Policy) { flow(p).Approval.Mode = "any" }, "flows[0].approval.mode error unknown_mode"},
		"approval without groups": {func(p *flows.Policy) { flow(p).Approval.Groups = nil }, "flows[0].approval.groups error no_approvers"},
		"group without approvers": {func(p *flows.Policy) { flow(p).Approval.Groups[1].Approvers = nil }, "flows[0].approval.groups[1].approvers error no_approvers"},
		"group match":             {func(p *flows.Policy) { flow(p).Approval.Groups[1].Match = "every" }, "flows[0].approval.groups[1].match error unknown_match"},
		"anybody but the manager": {func(p *flows.Policy) { approver(p).Operator = flows.OpIsNot }, "flows[0].approval.groups[0].approvers[0].operator error operator_without_values"},
		"manager by name":         {func(p *flows.Policy) { approver(p).Values = []string{"ann@example.com"} }, "flows[0].approval.groups[0] warning no_such_approvers"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			p := soundPolicy()
			tt.spoil(&p)
			var got []string
			for _, i := range p.Check(soundKnown()) {
				got = append(got, fmt.Sprintf("%s %s %s", i.Path, i.Severity, i.Code))
				if i.Message == "" {
					t.Errorf("%s has no message", i.Code)
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, "\n")); diff != "" {
				t.Errorf("issues (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheck_HintsAtTheNearestName(t *testing.T) {
	p := soundPolicy()
	p.Flows[0].Targets[0].Integration = "dbb"
	p.Flows[0].Requestors.Conditions[0].Values[0] = "Developer"
	p.Flows[0].Approval.Mode = "anyof"
	hints := map[string]string{}
	for _, i := range p.Check(soundKnown()) {
		hints[i.Code] = i.Hint
	}
	want := map[string]string{
		"unknown_integration": `did you mean "db"?`, "unknown_group": `did you mean "developers"?`, "unknown_mode": `did you mean "any_of"?`,
	}
	if diff := cmp.Diff(want, hints); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
}

func TestNearest(t *testing.T) {
	known := []string{"slack", "store", "sync", "integrations", "is", "is_not"}
	for name, want := range map[string]string{
		"slak": "slack", "salck": "slack", "SLACK": "slack", "integratoins": "integrations", "isnot": "is_not",
		"": "", "x": "", "kafka": "", "stroe": "store", "snc": "sync",
	} {
		if got := flows.Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	many := strings.Split(strings.Repeat("abcdef,", 13), ",")
	for _, tt := range []struct {
		name  string
		known []string
		want  string
	}{
		{"al", []string{"all", "any"}, `did you mean "all"?`},
		{"something", []string{"all", "any"}, "known: all, any"},
		{"something", nil, ""},
		{"something", many, ""},
	} {
		if got := flows.Suggest(tt.name, tt.known); got != tt.want {
			t.Errorf("Suggest(%q, %d names) = %q, want %q", tt.name, len(tt.known), got, tt.want)
		}
	}
}

func TestParseDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90m": 90 * time.Minute, "8h": 8 * time.Hour, "5d": 5 * day, "2w": 14 * day, "1w2d": 9 * day,
		"1d12h": 36 * time.Hour, "1.5d": 36 * time.Hour, ".5w": 84 * time.Hour, "0": 0, "1h30m": 90 * time.Minute,
		"15000w": 15000 * 7 * day,
	} {
		if got, err := flows.ParseDuration(text); err != nil || got != want {
			t.Errorf("ParseDuration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "1", "1 d", "-1d", "-1h", "1x", "5 days", "1:30", "99999w", strings.Repeat("9", 400) + "d", "1d-2h", "1e3d", "1..5d", "2.5.5d", "1.d", "+1h", "1h ", "1D"} {
		if got, err := flows.ParseDuration(text); err == nil {
			t.Errorf("ParseDuration(%q) = %v, want an error", text, got)
		}
	}
}
