package flows

import "time"

// handOver keeps what the target gave out.
func (t *transition) handOver(g *AccessGroup) {
	a := t.ev.Access
	g.Details, g.Instructions, g.CanReset = a.Details, a.Instructions, a.CanReset
	if a.Sealed == nil {
		t.eraseSecret(g, "")
		return
	}
	g.Secret, g.SecretUntil = SecretAvailable, stamp(a.SealedUntil)
	g.Issue++
	t.effects = append(t.effects, Effect{Kind: EffectSeal, Request: t.r.ID, Integration: g.Integration, Sealed: a.Sealed})
}

func (t *transition) view() error {
	g, err := t.group(GroupGranted)
	if err != nil {
		return err
	}
	switch {
	case !t.r.Grantee.Is(t.ev.By.Email):
		return Errorf(CodeForbidden, "Only %s can see these credentials.", t.r.Grantee.DisplayName())
	case t.timeUp():
		return Errorf(CodeLate, "The access of %s has expired.", t.r.ID)
	case g.Resetting:
		return Errorf(CodeLate, "New credentials for %s are on their way.", g.Integration)
	case t.ev.Issue != 0 && t.ev.Issue != g.Issue:
		return Errorf(CodeLate, "These credentials were replaced by new ones. Please press Show credentials again.")
	case g.Secret == SecretViewed:
		return Errorf(CodeLate, "These credentials were shown once and are erased. %s", againHint(g))
	case g.Secret == SecretExpired:
		return Errorf(CodeLate, "These credentials were erased because nobody looked at them in time. %s", againHint(g))
	case g.Secret != SecretAvailable:
		return Errorf(CodeNotFound, "There are no credentials to show for %s.", g.Integration)
	}
	t.eraseSecret(g, SecretViewed)
	t.fact(FactCredentials, "The credentials for "+g.Integration+" were shown to the grantee and erased.")
	return nil
}

func againHint(g *AccessGroup) string {
	if g.CanReset {
		return "Use Reset credentials to get new ones."
	}
	return "Ask for the access again to get new ones."
}

// reset keeps the credentials that nobody looked at until there are new ones: the
// target may refuse.
func (t *transition) reset() error {
	g, err := t.group(GroupGranted)
	if err != nil {
		return err
	}
	switch {
	case !t.r.Grantee.Is(t.ev.By.Email):
		return Errorf(CodeForbidden, "Only %s can reset these credentials.", t.r.Grantee.DisplayName())
	case t.timeUp():
		return Errorf(CodeLate, "The access of %s has expired.", t.r.ID)
	case !g.CanReset:
		return Errorf(CodeRefused, "Credentials for %s cannot be reset.", g.Integration)
	case g.Resetting:
		return Errorf(CodeLate, "New credentials for %s are already on their way.", g.Integration)
	}
	g.Resetting, g.ResetProblem = true, ""
	t.target(g.Integration)
	t.fact(FactCredentials, "New credentials for "+g.Integration+" were asked for.")
	return nil
}

func (t *transition) rotated() error {
	g, err := t.group(GroupGranted)
	if err != nil {
		return err
	}
	if !g.Resetting {
		return Errorf(CodeLate, "Nobody waits for new credentials for %s.", g.Integration)
	}
	g.Resetting = false
	t.handOver(g)
	t.goOn(g)
	t.fact(FactCredentials, "New credentials for "+g.Integration+" were issued.")
	return nil
}

func (t *transition) rotateFailed() error {
	g, err := t.group(GroupGranted)
	if err != nil {
		return err
	}
	if !g.Resetting {
		return Errorf(CodeLate, "Nobody waits for new credentials for %s.", g.Integration)
	}
	g.Resetting, g.ResetProblem = false, t.ev.Problem
	t.goOn(g)
	t.fact(FactCredentials, "New credentials for "+g.Integration+" could not be issued: "+g.ResetProblem)
	return nil
}

func (t *transition) eraseSecret(g *AccessGroup, to SecretState) {
	if g.Secret == SecretAvailable {
		t.effects = append(t.effects, Effect{Kind: EffectSeal, Request: t.r.ID, Integration: g.Integration})
		g.Secret = to
	} else if to == "" {
		g.Secret = ""
	}
	g.SecretUntil = time.Time{}
}
