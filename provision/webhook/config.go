package webhook

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"apono/flows"
	"apono/provision"
)

// Bounds of the configuration. Those of the secret are from
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
const (
	defaultTimeout = 10 * time.Second
	minTimeout     = time.Second
	maxTimeout     = 2 * time.Minute
	secretPrefix   = "whsec_"
	minSecret      = 24 // bytes
	maxSecret      = 64 // bytes
)

// config is the `config` of an integration of this type.
type config struct {
	URL              string         `yaml:"url"`
	Secret           flows.Secret   `yaml:"secret"`
	CAFile           string         `yaml:"ca_file"`
	CustomParameters map[string]any `yaml:"custom_parameters"`
	// Identity names the system, whatever its URL; default: its URL without the
	// query. When the system moves, the old URL goes here, so that what was granted
	// under that can still be revoked.
	Identity string `yaml:"identity"`
	// Timeout of one try, from the first byte sent to the last one read.
	Timeout time.Duration `yaml:"timeout"`
}

// Dialer makes the connection that HTTP, and TLS within it, is spoken over.
type Dialer func(ctx context.Context, network, addr string) (net.Conn, error)

// Option changes how the connections of a type reach their systems.
type Option func(*options)

type options struct{ dial Dialer }

// WithDialer reaches systems through dial, in memory for example, and not
// through the network or a proxy.
func WithDialer(dial Dialer) Option { return func(o *options) { o.dial = dial } }

// Type is the type "webhook". Its connections are Driver, Discoverer, Pinger,
// Rotator and Sharer.
func Type(opts ...Option) provision.Type {
	var o options
	for _, opt := range opts {
		opt(&o)
	}
	return provision.Type{Name: "webhook", New: func(_ context.Context, spec provision.Spec) (provision.Connection, []flows.Issue) {
		return connect(spec, o)
	}}
}

func connect(spec provision.Spec, o options) (provision.Connection, []flows.Issue) {
	var c config
	if err := spec.Decode(&c); err != nil {
		return nil, []flows.Issue{{Severity: flows.SeverityError, Code: "invalid_config", Message: err.Error()}}
	}
	p := problems{}
	target := p.url(c.URL)
	p.secret(c.Secret)
	roots := p.roots(c.CAFile)
	parameters := p.parameters(c.CustomParameters)
	timeout := p.timeout(c.Timeout)
	if len(p.issues) > 0 {
		return nil, p.issues
	}
	key, err := standardwebhooks.NewWebhook(c.Secret.Reveal())
	if err != nil {
		p.add("secret", "invalid_secret", "the secret cannot be used for signing", "")
		return nil, p.issues
	}
	return &connection{
		name: spec.Name, url: target.String(), identity: identityOf(cmp.Or(c.Identity, c.URL)), secret: c.Secret, parameters: parameters,
		client: newClient(target, timeout, newTransport(target, roots, o.dial), key),
	}, nil
}

// problems collects what is wrong with a configuration.
type problems struct{ issues []flows.Issue }

func (p *problems) add(path, code, message, hint string) {
	p.issues = append(p.issues, flows.Issue{Path: path, Severity: flows.SeverityError, Code: code, Message: message, Hint: hint})
}

// url parses the address. Its text appears in no message: it may hold a token.
func (p *problems) url(text string) *url.URL {
	if text == "" {
		p.add("url", "missing_key", "a webhook needs the URL of its receiver", "")
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		p.add("url", "invalid_url", "this is no URL", "such as https://deploy.example.com/access")
	case u.User != nil:
		p.add("url", "invalid_url", "a URL must not hold a user name or password", "calls are signed with the secret")
	case u.Scheme == "https":
	case u.Scheme == "http" && isLoopback(u.Hostname()):
	default:
		p.add("url", "insecure_url", "a webhook is called over https, or over http on loopback", "")
	}
	return u
}

// isLoopback goes by the name; the dialer goes by the address.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func (p *problems) secret(s flows.Secret) {
	encoded, prefixed := strings.CutPrefix(s.Reveal(), secretPrefix)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case s == "":
		p.add("secret", "missing_key", "a webhook needs the secret that it shares with its receiver", "")
	case !prefixed || err != nil:
		p.add("secret", "invalid_secret", "the secret is not whsec_ and base64", "")
	case len(raw) < minSecret || len(raw) > maxSecret:
		p.add("secret", "invalid_secret", "the secret is not 24 to 64 bytes long", `make one with: echo "whsec_$(openssl rand -base64 32)"`)
	}
}

// roots are those of the system and one more; nil means those of the system.
func (p *problems) roots(file string) *x509.CertPool {
	if file == "" {
		return nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		why := err
		if e, ok := errors.AsType[*os.PathError](err); ok {
			why = e.Err
		}
		p.add("ca_file", "invalid_ca_file", "the file cannot be read: "+why.Error(), "")
		return nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		p.add("ca_file", "invalid_ca_file", "the file holds no certificate in PEM form", "")
	}
	return pool
}

func (p *problems) parameters(m map[string]any) json.RawMessage {
	if m == nil {
		m = map[string]any{}
	}
	raw, err := json.Marshal(m)
	if err != nil {
		p.add("custom_parameters", "invalid_custom_parameters", "the parameters have no JSON form", "keys are strings, numbers are finite")
	}
	return raw
}

func (p *problems) timeout(d time.Duration) time.Duration {
	if d == 0 {
		return defaultTimeout
	}
	if d < minTimeout || d > maxTimeout {
		p.add("timeout", "invalid_timeout", "the time-out is not between 1s and 2m", "")
	}
	return d
}

// newTransport speaks TLS 1.2 or later, through the proxy that the environment
// names. Plain HTTP goes to loopback addresses only, whatever a name resolves to,
// and never through a proxy.
func newTransport(target *url.URL, roots *x509.CertPool, dial Dialer) *http.Transport {
	t := &http.Transport{
		TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:   true,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
	dialer := &net.Dialer{}
	switch {
	case dial != nil:
		t.DialContext = dial
		return t
	case target.Scheme == "https":
		t.Proxy = http.ProxyFromEnvironment
	default:
		dialer.Control = loopbackOnly
	}
	t.DialContext = dialer.DialContext
	return t
}
