package flows_test

import (
	"encoding/json"
	"testing"
	"time"

	"apono/flows"
)

// FuzzNext feeds events that were written by anybody, in JSON, to one request.
// Nothing panics, a refusal changes nothing, and every step keeps its promises.
func FuzzNext(f *testing.F) {
	for _, story := range [][]flows.Event{
		{approve, granted("pg"), granted("hook"), due},
		{deny},
		{approve, grantFailed("pg"), revoke, gone("pg"), gone("hook")},
		{{Kind: "nonsense", By: flows.PersonRef{Email: "\x00%s<!channel>"}, CountsFor: []int{-1, 1 << 40}}},
		{{Kind: flows.EventWithdraw, By: alice, Reason: "\xff\xfe"}},
	} {
		raw, err := json.Marshal(story)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, int64(time.Minute))
	}
	f.Fuzz(func(t *testing.T, raw []byte, step int64) {
		var story []flows.Event
		if json.Unmarshal(raw, &story) != nil || len(story) > 50 {
			return
		}
		step = min(max(step, 0), int64(1000*time.Hour))
		r, _, err := flows.Next(draft("pg", "hook"), submit, noon)
		if err != nil {
			t.Fatal(err)
		}
		now := noon
		for _, ev := range story {
			now = now.Add(time.Duration(step))
			if y := ev.Access.SealedUntil.Year(); y < 1 || y > 9998 { // the bot's own clock
				ev.Access.SealedUntil = now
			}
			ev.Access.SealedUntil = ev.Access.SealedUntil.UTC().Truncate(time.Second)
			got, effects, err := flows.Next(r, ev, now)
			if err != nil {
				if effects != nil || got.Version != r.Version {
					t.Fatalf("%s was refused and changed the request", ev.Kind)
				}
				continue
			}
			for _, problem := range stepProblems(&r, &got, effects, now) {
				t.Fatalf("%s in %s: %s", ev.Kind, r.State, problem)
			}
			r = got
		}
	})
}
