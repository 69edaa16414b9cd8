package flows

import "time"

// Drift is where an integration and the records disagree, as the admins were told of it
// last. There is one of each integration that was ever looked at.
type Drift struct {
	Integration string    `json:"integration"`
	At          time.Time `json:"at"` // of the look that found it
	// Orphans are the ids of grants that the target holds in the name of the bot and no
	// record explains, in order.
	Orphans []string `json:"orphans,omitempty"`
	// Stuck are those of Orphans that the bot took back, and that are there all the same.
	Stuck []string `json:"stuck,omitempty"`
	// Missing are the ids of live grants that the target does not hold, in order.
	Missing []string `json:"missing,omitempty"`
}
