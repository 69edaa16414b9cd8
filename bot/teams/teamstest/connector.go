package teamstest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
)

// maxMessage is what Teams takes at most, in bytes of UTF-16.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/format-your-bot-messages
const maxMessage = 100 << 10

// Limits to one conversation.
// https://learn.microsoft.com/microsoftteams/platform/bots/how-to/rate-limit
var conversationLimits = []struct {
	n      int
	within time.Duration
}{{7, time.Second}, {8, 2 * time.Second}, {60, 30 * time.Second}, {1800, time.Hour}}

// conversation is a personal chat with the bot, or a channel.
type conversation struct {
	id        string
	person    *Person // nil: a channel
	installed bool
	messages  []*Message
	sent      []time.Time
}

// Message is what is in a conversation.
type Message struct {
	ID      string
	FromBot bool
	Text    string
	Summary string
	Card    map[string]any // nil: none
	Edits   int
}

// tooFast counts a call, of the tenant or to a conversation, and refuses one too
// many.
func (t *Tenant) tooFast(w http.ResponseWriter, id string) bool {
	t.mu.Lock()
	now, wrong := time.Now(), ""
	if id == "" {
		t.sent = append(slices.DeleteFunc(t.sent, func(at time.Time) bool { return now.Sub(at) >= time.Second }), now)
		if len(t.sent) > 50 {
			wrong = "more than 50 calls in a second"
		}
	} else if c := t.counted(id); c != nil {
		c.sent = append(slices.DeleteFunc(c.sent, func(at time.Time) bool { return now.Sub(at) >= time.Hour }), now)
		for _, l := range conversationLimits {
			first := sort.Search(len(c.sent), func(i int) bool { return now.Sub(c.sent[i]) < l.within })
			if n := len(c.sent) - first; n > l.n {
				wrong = fmt.Sprintf("%d messages to one conversation within %v", n, l.within)
			}
		}
	}
	t.mu.Unlock()
	if wrong == "" {
		return false
	}
	t.violate("%s", wrong)
	w.Header().Set("Retry-After", "1")
	t.fail(w, http.StatusTooManyRequests, "TooManyRequests")
	return true
}

// counted is where the calls of a conversation are counted, or those that open one.
func (t *Tenant) counted(id string) *conversation {
	if id == opening {
		return &t.opened
	}
	return t.chats[id]
}

// opening stands for all conversations that are opened: their limits are those of one.
const opening = "opening"

func (t *Tenant) openConversation(w http.ResponseWriter, r *http.Request) {
	if t.tooFast(w, opening) {
		return
	}
	var in struct {
		IsGroup bool
		Members []struct{ ID string }
		Tenant  string `json:"tenantId"`
		Bot     struct{ ID string }
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || in.IsGroup || len(in.Members) != 1 || in.Tenant != t.o.TenantID {
		t.violate("a conversation was opened in a wrong way")
		t.fail(w, http.StatusBadRequest, "BadArgument")
		return
	}
	t.mu.Lock()
	var found *conversation
	for _, c := range t.chats {
		if c.person != nil && (c.person.ID == in.Members[0].ID || c.person.MRI() == in.Members[0].ID) {
			found = c
		}
	}
	t.mu.Unlock()
	switch {
	case found == nil || found.person.Tenant != t.o.TenantID:
		t.fail(w, http.StatusForbidden, "BotNotInConversationRoster")
	case !found.installed:
		t.fail(w, http.StatusForbidden, "ForbiddenOperationException")
	default:
		writeJSON(w, http.StatusCreated, map[string]any{"id": found.id, "serviceUrl": t.ServiceURL()})
	}
}

// conversation finds where a call goes, and answers it where that is nowhere.
func (t *Tenant) conversation(w http.ResponseWriter, r *http.Request) *conversation {
	id := r.PathValue("conversation")
	id, _, _ = strings.Cut(id, ";") // a thread of a channel
	t.mu.Lock()
	c := t.chats[id]
	installed := c != nil && c.installed
	t.mu.Unlock()
	switch {
	case c == nil:
		t.fail(w, http.StatusNotFound, "ConversationNotFound")
	case !installed && c.person != nil:
		t.fail(w, http.StatusForbidden, "MessageWritesBlocked")
	case !installed:
		t.fail(w, http.StatusForbidden, "BotNotInConversationRoster")
	default:
		return c
	}
	return nil
}

// message reads an activity that the bot sends, and refuses what Teams would.
func (t *Tenant) message(w http.ResponseWriter, r *http.Request, c *conversation) *Message {
	body, err := io.ReadAll(io.LimitReader(r.Body, 4<<20))
	if err != nil {
		return nil
	}
	if n := 2 * len(utf16.Encode([]rune(string(body)))); n > maxMessage {
		t.violate("a message of %d bytes", n)
		t.fail(w, http.StatusRequestEntityTooLarge, "MessageSizeTooBig")
		return nil
	}
	var in struct {
		Type, Text, Summary string

		From, Recipient, Conversation struct{ ID string }
		ServiceURL                    string `json:"serviceUrl"`

		Attachments []struct {
			ContentType string
			Content     json.RawMessage
		}
	}
	if err := json.Unmarshal(body, &in); err != nil || in.Type != "message" || len(in.Attachments) > 1 || (in.Text == "" && len(in.Attachments) == 0) {
		t.violate("an activity that is no message: %.200s", body)
		t.fail(w, http.StatusBadRequest, "BadSyntax")
		return nil
	}
	if strings.Contains(string(body), "0001-01-01") || strings.Contains(string(body), `"suggestedActions":{}`) {
		t.violate("an activity with empty fields: %.200s", body)
	}
	id, _, _ := strings.Cut(in.Conversation.ID, ";")
	switch {
	case in.From.ID != "28:"+t.o.AppID:
		t.violate("an activity that is from %q", in.From.ID)
	case id != c.id || in.ServiceURL != t.ServiceURL():
		t.violate("an activity for %q at %q is sent to %q", in.Conversation.ID, in.ServiceURL, c.id)
	case c.person != nil && in.Recipient.ID != "" && in.Recipient.ID != c.person.MRI():
		t.violate("an activity for %q is sent to the chat of %s", in.Recipient.ID, c.person.Name)
	}
	m := &Message{FromBot: true, Text: in.Text, Summary: in.Summary}
	if len(in.Attachments) == 1 {
		if in.Attachments[0].ContentType != cardType {
			t.violate("an attachment of type %q", in.Attachments[0].ContentType)
		}
		m.Card = t.card(in.Attachments[0].Content)
	}
	return m
}

// card reads a card; what is wrong with it is a violation.
func (t *Tenant) card(raw json.RawMessage) map[string]any {
	for _, wrong := range Validate(raw) {
		t.violate("card: %s", wrong)
	}
	var card map[string]any
	if err := json.Unmarshal(raw, &card); err != nil {
		t.violate("a card that is no object")
	}
	return card
}

const cardType = "application/vnd.microsoft.card.adaptive"

func (t *Tenant) postActivity(w http.ResponseWriter, r *http.Request) {
	c := t.conversation(w, r)
	if c == nil || t.tooFast(w, c.id) {
		return
	}
	m := t.message(w, r, c)
	if m == nil {
		return
	}
	t.mu.Lock()
	t.ids++
	m.ID = fmt.Sprintf("%d", 1700000000000+t.ids)
	c.messages = append(c.messages, m)
	t.mu.Unlock()
	if t.faulted(w, FaultPosted) {
		return
	}
	writeJSON(w, http.StatusCreated, map[string]any{"id": m.ID})
}

func (t *Tenant) putActivity(w http.ResponseWriter, r *http.Request) {
	c := t.conversation(w, r)
	if c == nil || t.tooFast(w, c.id) {
		return
	}
	m := t.message(w, r, c)
	if m == nil {
		return
	}
	t.mu.Lock()
	i := slices.IndexFunc(c.messages, func(o *Message) bool { return o.ID == r.PathValue("activity") && o.FromBot })
	if i >= 0 {
		m.ID, m.Edits = c.messages[i].ID, c.messages[i].Edits+1
		c.messages[i] = m
	}
	t.mu.Unlock()
	if i < 0 {
		t.fail(w, http.StatusNotFound, "ActivityNotFoundInConversation")
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"id": m.ID})
}

func (t *Tenant) getMember(w http.ResponseWriter, r *http.Request) {
	c := t.conversation(w, r)
	if c == nil {
		return
	}
	id := r.PathValue("member")
	for _, p := range t.members(c) {
		if p.ID == id || p.MRI() == id {
			writeJSON(w, http.StatusOK, p.profile())
			return
		}
	}
	t.fail(w, http.StatusNotFound, "MemberNotFoundInConversation")
}

// rosterPage is how many members a page has here; Teams takes 50 to 500 as a wish.
const rosterPage = 3

// getRoster lists the members, a page at a time.
// https://learn.microsoft.com/microsoftteams/platform/resources/team-chat-member-api-changes
func (t *Tenant) getRoster(w http.ResponseWriter, r *http.Request) {
	c := t.conversation(w, r)
	if c == nil {
		return
	}
	if n, err := strconv.Atoi(r.FormValue("pageSize")); r.FormValue("pageSize") != "" && (err != nil || n < 50 || n > 500) {
		t.fail(w, http.StatusBadRequest, "BadArgument")
		return
	}
	from, _ := strconv.Atoi(r.FormValue("continuationToken")) // empty: from the beginning
	all := t.members(c)
	from = min(max(0, from), len(all))
	page := map[string]any{"members": []any{}}
	for _, p := range all[from:min(from+rosterPage, len(all))] {
		page["members"] = append(page["members"].([]any), p.profile())
	}
	if from+rosterPage < len(all) {
		page["continuationToken"] = strconv.Itoa(from + rosterPage)
	}
	writeJSON(w, http.StatusOK, page)
}

// members are all people for a channel, and one for a chat.
func (t *Tenant) members(c *conversation) []Person {
	if c.person != nil {
		return []Person{*c.person}
	}
	return t.o.People
}

func (p Person) profile() map[string]any {
	role := "user"
	if p.Guest {
		role = "guest"
	}
	return map[string]any{
		"id": p.MRI(), "objectId": p.ID, "aadObjectId": p.ID, "name": p.Name, "email": p.Email, "userPrincipalName": p.UPN,
		"tenantId": p.Tenant, "userRole": role,
	}
}

// In returns the messages of a conversation as they are now.
func (t *Tenant) In(id string) []Message {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []Message
	if c := t.chats[id]; c != nil {
		for _, m := range c.messages {
			out = append(out, *m)
		}
	}
	return out
}

// Delete takes a message away, as its reader may.
func (t *Tenant) Delete(conversation, message string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.chats[conversation]; c != nil {
		c.messages = slices.DeleteFunc(c.messages, func(m *Message) bool { return m.ID == message })
	}
}
