package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"apono/bot/chat"
	"apono/bot/dispatch"
	"apono/bot/platform"
	"apono/bot/slack"
	"apono/bot/teams"
	"apono/cmd/bot/internal/config"
	"apono/cmd/bot/internal/ops"
	"apono/flows"
	"apono/store/bolt"
)

func (a *App) buildTeams(o Options) error {
	if o.Config.Teams.AppID == "" {
		return nil
	}
	options := teamsOptions(o.Config)
	options.HTTP, options.Log, options.Meter = o.TeamsHTTP, a.log, teamsMeter{a.metrics}
	var err error
	a.teams, err = teams.NewClient(options, contacts{a.store, a.wrote})
	if err != nil {
		return err
	}
	a.messages = teams.NewAdapter(a.teams, a.service, inbox{a.store, a.wrote, teams.Platform})
	return nil
}

// teamsOptions are what the configuration says.
func teamsOptions(cfg *config.Config) teams.Options {
	c := cfg.Teams
	return teams.Options{
		AppID: c.AppID, AppPassword: platform.Token(c.AppPassword.Reveal()), TenantID: c.TenantID, AuditConversation: c.AuditConversation,
		MetadataURL: c.OpenIDMetadataURL, TokenURL: c.TokenURL, ServiceURLs: c.ServiceURLs,
	}
}

// platforms are those that are connected. At least one is: config sees to that.
func (a *App) platforms() []dispatch.Platform {
	var out []dispatch.Platform
	if a.client != nil {
		out = append(out, dispatch.Platform{
			Name: slack.Platform, Messenger: a.client, AuditChannel: func() bool { return a.cfg.Slack.AuditChannel != "" },
		})
	}
	if a.teams != nil {
		out = append(out, dispatch.Platform{
			Name: teams.Platform, Messenger: a.teams, AuditChannel: func() bool { return a.cfg.Teams.AuditConversation != "" },
		})
	}
	return out
}

// accounts asks the platform that an account is of.
type accounts struct{ app *App }

func (a accounts) Account(ctx context.Context, u chat.User, p chat.Priority) (chat.Account, error) {
	switch {
	case u.Platform == slack.Platform && a.app.client != nil:
		return a.app.client.Account(ctx, u, p)
	case u.Platform == teams.Platform && a.app.teams != nil:
		return a.app.teams.Account(ctx, u, p)
	}
	return chat.Account{}, flows.Errorf(flows.CodeForbidden, "I do not know the platform you come from.")
}

// Find looks for the account of somebody on the platform of who asks, and else on the
// others. Whom a platform gives no card, it does not find.
func (a accounts) Find(ctx context.Context, platform string, p *flows.Person) (chat.Account, error) {
	type finder func(context.Context, chat.Recipient) (chat.Account, error)
	var finders []finder
	to := map[string]chat.Recipient{slack.Platform: {Email: p.Email, ID: p.SlackID}, teams.Platform: {Email: p.Email, ID: p.TeamsID}}
	var names []string
	if a.app.client != nil {
		finders, names = append(finders, a.app.client.AccountOf), append(names, slack.Platform)
	}
	if a.app.teams != nil {
		finders, names = append(finders, a.app.teams.AccountOf), append(names, teams.Platform)
	}
	if len(names) > 1 && names[0] != platform {
		slices.Reverse(finders)
		slices.Reverse(names)
	}
	for i, find := range finders {
		acc, err := find(ctx, to[names[i]])
		if e, ok := errors.AsType[*chat.Error](err); ok && e.Kind == chat.ErrorGone {
			continue
		}
		return acc, err
	}
	return chat.Account{}, flows.Errorf(flows.CodeNotFound, "%s has no account here.", p.Email)
}

// Shared asks Slack. In Teams an account is the only one of its address: it is the
// object of the tenant's directory.
func (a accounts) Shared(ctx context.Context, acc chat.Account, p chat.Priority) (bool, error) {
	if acc.Platform == slack.Platform && a.app.client != nil {
		return a.app.client.Shared(ctx, acc, p)
	}
	return false, nil
}

// teamsMeter counts what the Teams adapter reports.
type teamsMeter struct{ metrics *ops.Metrics }

func (m teamsMeter) Count(name, detail string) { m.metrics.Teams.WithLabelValues(name, detail).Inc() }

// routes adds what Teams delivers to. Its adapter bounds and authenticates each
// request.
func (a *App) routes(rest http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", rest)
	mux.Handle("PUT /api/v1/tags", a.tagsAPI())
	if a.messages != nil {
		mux.Handle("/api/messages", a.messages)
	}
	return mux
}

// contacts shows the store to the Teams client.
type contacts struct {
	store *bolt.Store
	wrote func(error)
}

func (c contacts) SaveContact(ctx context.Context, contact teams.Contact) error {
	data, err := json.Marshal(contact)
	if err != nil {
		return fmt.Errorf("encode a contact: %w", err)
	}
	err = c.store.SaveContact(ctx, flows.Contact{Platform: teams.Platform, Account: contact.Account, Email: contact.Email, Data: data})
	c.wrote(err)
	return err
}

func (c contacts) RemoveContact(ctx context.Context, account string) error {
	err := c.store.RemoveContact(ctx, teams.Platform, account)
	c.wrote(err)
	return err
}

func (c contacts) Contact(account string) (teams.Contact, bool, error) {
	return decodeContact(c.store.Contact(teams.Platform, account))
}

func (c contacts) ContactByEmail(email string) (teams.Contact, bool, error) {
	return decodeContact(c.store.ContactByEmail(teams.Platform, email))
}

func (c contacts) Arriving() (all []teams.Contact, err error) {
	kept, err := c.store.Contacts(teams.Platform)
	for _, one := range kept {
		contact, ok, err := decodeContact(one, true, nil)
		if err != nil {
			return all, err
		}
		if ok && contact.Arriving {
			all = append(all, contact)
		}
	}
	return all, err
}

func decodeContact(kept flows.Contact, ok bool, err error) (teams.Contact, bool, error) {
	var contact teams.Contact
	if err != nil || !ok {
		return contact, false, err
	}
	if err := json.Unmarshal(kept.Data, &contact); err != nil {
		return contact, false, fmt.Errorf("decode a contact: %w", err)
	}
	return contact, true, nil
}
