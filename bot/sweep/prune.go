package sweep

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"
)

// JobPrune is the name of the job that Prune makes.
const JobPrune = "prune"

const pruneSpec = "@every 1h"

// Old is the durable state that is not kept for ever.
type Old interface {
	// Prune removes audit events, and requests that ended, older than olderThan, and
	// says how many. What it had no time for is removed by the next call.
	Prune(ctx context.Context, now time.Time, olderThan time.Duration) (events, requests int, err error)
}

// Prune is the job that removes what is older than keep, which is asked anew each
// time; 0: nothing is. Ages count in whole days, UTC: so the first run after midnight, or after the bot
// was down, removes a day, and the others find nothing to do.
func Prune(old Old, keep func() time.Duration, now func() time.Time, log *slog.Logger) Job {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	if now == nil {
		now = time.Now
	}
	return Job{Name: JobPrune, Spec: pruneSpec, Run: func(ctx context.Context) error {
		age := keep()
		if age <= 0 {
			return nil
		}
		at := now()
		cut := at.Add(-age).UTC().Truncate(24 * time.Hour)
		events, requests, err := old.Prune(ctx, at, at.Sub(cut))
		if events > 0 || requests > 0 {
			log.InfoContext(ctx, "pruned", "audit_events", events, "requests", requests, "before", cut)
		}
		if err != nil {
			return fmt.Errorf("remove what is older than is to be kept: %w", err)
		}
		return nil
	}}
}
