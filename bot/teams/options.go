package teams

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"apono/bot/chat"
	"apono/bot/platform"
)

// Platform is the value of chat.User.Platform and chat.MessageRef.Platform.
const Platform = "teams"

// Microsoft's own addresses.
const (
	// https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-authentication
	defaultMetadataURL = "https://login.botframework.com/v1/.well-known/openidconfiguration"
	issuer             = "https://api.botframework.com"
	tokenScope         = "https://api.botframework.com/.default" //nolint:gosec // no secret
	// defaultServiceURL is where a conversation is opened with somebody who never
	// wrote.
	defaultServiceURL = "https://smba.trafficmanager.net/teams/"
)

// defaultServiceURLs are the hosts of Teams' connector, of the public cloud and of
// those of the American government.
var defaultServiceURLs = []string{
	"https://smba.trafficmanager.net/",
	"https://smba.infra.gcc.teams.microsoft.com/",
	"https://smba.infra.gov.teams.microsoft.us/",
	"https://smba.infra.dod.teams.microsoft.us/",
}

// What a platform.Meter is told.
const (
	CountCall      = "teams_call"      // detail: operation and outcome, "update ok", "post retry"
	CountReceived  = "teams_received"  // detail: kind of activity
	CountRefused   = "teams_refused"   // detail: why a request was not taken
	CountDuplicate = "teams_duplicate" // detail: kind of activity
	CountLate      = "teams_late"      // detail: kind; the answer missed the invoke and was sent as a message
	CountDropped   = "teams_dropped"   // detail: what was answered but could not be shown
	CountPanic     = "teams_panic"     // detail: kind of activity
)

// Options of a tenant's connection.
type Options struct {
	AppID       string         // of the app registration, a UUID
	AppPassword platform.Token // its client secret
	TenantID    string         // the one tenant whose people are served
	// AuditConversation is the id of the channel for audit messages,
	// "19:…@thread.tacv2"; empty: none.
	AuditConversation string

	// For tests and local emulators; empty: Microsoft's.
	MetadataURL string
	TokenURL    string
	// ServiceURLs are where answers may be sent to. http is taken for loopback
	// addresses alone. The first is where a conversation is opened with somebody who
	// never wrote.
	ServiceURLs []string

	// HTTP makes the calls; nil: one with a time-out of 15 s. It must have a time-out.
	// It follows no redirects: those would carry the bot's token elsewhere.
	HTTP  *http.Client
	Log   *slog.Logger   // nil: slog.Default()
	Meter platform.Meter // nil: counts nothing
}

const httpTimeout = 15 * time.Second

func (o Options) withDefaults() (Options, error) {
	switch {
	case o.AppID == "":
		return o, errors.New("teams.app_id is empty: copy the Application (client) ID of the app registration")
	case o.AppPassword == "":
		return o, errors.New("teams.app_password is empty: make a client secret in the app registration")
	case o.TenantID == "":
		return o, errors.New("teams.tenant_id is empty: copy the Directory (tenant) ID of the app registration")
	case strings.ContainsAny(o.TenantID, "/?#"):
		return o, errors.New("teams.tenant_id is no tenant id")
	}
	if o.MetadataURL == "" {
		o.MetadataURL = defaultMetadataURL
	}
	if o.TokenURL == "" {
		o.TokenURL = "https://login.microsoftonline.com/" + o.TenantID + "/oauth2/v2.0/token"
	}
	for _, u := range []struct{ key, url string }{{"openid_metadata_url", o.MetadataURL}, {"token_url", o.TokenURL}} {
		if _, err := safeURL(u.url); err != nil {
			return o, fmt.Errorf("teams.%s: %w", u.key, err)
		}
	}
	if len(o.ServiceURLs) == 0 {
		o.ServiceURLs = append([]string{defaultServiceURL}, defaultServiceURLs...)
	}
	for _, u := range o.ServiceURLs {
		if _, err := safeURL(u); err != nil {
			return o, fmt.Errorf("teams.service_urls: %w", err)
		}
	}
	own := http.Client{Timeout: httpTimeout}
	if o.HTTP != nil {
		own = *o.HTTP
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	o.HTTP = &own
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Meter == nil {
		o.Meter = platform.NoMeter{}
	}
	return o, nil
}

// safeURL takes https, and http where it does not leave the machine.
func safeURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil {
		return nil, errors.New("not an address")
	}
	switch {
	case u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("not an address of a service")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return u, nil
	}
	return nil, errors.New("https is needed (http on loopback addresses alone)")
}

func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// services is the list of addresses that the bot's token may be sent to.
type services []*url.URL

func newServices(list []string) (services, error) {
	var out services
	for _, s := range list {
		u, err := safeURL(s)
		if err != nil {
			return nil, err
		}
		out = append(out, u)
	}
	return out, nil
}

// allow returns the address if it is on the list: the scheme and host of an entry,
// and below its path.
func (s services) allow(address string) (*url.URL, error) {
	u, err := safeURL(address)
	if err == nil {
		for _, a := range s {
			if u.Scheme == a.Scheme && strings.EqualFold(u.Host, a.Host) && below(u.Path, a.Path) {
				return u, nil
			}
		}
	}
	return nil, &chat.Error{Kind: chat.ErrorRefused, Op: "service_url", Code: "not_allowed", Err: errors.New("the service URL is not on the list")}
}

func below(path, base string) bool {
	base = strings.TrimSuffix(base, "/")
	return path == base || strings.HasPrefix(path, base+"/")
}
