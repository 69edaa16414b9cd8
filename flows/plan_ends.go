package flows

// PlannedEnd is a request that is under way and would not go on.
type PlannedEnd struct {
	Request *Request
	Cause   string // a sentence for people
	Because Because
}

// EndingsFor lists which requests of live would not go on in the world after, in their
// order. settled says that everybody is known in it who should be: without, people are
// not judged, and neither is what automatic flows gave.
func EndingsFor(before, after World, live []Request, settled bool) (out []PlannedEnd) {
	c := newPlanner(before, after)
	policy, context := c.why()
	is := after.endings(live, settled)
	if len(is) == 0 {
		return nil
	}
	was, byPolicy, byContext := before.endings(live, settled), policy.w.endings(live, settled), context.w.endings(live, settled)
	for i := range live {
		id := live[i].ID
		cause, ends := is[id]
		if !ends {
			continue
		}
		x := PlannedEnd{Request: &live[i], Cause: cause, Because: because(byPolicy[id] != "", byContext[id] != "")}
		if was[id] != "" {
			x.Because = BecauseAlready
		}
		out = append(out, x)
	}
	return out
}

// endings says by id why requests would not go on under the policy and context of this
// world.
func (w World) endings(live []Request, settled bool) map[string]string {
	out := map[string]string{}
	var held []Holding
	for i := range live {
		r := &live[i]
		if because := w.wouldEnd(r, settled); because != "" {
			out[r.ID] = because
		}
		if r.Trigger == TriggerAutomatic && (r.State == StateApproved || r.State == StateActive) && settled {
			held = append(held, HoldingOf(r))
		}
	}
	for _, s := range w.PlanAutomatic(held).Steps {
		for _, e := range s.Ends {
			if e.Loses {
				out[e.ID] = e.Cause
			}
		}
	}
	return out
}

// wouldEnd says why a request that somebody asked for would not go on; empty: it would.
func (w World) wouldEnd(r *Request, settled bool) string {
	if r.State == StatePending {
		f, ok := w.Catalog.Flow(r.Flow)
		if !ok || !f.Active {
			return "The access flow " + r.Flow + " is not in force."
		}
		if !f.Duration.fits(r) {
			return "The longest under the access flow " + r.Flow + " is " + f.Duration.String() + "."
		}
		if cause := w.uncovered(f, r); cause != "" || !settled {
			return cause
		}
		cause, _ := w.withoutRight(f, r)
		return cause
	}
	if loss, lost := w.Lost(r, settled); lost && !loss.Report {
		return loss.Cause
	}
	return ""
}
