package flows

import "slices"

// raised tells each admin once of a revoke that is overdue.
func (t *transition) raised() error {
	before := len(t.r.Raised)
	for _, p := range t.ev.Admins {
		if t.r.Unconfirmed() && !slices.ContainsFunc(t.r.Raised, func(q PersonRef) bool { return q.Is(p.Email) }) {
			t.r.Raised = append(t.r.Raised, p)
		}
	}
	if len(t.r.Raised) == before {
		return Errorf(CodeLate, "Nobody is left to be told of %s.", t.r.ID)
	}
	return nil
}

// revokeFailed keeps the sentence. It is redrawn where somebody reads it.
func (t *transition) revokeFailed() error {
	g, err := t.group(GroupRevoking, GroupUndoing)
	if err != nil {
		return err
	}
	if g.RevokeProblem == t.ev.Problem {
		return Errorf(CodeLate, "That is known of %s.", t.r.ID)
	}
	g.RevokeProblem, t.quiet = t.ev.Problem, len(t.r.Raised) == 0
	return nil
}
