package ldap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"apono/flows"
	"apono/provision"
)

// Bounds of the configuration.
const (
	defaultTimeout = 20 * time.Second // of a whole sync's single answers
	defaultPage    = 500
	maxPage        = 10000
)

// config is the `config` of an integration of this type.
type config struct {
	URL      string       `yaml:"url"`
	StartTLS bool         `yaml:"start_tls"`
	CAFile   string       `yaml:"ca_file"`
	BindDN   string       `yaml:"bind_dn"`
	Password flows.Secret `yaml:"password"`
	// PageSize is how many entries are asked for at once.
	PageSize int `yaml:"page_size"`
	// Timeout of each answer of the server.
	Timeout time.Duration `yaml:"timeout"`
	People  people        `yaml:"people"`
	Groups  groups        `yaml:"groups"`
}

// people says where people are and which attribute means what.
type people struct {
	Base     string `yaml:"base"`
	Filter   string `yaml:"filter"`
	Disabled string `yaml:"disabled"` // a filter; empty: nobody
	Email    string `yaml:"email"`
	Name     string `yaml:"name"`
	User     string `yaml:"user"` // what memberUid holds
	Manager  string `yaml:"manager"`
	TimeZone string `yaml:"time_zone"`
	SlackID  string `yaml:"slack_id"`
	// Attributes are synced facts: their names in policies, to those in the server.
	Attributes map[string]string `yaml:"attributes"`
}

// groups says where groups are; without a base there are none.
type groups struct {
	Base   string   `yaml:"base"`
	Filter string   `yaml:"filter"`
	Name   string   `yaml:"name"`
	Member []string `yaml:"member"`
	Nested bool     `yaml:"nested"`
}

// reserved are attributes that flows.Directory answers from elsewhere.
var reserved = []string{flows.AttrUser, flows.AttrGroup, flows.AttrManager, flows.AttrShift, flows.AttrOwner}

// Type is the type "ldap". Its connections are Directory, Grouper and Pinger.
func Type() provision.Type { return provision.Type{Name: "ldap", New: connect} }

func connect(_ context.Context, spec provision.Spec) (provision.Connection, []flows.Issue) {
	c := config{
		PageSize: defaultPage, Timeout: defaultTimeout,
		People: people{Filter: "(objectClass=person)", Email: "mail", Name: "cn", User: "uid", Manager: "manager"},
		Groups: groups{
			Filter: "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames)(objectClass=posixGroup)(objectClass=group))",
			Name:   "cn", Member: []string{"member", "uniqueMember", "memberUid"},
		},
	}
	if err := spec.Decode(&c); err != nil {
		return nil, []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: err.Error()}}
	}
	p := &problems{}
	host := p.url(&c)
	roots := p.roots(c.CAFile)
	p.bind(&c)
	p.search("people", c.People.Base, c.People.Filter)
	if c.People.Disabled != "" {
		p.filter("people.disabled", c.People.Disabled)
	}
	if c.Groups.Base != "" {
		p.search("groups", c.Groups.Base, c.Groups.Filter)
	}
	p.bounds(&c)
	if len(p.issues) > 0 {
		return nil, p.issues
	}
	return &directory{
		name: spec.Name, config: c,
		tls: &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12},
	}, nil
}

// problems collects what is wrong with a configuration.
type problems struct{ issues []flows.Issue }

func (p *problems) add(path, code, message, hint string) {
	p.issues = append(p.issues, flows.Issue{Path: path, Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
}

func (p *problems) url(c *config) (host string) {
	if c.URL == "" {
		p.add("url", "missing_key", "a directory needs the URL of its server", "such as ldaps://ldap.example.com")
		return ""
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || strings.Trim(u.Path, "/") != "":
		p.add("url", "invalid_url", "this is no URL of a directory server", "such as ldaps://ldap.example.com, with nothing behind the host and port")
		return ""
	case u.Scheme == "ldaps" && c.StartTLS:
		p.add("start_tls", "invalid_value", "ldaps is encrypted from the first byte; start_tls is for ldap", "")
	case u.Scheme == "ldaps", u.Scheme == "ldap" && (c.StartTLS || isLoopback(u.Hostname())):
	case u.Scheme == "ldap":
		p.add("url", "insecure_url", "the password would be sent in clear text", "use ldaps, or set start_tls: true")
	default:
		p.add("url", "invalid_url", "a directory server is reached by ldaps or ldap", "such as ldaps://ldap.example.com")
	}
	return u.Hostname()
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// roots are those of the system, or those of a file; nil means those of the system.
func (p *problems) roots(file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(pem) {
		p.add("ca_file", "invalid_value", "there are no certificates in this file", "it holds one or more CERTIFICATE blocks (PEM)")
		return nil
	}
	return pool
}

func (p *problems) bind(c *config) {
	switch {
	case c.BindDN == "":
		p.add("bind_dn", "missing_key", "a directory needs the DN of an account that may read people and groups", "")
	case c.Password == "":
		// A bind without a password succeeds as nobody: RFC 4513, 5.1.2.
		p.add("password", "missing_key", "a directory needs the password of its account", "such as env:LDAP_PASSWORD")
	}
	if _, err := ldap.ParseDN(c.BindDN); err != nil && !strings.Contains(c.BindDN, "@") { // Active Directory takes a user name too
		p.add("bind_dn", "invalid_value", "this is no DN", "such as cn=bot,ou=services,dc=example,dc=com")
	}
}

func (p *problems) search(path, base, filter string) {
	if base == "" {
		p.add(path+".base", "missing_key", "a directory needs the DN below which its "+path+" are", "such as ou="+path+",dc=example,dc=com")
	} else if _, err := ldap.ParseDN(base); err != nil {
		p.add(path+".base", "invalid_value", "this is no DN", "such as ou="+path+",dc=example,dc=com")
	}
	p.filter(path+".filter", filter)
}

func (p *problems) filter(path, filter string) {
	if _, err := ldap.CompileFilter(filter); err != nil {
		p.add(path, "invalid_value", "this is no LDAP filter", "such as (objectClass=person)")
	}
}

func (p *problems) bounds(c *config) {
	if c.PageSize < 1 || c.PageSize > maxPage {
		p.add("page_size", "invalid_value", "a page has 1 to 10000 entries", "")
	}
	if c.Timeout < time.Second || c.Timeout > 2*time.Minute {
		p.add("timeout", "invalid_value", "a time-out is 1s to 2m", "")
	}
	if c.People.Email == "" {
		p.add("people.email", "missing_key", "people are known by their e-mail address", "")
	}
	if c.Groups.Base != "" && (c.Groups.Name == "" || len(c.Groups.Member) == 0) {
		p.add("groups", "missing_key", "groups need the attributes of their name and members", "")
	}
	for _, name := range slices.Sorted(maps.Keys(c.People.Attributes)) {
		if slices.Contains(reserved, name) {
			p.add("people.attributes."+name, "reserved_attribute", "the name "+name+" means something else in policies", "choose another name")
		}
	}
}

// directory reads one server. It holds no connection between two syncs.
type directory struct {
	name   string
	config config
	tls    *tls.Config

	mu     sync.Mutex
	groups []string // of the last answer
}

var (
	_ provision.Directory = (*directory)(nil)
	_ provision.Grouper   = (*directory)(nil)
	_ provision.Pinger    = (*directory)(nil)
)

// Close implements provision.Connection.
func (*directory) Close() error { return nil }
