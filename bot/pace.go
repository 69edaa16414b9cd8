package bot

import (
	"slices"
	"time"

	"apono/flows"
)

// checkPace judges whether somebody may ask people again; see flows.CheckWithdrawn. It
// looks before the transaction that makes the requests, so a few that are sent at the
// same moment may pass together.
func (s *Service) checkPace(w flows.World, p *flows.Person, drafts []flows.Request, now time.Time) error {
	if !slices.ContainsFunc(drafts, func(r flows.Request) bool { return !r.Need.Automatic }) {
		return nil // nobody is asked
	}
	const read = flows.MaxWithdrawn
	since := now.Add(-flows.WithdrawnWithin)
	var recent []flows.Request
	for before := uint64(newest); ; {
		some, err := page(p, before, read, s.Store.ByPerson)
		if err != nil {
			return err
		}
		for i := range some {
			if before = some[i].Seq; w.Same(some[i].Requestor, p) {
				recent = append(recent, some[i])
			}
		}
		if len(some) < read || some[len(some)-1].CreatedAt.Before(since) {
			return flows.CheckWithdrawn(recent, now)
		}
	}
}
