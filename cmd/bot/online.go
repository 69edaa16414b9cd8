package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
	"apono/bot/slack"
	"apono/bot/teams"
	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/living"
	"apono/flows"
)

// askFor bounds `bot check --online`.
const askFor = time.Minute

// checkOnline asks Slack, Teams and every integration whether they will do, and adds to
// the report what an operator has to mend. It sends no message and grants nothing.
func checkOnline(ctx context.Context, cfg *config.Config, report *config.Report) error {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	var books []addressBook
	if cfg.Slack.BotToken != "" {
		client, err := checkSlackOnline(ctx, cfg, report)
		if err != nil {
			return err
		}
		if client != nil {
			books = append(books, slackBook(client))
		}
	}
	if cfg.Teams.AppID != "" {
		finder, err := checkTeamsOnline(ctx, cfg, nil, report)
		if err != nil {
			return err
		}
		if finder != nil {
			books = append(books, teamsBook(finder))
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
	report.Problems = append(report.Problems, lostPeople(ctx, books, world.World())...)
	return nil
}

// problemsOf puts what a platform found into the report.
func problemsOf(name string, found []platform.Problem) (out []config.Problem) {
	for _, p := range found {
		issue := flows.Issue{Severity: flows.SeverityError, Code: name + "_" + p.Code, Message: p.Message, Hint: p.Todo}
		if p.Warning {
			issue.Severity = flows.SeverityWarning
		}
		out = append(out, config.Problem{Source: cmp.Or(p.Setting, name), Issue: issue})
	}
	return out
}

// checkTeamsOnline returns who can look for people; nil: nobody can. A client of nil is
// the ordinary one.
func checkTeamsOnline(ctx context.Context, cfg *config.Config, client *http.Client, report *config.Report) (*teams.Finder, error) {
	o := teamsOptions(cfg)
	o.HTTP, o.Log = client, slog.New(slog.DiscardHandler)
	t, err := teams.NewClient(o, noContacts{})
	if err != nil {
		return nil, err
	}
	found := t.Check(ctx)
	report.Problems = append(report.Problems, problemsOf("teams", found.Problems())...)
	if usable := found.Token == nil && found.Service == nil && found.Audit == nil; usable {
		return t.Finder(ctx)
	}
	return nil, nil //nolint:nilnil // why is in the report
}

// noContacts keeps nobody: a check leaves nothing behind.
type noContacts struct{}

func (noContacts) SaveContact(context.Context, teams.Contact) error { return nil }
func (noContacts) RemoveContact(context.Context, string) error      { return nil }

func (noContacts) Contact(string) (teams.Contact, bool, error) { return teams.Contact{}, false, nil }

func (noContacts) ContactByEmail(string) (teams.Contact, bool, error) {
	return teams.Contact{}, false, nil
}

func (noContacts) Arriving() ([]teams.Contact, error) { return nil, nil }

// addressBook is where people are looked for on a platform.
type addressBook struct {
	name, label, hint string
	account           func(p *flows.Person) string
	find              func(ctx context.Context, to chat.Recipient) error
}

func slackBook(client *slack.Client) addressBook {
	return addressBook{
		name: "slack", label: "Slack", hint: "use the address of the Slack profile, or bind the account with slack_id",
		account: func(p *flows.Person) string { return p.SlackID }, find: client.Find,
	}
}

func teamsBook(finder *teams.Finder) addressBook {
	return addressBook{
		name: "teams", label: "Teams", hint: "let them add the app, or install it for everybody with a setup policy: https://admin.teams.microsoft.com/policies/app-setup (Setup policies)",
		account: func(p *flows.Person) string { return p.TeamsID }, find: finder.Find,
	}
}

// reason says why no card could reach a person; empty: one could, or nobody can tell,
// in which case asked is false. The error says that the platform did not answer.
func (b addressBook) reason(ctx context.Context, p *flows.Person) (reason string, asked bool, err error) {
	err = b.find(ctx, chat.Recipient{ID: b.account(p), Email: p.Email})
	e, ok := errors.AsType[*chat.Error](err)
	switch {
	case ok && e.Kind == chat.ErrorGone:
		return e.Err.Error(), true, nil
	case ok && e.Code == teams.CodeNotAsked:
		return "", false, nil
	}
	return "", err == nil, err
}

// lookedFor is how many people who approve nothing are looked for: as many as Slack
// answers at once.
const lookedFor = 20

// lostPeople names every approver, and those of the first other people, whom no card
// could reach on any platform. They are warned of: who is new may not be there yet.
// Where the approvers are more than a platform says in time, it says so.
func lostPeople(ctx context.Context, books []addressBook, w flows.World) (out []config.Problem) {
	warn := func(b addressBook, code, message, hint string) {
		out = append(out, config.Problem{Source: b.name, Issue: flows.Issue{Severity: flows.SeverityWarning, Code: b.name + code, Message: message, Hint: hint}})
	}
	approvers := w.Approvers()
	var untold []string
	for i, p := range approvers {
		lost, known, failed := lookFor(ctx, books, p)
		if failed != nil {
			warn(failed.book, "_not_asked", fmt.Sprintf("whether %s can be reached in %s could not be asked: %s", leftOf(i, len(approvers)), failed.book.label, failed.reason), "the bot asks again when it starts, and once a week")
			return out
		}
		for _, l := range lost {
			warn(l.book, "_approver", fmt.Sprintf("%s may be asked to approve and cannot be reached in %s: %s", p.Email, l.book.label, l.reason), l.book.hint)
		}
		if !known {
			untold = append(untold, p.Email)
		}
	}
	others := slices.DeleteFunc(slices.Clone(w.People.Everybody()), func(p *flows.Person) bool { return slices.Contains(approvers, p) })
	for _, p := range others[:min(max(0, lookedFor-len(approvers)), len(others))] {
		lost, _, _ := lookFor(ctx, books, p)
		for _, l := range lost {
			warn(l.book, "_person", fmt.Sprintf("%s cannot be reached in %s: %s", p.Email, l.book.label, l.reason), l.book.hint)
		}
	}
	if len(untold) > 0 {
		more := ""
		if n := len(untold) - 5; n > 0 {
			untold, more = untold[:5], fmt.Sprintf(" and %d more", n)
		}
		out = append(out, config.Problem{Source: "teams", Issue: flows.Issue{
			Severity: flows.SeverityWarning, Code: "teams_not_asked",
			Message: "whether the app is there for " + strings.Join(untold, ", ") + more + ", who may be asked to approve, cannot be asked: Teams finds nobody by address outside the team of the audit channel",
			Hint:    "bind them with teams_id, or let them write to the bot once",
		}})
	}
	return out
}

// leftOf names the approvers who are left after so many of all.
func leftOf(done, all int) string {
	switch {
	case all == 1:
		return "the approver"
	case done == 0:
		return fmt.Sprintf("the %d approvers", all)
	}
	return fmt.Sprintf("%d of the %d approvers", all-done, all)
}

// loss is why no card reaches somebody on a platform.
type loss struct {
	book   addressBook
	reason string
}

// lookFor looks for a person in all books, until one has them. lost are the reasons
// where none does; known is false where one cannot tell. failed is a platform that did
// not answer.
func lookFor(ctx context.Context, books []addressBook, p *flows.Person) (lost []loss, known bool, failed *loss) {
	known = true
	for _, b := range books {
		reason, asked, err := b.reason(ctx, p)
		switch {
		case err != nil:
			failed = &loss{b, err.Error()}
		case !asked:
			known = false
		case reason == "":
			return nil, true, nil
		default:
			lost = append(lost, loss{b, reason})
		}
	}
	if !known {
		lost = nil
	}
	return lost, known, failed
}
