package webhooktest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"apono/flows"
)

// maxBody is the longest call that is read, in bytes.
const maxBody = 1 << 20

// params of all event types together; rules says which of them has which.
type params struct {
	GrantID          string          `json:"grant_id"`
	Username         string          `json:"username"`
	ResourceType     string          `json:"resource_type"`
	Resources        []string        `json:"resources"`
	Permission       string          `json:"permission"`
	CustomParameters json.RawMessage `json:"custom_parameters"`
}

// rule is one event type: the params it must have besides custom_parameters,
// those it may have, and what it does.
type rule struct {
	must, may []string
	act       func(t *Target, p params) (status int, answer any)
}

var whose = []string{"username", "resource_type", "resources"}

var rules = map[string]rule{
	"get-status":         {act: func(*Target, params) (int, any) { return ok() }},
	"list-resources":     {may: []string{"resource_type"}, act: (*Target).list},
	"create-credentials": {must: whose, act: (*Target).create},
	"reset-credentials":  {must: whose, act: (*Target).reset},
	"delete-credentials": {must: whose, act: (*Target).delete},
	"grant-access":       {must: append([]string{"grant_id", "permission"}, whose...), act: (*Target).grant},
	"revoke-access":      {must: append([]string{"grant_id", "permission"}, whose...), act: (*Target).revoke},
}

func ok() (int, any) { return http.StatusOK, map[string]any{"status": "ok"} }

func refuse(format string, args ...any) (int, any) {
	return http.StatusOK, problem(fmt.Sprintf(format, args...), false)
}

// serveCall takes one call through the door, the faults and the rules, in this
// order: what is not authentic has no effect, not even on the faults.
func (t *Target) serveCall(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return // the caller went away, or said too much
	}
	event, p, broken := t.understand(r, body)
	if broken != "" {
		t.mu.Lock()
		t.violations = append(t.violations, broken)
		t.mu.Unlock()
		status := http.StatusBadRequest
		if event == "" {
			status = http.StatusUnauthorized
		}
		write(w, status, problem(broken, false))
		return
	}
	t.mu.Lock()
	t.received[event]++
	t.mu.Unlock()
	if fault, ok := t.faults.next(); ok {
		fault(w, r)
		return
	}
	if !t.faults.linger(r.Context(), event) {
		panic(http.ErrAbortHandler)
	}
	status, answer := t.once(r.Header.Get(standardwebhooks.HeaderWebhookID), event, p, body)
	if !t.faults.hold(r.Context()) {
		panic(http.ErrAbortHandler)
	}
	writeBody(w, status, answer)
}

// understand verifies a call and decodes it. Broken says which rule it breaks;
// event is empty where it is not authentic.
func (t *Target) understand(r *http.Request, body []byte) (event string, p params, broken string) {
	if err := t.key.Verify(body, r.Header); err != nil {
		return "", p, "The signature is not right."
	}
	if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/json" {
		return "?", p, "A call is a POST of application/json."
	}
	var call struct {
		EventType string                     `json:"event_type"`
		Params    map[string]json.RawMessage `json:"params"`
	}
	if err := strictly(body, &call); err != nil {
		return "?", p, "A call is an object with event_type and params."
	}
	event = call.EventType
	rule, known := rules[event]
	if !known {
		return "?", p, fmt.Sprintf("There is no event type %q.", event)
	}
	must := append([]string{"custom_parameters"}, rule.must...)
	for _, name := range must {
		if _, there := call.Params[name]; !there {
			return event, p, fmt.Sprintf("%s lacks %s.", event, name)
		}
	}
	for name := range call.Params {
		if !slices.Contains(must, name) && !slices.Contains(rule.may, name) {
			return event, p, fmt.Sprintf("%s has an unknown parameter %q.", event, name)
		}
	}
	return event, p, decodeParams(event, call.Params, &p)
}

func decodeParams(event string, raw map[string]json.RawMessage, p *params) (broken string) {
	whole, err := json.Marshal(raw)
	if err != nil || strictly(whole, p) != nil {
		return event + " has a parameter of a wrong type."
	}
	for name, value := range raw {
		if v := strings.TrimSpace(string(value)); v == `""` || v == "null" || v == "[]" {
			return fmt.Sprintf("%s has an empty %s.", event, name)
		}
	}
	if p.CustomParameters[0] != '{' {
		return "custom_parameters is not an object."
	}
	if unique := slices.Compact(slices.Sorted(slices.Values(p.Resources))); len(unique) != len(p.Resources) || slices.Contains(unique, "") {
		return event + " names a resource twice, or none."
	}
	return ""
}

func strictly(body []byte, into any) error {
	d := json.NewDecoder(strings.NewReader(string(body)))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the object")
	}
	return nil
}

// once acts on a call, or repeats the answer that its webhook-id had before.
// Only what went well is remembered: a problem may be gone at the next try.
func (t *Target) once(id, event string, p params, body []byte) (status int, answer []byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.parameters[event] = p.CustomParameters
	if a, repeated := t.answered[id]; repeated {
		if a.body == string(body) {
			return a.status, a.answer
		}
		t.violations = append(t.violations, fmt.Sprintf("%s has the webhook-id of another call.", event))
		answer, _ = json.Marshal(problem("This webhook-id belongs to another call.", false))
		return http.StatusConflict, answer
	}
	status, result := rules[event].act(t, p)
	answer, err := json.Marshal(result)
	if err != nil {
		panic("webhooktest: an answer that cannot be encoded (this is a bug): " + err.Error())
	}
	if m := result.(map[string]any); m["status"] != "error" {
		t.answered[id] = answered{body: string(body), status: status, answer: answer}
		t.done[event]++
	}
	return status, answer
}

// The acts below run under the lock.

func (t *Target) list(p params) (int, any) {
	resources, permissions := []map[string]any{}, []map[string]any{}
	seen := map[string]bool{}
	for _, typ := range t.options.Offer.Types {
		if p.ResourceType != "" && typ.ID != p.ResourceType {
			continue
		}
		for _, perm := range typ.Permissions {
			if !seen[perm.ID] {
				permissions = append(permissions, map[string]any{"id": perm.ID, "name": perm.Name})
			}
			seen[perm.ID] = true
		}
	}
	for _, r := range t.options.Offer.Resources {
		if p.ResourceType == "" || r.Type == p.ResourceType {
			resources = append(resources, listed(r))
		}
	}
	return http.StatusOK, map[string]any{"status": "ok", "resources": resources, "permissions": permissions}
}

func listed(r flows.Resource) map[string]any {
	m := map[string]any{"id": r.ID, "name": r.Name, "type": r.Type}
	if r.Path != nil {
		m["path"] = r.Path
	}
	if r.Tags != nil {
		m["tags"] = r.Tags
	}
	if r.Owners != nil {
		m["owners"] = r.Owners
	}
	return m
}

// unknownResource finds what is not offered.
func (t *Target) unknownResource(p params) (string, bool) {
	for _, id := range p.Resources {
		if _, there := t.offer.Resource(t.options.Offer.Integration, p.ResourceType, id); !there {
			return id, true
		}
	}
	return "", false
}

func (t *Target) create(p params) (int, any) {
	if t.options.NoCredentials {
		return http.StatusOK, map[string]any{"status": "unsupported"}
	}
	if id, unknown := t.unknownResource(p); unknown {
		return refuse("There is no %s %s.", p.ResourceType, id)
	}
	l := login{p.Username, p.ResourceType}
	c, there := t.logins[l]
	if !there {
		c = t.issue(l, map[string]bool{})
	}
	for _, id := range p.Resources {
		c.resources[id] = true
	}
	return t.handOver(c)
}

func (t *Target) reset(p params) (int, any) {
	if t.options.NoCredentials {
		return http.StatusOK, map[string]any{"status": "unsupported"}
	}
	old, there := t.logins[login{p.Username, p.ResourceType}]
	if !there {
		return refuse("%s has no credentials.", p.Username)
	}
	return t.handOver(t.issue(old.login, old.resources))
}

func (t *Target) handOver(c *credential) (int, any) {
	return http.StatusOK, map[string]any{
		"status": "ok", "instructions": t.options.Instructions,
		"credentials": map[string]any{"username": c.username, "token": c.token},
	}
}

func (t *Target) delete(p params) (int, any) {
	for a := range t.access {
		if a.Username == p.Username && a.Type == p.ResourceType && slices.Contains(p.Resources, a.Resource) {
			t.violations = append(t.violations, fmt.Sprintf("delete-credentials of %s while %s on %s is held.", a.Username, a.Permission, a.Resource))
		}
	}
	l := login{p.Username, p.ResourceType}
	if c, there := t.logins[l]; there {
		for _, id := range p.Resources {
			delete(c.resources, id)
		}
		if len(c.resources) == 0 {
			c.over = true
			delete(t.logins, l)
		}
	}
	return ok()
}

func (t *Target) grant(p params) (int, any) {
	if id, unknown := t.unknownResource(p); unknown {
		return refuse("There is no %s %s.", p.ResourceType, id)
	}
	if _, there := t.offer.Permission(t.options.Offer.Integration, p.ResourceType, p.Permission); !there {
		return refuse("There is no permission %s on a %s.", p.Permission, p.ResourceType)
	}
	c := t.logins[login{p.Username, p.ResourceType}]
	for _, id := range p.Resources {
		if !t.options.NoCredentials && (c == nil || !c.resources[id]) {
			t.violations = append(t.violations, fmt.Sprintf("grant-access of %s on %s before create-credentials.", p.Username, id))
			return refuse("%s has no credentials for %s.", p.Username, id)
		}
	}
	for _, id := range p.Resources {
		t.access[Access{p.Username, p.ResourceType, id, p.Permission}] = p.GrantID
	}
	return ok()
}

func (t *Target) revoke(p params) (int, any) {
	for _, id := range p.Resources {
		delete(t.access, Access{p.Username, p.ResourceType, id, p.Permission})
	}
	return ok()
}
