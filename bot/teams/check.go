package teams

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Report is what a check before the start found.
type Report struct {
	// Token is why the bot gets no token; nil: it gets one.
	Token error
	// Keys is why what Teams sends could not be authenticated; nil: it could.
	Keys error
	// Service is why the connector cannot be called; nil: it can. Not asked without a
	// token.
	Service error
	// Audit is why the audit channel cannot be used; nil: it can, or none is set.
	Audit error
	// Skew is how far Microsoft's clock was ahead of this machine's, to a second or
	// two; 0 where no answer named the time.
	Skew time.Duration

	appID, audit string
}

// Pages that mend something.
// https://learn.microsoft.com/azure/bot-service/bot-service-quickstart-registration
const (
	pageTenant = "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/TenantOverview.ReactView (Overview)"
	pageBots   = "https://portal.azure.com/#browse/Microsoft.BotService%2FbotServices (the Azure bot"
	pageApps   = "https://admin.teams.microsoft.com/policies/manage-apps (Manage apps)"
	pageApp    = "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/"
)

func pageOfApp(appID, section, name string) string {
	return pageApp + section + "/appId/" + url.PathEscape(appID) + " (" + name + ")"
}

// Problems are what the report found, the token first.
func (r Report) Problems() []platform.Problem {
	var out []platform.Problem
	if r.Token != nil {
		setting, page := r.tokenPage(chat.CodeOf(r.Token))
		out = append(out, problemWith(setting, r.Token, page))
	}
	if r.Keys != nil {
		out = append(out, platform.Problem{
			Setting: "teams.openid_metadata_url", Code: "no_signing_keys", Message: "what Teams sends could not be authenticated: " + r.Keys.Error(),
			Todo: "look at the way to login.botframework.com (proxy, firewall, teams.openid_metadata_url)",
		})
	}
	if r.Service != nil {
		setting, page := servicePage(chat.CodeOf(r.Service))
		out = append(out, problemWith(setting, r.Service, page))
	}
	if r.Audit != nil {
		out = append(out, r.auditProblem())
	}
	if p, wrong := platform.SkewProblem(r.Skew, "Microsoft's"); wrong {
		out = append(out, p)
	}
	return out
}

// tokenPage is the setting to look at and the page where an error of Entra ID is
// mended. https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func (r Report) tokenPage(code string) (setting, page string) {
	switch code {
	case "AADSTS90002", "AADSTS900023", "AADSTS900021":
		return "teams.tenant_id", pageTenant
	case "AADSTS700016", "AADSTS7000112", "AADSTS7000229":
		return "teams.app_id", pageOfApp(r.appID, "Overview", "Overview")
	}
	return "teams.app_password", pageOfApp(r.appID, "Credentials", "Certificates & secrets")
}

// servicePage is the same for an error of the connector.
func servicePage(code string) (setting, page string) {
	switch code {
	case "InvalidBotApiHost", "not_allowed":
		return "teams.service_urls", "docs/teams.md"
	case "BotDisabledByAdmin":
		return "teams.app_id", pageApps
	}
	return "teams.app_id", pageBots + ", Configuration, Microsoft App ID; and Channels, Microsoft Teams)"
}

func (r Report) auditProblem() platform.Problem {
	const setting = "teams.audit_conversation"
	p := problemWith(setting, r.Audit, pageApps)
	switch code := chat.CodeOf(r.Audit); {
	case strings.Contains(r.audit, "%"):
		p.Message, p.Todo = setting+" is percent-encoded", "write it as 19:…@thread.tacv2: %3A is a colon and %40 an @"
	case code == "BotNotInConversationRoster", code == "ForbiddenOperationException":
		p.Message = setting + " cannot be used: the app is not in the team of that channel"
		p.Todo = "in Teams, Manage team, Apps, add it; a package that `bot teams manifest` made may be added to teams, another needs the scope team under bots: " + pageApps
	case chat.KindOf(r.Audit) == chat.ErrorGone:
		p.Message = setting + " cannot be used: there is no such channel"
		p.Todo = "compare it with the channel's link (Get link to channel), between /channel/ and the next slash"
	}
	return p
}

func problemWith(setting string, err error, where string) platform.Problem {
	p := platform.Problem{Setting: setting, Code: cmp.Or(chat.CodeOf(err), "unknown"), Message: setting + " cannot be used", Todo: err.Error()}
	e, ok := errors.AsType[*chat.Error](err)
	switch {
	case !ok:
	case e.Kind == chat.ErrorRetry || e.Kind == chat.ErrorUnknown:
		p.Message = "Microsoft could not be asked about " + setting
		p.Todo = "try again, and look at the way to login.microsoftonline.com and smba.trafficmanager.net (proxy, firewall, teams.token_url, teams.service_urls): " + err.Error()
	case e.Err != nil:
		p.Message, p.Todo = p.Message+": "+e.Err.Error(), where
	default:
		p.Message, p.Todo = p.Message+": Microsoft says "+e.Code, where
	}
	return p
}

// Check asks Microsoft whether the app, its secret, the tenant, the connector's address
// and the audit channel will do, and which time it is. It sends no message. Whatever it
// found is in the report.
func (c *Client) Check(ctx context.Context) Report {
	r := Report{appID: c.setting.AppID, audit: c.audit}
	_, r.Keys = c.check.keys.download(ctx)
	if _, r.Token = c.tokens.get(ctx, ""); r.Token != nil {
		return r
	}
	if r.Service = c.checkService(ctx); r.Service == nil && c.audit != "" {
		_, r.Audit = c.roster(ctx, c.audit)
	}
	r.Skew = c.skew.Last()
	return r
}

// checkService asks the connector for a conversation that is not there. That it says so
// is proof that it is the connector, and that it takes the bot's token.
func (c *Client) checkService(ctx context.Context) error {
	_, err := c.roster(ctx, "19:apono-check@thread.tacv2")
	switch code := chat.CodeOf(err); {
	case code == "http_401", code == "Unauthorized":
		return &chat.Error{Kind: chat.ErrorRefused, Op: opRoster.name, Code: code, Err: errors.New("the connector does not take its token: no Azure bot has this app id, or it is of another type than single tenant")}
	case code == "BotNotRegistered", code == "BotDisabledByAdmin", code == "InvalidBotApiHost", code == "not_allowed":
		return err
	case chat.KindOf(err) == chat.ErrorRetry, chat.KindOf(err) == chat.ErrorUnknown && err != nil:
		return err
	}
	return nil
}

// maxRoster bounds the people who are read of a channel's team.
const maxRoster = 10_000

// roster lists the members of a conversation: for a channel, those of its team.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/get-teams-context#fetch-the-roster-or-user-profile
func (c *Client) roster(ctx context.Context, conversation string) ([]member, error) {
	if err := c.addressed(message(spot{conversation: conversation, service: c.service()}, Message{})); err != nil {
		return nil, err
	}
	var all []member
	for next := ""; len(all) < maxRoster; {
		var page struct {
			Members []member `json:"members"`
			Next    string   `json:"continuationToken"`
		}
		query := url.Values{"pageSize": {"500"}}
		if next != "" {
			query.Set("continuationToken", next)
		}
		address := at(c.service(), "conversations", conversation, "pagedmembers") + "?" + query.Encode()
		if err := c.send(ctx, "GET", address, opRoster, turn{priority: chat.PriorityAudit}, nil, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Members...)
		if next = page.Next; next == "" {
			break
		}
	}
	return all, nil
}

// CodeNotAsked is that of an error of Finder.Find about somebody whom Teams could not be
// asked about.
const CodeNotAsked = "not_asked"

// Finder says whether cards could reach people.
type Finder struct {
	client   *Client
	accounts map[string]member // of the audit channel's team, by address
}

// Finder reads the people of the audit channel's team: Teams finds nobody by an address
// otherwise.
func (c *Client) Finder(ctx context.Context) (*Finder, error) {
	f := &Finder{client: c, accounts: map[string]member{}}
	if c.audit == "" {
		return f, nil
	}
	all, err := c.roster(ctx, c.audit)
	if err != nil {
		return nil, err
	}
	for _, m := range slices.Backward(all) {
		for _, address := range []string{m.Email, m.UPN} {
			if address != "" {
				f.accounts[chat.Address(address)] = m
			}
		}
	}
	return f, nil
}

// Find says whether a card could reach a person: whether the app is there for their
// account. It opens the person's chat with the bot, which nobody sees, and sends
// nothing. Whom it finds by their address is reached by it from then on. The error is of chat.ErrorGone where a card could not reach them, and says
// why; where nobody can tell, since the account is not known before its owner wrote to
// the bot, its code is CodeNotAsked.
func (f *Finder) Find(ctx context.Context, to chat.Recipient) error {
	id, err := f.account(to)
	if err != nil {
		return err
	}
	contact, err := f.client.open(ctx, id, chat.PriorityAudit)
	if err == nil && contact.Email == "" {
		_, err = f.client.account(ctx, contact, chat.PriorityAudit)
	}
	switch e, ok := errors.AsType[*chat.Error](err); {
	case ok && e.Code == "BotNotInConversationRoster":
		return &chat.Error{Kind: chat.ErrorGone, Op: e.Op, Code: e.Code, Err: errors.New("there is no such account in the tenant, or it has not added the app")}
	case ok && e.Kind == chat.ErrorGone:
		return &chat.Error{Kind: chat.ErrorGone, Op: e.Op, Code: e.Code, Err: errors.New("the app is not installed for this person")}
	}
	return err
}

// account is the object id of a person: a bound one, that of a member of the audit
// channel's team, or that of somebody who is in touch.
func (f *Finder) account(to chat.Recipient) (string, error) {
	if to.ID != "" {
		return to.ID, nil
	}
	email := chat.Address(to.Email)
	if m, ok := f.accounts[email]; ok {
		id := objectOf(m)
		if a := f.client.judge(Contact{Account: id}, m); a.Guest || a.External {
			return "", &chat.Error{Kind: chat.ErrorGone, Op: opOpen.name, Code: "guest", Err: errors.New("it is a guest, or somebody of another tenant")}
		}
		return id, nil
	}
	contact, ok, err := f.client.contacts.ContactByEmail(email)
	switch {
	case err != nil:
		return "", &chat.Error{Kind: chat.ErrorRetry, Op: opOpen.name, Code: "contacts", Err: err}
	case !ok:
		return "", &chat.Error{Kind: chat.ErrorUnknown, Op: opOpen.name, Code: CodeNotAsked, Err: errors.New("Teams finds nobody by their address")} //nolint:staticcheck // a name
	}
	return contact.Account, nil
}
