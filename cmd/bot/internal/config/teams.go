package config

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"

	"apono/flows"
)

// teams checks that the section is complete. What the platform itself would say is
// left to it.
func (l *loader) teams(c *Config) {
	missing := func(key, hint string) {
		path := "teams." + key
		if !l.given[path] {
			l.p.checked([]flows.Issue{{
				Path: path, Severity: flows.SeverityError, Code: "missing_key", Message: "teams needs a key " + key, Hint: hint,
			}})
		}
	}
	missing("app_id", "the Application (client) ID of the app registration")
	missing("app_password", "a client secret of the app registration")
	missing("tenant_id", "the Directory (tenant) ID of the app registration")
	if c.HTTP.Listen == "" {
		l.p.fail("teams", "no_listener", "Teams delivers to /api/messages, and there is no HTTP listener", "set http.listen, 127.0.0.1:8080 for example")
	}
	for i, u := range c.Teams.ServiceURLs {
		if _, issue := parseServiceURL(u); issue != nil {
			l.p.fail("teams.service_urls["+strconv.Itoa(i)+"]", issue.Code, issue.Message, issue.Hint)
		}
	}
	if c.Teams.AuditConversation == "" && c.Slack.AuditChannel == "" {
		l.p.warn("teams.audit_conversation", "no_audit_channel", "no channel is told who gets and loses access; only the audit trail in the store keeps it",
			`name one: audit_conversation: "19:…@thread.tacv2"`)
	}
}

// IsEntraID reports whether a text has the form of an id that Entra ID gives out.
func IsEntraID(text string) bool { return entraID.MatchString(text) }

var entraID = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// parseIDOf takes an id of Entra ID. The name of a tenant's domain would get the bot its
// token, and then nobody's messages would be of that tenant. It is a warning alone: the ids
// of a local emulator may have any form.
func parseIDOf(what string) func(text string) (any, *flows.Issue) {
	return func(text string) (any, *flows.Issue) {
		if text == "" || IsEntraID(text) {
			return text, nil
		}
		return text, &flows.Issue{
			Severity: flows.SeverityWarning, Code: "invalid_id", Message: strconv.Quote(text) + " is not " + what + ", and Microsoft's Teams wants that",
			Hint: "copy it from the Overview of the app registration: 8-4-4-4-12 hexadecimal digits",
		}
	}
}

// parseServiceURL takes https, and http on loopback addresses: what is sent there
// carries secrets.
func parseServiceURL(text string) (any, *flows.Issue) {
	if text == "" {
		return text, nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return text, invalid("invalid_url", "this is not the address of a service", "https://host/path")
	}
	if u.Scheme == "https" || u.Scheme == "http" && loopbackHost(u.Hostname()) {
		return text, nil
	}
	return text, invalid("invalid_url", "secrets are sent there, so it must begin with https://", "http is taken on loopback addresses alone")
}

func loopbackHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
