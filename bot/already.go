package bot

import (
	"time"

	"apono/bot/cards"
	"apono/bot/chat"
	"apono/flows"
)

// What of earlier requests the form looks at, and how many it names.
const (
	openLooked = 20
	openNamed  = 3
)

// already says which of what is chosen the grantee has, or waits for. It keeps nobody
// from asking: an access that ends soon may be wanted anew.
func (s *Service) already(w flows.World, p, grantee *flows.Person, v flows.Verdict, now time.Time) (out []chat.Text) {
	chosen := map[flows.Unit]bool{}
	for _, part := range v.Parts {
		for _, u := range part.Units {
			chosen[u] = true
		}
	}
	if len(chosen) == 0 || grantee == nil {
		return nil
	}
	open, err := page(grantee, newest, openLooked, s.Store.Open)
	if err != nil {
		return []chat.Text{chat.T("Whether this is there already could not be found out at the moment.")}
	}
	for i := range open {
		r := &open[i]
		if !w.Same(r.Grantee, grantee) || (!w.Same(r.Requestor, p) && p != grantee) { // of others' asking only they and the grantee know
			continue
		}
		both := map[flows.Unit]bool{}
		for _, it := range r.Items() {
			if chosen[it.Unit] {
				both[it.Unit] = true
			}
		}
		if len(both) == 0 {
			continue
		}
		if text := cards.Already(*r, len(both) == len(chosen), p == grantee, now); text != nil {
			out = append(out, text)
		}
		if len(out) == openNamed {
			break
		}
	}
	return out
}
