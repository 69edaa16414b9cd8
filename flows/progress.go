package flows

import (
	"fmt"
	"slices"
	"time"
)

// Of the grants in an integration, how many make a habit, the latest of how many count,
// and how long the habit is before it is worth a word.
const (
	fewestGrants = 3
	latestGrants = 20
	slowGrant    = 15 * time.Second
)

// SlowTargets says how long grants usually take in the integrations that are slow, by
// name: the median of the latest that succeeded in requests, newest first. One that
// is quick, or of which too little is known, is not in it.
func SlowTargets(requests []Request) map[string]time.Duration {
	took := map[string][]time.Duration{}
	for i := range requests {
		for _, g := range requests[i].Groups {
			if !g.BegunAt.IsZero() && !g.GrantedAt.IsZero() && len(took[g.Integration]) < latestGrants {
				took[g.Integration] = append(took[g.Integration], g.GrantedAt.Sub(g.BegunAt))
			}
		}
	}
	slow := map[string]time.Duration{}
	for name, all := range took {
		slices.Sort(all)
		if median := all[len(all)/2]; len(all) >= fewestGrants && median >= slowGrant {
			slow[name] = median
		}
	}
	return slow
}

// UsuallyTakes is a sentence such as: prod-eks usually takes about 4 minutes.
func UsuallyTakes(integration string, d time.Duration) string {
	about := func(n int, unit string) string {
		if n == 1 {
			return fmt.Sprintf("%s usually takes about 1 %s.", integration, unit)
		}
		return fmt.Sprintf("%s usually takes about %d %ss.", integration, n, unit)
	}
	switch {
	case d < 55*time.Second:
		return about(max(1, int(d.Round(10*time.Second)/time.Second)), "second")
	case d < 55*time.Minute:
		return about(max(1, int(d.Round(time.Minute)/time.Minute)), "minute")
	}
	return about(max(1, int(d.Round(time.Hour)/time.Hour)), "hour")
}

// progress keeps how far a grant is. Of all messages only the one changes that the
// requester reads while it is granted.
func (t *transition) progress() error {
	g, err := t.group(GroupGranting)
	if err != nil {
		return err
	}
	done, total := min(t.ev.Done, t.ev.Total), t.ev.Total
	if done < 0 || total <= 0 || g.Done == done && g.Total == total {
		return Errorf(CodeLate, "That is known of %s.", t.r.ID)
	}
	g.Done, g.Total, t.quiet = done, total, true
	t.tellGranting()
	return nil
}

// tellGranting has the message drawn again that says that the access is being granted.
func (t *transition) tellGranting() {
	key := PostKey{Request: t.r.ID, Audience: AudienceRequester, Person: t.r.Requestor.Email, Topic: TopicApproved}
	if slices.Contains(t.r.Posts(), key) {
		t.effects = append(t.effects, Effect{Kind: EffectPost, Request: t.r.ID, Post: key})
	}
}
