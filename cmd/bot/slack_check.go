package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/slack"
	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/flows"
)

const (
	// askAgain is how long the check of the bot token waits for a Slack that is away.
	askAgain = 5 * time.Second
	// askFor bounds `bot check --online`.
	askFor = time.Minute
)

// checkSlack says once what an operator has to mend in Slack, before the first
// person meets it. It ends with an error where no card could ever be posted.
func (a *App) checkSlack(ctx context.Context) error {
	for {
		r := a.client.CheckBot(ctx)
		if r.Token == nil {
			a.log.InfoContext(ctx, "slack knows the bot", "workspace", r.Team, "team_id", r.TeamID, "bot", r.Bot)
			for _, p := range r.Problems() {
				a.log.ErrorContext(ctx, "slack needs mending", "setting", p.Setting, "code", p.Code, "problem", p.Message, "todo", p.Todo)
			}
			if err := a.preflight.run(ctx); err != nil && ctx.Err() == nil {
				a.log.WarnContext(ctx, "preflight_not_done", "err", err)
			}
			<-ctx.Done()
			return nil
		}
		if chat.KindOf(r.Token) == chat.ErrorRefused {
			return fmt.Errorf("slack.bot_token: %w", r.Token)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(askAgain):
		}
	}
}

// checkOnline asks Slack and every integration whether they will do, and adds to the
// report what an operator has to mend. It sends no message and grants nothing.
func checkOnline(ctx context.Context, cfg *config.Config, report *config.Report) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	var client *slack.Client
	if cfg.Slack.BotToken != "" {
		var err error
		if client, err = checkSlackOnline(ctx, cfg, report); err != nil {
			return err
		}
	}
	silent := slog.New(slog.DiscardHandler)
	world := living.New(setup(cfg, silent), silent) //nolint:contextcheck // nothing is retired here
	world.Sync(ctx)
	for _, h := range world.Health() {
		if h.Problem == "" && !h.Synced.IsZero() {
			continue
		}
		report.Problems = append(report.Problems, config.Problem{Source: "integrations " + h.Name, Issue: flows.Issue{
			Severity: flows.SeverityError, Code: "integration_unreachable", Message: "cannot be read: " + cmp.Or(h.Problem, "it did not answer"),
		}})
	}
	report.Problems = append(report.Problems, unknownNames(cfg, world)...)
	if client != nil {
		report.Problems = append(report.Problems, lostApprovers(ctx, client, world.World())...)
	}
	return nil
}

// lookedFor is how many people who approve nothing are looked for in Slack: as many as
// it answers at once.
const lookedFor = 20

// lostApprovers names every approver, and those of the first other people, whom no
// card could reach. They are warned of: who is new may not be in Slack yet. Where the
// approvers are more than Slack says in time, it says so.
func lostApprovers(ctx context.Context, client *slack.Client, w flows.World) (out []config.Problem) {
	warn := func(code, message, hint string) {
		out = append(out, config.Problem{Source: "slack", Issue: flows.Issue{Severity: flows.SeverityWarning, Code: code, Message: message, Hint: hint}})
	}
	const hint = "use the address of the Slack profile, or bind the account with slack_id"
	approvers := w.Approvers()
	for i, p := range approvers {
		reason, err := unreachable(ctx, client, p)
		if err != nil {
			warn("slack_not_asked", fmt.Sprintf("only %d of %s were looked for in Slack: %v", i, countOf(len(approvers), "approver"), err), "the bot looks for all of them when it starts, and weekly")
			return out
		}
		if reason != "" {
			warn("slack_approver", fmt.Sprintf("%s may be asked to approve and cannot be reached in Slack: %s", p.Email, reason), hint)
		}
	}
	others := slices.DeleteFunc(slices.Clone(w.People.Everybody()), func(p *flows.Person) bool { return slices.Contains(approvers, p) })
	for _, p := range others[:min(max(0, lookedFor-len(approvers)), len(others))] {
		if reason, err := unreachable(ctx, client, p); err == nil && reason != "" {
			warn("slack_person", fmt.Sprintf("%s cannot be reached in Slack: %s", p.Email, reason), hint)
		}
	}
	return out
}

// unreachable says why no card could reach a person; empty: one could. The error says
// that Slack could not be asked.
func unreachable(ctx context.Context, client *slack.Client, p *flows.Person) (reason string, err error) {
	err = client.Find(ctx, chat.Recipient{ID: p.SlackID, Email: p.Email})
	if e, ok := errors.AsType[*chat.Error](err); ok && e.Kind == chat.ErrorGone {
		return e.Err.Error(), nil
	}
	return "", err
}

// checkSlackOnline returns a client that can ask for people; nil: it could not.
func checkSlackOnline(ctx context.Context, cfg *config.Config, report *config.Report) (*slack.Client, error) {
	client, err := slack.NewClient(slack.Options{
		AppToken: platform.Token(cfg.Slack.AppToken.Reveal()), BotToken: platform.Token(cfg.Slack.BotToken.Reveal()),
		APIURL: cfg.Slack.APIURL, AuditChannel: cfg.Slack.AuditChannel, Files: len(cfg.Reports) > 0, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		return nil, err
	}
	found := client.Check(ctx)
	for _, p := range found.Problems() {
		issue := flows.Issue{Severity: flows.SeverityError, Code: "slack_" + p.Code, Message: p.Message, Hint: p.Todo}
		if p.Warning {
			issue.Severity = flows.SeverityWarning
		}
		report.Problems = append(report.Problems, config.Problem{Source: cmp.Or(p.Setting, "slack"), Issue: issue})
	}
	if usable := found.Token == nil && len(found.MissingScopes) == 0; !usable {
		client = nil // why is in the report
	}
	return client, nil
}
