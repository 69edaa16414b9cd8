package sweep

import (
	"context"
	"fmt"
	"time"
)

// JobAnchor is the name of the job that Anchor makes.
const JobAnchor = "anchor"

const anchorSpec = "@every 10m"

// Trail is the audit trail.
type Trail interface {
	// Anchor tells the audit channel the head of the trail, at the first call on a day,
	// and reports whether it did.
	Anchor(ctx context.Context, now time.Time) (made bool, err error)
}

// Anchor is the job that has the head of the audit trail told once a day where it is
// wanted: whoever rewrites the trail cannot rewrite what people have read of it.
func Anchor(trail Trail, wanted func() bool, now func() time.Time) Job {
	return Job{Name: JobAnchor, Spec: anchorSpec, Run: func(ctx context.Context) error {
		if !wanted() {
			return nil
		}
		if _, err := trail.Anchor(ctx, now()); err != nil {
			return fmt.Errorf("tell the head of the audit trail: %w", err)
		}
		return nil
	}}
}
