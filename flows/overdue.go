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

func (t *transition) over(g *AccessGroup) {
	g.Status, g.RevokedAt = map[GroupStatus]GroupStatus{GroupRevoking: GroupRevoked, GroupUndoing: GroupFailed}[g.Status], t.now
}

// confirmGone takes the word of the operator for that of a target, which is not asked
// any more. It is told as what it is.
func (t *transition) confirmGone() error {
	g, err := t.group(GroupRevoking, GroupUndoing)
	if err != nil {
		return err
	}
	t.over(g)
	g.DeclaredGone = true
	t.fact(FactDeclaredGone, "The operator states that the access in "+g.Integration+" does not exist any more. The system has NOT confirmed it, and is not asked again.")
	t.settle()
	return nil
}
