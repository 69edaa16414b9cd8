package flows_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"apono/flows"
)

// TestGroundIsToldToEveryReader: to the one who has it, and to others.
func TestGroundIsToldToEveryReader(t *testing.T) {
	for _, tc := range []struct {
		ground    flows.Ground
		you, they string
	}{
		{flows.Ground{Role: "in the group dba"}, "You are in the group dba.", "is in the group dba"},
		{flows.Ground{Role: "named in person"}, "You are named as an approver.", "is named as an approver"},
		{
			flows.Ground{Role: "named in person", Late: flows.LateUndecided},
			"Nobody decided in time, and you are named as an approver then.", "is named as an approver then; nobody decided in time",
		},
		{
			flows.Ground{Role: "in the group dba", Late: flows.LateUnreached},
			"Not enough of the approvers could be reached, and you are in the group dba.", "is in the group dba; not enough of the approvers could be reached",
		},
		{
			flows.Ground{Role: "named in person", For: "Dan"},
			"You stand in for Dan, who is named in person.", "stands in for Dan, who is named in person",
		},
		{
			flows.Ground{Role: "Alice's manager", For: "You are, and you", Late: flows.LateUndecided},
			"Nobody decided in time, and you stand in for You are, and you, who is Alice's manager.",
			"stands in for You are, and you, who is Alice's manager; nobody decided in time",
		},
	} {
		if tc.ground.You() != tc.you || tc.ground.They() != tc.they {
			t.Errorf("%+v says %q and %q, want %q and %q", tc.ground, tc.ground.You(), tc.ground.They(), tc.you, tc.they)
		}
	}
}

// TestADecisionKeepsWhyItsMakerWasAsked: of somebody who was asked because others could
// not be reached it never says that nobody decided, and of a record that does not tell
// why somebody was asked later it says neither.
func TestADecisionKeepsWhyItsMakerWasAsked(t *testing.T) {
	late := flows.Ground{Role: "in the group dba", Late: flows.LateUndecided}
	for name, tc := range map[string]struct {
		asked flows.Asked
		want  flows.Ground
		why   string
	}{
		"nobody decided": {
			flows.Asked{Ground: late, Tier: 1}, late, "Nobody decided in time, and you are in the group dba.",
		},
		"out of reach": {
			flows.Asked{Ground: flows.Ground{Role: "in the group dba", Late: flows.LateUnreached}, Tier: 1},
			flows.Ground{Role: "in the group dba", Late: flows.LateUnreached},
			"Not enough of the approvers could be reached, and you are in the group dba.",
		},
		"older record": {
			flows.Asked{Why: "Not enough of the approvers could be reached, and you are in the group dba.", Tier: 1},
			flows.Ground{Role: "in the group dba"},
			"You are in the group dba.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := draft("pg")
			tc.asked.PersonRef, tc.asked.Groups = bob, []int{0}
			r.Asked = []flows.Asked{tc.asked}
			r = play(t, r, submit, flows.Event{Kind: flows.EventApprove, By: bob, CountsFor: []int{0}, Why: late.You(), Ground: late})
			if d := r.Decisions[0]; d.Ground != tc.want || d.Why != tc.why {
				t.Errorf("the decision says %q and %+v, want %q and %+v", d.Why, d.Ground, tc.why, tc.want)
			}
		})
	}
}

// TestRecordsWithoutGroundsStayWordForWord: what was stored before is written again as
// it was.
func TestRecordsWithoutGroundsStayWordForWord(t *testing.T) {
	const stored = `{"by":{"email":"bob@example.com"},"verb":"approve","at":"2026-01-02T15:04:05Z","why":"You lead.","for":[{"for":{"email":"al@example.com"},"groups":[0],"why":"You stand in."}]}`
	var d flows.Decision
	if err := json.Unmarshal([]byte(stored), &d); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(d)
	if diff := cmp.Diff(stored, string(again)); err != nil || diff != "" {
		t.Errorf("error %v, -stored +again:\n%s", err, diff)
	}
}
