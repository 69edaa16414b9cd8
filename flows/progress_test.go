package flows_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestProgressIsToldInOneMessage: a long grant changes the one message that the
// requester reads meanwhile, and no other; the end of it leaves nothing behind.
func TestProgressIsToldInOneMessage(t *testing.T) {
	begun := flows.Event{Kind: flows.EventBegun, Integration: "pg", Usual: 4 * time.Minute}
	half := flows.Event{Kind: flows.EventProgress, Integration: "pg", Done: 27, Total: 300}
	only := []flows.PostKey{{Request: "AR-1", Audience: flows.AudienceRequester, Person: alice.Email, Topic: flows.TopicApproved}}
	r := play(t, draft("pg"), submit, approve)
	step := func(ev flows.Event, want []flows.PostKey) {
		t.Helper()
		next, effects, err := flows.Next(r, ev, noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		var got []flows.PostKey
		for _, e := range effects {
			got = append(got, e.Post)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s draws (-want +got):\n%s", ev.Kind, diff)
		}
		r = next
	}
	step(begun, only)
	step(half, only)
	if g := r.Groups[0]; g.Done != 27 || g.Total != 300 || g.Usual != 4*time.Minute {
		t.Errorf("the record says %d of %d, usually %s", g.Done, g.Total, g.Usual)
	}
	for name, ev := range map[string]flows.Event{
		"the same":       half,
		"of nothing":     {Kind: flows.EventProgress, Integration: "pg", Done: 3},
		"less than zero": {Kind: flows.EventProgress, Integration: "pg", Done: -3, Total: 300},
	} {
		if _, _, err := flows.Next(r, ev, noon.Add(time.Hour)); flows.ErrorCode(err) != flows.CodeLate {
			t.Errorf("%s: %v", name, err)
		}
	}
	step(flows.Event{Kind: flows.EventProgress, Integration: "pg", Done: 301, Total: 300}, only)
	if r.Groups[0].Done != 300 {
		t.Errorf("%d of 300", r.Groups[0].Done)
	}
	step(flows.Event{Kind: flows.EventNotBegun, Integration: "pg"}, only)
	if g := r.Groups[0]; g.Total != 0 {
		t.Errorf("nothing was taken, and the record says %d of %d", g.Done, g.Total)
	}
	r = play(t, r, begun, half, granted("pg"))
	if g := r.Groups[0]; g.Total != 0 || g.Done != 0 {
		t.Errorf("granted, and the record says %d of %d", g.Done, g.Total)
	}
}

func TestSlowTargets(t *testing.T) {
	// took are requests, newest first, that each were granted in one integration.
	took := func(integration string, durations ...time.Duration) (out []flows.Request) {
		for _, d := range durations {
			out = append(out, flows.Request{Groups: []flows.AccessGroup{{Integration: integration, BegunAt: noon, GrantedAt: noon.Add(d)}}})
		}
		return out
	}
	repeat := func(n int, d time.Duration) (out []time.Duration) {
		for range n {
			out = append(out, d)
		}
		return out
	}
	tests := []struct {
		name     string
		requests []flows.Request
		want     map[string]time.Duration
	}{
		{"nothing is known", nil, map[string]time.Duration{}},
		{"the median counts", took("eks", time.Second, 4*time.Minute, time.Hour), map[string]time.Duration{"eks": 4 * time.Minute}},
		{"two are no habit", took("eks", 4*time.Minute, 4*time.Minute), map[string]time.Duration{}},
		{"quick ones are not told", took("pg", time.Second, 2*time.Second, 14*time.Second), map[string]time.Duration{}},
		{"what it was long ago does not count", append(took("pg", repeat(20, time.Second)...), took("pg", repeat(100, time.Hour)...)...), map[string]time.Duration{}},
		{"each for itself", append(took("pg", repeat(9, time.Second)...), took("eks", repeat(9, time.Minute)...)...), map[string]time.Duration{"eks": time.Minute}},
		{"what was never granted does not count", []flows.Request{{Groups: []flows.AccessGroup{{Integration: "eks", BegunAt: noon}}}}, map[string]time.Duration{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, flows.SlowTargets(tt.requests)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUsuallyTakes(t *testing.T) {
	for d, want := range map[time.Duration]string{
		31 * time.Second: "30 seconds", 54 * time.Second: "50 seconds", 55 * time.Second: "1 minute", 80 * time.Second: "1 minute",
		4*time.Minute + 10*time.Second: "4 minutes", 54 * time.Minute: "54 minutes", 58 * time.Minute: "1 hour", 3 * time.Hour: "3 hours",
	} {
		if got := flows.UsuallyTakes("eks", d); got != fmt.Sprintf("eks usually takes about %s.", want) {
			t.Errorf("%s: %s", d, got)
		}
	}
}
