package teamstest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"time"
)

// invokeBudget is how long Teams waits for the answer to an invoke.
const invokeBudget = 5 * time.Second

// Actor is a person at their Teams client.
type Actor struct {
	tenant *Tenant
	Person Person
	// Dialog is what the person has open; nil: none.
	Dialog *Dialog
	// Toast is the last short answer the client showed.
	Toast string
}

// As finds a person by the part of their address before the @.
func (t *Tenant) As(handle string) *Actor {
	for _, p := range t.o.People {
		if p.Email == handle || len(p.Email) > len(handle) && p.Email[:len(handle)+1] == handle+"@" {
			return &Actor{tenant: t, Person: p}
		}
	}
	panic("teamstest: nobody is called " + handle)
}

// Chat is the person's own chat with the bot.
func (a *Actor) Chat() string { return "a:" + a.Person.ID }

// Messages of the person's own chat, as they are now.
func (a *Actor) Messages() []Message { return a.tenant.In(a.Chat()) }

// Activity is what the connector sends for something the person does.
func (a *Actor) Activity(kind string) map[string]any {
	t := a.tenant
	t.mu.Lock()
	t.ids++
	id := fmt.Sprintf("f:%d", t.ids)
	t.mu.Unlock()
	return map[string]any{
		"type": kind, "id": id, "serviceUrl": t.ServiceURL(), "channelId": "msteams", "timestamp": time.Now().UTC().Format(time.RFC3339Nano),
		"from":         map[string]any{"id": a.Person.MRI(), "name": a.Person.Name, "aadObjectId": a.Person.ID},
		"conversation": map[string]any{"id": a.Chat(), "conversationType": "personal", "tenantId": a.Person.Tenant},
		"recipient":    map[string]any{"id": "28:" + t.o.AppID, "name": "apono"},
		"channelData":  map[string]any{"tenant": map[string]any{"id": a.Person.Tenant}},
	}
}

// Deliver sends an activity to the bot as the connector does, and returns the
// answer.
func (t *Tenant) Deliver(activity any) *httptest.ResponseRecorder {
	return t.DeliverUntil(context.Background(), activity)
}

// DeliverUntil is Deliver by a connector that hangs up when ctx is over.
func (t *Tenant) DeliverUntil(ctx context.Context, activity any) *httptest.ResponseRecorder {
	body, err := json.Marshal(activity)
	if err != nil {
		panic("teamstest: " + err.Error())
	}
	return t.deliver(ctx, body, "Bearer "+Sign(t.Claims(), KeyTeams))
}

// DeliverRaw sends any body to the bot, under any Authorization header.
func (t *Tenant) DeliverRaw(body []byte, authorization string) *httptest.ResponseRecorder {
	return t.deliver(context.Background(), body, authorization)
}

func (t *Tenant) deliver(ctx context.Context, body []byte, authorization string) *httptest.ResponseRecorder {
	t.mu.Lock()
	bot := t.bot
	t.mu.Unlock()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/messages", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json; charset=utf-8")
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	bot.ServeHTTP(w, r)
	return w
}

// Install adds the app to the person's own chat.
func (a *Actor) Install() error {
	t := a.tenant
	t.mu.Lock()
	t.chats[a.Chat()].installed = true
	t.mu.Unlock()
	act := a.Activity("installationUpdate")
	act["action"] = "add"
	if err := a.send(act); err != nil {
		return err
	}
	act = a.Activity("conversationUpdate")
	act["membersAdded"] = []any{map[string]any{"id": "28:" + t.o.AppID}}
	return a.send(act)
}

// Uninstall takes the app away.
func (a *Actor) Uninstall() error {
	t := a.tenant
	t.mu.Lock()
	t.chats[a.Chat()].installed = false
	t.mu.Unlock()
	act := a.Activity("installationUpdate")
	act["action"] = "remove"
	return a.send(act)
}

// Say sends a message to the bot.
func (a *Actor) Say(text string) error {
	t := a.tenant
	act := a.Activity("message")
	act["text"], act["textFormat"] = text, "plain"
	t.mu.Lock()
	c := t.chats[a.Chat()]
	c.messages = append(c.messages, &Message{ID: act["id"].(string), Text: text})
	t.mu.Unlock()
	return a.send(act)
}

func (a *Actor) send(act map[string]any) error {
	begun := time.Now()
	w := a.tenant.Deliver(act)
	if w.Code < 200 || w.Code > 299 {
		return fmt.Errorf("the bot answered %d to a %v", w.Code, act["type"])
	}
	if took := time.Since(begun); took > 15*time.Second {
		a.tenant.violate("a %v took %v", act["type"], took)
	}
	return nil
}

// ErrTooLate is what the client shows after five seconds without an answer.
var ErrTooLate = errors.New("unable to reach the app, please try again")

// invoke sends an invoke and returns the body of the answer.
func (a *Actor) invoke(name string, value map[string]any, replyTo string) ([]byte, error) {
	act := a.Activity("invoke")
	act["name"], act["value"] = name, value
	if replyTo != "" {
		act["replyToId"] = replyTo
	}
	return a.Invoke(act)
}

// Invoke delivers an invoke activity, a repeated one for example, and returns the
// body of the answer.
func (a *Actor) Invoke(act map[string]any) ([]byte, error) {
	begun := time.Now()
	w := a.tenant.Deliver(act)
	if took := time.Since(begun); took > invokeBudget {
		a.tenant.violate("invoke %v took %v", act["name"], took)
		return nil, ErrTooLate
	}
	if w.Code != http.StatusOK {
		return nil, fmt.Errorf("the bot answered %d to %v", w.Code, act["name"])
	}
	return w.Body.Bytes(), nil
}

// Press presses a button of a message. What the client shows is in Toast, in Dialog,
// or is the card it returns, which only this person sees, for the moment.
func (a *Actor) Press(m Message, title string) (map[string]any, error) {
	action, ok := findAction(m.Card, title)
	if !ok {
		return nil, fmt.Errorf("there is no button %q; there are %q", title, Buttons(m.Card))
	}
	data, _ := action["data"].(map[string]any)
	switch {
	case action["type"] == "Action.Execute":
		return a.Execute(m, action, "manual")
	case action["type"] == "Action.ShowCard":
		return nil, fmt.Errorf("%q opens a part of the card; press what is in it", title)
	case action["type"] == "Action.Submit" && fetches(data):
		body, err := a.invoke("task/fetch", map[string]any{"data": data, "context": map[string]any{"theme": "default"}}, m.ID)
		if err != nil {
			return nil, err
		}
		return nil, a.task(body)
	case action["type"] == "Action.Submit":
		act := a.Activity("message")
		act["value"], act["replyToId"] = data, m.ID
		return nil, a.send(act)
	}
	return nil, fmt.Errorf("%q is a button of type %v", title, action["type"])
}

func fetches(data map[string]any) bool {
	ms, _ := data["msteams"].(map[string]any)
	return ms["type"] == "task/fetch"
}

// Execute sends an Action.Execute; trigger is "manual" or "automatic".
func (a *Actor) Execute(m Message, action map[string]any, trigger string) (map[string]any, error) {
	value := map[string]any{
		"action":  map[string]any{"type": "Action.Execute", "id": action["id"], "verb": action["verb"], "data": action["data"]},
		"trigger": trigger,
	}
	body, err := a.invoke("adaptiveCard/action", value, m.ID)
	if err != nil {
		return nil, err
	}
	return a.Executed(body)
}

// Executed shows the answer to an Action.Execute.
func (a *Actor) Executed(body []byte) (map[string]any, error) {
	var out struct {
		Status int             `json:"statusCode"`
		Type   string          `json:"type"`
		Value  json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(body, &out); err != nil || out.Status == 0 {
		return nil, a.wrong("an answer to Action.Execute that is none: %.200s", body)
	}
	a.Toast = ""
	switch {
	case out.Type == cardType && out.Status == http.StatusOK:
		return a.tenant.card(out.Value), nil
	case out.Type == "application/vnd.microsoft.activity.message" && out.Status == http.StatusOK:
		if err := json.Unmarshal(out.Value, &a.Toast); err != nil || a.Toast == "" {
			return nil, a.wrong("a message that is no text: %.200s", body)
		}
		return nil, nil
	}
	return nil, a.wrong("an answer to Action.Execute of type %q, status %d", out.Type, out.Status)
}

func (a *Actor) wrong(format string, args ...any) error {
	a.tenant.violate(format, args...)
	return fmt.Errorf(format, args...)
}

// Refresh is what the client does when a message with a refresh comes into view; nil
// where it does nothing.
func (a *Actor) Refresh(m Message) (map[string]any, error) {
	refresh, _ := m.Card["refresh"].(map[string]any)
	action, _ := refresh["action"].(map[string]any)
	users, _ := refresh["userIds"].([]any)
	if action == nil || len(users) > 60 || !slices.Contains(users, any(a.Person.MRI())) {
		return nil, nil
	}
	return a.Execute(m, action, "automatic")
}

func (a *Actor) task(body []byte) error {
	a.Dialog, a.Toast = nil, ""
	if len(bytes.TrimSpace(body)) == 0 {
		return nil
	}
	var out struct {
		Task struct {
			Type  string          `json:"type"`
			Value json.RawMessage `json:"value"`
		} `json:"task"`
	}
	if err := json.Unmarshal(body, &out); err != nil {
		return a.wrong("an answer of a dialog that is none: %.200s", body)
	}
	switch out.Task.Type {
	case "message":
		return json.Unmarshal(out.Task.Value, &a.Toast)
	case "continue":
		var info struct {
			Title string `json:"title"`
			Card  struct {
				ContentType string          `json:"contentType"`
				Content     json.RawMessage `json:"content"`
			} `json:"card"`
		}
		if err := json.Unmarshal(out.Task.Value, &info); err != nil || info.Title == "" || info.Card.ContentType != cardType {
			return a.wrong("a dialog that is none: %.200s", body)
		}
		a.Dialog = newDialog(a, info.Title, a.tenant.card(info.Card.Content))
		return nil
	}
	return a.wrong("an answer of a dialog of type %q", out.Task.Type)
}
