package flows

import (
	"slices"
	"time"
)

// MaxWithdrawn is how many requests one person may ask for and withdraw within
// WithdrawnWithin before they have to wait with the next. What waits is bounded by
// MaxPending and what was decided by who decides; without this, asking and withdrawing
// again and again could write to approvers without end.
const (
	MaxWithdrawn    = 30
	WithdrawnWithin = 10 * time.Minute
)

// CheckWithdrawn judges whether the requestors of drafts may ask people at this moment;
// withdrawn gives the requests that a person made since then and withdrew. Every store
// asks it in the transaction that makes the drafts. Error: CodeRefused, which says when
// they may, and those of withdrawn.
func CheckWithdrawn(drafts []Request, withdrawn func(email string, since time.Time) ([]Request, error), now time.Time) error {
	for email := range asking(drafts) {
		recent, err := withdrawn(email, now.Add(-WithdrawnWithin))
		if err != nil {
			return err
		}
		if err := checkWithdrawn(recent, now); err != nil {
			return err
		}
	}
	return nil
}

// asking is how many of the drafts ask people, by the address of who makes them.
func asking(drafts []Request) map[string]int {
	n := map[string]int{}
	for i := range drafts {
		if !drafts[i].Need.Automatic {
			n[NormalizeEmail(drafts[i].Requestor.Email)]++
		}
	}
	return n
}

func checkWithdrawn(recent []Request, now time.Time) error {
	var asked []time.Time
	for i := range recent {
		r := &recent[i]
		if r.State == StateWithdrawn && !r.Need.Automatic && r.CreatedAt.After(now.Add(-WithdrawnWithin)) {
			asked = append(asked, r.CreatedAt)
		}
	}
	if len(asked) < MaxWithdrawn {
		return nil
	}
	slices.SortFunc(asked, time.Time.Compare)
	wait := asked[len(asked)-MaxWithdrawn].Add(WithdrawnWithin).Sub(now)
	return Errorf(CodeRefused, "You have asked for and withdrawn %d requests within %s, and each was in somebody's chat. You can ask again in %s.",
		len(asked), FormatDuration(WithdrawnWithin), FormatDuration(wait.Truncate(time.Minute)+time.Minute))
}
