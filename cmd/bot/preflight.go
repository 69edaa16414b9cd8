package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/sweep"
	"apono/flows"
	"apono/store/bolt"
)

const (
	// preflightSpec is how often everything that Slack and Teams have to grant is looked
	// at, after the look at start.
	preflightSpec = "@every 168h"
	// preflightPace is between two approvers who are looked for. Looking for people
	// shares Slack's limit with the messages to them (50 lookups a minute), so it
	// leaves them most of it.
	preflightPace = 3 * time.Second
	// preflightAgain is how long the look at start waits at first for a platform that is
	// away, and preflightSeldom at most.
	preflightAgain  = 5 * time.Second
	preflightSeldom = 10 * time.Minute
	// preflightBack is how many of the newest audit events are searched for the last
	// result after a restart.
	preflightBack = 5000
)

// Beginnings of the sentences that tell a result; the last is found again by them.
const (
	preflightBad  = "The preflight found "
	preflightGood = "The preflight finds nothing to mend any more."
)

// preflight keeps what the last look found and tells of a change.
type preflight struct {
	app  *App
	pace time.Duration
	busy chan struct{} // one look at a time
}

func newPreflight(a *App) *preflight {
	return &preflight{app: a, pace: preflightPace, busy: make(chan struct{}, 1)}
}

// job is the weekly look.
func (p *preflight) job() sweep.Job {
	return sweep.Job{Name: "preflight", Spec: preflightSpec, Run: p.run}
}

// begin is the look at start. A platform that is away is waited for.
func (p *preflight) begin(ctx context.Context) { p.until(ctx, p.run) }

// again is a look out of turn, after the one that is under way.
func (p *preflight) again(ctx context.Context) {
	p.until(ctx, func(ctx context.Context) error {
		select {
		case p.busy <- struct{}{}:
			return p.once(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// until repeats a look that could not be had.
func (p *preflight) until(ctx context.Context, look func(context.Context) error) {
	for pause := preflightAgain; ; pause = min(2*pause, preflightSeldom) {
		err := look(ctx)
		if err == nil || ctx.Err() != nil {
			return
		}
		p.app.log.WarnContext(ctx, "preflight_not_done", "again_in", pause, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// run looks at tokens, scopes, audit channels, clock, and at each approver whom the
// policy names. A result that differs from the last is told to the audit channel and
// to the admins, once. While a platform cannot be asked there is no result.
func (p *preflight) run(ctx context.Context) error {
	select {
	case p.busy <- struct{}{}:
		return p.once(ctx)
	default:
		return nil // one is under way
	}
}

// once looks and tells. The caller has taken the turn.
func (p *preflight) once(ctx context.Context) error {
	defer func() { <-p.busy }()
	problems, err := p.look(ctx)
	if err != nil {
		return fmt.Errorf("preflight: %w", err)
	}
	p.app.metrics.Preflight.Set(float64(len(problems)))
	for _, s := range problems {
		p.app.log.WarnContext(ctx, "preflight_problem", "problem", s)
	}
	return p.tell(ctx, problems)
}

// look returns what has to be mended, a sentence each. The error says that a platform
// could not be asked.
func (p *preflight) look(ctx context.Context) (problems []string, err error) {
	var books []addressBook
	var found []platform.Problem
	usable := true
	if c := p.app.client; c != nil {
		r := c.CheckBot(ctx)
		if err := away(r.Token, r.Audit); err != nil {
			return nil, err
		}
		found = append(found, r.Problems()...)
		books, usable = append(books, slackBook(c)), r.Token == nil && len(r.MissingScopes) == 0
	}
	if c := p.app.teams; c != nil {
		r := c.Check(ctx)
		if err := away(r.Token, r.Keys, r.Service, r.Audit); err != nil {
			return nil, err
		}
		found = append(found, r.Problems()...)
		if usable = usable && r.Token == nil && r.Service == nil && r.Audit == nil; usable {
			finder, err := c.Finder(ctx)
			if err != nil {
				return nil, err
			}
			books = append(books, teamsBook(finder))
		}
	}
	problems = sentences(found)
	p.app.audit.found(found)
	if !usable {
		return problems, nil // people cannot be looked for; why is said already
	}
	lost, err := p.lost(ctx, books)
	return append(problems, lost...), err
}

// away is the first error of those that say that a platform could not be asked.
func away(errs ...error) error {
	for _, err := range errs {
		if kind := chat.KindOf(err); err != nil && (kind == chat.ErrorRetry || kind == chat.ErrorUnknown) {
			return err
		}
	}
	return nil
}

// sentences are problems in words that stay the same as long as the problem does.
func sentences(found []platform.Problem) (out []string) {
	for _, f := range found {
		s := f.String()
		if f.Code == platform.CodeSkew { // that its size changes is no change of the result
			s = "The clock of this machine is wrong by more than " + platform.MaxSkew.String() + ". Access ends by this clock: let NTP keep it."
		}
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// lost says which approvers no platform reaches. Of whom one cannot tell, it says nothing.
func (p *preflight) lost(ctx context.Context, books []addressBook) (out []string, err error) {
	for i, who := range p.app.living.World().Approvers() {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(p.pace):
			}
		}
		lost, _, failed := lookFor(ctx, books, who)
		if failed != nil {
			return nil, fmt.Errorf("look for approvers in %s: %s", failed.book.label, failed.reason)
		}
		for _, l := range lost {
			out = append(out, fmt.Sprintf("%s may be asked to approve and cannot be reached in %s: %s.", who.Email, l.book.label, l.reason))
		}
	}
	return out, nil
}

// tell records a result that differs from the last one that was told. A first result
// without problems is none.
func (p *preflight) tell(ctx context.Context, problems []string) error {
	text, reason := preflightGood, ""
	if n := len(problems); n > 0 {
		text, reason = preflightBad+countOf(n, "problem")+".", cutRunes(strings.Join(problems, "\n"), flows.MaxReason)
	}
	last, told, err := lastPreflight(p.app.store)
	if err != nil {
		return err
	}
	if told && last.Text == text && last.Reason == reason || !told && len(problems) == 0 {
		return nil
	}
	p.app.raiseHold(ctx, flows.Fact{Kind: flows.FactOperator, Text: text, Reason: reason})
	return nil
}

func countOf[N int | uint64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// lastPreflight finds the result that was told last.
func lastPreflight(s *bolt.Store) (f flows.Fact, told bool, err error) {
	head, ok, err := s.Head()
	if err != nil || !ok {
		return f, false, err
	}
	from := uint64(1)
	if head.Seq > preflightBack {
		from = head.Seq - preflightBack
	}
	events, err := s.Audit(from, preflightBack+1)
	if err != nil {
		return f, false, fmt.Errorf("look for the last result: %w", err)
	}
	for _, e := range slices.Backward(events) {
		if e.Fact.Kind == flows.FactOperator && (strings.HasPrefix(e.Fact.Text, preflightBad) || e.Fact.Text == preflightGood) {
			return e.Fact, true, nil
		}
	}
	return f, false, nil
}
