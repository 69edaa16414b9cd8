package flows_test

import (
	"testing"
	"time"

	"apono/flows"
)

// TestWhatAnotherRequestHoldsIsNotCalledGone in the audit trail.
func TestWhatAnotherRequestHoldsIsNotCalledGone(t *testing.T) {
	r := play(t, draft("pg"), submit, approve, granted("pg"), revoke)
	for kept, want := range map[bool]string{
		false: "Nothing is left in pg.",
		true:  "Taken back in pg, but for what the grantee has by another request too.",
	} {
		ev := gone("pg")
		ev.Kept = kept
		got, effects, err := flows.Next(r, ev, noon.Add(10*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		if f := effects[0].Fact; f == nil || f.Text != want {
			t.Errorf("kept %v: the first fact is %+v, want the text %q", kept, f, want)
		}
		if got.State != flows.StateRevoked || got.Groups[0].Kept != kept {
			t.Errorf("kept %v: the request is %s, its group %+v", kept, got.State, got.Groups[0])
		}
	}
}
