package living

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"apono/flows"
)

// holdFrom is how much must be gone before that can look like a fault: one or two of
// a handful are no sign of one. Of nothing left, any number is.
const holdFrom = 3

// Counts is how much a source knows.
type Counts struct{ People, Groups, Resources int }

// Held is an answer of a source that knows much less than the one before. It is not
// in force until somebody says so.
type Held struct {
	Source  string
	ID      string // names this very answer; equal for the same answer on a later sync
	Since   time.Time
	Was, Is Counts
}

// Text says what is missing, for people.
func (h Held) Text() string {
	var parts []string
	for _, p := range []struct {
		was, is int
		what    string
	}{
		{h.Was.People, h.Is.People, "people"}, {h.Was.Groups, h.Is.Groups, "groups"}, {h.Was.Resources, h.Is.Resources, "resources"},
	} {
		if p.is < p.was {
			parts = append(parts, fmt.Sprintf("%d of %d %s", p.was-p.is, p.was, p.what))
		}
	}
	return fmt.Sprintf("The sync of %s is held: %s are missing in its answer.", h.Source, strings.Join(parts, ", "))
}

// shrinks reports whether an answer looks like a fault of the source.
func (c Counts) shrinks(is Counts, percent int) bool {
	less := func(was, is int) bool {
		gone := was - is
		return gone > 0 && (is == 0 || gone >= holdFrom) && gone*100 > was*percent
	}
	return less(c.People, is.People) || less(c.Groups, is.Groups) || less(c.Resources, is.Resources)
}

func (s said) counts() Counts {
	groups := map[string]bool{}
	for _, g := range s.Groups {
		groups[g] = true
	}
	for i := range s.People {
		for _, g := range s.People[i].Groups {
			groups[g] = true
		}
	}
	return Counts{People: len(s.People), Groups: len(groups), Resources: s.health.Items}
}

// TellHeld has f called, once for each answer that is held, with no lock held.
func (c *Context) TellHeld(f func(context.Context, Held)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tellHeld = f
}

// take decides on the answer of a source that succeeded: it is in force, or held.
// The caller holds mu. tell is for after that; nil: nobody need be told.
func (c *Context) take(s Source, answer said) (tell func(context.Context)) {
	was := c.said[s.Name]
	answer.saved = was.saved
	if was.health.Synced.IsZero() || was.settings != s.Settings || !was.counts().shrinks(answer.counts(), c.setup.HoldAbove) {
		delete(c.held, s.Name)
		c.said[s.Name] = answer
		return nil
	}
	digest := answer.sum
	was.health.Tried, was.health.Problem = answer.health.Tried, ""
	c.said[s.Name] = was
	old, again := c.held[s.Name]
	h := heldAnswer{Held: Held{Source: s.Name, ID: digest, Since: answer.health.Tried, Was: was.counts(), Is: answer.counts()}, said: answer}
	if again && old.ID == digest {
		h.Since = old.Since
	}
	c.held[s.Name] = h
	if again && old.ID == digest || was.discarded == digest {
		return nil
	}
	f := c.tellHeld
	return func(ctx context.Context) {
		c.log.WarnContext(ctx, "a sync is held, since much is missing in it; what the integration said before stays in force", "integration", s.Name,
			"people_before", h.Was.People, "people", h.Is.People, "groups_before", h.Was.Groups, "groups", h.Is.Groups,
			"resources_before", h.Was.Resources, "resources", h.Is.Resources)
		if f != nil {
			f(ctx, h.Held)
		}
	}
}

// heldAnswer is an answer that waits for somebody's word.
type heldAnswer struct {
	Held
	said said
}

// Held lists the answers that wait for somebody's word, by source.
func (c *Context) Held() (out []Held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range c.held {
		if h.ID != c.said[h.Source].discarded {
			out = append(out, h.Held)
		}
	}
	slices.SortFunc(out, func(a, b Held) int { return cmp.Compare(a.Source, b.Source) })
	return out
}

// Settle acts on somebody's word about a held answer: proceed puts it into force,
// else it is discarded, and the same answer is neither in force nor told of again, until
// the source was whole in between.
// An empty id means whichever is held. tell makes what the audit trail says of it, and
// when; that is kept with the word or not at all. Errors: flows.CodeLate, where that answer
// is not held (any more); those of the shelf, when the word may not outlive a restart.
func (c *Context) Settle(ctx context.Context, source, id string, proceed bool, tell func(Held) (time.Time, flows.Fact)) error {
	c.mu.Lock()
	h, ok := c.held[source]
	s := c.said[source]
	if !ok || h.ID == s.discarded || (id != "" && h.ID != id) {
		c.mu.Unlock()
		return flows.Errorf(flows.CodeLate, "That sync of %s is not held any more: somebody decided, or the integration has answered otherwise since.", source)
	}
	if proceed {
		delete(c.held, source)
		h.said.saved = s.saved
		c.said[source] = h.said
		c.rebuild()
	} else {
		s.discarded = h.ID
		c.said[source] = s
	}
	c.mu.Unlock()
	return c.save(ctx, source, func(shelf Shelf, s flows.SourceSnapshot) error {
		at, fact := tell(h.Held)
		return shelf.SaveSourceTold(ctx, at, s, fact)
	})
}
