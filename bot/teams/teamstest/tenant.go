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
	expired    bool // the secret
	deaf       bool // the connector takes no token
	skew       time.Duration
	ids        int
	opened     conversation         // stands for all that are opened
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
	t.server = &http.Server{Handler: t.dated(t.routes()), ReadHeaderTimeout: time.Minute}
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
	mux.HandleFunc("GET /amer/v3/conversations/{conversation}/pagedmembers", t.authorized(FaultRoster, t.getRoster))
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
	t.mu.Lock()
	expired := t.expired
	t.mu.Unlock()
	wrong := func(code int, word string) { t.refuseToken(w, code, word) }
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
	case expired:
		wrong(7000222, "invalid_client")
	default:
		t.mu.Lock()
		t.ids++
		token := fmt.Sprintf("bot-token-%d", t.ids)
		t.tokens[token] = time.Now().Add(time.Hour)
		t.mu.Unlock()
		writeJSON(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": token})
	}
}

// entraSays is what Entra ID describes its errors with, without ids and times.
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
var entraSays = map[int]string{
	90002:   "Tenant 'TENANT' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
	700016:  "Application with identifier 'APP' was not found in the directory 'TENANT'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
	7000215: "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'APP'.",
	7000222: "The provided client secret keys for app 'APP' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.",
}

// refuseToken answers as Entra ID does: 401 where the secret is wrong, else 400.
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response-1
func (t *Tenant) refuseToken(w http.ResponseWriter, code int, word string) {
	status := http.StatusBadRequest
	if word == "invalid_client" {
		status = http.StatusUnauthorized
	}
	says := strings.NewReplacer("TENANT", t.o.TenantID, "APP", t.o.AppID).Replace(entraSays[code])
	const trace = "0b4c2f6e-5f0c-4d43-9c3f-2f8d1b0c7a00"
	at := time.Now().UTC().Format("2006-01-02 15:04:05Z")
	writeJSON(w, status, map[string]any{
		"error": word, "error_codes": []int{code}, "timestamp": at, "trace_id": trace, "correlation_id": trace,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", code, says, trace, trace, at),
		"error_uri":         "https://login.microsoftonline.com/error?code=" + strconv.Itoa(code),
	})
}

// ExpireSecret lets the time of the app's secret run out.
func (t *Tenant) ExpireSecret() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expired = true
}

// RefuseTokens makes the connector take no token, as it does where the app's bot is of
// another kind.
func (t *Tenant) RefuseTokens() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.deaf = true
}

// Skew sets Microsoft's clock ahead of the real one, as the Date of answers tells.
func (t *Tenant) Skew(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skew = d
}

// dated gives answers the time of Microsoft's clock.
func (t *Tenant) dated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.mu.Lock()
		now := time.Now().Add(t.skew)
		t.mu.Unlock()
		w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
		next.ServeHTTP(w, r)
	})
}

// RemoveFrom takes the app out of a conversation, as the owner of a team does.
func (t *Tenant) RemoveFrom(conversation string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.chats[conversation]; c != nil {
		c.installed = false
	}
}

// InstallFor adds the app for somebody, as an admin's policy does: the bot is not told.
func (t *Tenant) InstallFor(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.chats["a:"+id]; c != nil {
		c.installed = true
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
		known = known && !t.deaf
		t.mu.Unlock()
		if !known || time.Now().After(until) {
			writeJSON(w, http.StatusUnauthorized, map[string]any{"message": "Authorization has been denied for this request."})
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
	FaultPosted Fault = "posted" // after the message is there
	FaultUpdate Fault = "update"
	FaultMember Fault = "member"
	FaultRoster Fault = "roster"
)

type fault struct {
	op     Fault
	left   int
	status int // 0: the connection breaks
	code   string
	after  int // seconds
}

// Fail makes the next n calls of a kind fail with a status and the connector's code.
// Status 0 breaks the connection, one below 300 is an answer without a body; after, if above 0, is sent as Retry-After.
func (t *Tenant) Fail(op Fault, n, status int, code string, after int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = append(t.faults, fault{op, n, status, code, after})
}

// Mend ends what Fail began.
func (t *Tenant) Mend() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.faults = nil
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
	if f.status < 300 {
		w.WriteHeader(f.status)
		return true
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

// connectorSays is what the connector describes its errors with.
// https://learn.microsoft.com/microsoftteams/platform/bots/build-conversational-capability#status-code-responses
var connectorSays = map[string]string{
	"ActivityNotFoundInConversation": "The message ID provided couldn't be found in the conversation.",
	"BadSyntax":                      "Incorrect request payload.",
	"BotDisabledByAdmin":             "The tenant admin disabled this bot.",
	"BotNotInConversationRoster":     "The bot is not part of the conversation roster.",
	"BotNotRegistered":               "No registration found for this bot.",
	"ConversationNotFound":           "Conversation not found.",
	"ForbiddenOperationException":    "Bot is not installed in user's personal scope",
	"InvalidBotApiHost":              "Invalid bot api host.",
	"MessageSizeTooBig":              "Message size too large.",
	"MessageWritesBlocked":           "Unable to write messages to this thread.",
	"NotEnoughPermissions":           "Not enough permissions to perform this action.",
	"TooManyRequests":                "Too many requests.",
}

func (t *Tenant) fail(w http.ResponseWriter, status int, code string) {
	says, ok := connectorSays[code]
	if !ok {
		says = "what went wrong, with names of people in it"
	}
	writeJSON(w, status, map[string]any{"error": map[string]any{"code": code, "message": says}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that is gone
}
