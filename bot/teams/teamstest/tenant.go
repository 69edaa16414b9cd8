package teamstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// host is where the tenant is, on its pipe; nothing listens there.
const host = "127.0.0.1:3979"

// Person of the tenant, or of another one.
type Person struct {
	ID    string // Entra object id
	Name  string
	Email string
	UPN   string // empty: Email
	Guest bool
	// Tenant is empty for the tenant's own people.
	Tenant string
}

// MRI is how Teams names the person to a bot.
func (p Person) MRI() string { return "29:" + p.ID }

// Options of a tenant.
type Options struct {
	AppID, AppPassword, TenantID string
	People                       []Person
	Channels                     []string // ids of channels whose team has the app
}

// Tenant is a Teams tenant. It is safe for concurrent use.
type Tenant struct {
	o      Options
	pipe   *pipe
	server *http.Server
	served sync.WaitGroup

	mu         sync.Mutex
	bot        http.Handler
	chats      map[string]*conversation // by id
	counts     map[string]int
	faults     []fault
	violations []string
	rolled     bool
	ids        int
	tokens     map[string]time.Time // until when
	sent       []time.Time          // of all calls
}

// New opens a tenant. Close it.
func New(o Options) *Tenant {
	t := &Tenant{o: o, pipe: newPipe(), chats: map[string]*conversation{}, counts: map[string]int{}, tokens: map[string]time.Time{}}
	for _, id := range o.Channels {
		t.chats[id] = &conversation{id: id, installed: true}
	}
	for i := range o.People {
		if o.People[i].UPN == "" {
			o.People[i].UPN = o.People[i].Email
		}
		if o.People[i].Tenant == "" {
			o.People[i].Tenant = o.TenantID
		}
		c := &conversation{id: "a:" + o.People[i].ID, person: &o.People[i]}
		t.chats[c.id] = c
	}
	t.server = &http.Server{Handler: t.routes(), ReadHeaderTimeout: time.Minute}
	t.served.Go(func() { _ = t.server.Serve(t.pipe) }) // until Close
	return t
}

// Close hangs up on everybody.
func (t *Tenant) Close() {
	_ = t.server.Close() // what is under way has no reader any more
	_ = t.pipe.Close()
	t.served.Wait()
}

// Transport reaches the tenant, and nothing else.
func (t *Tenant) Transport() *http.Transport {
	return &http.Transport{DialContext: t.pipe.dial, DisableKeepAlives: true}
}

// Serve says where the bot takes activities.
func (t *Tenant) Serve(bot http.Handler) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.bot = bot
}

func (t *Tenant) base() string { return "http://" + host }

// ServiceURL is the connector's address.
func (t *Tenant) ServiceURL() string { return t.base() + "/amer/" }

// MetadataURL is where the signing keys are described.
func (t *Tenant) MetadataURL() string { return t.base() + "/v1/.well-known/openidconfiguration" }

// TokenURL is where the bot gets its token.
func (t *Tenant) TokenURL() string { return t.base() + "/" + t.o.TenantID + "/oauth2/v2.0/token" }

func (t *Tenant) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/.well-known/openidconfiguration", t.serveMetadata)
	mux.HandleFunc("GET /v1/.well-known/keys", t.serveKeys)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", t.serveToken)
	mux.HandleFunc("POST /amer/v3/conversations", t.authorized(FaultOpen, t.openConversation))
	mux.HandleFunc("POST /amer/v3/conversations/{conversation}/activities", t.authorized(FaultPost, t.postActivity))
	mux.HandleFunc("PUT /amer/v3/conversations/{conversation}/activities/{activity}", t.authorized(FaultUpdate, t.putActivity))
	mux.HandleFunc("GET /amer/v3/conversations/{conversation}/members/{member}", t.authorized(FaultMember, t.getMember))
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		t.violate("called %s %s, which is not there", r.Method, r.URL.Path)
		t.fail(w, http.StatusNotFound, "NotFound")
	})
	return mux
}

func (t *Tenant) serveToken(w http.ResponseWriter, r *http.Request) {
	if t.faulted(w, FaultToken) {
		return
	}
	t.count("token")
	wrong := func(code int, word string) {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": word, "error_description": "AADSTS" + strconv.Itoa(code), "error_codes": []int{code}})
	}
	switch {
	case r.PathValue("tenant") != t.o.TenantID:
		wrong(90002, "invalid_request")
	case r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "https://api.botframework.com/.default":
		t.violate("the bot asked for a token in a wrong way")
		wrong(900144, "invalid_request")
	case r.FormValue("client_id") != t.o.AppID:
		wrong(700016, "unauthorized_client")
	case r.FormValue("client_secret") != t.o.AppPassword:
		wrong(7000215, "invalid_client")
	default:
		t.mu.Lock()
		t.ids++
		token := fmt.Sprintf("bot-token-%d", t.ids)
		t.tokens[token] = time.Now().Add(time.Hour)
		t.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": token})
	}
}

// ForgetTokens makes the tokens handed out so far worthless.
func (t *Tenant) ForgetTokens() {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.tokens)
}

// authorized lets in whoever brings a good token.
func (t *Tenant) authorized(op Fault, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t.count(string(op))
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		t.mu.Lock()
		until, known := t.tokens[token]
		t.mu.Unlock()
		if !known || time.Now().After(until) {
			t.fail(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		if t.tooFast(w, "") || t.faulted(w, op) {
			return
		}
		next(w, r)
	}
}

// Fault names what can be made to fail.
type Fault string

// Faults.
const (
	FaultToken  Fault = "token"
	FaultKeys   Fault = "keys"
	FaultOpen   Fault = "open"
	FaultPost   Fault = "post"
	FaultUpdate Fault = "update"
	FaultMember Fault = "member"
)

type fault struct {
	op     Fault
	left   int
	status int // 0: the connection breaks
	code   string
	after  int // seconds
}

// Fail makes the next n calls of a kind fail with a status and the connector's code.
// Status 0 breaks the connection; after, if above 0, is sent as Retry-After.
func (t *Tenant) Fail(op Fault, n, status int, code string, after int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fault{op, n, status, code, after})
}

func (t *Tenant) faulted(w http.ResponseWriter, op Fault) bool {
	t.mu.Lock()
	var f *fault
	for i := range t.faults {
		if t.faults[i].op == op && t.faults[i].left > 0 {
			f = &t.faults[i]
			f.left--
			break
		}
	}
	t.mu.Unlock()
	if f == nil {
		return false
	}
	if f.status == 0 {
		panic(http.ErrAbortHandler)
	}
	if f.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(f.after))
	}
	t.fail(w, f.status, f.code)
	return true
}

// Count says how often something was called: "metadata", "keys", "token", or a Fault.
func (t *Tenant) Count(what string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.counts[what]
}

func (t *Tenant) count(what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts[what]++
}

// Violations are what the bot did that Teams would not take, or not forgive.
func (t *Tenant) Violations() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]string(nil), t.violations...)
}

func (t *Tenant) violate(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.violations = append(t.violations, fmt.Sprintf(format, args...))
}

func (t *Tenant) fail(w http.ResponseWriter, status int, code string) {
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": "what went wrong, with names of people in it"}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that is gone
}
