package flows_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"apono/flows"
)

// anyOf draws a selection of all.
func anyOf[T any](t *rapid.T, name string, all ...T) (out []T) {
	for i, x := range all {
		if rapid.Bool().Draw(t, fmt.Sprint(name, i)) {
			out = append(out, x)
		}
	}
	return out
}

// shake changes people and things at random.
func (w *world) shake(t *rapid.T) {
	var out []flows.Person
	for i := range w.people {
		p := w.people[i]
		p.Groups = anyOf(t, p.Name+" groups", "developers", "dba", "admins")
		p.Manager = rapid.SampledFrom([]string{"", "alice@example.com", "bob@example.com"}).Draw(t, "manager")
		p.Disabled = rapid.IntRange(0, 9).Draw(t, "disabled") == 0
		if rapid.IntRange(0, 9).Draw(t, "gone") > 0 {
			out = append(out, p)
		}
	}
	w.people, w.groups = out, []string{"developers", "dba", "admins"}
	w.shifts[0].Members = anyOf(t, "on call", "alice@example.com", "carol@example.com")
	for i := range w.resources {
		w.resources[i].Tags = map[string]string{"env": rapid.SampledFrom([]string{"prod", "test"}).Draw(t, "env")}
		w.resources[i].Owners = anyOf(t, "owners", "alice@example.com", "dan@example.com")
	}
	w.resources = anyOf(t, "resources", w.resources...)
}

// legislate draws a policy.
func (w *world) legislate(t *rapid.T) {
	target := func() flows.Target {
		x := databases(anyOf(t, "permissions", "read", "write")...)
		switch rapid.IntRange(0, 3).Draw(t, "selector") {
		case 0:
			x.Include = &flows.Selector{Tags: []flows.Tag{{Key: "env", Value: "prod"}}}
		case 1:
			x.Exclude = &flows.Selector{Names: []string{"orders"}}
		case 2:
			x.Include = &flows.Selector{Names: []string{"orders", "users"}}
		}
		return x
	}
	w.policy.Bundles = []flows.Bundle{{Name: "b", Targets: []flows.Target{target()}}}
	w.policy.Flows = nil
	for i := range 3 {
		f := readFlow()
		f.Name = fmt.Sprint("flow ", i)
		f.Requestors.Conditions = []flows.Condition{rapid.SampledFrom([]flows.Condition{is("group", "developers"), is("group", "dba"), is("shift", "primary")}).Draw(t, "who")}
		f.Targets = []flows.Target{target()}
		if rapid.Bool().Draw(t, "bundle") {
			f.Targets = append(f.Targets, flows.Target{Bundle: "b"})
		}
		f.Approval.Groups[0].Approvers = []flows.Condition{rapid.SampledFrom([]flows.Condition{is("manager"), is("group", "dba"), is("owner"), is("shift", "primary")}).Draw(t, "approver")}
		f.Settings.RequestorMayApproveSelf = rapid.Bool().Draw(t, "self")
		if rapid.Bool().Draw(t, "at once") {
			f.Approval = nil
			if rapid.Bool().Draw(t, "automatic") {
				f.Trigger = flows.TriggerAutomatic
			}
		}
		w.policy.Flows = append(w.policy.Flows, f)
	}
	if rapid.Bool().Draw(t, "other order") {
		slices.Reverse(w.policy.Flows)
	}
}

// offers says, without any of what makes a plan fast, whether a flow offers a unit.
func offers(w flows.World, f *flows.Flow, bundle string, u flows.Unit, r *flows.Resource) bool {
	targets := f.Targets
	if bundle != "" {
		if !slices.ContainsFunc(f.Targets, func(t flows.Target) bool { return t.Bundle == bundle }) {
			return false
		}
		b, _ := w.Catalog.Bundle(bundle)
		targets = b.Targets
	}
	named := func(s *flows.Selector) bool {
		return slices.Contains(s.Names, r.Name) || slices.ContainsFunc(s.Tags, func(t flows.Tag) bool { return r.Tags[t.Key] == t.Value })
	}
	return slices.ContainsFunc(targets, func(t flows.Target) bool {
		return slices.Contains(t.Permissions, u.Permission) && (t.Include == nil || named(t.Include)) && (t.Exclude == nil || !named(t.Exclude))
	})
}

// termsOf says for everybody and every unit on what terms they get it.
func termsOf(w flows.World) map[string]string {
	out := map[string]string{}
	for _, p := range w.People.Everybody() {
		if p.Disabled {
			continue
		}
		fs := w.Catalog.Flows()
		slices.SortStableFunc(fs, func(a, b *flows.Flow) int { return cmp.Compare(a.Ease(), b.Ease()) })
		fs = slices.DeleteFunc(fs, func(f *flows.Flow) bool { s, _ := w.Matches(f.Requestors, p, p); return s != flows.Met })
		for _, bundle := range []string{"", "b"} {
			for _, r := range w.Inventory.Resources("pg", "database") {
				for _, permission := range []string{"read", "write"} {
					u := flows.Unit{Integration: "pg", ResourceType: "database", Resource: r.ID, Permission: permission}
					i := slices.IndexFunc(fs, func(f *flows.Flow) bool { return offers(w, f, bundle, u, r) })
					if i < 0 {
						continue
					}
					text := fs[i].Terms()
					if fs[i].Approval != nil {
						a, err := w.Resolve(flows.Case{Flow: fs[i], Requestor: p, Grantee: p, Units: []flows.Unit{u}})
						var who []string
						for _, x := range a.Ask() {
							who = append(who, x.Email)
						}
						slices.Sort(who)
						if err != nil {
							who = nil
						}
						text += ": " + strings.Join(who, " ")
					}
					out[strings.Join([]string{p.Email, bundle, r.Name, permission}, "|")] = text
				}
			}
		}
	}
	return out
}

// TestPlanIsWhatIsOther: a plan says of everybody and everything what asking one by one
// tells, and what makes it so.
func TestPlanIsWhatIsOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before, after := newWorld(), newWorld()
		before.shake(t)
		before.legislate(t)
		after.people, after.shifts, after.groups, after.resources, after.policy = before.people, before.shifts, before.groups, before.resources, before.policy
		if rapid.Bool().Draw(t, "another context") {
			fresh := newWorld()
			fresh.shake(t)
			after.people, after.shifts, after.groups, after.resources = fresh.people, fresh.shifts, fresh.groups, fresh.resources
		}
		if rapid.Bool().Draw(t, "another policy") {
			after.legislate(t)
		}
		was, is := before.now(), after.now()
		policy := termsOf(flows.NewWorld(was.People, was.Inventory, is.Catalog))
		context := termsOf(flows.NewWorld(is.People, is.Inventory, was.Catalog))
		a, b := termsOf(was), termsOf(is)
		want := map[string]string{}
		all := maps.Clone(a)
		maps.Copy(all, b)
		for k := range all {
			if a[k] == b[k] {
				continue
			}
			kind := flows.ChangeOther
			if a[k] == "" {
				kind = flows.ChangeGains
			}
			if b[k] == "" {
				kind = flows.ChangeLoses
			}
			why := flows.BecauseBoth
			if p, c := policy[k] == b[k], context[k] == b[k]; p && !c {
				why = flows.BecausePolicy
			} else if c && !p {
				why = flows.BecauseContext
			}
			want[k] = fmt.Sprint(kind, " ", why)
		}
		got, wholes := map[string]string{}, map[string]bool{}
		for _, c := range flows.PlanFor(was, is).Changes {
			for _, p := range c.People {
				if c.Integration == "" {
					wholes[p.Email] = true
				}
				for _, r := range c.Resources {
					got[strings.Join([]string{p.Email, c.Bundle, r, c.Permission}, "|")] = fmt.Sprint(c.Kind, " ", c.Because)
				}
			}
		}
		for k := range want { // a bundle on other terms is told as a whole
			if email, rest, _ := strings.Cut(k, "|"); wholes[email] && strings.HasPrefix(rest, "b|") {
				delete(want, k)
			}
		}
		if !maps.Equal(want, got) {
			t.Fatalf("asked one by one:\n%v\nplanned:\n%v\nwas: %v\nis: %v\npolicy alone: %v\ncontext alone: %v", want, got, a, b, policy, context)
		}
	})
}
