package store

import (
	"fmt"

	"apono/flows"
)

// Targets lists the integrations for which a request must have a target task:
// something at the target does not yet agree with the record.
func Targets(r *flows.Request) []string {
	var out []string
	for i := range r.Groups {
		g := &r.Groups[i]
		switch g.Status {
		case flows.GroupGranting, flows.GroupRevoking, flows.GroupUndoing:
			out = append(out, g.Integration)
		case flows.GroupWaiting, flows.GroupGranted, flows.GroupFailed, flows.GroupRevoked:
			if g.Resetting || g.Extending || g.Undated && r.State == flows.StateActive {
				out = append(out, g.Integration)
			}
		}
	}
	return out
}

// CheckRequest returns what must never be true of a stored record, looked at
// alone. It is nil for a sound one.
func CheckRequest(r *flows.Request) []error {
	var out []error
	bad := func(format string, args ...any) {
		out = append(out, fmt.Errorf("%s: "+format, append([]any{r.ID}, args...)...))
	}
	if r.Version == 0 || r.State == "" {
		bad("is a draft")
		return out
	}
	if r.ID != ID(r.Seq) {
		bad("has the number %d", r.Seq)
	}
	out = append(out, checkApprovals(r)...)
	seen := map[string]bool{}
	for i := range r.Groups {
		g := &r.Groups[i]
		if seen[g.Integration] {
			bad("has two access groups in %s", g.Integration)
		}
		seen[g.Integration] = true
		if r.State.Terminal() && g.Status.MayHold() {
			bad("is %s, but %s may still hold access (%s)", r.State, g.Integration, g.Status)
		}
		if r.State == flows.StatePending && g.Status != flows.GroupWaiting {
			bad("is pending, but its access group in %s is %s", g.Integration, g.Status)
		}
		if r.State.Terminal() && g.Secret == flows.SecretAvailable {
			bad("is %s, but keeps credentials for %s", r.State, g.Integration)
		}
	}
	if at, ok := r.DueAt(); r.State == flows.StateActive && !r.Indefinite && (!ok || at.After(r.EndsAt)) {
		bad("is active without an end")
	}
	return out
}

// checkApprovals proves that nothing went live without the approvals it needs.
func checkApprovals(r *flows.Request) []error {
	var out []error
	switch r.State {
	case flows.StateApproved, flows.StateActive, flows.StateRevoking, flows.StateExpired, flows.StateRevoked, flows.StateFailed:
		if !r.Satisfied() {
			out = append(out, fmt.Errorf("%s: is %s without the approvals it needs", r.ID, r.State))
		}
	case flows.StatePending:
		if r.Satisfied() {
			out = append(out, fmt.Errorf("%s: is pending though it has the approvals it needs", r.ID))
		}
	case flows.StateDenied, flows.StateWithdrawn, flows.StateTimedOut:
	}
	if r.Need.SelfAllowed {
		return out
	}
	for _, d := range r.Decisions {
		self := r.Requestor.Is(d.By.Email) || r.Grantee.Is(d.By.Email)
		if d.Verb == flows.VerbApprove && self {
			out = append(out, fmt.Errorf("%s: was approved by %s, who asked for it or gets it", r.ID, d.By.Email))
		}
	}
	return out
}

// Stats are numbers for metrics.
type Stats struct {
	FileBytes  int64  // size of the database file
	FreeBytes  int64  // part of it that is free to be used again
	Requests   uint64 // ever made
	Events     uint64 // in the audit trail
	Commits    uint64 // since the store was opened
	Operations uint64 // committed since the store was opened
	Panics     uint64 // of decisions and operations since the store was opened; nothing of theirs was written
	Waiting    int    // operations that wait for a commit at this moment
	Failed     bool   // see ErrFailed
	Unreadable int    // rows that could not be read and were passed over since the store was opened
}
