package flows_test

import (
	"testing"
	"time"

	"apono/flows"
)

// TestAskingAndWithdrawingIsBounded by what was asked of people and withdrawn lately, and
// by nothing else.
func TestAskingAndWithdrawingIsBounded(t *testing.T) {
	made := func(n int, state flows.State, first time.Duration) (out []flows.Request) {
		for i := range n {
			out = append(out, flows.Request{State: state, CreatedAt: noon.Add(first + time.Duration(i)*time.Second)})
		}
		return out
	}
	automatic := made(flows.MaxWithdrawn, flows.StateWithdrawn, -time.Minute)
	for i := range automatic {
		automatic[i].Need.Automatic = true
	}
	const refused = "You have asked for and withdrawn 30 requests within 10 minutes, and each was in somebody's chat. You can ask again in "
	for name, tc := range map[string]struct {
		recent []flows.Request
		want   string
	}{
		"nothing":            {nil, ""},
		"one less":           {made(flows.MaxWithdrawn-1, flows.StateWithdrawn, -time.Minute), ""},
		"as many":            {made(flows.MaxWithdrawn, flows.StateWithdrawn, -time.Minute), refused + "10 minutes."},
		"a while ago":        {made(flows.MaxWithdrawn, flows.StateWithdrawn, -9*time.Minute-59*time.Second), refused + "1 minute."},
		"the first too long": {made(flows.MaxWithdrawn, flows.StateWithdrawn, -10*time.Minute), ""},
		"two more":           {made(flows.MaxWithdrawn+2, flows.StateWithdrawn, -9*time.Minute), "You have asked for and withdrawn 32 requests within 10 minutes, and each was in somebody's chat. You can ask again in 2 minutes."},
		"automatically":      {automatic, ""},
		"denied":             {made(1000, flows.StateDenied, -time.Minute), ""},
		"waiting":            {made(1000, flows.StatePending, -time.Minute), ""},
		"over":               {made(1000, flows.StateExpired, -time.Minute), ""},
	} {
		withdrawn := func(email string, since time.Time) ([]flows.Request, error) {
			if email != alice.Email || !since.Equal(noon.Add(-flows.WithdrawnWithin)) {
				t.Errorf("%s: asked for those of %s since %s", name, email, since)
			}
			return tc.recent, nil
		}
		err := flows.CheckWithdrawn([]flows.Request{draft("pg")}, withdrawn, noon)
		if got := flows.ErrorMessage(err); (err != nil || tc.want != "") && got != tc.want || err != nil && flows.ErrorCode(err) != flows.CodeRefused {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
		free := draft("pg")
		free.Need.Automatic = true
		if err := flows.CheckWithdrawn([]flows.Request{free}, withdrawn, noon); err != nil {
			t.Errorf("%s: what asks nobody is refused: %v", name, err)
		}
	}
}
