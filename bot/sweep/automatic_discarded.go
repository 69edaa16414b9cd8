package sweep

import "context"

// Discards keep over a restart of which plan an admin said that it is wrong. Whoever calls
// Follower.Settle writes it, together with the audit trail.
type Discards interface {
	// Discarded names that plan; empty: none.
	Discarded() (name string, err error)
	ForgetDiscarded(ctx context.Context) error
}

// discarded is what is known of the last plan that was discarded.
type discarded struct {
	read bool   // what was kept before a restart
	name string // empty: none
}

// wrong reports whether the plan that there is, none where name is empty, was discarded,
// and forgets another one: where the same comes back later, it is asked about again. The
// caller holds mu.
func (j *Follower) wrong(ctx context.Context, name string) bool {
	if j.Discards == nil {
		return false
	}
	if !j.discarded.read {
		kept, err := j.Discards.Discarded()
		if err != nil {
			j.Log.ErrorContext(ctx, "could not read which plan was discarded; it is asked about again", "error", err)
			return false
		}
		j.discarded = discarded{true, kept}
	}
	if j.discarded.name == "" || j.discarded.name == name {
		return j.discarded.name != ""
	}
	if err := j.Discards.ForgetDiscarded(ctx); err != nil {
		j.Log.ErrorContext(ctx, "could not forget which plan was discarded; it is tried again", "error", err)
		return false
	}
	j.discarded.name = ""
	return false
}
