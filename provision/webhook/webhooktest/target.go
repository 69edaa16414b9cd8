package webhooktest

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"apono/flows"
)

// Secret is the shared secret of a target that was given none.
const Secret = flows.Secret("whsec_d2ViaG9va3Rlc3Qgc2lnbmluZyBzZWNyZXQgb25seSE=")

// Options of a target.
type Options struct {
	// Secret is shared with the caller; empty: Secret of this package.
	Secret flows.Secret
	// Offer is what can be granted.
	Offer flows.Holdings
	// NoCredentials makes a system that has no credentials of its own.
	NoCredentials bool
	// Instructions go with credentials; empty: a sentence about /whoami.
	Instructions string
}

// Access is one thing that somebody has.
type Access struct {
	Username   string `json:"username"`
	Type       string `json:"resource_type"`
	Resource   string `json:"resource"`
	Permission string `json:"permission"`
}

func (a Access) compare(b Access) int {
	return cmp.Or(cmp.Compare(a.Username, b.Username), cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.Permission, b.Permission))
}

// Target is the system. It is an http.Handler: POST anywhere speaks the
// protocol, GET /whoami is the door that tokens open.
type Target struct {
	options Options
	offer   *flows.Inventory
	key     *standardwebhooks.Webhook

	mu         sync.Mutex
	access     map[Access]string          // to the id of the grant that came last
	logins     map[login]*credential      // live credentials
	issued     map[string]*credential     // by token, also those that are over
	tokens     []string                   // the keys of issued, the oldest first
	answered   map[string]answered        // by webhook-id, what was acted on
	received   map[string]int             // authentic calls by event type
	done       map[string]int             // calls that changed or told something
	violations []string                   // rules that the caller broke
	parameters map[string]json.RawMessage // custom_parameters of the last call by event type
	faults     faults
}

// login names credentials: a person has one set for each type of resource.
type login struct{ username, typ string }

type credential struct {
	login
	token     string
	resources map[string]bool
	over      bool
}

type answered struct {
	body   string
	status int
	answer []byte
}

// New makes a target that nobody has access to. It fails on a secret that is
// not base64.
func New(o Options) (*Target, error) {
	o.Secret = cmp.Or(o.Secret, Secret)
	o.Instructions = cmp.Or(o.Instructions, "Send the token as a bearer token to GET /whoami.")
	key, err := standardwebhooks.NewWebhook(o.Secret.Reveal())
	if err != nil {
		return nil, errors.New("the shared secret is not base64")
	}
	return &Target{
		options: o, key: key, offer: flows.NewInventory([]flows.Holdings{o.Offer}),
		access: map[Access]string{}, logins: map[login]*credential{}, issued: map[string]*credential{},
		answered: map[string]answered{}, received: map[string]int{}, done: map[string]int{}, parameters: map[string]json.RawMessage{},
	}, nil
}

// Offers changes what can be granted. Nobody loses what was granted.
func (t *Target) Offers(h flows.Holdings) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.options.Offer, t.offer = h, flows.NewInventory([]flows.Holdings{h})
}

// Holds reports whether somebody has this permission on a resource of any type.
func (t *Target) Holds(email, resource, permission string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for a := range t.access {
		if a.Username == email && a.Resource == resource && a.Permission == permission {
			return true
		}
	}
	return false
}

// All is what everybody has, sorted.
func (t *Target) All() []Access {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.SortedFunc(maps.Keys(t.access), Access.compare)
}

// Logins are the people with live credentials, sorted.
func (t *Target) Logins() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for l := range t.logins {
		out = append(out, l.username)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Issued is a token that was handed out at some time. Whether it opens anything, GET /whoami tells.
type Issued struct{ Username, Token string }

// Issued are all tokens that were ever handed out, the oldest first.
func (t *Target) Issued() []Issued {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Issued
	for _, token := range t.tokens {
		out = append(out, Issued{t.issued[token].username, token})
	}
	return out
}

// Received is how many authentic calls of an event type arrived, those that
// were made to fail and those that were repeats included.
func (t *Target) Received(event string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.received[event]
}

// Done is how many calls of an event type were acted on and answered well.
// A repeat that got its first answer again does not count.
func (t *Target) Done(event string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.done[event]
}

// Parameters are the custom_parameters of the last call of an event type.
func (t *Target) Parameters(event string) json.RawMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.parameters[event]
}

// Violations are the rules of the protocol that were broken, as sentences.
func (t *Target) Violations() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.violations)
}

// ServeHTTP implements http.Handler.
func (t *Target) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case t.faults.isDown():
		panic(http.ErrAbortHandler) // the connection breaks off without an answer
	case r.Method == http.MethodGet && r.URL.Path == "/whoami":
		t.whoami(w, r)
	default:
		t.serveCall(w, r)
	}
}

// whoami is the door: 200 with what the owner of the token has, 401 for a token
// that was never issued, 403 for one that opens nothing any more.
func (t *Target) whoami(w http.ResponseWriter, r *http.Request) {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t.mu.Lock()
	c, known := t.issued[token]
	var has []Access
	if known && !c.over {
		for a := range t.access {
			if a.Username == c.username && a.Type == c.typ && c.resources[a.Resource] {
				has = append(has, a)
			}
		}
		slices.SortFunc(has, Access.compare)
	}
	t.mu.Unlock()
	switch {
	case !known:
		write(w, http.StatusUnauthorized, problem("This token was never issued.", false))
	case len(has) == 0:
		write(w, http.StatusForbidden, problem("This token opens nothing any more.", false))
	default:
		write(w, http.StatusOK, map[string]any{"username": c.username, "access": has})
	}
}

func (t *Target) issue(l login, resources map[string]bool) *credential {
	if old, ok := t.logins[l]; ok {
		old.over = true
	}
	c := &credential{login: l, token: "tok_" + rand.Text(), resources: resources}
	t.logins[l], t.issued[c.token] = c, c
	t.tokens = append(t.tokens, c.token)
	return c
}

func write(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		panic("webhooktest: an answer that cannot be encoded (this is a bug): " + err.Error())
	}
	writeBody(w, status, body)
}

func writeBody(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// problem is the protocol's answer for what did not work.
func problem(message string, retry bool) map[string]any {
	return map[string]any{"status": "error", "message": message, "retry": retry}
}
