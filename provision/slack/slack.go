package slack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"apono/flows"
	"apono/provision"
)

const (
	defaultURL = "https://slack.com/api/"
	timeout    = 20 * time.Second // of one call
	// patience is for workspaces of some 50,000 people: users.list and usergroups.list
	// are of tier 2, 20 calls a minute.
	// https://docs.slack.dev/apis/web-api/rate-limits
	patience = 10 * time.Minute
	// pageSize is what one call asks for; at most 1,000 are allowed.
	// https://docs.slack.dev/reference/methods/users.list
	pageSize = 500
	maxUsers = 500_000
)

// Scopes are what the token has to have: for the list of users, their addresses, and
// the user groups.
var Scopes = []string{"usergroups:read", "users:read", "users:read.email"}

// config is the `config` of an integration of this type.
type config struct {
	BotToken flows.Secret `yaml:"bot_token"`
	APIURL   string       `yaml:"api_url"`
	// GroupPrefix stands before the handle of a user group; default "@".
	GroupPrefix *string `yaml:"group_prefix"`
}

// Dialer is net.Dialer.DialContext.
type Dialer func(ctx context.Context, network, address string) (net.Conn, error)

// Option changes how the connections of the type reach Slack.
type Option func(*http.Transport)

// WithDialer reaches Slack through dial, in memory for example, and not through the
// network or a proxy. It keeps no idle connections.
func WithDialer(dial Dialer) Option {
	return func(t *http.Transport) { t.DialContext, t.Proxy, t.DisableKeepAlives = dial, nil, true }
}

// Type is the type "slack". Its connections are a Directory with groups.
func Type(opts ...Option) provision.Type {
	return provision.Type{Name: "slack", New: func(_ context.Context, spec provision.Spec) (provision.Connection, []flows.Issue) {
		return connect(spec, opts)
	}}
}

func connect(spec provision.Spec, opts []Option) (provision.Connection, []flows.Issue) {
	var c config
	if err := spec.Decode(&c); err != nil {
		return nil, []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: err.Error()}}
	}
	if issues := check(&c); len(issues) > 0 {
		return nil, issues
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	for _, opt := range opts {
		opt(transport)
	}
	client := &http.Client{Transport: transport, Timeout: timeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the Web API redirects nobody") // the token goes with the request
	}}
	// No OptionRetry: how long to wait is said with the refusal; see patiently.
	api := slack.New(c.BotToken.Reveal(), slack.OptionAPIURL(c.APIURL), slack.OptionHTTPClient(client))
	return &directory{name: spec.Name, prefix: *c.GroupPrefix, http: client, api: api}, nil
}

func check(c *config) (issues []flows.Issue) {
	fail := func(path, code, message, hint string) {
		issues = append(issues, flows.Issue{Path: path, Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
	}
	if c.BotToken == "" {
		fail("bot_token", "missing_key", "the workspace needs a bot token", "that of slack.bot_token will do, such as env:SLACK_BOT_TOKEN")
	} else if !strings.HasPrefix(c.BotToken.Reveal(), "xoxb-") {
		fail("bot_token", "invalid_value", "this is no bot token", "it begins with xoxb-")
	}
	if c.APIURL == "" {
		c.APIURL = defaultURL
	}
	u, err := url.Parse(c.APIURL)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "":
		fail("api_url", "invalid_url", "this is no URL of the Web API", "left out, it is "+defaultURL)
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		fail("api_url", "insecure_url", "the Web API is called over https, or over http on loopback", "")
	}
	if !strings.HasSuffix(c.APIURL, "/") {
		c.APIURL += "/"
	}
	if c.GroupPrefix == nil {
		at := "@"
		c.GroupPrefix = &at
	}
	return issues
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// directory reads one workspace.
type directory struct {
	name   string
	prefix string
	api    *slack.Client
	http   *http.Client

	mu     sync.Mutex
	groups []string // of the last answer
}

var (
	_ provision.Directory = (*directory)(nil)
	_ provision.Grouper   = (*directory)(nil)
	_ provision.Pinger    = (*directory)(nil)
	_ provision.Patient   = (*directory)(nil)
)

// Close implements provision.Connection.
func (d *directory) Close() error { d.http.CloseIdleConnections(); return nil }

// Patience implements provision.Patient.
func (*directory) Patience() time.Duration { return patience }

// Ping implements provision.Pinger: it asks whose the token is.
func (d *directory) Ping(ctx context.Context) error {
	_, err := d.api.AuthTestContext(ctx)
	return d.problem(ctx, err)
}

// Groups implements provision.Grouper: those that the last People has found.
func (d *directory) Groups(context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.groups...), nil
}

// People implements provision.Directory.
func (d *directory) People(ctx context.Context) ([]flows.Person, []flows.Shift, error) {
	r, err := d.read(ctx)
	if err != nil {
		return nil, nil, d.problem(ctx, err)
	}
	people, groups := r.result()
	d.mu.Lock()
	d.groups = groups
	d.mu.Unlock()
	return people, nil, nil
}

var (
	errTooMany = fmt.Errorf("over %d accounts", maxUsers)
	// errNoAddresses is what a token without users:read.email looks like: Slack leaves
	// the addresses out and says nothing.
	errNoAddresses = errors.New("no account has an address")
)

// read asks for everything. Slack's pages are not one moment's: an account may come
// twice, and then the first counts.
func (d *directory) read(ctx context.Context) (*reading, error) {
	r := &reading{prefix: d.prefix}
	err := patiently(ctx, func() (err error) {
		r.self, err = d.api.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("auth.test: %w", err)
	}
	for p := d.api.GetUsersPaginated(slack.GetUsersOptionLimit(pageSize), slack.GetUsersOptionIncludeLocale(false)); ; {
		err := patiently(ctx, func() error {
			next, err := p.Next(ctx)
			if err == nil {
				p = next
			}
			return err
		})
		if p.Done(err) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("users.list: %w", err)
		}
		if r.users = append(r.users, p.Users...); len(r.users) > maxUsers {
			return nil, errTooMany
		}
	}
	if !r.addressed() {
		return nil, errNoAddresses
	}
	err = patiently(ctx, func() (err error) {
		r.groups, err = d.api.GetUserGroupsContext(ctx, slack.GetUserGroupsOptionIncludeUsers(true))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("usergroups.list: %w", err)
	}
	return r, nil
}

// patiently makes a call again for as long as Slack only asks to wait.
func patiently(ctx context.Context, call func() error) error {
	for {
		err := call()
		limited, ok := errors.AsType[*slack.RateLimitedError](err)
		if !ok {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(max(limited.RetryAfter, time.Second)):
		}
	}
}

const installAgain = "Add it under OAuth & Permissions, Bot Token Scopes, and install the app again."

// mending says what an operator does about an answer of Slack.
// https://docs.slack.dev/reference/methods/users.list and usergroups.list ("Errors")
var mending = map[string]string{ //nolint:gosec // codes of errors, no credentials
	"invalid_auth":            "Slack does not know the bot token.",
	"not_authed":              "Slack does not know the bot token.",
	"token_revoked":           "The bot token was revoked: install the app again and copy the new one.",
	"token_expired":           "The bot token has expired.",
	"account_inactive":        "The Slack app is not installed any more: install it again.",
	"not_allowed_token_type":  "This is not a bot token; it begins with xoxb-.",
	"team_access_not_granted": "The Slack app is not installed in the workspace.",
}

// problem says what an error means. Nothing in it is a secret: the token goes in the
// body of a call, and its address says the method alone.
func (d *directory) problem(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	e := &provision.Error{Integration: d.name, Op: "people", Kind: provision.KindRetry, Message: "Slack could not be reached.", Err: err}
	answer, refused := errors.AsType[slack.SlackErrorResponse](err)
	status, isStatus := errors.AsType[slack.StatusCodeError](err)
	limited, isLimited := errors.AsType[*slack.RateLimitedError](err)
	switch {
	case isLimited:
		e.Message, e.RetryAfter = "Slack asks to wait for longer than a sync may take.", limited.RetryAfter
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", d.name, errors.Join(ctx.Err(), err))
	case errors.Is(err, errTooMany):
		e.Kind, e.Message = provision.KindRefused, "The workspace has more accounts than can be read."
	case errors.Is(err, errNoAddresses):
		e.Kind, e.Message = provision.KindRefused, "Slack shows no e-mail addresses: the Slack app needs the scope users:read.email. "+installAgain
	case refused && answer.Err == "missing_scope":
		e.Kind, e.Message = provision.KindRefused, "The Slack app lacks a scope; it needs "+strings.Join(Scopes, ", ")+". "+installAgain
	case refused && mending[answer.Err] != "":
		e.Kind, e.Message = provision.KindRefused, mending[answer.Err]
	case refused:
		e.Kind, e.Message = provision.KindUnknown, "Slack answered with an error."
	case isStatus && status.Code < http.StatusInternalServerError:
		e.Kind, e.Message = provision.KindUnknown, "What answers is not Slack's Web API."
	case isStatus:
		e.Message = "Slack is not well."
	}
	return e
}
