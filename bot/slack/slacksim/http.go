package slacksim

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// apiError is an ok:false answer.
type apiError struct {
	Code     string
	messages []string // response_metadata.messages, each marked [ERROR]
	errors   bool     // messages are also repeated in errors
	extra    obj      // further fields of the answer
	retry    int      // Retry-After in seconds
}

func (e *apiError) Error() string { return e.Code }

func fail(code string) error { return &apiError{Code: code} }

// argument is the refusal of one argument of a method.
func argument(text, at string) error {
	return &apiError{Code: "invalid_arguments", messages: []string{problem{text, at}.String()}}
}

// answerOf turns an error into the body Slack sends.
func answerOf(err error) obj {
	var e *apiError
	if !errors.As(err, &e) {
		return obj{"ok": false, "error": "internal_error"}
	}
	out := obj{"ok": false, "error": e.Code}
	if len(e.messages) > 0 {
		marked := make([]string, len(e.messages))
		for i, m := range e.messages {
			marked[i] = "[ERROR] " + m
		}
		out["response_metadata"] = obj{"messages": marked}
		if e.errors {
			out["errors"] = e.messages
		}
	}
	maps.Copy(out, e.extra)
	return out
}

type tokenKind string

const (
	botToken tokenKind = "bot"
	appToken tokenKind = "app"
)

type token struct {
	kind   tokenKind
	broken string // error code of every call, empty when the token is good
}

// call is one Web API request that is being answered. The workspace is locked.
type call struct {
	*Workspace
	method string
	args   map[string]any
	host   string // as the client named us: the base of URLs in the answer
	isJSON bool
	inForm bool // the token came in the body
	kind   tokenKind
	status int
	warn   []string
}

func (w *Workspace) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", w.serveAPI)
	mux.HandleFunc("/link/", w.serveSocket)
	mux.HandleFunc("/commands/", w.serveResponseURL)
	mux.HandleFunc("/actions/", w.serveResponseURL)
	mux.HandleFunc("/upload/", w.serveUpload)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		closed := w.closed
		if !closed {
			w.running.Add(1) // Close waits for requests under way
		}
		w.unlock()
		if closed {
			hangUp(rw)
			return
		}
		defer w.running.Done()
		mux.ServeHTTP(rw, r)
	})
}

const maxBody = 8 << 20

func (w *Workspace) serveAPI(rw http.ResponseWriter, r *http.Request) {
	if !w.passOutage(rw, r) {
		return
	}
	name := r.PathValue("method")
	c := &call{Workspace: w, method: name, host: r.Host, status: http.StatusOK}
	given, err := c.read(r)

	w.mu.Lock()
	if err == nil {
		err = c.authorize(given)
	}
	var out obj
	if err == nil {
		out, err = c.run()
	}
	if err != nil {
		out = answerOf(err)
	} else {
		out["ok"] = true
	}
	c.warnings(out)
	raw, _ := json.Marshal(out)
	code, _ := out["error"].(string)
	w.log(Entry{Kind: "call", Method: name, Args: c.args, Status: c.status, Answer: raw, Err: code})
	lost := w.faults.loses(name)
	date := time.Now().Add(w.faults.skew)
	scopes := strings.Join(w.scopes, ",")
	w.unlock()

	if lost {
		hangUp(rw)
		return
	}
	h := rw.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("Date", date.UTC().Format(http.TimeFormat))
	h.Set("X-Slack-Req-Id", r.Header.Get("X-Request-Id"))
	if m, ok := methods[name]; ok && m.token == botToken && code != "invalid_auth" && code != "not_authed" {
		h.Set("X-OAuth-Scopes", scopes)
		h.Set("X-Accepted-OAuth-Scopes", strings.Join(m.scopes, ","))
	}
	var e *apiError
	if errors.As(err, &e) && e.retry > 0 {
		h.Set("Retry-After", strconv.Itoa(e.retry))
	}
	rw.WriteHeader(c.status)
	_, _ = rw.Write(raw)
}

func (c *call) warnings(out obj) {
	if len(c.warn) == 0 {
		return
	}
	out["warning"] = strings.Join(c.warn, ",")
	meta, _ := out["response_metadata"].(obj)
	if meta == nil {
		meta = obj{}
		out["response_metadata"] = meta
	}
	meta["warnings"] = c.warn
}

// read takes the arguments and the token from the request, in either style.
func (c *call) read(r *http.Request) (token string, err error) {
	c.args = map[string]any{}
	query := r.URL.Query()
	if query.Has("token") {
		c.mu.Lock()
		c.violate(TokenInQuery, c.method, "Slack does not take tokens in the query string")
		c.unlock()
		query.Del("token")
	}
	for k := range query {
		c.args[k] = query.Get(k)
	}
	if h := r.Header.Get("Authorization"); h != "" {
		token, _ = strings.CutPrefix(h, "Bearer ")
	}
	if r.Method != http.MethodPost && r.Method != http.MethodGet {
		return token, fail("invalid_arguments")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBody))
	if err != nil {
		return token, fail("request_timeout")
	}
	if len(raw) == 0 || r.Method == http.MethodGet {
		return token, nil
	}
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return token, fail("missing_post_type")
	}
	if cs := params["charset"]; cs != "" && !strings.EqualFold(cs, "utf-8") && !strings.EqualFold(cs, "iso-8859-1") {
		return token, fail("invalid_charset")
	}
	switch kind {
	case "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(raw))
		if err != nil {
			return token, fail("invalid_form_data")
		}
		return c.readForm(form, token), nil
	case "application/json":
		if params["charset"] == "" {
			c.warn = append(c.warn, "missing_charset")
		}
		return token, c.readJSON(raw)
	case "multipart/form-data":
		r.Body = io.NopCloser(strings.NewReader(string(raw)))
		if err := r.ParseMultipartForm(maxBody); err != nil {
			return token, fail("invalid_form_data")
		}
		return c.readForm(url.Values(r.MultipartForm.Value), token), nil
	}
	return token, fail("invalid_post_type")
}

func (c *call) readForm(form url.Values, token string) string {
	for k := range form {
		c.args[k] = form.Get(k)
	}
	if t, ok := c.args["token"].(string); ok {
		token, c.inForm = t, true
	}
	delete(c.args, "token")
	return token
}

func (c *call) readJSON(raw []byte) error {
	c.isJSON = true
	v, err := decodeJSON(raw)
	if err != nil {
		return fail("invalid_json")
	}
	o, ok := v.(obj)
	if !ok {
		return fail("json_not_object")
	}
	delete(o, "token") // a token in a JSON body does not count
	if m, ok := methods[c.method]; ok && !m.json {
		return nil // Slack reads no JSON for this method: the arguments are missing
	}
	maps.Copy(c.args, o)
	return nil
}

// authorize answers as Slack does for a missing, wrong or misplaced token and for missing scopes.
func (c *call) authorize(given string) error {
	m, known := methods[c.method]
	if !known {
		return &apiError{Code: "unknown_method", extra: obj{"req_method": c.method}}
	}
	if given == "" || (c.inForm && m.token == appToken) { // app-level tokens go into the header only
		return fail("not_authed")
	}
	t := c.tokens[given]
	if t == nil {
		return fail("invalid_auth")
	}
	if t.broken != "" {
		return fail(t.broken)
	}
	c.kind = t.kind
	if t.kind != m.token && m.token != "" {
		return fail("not_allowed_token_type")
	}
	if err := c.limited(m); err != nil {
		return err
	}
	if code := c.faults.fails(c.method); code != "" {
		return fail(code)
	}
	return c.needScope(m.scopes...)
}

// needScope wants one of the scopes; none means that no scope is needed.
func (c *call) needScope(scopes ...string) error {
	if len(scopes) == 0 || slices.ContainsFunc(scopes, c.granted) {
		return nil
	}
	return &apiError{Code: "missing_scope", extra: obj{
		"needed": strings.Join(scopes, ","), "provided": strings.Join(c.scopes, ","),
	}}
}

func (w *Workspace) granted(scope string) bool { return slices.Contains(w.scopes, scope) }

func (c *call) run() (obj, error) { return methods[c.method].run(c) }

// limited applies forced and ordinary rate limits.
func (c *call) limited(m method) error {
	now := time.Now()
	wait, forced := c.faults.throttles(c.method)
	if !forced && !c.opts.NoRateLimits {
		wait = c.limits.admit(c, m, now)
	}
	if wait <= 0 {
		return nil
	}
	c.status = http.StatusTooManyRequests
	if c.journal.limited == nil {
		c.journal.limited = map[string]int{}
	}
	c.journal.limited[c.method]++
	seconds := int((wait + time.Second - 1) / time.Second)
	return &apiError{Code: "ratelimited", retry: max(seconds, 1)}
}

// str returns an argument as text; absent is "".
func (c *call) str(name string) string {
	switch v := c.args[name].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (c *call) has(name string) bool {
	v, ok := c.args[name]
	return ok && v != nil
}

func (c *call) flag(name string) bool {
	switch strings.ToLower(c.str(name)) {
	case "1", "true", "t":
		return true
	}
	return false
}

// value returns an argument that is JSON: a native value, or a string that holds it. ok is false when it is absent.
func (c *call) value(name string) (v any, ok bool, err error) {
	switch v := c.args[name].(type) {
	case nil:
		if _, null := c.args[name]; null && c.method != "response_url" && c.method != "ack" {
			return nil, false, errors.New("null is not left out, it is wrong")
		}
		return nil, false, nil
	case string:
		if v == "" {
			return nil, false, nil
		}
		out, err := decodeJSON([]byte(v))
		return out, true, err
	default:
		return v, true, nil
	}
}

// passOutage stops a request while the Web API is out. It reports whether the request may go on.
func (w *Workspace) passOutage(rw http.ResponseWriter, r *http.Request) bool {
	w.mu.Lock()
	kind, left := w.faults.outageNow()
	w.unlock()
	switch kind {
	case "":
		return true
	case Refuse:
		hangUp(rw)
	case ServerError:
		http.Error(rw, "upstream connect error", http.StatusInternalServerError)
	case Hang:
		timer := time.NewTimer(left)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		case <-w.stop:
		}
		hangUp(rw)
	}
	return false
}

// hangUp closes the connection without an answer.
func hangUp(rw http.ResponseWriter) {
	conn, _, err := http.NewResponseController(rw).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}
