package bolt_test

import (
	"cmp"
	"errors"
	"testing"
	"time"

	"apono/flows"
	"apono/store/bolt"
	"apono/store/storetest"
)

var start = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func after(d time.Duration) time.Time { return start.Add(d) }

func person(name string) flows.PersonRef {
	return flows.PersonRef{Email: name + "@example.com", Name: name}
}

func unit(integration, resource string) flows.Unit {
	return flows.Unit{Integration: integration, ResourceType: "database", Resource: resource, Permission: "read"}
}

// draft asks for units (integration, resource, …) for an hour, of bob and carol.
func draft(who string, units ...string) flows.Request {
	r := flows.Request{
		Trigger: flows.TriggerSelfServe, Requestor: person(who), Grantee: person(who), Flow: "f", FlowHash: "1",
		Justification: "because <&> \u2028 it burns", Duration: time.Hour,
		Need:  flows.Need{Mode: flows.ModeAnyOf, Groups: []string{"leads"}},
		Asked: []flows.Asked{{PersonRef: person("bob"), Groups: []int{0}, Why: "You lead."}, {PersonRef: person("carol"), Groups: []int{0}, Why: "You lead."}},
	}
	for i := 0; i < len(units); i += 2 {
		it := flows.Item{Unit: unit(units[i], units[i+1]), ResourceName: units[i+1], TypeName: "database", PermissionName: "read"}
		if g, ok := r.Group(units[i]); ok {
			g.Items = append(g.Items, it)
			continue
		}
		r.Groups = append(r.Groups, flows.AccessGroup{Integration: units[i], Items: []flows.Item{it}})
	}
	return r
}

func submit(t testing.TB, s *bolt.Store, now time.Time, key string, drafts ...flows.Request) []flows.Request {
	t.Helper()
	rs, err := s.Submit(t.Context(), now, key, drafts)
	if err != nil {
		t.Fatalf("submit %s: %v", key, err)
	}
	return rs
}

func apply(t testing.TB, s *bolt.Store, now time.Time, id string, ev flows.Event) flows.Request {
	t.Helper()
	r, err := s.Apply(t.Context(), now, id, ev)
	if err != nil {
		t.Fatalf("apply %s to %s: %v", ev.Kind, id, err)
	}
	return r
}

func approve(by string) flows.Event {
	return flows.Event{Kind: flows.EventApprove, By: person(by), CountsFor: []int{0}, Why: "You lead."}
}

// activate takes a fresh request through approval and grant.
func activate(t testing.TB, s *bolt.Store, now time.Time, id string) flows.Request {
	t.Helper()
	r := apply(t, s, now, id, approve("bob"))
	for _, g := range r.Groups {
		r = apply(t, s, now, id, flows.Event{Kind: flows.EventGranted, Integration: g.Integration})
	}
	return r
}

// must unwraps a read.
func must[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ids(rs []flows.Request) []string {
	out := make([]string, len(rs))
	for i := range rs {
		out[i] = rs[i].ID
	}
	return out
}

func wantCode(t testing.TB, err error, code flows.Code) {
	t.Helper()
	if got := flows.ErrorCode(err); got != code {
		t.Errorf("error %v has code %q, want %q", err, cmp.Or(got, "none"), code)
	}
}

func wantIs(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Errorf("error is %v, want %v", err, target)
	}
}

func open(t testing.TB) *bolt.Store { t.Helper(); return storetest.Open(t) }

func one(d flows.Request) []flows.Request { return []flows.Request{d} }
