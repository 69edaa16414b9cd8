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

// CheckWithdrawn judges whether somebody may ask people at this moment, who has made
// recent: all their requests since WithdrawnWithin ago. The error, CodeRefused, says when
// they may.
func CheckWithdrawn(recent []Request, now time.Time) error {
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
