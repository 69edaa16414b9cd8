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
	// preflightSpec is how often everything that Slack has to grant is looked at, after
	// the look at start.
	preflightSpec = "@every 168h"
	// preflightPace is between two approvers who are looked for. Looking for people
	// shares Slack's limit with the messages to them (50 lookups a minute), so it
	// leaves them most of it.
	preflightPace = 3 * time.Second
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

// run looks at tokens, scopes, audit channel, clock, and at each approver whom the
// policy names. A result that differs from the last is told to the audit channel and
// to the admins, once. While Slack cannot be asked there is no result.
func (p *preflight) run(ctx context.Context) error {
	if p.app.client == nil {
		return nil
	}
	select {
	case p.busy <- struct{}{}:
	default:
		return nil // one is under way
	}
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

// look returns what has to be mended, a sentence each. The error says that Slack could
// not be asked.
func (p *preflight) look(ctx context.Context) (problems []string, err error) {
	r := p.app.client.CheckBot(ctx)
	for _, err := range []error{r.Token, r.Audit} {
		if kind := chat.KindOf(err); err != nil && (kind == chat.ErrorRetry || kind == chat.ErrorUnknown) {
			return nil, err
		}
	}
	for _, found := range r.Problems() {
		if found.Code == platform.CodeSkew { // that its size changes is no change of the result
			problems = append(problems, "The clock of this machine is wrong by more than "+platform.MaxSkew.String()+". Access ends by this clock: let NTP keep it.")
			continue
		}
		problems = append(problems, found.String())
	}
	if usable := r.Token == nil && len(r.MissingScopes) == 0; !usable {
		return problems, nil // people cannot be looked for; why is said already
	}
	w := p.app.living.World()
	for i, who := range w.Approvers() {
		if i > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(p.pace):
			}
		}
		reason, _, err := slackBook(p.app.client).reason(ctx, who)
		if err != nil {
			return nil, err
		}
		if reason != "" {
			problems = append(problems, fmt.Sprintf("%s may be asked to approve and cannot be reached in Slack: %s.", who.Email, reason))
		}
	}
	return problems, nil
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

func countOf(n int, what string) string {
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
